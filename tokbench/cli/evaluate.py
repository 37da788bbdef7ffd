"""`tokbench eval`: tokenizers side by side on one corpus."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, progress_bar
from tokbench.cli.loading import load_tokenizers

EPILOG = """[bold]Examples[/bold]

tokbench eval my-tokenizer --corpus sample

tokbench eval my-tokenizer o200k_base.tiktoken llama3/tokenizer.json --corpus flores200=flores200_dataset/dev
  --metrics fertility,parity,gini --reference eng_Latn --out report.parquet

tokbench eval a.tiktoken --corpus sample --by script --metrics "renyi_efficiency(alpha=3)"

tokbench eval my-tokenizer my-tokenizer@longest "my-tokenizer@dropout(p=0.1)" --corpus sample

NAME=PATH gives a tokenizer a name in the table; PATH@METHOD encodes its vocabulary by another method;
'tokbench metrics list' shows all metrics.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("eval", epilog=EPILOG, no_args_is_help=True)(evaluate)


def evaluate(
    tokenizers: Annotated[
        list[str],
        typer.Argument(
            metavar="TOKENIZER...",
            help="Files or directories of any format: tokbench, tokenizer.json, SentencePiece .model, .tiktoken.",
        ),
    ],
    corpus: parameters.Corpus,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", "-m", help="Metrics separated by commas, with parameters in parentheses."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="Group by language or by any column of the corpus.")
    ] = "language",
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="Reference language of parity; English where there is one."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", help="Name of the tokenizer that nsl compares with; the first."),
    ] = None,
    word: Annotated[
        str, typer.Option("--word", help="What a word is: python_split, hf_whitespace or uax29.")
    ] = "python_split",
    per_group: Annotated[
        bool, typer.Option("--per-group", help="Show a row for every group, not only the totals.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write all rows: .parquet, .csv, .json or .md.")
    ] = None,
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    parallel: Annotated[
        bool, typer.Option("--parallel", help="The LANGUAGE=SOURCE files are translations, line by line.")
    ] = False,
    pretokenizer: Annotated[
        str | None,
        typer.Option("--pretokenizer", "-p", help="For files that do not name their own (.tiktoken)."),
    ] = None,
    threads: parameters.Threads = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Compare tokenizers on a corpus: fertility, parity, compression, entropy and more, per language."""
    from tokbench.corpora import open_corpus
    from tokbench.evaluate import evaluate as evaluate_tokenizers
    from tokbench.frame import check_suffix

    if out is not None:
        check_suffix(out)
    opened = open_corpus(
        corpus, languages=parameters.split_names(languages), document=document, parallel=parallel or None
    )
    loaded = load_tokenizers(tokenizers, pretokenizer=pretokenizer)
    with progress_bar() as progress:
        frame = evaluate_tokenizers(
            loaded,
            opened,
            metrics=parameters.split_calls(metrics),
            by=by,
            reference=reference,
            baseline=baseline,
            word=word,
            threads=threads,
            progress=progress,
        )
    if out is not None:
        frame.save(out)
        note(f"{len(frame)} rows → {out}")
    if as_json:
        sys.stdout.write(frame.to_json() + "\n")
        return
    from tokbench.report.table import print_frame

    print_frame(frame, per_group=per_group)
