"""`tokbench count`: pretoken counts, the only part of training that grows with the corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from tokbench.checkpoint import Checkpoint

EPILOG = """[bold]Examples[/bold]

tokbench count --corpus sample --out counts.parquet

tokbench count --corpus eng='en/*.txt.zst' --corpus tur=tr.jsonl.gz:text --pretokenizer o200k --out counts.parquet

tokbench count --corpus 'web/*.jsonl.zst' --memory 2GB --temporary /scratch --out counts.parquet

tokbench count -c 'web/*.jsonl.zst' --checkpoint-every 1GB --out counts.parquet

tokbench count --resume counts.parquet

tokbench count -c web.jsonl.zst:text --document-weight quality --out counts.parquet

tokbench train --counts counts.parquet --vocab-size 32000 --out my-tokenizer
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("count", epilog=EPILOG, no_args_is_help=True)(count)


def count(
    context: typer.Context,
    corpus: parameters.OptionalCorpus = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Parquet file to write: pretoken, group, count.")
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
        count(context, **earlier)
        return
    if corpus is None or out is None:
        raise ParameterError("give --corpus and --out, or --resume")
    opened = open_corpus(corpus, languages=parameters.split_names(languages), document=document)
    if checkpoint is None and checkpoint_every is not None:
        checkpoint = resuming.begin(context, out, portion_bytes=parse_bytes(checkpoint_every))
    with resuming.kept(context, checkpoint, out), progress_bar() as progress:
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
            document_weight=document_weight,
        )
    if checkpoint is not None:
        checkpoint.finish()
    facts = {
        "out": str(out),
        "pretokenizer": counts.pretokenizer,
        "groups": list(counts.groups),
        "unique_pretokens": counts.n_pretokens,
        "pretokens": counts.total_count,
        "bytes": counts.total_bytes,
        "runs": counts.n_runs,
        "document_scale": counts.document_scale,
    }
    if as_json:
        print_json(facts)
    else:
        note(
            f"{counts.total_bytes:,} bytes, {counts.total_count:,} pretokens, {counts.n_pretokens:,} unique, "
            f"{len(counts.groups)} groups → {out}"
        )
        if counts.document_scale != 1:
            note(f"bytes and pretokens are in units of 1/{counts.document_scale}, as weights are")
