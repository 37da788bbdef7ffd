"""`tokbench count`: pretoken counts, the only part of training that grows with the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from tokbench.corpus import Corpus

EPILOG = """[bold]Examples[/bold]

tokbench count --corpus sample --out counts.parquet

tokbench count --corpus eng='en/*.txt.zst' --corpus tur=tr.jsonl.gz:text --pretokenizer o200k --out counts.parquet

tokbench train --counts counts.parquet --vocab-size 32000 --out my-tokenizer

tokbench count --engine spark -E master=spark://host:7077 -c eng='s3://bucket/en/*.parquet:content' --out counts/
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("count", epilog=EPILOG, no_args_is_help=True)(count)


def count(
    corpus: parameters.Corpus,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="Parquet file to write: pretoken, group, count. With --engine, a name without .parquet is a "
            "directory (or s3://…) into which the workers write.",
        ),
    ],
    pretokenizer: Annotated[
        str, typer.Option("--pretokenizer", "-p", help="Pre-tokenizer by name, regex:… or seq(…).")
    ] = "cl100k",
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    strict_utf8: Annotated[
        bool,
        typer.Option(
            "--strict-utf8", help="Make invalid UTF-8 an error naming file and byte; else it counts as bytes."
        ),
    ] = False,
    min_pretoken_count: Annotated[
        int,
        typer.Option(
            "--min-pretoken-count",
            min=1,
            help="Leave out pretokens rarer than this over all languages; what is left out is printed.",
        ),
    ] = 1,
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="Count on an engine instead of here: spark. The table is the same."),
    ] = None,
    engine_option: Annotated[
        list[str] | None,
        typer.Option(
            "--engine-option", "-E", metavar="KEY=VALUE", help="Of spark: master=URL, spark.…=…; repeatable."
        ),
    ] = None,
    threads: parameters.Threads = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Count pretokens per language and save them as Parquet, for any number of trainings."""
    from tokbench.corpora import open_corpus
    from tokbench.counts import count as count_pretokens

    opened = open_corpus(corpus, languages=parameters.split_names(languages), document=document)
    options = _pairs(engine_option or [])
    if engine is not None and threads is not None:
        raise ParameterError(
            "--threads is for counting here; an engine's workers are set with --engine-option"
        )
    if engine is not None and not out.endswith(".parquet"):
        facts = _count_parts(
            engine, opened, out, pretokenizer, options, strict_utf8=strict_utf8, least=min_pretoken_count
        )
    else:
        with progress_bar() as progress:
            counts = count_pretokens(
                opened,
                pretokenizer,
                threads=threads,
                strict_utf8=strict_utf8,
                progress=progress,
                engine=engine,
                engine_options=options,
            )
        kept, dropped = counts.filter(min_count=min_pretoken_count)
        (counts if kept.total_count == counts.total_count else kept).save(out)
        facts = {
            "out": out,
            "pretokenizer": kept.pretokenizer,
            "groups": list(kept.groups),
            "unique_pretokens": len(kept),
            "pretokens": kept.total_count,
            "bytes": kept.total_bytes,
            "dropped": {
                "unique_pretokens": dropped.pretokens,
                "pretokens": dropped.count,
                "bytes": dropped.bytes,
            },
        }
    if as_json:
        print_json(facts)
    else:
        _report(facts)


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise ParameterError(f"--engine-option {key!r} is not KEY=VALUE")
    return {key: value for key, _, value in pairs}


def _count_parts(
    engine: str,
    corpus: Corpus,
    out: str,
    pretokenizer: str,
    options: dict[str, str],
    *,
    strict_utf8: bool,
    least: int,
) -> dict[str, Any]:
    from tokbench.distributed import count_parts

    made = count_parts(
        engine,
        corpus,
        out,
        pretokenizer,
        strict_utf8=strict_utf8,
        min_pretoken_count=least,
        options=options,
    )
    return {
        "out": made.directory,
        "pretokenizer": made.pretokenizer,
        "groups": list(made.groups),
        "unique_pretokens": made.total("pretokens"),
        "pretokens": made.total("count"),
        "bytes": made.total("bytes"),
        "dropped": {
            "unique_pretokens": made.total("dropped_pretokens"),
            "pretokens": made.total("dropped_count"),
            "bytes": made.total("dropped_bytes"),
        },
    }


def _report(facts: dict[str, Any]) -> None:
    note(
        f"{facts['bytes']:,} bytes, {facts['pretokens']:,} pretokens, {facts['unique_pretokens']:,} unique, "
        f"{len(facts['groups'])} groups → {facts['out']}"
    )
    dropped = facts["dropped"]
    if dropped["pretokens"]:
        note(
            f"left out as too rare: {dropped['unique_pretokens']:,} unique pretokens, "
            f"{dropped['pretokens']:,} occurrences, {dropped['bytes']:,} bytes"
        )
