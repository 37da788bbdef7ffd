"""`tokbench eval`: tokenizers side by side on one corpus."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, progress_bar
from tokbench.cli.loading import load_tokenizers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokbench.frame import MetricFrame
    from tokbench.uncertainty.resampling import Intervals

EPILOG = """[bold]Examples[/bold]

tokbench eval my-tokenizer --corpus sample

tokbench eval my-tokenizer o200k_base.tiktoken llama3/tokenizer.json --corpus flores200=flores200_dataset/dev
  --metrics fertility,parity,gini --reference eng_Latn --out report.parquet

tokbench eval old=v1 new=v2 --corpus flores200=DIR --baseline old          is the new one better, and is it certain?

tokbench eval a.tiktoken --corpus flores200=DIR --by language,script,family --per-group

tokbench eval a.tiktoken b.tiktoken --corpus sample --metrics all,-family:cost --out report.xlsx

tokbench eval a.tiktoken --corpus eng=web.parquet:text --by domain          a row for each value of that column

tokbench eval --health my-tokenizer gpt2.tiktoken                           sixteen checks, no corpus

tokbench eval my-tokenizer my-tokenizer@longest "my-tokenizer@dropout(p=0.1)" --corpus sample

tokbench eval a.tiktoken b.tiktoken --metrics "morphscore(gold=morphscore/data)" --per-group     no corpus needed

[bold]Answers[/bold]

NAME=PATH gives a tokenizer a name in the table; PATH@METHOD encodes its vocabulary by another method.
'tokbench metrics list' shows all metrics, 'tokbench metrics explain NAME' formula, pitfalls and source of one.
Each document (line of parallel text) is encoded by itself, without special tokens. 'all' is the whole corpus
together, 'macro' the mean over its groups; – is undefined, with the reason below the table. Intervals resample
documents, the same ones for every tokenizer, and the same lines for every language of a parallel corpus. * marks
differences from the baseline whose corrected p-value is below 1 - level.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("eval", epilog=EPILOG, no_args_is_help=True)(evaluate)


def evaluate(
    tokenizers: Annotated[
        list[str],
        typer.Argument(
            metavar="TOKENIZER...",
            help="Directory or file of any known format: tokbench, tokenizer.json, SentencePiece .model, .tiktoken.",
        ),
    ],
    corpus: parameters.OptionalCorpus = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            "-m",
            metavar="A,B,…",
            help="Names, with parameters in parentheses, or family:NAME, all, sensitivity; -NAME leaves out.",
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="COLUMN,…",
            help="Group by language, columns of the corpus or a field of its records, several at once.",
        ),
    ] = "language",
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="Reference language of parity; English where there is one."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            help="Name of the tokenizer that others are compared with, in nsl (the first) and in differences.",
            rich_help_panel="Certainty",
        ),
    ] = None,
    word: Annotated[
        str, typer.Option("--word", help="What a word is: python_split, hf_whitespace or uax29.")
    ] = "python_split",
    intervals: Annotated[
        bool,
        typer.Option(
            "--intervals",
            help="Show an interval for every value; --baseline does so too.",
            rich_help_panel="Certainty",
        ),
    ] = False,
    replicates: Annotated[
        int, typer.Option("--replicates", min=2, help="Resamples.", rich_help_panel="Certainty")
    ] = 2000,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the resamples.", rich_help_panel="Certainty")
    ] = 0,
    level: Annotated[
        float, typer.Option("--level", help="Coverage of an interval.", rich_help_panel="Certainty")
    ] = 0.95,
    method: Annotated[
        str, typer.Option("--method", help="bca or percentile.", rich_help_panel="Certainty")
    ] = "bca",
    correction: Annotated[
        str,
        typer.Option(
            "--correction",
            help="p-values of all comparisons of a metric: holm, benjamini_hochberg, none; auto: Holm for up to 20.",
            rich_help_panel="Certainty",
        ),
    ] = "auto",
    influence: Annotated[
        bool,
        typer.Option(
            "--influence",
            help="Also report means and Gini-like values with each group left out.",
            rich_help_panel="Certainty",
        ),
    ] = False,
    ranking: Annotated[
        bool,
        typer.Option(
            "--ranking",
            help="Also show how far the metrics agree on the order of the tokenizers.",
            rich_help_panel="Certainty",
        ),
    ] = False,
    health: Annotated[
        bool,
        typer.Option(
            "--health",
            help="No corpus: sixteen checks of each tokenizer. Exit status 0 pass, 1 warning, 2 failure, 3 undecided "
            "or unreadable.",
            rich_help_panel="Health",
        ),
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", metavar="C1,C16,…", help="With --health: run these checks.", rich_help_panel="Health"
        ),
    ] = None,
    equal_size: Annotated[
        str | None,
        typer.Option(
            "--equal-size",
            metavar="V|smallest",
            help="Cut all tokenizers to V tokens by their merges, so that the size does not decide; BPE only.",
            rich_help_panel="Equal footing",
        ),
    ] = None,
    equal_bytes: Annotated[
        str | None,
        typer.Option(
            "--equal-bytes",
            metavar="BYTES,…",
            help="Measure samples of so many bytes per language instead (rarefaction); several sizes make a curve.",
            rich_help_panel="Equal footing",
        ),
    ] = None,
    per_group: Annotated[
        bool, typer.Option("--per-group", help="Show a row for every group, not only the totals.")
    ] = False,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            help="Also write all rows, repeatable: .parquet, .csv, .json, .slim.json, .md, .tex or .xlsx.",
            rich_help_panel="Output",
        ),
    ] = None,
    leaderboard: Annotated[
        Path | None,
        typer.Option(
            "--leaderboard",
            metavar="FILE.parquet",
            help="Add the totals to a cumulative table, in place of rows of the same tokenizer, corpus and metric; "
            "beside it FILE.md to read.",
            rich_help_panel="Output",
        ),
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
    if health:
        from tokbench.cli.health import show_health

        code = show_health(tokenizers, pretokenizer=pretokenizer, only=only, as_json=as_json)
        raise typer.Exit(code)
    from tokbench.corpora import open_corpus
    from tokbench.evaluate import evaluate as evaluate_tokenizers
    from tokbench.frame import check_suffix

    for path in out or []:
        check_suffix(path)
    how = (
        _intervals(replicates, seed, level, method, correction)
        if intervals or baseline is not None
        else False
    )
    chosen = parameters.split_names(languages)
    opened = (
        open_corpus(corpus, languages=chosen, document=document, parallel=parallel or None)
        if corpus
        else None
    )
    loaded = load_tokenizers(tokenizers, pretokenizer=pretokenizer)
    if equal_size is not None:
        from tokbench.equal_size import equal_size as cut

        loaded = dict(cut(loaded, None if equal_size == "smallest" else parameters.parse_size(equal_size)))
    measure: Callable[..., MetricFrame] = evaluate_tokenizers
    more: dict[str, Any] = {}
    if equal_bytes is not None:
        from tokbench.rarefaction import METRICS, rarefaction

        sizes = [parameters.parse_size(size) for size in parameters.split_names(equal_bytes) or []]
        measure, more = rarefaction, {"sizes": sizes, "seed": seed}
        metrics = metrics or ",".join(METRICS)
    with progress_bar() as progress:
        frame = measure(
            loaded,
            opened,
            **more,
            metrics=parameters.split_calls(metrics),
            by=parameters.split_names(by) or "language",
            reference=reference,
            baseline=baseline,
            word=word,
            intervals=how,
            influence=influence,
            threads=threads,
            progress=progress,
        )
    for path in out or []:
        frame.save(path)
        note(f"{len(frame)} rows → {path}")
    if leaderboard is not None:
        from tokbench.report.leaderboard import update

        note(f"{update(leaderboard, frame)} rows → {leaderboard}, {leaderboard.with_suffix('.md')}")
    _show(frame, as_json=as_json, per_group=per_group, ranking=ranking, influence=influence)


def _intervals(replicates: int, seed: int, level: float, method: str, correction: str) -> Intervals:
    from tokbench.uncertainty.resampling import Intervals

    return Intervals(replicates, seed, level, method, correction)  # type: ignore[arg-type]  # checked by itself


def _show(frame: MetricFrame, *, as_json: bool, per_group: bool, ranking: bool, influence: bool) -> None:
    if as_json:
        sys.stdout.write(frame.to_json() + "\n")
        return
    from tokbench.report.table import print_frame, print_influence, print_ranking

    corpora = frame.frame["corpus"].unique(maintain_order=True).to_list()
    for corpus in corpora:
        if len(corpora) > 1:
            sys.stdout.write(f"{corpus}\n")
        print_frame(frame.filter(corpus=corpus), per_group=per_group)
    if influence:
        print_influence(frame)
    if ranking:
        print_ranking(frame)
