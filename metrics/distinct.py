"""The different ones among many spans of a text, so that each is encoded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.metrics.span_kernels import number_spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Texts back to back, as tokenizers take them."""

    data: NDArray[np.uint8]
    offsets: Ints

    def __len__(self) -> int:
        """Count them."""
        return len(self.offsets) - 1


def distinct(data: NDArray[np.uint8], starts: Ints, ends: Ints, *, prefix: bytes = b"") -> tuple[Rows, Ints]:
    """Return the different spans in the order of their first appearance, and for each span which one it is.

    Example:
        >>> rows, which = distinct(np.frombuffer(b"abcab", np.uint8), np.array([0, 2, 3]), np.array([2, 3, 5]))
        >>> bytes(rows.data), rows.offsets.tolist(), which.tolist()
        (b'abc', [0, 2, 3], [0, 1, 0])
    """
    which, firsts = number_spans(data, starts, ends)
    lengths = ends[firsts] - starts[firsts] + len(prefix)
    offsets = np.zeros(len(firsts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    # Byte k of a row is the text's, `shift` places on; those of the prefix are written over.
    shift = np.repeat(starts[firsts] - len(prefix) - offsets[:-1], lengths)
    places = np.arange(offsets[-1]) + shift
    chosen = data[np.maximum(places, 0)] if len(places) else np.zeros(0, np.uint8)
    for at, byte in enumerate(prefix):
        chosen[offsets[:-1] + at] = byte
    return Rows(chosen, offsets), which
