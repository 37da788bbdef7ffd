"""`Encoding`: the ids of many documents in one flat array, and the documents that go in.

Invariant: `offsets` ascends from 0 to ``len(ids)``; document i is ``ids[offsets[i]:offsets[i + 1]]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from tokbench.errors import NotEncodableError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


@runtime_checkable
class FlatText(Protocol):
    """Many documents back to back: document i is ``data[offsets[i]:offsets[i + 1]]``."""

    @property
    def data(self) -> NDArray[np.uint8]:
        """All documents' bytes."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each document starts, and the end of the last."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """Token ids of many documents.

    Raises:
        ParameterError: when the offsets do not ascend from 0 to the number of ids.

    Example:
        >>> encoding = Encoding(np.array([5, 6, 7], np.uint32), np.array([0, 2, 2, 3], np.int64))
        >>> len(encoding), encoding[0].tolist(), encoding[1].tolist()
        (3, [5, 6], [])
    """

    ids: NDArray[np.uint32]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        offsets = self.offsets
        ascending = offsets.ndim == 1 and len(offsets) > 0 and bool((np.diff(offsets) >= 0).all())
        if not ascending or offsets[0] != 0 or offsets[-1] != len(self.ids):
            message = f"encoding: offsets must ascend from 0 to {len(self.ids)}, the number of ids"
            raise ParameterError(message)

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.offsets) - 1

    def __getitem__(self, document: int) -> NDArray[np.uint32]:
        """Return the ids of one document, a view."""
        if not -len(self) <= document < len(self):
            message = f"encoding: document {document} of {len(self)}"
            raise IndexError(message)
        document %= len(self)
        return self.ids[self.offsets[document] : self.offsets[document + 1]]

    def __iter__(self) -> Iterator[NDArray[np.uint32]]:
        """Yield the ids of every document."""
        return (self[document] for document in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each document."""
        return np.diff(self.offsets)


def text_bytes(text: str | bytes, document: int = 0) -> bytes:
    """Return the UTF-8 bytes of a text; bytes pass as they are.

    Raises:
        NotEncodableError: for a lone surrogate, which no UTF-8 can hold, naming the character.
    """
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        message = f"document {document}: character {error.start} is a lone surrogate, which is not text"
        raise NotEncodableError(message) from None


def flatten(texts: Sequence[str | bytes] | FlatText) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return documents as one byte array and their offsets in it.

    Raises:
        NotEncodableError: for a lone surrogate.
        ParameterError: when a single string is given instead of a list of them.

    Example:
        >>> data, offsets = flatten(["ab", b"c"])
        >>> bytes(data), offsets.tolist()
        (b'abc', [0, 2, 3])
    """
    if isinstance(texts, (str, bytes)):
        message = "encode_batch takes a list of texts; for one text there is encode"
        raise ParameterError(message)
    if isinstance(texts, FlatText):
        return np.ascontiguousarray(texts.data), np.ascontiguousarray(texts.offsets, dtype=np.int64)
    documents = [text_bytes(text, index) for index, text in enumerate(texts)]
    offsets = np.zeros(len(documents) + 1, dtype=np.int64)
    np.cumsum([len(document) for document in documents], out=offsets[1:])
    return np.frombuffer(b"".join(documents), dtype=np.uint8), offsets
