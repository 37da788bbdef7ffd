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

from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench._rust import ByteTrie
    from tokbench.bpe import BpeModel
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


def alphabet_of(model: BpeModel) -> bytes | None:
    """Return the bytes that an encoded text may have; None for all.

    Where texts have only some, the pre-tokenizer's borders that other bytes would make are none.
    """
    vocab = model.vocab
    if vocab.byte_fallback is not None or vocab.unknown is not None or model.unit != "byte":
        return None
    spelled = {token for token in vocab.tokens.values() if len(token) == 1}
    return None if len(spelled) == 256 else b"".join(sorted(spelled))


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


WITNESSES = (b"", b" ", b"a", b"A", b"1", b"\n", b".", b"'", b"  ", b"\xc3\xa9")
"""What may follow, for tokenizers that nothing more is known of."""


class Reencoding(Cover):
    """Validity by `encode` itself, for tokenizers whose encoding has no test of its own.

    A sequence t with bytes y is taken as valid if ``encode(y + z)`` begins with t for one of the witnesses z. Each
    witness is a proof, so no invalid sequence passes; a sequence that only other texts make is missed.

    Every question costs an encoding of the whole text, a mask as many as there are tokens; answers are kept.

    Args:
        lead: what tokens spell before the text (the space that SentencePiece puts there).
    """

    path = "re-encoding, by witnesses"

    def __init__(
        self,
        tokenizer: Tokenizer,
        trie: ByteTrie,
        *,
        lead: bytes = b"",
        witnesses: Sequence[bytes] = WITNESSES,
        max_masks: int = 256,
    ) -> None:
        self._tokenizer = tokenizer
        self._lead = lead
        self._order = trie.order
        self._text_only = not isinstance(tokenizer, BpeTokenizer)
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
            spelled = self._spell(tokens)
            begins = spelled is not None and any(
                tuple(self._tokenizer.encode(text)[: len(tokens)].tolist()) == tokens
                for witness in self._witnesses
                for text in self._texts(spelled, witness)
            )
            self._answers[tokens] = begins
        return self._answers[tokens]

    def step(self, place: Place, token_id: int) -> Place:
        """Return the longer sequence."""
        return (*_tokens(place), token_id)

    def ends(self, place: Place) -> bool:
        """Whether the sequence is the encoding of its bytes."""
        tokens = _tokens(place)
        text = self._spell(tokens)
        if text is None or (self._text_only and not _is_text(text)):
            return False
        return tuple(self._tokenizer.encode(text).tolist()) == tokens

    def _texts(self, spelled: bytes, witness: bytes) -> list[bytes]:
        """Return the texts that prove a sequence: completed first, where only text can be encoded."""
        if not self._text_only or _is_text(spelled):
            return [spelled + witness]
        ways = (b"\x80", b"\xbf", b"\x80\x80", b"\xbf\xbf", b"\xa0\x80", b"\x90\x80\x80", b"\x8f\xbf\xbf")
        return [spelled + way + witness for way in ways if _is_text(spelled + way)]

    def _spell(self, tokens: Sequence[int]) -> bytes | None:
        """Return the text of some tokens; None where they do not begin with what stands before every text."""
        spelled = b"".join(self._tokenizer.token_bytes(token) for token in tokens)
        if not tokens:
            return b""
        return spelled[len(self._lead) :] if spelled.startswith(self._lead) else None

    def _tested(self, tokens: tuple[int, ...]) -> Mask:
        """Encode, for every token and witness, the bytes so far followed by both."""
        texts = [self._spell((*tokens, int(token))) for token in self._order]
        mask = np.zeros(len(texts), dtype=np.uint8)
        for witness in self._witnesses:
            asked = [
                (at, whole)
                for at, text in enumerate(texts)
                if text is not None and not mask[at]
                for whole in self._texts(text, witness)
            ]
            encoding = self._tokenizer.encode_batch([whole for _, whole in asked], threads=1)
            for (at, _), ids in zip(asked, encoding, strict=True):
                wanted = (*tokens, int(self._order[at]))
                mask[at] |= tuple(ids[: len(wanted)].tolist()) == wanted
        return mask


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _tokens(place: Place) -> tuple[int, ...]:
    assert isinstance(place, tuple), "a place of another cover"
    return place
