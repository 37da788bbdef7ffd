"""Writing text byte by byte.

Temperature, top-p and min-p act on the distribution of the next byte (and of the end). UTF-8 is not forced: a model
that gives invalid bytes a probability may write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tokbench.bytelm.distribution import END
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.bytelm.distribution import ByteDistribution


class Reader(Protocol):
    """A state that has a distribution and goes on: of a model or an ensemble."""

    def distribution(self) -> ByteDistribution: ...  # noqa: D102 - see `ByteState`

    def advance(self, byte: int) -> Reader: ...  # noqa: D102 - see `ByteState`


@dataclass(frozen=True)
class Sampled:
    """What was written.

    Attributes:
        data: the bytes after the prompt.
        ended: whether the model ended the text.
        bits: of every byte and of the end, under the model itself, whatever the temperature.
        seed: what reproduces it.
    """

    data: bytes
    ended: bool
    bits: NDArray[np.float64]
    seed: int


def sharpened(
    probabilities: NDArray[np.float64], *, temperature: float = 1.0, top_p: float = 1.0, min_p: float = 0.0
) -> NDArray[np.float64]:
    """Return a distribution after temperature, then top-p, then min-p; temperature 0 leaves the most probable.

    Of equals the lower byte comes first. `top_p` keeps the fewest, most probable entries that reach it; `min_p` those
    with at least that share of the largest probability.

    Raises:
        ParameterError: for a parameter outside of its range.

    Example:
        >>> sharpened(np.array([0.5, 0.25, 0.25]), min_p=0.6).tolist()
        [1.0, 0.0, 0.0]
    """
    if temperature < 0 or not 0 < top_p <= 1 or not 0 <= min_p <= 1:
        message = (
            f"temperature {temperature}, top_p {top_p}, min_p {min_p}: "
            f"expected 0 and up, above 0 up to 1, and 0 to 1"
        )
        raise ParameterError(message)
    if temperature == 0:
        out = np.zeros_like(probabilities)
        out[int(probabilities.argmax())] = 1.0
        return out
    out = probabilities
    if temperature != 1:
        with np.errstate(divide="ignore"):
            logs = np.log(probabilities) / temperature
        out = np.exp(logs - logs.max())
    out = out / out.sum()
    if top_p < 1:
        order = np.argsort(-out, kind="stable")
        before = np.cumsum(out[order]) - out[order]
        out = np.where(np.isin(np.arange(len(out)), order[before < top_p]), out, 0.0)
    if min_p > 0:
        out = np.where(out >= min_p * out.max(), out, 0.0)
    result: NDArray[np.float64] = out / out.sum()
    return result


def sample(
    reader: Reader,
    *,
    max_bytes: int = 256,
    temperature: float = 1.0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    stop: bytes | None = None,
    seed: int = 0,
) -> Sampled:
    """Write from a state on, at most `max_bytes`, up to the end of the text or with `stop` at the end.

    Raises:
        ModelError: when the model leaves no byte to write.
    """
    draw = np.random.default_rng(seed)
    data, bits = bytearray(), []
    for _ in range(max_bytes):
        probabilities = reader.distribution().probabilities
        shares = sharpened(probabilities, temperature=temperature, top_p=top_p, min_p=min_p)
        slot = int(np.searchsorted(np.cumsum(shares), draw.random() * shares.sum(), side="right"))
        slot = min(slot, int(np.flatnonzero(shares)[-1]))
        bits.append(-np.log2(probabilities[slot]))
        if slot == END:
            return Sampled(bytes(data), ended=True, bits=np.array(bits), seed=seed)
        data.append(slot)
        if stop is not None and data.endswith(stop):
            break
        reader = reader.advance(slot)
    return Sampled(bytes(data), ended=False, bits=np.array(bits), seed=seed)
