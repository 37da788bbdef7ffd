"""`train`: pretoken counts (or a corpus) → a BPE tokenizer, exactly and reproducibly.

The same counts and settings give the same merges for any number of threads and any order of the input. With the
defaults they are those of Hugging Face's `BpeTrainer` with the 256-byte initial alphabet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.bpe import Training
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.merges import Merges
from tokbench.objectives.state import EngineState
from tokbench.settings import Settings
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from tokbench.checkpoint import Checkpoint
    from tokbench.corpus import Corpus
    from tokbench.counts import PretokenCounts
    from tokbench.objectives.protocol import Objective
    from tokbench.resume import Start, Vetoes
    from tokbench.tokenizer import BpeTokenizer, Tokenizer
    from tokbench.weights import Number, TermWeights
else:
    from tokbench.late import pl

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    `log` has one row per step: step, left, right, result, token (bytes), count (of the pair when it was
    chosen) and for every group a column ``tokens_<group>``, the number of tokens of the group's text after the
    step. So the compression at every smaller vocabulary size is in it.
    """

    vocab: Vocab
    merges: Merges
    make_log: Callable[[], pl.DataFrame]
    settings: Settings

    @cached_property
    def log(self) -> pl.DataFrame:
        """The log, drawn up when it is first asked for."""
        return self.make_log()


def train(
    source: PretokenCounts | Corpus,
    *,
    vocab_size: int,
    pretokenizer: str | None = None,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 1,
    max_token_length: int | None = None,
    initial_alphabet: str | Sequence[str | bytes] | None = None,
    limit_alphabet: int | None = None,
    unit: str = "byte",
    character_coverage: float = 1.0,
    byte_fallback: bool = False,
    unknown: str | None = None,
    alphabet_order: str = "gpt2",
    tie_break: str = "ids",
    objective: Objective | None = None,
    allow_smaller: bool = False,
    min_pretoken_count: int = 1,
    weights: Mapping[str, Number] | None = None,
    alpha: float | None = None,
    term_weights: TermWeights | Mapping[str, Number] | None = None,
    start: Tokenizer | None = None,
    vetoes: Vetoes | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> BpeTokenizer:
    """Train a BPE tokenizer: merge the most frequent pair until there are `vocab_size` tokens.

    Ids: special tokens in the given order, then the 256 fallback tokens if any, the alphabet, and one id per
    merge. The counts of all groups are added up, after weighting.

    Args:
        source: pretoken counts, or a corpus, which is counted first.
        vocab_size: the number of ids, special tokens and alphabet included.
        pretokenizer: for a corpus, what cuts it into pretokens (cl100k unless given); counts bring their own.
        special_tokens: texts that take the first ids. One that spells a token which training makes (only
            printable ASCII in bytes) lends its id to it, as in Hugging Face.
        min_frequency: stop at the first pair that occurs less often; 0 and 1 are the same.
        max_token_length: no token of more bytes (characters with ``unit="character"``) is made. Hugging
            Face's ``max_token_length=L`` is ``max(2, L - 1)`` here.
        initial_alphabet: "bytes" (all 256, the default), "seen" (those that occur; the default for
            characters), or symbols that are added to those that occur.
        limit_alphabet: keep only so many symbols, the most frequent (of equals the first in alphabet order).
            The others vanish from the words and their neighbours become adjacent, as in Hugging Face, unless
            there is a fallback or unknown token.
        unit: "byte" or "character". A byte that is not part of valid UTF-8 is never a character.
        character_coverage: the share of all characters that the alphabet must cover; the rarest stay out.
        byte_fallback: write characters outside of the alphabet as byte tokens, which are never merged.
        unknown: write them as this special token, which is put first if it is not among `special_tokens`.
        alphabet_order: the order of the bytes' ids: "gpt2" (as Hugging Face) or "byte" (as rustbpe, bpeasy).
        tie_break: among equally frequent pairs take the smallest ids ("ids", as Hugging Face), the largest
            strings ("lexmax", compared in GPT-2's printable alphabet) or the smallest byte strings
            ("lexmin").
        objective: a variant's choice of the next merge; plain BPE unless given.
        allow_smaller: accept a smaller vocabulary when the pairs run out.
        min_pretoken_count: leave out pretokens that occur less often over all groups, before weighting; what
            was left out is reported in the training's settings (``cut_off``).
        weights: how much a group's counts count (see ``PretokenCounts.weighted``). The log's counts are then
            in units of one over ``weight_scale``; `min_frequency` stays in those of the text.
        alpha: weigh the groups so that their shares of the bytes become ``n^alpha / Σ n^alpha`` instead.
        term_weights: how much the counts of single words count (see ``PretokenCounts.reweighted``), after `weights`.
        start: a trained tokenizer to go on from, up to `vocab_size`; alphabet, special tokens and unit are its
            own. Its merges are repeated on the counts first, whatever pre-tokenizer these were made with, which
            the result has then (superwords are such a second stage). Tie-break, `min_frequency` and
            `max_token_length` are not taken over. The log begins after its last merge.
        vetoes: what may not be merged, with `start` only: tokens of too many words, tokens with a forbidden part.
        checkpoint: keeps finished counts and merges in its work directory; with one that is resumed, a killed
            run ends with the result of an uninterrupted one.
        progress: called with phase, done and total about twenty times a second.

    Raises:
        ParameterError: for a parameter out of range, e.g. a `vocab_size` below alphabet and special tokens.
        ExhaustedError: when the counts do not hold enough pairs; it says how many tokens were possible.

    Example:
        >>> from tokbench.counts import PretokenCounts
        >>> counts = PretokenCounts.from_mapping({"eng": {b"low": 5, b"lower": 2, b"newest": 6}})
        >>> train(counts, vocab_size=260).vocab.token_bytes(256)
        b'we'
    """
    from tokbench.corpus import Corpus
    from tokbench.counts import PretokenCounts
    from tokbench.tokenizer import BpeTokenizer, Tokenizer

    if start is None and vetoes is not None:
        message = (
            "vetoes: need a tokenizer to go on from; give start, a tokenizer of the alphabet alone if need be"
        )
        raise ParameterError(message)
    if start is not None:
        _refuse_with_start(
            special_tokens=bool(special_tokens),
            initial_alphabet=initial_alphabet is not None,
            limit_alphabet=limit_alphabet is not None,
            unit=unit != "byte",
            character_coverage=character_coverage < 1.0,
            byte_fallback=byte_fallback,
            unknown=unknown is not None,
            alphabet_order=alphabet_order != "gpt2",
        )
        pretokenizer = pretokenizer or (start.pretokenizer if isinstance(source, Corpus) else None)
    if isinstance(special_tokens, str):
        message = f"special_tokens: give a list of tokens, such as [{special_tokens!r}], not one string"
        raise ParameterError(message)
    if not isinstance(source, Corpus | PretokenCounts):
        message = (
            f"source: expected pretoken counts or a corpus, got {type(source).__name__}; for texts at hand use "
            f"Corpus.from_texts({{'eng': [...]}}), for texts that pass by count_texts({{'eng': iterable}})"
        )
        raise ParameterError(message)
    if isinstance(source, Corpus):
        from tokbench.counts import count

        counts = count(source, pretokenizer or "cl100k", checkpoint=checkpoint, progress=progress)
    else:
        counts = source
        if pretokenizer is not None and pretokenizer != counts.pretokenizer:
            message = (
                f"pretokenizer: the counts were made with {counts.pretokenizer!r}, not {pretokenizer!r}; "
                f"count the corpus again, or leave it out"
            )
            raise ParameterError(message)
    counts, cut_off = prepared(counts, min_pretoken_count=min_pretoken_count, weights=weights, alpha=alpha)
    if term_weights is not None:
        counts, cut_off = weighted_by_terms(counts, term_weights, cut_off)
    begin = None
    if start is not None:
        from tokbench.resume import Vetoes, continued

        begin = continued(start, vetoes=vetoes or Vetoes())
        unit, special_tokens, initial_alphabet = begin.model.unit, tuple(begin.model.vocab.special), "seen"
        unknown, byte_fallback = begin.model.vocab.unknown, begin.model.vocab.byte_fallback is not None
    if initial_alphabet is None:
        initial_alphabet = "bytes" if unit == "byte" else "seen"
    if unknown is not None and unknown not in special_tokens:
        special_tokens = (unknown, *special_tokens)
    settings = Settings(
        vocab_size=vocab_size,
        pretokenizer=counts.pretokenizer,
        unit=unit,
        special_tokens=tuple(special_tokens),
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        initial_alphabet=initial_alphabet if isinstance(initial_alphabet, str) else tuple(initial_alphabet),
        limit_alphabet=limit_alphabet,
        character_coverage=character_coverage,
        byte_fallback=byte_fallback,
        unknown=unknown,
        alphabet_order=alphabet_order,
        tie_break=tie_break,
        objective="plain" if objective is None else repr(objective),
        allow_smaller=allow_smaller,
        min_pretoken_count=min_pretoken_count,
        weights=None if counts.weights is None else counts.weights.as_dict(),
        weight_scale=counts.scale,
        start=None if start is None else start.fingerprint,
    )
    if checkpoint is not None:
        checkpoint.agree("settings", settings.as_dict())
        checkpoint.check_counts(counts.native)
    outcome = run(
        counts.native, settings, objective=objective, begin=begin, checkpoint=checkpoint, progress=progress
    )
    training = Training(settings.as_dict() | cut_off, lambda: outcome.log)
    if begin is not None:
        grown = begin.grown(_made(outcome.vocab, begin), outcome.merges)
        return BpeTokenizer(
            replace(grown, pretokenizer=counts.pretokenizer), name="trained", training=training
        )
    return Tokenizer.from_training(
        outcome.vocab,
        outcome.merges,
        pretokenizer=counts.pretokenizer,
        unit="character" if unit == "character" else "byte",
        training=training,
    )


def prepared(
    counts: PretokenCounts,
    *,
    min_pretoken_count: int,
    weights: Mapping[str, Number] | None,
    alpha: float | None,
) -> tuple[PretokenCounts, dict[str, object]]:
    """Cut rare pretokens off, then weigh the groups; also say what was cut off, ready for JSON.

    Raises:
        ParameterError: as ``PretokenCounts.filter`` and ``weighted``.
    """
    report: dict[str, object] = {}
    if min_pretoken_count != 1:
        counts, dropped = counts.filter(min_count=min_pretoken_count)
        report = {"cut_off": asdict(dropped)}
    if weights is not None or alpha is not None:
        counts = counts.weighted(weights, alpha=alpha)
    return counts, report


def weighted_by_terms(
    counts: PretokenCounts, weights: TermWeights | Mapping[str, Number], report: Mapping[str, object]
) -> tuple[PretokenCounts, dict[str, object]]:
    """Weigh pretokens by terms; also add to the report by what, ready for JSON."""
    from tokbench.weights import TermWeights

    chosen = weights if isinstance(weights, TermWeights) else TermWeights.of(weights)
    return counts.reweighted(chosen), {**report, "term_weights": chosen.as_dict()}


def _refuse_with_start(**given: bool) -> None:
    for name, is_given in given.items():
        if is_given:
            message = f"{name}: belongs to the tokenizer that start= goes on from; leave it out"
            raise ParameterError(message)


def _made(vocab: Vocab, begin: Start) -> dict[int, bytes]:
    """Return the ordinary tokens that the base does not have."""
    return {i: token for i, token in vocab.tokens.items() if i not in begin.model.vocab.tokens}


def run(
    counts: _rust.PretokenCounts,
    settings: Settings,
    *,
    objective: Objective | None = None,
    begin: Start | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Carry a training run out; `train` wraps its result into a tokenizer.

    With `begin` the run starts there; merges and log hold its own steps only.

    Raises:
        ParameterError, ExhaustedError: as `train`.
    """
    track_groups = objective is not None and objective.tracks_groups
    if begin is None:
        engine = start(counts, settings, track_groups=track_groups, progress=progress)
    else:
        engine = begin.engine(
            counts,
            tie_break=settings.tie_break,
            max_token_length=settings.max_token_length,
            min_frequency=settings.pair_floor,
            expected_merges=max(1, settings.vocab_size - begin.first_id),
            track_groups=track_groups,
            progress=progress,
        )
        if settings.vocab_size < begin.first_id:
            message = (
                f"vocab_size: must be at least {begin.first_id}, what is there; got {settings.vocab_size}"
            )
            raise ParameterError(message)
    if objective is None:
        left, right, result, count, lengths = _plain(engine, settings, checkpoint, progress)
    else:
        left, right, result, count, lengths = _drive(engine, settings, objective, checkpoint, progress)
    vocab = vocab_of(engine, settings) if begin is None else Vocab(_ordinary(engine), partial=True)
    done = 0 if begin is None else len(begin.model.merges)
    groups = counts.groups

    def make_log() -> pl.DataFrame:
        return pl.DataFrame(
            {
                "step": np.arange(done + 1, done + len(left) + 1, dtype=np.uint32),
                "left": left,
                "right": right,
                "result": result,
                "token": pl.Series(
                    [vocab.token_bytes(token_id) for token_id in result.tolist()], dtype=pl.Binary
                ),
                "count": count,
                **{f"tokens_{group}": lengths[:, index] for index, group in enumerate(groups)},
            }
        )

    return Outcome(vocab, Merges(left, right, result), make_log, settings)


def start(
    counts: _rust.PretokenCounts,
    settings: Settings,
    *,
    track_groups: bool = False,
    silent_groups: int = 0,
    total_closed: bool = False,
    overlap: bool = True,
    deletions: bool = False,
    first_floor: int | None = None,
    progress: Progress | None = None,
) -> _rust.Engine:
    """Make the engine for a run: words laid out, pairs counted, nothing merged yet.

    The last `silent_groups` groups are only segmented along: they count in the lengths, but in no pair. With
    `total_closed` pairs are not followed for their total count before that is asked for.
    """
    uncovered = (
        "byte_fallback" if settings.byte_fallback else "drop" if settings.unknown is None else "unknown"
    )
    return _rust.Engine(
        counts,
        unit=settings.unit,
        special_tokens=list(settings.special_tokens),
        initial_alphabet=settings.symbols(),
        limit_alphabet=settings.limit_alphabet,
        coverage=settings.character_coverage,
        uncovered=uncovered,
        unknown=settings.unknown,
        alphabet_order=settings.alphabet_order,
        tie_break=settings.tie_break,
        max_token_length=settings.max_token_length,
        min_frequency=settings.pair_floor,
        expected_merges=settings.vocab_size,
        first_floor=first_floor,
        track_groups=track_groups,
        silent_groups=silent_groups,
        total_closed=total_closed,
        overlap=overlap,
        deletions=deletions,
        progress=progress,
    )


Log = tuple[
    "NDArray[np.uint32]",
    "NDArray[np.uint32]",
    "NDArray[np.uint32]",
    "NDArray[np.uint64]",
    "NDArray[np.uint64]",
]
"""Left, right, result and count of each step, and the tokens of every group after it."""


def _plain(
    engine: _rust.Engine, settings: Settings, checkpoint: Checkpoint | None, progress: Progress | None
) -> Log:
    if checkpoint is None:
        return engine.run_plain(settings.vocab_size, allow_smaller=settings.allow_smaller, progress=progress)
    first, size, n_steps = engine.n_ids, settings.vocab_size, 0

    parts: list[Log] = []
    while not parts or engine.n_ids < size:
        goal = min(engine.n_ids + checkpoint.every, size)
        part = engine.run_plain(goal, allow_smaller=True)
        parts.append(part)
        checkpoint.record(n_steps, np.stack([column.astype(np.uint64) for column in part[:4]], axis=1))
        n_steps += len(part[0])
        if progress is not None:
            progress("merging", engine.n_ids - first, size - first)
        if engine.n_ids < goal:
            # The pairs have run out: this raises unless a smaller vocabulary is allowed.
            engine.run_plain(size, allow_smaller=settings.allow_smaller)
            break
    left, right, result, count, lengths = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return left, right, result, count, lengths


def _drive(
    engine: _rust.Engine,
    settings: Settings,
    objective: Objective,
    checkpoint: Checkpoint | None,
    progress: Progress | None,
) -> Log:
    if engine.n_ids > settings.vocab_size:
        message = (
            f"vocab_size: must be at least {engine.n_ids}, the special tokens and the alphabet together; "
            f"got {settings.vocab_size}"
        )
        raise ParameterError(message)
    state = EngineState(engine)
    first = engine.n_ids
    steps: list[tuple[int, int, int, int]] = []
    lengths: list[NDArray[np.uint64]] = []
    while engine.n_ids < settings.vocab_size:
        step = objective.choose(state)
        if step is None:
            if settings.allow_smaller:
                break
            message = (
                f"vocabulary size {settings.vocab_size} asked for, {engine.n_ids} possible: {objective!r} "
                f"finds no further step; use more text, a smaller vocab_size or allow_smaller"
            )
            raise ExhaustedError(message)
        result, count, _ = engine.merge(step.left, step.right)
        steps.append((step.left, step.right, result, count))
        lengths.append(engine.lengths())
        if checkpoint is not None and len(steps) % checkpoint.every == 0:
            checkpoint.record(
                len(steps) - checkpoint.every, np.array(steps[-checkpoint.every :], dtype=np.uint64)
            )
        if progress is not None and len(steps) % 256 == 0:
            progress("merging", engine.n_ids - first, settings.vocab_size - first)
    columns = np.array(steps, dtype=np.uint64).reshape(-1, 4)
    left, right, result_ids = (columns[:, index].astype(np.uint32) for index in range(3))
    totals = np.array(lengths, dtype=np.uint64).reshape(-1, engine.n_groups)
    return left, right, result_ids, columns[:, 3].copy(), totals


def _ordinary(engine: _rust.Engine) -> dict[int, bytes]:
    """Return the tokens that encoding can produce, by id."""
    arena, ends, ordinary = engine.tokens()
    data = arena.tobytes()
    starts = [0, *ends.tolist()]
    return {
        token_id: data[starts[token_id] : starts[token_id + 1]]
        for token_id in np.flatnonzero(ordinary).tolist()
    }


def vocab_of(engine: _rust.Engine, settings: Settings) -> Vocab:
    """Return what an engine that `start` made has made so far: special tokens, alphabet and merge results."""
    tokens = _ordinary(engine)
    first_fallback, _, _ = engine.layout()
    fallback = None if first_fallback is None else range(first_fallback, first_fallback + 256)
    complete = {token[0] for token in tokens.values() if len(token) == 1}
    return Vocab(
        tokens,
        special={text: token_id for token_id, text in enumerate(settings.special_tokens)},
        byte_fallback=fallback,
        unknown=settings.unknown,
        partial=len(complete) < 256 and fallback is None and settings.unknown is None,
    )
