"""`train`: text or counts → a tokenizer, by any algorithm that is registered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.algorithm import ALGORITHMS, Request
from tokbench.errors import ParameterError
from tokbench.segmenters import Lexicon, Table
from tokbench.steps import Chain, shown
from tokbench.steps.changed import changed, fitted
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokbench.algorithm import Algorithm
    from tokbench.checkpoint import Checkpoint
    from tokbench.corpus import Corpus
    from tokbench.counts import PretokenCounts
    from tokbench.objectives.protocol import Objective
    from tokbench.segmenters import Segmenter
    from tokbench.tokenizer import Tokenizer
    from tokbench.weights import Number, TermWeights


def train(
    source: Corpus | PretokenCounts,
    *,
    vocab_size: int,
    algorithm: str | Algorithm = "bpe",
    pretokenizer: str | None = None,
    special_tokens: Sequence[str] = (),
    dev: Corpus | None = None,
    seed: int | None = None,
    min_frequency: int | None = None,
    max_token_length: int | None = None,
    initial_alphabet: str | Sequence[str | bytes] | None = None,
    limit_alphabet: int | None = None,
    unit: str | None = None,
    character_coverage: float | None = None,
    byte_fallback: bool | None = None,
    unknown: str | None = None,
    alphabet_order: str | None = None,
    tie_break: str | None = None,
    objective: Objective | None = None,
    allow_smaller: bool = False,
    min_pretoken_count: int | None = None,
    weights: Mapping[str, Number] | None = None,
    alpha: float | None = None,
    term_weights: TermWeights | Mapping[str, Number] | None = None,
    start: Tokenizer | None = None,
    steps: Sequence[str] = (),
    morphemes: Segmenter | Callable[[bytes], Sequence[bytes]] | None = None,
    threads: int | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Tokenizer:
    """Train a tokenizer of `vocab_size` tokens, by plain BPE unless another `algorithm` is named.

    The same input and settings give the same tokenizer for any number of threads and any order of files. A setting
    that is None takes the algorithm's own default, which is named here for plain BPE; a setting that the algorithm
    does not know is refused.

    Args:
        source: a corpus, or pretoken counts (some algorithms need the running text).
        vocab_size: the number of ids, special tokens and alphabet included.
        algorithm: a name with parameters, such as ``"parity(variant=window,window=100)"``;
            ``tokbench algorithms list`` lists them.
        pretokenizer: what cuts a corpus into pretokens (cl100k); counts bring their own.
        special_tokens: texts that take the first ids. One that spells a token which training makes (only
            printable ASCII in bytes) lends its id to it, as in Hugging Face.
        dev: a parallel corpus, for algorithms that balance languages.
        seed: for algorithms that draw at random.
        min_frequency: stop at the first pair that occurs less often (1); 0 and 1 are the same.
        max_token_length: no token of more bytes (characters with ``unit="character"``) is made.
        initial_alphabet: "bytes" (all 256, the default), "seen" (those that occur), or symbols that are added to
            those that occur.
        limit_alphabet: keep only so many symbols, the most frequent.
        unit: "byte" (the default) or "character".
        character_coverage: the share of all characters that the alphabet must cover (1).
        byte_fallback: write characters outside of the alphabet as byte tokens.
        unknown: write them as this special token.
        alphabet_order: the order of the bytes' ids: "gpt2" (the default) or "byte".
        tie_break: among equally frequent pairs: "ids" (the default), "lexmax" or "lexmin".
        objective: plain BPE's choice of the next merge, in Python; see `tokbench.objectives.protocol`.
        allow_smaller: accept a smaller vocabulary when the pairs run out.
        min_pretoken_count: leave out pretokens that occur less often over all groups; what was left out is
            reported in the training's settings (``cut_off``).
        weights: how much a group's counts count.
        alpha: weigh the groups so that their shares of the bytes become ``n^alpha / Σ n^alpha`` instead.
        term_weights: term → how much the counts of that word count, such as ``{"graphene": 3}``.
        start: a trained tokenizer to go on from, up to `vocab_size`.
        steps: reversible changes of the text before everything else, in order, such as ``["case"]``
            (`tokbench.steps`); training sees changed text, and the tokenizer changes text and takes it back. A step
            that learns is fitted on the corpus first.
        morphemes: what cuts pretokens into morphemes, which no token may cross: a lexicon or a callable pretoken →
            pieces, whose cuts of the pretokens counted here are kept (`tokbench.segmenters`); others stay whole.
            Cut-offs and weights of terms then see morphemes.
        threads: for counting; all cores unless given.
        checkpoint: keeps finished counts and merges; with one that is resumed, a killed run ends with the result
            of an uninterrupted one.
        progress: called with phase, done and total about twenty times a second.

    Raises:
        ParameterError: for a parameter out of range, unknown, or without effect for this algorithm.
        ExhaustedError: when the text does not hold enough pairs; it says how many tokens were possible.

    Example:
        >>> from tokbench.counts import PretokenCounts
        >>> counts = PretokenCounts.from_mapping({"eng": {b"low": 5, b"lower": 2, b"newest": 6}})
        >>> train(counts, vocab_size=260).vocab.token_bytes(256)
        b'we'
    """
    if isinstance(steps, str):
        message = f"steps: give a list of steps, such as [{steps!r}], not one string"
        raise ParameterError(message)
    if steps:
        steps = fitted(source, steps, start=() if start is None else start.steps)
    request = Request(
        source=changed(source, steps) if steps else source,
        vocab_size=vocab_size,
        pretokenizer=pretokenizer,
        special_tokens=special_tokens if isinstance(special_tokens, str) else tuple(special_tokens),
        dev=changed(dev, steps) if steps and dev is not None else dev,
        seed=seed,
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        initial_alphabet=initial_alphabet,
        limit_alphabet=limit_alphabet,
        unit=unit,
        character_coverage=character_coverage,
        byte_fallback=byte_fallback,
        unknown=unknown,
        alphabet_order=alphabet_order,
        tie_break=tie_break,
        objective=objective,
        allow_smaller=allow_smaller,
        min_pretoken_count=min_pretoken_count,
        weights=weights,
        alpha=alpha,
        term_weights=term_weights,
        start=None if start is None else without_steps(start, steps),
        threads=threads,
        checkpoint=checkpoint,
        progress=progress,
    )
    chosen = ALGORITHMS.parse(algorithm)
    segmenter = None
    if morphemes is not None:
        request, segmenter = in_morphemes(chosen, request, morphemes)
    return with_steps(with_segmenter(chosen.train(request), segmenter), steps)


def in_morphemes(
    algorithm: Algorithm, request: Request, morphemes: Segmenter | Callable[[bytes], Sequence[bytes]]
) -> tuple[Request, Segmenter]:
    """Return the request for counts of morphemes, and the segmenter as data.

    Raises:
        ParameterError: for an algorithm that reads running text, a start, or pieces that do not make up a pretoken.
    """
    if algorithm.reads_text or request.start is not None:
        other = "start" if request.start is not None else algorithm.about.name
        message = f"morphemes: are cut out of pretoken counts, which {other} does not go by; leave them out"
        raise ParameterError(message)
    counts = request.counts(algorithm.default_pretokenizer)
    if not isinstance(morphemes, Lexicon | Table):
        pretokens = counts.to_frame()["pretoken"].unique().to_list()
        morphemes = Table.of(morphemes, sorted(pretokens))
    return replace(request, source=counts.segmented(morphemes), pretokenizer=None), morphemes


def with_segmenter(trained: Tokenizer, segmenter: Segmenter | None) -> Tokenizer:
    """Return a tokenizer of morphemes as one of words.

    Raises:
        ParameterError: when another library encodes for it.
        VocabError: when it merges whole pretokens.
    """
    if segmenter is None:
        return trained
    if not isinstance(trained, BpeTokenizer):
        message = f"morphemes: a {trained.kind} tokenizer is encoded by another library; leave them out"
        raise ParameterError(message)
    model = replace(trained.model, segmenter=segmenter)
    return BpeTokenizer(model, name=trained.name, training=trained.training)


def without_steps(start: Tokenizer, steps: Sequence[str]) -> Tokenizer:
    """Return a tokenizer to go on from as one of the changed text.

    Raises:
        ParameterError: when its steps are not `steps`.
    """
    wanted = Chain(steps).spelled
    if start.steps != wanted:
        message = (
            f"start: {start.name} was trained with the steps {', '.join(map(shown, start.steps)) or 'none'}, now there "
            f"are {', '.join(map(shown, wanted)) or 'none'}; name the same ones"
        )
        raise ParameterError(message)
    if not isinstance(start, BpeTokenizer) or not wanted:
        return start
    return BpeTokenizer(replace(start.model, steps=()), name=start.name, training=start.training)


def with_steps(trained: Tokenizer, steps: Sequence[str]) -> Tokenizer:
    """Return a tokenizer of changed text as one of text.

    Raises:
        ParameterError: when another library encodes for it.
        VocabError: when a special token shares its id with ordinary text.
    """
    if not steps:
        return trained
    if not isinstance(trained, BpeTokenizer):
        message = f"steps: a {trained.kind} tokenizer is encoded by another library, which has no steps; leave them out"
        raise ParameterError(message)
    # An algorithm may have steps of its own, which see what these have changed.
    model = replace(trained.model, steps=(*steps, *trained.model.steps))
    training = trained.training
    if training is not None:
        training = replace(training, settings={**training.settings, "steps": list(model.steps)})
    return BpeTokenizer(model, name=trained.name, training=training)
