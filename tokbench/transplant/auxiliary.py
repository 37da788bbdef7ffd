"""`Auxiliary`: what some methods look at beside the model: word vectors, a text embedder, a dictionary.

Everything is optional and belongs to the caller; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts → ``[texts, width]`` vectors."""


class Vectors(Protocol):
    """Vectors of texts: words, tokens or anything."""

    @property
    def width(self) -> int:
        """The length of a vector."""

    def look_up(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return ``[texts, width]`` vectors, and for which texts there is one (the others are zero)."""


@dataclass(frozen=True)
class Embedder:
    """A callable as `Vectors`: every text has one.

    Example:
        >>> lengths = Embedder(lambda texts: np.array([[len(t)] for t in texts], dtype=np.float32), width=1)
        >>> lengths.look_up(["a", "bc"])[0].tolist()
        [[1.0], [2.0]]
    """

    embed: Embed
    width: int

    def look_up(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the vectors of all texts."""
        found = np.asarray(self.embed(texts), dtype=np.float32).reshape(len(texts), self.width)
        known: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(found), axis=1)
        return found, known


@dataclass(frozen=True, kw_only=True)
class Auxiliary:
    """What the caller gives beside the model.

    Attributes:
        new_vectors: of the new tokenizer's tokens, or of the words of its language.
        old_vectors: of the old tokenizer's, where they live in another space; else `new_vectors` serves both.
        dictionary: pairs (word of the old language, word of the new one).
        embed: any text embedder.
    """

    new_vectors: Vectors | None = None
    old_vectors: Vectors | None = None
    dictionary: tuple[tuple[str, str], ...] = ()
    embed: Embed | None = None
