"""`tokbench extend`: new tokens for new text, behind those of an existing tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import NotRepresentableError

EPILOG = """[bold]Examples[/bold]

tokbench extend llama3/tokenizer.model --first-id 128256 -c 'tur=tr/*.txt.zst' --add 8000 -o llama3-tur

tokbench extend o200k_base.tiktoken -c 'khm=km.jsonl:text' --protect eng=english.txt --add 4000 -o o200k-khm

tokbench extend qwen/ -c 'tur=tr/*.txt' --add 2k --format huggingface,tiktoken -o qwen-tur

Existing ids and merges stay; new ids follow the highest one (or --first-id). Frozen, each new token stands for
one sequence of old ids, which is checked on the whole corpus. --protect text keeps its ids, which is checked too.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("extend", epilog=EPILOG, no_args_is_help=True)(extend)


def extend(
    base: Annotated[str, typer.Argument(help="Byte-level BPE tokenizer: a file or directory.")],
    corpus: parameters.Corpus,
    add: Annotated[str, typer.Option("--add", metavar="N", help="Number of new tokens; 8k is 8000.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make.")],
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
    threads: parameters.Threads = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Add tokens to an existing tokenizer by training on, from what it makes of the text."""
    from tokbench.corpora import open_corpus
    from tokbench.extend import extend as extend_tokenizer
    from tokbench.run import check_formats, check_target, write_run
    from tokbench.tokenizer import Tokenizer

    wanted = parameters.split_names(formats)
    check_formats(wanted or [])
    check_target(out, overwrite=overwrite)
    opened = open_corpus(corpus, languages=parameters.split_names(languages), document=document)
    with progress_bar() as progress:
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
            progress=progress,
        )
    refused = write_run(
        out,
        tokenizer,
        formats=wanted if wanted is not None else ["huggingface"],
        arguments={"base": base, "corpus": corpus, "protect": protect, "add": parameters.parse_size(add)},
        overwrite=overwrite,
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
        note(f"tokens of the corpus before: {settings['tokens_before']}, after: {settings['tokens_after']}")
        if "cut_off" in settings:
            note(f"cut off below {min_pretoken_count} occurrences: {settings['cut_off']}")
        for name, reason in refused.items():
            note(f"no {name} file: {reason}")
    if wanted and refused:
        raise NotRepresentableError(
            f"{out} is complete but for {', '.join(refused)}: {'; '.join(refused.values())}"
        )
