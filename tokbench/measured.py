"""What an evaluation measures: the part of tokenizers and corpora that it reads, and a batch of text with its tokens.

A batch is handed to every statistic. What depends on the text alone (`TextBatch.once`), on the tokenizer alone
(`EncodedBatch.remember`) or on both (`EncodedBatch.collect`) is computed once, whoever asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, final, runtime_checkable

import numpy as np

from tokbench.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from tokbench.merges import Merges
    from tokbench.vocab import Vocab

    Ints = NDArray[np.int64]

T = TypeVar("T")


class Encoded(Protocol):
    """Ids of many documents back to back; document `d` is `ids[offsets[d]:offsets[d + 1]]`."""

    @property
    def ids(self) -> NDArray[np.uint32]:
        """Token ids."""
        ...

    @property
    def offsets(self) -> Ints:
        """One more entry than there are documents."""
        ...


class MeasuredTokenizer(Protocol):
    """The part of a tokenizer that corpus metrics read."""

    @property
    def name(self) -> str:
        """What it is called in the report."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides an encoding."""
        ...

    @property
    def vocab_size(self) -> int:
        """Declared number of ids, special tokens included."""
        ...

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Special tokens and their ids."""
        ...

    @property
    def unk_id(self) -> int | None:
        """The unknown token's id, if there is one."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether the tokens' bytes concatenate to the document, but for what `steps` change."""
        ...

    @property
    def steps(self) -> tuple[str, ...]:
        """Reversible changes of the text before encoding; spans, not tokens, then say where a token lies."""
        ...

    def token_arrays(self) -> tuple[NDArray[np.uint8], Ints]:
        """Return the bytes of all ids back to back, and one position more than there are ids."""
        ...

    def encode_batch(self, texts: Any, /, *, threads: int | None = None) -> Encoded:
        """Encode the documents of a batch without special tokens."""
        ...

    def encode_with_offsets(self, text: Any, /) -> tuple[NDArray[np.uint32], Ints]:
        """Encode one document; the second array holds first and last byte of each token."""
        ...


class InspectedTokenizer(MeasuredTokenizer, Protocol):
    """A whole tokenizer, as metrics of the tokenizer itself read it; every `tokbench.Tokenizer` is one."""

    @property
    def kind(self) -> str:
        """``bpe``, ``unigram``, ``wordpiece``, …"""
        ...

    @property
    def vocab(self) -> Vocab:
        """Id ↔ the token as the vocabulary spells it."""
        ...

    @property
    def pretokenizer(self) -> str | None:
        """Specification of the pre-tokenizer, where it has one of ours."""
        ...

    @property
    def merges(self) -> Merges | None:
        """The merge list, where there is one that training could have found."""
        ...

    def token_bytes(self, token_id: int, /) -> bytes:
        """Return the bytes of text that a token stands for."""
        ...

    def encode(self, text: str | bytes, /) -> NDArray[np.uint32]:
        """Return the ids of one text, without special tokens."""
        ...

    def decode(self, ids: ArrayLike, /) -> bytes:
        """Return the bytes of the ids."""
        ...

    def decode_batch(self, rows: Any, /) -> list[bytes]:
        """Return the bytes of many rows of ids (an `Encoding` or a list of rows)."""
        ...


_WHOLE = ("kind", "vocab", "pretokenizer", "merges", "token_bytes", "encode", "decode", "decode_batch")


def inspected(tokenizer: MeasuredTokenizer) -> InspectedTokenizer:
    """Return the tokenizer as a whole one.

    Raises:
        MetricError: when it lacks a part, naming the part.
    """
    lacking = [name for name in _WHOLE if not hasattr(tokenizer, name)]
    if lacking:
        message = (
            f"tokenizer {tokenizer.name} has no {', '.join(lacking)}, which this metric reads; "
            f"pass a tokbench.Tokenizer"
        )
        raise MetricError(message)
    found: Any = tokenizer
    whole: InspectedTokenizer = found
    return whole


class Documents(Protocol):
    """Documents back to back, as a corpus yields them."""

    @property
    def data(self) -> NDArray[np.uint8]:
        """All bytes."""
        ...

    @property
    def offsets(self) -> Ints:
        """One more entry than there are documents."""
        ...


class MeasuredCorpus(Protocol):
    """The part of a corpus that an evaluation reads."""

    @property
    def name(self) -> str:
        """What it is called in the report."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in their order."""
        ...

    @property
    def parallel(self) -> bool:
        """Whether document i says the same in every language."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the content."""
        ...

    @property
    def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Columns by language: script, family, …"""
        ...

    def batches(self, language: str, /) -> Iterable[Documents]:
        """Yield the documents of a language, many at a time."""
        ...


@runtime_checkable
class WithColumns(Protocol):
    """A corpus whose documents come with more than their text."""

    def has_column(self, name: str, /) -> bool:
        """Whether every document may have a value of this name."""
        ...

    def column(self, language: str, name: str, /) -> Iterable[str]:
        """Yield a value for each document of a language, in order."""
        ...


@final
class WithoutText:
    """The corpus of an evaluation whose metrics read none: no documents."""

    name = "no text"
    languages = ("none",)
    parallel = False
    fingerprint = "none"

    @property
    def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Nothing."""
        return {}

    def batches(self, _language: str, /) -> Iterable[Documents]:
        """Yield nothing."""
        return ()


@final
class TextBatch:
    """Documents of one language back to back: document `d` is `data[offsets[d]:offsets[d + 1]]`.

    Attributes:
        language: whose documents they are, as the corpus names it; "" where nobody says.
    """

    def __init__(
        self,
        data: NDArray[np.uint8],
        offsets: Ints,
        *,
        language: str = "",
        memory: dict[Hashable, Any] | None = None,
    ) -> None:
        self.data = data
        self.offsets = offsets
        self.language = language
        self._memo: dict[Hashable, Any] = {}
        self._memory: dict[Hashable, Any] = {} if memory is None else memory

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.offsets) - 1

    def once(self, key: Hashable, compute: Callable[[TextBatch], T]) -> T:
        """Compute something of the text at most once, for all tokenizers and metrics."""
        if key not in self._memo:
            self._memo[key] = compute(self)
        found: T = self._memo[key]
        return found

    def remember(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute something at most once for all texts and tokenizers of an evaluation."""
        if key not in self._memory:
            self._memory[key] = compute()
        found: T = self._memory[key]
        return found

    def select(self, documents: Ints) -> TextBatch:
        """Return some of the documents, in the order given."""
        data, offsets = gather(self.data, self.offsets, documents)
        return TextBatch(data, offsets, language=self.language, memory=self._memory)


@final
class EncodedBatch:
    """A `TextBatch` and its tokens under one tokenizer.

    Attributes:
        text: the documents.
        ids: token ids of all documents back to back.
        offsets: document `d` is ``ids[offsets[d]:offsets[d + 1]]``.
        seconds: wall-clock time that encoding took.
        company: all tokenizers of the evaluation, this one among them: what costs little more for all of them than
            for one may be computed for all at once (`TextBatch.once`).
    """

    def __init__(
        self,
        text: TextBatch,
        tokenizer: MeasuredTokenizer,
        encoded: Encoded,
        memo: dict[Hashable, Any],
        *,
        seconds: float = 0.0,
        peers: Callable[[str], EncodedBatch] | None = None,
        company: tuple[MeasuredTokenizer, ...] = (),
    ) -> None:
        if len(encoded.offsets) != len(text.offsets):
            message = (
                f"tokenizer {tokenizer.name} returned {len(encoded.offsets) - 1} documents for {len(text)}; "
                f"encode_batch must keep every document, the empty ones too"
            )
            raise MetricError(message)
        self.text = text
        self.tokenizer = tokenizer
        self.ids = encoded.ids
        self.offsets = encoded.offsets
        self.seconds = seconds
        self.company = company or (tokenizer,)
        self._memo = memo
        self._collected: dict[Hashable, Any] = {}
        self._peers = peers

    def remember(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute something of the tokenizer at most once for all batches of an evaluation."""
        if key not in self._memo:
            self._memo[key] = compute()
        found: T = self._memo[key]
        return found

    def once(self, key: Hashable, compute: Callable[[EncodedBatch], T]) -> T:
        """Compute something of the text and its tokens at most once, for all statistics of this batch."""
        if key not in self._collected:
            self._collected[key] = compute(self)
        found: T = self._collected[key]
        return found

    def peer(self, name: str) -> EncodedBatch:
        """Return the same text under another tokenizer of the evaluation, encoded once like its own.

        Raises:
            MetricError: when no such tokenizer is evaluated.
        """
        if self._peers is None:
            message = f"the tokenizer {name!r} is not evaluated beside {self.tokenizer.name}"
            raise MetricError(message)
        return self._peers(name)

    def select(self, documents: Ints) -> EncodedBatch:
        """Return some of the documents with their tokens, in the order given; `seconds` are those of the whole."""
        chosen = np.asarray(documents, np.int64)
        text = self.text.once(("select", chosen.tobytes()), lambda text: text.select(chosen))
        ids, offsets = gather(self.ids, self.offsets, documents)
        peers = self._peers
        return EncodedBatch(
            text,
            self.tokenizer,
            _Rows(ids, offsets),
            self._memo,
            seconds=self.seconds,
            peers=None if peers is None else lambda name: peers(name).select(documents),
            company=self.company,
        )


class _Rows:
    def __init__(self, ids: NDArray[np.uint32], offsets: Ints) -> None:
        self.ids = ids
        self.offsets = offsets


def gather(data: NDArray[Any], offsets: Ints, rows: Ints | Sequence[int]) -> tuple[NDArray[Any], Ints]:
    """Return some rows of a flat array back to back, and their offsets.

    Example:
        >>> gather(np.array([1, 2, 3, 4]), np.array([0, 1, 1, 4]), [2, 0])
        (array([2, 3, 4, 1]), array([0, 3, 4]))
    """
    rows = np.asarray(rows, np.int64)
    lengths = np.diff(offsets)[rows]
    ends = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    places = np.arange(ends[-1]) + np.repeat(offsets[rows] - ends[:-1], lengths)
    return data[places], ends
