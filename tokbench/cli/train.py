"""`tokbench train`: a tokenizer from text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import NotRepresentableError, ParameterError

if TYPE_CHECKING:
    from tokbench.checkpoint import Checkpoint

EPILOG = """[bold]Examples[/bold]

tokbench train --corpus sample --vocab-size 4000 --out my-tokenizer

tokbench train -c eng='en/*.txt.zst' -c tur=tr.jsonl:text -V 32000 -p o200k --special '<|endoftext|>' -o mine

tokbench train --counts counts.parquet --vocab-size 64000 --out mine-64k --format huggingface,tiktoken

tokbench train -c 'tur=tr/*.txt' -c 'eng=en/*.txt' --alpha 0.3 -V 8k,16k,32k,64k -o sizes

tokbench train -c web.jsonl.zst:text --document-weight quality -V 32k -o by-quality

tokbench train -c 'eng=new/*.txt' --start mine -V 48k -o mine-48k

tokbench train -c 'eng=en/*.jsonl.zst' -V 64k -o mine --memory 4GB --checkpoint-every 1000

tokbench train --resume mine

Several sizes take one run and make one directory each: sizes/v8000, sizes/v16000 …, every one of them equal to
what its own run would write.

The directory holds tokenizer.tokbench.json, training.parquet (every merge with its count and the tokens per
language after it), run.json (how to repeat it) and, with the format huggingface, what
transformers.AutoTokenizer.from_pretrained needs.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("train", epilog=EPILOG, no_args_is_help=True)(train)


def train(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Directory to make.")] = None,
    vocab_size: Annotated[
        str | None,
        typer.Option(
            "--vocab-size",
            "-V",
            metavar="N[,N…]",
            help="Number of tokens, special tokens and alphabet included; 32k is 32000. Several: one run, one "
            "directory OUT/vN for each.",
        ),
    ] = None,
    corpus: parameters.OptionalCorpus = None,
    counts: Annotated[
        Path | None,
        typer.Option("--counts", help="Train on the output of 'tokbench count' instead of a corpus."),
    ] = None,
    pretokenizer: Annotated[
        str | None,
        typer.Option(
            "--pretokenizer",
            "-p",
            help="Pre-tokenizer by name, regex:… or seq(…); that of --start, else cl100k, by default.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="BASE",
            help="Trained tokenizer to go on from, up to --vocab-size; keeps its ids.",
        ),
    ] = None,
    weight: parameters.Weight = None,
    alpha: parameters.Alpha = None,
    min_pretoken_count: parameters.MinPretokenCount = 1,
    special: Annotated[
        list[str] | None,
        typer.Option("--special", help="Special token; repeatable, ids in this order from 0."),
    ] = None,
    min_frequency: Annotated[int, typer.Option("--min-frequency", help="Stop below this pair count.")] = 1,
    max_token_length: Annotated[
        int | None, typer.Option("--max-token-length", help="Longest token, in bytes (or characters).")
    ] = None,
    initial_alphabet: Annotated[
        str | None,
        typer.Option("--initial-alphabet", help="bytes (all 256; default) or seen (default for characters)."),
    ] = None,
    limit_alphabet: Annotated[
        int | None, typer.Option("--limit-alphabet", help="Keep only this many most frequent symbols.")
    ] = None,
    tie_break: Annotated[
        str, typer.Option("--tie-break", help="Among equal counts: ids (as Hugging Face), lexmax or lexmin.")
    ] = "ids",
    alphabet_order: Annotated[
        str,
        typer.Option(
            "--alphabet-order", help="Ids of the bytes: gpt2 (as Hugging Face) or byte (as rustbpe)."
        ),
    ] = "gpt2",
    unit: Annotated[str, typer.Option("--unit", help="Merge bytes or characters.")] = "byte",
    character_coverage: Annotated[
        float,
        typer.Option(
            "--character-coverage", help="With --unit character: share of text the alphabet covers."
        ),
    ] = 1.0,
    byte_fallback: Annotated[
        bool,
        typer.Option("--byte-fallback", help="With --unit character: spell uncovered characters as bytes."),
    ] = False,
    unknown: Annotated[
        str | None, typer.Option("--unknown", help="Special token for what the vocabulary cannot spell.")
    ] = None,
    allow_smaller: Annotated[
        bool,
        typer.Option("--allow-smaller", help="Accept a smaller vocabulary when the text runs out of pairs."),
    ] = False,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Also write huggingface, tiktoken; default: huggingface where it can hold the tokenizer.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing directory.")] = False,
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    document_weight: parameters.DocumentWeight = None,
    strict_utf8: Annotated[
        bool, typer.Option("--strict-utf8", help="Make invalid UTF-8 an error naming file and byte.")
    ] = False,
    threads: parameters.Threads = None,
    memory: parameters.Memory = None,
    temporary: parameters.Temporary = None,
    checkpoint_every: parameters.CheckpointEvery = None,
    resume: parameters.Resume = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Train a byte-pair-encoding tokenizer on a corpus or on saved pretoken counts."""
    from tokbench.cli import resuming
    from tokbench.counts import PretokenCounts
    from tokbench.counts import count as count_pretokens
    from tokbench.run import check_formats, check_target, write_run, write_runs
    from tokbench.sweep import sweep
    from tokbench.tokenizer import Tokenizer

    checkpoint: Checkpoint | None = context.obj
    if resume is not None:
        if resuming.is_complete(resume):
            note(f"{resume} is complete")
            return
        context.obj, earlier = resuming.resumed(context, resume)
        train(context, **earlier)
        return
    if out is None or vocab_size is None:
        raise ParameterError("give --out and --vocab-size, or --resume")
    wanted = parameters.split_names(formats)
    check_formats(wanted or [])
    check_target(out, overwrite=overwrite)
    sizes = [parameters.parse_size(size) for size in vocab_size.split(",")]
    weights = parameters.parse_weights(weight)
    base = None if start is None else Tokenizer.load(start)
    if (corpus is None) == (counts is None):
        raise ParameterError("give either --corpus or --counts")
    if counts is not None and document_weight is not None:
        raise ParameterError("--document-weight: belongs to counting; give it to 'tokbench count'")
    if checkpoint is None and checkpoint_every is not None:
        checkpoint = resuming.begin(context, out, every=checkpoint_every)
    with resuming.kept(context, checkpoint, out), progress_bar() as progress:
        if counts is not None:
            table = PretokenCounts.load(counts)
            if pretokenizer is not None and pretokenizer != table.pretokenizer:
                raise ParameterError(
                    f"{counts} was counted with the pre-tokenizer {table.pretokenizer!r}, not {pretokenizer!r}"
                )
        else:
            from tokbench.corpora import open_corpus

            opened = open_corpus(corpus or [], languages=parameters.split_names(languages), document=document)
            table = count_pretokens(
                opened,
                pretokenizer or (None if base is None else base.pretokenizer) or "cl100k",
                threads=threads,
                strict_utf8=strict_utf8,
                memory=memory,
                temporary=temporary,
                checkpoint=checkpoint,
                progress=progress,
                document_weight=document_weight,
            )
        made = sweep(
            table,
            vocab_sizes=sizes,
            special_tokens=special or (),
            min_frequency=min_frequency,
            max_token_length=max_token_length,
            initial_alphabet=initial_alphabet,
            limit_alphabet=limit_alphabet,
            tie_break=tie_break,
            alphabet_order=alphabet_order,
            unit=unit,
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            unknown=unknown,
            allow_smaller=allow_smaller,
            min_pretoken_count=min_pretoken_count,
            weights=weights,
            alpha=alpha,
            start=base,
            checkpoint=checkpoint,
            progress=progress,
        )
    arguments: dict[str, object] = {
        "corpus": corpus,
        "counts": str(counts) if counts else None,
        "languages": parameters.split_names(languages),
        "document": document,
        "document_weight": document_weight,
        "strict_utf8": strict_utf8,
        "groups": list(table.groups),
        "bytes": table.total_bytes,
        "counts_fingerprint": table.fingerprint,
    }
    if checkpoint is not None:
        arguments["job"] = checkpoint.job["id"]
    if base is not None:
        arguments["start"] = start
    kinds = wanted if wanted is not None else ["huggingface"]
    tokenizer = made[max(made)]
    if len(made) == 1:
        given = {**arguments, "vocab_size": max(made)}
        refused = write_run(
            out, tokenizer, formats=kinds, arguments=given, overwrite=overwrite, checkpoint=checkpoint
        )
    else:
        refused = write_runs(
            out, made, formats=kinds, arguments=arguments, overwrite=overwrite, checkpoint=checkpoint
        )
    facts = {
        "out": str(out),
        "vocab_size": tokenizer.vocab_size,
        "bytes": table.total_bytes,
        "unique_pretokens": len(table),
        "sizes": sorted(made),
        "fingerprint": tokenizer.fingerprint,
        "not_representable": refused,
    }
    if as_json:
        print_json(facts)
    else:
        note(
            f"{table.total_bytes:,} bytes, {len(table):,} unique pretokens → {tokenizer.vocab_size:,} tokens in {out}"
        )
        if tokenizer.training is not None and (lost := tokenizer.training.settings.get("cut_off")):
            note(f"cut off below {min_pretoken_count} occurrences: {lost}")
        for name, reason in refused.items():
            note(f"no {name} file: {reason}")
    if wanted and refused:
        raise NotRepresentableError(
            f"{out} is complete but for {', '.join(refused)}: {'; '.join(refused.values())}"
        )
