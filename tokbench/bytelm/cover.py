"""Which token sequences are the beginning of an encoding: the set that the lemma sums over.

A token sequence t is *valid* if some text s exists with ``encode(s)`` beginning with t. `Cover` answers three questions
about a valid sequence: which tokens may come next, whether the text may end here, and what the sequence becomes by one
more token. What it keeps of a sequence is a *place*: hashable, equal for sequences that behave alike from here on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench._rust import ByteTrie
    from tokbench.tokenizer import Tokenizer

Place: TypeAlias = Hashable
Mask: TypeAlias = "NDArray[np.uint8]"


class Cover(ABC):
    """The valid token sequences of a tokenizer.

    Attributes:
        path: how validity is decided, for people.
    """

    path: str

    @abstractmethod
    def root(self) -> Place:
        """Return the place of the empty sequence."""

    @abstractmethod
    def mask(self, place: Place) -> Mask | None:
        """Return, in the order of the trie, 1 for every token that may come next; None where all may."""

    @abstractmethod
    def allows(self, place: Place, token_id: int) -> bool:
        """Whether a token may come next."""

    @abstractmethod
    def step(self, place: Place, token_id: int) -> Place:
        """Return the place after a token that may come next."""

    @abstractmethod
    def ends(self, place: Place) -> bool:
        """Whether the text may end here: the sequence is the encoding of its own bytes."""


class EverySegmentation(Cover):
    """Every token sequence, whether encoding makes it or not."""

    path = "none: every segmentation"

    def root(self) -> Place:
        """Return the only place."""
        return ()

    def mask(self, place: Place) -> Mask | None:
        """Return None: all tokens may come."""
        return None

    def allows(self, place: Place, token_id: int) -> bool:
        """Return True."""
        return True

    def step(self, place: Place, token_id: int) -> Place:
        """Return the only place."""
        return ()

    def ends(self, place: Place) -> bool:
        """Return True."""
        return True


class Reencoding(Cover):
    """Validity by `encode` itself, for tokenizers whose encoding has no test of its own.

    A sequence t with bytes y is taken as valid if ``encode(y + z)`` begins with t for one of the witnesses z. Each
    witness is a proof, so no invalid sequence passes; a sequence that only texts beyond the witnesses make is missed.
    The empty witness alone decides every method whose encodings are closed under prefixes (``fewest``, ``unigram``:
    the best path to a place does not depend on what follows) where no pre-tokenizer looks ahead.

    Every question costs an encoding of the whole prefix, a mask as many as there are tokens; answers are kept.
    """

    path = "re-encoding"

    def __init__(
        self,
        tokenizer: Tokenizer,
        trie: ByteTrie,
        *,
        witnesses: Sequence[bytes] = (b"",),
        max_masks: int = 256,
    ) -> None:
        self._tokenizer = tokenizer
        self._order = trie.order
        self._witnesses = tuple(witnesses)
        self._answers: dict[tuple[int, ...], bool] = {}
        self._masks: dict[tuple[int, ...], Mask] = {}
        self._max_masks = max_masks

    def root(self) -> Place:
        """Return the empty sequence; a place is the sequence itself."""
        return ()

    def mask(self, place: Place) -> Mask | None:
        """Return 1 for every token after which some witness is a proof."""
        tokens = _tokens(place)
        if tokens not in self._masks:
            if len(self._masks) >= self._max_masks:
                self._masks.pop(next(iter(self._masks)))
            self._masks[tokens] = self._tested(tokens)
        return self._masks[tokens]

    def allows(self, place: Place, token_id: int) -> bool:
        """Whether some witness proves the sequence with this token."""
        tokens = (*_tokens(place), token_id)
        if tokens not in self._answers:
            data = self._tokenizer.decode(tokens)
            self._answers[tokens] = any(
                tuple(self._tokenizer.encode(data + witness)[: len(tokens)].tolist()) == tokens
                for witness in self._witnesses
            )
        return self._answers[tokens]

    def step(self, place: Place, token_id: int) -> Place:
        """Return the longer sequence."""
        return (*_tokens(place), token_id)

    def ends(self, place: Place) -> bool:
        """Whether the sequence is the encoding of its bytes."""
        tokens = _tokens(place)
        return tuple(self._tokenizer.encode(self._tokenizer.decode(tokens)).tolist()) == tokens

    def _tested(self, tokens: tuple[int, ...]) -> Mask:
        """Encode, for every token and witness, the bytes so far followed by both."""
        data = self._tokenizer.decode(tokens)
        wanted = np.array(tokens, dtype=np.uint32)
        spelled = [self._tokenizer.token_bytes(int(token)) for token in self._order]
        mask = np.zeros(len(spelled), dtype=np.uint8)
        for witness in self._witnesses:
            left = np.flatnonzero(mask == 0)
            encoding = self._tokenizer.encode_batch([data + spelled[at] + witness for at in left], threads=1)
            for at, ids in zip(left, encoding, strict=True):
                begins = len(ids) > len(tokens) and ids[len(tokens)] == self._order[at]
                mask[at] = begins and bool((ids[: len(tokens)] == wanted).all())
        return mask


def _tokens(place: Place) -> tuple[int, ...]:
    assert isinstance(place, tuple), "a place of another cover"
    return place
