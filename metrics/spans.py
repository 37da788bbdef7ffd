"""Where each token lies in the text, and how long it is in bytes, characters or graphemes.

A unit belongs to the token that holds its first byte, so the units of all tokens add up to those of the text that the
tokens cover. Of a tokenizer that is lossless the tokens tile the text; of others the encoder's own spans are taken, so
an unknown token is as long as what it swallows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import MetricError
from tokbench.metrics import kernels
from tokbench.metrics.counting import token_cuts, word_spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import EncodedBatch, TextBatch

    Ints = NDArray[np.int64]

UNITS = ("byte", "character", "grapheme")


def check_unit(metric: str, unit: str, known: tuple[str, ...] = UNITS) -> None:
    """Refuse an unknown unit of length.

    Raises:
        MetricError: naming the known ones.
    """
    if unit not in known:
        message = f"{metric}: unit={unit!r}; known: {', '.join(known)}"
        raise MetricError(message)


def token_spans(batch: EncodedBatch) -> tuple[Ints, Ints]:
    """Return first byte and end of every token of the batch, computed once."""
    return batch.once("token_spans", _find)


def _find(batch: EncodedBatch) -> tuple[Ints, Ints]:
    if batch.tokenizer.lossless and not batch.tokenizer.steps:
        ends, _ = token_cuts(batch)
        return np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)], ends
    begins = batch.text.offsets
    parts = []
    for document, (begin, end) in enumerate(zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True)):
        ids, spans = batch.tokenizer.encode_with_offsets(batch.text.data[begin:end].tobytes())
        if len(ids) != batch.offsets[document + 1] - batch.offsets[document]:
            message = (
                f"tokenizer {batch.tokenizer.name} makes {len(ids)} tokens of document {document} with offsets and "
                f"{batch.offsets[document + 1] - batch.offsets[document]} without"
            )
            raise MetricError(message)
        parts.append(spans.reshape(-1, 2) + begin)
    spans = np.concatenate([np.zeros((0, 2), np.int64), *parts])
    return np.ascontiguousarray(spans[:, 0]), np.ascontiguousarray(spans[:, 1])


def unit_starts(text: TextBatch, unit: str) -> Ints:
    """Return for each byte position how many units start before it, one entry more than there are bytes."""

    def count(batch: TextBatch) -> Ints:
        if unit == "grapheme":
            marks = np.zeros(len(batch.data), bool)
            marks[word_spans(batch, "grapheme")[0]] = True
        else:
            marks = kernels.mark_characters(batch.data, batch.offsets)
        before = np.zeros(len(batch.data) + 1, np.int64)
        np.cumsum(marks, out=before[1:])
        return before

    return text.once(("unit_starts", unit), count)


def token_units(batch: EncodedBatch, unit: str) -> Ints:
    """Return the length of every token of the batch, computed once."""

    def measure(batch: EncodedBatch) -> Ints:
        starts, ends = token_spans(batch)
        if unit == "byte":
            return ends - starts
        before = unit_starts(batch.text, unit)
        return before[ends] - before[starts]

    return batch.once(("token_units", unit), measure)
