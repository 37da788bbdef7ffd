"""Markov sources: text whose entropy rate is known exactly, to measure how near a tokenizer's code comes to it.

Source: section D7 of the metric catalogue; Rajaraman, Jiao & Ramchandran 2024. A source of order k draws each
character given the k before it. Its entropy rate is Σ π(c) H(next | c) with π the stationary distribution of contexts;
the first k characters of a document are drawn from π, so every stretch of text is stationary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class MarkovSource:
    """A source of characters.

    Args:
        alphabet: its A characters.
        transitions: ``(A**order, A)``, the next character's probabilities; context ``c_1 … c_k`` is row
            ``Σ c_i A**(k - i)``.
        order: characters that the source remembers.

    Raises:
        MetricError: when the shape is wrong, a row is no distribution, or the source does not forget where it began.

    Example:
        >>> source = MarkovSource.switching(stay=0.9)
        >>> round(source.entropy_rate, 4), [round(source.block_rate(n), 4) for n in (1, 2, 3)]
        (0.469, [1.0, 0.7345, 0.646])
    """

    alphabet: str
    transitions: Floats
    order: int = 1

    def __post_init__(self) -> None:
        size = len(self.alphabet)
        table = np.asarray(self.transitions, np.float64)
        object.__setattr__(self, "transitions", table)
        if (
            size != len(set(self.alphabet))
            or size < 2
            or self.order < 0
            or table.shape != (size**self.order, size)
        ):
            message = (
                f"Markov source: {size} characters and order {self.order} need transitions of shape "
                f"({size ** max(self.order, 0)}, {size}) and characters that differ; got {table.shape}"
            )
            raise MetricError(message)
        if (table < 0).any() or not np.allclose(table.sum(axis=1), 1, atol=TOLERANCE, rtol=0):
            message = "Markov source: every row of the transitions must be a distribution"
            raise MetricError(message)
        _ = self.stationary

    @classmethod
    def switching(cls, *, stay: float, alphabet: str = "ab") -> MarkovSource:
        """Return a source of order 1 that repeats a character with probability `stay`, else takes any other."""
        size = len(alphabet)
        table = np.full((size, size), (1 - stay) / (size - 1))
        np.fill_diagonal(table, stay)
        return cls(alphabet, table)

    @classmethod
    def random(cls, alphabet: str, *, order: int, seed: int, concentration: float = 0.5) -> MarkovSource:
        """Return a source whose rows are drawn from a symmetric Dirichlet distribution; low concentration, low rate."""
        size = len(alphabet)
        draws = np.random.default_rng(seed).dirichlet(np.full(size, concentration), size**order)
        # No probability is exactly 0, so that every context comes back.
        table = (draws + 1e-6) / (draws + 1e-6).sum(axis=1, keepdims=True)
        return cls(alphabet, table, order)

    @cached_property
    def stationary(self) -> Floats:
        """Probabilities of the contexts, ``(A**order,)``, solved from π = π P."""
        size, n = len(self.alphabet), len(self.transitions)
        if self.order == 0:
            return np.ones(1)
        # Context c followed by a becomes (c without its first character) + a.
        step = np.zeros((n, n))
        rows = np.repeat(np.arange(n), size)
        np.add.at(step, (rows, (rows * size + np.tile(np.arange(size), n)) % n), self.transitions.ravel())
        system = np.vstack([step.T - np.eye(n), np.ones(n)])
        if np.linalg.matrix_rank(system) < n:
            message = "Markov source: it has several stationary distributions, so no entropy rate of its own"
            raise MetricError(message)
        found, *_ = np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)
        shares: Floats = np.clip(found, 0, None)
        shares /= shares.sum()
        return shares

    @cached_property
    def entropy_rate(self) -> float:
        """Bits per character: Σ π(c) H(next | c)."""
        return float(self.stationary @ [_entropy(row) for row in self.transitions])

    def block_entropy(self, n: int) -> float:
        """Return the entropy in bits of n characters in a row, exactly."""
        if n <= self.order:
            size = len(self.alphabet)
            blocks = self.stationary.reshape([size] * self.order) if self.order else self.stationary
            return _entropy(blocks.sum(axis=tuple(range(n, self.order))).ravel()) if n else 0.0
        return _entropy(self.stationary) + (n - self.order) * self.entropy_rate

    def block_rate(self, n: int) -> float:
        """Return the bits per character of a unigram code over blocks of n characters, H(X_1 … X_n) / n."""
        return self.block_entropy(n) / n

    def sample(self, n_characters: int, *, seed: int, documents: int = 1) -> list[str]:
        """Draw documents of so many characters each, the same for the same seed."""
        size, n = len(self.alphabet), len(self.transitions)
        generator = np.random.default_rng(seed)
        bounds = np.cumsum(self.transitions, axis=1)[:, :-1].tolist()
        starts = generator.choice(n, documents, p=self.stationary).tolist()
        return [self._draw(start, generator.random(n_characters), bounds, size, n) for start in starts]

    def _draw(self, context: int, draws: Floats, bounds: Sequence[Sequence[float]], size: int, n: int) -> str:
        drawn: list[str] = []
        for share in draws.tolist():
            row = bounds[context]
            following = sum(share >= bound for bound in row)
            drawn.append(self.alphabet[following])
            context = (context * size + following) % n
        return "".join(drawn)

    def contexts(self) -> list[str]:
        """Return the contexts in the order of the rows."""
        return ["".join(characters) for characters in product(self.alphabet, repeat=self.order)]


def _entropy(shares: ArrayLike) -> float:
    values = [value for value in np.asarray(shares, np.float64).tolist() if value > 0]
    return -math.fsum(value * math.log2(value) for value in values)
