"""The different ones among many spans of a text, so that each is encoded once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

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
    text = data.tobytes()
    numbers: dict[bytes, int] = {}
    which = [
        numbers.setdefault(text[begin:end], len(numbers))
        for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    words = [prefix + word for word in numbers]
    offsets = np.array([0, *accumulate(map(len, words))], np.int64)
    return Rows(np.frombuffer(b"".join(words), np.uint8), offsets), np.array(which, np.int64)
