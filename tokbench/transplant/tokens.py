"""`TokenTable`: what every id of a tokenizer means, in bytes of text, whatever the vocabulary's own spelling is.

========================  ===========================================================================================
byte-level, tiktoken,     the bytes
tekken, RWKV
SentencePiece             ``▁`` is a space; ``<0xE4>`` is one byte, of the kind byte-fallback
WordPiece (``##``)        ``##ing`` is ``ing``. A token without the prefix begins a word: it is `` ing`` and, second
                          choice, ``ing``; for a mark of punctuation the other way round, because the space before a
                          word lies outside of these vocabularies
end of word (``</w>``)    ``ing</w>`` ends a word and is mostly a whole one: `` ing`` and, second choice, ``ing``;
                          without the suffix it is ``ing``
special                   its text, with roles
========================  ===========================================================================================

A space before the text that SentencePiece adds (``add_dummy_prefix``) makes ``▁the`` of ``the`` at the start: that is
a property of encoding, and the token's bytes are still `` the``.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from tokbench.encoding import flatten
from tokbench.transplant.roles import roles_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tokbench.tokenizer import Tokenizer


class TokenKind(IntEnum):
    """What an id is; lower kinds are preferred where several old tokens have the same bytes."""

    REGULAR = 0
    ADDED = 1
    BYTE_FALLBACK = 2
    SPECIAL = 3
    HOLE = 4


@dataclass(frozen=True, eq=False)
class TokenTable:
    """Every id of a tokenizer as bytes of text.

    Attributes:
        texts: the bytes of each id; empty for a hole.
        kinds: a `TokenKind` for each id.
        second: id → the bytes that the token may also stand for, of vocabularies that leave the space out.
        roles: id → the roles of a special token, the most telling first.
    """

    texts: tuple[bytes, ...]
    kinds: NDArray[np.uint8]
    second: Mapping[int, bytes] = field(default_factory=dict)
    roles: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the ids, holes included: the rows that a matrix needs."""
        return len(self.texts)

    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the bytes of all ids back to back, and ``len + 1`` positions."""
        return flatten(list(self.texts))

    def limited(self, rows: int) -> TokenTable:
        """Return the table with every id from `rows` on made a hole: a matrix has no row for it."""
        if rows >= len(self):
            return self
        kinds = self.kinds.copy()
        kinds[rows:] = TokenKind.HOLE
        texts = (*self.texts[:rows], *(b"" for _ in self.texts[rows:]))
        second = {i: text for i, text in self.second.items() if i < rows}
        return TokenTable(texts, kinds, second, {i: each for i, each in self.roles.items() if i < rows})

    @classmethod
    def of(cls, tokenizer: Tokenizer, *, roles: Mapping[str, tuple[str, ...]] | None = None) -> TokenTable:
        """Return the table of a tokenizer.

        Args:
            tokenizer: any.
            roles: text of a special token → its roles, for those that a model directory names; they come before
                those of the table `tokbench.transplant.roles`.

        Example:
            >>> from tokbench.train import train
            >>> from tokbench.counts import PretokenCounts
            >>> made = train(PretokenCounts.from_mapping({"eng": {b"low": 5}}), vocab_size=258,
            ...              special_tokens=["<s>"])
            >>> table = TokenTable.of(made)
            >>> table.roles, table.texts[257], len(table)
            ({0: ('bos',)}, b'lo', 258)
        """
        vocab = tokenizer.vocab
        texts = [b""] * vocab.n_ids
        kinds = np.full(vocab.n_ids, TokenKind.HOLE, dtype=np.uint8)
        second: dict[int, bytes] = {}
        for token_id in vocab:
            if token_id in tokenizer.unused_ids:
                continue
            texts[token_id] = tokenizer.token_bytes(token_id)
            kinds[token_id] = TokenKind.REGULAR
        for token_id, byte in tokenizer.fallback_bytes.items():
            texts[token_id], kinds[token_id] = bytes([byte]), TokenKind.BYTE_FALLBACK
        _mark_words(tokenizer, texts, kinds, second)
        found: dict[int, tuple[str, ...]] = {}
        special_texts = set(tokenizer.special_tokens)
        for text, token_id in vocab.special.items():
            special = text in special_texts or token_id == tokenizer.unk_id
            second.pop(token_id, None)
            texts[token_id] = text.encode()
            kinds[token_id] = TokenKind.SPECIAL if special else TokenKind.ADDED
            if special:
                given = (*(roles or {}).get(text, ()), *roles_of(text))
                found[token_id] = tuple(dict.fromkeys(given))
        return cls(tuple(texts), kinds, second, {i: each for i, each in found.items() if each})


def _mark_words(
    tokenizer: Tokenizer, texts: list[bytes], kinds: NDArray[np.uint8], second: dict[int, bytes]
) -> None:
    """Give tokens of vocabularies that leave the space out both spellings, the likelier first."""
    prefix, suffix = tokenizer.continuing_prefix, tokenizer.word_end
    if prefix is None and suffix is None:
        return
    for token_id, piece in tokenizer.vocab.tokens.items():
        if kinds[token_id] != TokenKind.REGULAR:
            continue
        begins = prefix is not None and not piece.startswith(prefix.encode())
        ends = suffix is not None and piece.endswith(suffix.encode()) and piece != suffix.encode()
        if begins or ends:
            plain, spaced = texts[token_id], b" " + texts[token_id]
            alone = _is_punctuation(plain)
            texts[token_id], second[token_id] = (plain, spaced) if alone else (spaced, plain)


def _is_punctuation(data: bytes) -> bool:
    text = data.decode(errors="replace")
    return all(unicodedata.category(char)[0] in "PS" for char in text)
