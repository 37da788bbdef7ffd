"""Bytes as characters and back, for steps that think in characters; a byte that is not UTF-8 is one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def text_of(data: bytes) -> str:
    r"""Return the characters; a byte that is not UTF-8 becomes a lone surrogate and comes back as that byte.

    Example:
        >>> data_of(text_of(b"\xff\xc3\xa4"))
        b'\xff\xc3\xa4'
    """
    return data.decode(errors="surrogateescape")


def data_of(text: str) -> bytes:
    """Return the bytes of what `text_of` returned."""
    return text.encode(errors="surrogateescape")


def sizes_of(text: str) -> NDArray[np.int64]:
    """Return the bytes of each character."""
    codes = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    sizes[(codes >= 0xD800) & (codes < 0xE000)] = 1
    return sizes.astype(np.int64)


def one_of(characters: Iterable[str]) -> str:
    r"""Return a regular expression for one of these characters.

    Example:
        >>> one_of("cab")
        '[\\U00000061-\\U00000063]'
    """
    ranges: list[list[int]] = []
    for code in sorted(set(map(ord, characters))):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges) + "]"
