"""`Vocab`: which id stands for which bytes.

Three kinds of ids, kept apart:

* ordinary tokens: a bijection id ↔ bytes; what encoding produces;
* special tokens: a name ↔ id; never produced from text unless the caller allows it. A special token's id may
  also be an ordinary token's id if both spell the same bytes (Hugging Face trainers do that);
* byte-fallback tokens: 256 ids, one per byte, used only where a character has no token (SentencePiece's
  ``<0xE4>``). They spell one byte each without being the ordinary token of that byte.

Invariant: every byte string can be encoded (all 256 bytes are ordinary or fallback tokens), unless the
vocabulary names an unknown token or says that it is partial. Ids may have holes (tiktoken vocabularies do).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import UnknownTokenError, VocabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_NO_SPECIAL: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Vocab:
    """Token bytes by id, special tokens apart.

    Args:
        tokens: the ordinary tokens, by id: a mapping, or a sequence in which None is an id without one.
        special: special tokens: their text → id.
        byte_fallback: 256 ids, the fallback tokens of the bytes 0 … 255.
        unknown: the special token that stands for what cannot be encoded.
        partial: declare that some byte strings cannot be encoded and that there is no unknown token.

    Raises:
        VocabError: when two ids have the same bytes, an id has two meanings, or a byte is missing from a
            vocabulary that is neither partial nor has an unknown token.

    Example:
        >>> vocab = Vocab([bytes([b]) for b in range(256)] + [b"ab"], special={"<end>": 257})
        >>> len(vocab), vocab.id_of(b"ab"), vocab.token_bytes(257)
        (258, 256, b'<end>')
    """

    tokens: Mapping[int, bytes]
    special: Mapping[str, int]
    byte_fallback: tuple[int, ...] | None
    unknown: str | None
    partial: bool
    _ids: Mapping[bytes, int] = field(repr=False)
    _bytes: Mapping[int, bytes] = field(repr=False)

    def __init__(
        self,
        tokens: Mapping[int, bytes] | Sequence[bytes | None],
        *,
        special: Mapping[str, int] = _NO_SPECIAL,
        byte_fallback: Sequence[int] | None = None,
        unknown: str | None = None,
        partial: bool = False,
    ) -> None:
        pairs = tokens.items() if isinstance(tokens, Mapping) else enumerate(tokens)
        ordinary = {int(token_id): bytes(token) for token_id, token in sorted(pairs) if token is not None}
        ids = _inverse(ordinary)
        named = dict(sorted(special.items(), key=lambda item: item[1]))
        fallback = None if byte_fallback is None else tuple(int(token_id) for token_id in byte_fallback)
        spelled = _spell(ordinary, named, fallback)
        if unknown is not None and unknown not in named:
            message = f"vocabulary: the unknown token {unknown!r} is not among its special tokens"
            raise VocabError(message)
        if fallback is None and unknown is None and not partial:
            missing = [byte for byte in range(256) if bytes([byte]) not in ids]
            if missing:
                message = (
                    f"vocabulary: {len(missing)} of the 256 bytes have no token (first: 0x{missing[0]:02x}); "
                    f"add them, name an unknown token, or declare the vocabulary partial"
                )
                raise VocabError(message)
        for name, value in (
            ("tokens", MappingProxyType(ordinary)),
            ("special", MappingProxyType(named)),
            ("byte_fallback", fallback),
            ("unknown", unknown),
            ("partial", partial),
            ("_ids", ids),
            ("_bytes", spelled),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Count the ids that have a meaning."""
        return len(self._bytes)

    @property
    def n_ids(self) -> int:
        """The highest id plus one, the rows an embedding needs: at least ``len``, more with holes."""
        return max(self._bytes, default=-1) + 1

    @property
    def unknown_id(self) -> int | None:
        """The unknown token's id, if there is one."""
        return None if self.unknown is None else self.special[self.unknown]

    def __contains__(self, token: bytes) -> bool:
        """Whether `token` is an ordinary token."""
        return token in self._ids

    def __iter__(self) -> Iterator[int]:
        """Yield the ids that have a meaning, ascending."""
        return iter(self._bytes)

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of a token; of a special token, its text in UTF-8.

        Raises:
            UnknownTokenError: when no token has this id.
        """
        try:
            return self._bytes[token_id]
        except KeyError:
            message = f"no token with id {token_id} in this vocabulary of {len(self)} tokens"
            raise UnknownTokenError(message) from None

    def id_of(self, token: bytes) -> int:
        """Return the id of an ordinary token.

        Raises:
            UnknownTokenError: when these bytes are no ordinary token.
        """
        try:
            return self._ids[token]
        except KeyError:
            message = f"no token {token!r} in this vocabulary of {len(self)} tokens"
            raise UnknownTokenError(message) from None

    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return all tokens' bytes back to back, and `n_ids + 1` positions; a hole has length 0.

        Example:
            >>> arena, offsets = Vocab([b"a", None, b"bc"], partial=True).arrays()
            >>> bytes(arena), offsets.tolist()
            (b'abc', [0, 1, 1, 3])
        """
        lengths = np.zeros(self.n_ids, dtype=np.int64)
        ids = np.fromiter(self._bytes, np.int64, len(self._bytes))
        lengths[ids] = np.fromiter(map(len, self._bytes.values()), np.int64, len(self._bytes))
        offsets = np.zeros(self.n_ids + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        arena = np.frombuffer(b"".join(self._bytes.values()), dtype=np.uint8)
        return arena, offsets

    def __eq__(self, other: object) -> bool:
        """Compare every id's meaning."""
        if not isinstance(other, Vocab):
            return NotImplemented
        return self._state() == other._state()

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(
            (tuple(self.tokens.items()), tuple(self.special.items()), self.byte_fallback, self.unknown)
        )

    def __repr__(self) -> str:
        """Show the sizes."""
        return f"Vocab({len(self)} tokens, {len(self.special)} special)"

    def _state(self) -> tuple[object, ...]:
        return dict(self.tokens), dict(self.special), self.byte_fallback, self.unknown, self.partial


def _inverse(tokens: Mapping[int, bytes]) -> dict[bytes, int]:
    ids: dict[bytes, int] = {}
    for token_id, token in tokens.items():
        if not 0 <= token_id < 2**32:
            message = f"vocabulary: id {token_id} is outside of 0 … 2^32 - 1"
            raise VocabError(message)
        if not token:
            message = f"vocabulary: token {token_id} is empty"
            raise VocabError(message)
        if token in ids:
            message = f"vocabulary: ids {ids[token]} and {token_id} are both {token!r}"
            raise VocabError(message)
        ids[token] = token_id
    return ids


def _spell(
    tokens: Mapping[int, bytes], special: Mapping[str, int], fallback: tuple[int, ...] | None
) -> dict[int, bytes]:
    spelled = dict(tokens)
    for text, token_id in special.items():
        if not text:
            message = f"vocabulary: special token {token_id} is empty"
            raise VocabError(message)
        data = text.encode()
        if spelled.get(token_id, data) != data:
            message = (
                f"vocabulary: id {token_id} is both the special token {text!r} and {spelled[token_id]!r}"
            )
            raise VocabError(message)
        spelled[token_id] = data
    if len(set(special.values())) != len(special):
        message = "vocabulary: two special tokens have the same id"
        raise VocabError(message)
    if fallback is not None:
        if len(fallback) != 256 or len(set(fallback)) != 256:
            message = f"vocabulary: byte fallback needs 256 different ids, got {len(set(fallback))}"
            raise VocabError(message)
        for byte, token_id in enumerate(fallback):
            if token_id in spelled:
                message = (
                    f"vocabulary: id {token_id} is both the fallback of byte 0x{byte:02x} "
                    f"and {spelled[token_id]!r}"
                )
                raise VocabError(message)
            spelled[token_id] = bytes([byte])
    return dict(sorted(spelled.items()))
