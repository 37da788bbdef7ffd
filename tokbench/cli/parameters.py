"""Command-line parameters that several verbs share, each with one wording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.errors import CorpusError, ParameterError

if TYPE_CHECKING:
    from tokbench.corpus import Corpus as OpenCorpus

_CORPUS = typer.Option(
    "--corpus",
    "-c",
    metavar="SPEC",
    help="[bold]sample[/bold] (built in) · CARD=DIR (for example flores200=DIR, see 'tokbench corpora list') · "
    "FILE.toml · LANGUAGE=SOURCE, repeatable. A SOURCE is a file, directory, glob or URI of text, JSONL, "
    "CSV, TSV (also .gz, .zst) or Parquet; SOURCE:FIELD names the JSON field or the column.",
)
Corpus = Annotated[list[str], _CORPUS]
OptionalCorpus = Annotated[list[str] | None, _CORPUS]
Languages = Annotated[
    str | None,
    typer.Option("--languages", metavar="A,B,…", help="Keep only these languages, in this order."),
]
Document = Annotated[
    str | None,
    typer.Option(
        "--document",
        metavar="KIND",
        help="What a document is in plain text: file, line, or separator:TEXT. JSONL, Parquet, CSV: always a record.",
    ),
]
DocumentWeight = Annotated[
    str | None,
    typer.Option(
        "--document-weight",
        metavar="FIELD",
        help="JSON field or Parquet column that says how often a record counts: at least 0, at most four decimals.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Threads to use; all cores by default. Never changes a result."),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Bound what counting allocates, for example 2GB; sorted runs beyond it go to --temporary. Never "
        "changes a result.",
    ),
]
Temporary = Annotated[
    str | None,
    typer.Option(
        "--temporary", metavar="DIR", help="Folder for what exceeds --memory; the system's by default."
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="OUT",
        help="Go on with a run that was stopped, with the options it was begun with; same result.",
    ),
]
CheckpointEvery = Annotated[
    int | None,
    typer.Option(
        "--checkpoint-every",
        metavar="N",
        min=1,
        help="Keep the counts of finished files and, every N merges, the merges, in .OUT.partial beside OUT.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]

Weight = Annotated[
    list[str] | None,
    typer.Option(
        "--weight",
        metavar="LANGUAGE=W",
        help="Let a language count W times (at most four decimals); repeatable, 1 unless given.",
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        "--alpha",
        help="Draw the languages' shares of the text together: share ∝ bytes^alpha; 1 as they are, 0 all equal.",
    ),
]
_MIN_PRETOKEN_COUNT = typer.Option(
    "--min-pretoken-count",
    min=1,
    help="Leave out pretokens that occur less often in all languages together; what this drops is reported.",
)
MinPretokenCount = Annotated[int, _MIN_PRETOKEN_COUNT]
OptionalMinPretokenCount = Annotated[int | None, _MIN_PRETOKEN_COUNT]


def parse_weights(given: list[str] | None) -> dict[str, str] | None:
    """Read ``LANGUAGE=W`` arguments.

    Raises:
        ParameterError: one has no ``=``, or a language is given twice.
    """
    if given is None:
        return None
    weights: dict[str, str] = {}
    for argument in given:
        language, equals, weight = argument.partition("=")
        if not equals or language in weights:
            raise ParameterError(f"--weight {argument}: expected LANGUAGE=W, each language once")
        weights[language] = weight
    return weights


def parse_size(text: str) -> int:
    """Read a number of tokens; ``k`` is a thousand.

    Raises:
        ParameterError: it is no number.

    Example:
        >>> parse_size("32k"), parse_size("50257")
        (32000, 50257)
    """
    digits = text.strip().lower()
    thousands = digits.endswith("k")
    digits = digits.removesuffix("k").replace("_", "")
    if not (digits.isascii() and digits.isdigit()):
        raise ParameterError(f"{text!r} is no number of tokens; write 32000 or 32k")
    return int(digits) * (1000 if thousands else 1)


def open_parallel(specs: list[str]) -> OpenCorpus:
    """Open a corpus whose documents correspond to each other; a named corpus or a TOML file says so itself.

    Raises:
        CorpusError: the languages have different numbers of documents, or a named corpus is not parallel.
    """
    from tokbench.corpora import names, open_corpus

    cards = tuple(f"{name}=" for name in names())
    pairs = all("=" in spec and not spec.startswith(cards) for spec in specs)
    try:
        corpus = open_corpus(specs, parallel=True, document="line") if pairs else open_corpus(specs)
    except CorpusError as error:
        raise CorpusError(f"--dev: {error}; line i must say the same in every language") from error
    if not corpus.parallel:
        raise ParameterError(f"--dev {' '.join(specs)}: {corpus.name} is not a parallel corpus")
    return corpus


def split_names(given: str | None) -> list[str] | None:
    """Split ``a,b,c`` into names; None stays None."""
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]


def split_calls(given: str | None) -> list[str] | None:
    """Split ``a,b(x=1,y=2),c`` at the commas outside of parentheses; None stays None."""
    if given is None:
        return None
    parts, depth, start = [], 0, 0
    for position, char in enumerate(given):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(given[start:position])
            start = position + 1
    parts.append(given[start:])
    return [part.strip() for part in parts if part.strip()]
