"""`tokbench extend`: new tokens for new text, behind those of an existing tokenizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import NotRepresentableError, ParameterError

if TYPE_CHECKING:
    from tokbench.checkpoint import Checkpoint

EPILOG = """[bold]Examples[/bold]

tokbench extend llama3/tokenizer.model --first-id 128256 -c 'tur=tr/*.txt.zst' --add 8000 -o llama3-tur

tokbench extend o200k_base.tiktoken -c 'khm=km.jsonl:text' --protect eng=english.txt --add 4000 -o o200k-khm

tokbench extend qwen/ -c 'tur=tr/*.txt' --add 2k --format huggingface,tiktoken -o qwen-tur

tokbench extend qwen/ -c 'tur=tr/*.txt.zst' --add 8k --memory 4GB --checkpoint-every 1000 -o qwen-8k

tokbench extend --resume qwen-8k

Existing ids and merges stay; new ids follow the highest one (or --first-id). Frozen, each new token stands for
one sequence of old ids, which is checked on the whole corpus. --protect text keeps its ids, which is checked too.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("extend", epilog=EPILOG, no_args_is_help=True)(extend)


def extend(
    context: typer.Context,
    base: Annotated[str | None, typer.Argument(help="Byte-level BPE tokenizer: a file or directory.")] = None,
    corpus: parameters.OptionalCorpus = None,
    add: Annotated[
        str | None, typer.Option("--add", metavar="N", help="Number of new tokens; 8k is 8000.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Directory to make.")] = None,
    freeze: Annotated[
        bool,
        typer.Option(
            "--freeze/--no-freeze",
            help="Let every merge make a new token, so that new ids stand for the base's own ids. Without it "
            "text may also be encoded in other old ids.",
        ),
    ] = True,
    protect: Annotated[
        list[str] | None,
        typer.Option(
            "--protect",
            metavar="SPEC",
            help="Text (as --corpus) that must keep its ids; checked; repeatable.",
        ),
    ] = None,
    first_id: Annotated[
        int | None,
        typer.Option("--first-id", help="First new id, where ids behind the known ones are reserved."),
    ] = None,
    base_pretokenizer: Annotated[
        str | None,
        typer.Option("--base-pretokenizer", help="For a tiktoken file that is none of the published ones."),
    ] = None,
    min_frequency: Annotated[int, typer.Option("--min-frequency", help="Stop below this pair count.")] = 1,
    max_token_length: Annotated[
        int | None, typer.Option("--max-token-length", help="Longest new token, in bytes.")
    ] = None,
    tie_break: Annotated[
        str, typer.Option("--tie-break", help="Among equal counts: ids, lexmax or lexmin.")
    ] = "ids",
    weight: parameters.Weight = None,
    alpha: parameters.Alpha = None,
    min_pretoken_count: parameters.MinPretokenCount = 1,
    allow_smaller: Annotated[
        bool, typer.Option("--allow-smaller", help="Accept fewer tokens when the text runs out of pairs.")
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
    threads: parameters.Threads = None,
    memory: parameters.Memory = None,
    temporary: parameters.Temporary = None,
    checkpoint_every: parameters.CheckpointEvery = None,
    resume: parameters.Resume = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Add tokens to an existing tokenizer by training on, from what it makes of the text."""
    from tokbench.cli import resuming
    from tokbench.corpora import open_corpus
    from tokbench.extend import extend as extend_tokenizer
    from tokbench.run import check_formats, check_target, write_run
    from tokbench.tokenizer import Tokenizer

    checkpoint: Checkpoint | None = context.obj
    if resume is not None:
        if resuming.is_complete(resume):
            note(f"{resume} is complete")
            return
        context.obj, earlier = resuming.resumed(context, resume)
        extend(context, **earlier)
        return
    if base is None or corpus is None or add is None or out is None:
        raise ParameterError("give BASE, --corpus, --add and --out, or --resume")
    wanted = parameters.split_names(formats)
    check_formats(wanted or [])
    check_target(out, overwrite=overwrite)
    opened = open_corpus(corpus, languages=parameters.split_names(languages), document=document)
    if document_weight is not None:
        opened = replace(opened, document_weight=document_weight)
    if checkpoint is None and checkpoint_every is not None:
        checkpoint = resuming.begin(context, out, every=checkpoint_every)
    with resuming.kept(context, checkpoint, out), progress_bar() as progress:
        tokenizer = extend_tokenizer(
            Tokenizer.load(base, pretokenizer=base_pretokenizer),
            opened,
            add=parameters.parse_size(add),
            freeze=freeze,
            protect=None if protect is None else open_corpus(protect, document=document),
            first_id=first_id,
            tie_break=tie_break,
            min_frequency=min_frequency,
            max_token_length=max_token_length,
            min_pretoken_count=min_pretoken_count,
            weights=parameters.parse_weights(weight),
            alpha=alpha,
            allow_smaller=allow_smaller,
            threads=threads,
            memory=memory,
            temporary=temporary,
            checkpoint=checkpoint,
            progress=progress,
        )
    arguments: dict[str, object] = {
        "base": base,
        "corpus": corpus,
        "protect": protect,
        "add": parameters.parse_size(add),
    }
    if document_weight is not None:
        arguments["document_weight"] = document_weight
    if checkpoint is not None:
        arguments["job"] = checkpoint.job["id"]
    refused = write_run(
        out,
        tokenizer,
        formats=wanted if wanted is not None else ["huggingface"],
        arguments=arguments,
        overwrite=overwrite,
        checkpoint=checkpoint,
    )
    settings = dict(tokenizer.training.settings) if tokenizer.training is not None else {}
    told = ("first_id", "last_id", "tokens_before", "tokens_after", "cut_off")
    facts = {
        "out": str(out),
        "vocab_size": tokenizer.vocab_size,
        **{name: settings[name] for name in told if name in settings},
        "fingerprint": tokenizer.fingerprint,
        "not_representable": refused,
    }
    if as_json:
        print_json(facts)
    else:
        note(
            f"new ids {settings['first_id']} … {settings['last_id']}, {tokenizer.vocab_size:,} tokens in {out}"
        )
        if first_id is None:
            note(
                f"they begin behind the highest id that {base} names; where a model holds ids of its own behind that, "
                f"such as reserved special tokens, give the first free one with --first-id"
            )
        note(f"tokens of the corpus before: {settings['tokens_before']}, after: {settings['tokens_after']}")
        if "cut_off" in settings:
            note(f"cut off below {min_pretoken_count} occurrences: {settings['cut_off']}")
        for name, reason in refused.items():
            note(f"no {name} file: {reason}")
    if wanted and refused:
        raise NotRepresentableError(
            f"{out} is complete but for {', '.join(refused)}: {'; '.join(refused.values())}"
        )
