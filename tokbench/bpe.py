"""`BpeModel`: everything that decides how a BPE tokenizer encodes, as one frozen value.

The order in which it acts: special and added tokens are cut out of the text; what lies between is normalized,
gets its prefix space, is cut into pretokens; a pretoken is spelled in bytes or characters and merged, lowest
rank first. File formats read and write this value; the encoder is built from it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from tokbench import _rust
from tokbench.errors import VocabError
from tokbench.merges import Merges

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl
    from numpy.typing import ArrayLike, NDArray

    from tokbench.vocab import Vocab

Unit = Literal["byte", "character"]
Method = Literal["merges", "longest"]
Normalization = Literal["nfc", "nfd", "nfkc", "nfkd"]


@dataclass(frozen=True)
class AddedToken:
    """A string that becomes one id before anything else looks at the text.

    Attributes:
        text: what it matches.
        token_id: what it becomes.
        special: matched only where the caller allows it; otherwise always.
        normalized: matched in the normalized text instead of the text as given.
        lstrip: swallows the white space before it.
        rstrip: swallows the white space after it.
    """

    text: str
    token_id: int
    special: bool = True
    normalized: bool = False
    lstrip: bool = False
    rstrip: bool = False


@dataclass(frozen=True)
class Training:
    """How a tokenizer came about: the settings, and the log where the run is still at hand."""

    settings: Mapping[str, object]
    log: pl.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class RankedPairs:
    """Merges in rank order of which some use a token that only a later one makes.

    Vocabularies that were extended by hand (Llama 3, Qwen) encode like this. Training never produces such an
    order, so these are no `Merges`.
    """

    left: NDArray[np.uint32]
    right: NDArray[np.uint32]
    result: NDArray[np.uint32]

    def __len__(self) -> int:
        """Count the merges."""
        return len(self.left)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yield (left, right, result) by rank."""
        return iter(zip(self.left.tolist(), self.right.tolist(), self.result.tolist(), strict=True))


def merge_list(left: ArrayLike, right: ArrayLike, result: ArrayLike) -> Merges | RankedPairs:
    """Return `Merges`, or `RankedPairs` where a merge uses a token before it is made.

    Example:
        >>> len(merge_list([0, 2], [1, 1], [2, 3])), type(merge_list([3, 0], [1, 1], [2, 3])).__name__
        (2, 'RankedPairs')
    """
    columns = [np.ascontiguousarray(column, dtype=np.uint32) for column in (left, right, result)]
    try:
        return Merges(*columns)
    except VocabError:
        return RankedPairs(*columns)


@dataclass(frozen=True)
class BpeModel:
    """A BPE tokenizer as data.

    Attributes:
        vocab: id ↔ bytes. All `added` tokens are among its special tokens.
        merges: the steps in rank order; empty for longest match.
        pretokenizer: the specification of the pre-tokenizer.
        unit: what a pretoken is spelled in before merging.
        method: ``merges``, or ``longest`` for the longest token that fits, from left to right.
        whole_words: whether a pretoken that is a token becomes it without merging.
        fuse_unknown: whether neighbouring unknown characters share one unknown token.
        normalizer: Unicode normalization (of Unicode 11, as Hugging Face's) before encoding.
        prefix_space: whether text that does not start with a space gets one.
        added: tokens that are cut out first; by default all special tokens of the vocabulary but the unknown.

    Raises:
        VocabError: when an added token is not a special token of the vocabulary, or merges do not spell
            their results.
    """

    vocab: Vocab
    merges: Merges | RankedPairs
    pretokenizer: str
    unit: Unit = "byte"
    method: Method = "merges"
    whole_words: bool = False
    fuse_unknown: bool = False
    normalizer: Normalization | None = None
    prefix_space: bool = False
    added: tuple[AddedToken, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.added:
            made = (AddedToken(text, token_id) for text, token_id in self.vocab.special.items())
            object.__setattr__(self, "added", tuple(made))
        for token in self.added:
            if self.vocab.special.get(token.text) != token.token_id:
                message = (
                    f"added token {token.text!r} has id {token.token_id}, "
                    f"but the vocabulary's special tokens give it {self.vocab.special.get(token.text)}"
                )
                raise VocabError(message)

    @property
    def lossless(self) -> bool:
        """Whether decoding returns every encoded byte: no unknown token, normalizer or prefix space."""
        changes = self.normalizer is not None or self.prefix_space or self.vocab.unknown is not None
        return not changes and not any(token.lstrip or token.rstrip for token in self.added)

    @property
    def unlisted(self) -> list[int]:
        """Ids that no text reaches by its bytes: special tokens and byte-fallback tokens."""
        special = (i for i in self.vocab.special.values() if i not in self.vocab.tokens)
        return [*special, *(self.vocab.byte_fallback or ())]

    def encoder(self) -> _rust.BpeEncoder:
        """Build the encoder.

        Raises:
            VocabError: naming a merge that uses an unknown id.
            PretokenizeError: when the pre-tokenizer cannot be used.
        """
        arena, offsets = self.vocab.arrays()
        merges = (self.merges.left, self.merges.right, self.merges.result)
        fallback = self.vocab.byte_fallback
        return _rust.BpeEncoder(
            arena,
            offsets,
            merges if self.method == "merges" else None,
            unlisted=self.unlisted,
            pretokenizer=self.pretokenizer,
            characters=self.unit == "character",
            byte_fallback=None if fallback is None else list(fallback),
            unknown=self.vocab.unknown_id,
            fuse_unknown=self.fuse_unknown,
            whole_words=self.whole_words,
            normalizer=self.normalizer,
            prefix_space=self.prefix_space,
            added=[
                (
                    token.text.encode(),
                    token.token_id,
                    token.special,
                    token.normalized,
                    token.lstrip,
                    token.rstrip,
                )
                for token in self.added
            ],
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides an encoding, in hexadecimal."""
        digest = hashlib.sha256()
        for part in (
            *(f"{token_id}:{token.hex()}" for token_id, token in self.vocab.tokens.items()),
            *(array.tobytes().hex() for array in (self.merges.left, self.merges.right, self.merges.result)),
            repr([*self.vocab.special.items(), self.vocab.byte_fallback, self.vocab.unknown]),
            repr((self.pretokenizer, self.unit, self.method, self.whole_words, self.fuse_unknown)),
            repr((self.normalizer, self.prefix_space, self.added)),
        ):
            digest.update(part.encode())
            digest.update(b"\n")
        return digest.hexdigest()

    def replaced(self, *, pretokenizer: str) -> BpeModel:
        """Return the same model with another pre-tokenizer."""
        return replace(self, pretokenizer=pretokenizer)


def merges_of_ranks(vocab: Vocab) -> Merges | RankedPairs:
    """Return the merge list of a vocabulary whose ids are tiktoken ranks.

    tiktoken gives a pair the rank of the bytes it makes. Only one pair can then ever make a given token: the
    last pair of the token's own encoding.

    Raises:
        VocabError: when one of the 256 bytes has no token.

    Example:
        >>> from tokbench.vocab import Vocab
        >>> list(merges_of_ranks(Vocab([bytes([b]) for b in range(256)] + [b"ab", b"abc"])))
        [(97, 98, 256), (256, 99, 257)]
    """
    arena, offsets = vocab.arrays()
    special = [token_id for token_id in vocab.special.values() if token_id not in vocab.tokens]
    left, right, result = _rust.BpeEncoder.merges_of_ranks(arena, offsets, special)
    return merge_list(left, right, result)


EMPTY_MERGES = Merges(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint32))
