"""`tokbench count`: pretoken counts, the only part of training that grows with the corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from tokbench.checkpoint import Checkpoint
    from tokbench.corpus import Corpus

EPILOG = """[bold]Examples[/bold]

tokbench count --corpus sample --out counts.parquet

tokbench count --corpus eng='en/*.txt.zst' --corpus tur=tr.jsonl.gz:text --pretokenizer o200k --out counts.parquet

tokbench count --corpus 'web/*.jsonl.zst' --memory 2GB --temporary /scratch --out counts.parquet

tokbench count -c 'web/*.jsonl.zst' --checkpoint-every 1GB --out counts.parquet

tokbench count --resume counts.parquet

tokbench count -c web.jsonl.zst:text --document-weight quality --out counts.parquet

tokbench train --counts counts.parquet --vocab-size 32000 --out my-tokenizer

tokbench count --engine spark -E master=spark://host:7077 -c eng='s3://bucket/en/*.parquet:content' --out counts/
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("count", epilog=EPILOG, no_args_is_help=True)(count)


def count(
    context: typer.Context,
    corpus: parameters.OptionalCorpus = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="Parquet file (or s3://….parquet) to write: pretoken, group, count. With --engine, a name without "
            ".parquet is a directory (or s3://…) into which the workers write.",
        ),
    ] = None,
    pretokenizer: Annotated[
        str, typer.Option("--pretokenizer", "-p", help="Pre-tokenizer by name, regex:… or seq(…).")
    ] = "cl100k",
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    document_weight: parameters.DocumentWeight = None,
    strict_utf8: Annotated[
        bool,
        typer.Option(
            "--strict-utf8", help="Make invalid UTF-8 an error naming file and byte; else it counts as bytes."
        ),
    ] = False,
    threads: parameters.Threads = None,
    memory: parameters.Memory = None,
    temporary: parameters.Temporary = None,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            "--checkpoint-every",
            metavar="SIZE",
            help="Keep the counts of finished files after every SIZE of them, for example 1GB, in .OUT.partial beside "
            "OUT.",
        ),
    ] = None,
    resume: parameters.Resume = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="NAME",
            help="Count on an engine instead of here: spark (pip install 'tokbench\\[distributed]'). The table is the "
            "same.",
        ),
    ] = None,
    engine_option: Annotated[
        list[str] | None,
        typer.Option(
            "--engine-option",
            "-E",
            metavar="KEY=VALUE",
            help="Of spark: master=URL (this machine by default) and any setting spark.…; repeatable.",
        ),
    ] = None,
    min_pretoken_count: Annotated[
        int,
        typer.Option(
            "--min-pretoken-count",
            min=1,
            help="With --engine: leave out pretokens that occur less often in all languages together; what this "
            "drops is reported.",
        ),
    ] = 1,
    as_json: parameters.AsJson = False,
) -> None:
    """Count pretokens per language and save them as Parquet, for any number of trainings."""
    from tokbench.cli import resuming
    from tokbench.corpora import open_corpus
    from tokbench.counts import count_to_file
    from tokbench.memory import parse_bytes

    checkpoint: Checkpoint | None = context.obj
    if resume is not None:
        if resuming.is_written(resume):
            note(f"{resume} is complete")
            return
        context.obj, earlier = resuming.resumed(context, resume)
        count(context, **{**earlier, "out": str(earlier["out"])})
        return
    if corpus is None or out is None:
        raise ParameterError("give --corpus and --out, or --resume")
    if (suffix := Path(out).suffix.lower()) in {".csv", ".tsv", ".json", ".jsonl", ".txt"}:
        raise ParameterError(
            f"--out: a table of counts is Parquet, not {suffix}; call it {Path(out).stem}.parquet"
        )
    opened = open_corpus(corpus, languages=parameters.split_names(languages), document=document)
    if document_weight is not None:
        opened = replace(opened, document_weight=document_weight)
    if engine is not None:
        here = {
            "--threads": threads,
            "--memory": memory,
            "--temporary": temporary,
            "--checkpoint-every": checkpoint_every,
        }
        if wrong := [name for name, value in here.items() if value is not None]:
            raise ParameterError(f"{', '.join(wrong)}: only for counting here; use --engine-option")
        facts = _count_on(
            engine,
            opened,
            out,
            pretokenizer,
            strict_utf8=strict_utf8,
            least=min_pretoken_count,
            options=_pairs(engine_option or []),
        )
        _say(facts, as_json=as_json)
        return
    if engine_option or min_pretoken_count > 1:
        raise ParameterError(
            "--engine-option and --min-pretoken-count go with --engine; train takes --min-pretoken-count as well"
        )
    if checkpoint is None and checkpoint_every is not None:
        if "://" in out:
            raise ParameterError("--checkpoint-every: needs a local --out; copy that one")
        checkpoint = resuming.begin(context, Path(out), portion_bytes=parse_bytes(checkpoint_every))
    with resuming.kept(context, checkpoint, Path(out)), progress_bar() as progress:
        counts = count_to_file(
            opened,
            out,
            pretokenizer,
            threads=threads,
            strict_utf8=strict_utf8,
            memory=memory,
            temporary=temporary,
            checkpoint=checkpoint,
            progress=progress,
        )
    if checkpoint is not None:
        checkpoint.finish()
    facts = {
        "out": out,
        "pretokenizer": counts.pretokenizer,
        "groups": list(counts.groups),
        "unique_pretokens": counts.n_pretokens,
        "pretokens": counts.total_count,
        "bytes": counts.total_bytes,
        "runs": counts.n_runs,
        "document_scale": counts.document_scale,
    }
    _say(facts, as_json=as_json)


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise ParameterError(f"--engine-option {key!r} is not KEY=VALUE")
    return {key: value for key, _, value in pairs}


def _count_on(
    engine: str,
    corpus: Corpus,
    out: str,
    pretokenizer: str,
    *,
    strict_utf8: bool,
    least: int,
    options: dict[str, str],
) -> dict[str, Any]:
    from tokbench.count_files import local_path
    from tokbench.distributed import count_on, count_parts

    if out.endswith(".parquet"):
        local = local_path(out)
        if local is not None and not local.absolute().parent.is_dir():
            raise ParameterError(f"{out}: the folder {local.parent} does not exist; create it first")
        whole = count_on(engine, corpus, pretokenizer, strict_utf8=strict_utf8, options=options)
        counts, dropped = whole.filter(min_count=least)
        counts.save(out)
        held = (len(counts), counts.total_count, counts.total_bytes)
        lost = (dropped.pretokens, dropped.count, dropped.bytes)
        spec = counts.pretokenizer
    else:
        made = count_parts(
            engine,
            corpus,
            out,
            pretokenizer,
            strict_utf8=strict_utf8,
            min_pretoken_count=least,
            options=options,
        )
        held = (made.total("pretokens"), made.total("count"), made.total("bytes"))
        lost = (made.total("dropped_pretokens"), made.total("dropped_count"), made.total("dropped_bytes"))
        spec = made.pretokenizer
    names = ("unique_pretokens", "pretokens", "bytes")
    return {
        "out": out,
        "pretokenizer": spec,
        "groups": list(corpus.languages),
        **dict(zip(names, held, strict=True)),
        "dropped": dict(zip(names, lost, strict=True)),
    }


def _say(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    note(
        f"{facts['bytes']:,} bytes, {facts['pretokens']:,} pretokens, {facts['unique_pretokens']:,} unique, "
        f"{len(facts['groups'])} groups → {facts['out']}"
    )
    lost = facts.get("dropped", {"pretokens": 0})
    if lost["pretokens"]:
        note(
            f"left out as too rare: {lost['unique_pretokens']:,} unique pretokens, "
            f"{lost['pretokens']:,} occurrences, {lost['bytes']:,} bytes"
        )
    if facts.get("document_scale", 1) != 1:
        note(f"bytes and pretokens are in units of 1/{facts['document_scale']}, as weights are")
