"""The statistics that metrics share: everything additive that is counted from text and ids.

Each is collected once per batch however many metrics read it; what depends on the text alone is computed once for
all tokenizers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import (
    BlockCounts,
    EncodedBatch,
    MeasuredTokenizer,
    Statistic,
    TextBatch,
    collect,
)
from tokbench.metrics import kernels
from tokbench.metrics.segmentation import check_word_definition as check_word_definition
from tokbench.metrics.segmentation import find_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import Kind

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tokens(Statistic):
    """Tokens per document, special tokens excluded."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Return the differences of the offsets."""
        return np.diff(batch.offsets).astype(np.int64, copy=False)


@dataclass(frozen=True)
class Bytes(Statistic):
    """Bytes per document."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Return the differences of the offsets."""
        return np.diff(batch.text.offsets).astype(np.int64, copy=False)


@dataclass(frozen=True)
class Characters(Statistic):
    """Code points per document; a byte that is no part of valid UTF-8 counts as one."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count once per text."""
        return batch.text.once(self, lambda text: kernels.count_characters(text.data, text.offsets))


@dataclass(frozen=True)
class Graphemes(Statistic):
    """Extended grapheme clusters per document; a byte that is no part of valid UTF-8 is one."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Find them once per text."""
        return np.diff(word_spans(batch.text, "grapheme")[2])


@dataclass(frozen=True)
class Lines(Statistic):
    """Lines per document: line feeds, plus one for a last line without; an empty document is one empty line."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count once per text."""
        return batch.text.once(self, lambda text: kernels.count_lines(text.data, text.offsets))


@dataclass(frozen=True)
class Words(Statistic):
    """Words per document under a named definition."""

    definition: str

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count once per text."""
        _, _, rows = word_spans(batch.text, self.definition)
        return np.diff(rows)


@dataclass(frozen=True)
class WholeWords(Statistic):
    """Words of running text that no token boundary cuts, per document."""

    definition: str

    def collect(self, batch: EncodedBatch) -> Ints:
        """Walk over word spans and token boundaries together."""
        cuts, cut_rows = token_cuts(batch)
        starts, ends, rows = word_spans(batch.text, self.definition)
        return kernels.count_whole_words(cuts, cut_rows, starts, ends, rows)


@dataclass(frozen=True)
class Unknowns(Statistic):
    """Occurrences of the unknown token per document; 0 where the tokenizer declares none."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count one id."""
        unknown = batch.tokenizer.unk_id
        if unknown is None:
            return np.zeros(len(batch.text), np.int64)
        return kernels.count_id(batch.ids, batch.offsets, unknown)


@dataclass(frozen=True)
class Types(Statistic):
    """Occurrences of each token id."""

    kind: ClassVar[Kind] = "types"

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count ids; holes in the id space may make ids larger than the number of tokens."""
        size = max(batch.tokenizer.vocab_size, int(batch.ids.max(initial=0)) + 1)
        return kernels.count_types(batch.ids, size)[:size]

    def collect_blocks(self, batch: EncodedBatch, places: NDArray[np.int16], blocks: int) -> BlockCounts:
        """Count the ids that occur, by block of documents."""
        counts = collect(batch, self)
        ids = np.flatnonzero(counts)
        rank = np.zeros(len(counts), np.int64)
        rank[ids] = np.arange(len(ids))
        cells = rank[batch.ids] * blocks + np.repeat(places, np.diff(batch.offsets))
        table = np.bincount(cells, minlength=len(ids) * blocks).reshape(len(ids), blocks)
        return BlockCounts(ids, table.astype(np.int64, copy=False), len(counts))


def word_spans(text: TextBatch, definition: str) -> tuple[Ints, Ints, Ints]:
    """Return first byte and end of each word, and the rows of the documents, once per text."""
    check_word_definition("words", definition)
    return text.once(
        ("word_spans", definition),
        lambda batch: find_words(batch.data, batch.offsets, definition, batch.language),
    )


def token_cuts(batch: EncodedBatch) -> tuple[Ints, Ints]:
    """Return the last byte position of every token in the batch's text, and the rows of the documents.

    Raises:
        MetricError: when a tokenizer that calls itself lossless has tokens that do not add up to a document.
    """
    begins = batch.text.offsets
    if batch.tokenizer.lossless and not batch.tokenizer.steps:
        ends = np.cumsum(token_lengths(batch))
        reached = np.concatenate([np.zeros(1, np.int64), ends])[batch.offsets]
        wrong = np.flatnonzero(reached != begins)
        if len(wrong):
            document = int(wrong[0]) - 1
            message = (
                f"tokenizer {batch.tokenizer.name} says that it is lossless, but the tokens of document {document} of "
                f"the batch spell {reached[document + 1] - reached[document]} bytes of "
                f"{begins[document + 1] - begins[document]}"
            )
            raise MetricError(message)
        return ends, batch.offsets
    parts, rows = [], [0]
    for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        _, spans = batch.tokenizer.encode_with_offsets(batch.text.data[begin:end].tobytes())
        spans = spans[spans[:, 1] > spans[:, 0]]
        # Both edges cut: between two tokens of a lossy tokenizer there may be text that no token covers.
        parts.append(np.unique(spans) + begin)
        rows.append(rows[-1] + len(parts[-1]))
    return np.concatenate([np.empty(0, np.int64), *parts]).astype(np.int64), np.array(rows, np.int64)


def token_lengths(batch: EncodedBatch) -> Ints:
    """Return the bytes of each token of the batch, from a table made once per tokenizer and evaluation."""
    table = batch.remember("token_lengths", lambda: np.diff(token_table(batch)[1]))
    lengths: Ints = table[batch.ids]
    return lengths


def token_table(batch: EncodedBatch) -> tuple[NDArray[np.uint8], Ints]:
    """Return the bytes of all tokens back to back and their places, once per tokenizer."""
    return batch.remember("token_arrays", lambda: token_arrays(batch.text, batch.tokenizer))


def token_arrays(text: TextBatch, tokenizer: MeasuredTokenizer) -> tuple[NDArray[np.uint8], Ints]:
    """Return the same of any tokenizer of the evaluation that the text is read for."""
    # The tokenizer is kept beside its table, so that no other can have its number.
    kept = text.remember(("token_arrays", id(tokenizer)), lambda: (tokenizer, *tokenizer.token_arrays()))
    return kept[1:]


def ids_in(batch: EncodedBatch) -> int:
    """Count the ids of the tokenizer, holes included: what tables by id and keys of n-grams have room for."""
    return batch.remember("id_space", lambda: len(token_table(batch)[1]) - 1)
