"""`tokbench canonical`: which ids of a stream are those that the tokenizer would have chosen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import print_json

if TYPE_CHECKING:
    from tokbench.metrics.canonical import Canonicality
    from tokbench.tokenizer import Tokenizer

EPILOG = """[bold]Examples[/bold]

tokbench canonical llama3/tokenizer.json generated.txt          what a model has written, a row of ids on each line

tokbench encode old-tokenizer text.txt | tokbench canonical new-tokenizer

tokbench canonical my-tokenizer corpus.npy --json               a flat array of ids, one row

[bold]Answers[/bold]

A row is canonical when encoding what it decodes to returns its ids; an id is, when the encoding has the same id on the
same bytes. Special tokens do not count: rows are cut at them. Rows that decode to no text are counted apart.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("canonical", epilog=EPILOG, no_args_is_help=True)(canonical)


def canonical(
    tokenizer: Annotated[str, typer.Argument(help="A tokenizer directory or file of any supported format.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="Lines of ids, or a flat .npy array; standard input when absent or '-'."),
    ] = None,
    pretokenizer: Annotated[
        str | None,
        typer.Option("--pretokenizer", "-p", help="For files that do not name their own (.tiktoken)."),
    ] = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Compare a stream of ids with the encoding of the text that it decodes to."""
    from tokbench.metrics.canonical import canonicality, parse_ids, read_ids
    from tokbench.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer, pretokenizer=pretokenizer)
    is_piped = file is None or str(file) == "-"
    rows = parse_ids(sys.stdin.read(), "standard input") if file is None or is_piped else read_ids(file)
    found = canonicality(loaded, rows)
    if as_json:
        print_json(_facts(found))
        return
    for label, n, of in (
        ("rows", found.canonical_rows, found.n_rows),
        ("ids", found.canonical_ids, found.n_ids),
    ):
        share = f" ({n / of:.2%})" if of else ""
        sys.stdout.write(f"{label:5} {n:,} of {of:,} canonical{share}\n")
    if found.not_text:
        sys.stdout.write(f"      {found.not_text:,} rows decode to no text\n")
    for place, ids, chosen in found.examples:
        sys.stdout.write(f"row {place + 1}\n  given     {_pieces(loaded, ids)}\n")
        sys.stdout.write(f"  canonical {_pieces(loaded, chosen)}\n")


def _facts(found: Canonicality) -> dict[str, Any]:
    return {
        "rows": found.n_rows,
        "canonical_rows": found.canonical_rows,
        "row_rate": found.row_rate,
        "ids": found.n_ids,
        "canonical_ids": found.canonical_ids,
        "id_rate": found.id_rate,
        "not_text": found.not_text,
        "examples": [
            {"row": place + 1, "given": list(ids), "canonical": list(chosen)}
            for place, ids, chosen in found.examples
        ],
    }


def _pieces(tokenizer: Tokenizer, ids: tuple[int, ...], most: int = 24) -> str:
    shown = [repr(tokenizer.token_bytes(token).decode("utf-8", "backslashreplace")) for token in ids[:most]]
    return " ".join(shown) + (" …" if len(ids) > most else "")
