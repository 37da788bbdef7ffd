"""`train`: text or counts → a tokenizer, by any algorithm that is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.algorithm import Request, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokbench.algorithm import Algorithm
    from tokbench.checkpoint import Checkpoint
    from tokbench.corpus import Corpus
    from tokbench.counts import PretokenCounts
    from tokbench.objectives.protocol import Objective
    from tokbench.tokenizer import Tokenizer
    from tokbench.weights import Number


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
    start: Tokenizer | None = None,
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
        start: a trained tokenizer to go on from, up to `vocab_size`.
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
    request = Request(
        source=source,
        vocab_size=vocab_size,
        pretokenizer=pretokenizer,
        special_tokens=special_tokens if isinstance(special_tokens, str) else tuple(special_tokens),
        dev=dev,
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
        start=start,
        threads=threads,
        checkpoint=checkpoint,
        progress=progress,
    )
    return parse(algorithm).train(request)
