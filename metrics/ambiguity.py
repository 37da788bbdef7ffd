"""Non-unique encodings: how many id sequences spell one text, and which of a stream are the tokenizer's own.

Source: section J of the metric catalogue; Ayoobi et al. 2026, "Say Anything but This": models emit id sequences that
decode to the same text as the canonical ones. S(w) counts the sequences of ordinary ids (special and unknown tokens
aside) whose bytes spell w.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import (
    About,
    EncodedBatch,
    MeasuredTokenizer,
    RatioOfSums,
    Statistic,
    Undefined,
    Value,
    VocabMetric,
)
from tokbench.metrics.alignment import spelling
from tokbench.metrics.columns import column
from tokbench.metrics.counting import Bytes, token_arrays
from tokbench.metrics.span_kernels import number_spans
from tokbench.metrics.trie_kernels import build_trie, log_segmentations
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Trie = tuple[Ints, NDArray[np.int32], NDArray[np.float32]]

TOGETHER = 8
"""So many tokenizers at most share a trie."""


def ordinary_ids(tokenizer: MeasuredTokenizer, places: Ints) -> Ints:
    """Return the ids that spell text: all with bytes but special tokens and the unknown one."""
    spelling = np.diff(places) > 0
    aside = [*tokenizer.special_tokens.values(), *([] if tokenizer.unk_id is None else [tokenizer.unk_id])]
    spelling[[token_id for token_id in aside if token_id < len(spelling)]] = False
    return np.flatnonzero(spelling)


@dataclass(frozen=True, eq=False)
class SharedTrie:
    """The ordinary tokens of several tokenizers in one trie, which a text is walked along once for all of them."""

    tokenizers: tuple[MeasuredTokenizer, ...]
    trie: Trie

    @classmethod
    def of(cls, batch: EncodedBatch) -> SharedTrie:
        """Return the trie that the batch's tokenizer shares with others of the evaluation, built once."""
        places = [at for at, each in enumerate(batch.company) if each is batch.tokenizer]
        first = places[0] - places[0] % TOGETHER
        group = batch.company[first : first + TOGETHER]
        return batch.text.remember(("shared_trie", *map(id, group)), lambda: cls.build(batch, group))

    @classmethod
    def build(cls, batch: EncodedBatch, tokenizers: tuple[MeasuredTokenizer, ...]) -> SharedTrie:
        """Put the tokens of all into one trie."""
        tables = [token_arrays(batch.text, each) for each in tokenizers]
        taken = [ordinary_ids(each, places) for each, (_, places) in zip(tokenizers, tables, strict=True)]
        n_bytes = np.cumsum([0, *(len(arena) for arena, _ in tables)])
        n_ids = np.cumsum([0, *(len(places) - 1 for _, places in tables)])
        arena = np.concatenate([arena for arena, _ in tables])
        places = np.concatenate(
            [table[1][:-1] + before for table, before in zip(tables, n_bytes, strict=False)] + [n_bytes[-1:]]
        )
        tokens = np.concatenate([ids + before for ids, before in zip(taken, n_ids, strict=False)])
        lanes = np.repeat(np.arange(len(tokenizers)), [len(ids) for ids in taken])
        return cls(tokenizers, trie_of(arena, places, tokens, lanes, len(tokenizers)))

    def log_segmentations(self, batch: EncodedBatch, *, prefixed: bool) -> NDArray[np.float64]:
        """Return log2 S of each document, counted once for all tokenizers of the trie."""
        found = batch.text.once(
            ("log_segmentations", id(self), prefixed),
            lambda text: log_segmentations(text.data, text.offsets, int(prefixed), *self.trie),
        )
        mine = next(at for at, each in enumerate(self.tokenizers) if each is batch.tokenizer)
        column: NDArray[np.float64] = found[:, mine]
        return column


def trie_of(arena: NDArray[np.uint8], places: Ints, tokens: Ints, lanes: Ints, n_lanes: int) -> Trie:
    """Return hash table, row of each node, and the tokens by row and lane, of which ``lanes[i]`` has ``tokens[i]``.

    Raises:
        MetricError: when the tokens have more beginnings than a trie has room for.
    """
    which, firsts = number_spans(arena, places[tokens], places[tokens + 1])
    counts = np.zeros((len(firsts) + 1, n_lanes), np.float32)
    np.add.at(counts, (which + 1, lanes), 1)
    slots, rows = build_trie(arena, places[tokens[firsts]], places[tokens[firsts] + 1])
    if len(slots) == 0:
        message = (
            "the vocabularies have more than 2^24 beginnings of tokens: evaluate fewer tokenizers at a time"
        )
        raise MetricError(message)
    return slots, rows, counts


def segmentations(tokenizer: MeasuredTokenizer, text: str | bytes) -> int:
    """Return the number of id sequences that spell `text`, exactly.

    Example:
        >>> segmentations(tokenizer, "hello")  # doctest: +SKIP
        16
    """
    data = text.encode() if isinstance(text, str) else text
    arena, places = tokenizer.token_arrays()
    flat = arena.tobytes()
    spelled = Counter(flat[places[i] : places[i + 1]] for i in ordinary_ids(tokenizer, places).tolist())
    longest = max(map(len, spelled), default=0)
    ways = [1] + [0] * len(data)
    for end in range(1, len(data) + 1):
        for start in range(max(0, end - longest), end):
            if ways[start]:
                ways[end] += ways[start] * spelled[data[start:end]]
    return ways[-1]


@dataclass(frozen=True)
class LogSegmentations(Statistic):
    """log2 S of each document whose tokens spell it, and its bytes; 0 and 0 for the others."""

    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> NDArray[np.float64]:
        """Count over the trie; a space that the tokenizer puts before a text is spelled too."""
        text = batch.text
        _, spelled = spelling(batch)
        ways = np.full(len(text), -np.inf)
        for code, prefixed in ((1, False), (2, True)):
            chosen = spelled == code
            if chosen.any():
                ways[chosen] = SharedTrie.of(batch).log_segmentations(batch, prefixed=prefixed)[chosen]
        counted = np.isfinite(ways)
        n_bytes = np.diff(text.offsets)
        return np.stack([np.where(counted, ways, 0.0), np.where(counted, n_bytes, 0)], axis=1).astype(
            np.float64
        )


@register
@dataclass(frozen=True)
class SegmentationEntropy(RatioOfSums):
    """How many id sequences spell the text, in bits per byte."""

    otherwise: ClassVar[str] = "no document is spelled by its tokens to the byte"
    about: ClassVar[About] = About(
        name="segmentation_bits",
        title="ambiguity of the text's encoding",
        formula="Σ_d log2 S(d) / Σ_d bytes(d), S = number of id sequences whose bytes spell d",
        unit="bits/byte",
        range="0 … ∞; 0 = every text has one spelling",
        direction="neither",
        source="Ayoobi et al. 2026 on non-unique encodings; the count is ours: aaa with {a, aa} → S = 3",
        pitfalls="Over the whole document: sequences that no pre-tokenizer would allow decode to it as well. Documents "
        "that come back changed, and tokenizers whose tokens do not concatenate (WordPiece), are left out. Grows with "
        "the vocabulary.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Bits and bytes."""
        return column(LogSegmentations(), 0), column(LogSegmentations(), 1)


@register
@dataclass(frozen=True)
class AmbiguousBytes(RatioOfSums):
    """Share of the text that `segmentation_bits` covers."""

    otherwise: ClassVar[str] = "no bytes"
    about: ClassVar[About] = About(
        name="segmentation_coverage",
        title="text whose spellings are counted",
        formula="bytes of documents whose ids concatenate to them / bytes",
        unit="share",
        range="0 … 1",
        direction="neither",
        source="companion of segmentation_bits",
        pitfalls="Below 1 the two describe a part of the text.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Return counted bytes and bytes."""
        return column(LogSegmentations(), 1), Bytes()


@register
@dataclass(frozen=True)
class TokenSegmentations(VocabMetric):
    """Mean over the vocabulary of the ways to spell a token, in bits per byte."""

    about: ClassVar[About] = About(
        name="token_segmentation_bits",
        title="ambiguity of the vocabulary's own tokens",
        formula="Σ_t log2 S(t) / Σ_t bytes(t) over ordinary tokens",
        unit="bits/byte",
        range="0 … ∞; 0 = no token can be spelled by others",
        direction="neither",
        source="Ayoobi et al. 2026; the count is ours",
        pitfalls="Single bytes and characters have one spelling: vocabularies with long tokens score higher.",
    )

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Count for each token over the trie of all."""
        arena, places = tokenizer.token_arrays()
        taken = ordinary_ids(tokenizer, places)
        if len(taken) == 0:
            return Undefined("no ordinary tokens")
        trie = trie_of(arena, places, taken, np.zeros(len(taken), np.int64), 1)
        bits = log_segmentations(arena, places, 0, *trie)[:, 0]
        return float(bits[taken].sum() / np.diff(places)[taken].sum())


@register
@dataclass(frozen=True)
class DuplicateSurfaces(VocabMetric):
    """Ids that spell what another id spells too."""

    about: ClassVar[About] = About(
        name="duplicate_surfaces",
        title="duplicate surfaces",
        formula="ordinary ids - distinct byte strings that they spell",
        unit="ids",
        range="0 … V - 1; 0 = every id spells something of its own",
        direction="lower",
        source="section J of the catalogue; <0x41> and A in SentencePiece vocabularies",
        pitfalls="Byte-fallback ids of ASCII duplicate the characters' own in every such vocabulary. WordPiece: ing "
        "and ##ing spell the same bytes at different places of a word.",
    )

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Count."""
        arena, places = tokenizer.token_arrays()
        taken = ordinary_ids(tokenizer, places)
        flat = arena.tobytes()
        return float(len(taken) - len({flat[places[i] : places[i + 1]] for i in taken.tolist()}))
