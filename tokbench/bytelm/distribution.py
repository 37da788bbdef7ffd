"""`ByteDistribution`: what the next byte is, and how much of the truth the numbers leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

END = 256
"""The place of the end of the text behind the 256 bytes."""


@dataclass(frozen=True, eq=False)
class ByteDistribution:
    """Probabilities of the 256 bytes and of the end of the text.

    Attributes:
        probabilities: ``[257]``, sums to 1; place 256 is the end of the text.
        leaked: share of the mass of the text so far that the model puts on no continuation that counts, in 0 … 1: on
            invalid token sequences (``valid``), and on control tokens other than the end. It was divided away.
        dropped: bound on the total variation distance to the distribution without a beam, in 0 … 1; 0 without one.
    """

    probabilities: NDArray[np.float64]
    leaked: float
    dropped: float = 0.0

    @property
    def end(self) -> float:
        """Probability that the text ends here."""
        return float(self.probabilities[END])

    @property
    def bytes(self) -> NDArray[np.float64]:
        """Probabilities of the 256 bytes, without the end."""
        return self.probabilities[:END]

    @property
    def entropy_bits(self) -> float:
        """Entropy in bits, 0 … log2(257)."""
        positive = self.probabilities[self.probabilities > 0]
        return float(-(positive * np.log2(positive)).sum())

    def top(self, k: int = 10) -> list[tuple[int, float]]:
        """Return the `k` most probable bytes (256 is the end) with their probabilities; of equals the lower byte."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(int(byte), float(self.probabilities[byte])) for byte in order]
