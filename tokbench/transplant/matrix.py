"""`Matrix`: an embedding or head as it lies in a file, and its values in float32.

numpy has no bfloat16: such a matrix is held as its 16-bit patterns. A pattern is the upper half of a float32, so that
reading is exact; writing rounds to the nearest, ties to even. Copies of rows move patterns, never values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

STORED = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "F64": np.float64}
"""What a matrix of each element type is held as; the names are those of safetensors."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """Rows of one element type.

    Attributes:
        stored: ``[rows, width]``: float32, float16, float64, or uint16 for bfloat16.
        dtype: ``F32``, ``F16``, ``BF16`` or ``F64``.

    Raises:
        TransplantError: for another element type.

    Example:
        >>> matrix = Matrix.from_float32(np.array([[1.0, 1.00390625]], dtype=np.float32), "BF16")
        >>> matrix.float32().tolist()
        [[1.0, 1.0]]
    """

    stored: NDArray[Any]
    dtype: str

    def __post_init__(self) -> None:
        if STORED.get(self.dtype) != self.stored.dtype or self.stored.ndim != 2:
            message = (
                f"a matrix of {self.dtype} held as {self.stored.dtype}{list(self.stored.shape)}; transplanted are "
                f"matrices of {', '.join(STORED)}"
            )
            raise TransplantError(message)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.stored)

    @property
    def width(self) -> int:
        """The model's hidden size."""
        return int(self.stored.shape[1])

    def float32(self) -> NDArray[np.float32]:
        """Return the values; exact unless they are float64."""
        if self.dtype == "BF16":
            wide = self.stored.astype(np.uint32)
            wide <<= 16
            return wide.view(np.float32)
        return np.ascontiguousarray(self.stored, dtype=np.float32)

    @classmethod
    def from_float32(cls, values: NDArray[np.float32], dtype: str) -> Matrix:
        """Return the values in another element type, rounded to the nearest, ties to even.

        Raises:
            TransplantError: when a finite value becomes infinite, naming the row.
        """
        if dtype not in STORED:
            return cls(values, dtype)
        if dtype == "BF16":
            bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
            rounded = bits + (0x7FFF + ((bits >> 16) & 1))
            # A NaN must not become an infinity by rounding.
            stored = np.where(np.isnan(values), (bits >> 16) | 0x40, rounded >> 16).astype(np.uint16)
            infinite = (stored & 0x7FFF) == 0x7F80
        else:
            with np.errstate(over="ignore"):
                stored = np.ascontiguousarray(values, dtype=STORED[dtype])
            infinite = np.isinf(stored)
        grown = infinite & np.isfinite(values)
        if grown.any():
            row, column = (int(place[0]) for place in np.nonzero(grown))
            message = f"row {row}: {values[row, column]} is too large for {dtype}"
            raise TransplantError(message)
        return cls(stored, dtype)

    def faults(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows that hold a value that is not finite, and the rows that are all zero."""
        infinite, zero = list[np.ndarray](), list[np.ndarray]()
        for start in range(0, len(self), 4096):
            part = Matrix(self.stored[start : start + 4096], self.dtype).float32()
            infinite.append(start + np.flatnonzero(~np.isfinite(part).all(axis=1)))
            zero.append(start + np.flatnonzero(~part.any(axis=1)))
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *infinite]), np.concatenate([none, *zero])
