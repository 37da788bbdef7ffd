"""The words of a gold set under a tokenizer: which byte positions inside of each word are token boundaries.

Everything is in bytes of the word, so a byte-level vocabulary that splits a character is scored like any other: no id
is ever decoded by itself. Where a token lies is told by token lengths of a lossless tokenizer, otherwise by spans.

Rules for spans: a boundary is where a token starts strictly inside of the word. A token of white space without white
space under it (SentencePiece's dummy prefix) is no piece. Byte-fallback tokens of one character share a
span or have empty ones: their own lengths say where each starts, inside of the character.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import EncodedBatch, TextBatch
from tokbench.metrics.counting import token_cuts
from tokbench.metrics.morphology_kernels import compare_boundaries

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from tokbench.lexicon import GoldSet
    from tokbench.measurement import MeasuredTokenizer

    Ints = NDArray[np.int64]

SPACES = ("bare", "prefixed")
"""How a word is encoded: by itself, or with one space before it, as inside of a text."""


@dataclass(frozen=True, eq=False)
class CutWords:
    """Words and where a tokenizer cuts them.

    Attributes:
        ids: tokens of all words back to back, those of the space before them included.
        id_rows: word `w` has ``ids[id_rows[w]:id_rows[w + 1]]``.
        cuts: byte positions strictly inside of the word at which a token starts, rising.
        cut_rows: word `w` has ``cuts[cut_rows[w]:cut_rows[w + 1]]``.
        pieces: tokens that hold a part of the word, per word.
        unknown: whether the unknown token is among the word's tokens.
    """

    ids: NDArray[np.uint32]
    id_rows: Ints
    cuts: Ints
    cut_rows: Ints
    pieces: Ints
    unknown: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WordScores:
    """A gold set under one tokenizer, word by word.

    Attributes:
        cut: where the words are cut.
        n_cuts: token boundaries inside of the word, ``|K|``.
        n_gold: gold boundaries, ``|M|``.
        right: gold boundaries that are cut, ``|M ∩ K|``.
        kept: morphemes that are exactly one token.
    """

    cut: CutWords
    n_cuts: Ints
    n_gold: Ints
    right: Ints
    kept: Ints


def cut_words(
    tokenizer: MeasuredTokenizer, data: NDArray[np.uint8], offsets: Ints, *, space: str
) -> CutWords:
    """Encode words and find their token boundaries.

    Raises:
        MetricError: for an unknown value of `space`, or when a lossless tokenizer's tokens do not spell a word.
    """
    check_space("words", space)
    lead = int(space == "prefixed")
    n_words = len(offsets) - 1
    if lead:
        data = np.insert(data, offsets[:-1], np.uint8(32))
        offsets = offsets + np.arange(n_words + 1)
    if tokenizer.lossless and not tokenizer.steps:
        text = TextBatch(data, offsets)
        batch = EncodedBatch(text, tokenizer, tokenizer.encode_batch(text), memory(tokenizer))
        ends, rows = token_cuts(batch)
        ids, id_rows = batch.ids, batch.offsets
        words = np.repeat(np.arange(n_words), np.diff(rows))
        places = ends - offsets[words] - lead
        inside = (places > 0) & (ends < offsets[words + 1])
        counts = np.bincount(words[inside], minlength=n_words)
        cuts, pieces = places[inside], counts + (np.diff(offsets) > lead)
        cut_rows = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    else:
        ids, id_rows, cuts, cut_rows, pieces = _spans(tokenizer, data, offsets, lead)
    unknown = np.zeros(n_words, bool)
    if tokenizer.unk_id is not None:
        hits = np.concatenate([[0], np.cumsum(ids == tokenizer.unk_id)])
        unknown = hits[id_rows[1:]] > hits[id_rows[:-1]]
    return CutWords(
        ids, id_rows, np.ascontiguousarray(cuts, np.int64), cut_rows, pieces.astype(np.int64), unknown
    )


def _spans(
    tokenizer: MeasuredTokenizer, data: NDArray[np.uint8], offsets: Ints, lead: int
) -> tuple[NDArray[np.uint32], Ints, Ints, Ints, Ints]:
    spelled = token_table(tokenizer)
    text = data.tobytes()
    all_ids, id_rows, cuts, cut_rows, pieces = [], [0], list[int](), [0], []
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        word = text[begin:end]
        ids, spans = tokenizer.encode_with_offsets(word)
        starts = set[int]()
        n_pieces = 0
        group: list[int] = []
        previous = (0, 0)
        for token, (first, last) in zip(ids.tolist(), spans.tolist(), strict=True):
            spelling = spelled[token]
            white = not spelling.strip()
            if white and (first == last or word[first:last].strip()):
                continue  # a dummy prefix
            if lead >= last > first:
                continue  # the space before the word
            n_pieces += 1
            # Tokens of one character have one span, or empty spans before it: their own bytes say where they start.
            group = (
                [*group, len(spelling)]
                if (first, last) == previous or previous[0] == previous[1]
                else [len(spelling)]
            )
            previous = (first, last)
            exact = len(group) > 1 and last > first and sum(group) == last - first
            starts.update(accumulate(group[:-1], initial=first) if exact else (first,))
        all_ids.append(ids)
        id_rows.append(id_rows[-1] + len(ids))
        cuts += sorted(start - lead for start in starts if lead < start < len(word))
        cut_rows.append(len(cuts))
        pieces.append(n_pieces)
    flat = np.concatenate(all_ids) if all_ids else np.zeros(0, np.uint32)
    return flat, np.array(id_rows), np.array(cuts, np.int64), np.array(cut_rows), np.array(pieces, np.int64)


_MEMORY: WeakKeyDictionary[Any, dict[Hashable, Any]] = WeakKeyDictionary()


def memory(tokenizer: MeasuredTokenizer) -> dict[Hashable, Any]:
    """Return what is kept of a tokenizer for as long as it lives: its token lengths, its scored gold sets."""
    return _MEMORY.setdefault(tokenizer, {})


def token_table(tokenizer: MeasuredTokenizer) -> list[bytes]:
    """Return the bytes of every id, made once for each tokenizer; a hole is empty."""
    kept = memory(tokenizer)
    if "token_table" not in kept:
        arena, places = tokenizer.token_arrays()
        spelled = arena.tobytes()
        kept["token_table"] = [spelled[begin:end] for begin, end in pairwise(places.tolist())]
    found: list[bytes] = kept["token_table"]
    return found


def word_scores(tokenizer: MeasuredTokenizer, gold: GoldSet, *, space: str) -> WordScores:
    """Score the words of a gold set, once for each tokenizer however many metrics ask.

    Raises:
        MetricError: as `cut_words`.
    """
    kept = memory(tokenizer)
    key = ("word_scores", gold.fingerprint, space)
    if key not in kept:
        cut = cut_words(tokenizer, gold.data, gold.offsets, space=space)
        right, whole = compare_boundaries(cut.cuts, cut.cut_rows, gold.cuts, gold.rows)
        n_cuts = np.maximum(np.diff(cut.cut_rows), cut.pieces - 1)
        kept[key] = WordScores(cut, n_cuts, np.diff(gold.rows), right, whole)
    found: WordScores = kept[key]
    return found


def check_space(metric: str, space: str) -> None:
    """Refuse an unknown convention for the space before a word.

    Raises:
        MetricError: naming the known ones.
    """
    if space not in SPACES:
        message = f"{metric}: space={space!r}; known: {', '.join(SPACES)}"
        raise MetricError(message)
