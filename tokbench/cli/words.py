"""`tokbench words`: which words and tokens make a metric what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json
from tokbench.cli.loading import load_tokenizers
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    import polars as pl

EPILOG = """[bold]Examples[/bold]

tokbench words my-tokenizer --corpus sample --languages eng

tokbench words gpt2.tiktoken --gold english_morph_data.csv --top 30

tokbench words gpt2.tiktoken --corpus tur=tur.txt --lexicon tr_TR.dic --language tur

Without --gold and --lexicon: the words of the corpus by the tokens they cost beyond one each. With --gold: the words
of a gold segmentation, worst F1 first. With --lexicon or --morphemes: the tokens of the corpus that are not in it.
"""

SUFFIXES = (".csv", ".parquet", ".json")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("words", epilog=EPILOG, no_args_is_help=True)(words)


def words(
    tokenizers: Annotated[
        list[str], typer.Argument(metavar="TOKENIZER...", help="Files or directories of any format.")
    ],
    corpus: Annotated[
        list[str] | None, typer.Option("--corpus", "-c", metavar="SPEC", help="As for 'tokbench eval'.")
    ] = None,
    gold: Annotated[
        str | None,
        typer.Option("--gold", metavar="FILE", help="Gold segmentation: file, folder or .toml list."),
    ] = None,
    form: Annotated[
        str, typer.Option("--form", help="Form of the gold files; told from the first line.")
    ] = "auto",
    columns: Annotated[
        str | None, typer.Option("--columns", help="Columns of a gold table: word=COLUMN;parts=C1+C2.")
    ] = None,
    space: Annotated[
        str, typer.Option("--space", help="Encode gold words bare, or prefixed with one space.")
    ] = "bare",
    lexicon: Annotated[
        str | None, typer.Option("--lexicon", help="Words: file, Hunspell .dic, folder or .toml.")
    ] = None,
    morphemes: Annotated[str | None, typer.Option("--morphemes", help="Roots and affixes: file.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="The lexicon's language.")] = None,
    word: Annotated[
        str, typer.Option("--word", help="What a word is: python_split, hf_whitespace or uax29.")
    ] = "python_split",
    top: Annotated[
        int, typer.Option("--top", min=1, help="Rows to show for each tokenizer and language.")
    ] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write all rows: .csv, .parquet or .json.")
    ] = None,
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    pretokenizer: Annotated[
        str | None,
        typer.Option("--pretokenizer", "-p", help="For files that do not name their own (.tiktoken)."),
    ] = None,
    threads: parameters.Threads = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Show which words are split most, and how: in a text, in a gold segmentation, against a lexicon."""
    from tokbench.corpora import open_corpus
    from tokbench.metrics import drilldown

    if out is not None and out.suffix not in SUFFIXES:
        raise ParameterError(
            f"{out}: no format for the suffix {out.suffix!r}; use one of {', '.join(SUFFIXES)}"
        )
    if (gold is None) == (corpus is None):
        raise ParameterError("give either --corpus (words of a text) or --gold (words with known morphemes)")
    loaded = load_tokenizers(tokenizers, pretokenizer=pretokenizer)
    if gold is not None:
        frame = drilldown.gold_table(loaded, gold, form=form, columns=columns, space=space)
        shown = frame.sort(
            "f1", "weight", "cuts", descending=[False, True, True], nulls_last=True, maintain_order=True
        )
        group = ["tokenizer", "gold"]
    else:
        opened = open_corpus(corpus or [], languages=parameters.split_names(languages), document=document)
        if lexicon is not None or morphemes is not None:
            frame = drilldown.judged_tokens(
                loaded, opened, lexicon=lexicon, morphemes=morphemes, language=language, threads=threads
            )
            shown, group = frame.filter(frame["verdict"] == "neither"), ["tokenizer"]
        else:
            frame = drilldown.split_words(loaded, opened, word=word, threads=threads)
            shown, group = frame, ["tokenizer", "language"]
    if out is not None:
        _write(frame, out)
        note(f"{len(frame)} rows → {out}")
    top_rows = shown.group_by(group, maintain_order=True).head(top)
    if as_json:
        print_json(top_rows.to_dicts())
    else:
        _print(top_rows, group)


def _write(frame: pl.DataFrame, out: Path) -> None:
    import io

    from tokbench.formats.files import write_whole

    held = io.BytesIO()
    if out.suffix == ".csv":
        frame.write_csv(held)
    elif out.suffix == ".parquet":
        frame.write_parquet(held)
    else:
        frame.write_json(held)
    write_whole(out, held.getvalue())


def _print(frame: pl.DataFrame, group: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=100)
    hidden = {*group, "weight", "line"}
    if "unknown" in frame.columns and not frame["unknown"].any():
        hidden.add("unknown")
    for key, part in frame.group_by(group, maintain_order=True):
        console.print(Text(" · ".join(map(str, key)), style="bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        kept = [name for name in part.columns if name not in hidden and part[name].null_count() < len(part)]
        for name in kept:
            table.add_column(
                name, justify="right" if part[name].dtype.is_numeric() else "left", overflow="fold"
            )
        for row in part.select(kept).iter_rows():
            table.add_row(*(Text(_shown(name, cell)) for name, cell in zip(kept, row, strict=True)))
        console.print(table)
        console.print()


def _shown(name: str, cell: object) -> str:
    from tokbench.frame_files import format_value

    if cell is None or isinstance(cell, float):
        return format_value(cell)
    if name != "token":
        return str(cell)
    # White space of a token would not be seen.
    return str(cell).replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t").replace(" ", "␣")
