"""Slow twins of `tokbench.metrics.utf8_kernels`, and the definitions in words.

A byte that is not part of well-formed UTF-8 is one character of its own (``surrogateescape``).
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def characters(data: bytes) -> list[bytes]:
    r"""Split bytes into characters.

    Example:
        >>> characters("é!".encode() + b"\xe4")
        [b'\xc3\xa9', b'!', b'\xe4']
    """
    return [each.encode("utf-8", "surrogateescape") for each in data.decode("utf-8", "surrogateescape")]


def _whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _could_end(data: bytes) -> bool:
    """Whether some bytes appended make this one character."""
    padded = [data + bytes(tail) for tail in _TAILS]
    return any(_whole(each) and len(each.decode()) == 1 for each in padded)


_TAILS = [
    *([a] for a in (0x80, 0x90, 0xA0, 0xBF)),
    *([a, 0x80] for a in (0x80, 0x90, 0xA0, 0xBF)),
    *([a, 0x80, 0x80] for a in (0x80, 0x90, 0xA0, 0xBF)),
]


def classify_tokens(token: bytes) -> int:
    r"""Return 0 for whole characters, 1 for part of one character only, 2 for parts and other characters.

    Example:
        >>> [classify_tokens(token) for token in (b"ab", b"\xc3", b"\xa9\xe4", b"a\xc3", b"")]
        [0, 1, 2, 2, 0]
    """
    if _whole(token):
        return 0
    rest = token.lstrip(bytes(range(0x80, 0xC0)))
    n_leading = len(token) - len(rest)
    count = 0 if n_leading == 0 else 1 if n_leading <= 3 else n_leading - 2
    while rest:
        # The longest head that is a character, or that could become one and reaches the end of the token.
        heads = [
            head
            for head in (rest[:n] for n in range(4, 0, -1))
            if (_whole(head) and len(head.decode()) == 1) or (head == rest and _could_end(head))
        ]
        rest = rest[len(heads[0]) if heads else 1 :]
        count += 1
    return 1 if count <= 1 else 2


def count_split_characters(tokens: Sequence[bytes]) -> list[int]:
    r"""Return characters of 1, 2, 3, 4 bytes that the tokens spell, then those of each width that a boundary cuts.

    Example:
        >>> count_split_characters([b"caf\xc3", b"\xa9"])
        [3, 1, 0, 0, 0, 1, 0, 0]
    """
    cuts = set(accumulate(map(len, tokens)))
    counts, at = [0] * 8, 0
    for character in characters(b"".join(tokens)):
        width = len(character)
        counts[width - 1] += 1
        counts[width + 3] += any(at < cut < at + width for cut in cuts)
        at += width
    return counts


def count_classes(classes: Sequence[int], n_classes: int) -> list[int]:
    """Count the tokens of a document by class.

    Example:
        >>> count_classes([0, 2, 2], 4)
        [1, 0, 2, 0]
    """
    return [list(classes).count(each) for each in range(n_classes)]
