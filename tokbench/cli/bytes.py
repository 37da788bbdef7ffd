"""`tokbench bytes`: byte probabilities of a token-level language model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from tokbench.bytelm import ByteDistribution, ByteLM
    from tokbench.report.byte_examples import Example

application = typer.Typer(
    no_args_is_help=True,
    help="Byte probabilities of a token-level language model: next byte, bits per byte, samples, comparisons.",
)

EPILOG = r"""[bold]Examples[/bold]

tokbench bytes next "the cat" --model uniform --tokenizer my-tokenizer

tokbench bytes score --model uniform --tokenizer my-tokenizer < text.txt

tokbench bytes heal "the ca" --model uniform --tokenizer my-tokenizer

tokbench bytes compare --chart readings.html
"""

COMPARE_EPILOG = """[bold]Examples[/bold]

tokbench bytes compare

tokbench bytes compare --chart readings.svg

tokbench bytes compare "the ca" "t" --model ngram:my.ngram --tokenizer my-tokenizer
"""

Model = Annotated[
    str, typer.Option("--model", "-m", help="KIND:ARGUMENT; 'tokbench bytes models' lists the kinds.")
]
Tokenizer = Annotated[
    str | None, typer.Option("--tokenizer", "-t", help="A tokenizer, for kinds that do not bring their own.")
]
Pretokenizer = Annotated[
    str | None, typer.Option("--pretokenizer", "-p", help="For tokenizer files that do not name their own.")
]
SemanticsOption = Annotated[
    str, typer.Option("--semantics", help="valid (beginnings of encodings), all (every segmentation) or vct.")
]
Tolerance = Annotated[
    float,
    typer.Option("--tolerance", help="Largest total variation distance to the exact distribution, 0 to 1."),
]
Prompt = Annotated[str, typer.Argument(help=r"The text so far; escapes such as \n, \xe4 and \\ are read.")]
Top = Annotated[int, typer.Option("--top", "-k", min=1, max=257, help="How many bytes to show.")]


def register(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(application, name="bytes")


@application.command("next", epilog=EPILOG, no_args_is_help=True)
def next_byte(
    prompt: Prompt,
    model: Model,
    tokenizer: Tokenizer = None,
    pretokenizer: Pretokenizer = None,
    semantics: SemanticsOption = "valid",
    tolerance: Tolerance = 0.0,
    top: Top = 10,
    as_json: parameters.AsJson = False,
) -> None:
    """Show the most probable next bytes after a prompt, with what leaked and what was dropped."""
    loaded = _load(model, tokenizer, pretokenizer, semantics, tolerance)
    found = loaded.next_byte(_bytes(prompt))
    if as_json:
        print_json(_as_dict(found, top, semantics))
        return
    _table({semantics: found}, top)


@application.command("score", epilog=EPILOG)
def score(
    model: Model,
    file: Annotated[
        Path | None, typer.Argument(help="A text file; standard input when absent or '-'.")
    ] = None,
    tokenizer: Tokenizer = None,
    pretokenizer: Pretokenizer = None,
    semantics: SemanticsOption = "valid",
    tolerance: Tolerance = 0.0,
    end: Annotated[bool, typer.Option("--end", help="Count the end of the text as well.")] = False,
    as_json: parameters.AsJson = False,
) -> None:
    """Bits per byte of a text, whatever the tokenizer."""
    loaded = _load(model, tokenizer, pretokenizer, semantics, tolerance)
    data = sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()
    found = loaded.score(data, end=end)
    facts: dict[str, Any] = {
        "bits_per_byte": found.bits_per_byte,
        "bits": found.total_bits,
        "bits_by_covers": found.cover_bits,
        "bytes": found.n_bytes,
        "contexts": loaded.n_contexts,
        "semantics": semantics,
        "validity": loaded.cover.path,
        "dropped": found.dropped,
    }
    if as_json:
        print_json(facts)
        return
    _facts(facts)


@application.command("sample", epilog=EPILOG, no_args_is_help=True)
def sample(
    prompt: Prompt,
    model: Model,
    tokenizer: Tokenizer = None,
    pretokenizer: Pretokenizer = None,
    semantics: SemanticsOption = "valid",
    tolerance: Tolerance = 0.0,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", min=1, help="How many bytes to write at most.")
    ] = 200,
    temperature: Annotated[
        float, typer.Option("--temperature", help="0 writes the most probable byte.")
    ] = 1.0,
    top_p: Annotated[
        float, typer.Option("--top-p", help="Keep the most probable bytes that reach this sum.")
    ] = 1.0,
    min_p: Annotated[float, typer.Option("--min-p", help="Keep bytes with this share of the largest.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Reproduces the text.")] = 0,
) -> None:
    """Write text byte by byte after a prompt; what comes out is what was written, the prompt left out."""
    from tokbench.bytelm import sample as write

    loaded = _load(model, tokenizer, pretokenizer, semantics, tolerance)
    made = write(
        loaded.open(_bytes(prompt)),
        max_bytes=max_bytes,
        temperature=temperature,
        top_p=top_p,
        min_p=min_p,
        seed=seed,
    )
    sys.stdout.buffer.write(made.data)


@application.command("heal", epilog=EPILOG, no_args_is_help=True)
def heal(
    prompt: Prompt,
    model: Model,
    tokenizer: Tokenizer = None,
    pretokenizer: Pretokenizer = None,
    back: Annotated[int, typer.Option("--back", min=1, help="Tokens that alignment takes back.")] = 3,
    top: Top = 10,
    as_json: parameters.AsJson = False,
) -> None:
    """Compare what others do at the end of a prompt (nothing, healing, alignment) with the exact answer."""
    from tokbench.bytelm import aligned, healed, naive

    loaded = _load(model, tokenizer, pretokenizer, "valid", 0.0)
    data = _bytes(prompt)
    found = {
        "exact": loaded.next_byte(data),
        "naive": naive(loaded, data),
        "healing": healed(loaded, data),
        f"alignment of {back}": aligned(loaded, data, n_back=back),
    }
    if as_json:
        print_json({name: _as_dict(row, top, "valid") for name, row in found.items()})
        return
    _table(found, top)


@application.command("compare", epilog=COMPARE_EPILOG)
def compare(
    prompt: Annotated[
        str | None,
        typer.Argument(help=r"The text so far, with escapes such as \n; the built-in prompts when absent."),
    ] = None,
    continuation: Annotated[
        str | None, typer.Argument(help="What should follow the prompt; its probability is compared.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="KIND:ARGUMENT as in 'tokbench bytes models'; n-grams of built-in text when absent.",
        ),
    ] = None,
    tokenizer: Tokenizer = None,
    pretokenizer: Pretokenizer = None,
    chart: Annotated[
        Path | None,
        typer.Option(
            "--chart", metavar="FILE", help="Write a chart as well: FILE.svg, or FILE.html with the table."
        ),
    ] = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Naive against exact: how probable the right continuation is where a prompt ends inside of a token."""
    from tokbench.report import byte_chart, byte_examples

    if chart is not None:
        byte_chart.check_path(chart)
    examples = byte_examples.EXAMPLES if prompt is None else (_example(prompt, continuation),)
    loaded = None
    if model is not None:
        loaded = _load(model, tokenizer, pretokenizer, "valid", 0.0)
    elif prompt is not None or tokenizer is not None:
        raise ParameterError(
            "--model: a prompt or tokenizer of your own needs a model ('tokbench bytes models')"
        )
    found = byte_examples.compare_examples(loaded, examples)
    if chart is not None:
        byte_chart.write_chart(chart, found)
    if as_json:
        print_json([byte_chart.as_dict(one) for one in found])
        return
    byte_chart.print_table(found)
    if chart is not None:
        note(f"wrote {chart}")


@application.command("ensemble", epilog=EPILOG, no_args_is_help=True)
def ensemble(
    prompt: Prompt,
    model: Annotated[list[str], typer.Option("--model", "-m", help="A model; give two or more.")],
    tokenizer: Annotated[
        list[str] | None,
        typer.Option("--tokenizer", "-t", help="A tokenizer for each model, in the same order."),
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="mean, product, proxy or selective.")] = "mean",
    weight: Annotated[
        list[float] | None, typer.Option("--weight", "-w", help="A weight for each model.")
    ] = None,
    alpha: Annotated[float, typer.Option("--alpha", help="Strength of proxy.")] = 1.0,
    semantics: SemanticsOption = "valid",
    top: Top = 10,
    as_json: parameters.AsJson = False,
) -> None:
    """Show the next bytes of several models with different vocabularies, and of all together."""
    from tokbench.bytelm import ByteEnsemble

    if tokenizer and len(tokenizer) != len(model):
        raise ParameterError(
            f"--tokenizer: {len(tokenizer)} for {len(model)} models; give one for each, or none"
        )
    given: list[str | None] = [*tokenizer] if tokenizer else [None] * len(model)
    models = [_load(name, one, None, semantics, 0.0) for name, one in zip(model, given, strict=True)]
    together = ByteEnsemble(models, kind=kind, weights=weight, alpha=alpha)  # type: ignore[arg-type]  # checked there
    data = _bytes(prompt)
    found = {kind: together.next_byte(data)}
    found |= {f"model {at}": one.next_byte(data) for at, one in enumerate(models, start=1)}
    if as_json:
        print_json({name: _as_dict(row, top, semantics) for name, row in found.items()})
        return
    _table(found, top)


@application.command("models")
def models(as_json: parameters.AsJson = False) -> None:
    """List the kinds of models that '--model' takes."""
    from tokbench.bytelm.models import kinds

    if as_json:
        print_json([{"name": kind.name, "summary": kind.summary} for kind in kinds()])
        return
    _facts({kind.name: kind.summary for kind in kinds()})


def _load(
    model: str, tokenizer: str | None, pretokenizer: str | None, semantics: str, tolerance: float
) -> ByteLM:
    from tokbench.bytelm import ByteLM
    from tokbench.bytelm.models import load_model
    from tokbench.tokenizer import Tokenizer as AnyTokenizer

    loaded = AnyTokenizer.load(tokenizer, pretokenizer=pretokenizer) if tokenizer else None
    token_lm, own = load_model(model, loaded)
    return ByteLM(token_lm, own, semantics=semantics, tolerance=tolerance)  # type: ignore[arg-type]  # checked there


def _bytes(prompt: str) -> bytes:
    """Read the escapes of a prompt."""
    import re

    simple = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\", "0": b"\0"}

    def read(found: re.Match[bytes]) -> bytes:
        word = found[1].decode(errors="replace")
        if word in simple:
            return simple[word]
        if len(word) == 3 and word[0] == "x":
            return bytes([int(word[1:], 16)])
        raise ParameterError(rf"prompt: \{word} is no escape; there are \n \r \t \0 \\ and \xHH")

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|.|$)", read, prompt.encode(errors="surrogateescape"), flags=re.DOTALL)


def _example(prompt: str, continuation: str | None) -> Example:
    from tokbench.report.byte_examples import Example

    if not continuation:
        raise ParameterError(
            "CONTINUATION: say what should follow the prompt; its probability is what is compared"
        )
    return Example("", _bytes(prompt), _bytes(continuation))


def _shown(byte: int) -> str:
    if byte == 256:
        return "end of text"
    return repr(bytes([byte]))[1:].strip("'\"") if byte != 32 else "space"


def _as_dict(found: ByteDistribution, top: int, semantics: str) -> dict[str, Any]:
    rows = [{"byte": byte if byte < 256 else "end", "probability": share} for byte, share in found.top(top)]
    return {"next": rows, "leaked": found.leaked, "dropped": found.dropped, "semantics": semantics}


def _table(found: dict[str, ByteDistribution], top: int) -> None:
    """Print one column per distribution, the bytes in the order of the first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("next byte")
    for name in found:
        table.add_column(name, justify="right")
    order: dict[int, None] = {}
    for distribution in found.values():
        order |= dict.fromkeys(byte for byte, share in distribution.top(top) if share > 0)
    for byte in list(order)[: max(top, len(order) if len(found) > 1 else top)]:
        shares = [f"{distribution.probabilities[byte]:.4f}" for distribution in found.values()]
        table.add_row(Text(_shown(byte)), *shares)
    table.add_section()
    table.add_row(
        "[dim]leaked[/dim]", *(f"[dim]{distribution.leaked:.2g}[/dim]" for distribution in found.values())
    )
    Console().print(table)


def _facts(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for key, value in facts.items():
        table.add_row(
            Text(key.replace("_", " "), style="bold"),
            Text(f"{value:.6g}" if isinstance(value, float) else str(value)),
        )
    Console().print(table)
