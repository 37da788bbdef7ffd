"""Where tokens lie in the text, for every kind of tokenizer.

A lossless tokenizer's tokens tile the text. Another one's may too: byte fallback and a space put before the text lose
nothing else, so each document is compared with what its tokens spell, and where the two agree (one added first space
aside) the boundaries are exact to the byte. Only the other documents (unknown tokens, changed case, spaces that are
no part of a token) are encoded again with the spans that the tokenizer itself reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from tokbench.measurement import EncodedBatch, Statistic
from tokbench.metrics.counting import token_cuts, token_table
from tokbench.metrics.span_kernels import cuts_in_spans, spell_documents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Token boundaries in the text of a batch: document `d` has ``cuts[rows[d]:rows[d + 1]]``, rising.

    Attributes:
        cuts: byte positions in the batch's data. The end of a document is among them where a token ends there.
        rows: one more entry than there are documents.
        exact: by document, whether the tokens spell it to the byte.
    """

    cuts: Ints
    rows: Ints
    exact: NDArray[np.bool_]

    def inside(self, starts: Ints, ends: Ints, rows: Ints) -> tuple[Ints, Ints]:
        """Return index of the first cut strictly inside of each span, and how many there are."""
        return cuts_in_spans(self.cuts, self.rows, starts, ends, rows)


def boundaries(batch: EncodedBatch) -> Boundaries:
    """Return the token boundaries of a batch, found once however many ask.

    Example:
        >>> boundaries(batch).inside(starts, ends, rows)  # doctest: +SKIP
    """
    return batch.once("boundaries", _boundaries)


def spelling(batch: EncodedBatch) -> tuple[Ints, NDArray[np.uint8]]:
    """Return the end of every token in documents that their tokens spell, and by document: 0 no, 1 yes, 2 after one
    added space; found once. Under reversible steps tokens do not spell the text: 0.
    """

    def spell(encoded: EncodedBatch) -> tuple[Ints, NDArray[np.uint8]]:
        text, tokenizer = encoded.text, encoded.tokenizer
        if tokenizer.steps:
            return np.empty(0, np.int64), np.zeros(len(text), np.uint8)
        if tokenizer.lossless:
            cuts, _ = token_cuts(encoded)
            return cuts, np.ones(len(text), np.uint8)
        table = token_table(encoded)
        return spell_documents(text.data, text.offsets, encoded.ids, encoded.offsets, *table)

    return batch.once("spelling", spell)


def _boundaries(batch: EncodedBatch) -> Boundaries:
    ends, spelled = spelling(batch)
    exact = spelled > 0
    if exact.all():
        return Boundaries(ends, batch.offsets, exact)
    return _of_spans(batch, exact, ends)


def _of_spans(batch: EncodedBatch, exact: NDArray[np.bool_], ends: Ints) -> Boundaries:
    """Take the ends of exact documents; encode the others again and cut at both edges of every span."""
    text, parts, rows = batch.text, [np.empty(0, np.int64)], [0]
    for document, known in enumerate(exact.tolist()):
        begin, end = int(text.offsets[document]), int(text.offsets[document + 1])
        if known:
            part = ends[batch.offsets[document] : batch.offsets[document + 1]]
        else:
            _, spans = batch.tokenizer.encode_with_offsets(text.data[begin:end].tobytes())
            # Both edges cut: between two tokens there may be text that no token covers.
            part = np.unique(spans[spans[:, 1] > spans[:, 0]]) + begin
        parts.append(part)
        rows.append(rows[-1] + len(part))
    exact = exact | np.array([bool(batch.tokenizer.steps)] * len(exact), bool)
    return Boundaries(np.concatenate(parts).astype(np.int64), np.array(rows, np.int64), exact)


@dataclass(frozen=True)
class ExactBytes(Statistic):
    """Bytes of the documents that their tokens spell, a space put before aside; 0 for the others."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Weigh the exact documents; reversible steps lose nothing either."""
        exact = (spelling(batch)[1] > 0) | bool(batch.tokenizer.steps)
        return cast("Ints", np.diff(batch.text.offsets) * exact)
