"""Held-out text: which documents a model is estimated on and which it is judged by.

A document's own bytes decide its fold, so the split depends neither on batches, groups nor order, is the same for all
tokenizers, and never puts two copies of a document on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.measurement import Keyed, Statistic, bits_for, collect, count_keys, pack_ngrams
from tokbench.metrics import kernels
from tokbench.metrics.counting import ids_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import EncodedBatch, Kind, TextBatch

    Ints = NDArray[np.int64]

FOLDS = 5
"""One document of so many is held out."""


def held_out(text: TextBatch) -> NDArray[np.bool_]:
    """Say which documents are held out: those whose hash (FNV-1a, 64 bits, mixed) is divisible by `FOLDS`."""
    return text.once("held_out", lambda batch: kernels.hash_documents(batch.data, batch.offsets) % FOLDS == 0)


@dataclass(frozen=True)
class FoldDocuments(Statistic):
    """Two columns: one for each document in the training part, one for each held out."""

    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> Ints:
        """One of the two is 1."""
        held = held_out(batch.text)
        return np.stack([~held, held], axis=1).astype(np.int64)


@dataclass(frozen=True)
class FoldSizes(Statistic):
    """Four columns: bytes of the training part and held out, then characters."""

    columns: ClassVar[int] = 4

    def collect(self, batch: EncodedBatch) -> Ints:
        """Put each document's size into the column of its fold."""
        held = held_out(batch.text).astype(np.int64)
        text = batch.text
        sizes = [np.diff(text.offsets), kernels.count_characters(text.data, text.offsets)]
        return np.stack([part for size in sizes for part in (size * (1 - held), size * held)], axis=1)


@dataclass(frozen=True)
class FoldTypes(Statistic):
    """Occurrences of each id in the training part and held out; `first` counts first tokens of documents only."""

    first: bool = False
    kind: ClassVar[Kind] = "types"
    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count ids by fold."""
        size = ids_in(batch)
        held = held_out(batch.text)
        lengths = np.diff(batch.offsets)
        if self.first:
            filled = lengths > 0
            ids, sides = batch.ids[batch.offsets[:-1][filled]], held[filled]
        else:
            ids, sides = batch.ids, np.repeat(held, lengths)
        return np.stack([np.bincount(ids[sides == side], minlength=size) for side in (False, True)], axis=1)


@dataclass(frozen=True)
class FirstTypes(Statistic):
    """How often each id is the first of a document."""

    kind: ClassVar[Kind] = "types"

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count the ids at the offsets."""
        return collect(batch, FoldTypes(first=True)).sum(axis=1)  # type: ignore[no-any-return]  # an array's sum


@dataclass(frozen=True)
class FoldBigrams(Statistic):
    """Occurrences of each bigram by fold: the last bit of a key says whether it is held out."""

    kind: ClassVar[Kind] = "keyed"

    def collect(self, batch: EncodedBatch) -> Keyed:
        """Sort the bigrams with their side."""
        size = ids_in(batch)
        assert (bits_for(size, 2) or 64) < 64, "two ids and a bit fit into one word"
        pairs = np.maximum(np.diff(batch.offsets) - 1, 0)
        sides = np.repeat(held_out(batch.text), pairs).astype(np.uint64)
        return count_keys((pack_ngrams(batch.ids, batch.offsets, 2, size) << np.uint64(1)) | sides)
