"""`tokbench train`: a tokenizer from text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import NotRepresentableError, ParameterError

if TYPE_CHECKING:
    from tokbench.checkpoint import Checkpoint
    from tokbench.corpus import Corpus

EPILOG = """[bold]Examples[/bold]

tokbench train --corpus sample --vocab-size 4000 --out my-tokenizer

tokbench train -c eng='en/*.txt.zst' -c tur=tr.jsonl:text -V 32000 -p o200k --special '<|endoftext|>' -o mine

tokbench train --counts counts.parquet --vocab-size 64000 --out mine-64k --format huggingface,tiktoken

tokbench train -c 'tur=tr/*.txt' -c 'eng=en/*.txt' --alpha 0.3 -V 8k,16k,32k,64k -o sizes

tokbench train -c web.jsonl.zst:text --document-weight quality -V 32k -o by-quality

tokbench train -c 'eng=new/*.txt' --start mine -V 48k -o mine-48k

tokbench train -c 'eng=en/*.jsonl.zst' -V 64k -o mine --memory 4GB --checkpoint-every 1000

tokbench train --resume mine

tokbench train -c flores200=DIR --algorithm 'parity(variant=window,window=100)' --dev flores200=DIR -V 32k -o fair

Several sizes take one run and make one directory each: sizes/v8000, sizes/v16000 …, every one of them equal to \
what its own run would write.

The directory holds tokenizer.tokbench.json, training.parquet (every merge with its count and the tokens per \
language after it), run.json (how to repeat it) and, with the format huggingface, what \
transformers.AutoTokenizer.from_pretrained needs.
"""


class _Command(typer.core.TyperCommand):
    """A command whose help ends with the algorithms and steps that there are; they are looked up only then."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # of click, or of Typer's own copy of it
        from tokbench.algorithm import ALGORITHMS
        from tokbench.cli.explaining import print_entries
        from tokbench.steps import STEPS

        super().format_help(ctx, formatter)
        print_entries(ALGORITHMS, "algorithms", more="tokbench algorithms explain NAME")
        print_entries(STEPS, "steps", more="tokbench steps explain NAME")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("train", cls=_Command, no_args_is_help=True, epilog=EPILOG)(train)


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
    algorithm: Annotated[
        str,
        typer.Option(
            "--algorithm",
            "-a",
            metavar="NAME[(…)]",
            help="How to train, with parameters in parentheses: bpe, 'parity(variant=window)' …; all of them are "
            "listed below.",
        ),
    ] = "bpe",
    dev: Annotated[
        list[str] | None,
        typer.Option(
            "--dev",
            metavar="SPEC",
            help="Text that is measured but not trained on, written like --corpus; parallel for algorithms that "
            "balance languages.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="For algorithms that draw at random; 0 by default.")
    ] = None,
    counts: Annotated[
        str | None,
        typer.Option(
            "--counts",
            metavar="PATH",
            help="Train on the output of 'tokbench count' instead of a corpus: a file, a directory or a URI.",
        ),
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
    step: Annotated[
        list[str] | None,
        typer.Option(
            "--step",
            metavar="NAME[(…)]",
            help="Reversible change of the text before everything else, such as case; repeatable, in this order. Of "
            "a corpus only; the tokenizer takes it back when it decodes.",
        ),
    ] = None,
    morphemes: Annotated[
        Path | None,
        typer.Option(
            "--morphemes",
            metavar="FILE",
            help="Cut words into the morphemes of a list, one a line, or of a Hunspell .dic (longest match) before "
            "merging; no token crosses a cut.",
        ),
    ] = None,
    weight: parameters.Weight = None,
    alpha: parameters.Alpha = None,
    term_weights: Annotated[
        Path | None,
        typer.Option(
            "--term-weights",
            metavar="FILE",
            help="Let single words count more: lines term<TAB>weight (at most four decimals).",
        ),
    ] = None,
    min_pretoken_count: parameters.OptionalMinPretokenCount = None,
    special: Annotated[
        list[str] | None,
        typer.Option("--special", help="Special token; repeatable, ids in this order from 0."),
    ] = None,
    min_frequency: Annotated[
        int | None,
        typer.Option(
            "--min-frequency", help="Stop below this pair count; 1 unless the algorithm says otherwise."
        ),
    ] = None,
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
        str | None,
        typer.Option(
            "--tie-break",
            help="Among equal counts: ids (as Hugging Face; default of bpe), lexmax or lexmin.",
        ),
    ] = None,
    alphabet_order: Annotated[
        str | None,
        typer.Option(
            "--alphabet-order", help="Ids of the bytes: gpt2 (as Hugging Face; default) or byte (as rustbpe)."
        ),
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Merge byte (default) or character.")] = None,
    character_coverage: Annotated[
        float | None,
        typer.Option(
            "--character-coverage",
            help="With --unit character: share of text the alphabet covers; 1 by default.",
        ),
    ] = None,
    byte_fallback: Annotated[
        bool | None,
        typer.Option("--byte-fallback/", help="With --unit character: spell uncovered characters as bytes."),
    ] = None,
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
    from tokbench.algorithm import ALGORITHMS, Request
    from tokbench.cli import resuming
    from tokbench.corpora import open_corpus
    from tokbench.counts import PretokenCounts
    from tokbench.run import check_formats, check_target, write_run, write_runs
    from tokbench.segmenters import Lexicon
    from tokbench.steps.changed import changed, fitted
    from tokbench.sweep import cut
    from tokbench.tokenizer import BpeTokenizer, Tokenizer
    from tokbench.training import in_morphemes, with_segmenter, with_steps, without_steps
    from tokbench.weights import TermWeights

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
    steps = step or []
    base = None if start is None else Tokenizer.load(start)
    if (corpus is None) == (counts is None):
        raise ParameterError("give either --corpus or --counts")
    if counts is not None and document_weight is not None:
        raise ParameterError("--document-weight: belongs to counting; give it to 'tokbench count'")
    chosen = ALGORITHMS.parse(algorithm)
    if checkpoint_every is not None:
        chosen.check_checkpoint()
    if document_weight is not None and chosen.reads_text:
        raise ParameterError(
            f"--document-weight: {chosen.about.name} reads the text itself, each document once"
        )
    settings: dict[str, Any] = {
        "min_frequency": min_frequency,
        "max_token_length": max_token_length,
        "initial_alphabet": initial_alphabet,
        "limit_alphabet": limit_alphabet,
        "tie_break": tie_break,
        "alphabet_order": alphabet_order,
        "unit": unit,
        "character_coverage": character_coverage,
        "byte_fallback": byte_fallback,
        "unknown": unknown,
        "min_pretoken_count": min_pretoken_count,
        "weights": weights,
        "alpha": alpha,
        "term_weights": None if term_weights is None else TermWeights.read(term_weights),
        "seed": seed,
    }
    if len(sizes) > 1 and chosen.about.name != "bpe":
        raise ParameterError(
            f"--vocab-size: several sizes come from one run of bpe, not of {chosen.about.name}"
        )
    counting = {"strict_utf8": strict_utf8, "memory": memory, "temporary": temporary}
    if checkpoint is None and checkpoint_every is not None:
        checkpoint = resuming.begin(context, out, every=checkpoint_every)
    source: Corpus | PretokenCounts
    with resuming.kept(context, checkpoint, out), progress_bar() as progress:
        if counts is not None:
            source = PretokenCounts.load(counts)
            if pretokenizer is not None and pretokenizer != source.pretokenizer:
                raise ParameterError(
                    f"{counts} was counted with the pre-tokenizer {source.pretokenizer!r}, not {pretokenizer!r}"
                )
        else:
            source = open_corpus(corpus or [], languages=parameters.split_names(languages), document=document)
            if document_weight is not None:
                source = replace(source, document_weight=document_weight)
        if steps:
            steps = list(fitted(source, steps, start=() if base is None else base.steps))
            source = changed(source, steps)
        settings["start"] = None if base is None else without_steps(base, steps)
        settings["dev"] = _open_dev(dev, parallel=chosen.parallel_dev, steps=steps)
        request = Request(
            source=source,
            vocab_size=max(sizes),
            pretokenizer=pretokenizer,
            special_tokens=special or (),
            allow_smaller=allow_smaller,
            threads=threads,
            counting=counting,
            checkpoint=checkpoint,
            progress=progress,
            **settings,
        )
        if not chosen.reads_text:
            default = None if base is None else base.pretokenizer
            source = request.counts(default or chosen.default_pretokenizer)
            request = replace(request, source=source, pretokenizer=None)
        segmenter = None
        if morphemes is not None:
            request, segmenter = in_morphemes(chosen, request, Lexicon.read(morphemes))
        largest = with_steps(with_segmenter(chosen.train(request), segmenter), steps)
        made: dict[int, Tokenizer] = {max(sizes): largest}
        if len(sizes) > 1 and isinstance(largest, BpeTokenizer):
            made = {size: cut(largest, vocab_size=size) for size in sorted(set(sizes))}
    arguments: dict[str, object] = {
        "corpus": corpus,
        "counts": counts,
        "languages": parameters.split_names(languages),
        "document": document,
        "document_weight": document_weight,
        "strict_utf8": strict_utf8,
        "algorithm": ALGORITHMS.spell(chosen),
        "dev": dev,
        "seed": seed,
        "step": step,
        "morphemes": None if morphemes is None else str(morphemes),
        "term_weights": None if term_weights is None else str(term_weights),
    }
    amount: dict[str, object] = {}
    if isinstance(source, PretokenCounts):
        amount = {"bytes": source.total_bytes, "unique_pretokens": len(source)}
        arguments |= {
            "groups": list(source.groups),
            "bytes": source.total_bytes,
            "counts_fingerprint": source.fingerprint,
        }
    else:
        arguments |= {"groups": list(source.languages), "corpus_fingerprint": source.fingerprint}
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
        **amount,
        "sizes": sorted(made),
        "fingerprint": tokenizer.fingerprint,
        "not_representable": refused,
    }
    if as_json:
        print_json(facts)
    else:
        if isinstance(source, PretokenCounts):
            text = f"{source.total_bytes:,} bytes, {len(source):,} unique pretokens"
            sizes_of_text = zip(source.groups, source.native.totals()[1], strict=True)
            if silent := [group for group, size in sizes_of_text if not size]:
                note(f"no text for {', '.join(silent)}: nothing was learned from it; check its files")
        else:
            text = f"{len(source.languages)} languages"
        note(f"{text} → {tokenizer.vocab_size:,} tokens in {out}")
        if tokenizer.training is not None and (lost := tokenizer.training.settings.get("cut_off")):
            note(f"cut off below {min_pretoken_count} occurrences: {lost}")
        for name, reason in refused.items():
            note(f"no {name} file: {reason}")
    if wanted and refused:
        raise NotRepresentableError(
            f"{out} is complete but for {', '.join(refused)}: {'; '.join(refused.values())}"
        )


def _open_dev(specs: list[str] | None, *, parallel: bool, steps: list[str]) -> Corpus | None:
    from tokbench.corpora import open_corpus
    from tokbench.steps.changed import changed

    if specs is None:
        return None
    corpus = parameters.open_parallel(specs) if parallel else open_corpus(specs)
    return changed(corpus, steps) if steps else corpus
