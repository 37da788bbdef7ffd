"""`extend`: new tokens for new text, behind those of an existing byte-level BPE tokenizer.

The base cuts the text first; new merges then join what it has left apart, in the order in which they were
chosen. All of them rank behind all of the base's, so encoding does the same: no merge of the base looks at a
new token, hence the base's merges come to an end before the first new one begins.

What ``freeze`` promises, and what is checked before anything is returned:

* every old id spells what it spelled, and the base's merges keep their order;
* every new merge makes a new token, which stands for one sequence of old ids. So an encoding differs from the
  base's only where it holds new ids, and putting their old ids in their place gives the base's encoding.

Without it a pair may also be joined into a token that the base has but does not reach from there, as training
does when it goes on; old text may then be encoded in other old ids.

A base may hold tokens that its merges never reach and that only stand for whole pretokens. Frozen, these stay out
of reach: their pairs are passed over. (Under tiktoken's rule such a token would come to life as soon as new
tokens made up two halves of it, so that the file could not express the result.)

``protect`` names text that must be encoded as before, id by id: a pair that its encoding holds is passed over,
and so is a token that is one of its pretokens where the base looks pretokens up whole. Checked, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bpe import Training
from tokbench.corpus import Corpus
from tokbench.counting import Counting, available_threads, sources_of
from tokbench.counts import PretokenCounts, table_of_counter
from tokbench.errors import ExhaustedError, ParameterError, VocabError
from tokbench.resume import Segments, Start, Vetoes, encode_pretokens, encoded, model_of
from tokbench.settings import Settings
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.train import prepared, run

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tokbench.bpe import BpeModel
    from tokbench.checkpoint import Checkpoint
    from tokbench.objectives.protocol import Objective
    from tokbench.weights import Number


def extend(
    base: Tokenizer,
    source: Corpus | PretokenCounts,
    *,
    add: int,
    freeze: bool = True,
    protect: Corpus | PretokenCounts | None = None,
    first_id: int | None = None,
    tie_break: str = "ids",
    min_frequency: int = 1,
    max_token_length: int | None = None,
    objective: Objective | None = None,
    min_pretoken_count: int = 1,
    weights: Mapping[str, Number] | None = None,
    alpha: float | None = None,
    allow_smaller: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    temporary: str | os.PathLike[str] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> BpeTokenizer:
    """Continue BPE training from what `base` makes of the text, until there are `add` new tokens.

    The base's own pre-tokenizer (and normalizer) applies. Special tokens stay special and are not trained on.
    The training's settings tell the first and the last new id and the tokens before and after.

    Args:
        base: a byte-level BPE tokenizer that is encoded natively: ours, tiktoken, tekken, ``tokenizer.json``.
        source: a corpus, or counts made with the base's pre-tokenizer.
        add: how many new tokens.
        freeze: whether every new merge makes a new token (see the module's text).
        protect: text whose encoding must not change.
        first_id: the id of the first new token; by default the one behind the highest that exists, special
            tokens and holes included. Give it where ids behind the known ones are reserved.
        tie_break: as for `train`.
        min_frequency: as for `train`.
        max_token_length: as for `train`; for new tokens only.
        objective: as for `train`.
        min_pretoken_count: as for `train`.
        weights: as for `train`.
        alpha: as for `train`.
        allow_smaller: accept fewer new tokens when the pairs run out.
        threads: for counting and encoding; the result does not depend on it.
        memory: bounds what counting allocates, as for `count`.
        temporary: where the rest goes, as for `count`.
        checkpoint: as for `train`.
        progress: called with phase, done and total about twenty times a second.

    Raises:
        ParameterError: for a base that is no byte-level BPE tokenizer of ours, `add` below 1, a `first_id` that
            is taken, or counts of another pre-tokenizer.
        ExhaustedError: when the text does not hold enough pairs; it says how many tokens were possible.
        NotEncodableError: when the text holds a byte for which the base has no token.
        VocabError: when what `freeze` or `protect` promises does not hold for this base, naming a pretoken.

    Example:
        >>> from tokbench.train import train
        >>> base = train(PretokenCounts.from_mapping({"eng": {b"low": 5}}), vocab_size=257)
        >>> more = extend(base, PretokenCounts.from_mapping({"tur": {b"yol": 3, b"low": 9}}), add=2)
        >>> [more.token_bytes(token_id) for token_id in (256, 257, 258)]
        [b'lo', b'low', b'ol']
    """
    model = _byte_level(base)
    _check(model, add=add, first_id=first_id)
    n_threads = threads if threads is not None else available_threads()
    first = model.vocab.n_ids if first_id is None else first_id
    how = Counting(
        groups=(),
        pretokenizer=model.pretokenizer,
        strict_utf8=False,
        threads=n_threads,
        memory=memory,
        temporary=temporary,
    )
    promises = {"add": add, "freeze": freeze, "protected": protect is not None, "first_id": first}
    if checkpoint is not None:
        checkpoint.agree("extension", {"base": base.fingerprint, **promises})
    counts = _counted(base, model, source, how, checkpoint, progress)
    plain, cut_off = prepared(counts, min_pretoken_count=min_pretoken_count, weights=None, alpha=None)
    counts, _ = prepared(plain, min_pretoken_count=1, weights=weights, alpha=alpha)
    aside = None if checkpoint is None or protect is None else checkpoint.part("protect")
    held = None if protect is None else _counted(base, model, protect, how, aside, progress)
    before = encoded(base, counts, threads=n_threads)
    begin = Start(
        model,
        before,
        first,
        Vetoes(
            _joined(
                None if held is None else encoded(base, held, threads=n_threads),
                _unreached(model) if freeze else None,
            ),
            [*(text.encode() for text in model.vocab.special), *_whole(model, held)],
            existing=freeze,
        ),
    )
    settings = Settings(
        vocab_size=first + add,
        pretokenizer=model.pretokenizer,
        tie_break=tie_break,
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        objective="plain" if objective is None else repr(objective),
        allow_smaller=True,
        min_pretoken_count=min_pretoken_count,
        weights=None if counts.weights is None else counts.weights.as_dict(),
        weight_scale=counts.scale,
        start=base.fingerprint,
    )
    if checkpoint is not None:
        checkpoint.agree("settings", settings.as_dict())
        checkpoint.check_counts(counts.native)
    outcome = run(
        counts.native, settings, objective=objective, begin=begin, checkpoint=checkpoint, progress=progress
    )
    made = {i: token for i, token in outcome.vocab.tokens.items() if i >= first}
    if not made or (len(made) < add and not allow_smaller):
        message = (
            f"{add} new tokens asked for, {len(made)} possible: no pair is left that may be merged and occurs at "
            f"least {max(1, min_frequency)} times; use more text, fewer tokens or allow_smaller"
        )
        raise ExhaustedError(message)
    grown = begin.grown(made, outcome.merges)
    report = {
        "vocab_size": len(grown.vocab),
        "allow_smaller": allow_smaller,
        "base": base.name,
        "add": add,
        "freeze": freeze,
        "protect": None if protect is None else _name(protect),
        "first_id": min(made),
        "last_id": max(made),
        "tokens_before": _total(plain, before),
        **cut_off,
    }
    arena, ends = counts.native.arrays()[:2]
    after = encode_pretokens(grown, arena, ends.astype(np.int64), threads=n_threads)
    report["tokens_after"] = _total(plain, after)
    if freeze:
        _check_frozen(counts, before, after, _Parts.of(grown, first, len(outcome.merges)))
    result = BpeTokenizer(
        grown, name=base.name, training=Training(settings.as_dict() | report, lambda: outcome.log)
    )
    if protect is not None and held is not None:
        _check_protected(base, result, protect, held, n_threads)
    return result


def _byte_level(base: Tokenizer) -> BpeModel:
    model = model_of(base, what="base")
    if model.unit != "byte":
        message = (
            f"base: {base.name} merges characters, not bytes; only a byte-level BPE "
            f"tokenizer can be extended; train(start=) goes on from one that was trained here"
        )
        raise ParameterError(message)
    return model


def _check(model: BpeModel, *, add: int, first_id: int | None) -> None:
    if add < 1:
        message = f"add: must be at least 1, got {add}"
        raise ParameterError(message)
    if first_id is not None and first_id < model.vocab.n_ids:
        message = f"first_id: {first_id} is taken; the highest id is {model.vocab.n_ids - 1}"
        raise ParameterError(message)


def _counted(
    base: Tokenizer,
    model: BpeModel,
    source: Corpus | PretokenCounts,
    how: Counting,
    checkpoint: Checkpoint | None,
    progress: Callable[[str, int, int], None] | None,
) -> PretokenCounts:
    """Count with the base's pre-tokenizer, behind the base's normalizer."""
    changes = model.normalizer is not None or model.prefix_space
    if isinstance(source, Corpus):
        counting = replace(
            how,
            groups=source.languages,
            document_weight=source.document_weight,
            prepare=model.encoder().prepared if changes else None,
        )
        if checkpoint is not None:
            return checkpoint.count(source, counting, source.document, progress)
        counted = counting.count(sources_of(source), source.document, progress)
        return table_of_counter(counted, progress)
    if source.pretokenizer != model.pretokenizer:
        message = (
            f"the counts were made with the pre-tokenizer {source.pretokenizer!r}, but {base.name} has "
            f"{model.pretokenizer!r}; count the corpus with that"
        )
        raise ParameterError(message)
    if changes:
        message = (
            f"{base.name} changes text before cutting it (normalizer {model.normalizer!r}, prefix space "
            f"{model.prefix_space}), which counts can no longer tell; give the corpus"
        )
        raise ParameterError(message)
    return source


def _unreached(model: BpeModel) -> Segments | None:
    """How the merges leave the tokens that they do not reach."""
    made = set(model.merge_columns[2].tolist())
    tokens = [token for i, token in model.vocab.tokens.items() if len(token) > 1 and i not in made]
    if not tokens or not model.whole_words:
        return None
    ends = np.append(0, np.cumsum([len(token) for token in tokens])).astype(np.int64)
    return encode_pretokens(
        replace(model, whole_words=False), np.frombuffer(b"".join(tokens), dtype=np.uint8), ends
    )


def _joined(one: Segments | None, other: Segments | None) -> Segments | None:
    if one is None or other is None:
        return one or other
    return np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1][1:] + one[1][-1]])


def _whole(model: BpeModel, held: PretokenCounts | None) -> list[bytes]:
    """Return the pretokens that must not become tokens, because the base looks pretokens up whole."""
    if held is None or not model.whole_words:
        return []
    return held.to_frame()["pretoken"].unique(maintain_order=True).to_list()


def _total(counts: PretokenCounts, segments: Segments) -> dict[str, int | float]:
    """Tokens of each group; each as often as its document where documents are weighted."""
    _, _, row_starts, group_ids, cells = counts.native.arrays()
    lengths = np.diff(segments[1]).astype(np.uint64)
    rows = np.repeat(np.arange(len(counts)), np.diff(row_starts).astype(np.int64))
    totals = np.zeros(len(counts.groups), dtype=np.uint64)
    np.add.at(totals, group_ids, cells * lengths[rows])
    scale = counts.document_scale
    return {
        group: total if scale == 1 else total / scale
        for group, total in zip(counts.groups, totals.tolist(), strict=True)
    }


@dataclass(frozen=True)
class _Parts:
    """The old ids that each id stands for: its own where it is old."""

    first: int
    flat: NDArray[np.uint32]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, grown: BpeModel, first: int, n_new: int) -> _Parts:
        parts: dict[int, list[int]] = {}
        rows = zip(*(column[-n_new:] for column in grown.merge_columns), strict=True)
        for left, right, result in rows:
            sides = [parts.get(int(side), [int(side)]) for side in (left, right)]
            parts[int(result)] = sides[0] + sides[1]
        flat = [part for token_id in range(first, grown.vocab.n_ids) for part in parts[token_id]]
        lengths = [len(parts[token_id]) for token_id in range(first, grown.vocab.n_ids)]
        ends = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=ends[1:])
        return cls(first, np.array(flat, dtype=np.uint32), ends)

    def expand(self, ids: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the old ids, and how many of them each id has become."""
        is_new = ids >= self.first
        lengths = np.ones(len(ids), dtype=np.int64)
        place = ids[is_new].astype(np.int64) - self.first
        lengths[is_new] = np.diff(self.ends)[place]
        starts = np.zeros(len(ids), dtype=np.int64)
        starts[is_new] = self.ends[place]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        old = np.repeat(ids, lengths)
        from_pool = np.repeat(is_new, lengths)
        old[from_pool] = self.flat[(np.repeat(starts, lengths) + within)[from_pool]]
        return old, lengths


def _check_frozen(counts: PretokenCounts, before: Segments, after: Segments, parts: _Parts) -> None:
    """Prove on all pretokens that new tokens stand for the base's own ids."""
    old, lengths = parts.expand(after[0])
    sums = np.append(0, np.cumsum(lengths))
    if np.array_equal(old, before[0]) and np.array_equal(sums[after[1]], before[1]):
        return
    arena, ends = counts.native.arrays()[:2]
    for row in range(len(counts)):
        mine = old[sums[after[1][row]] : sums[after[1][row + 1]]]
        theirs = before[0][before[1][row] : before[1][row + 1]]
        if not np.array_equal(mine, theirs):
            pretoken = arena[int(ends[row]) : int(ends[row + 1])].tobytes()
            message = (
                f"freeze: the new tokens of {pretoken!r} stand for the ids {mine.tolist()}, the base has "
                f"{theirs.tolist()}; this base cannot be frozen, extend it without freeze"
            )
            raise VocabError(message)


def _check_protected(
    base: Tokenizer, result: Tokenizer, protect: Corpus | PretokenCounts, held: PretokenCounts, threads: int
) -> None:
    """Encode the protected text with both tokenizers and compare the ids."""
    if isinstance(protect, Corpus):
        for language in protect.languages:
            for batch in protect.batches(language):
                mine = result.encode_batch(batch, threads=threads)
                theirs = base.encode_batch(batch, threads=threads)
                if not (
                    np.array_equal(mine.ids, theirs.ids) and np.array_equal(mine.offsets, theirs.offsets)
                ):
                    _refuse_protected(language)
    else:
        mine_ids, mine_ends = encoded(result, held, threads=threads)
        base_ids, base_ends = encoded(base, held, threads=threads)
        if not (np.array_equal(mine_ids, base_ids) and np.array_equal(mine_ends, base_ends)):
            _refuse_protected(", ".join(held.groups))


def _refuse_protected(where: str) -> None:
    message = f"protect: the protected text ({where}) is encoded otherwise than by the base; nothing was made"
    raise VocabError(message)


def _name(source: Corpus | PretokenCounts) -> str:
    return source.name if isinstance(source, Corpus) else ", ".join(source.groups)
