"""Texts in which a token may show up: before and behind it, and characters that complete its bytes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import islice, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEFORE = (
    "«", " ", "a", "\n", "1", ".", "A", "'", "字", "\t", "é", "(", "a ", " a", "\r\n", "12", "_", "\u00a0", "\u0301",
    "x\n",    "а", "ا",
)  # fmt: skip
_BEHIND = (
    "", "a", " ", "\n", " a", "1", ".", "A", "字", "»", "é", "\t", "  ", "\u0301", "'", "s", "t", "re", "ve", "m", "ll",
    "d",
)  # fmt: skip

TEXT_CONTEXTS: tuple[tuple[bytes, bytes], ...] = tuple(
    (before.encode(), behind.encode())
    for behind, before in product(_BEHIND, ("", *_BEFORE))
    if before or behind
)
"""What is put before and behind a token: letters, digits, white space, marks, punctuation of every class."""


def is_text(data: bytes) -> bool:
    """Return whether bytes are well-formed UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=8192)
def completions(token: bytes, n: int) -> tuple[bytes, ...]:
    r"""Return up to `n` well-formed texts that are the token's bytes with the missing ones of its outer characters.

    Assigned characters come first. Empty where no well-formed text holds these bytes.

    Example:
        >>> [text.decode() for text in completions(b"\xa9", 3)]
        ['©', 'é', 'ĩ']
        >>> completions(b"\xff", 3)
        ()
    """
    n_leading = len(token) - len(token.lstrip(_CONTINUATION))
    heads = [b""] if n_leading == 0 else _heads(token[:n_leading])
    if n_leading and not heads:
        return ()
    body = token[n_leading:]
    found: list[bytes] = []
    later: list[bytes] = []
    for head in heads:
        start = head + token[:n_leading]
        if not body:
            (found if _assigned(start) else later).append(start)
        else:
            for tail in islice(_tails(body), max(n // max(min(len(heads), 8), 1), 1)):
                text = start + body + tail
                if is_text(text):
                    (found if _assigned(text) else later).append(text)
        if len(found) >= n:
            break
    return tuple([*found, *later][:n])


def could_be_text(token: bytes) -> bool:
    r"""Return whether some well-formed text holds these bytes.

    Example:
        >>> could_be_text(b"\xa9\xe4"), could_be_text(b"\xc0"), could_be_text(b"\xe4a")
        (True, False, False)
    """
    return is_text(token) or bool(completions(token, 1))


_CONTINUATION = bytes(range(0x80, 0xC0))


def _assigned(data: bytes) -> bool:
    return all(unicodedata.category(each) not in ("Cn", "Co", "Cs") for each in data.decode())


@lru_cache(maxsize=512)
def _heads(tail: bytes) -> list[bytes]:
    """Return the bytes that make one character of the continuation bytes `tail` behind them, shortest first."""
    found = []
    if len(tail) == 1:
        found += [bytes([lead]) for lead in range(0xC2, 0xE0)]
        found += [bytes([lead, second]) for lead in range(0xE0, 0xF0) for second in range(0x80, 0xC0)]
        found += [bytes([0xF0, 0x9F, third]) for third in range(0x80, 0xC0)]
        found += [bytes([lead, second, 0x80]) for lead in range(0xF0, 0xF5) for second in range(0x80, 0xC0)]
    elif len(tail) == 2:
        found += [bytes([lead]) for lead in range(0xE0, 0xF0)]
        found += [bytes([lead, second]) for lead in range(0xF0, 0xF5) for second in range(0x80, 0xC0)]
    elif len(tail) == 3:
        found += [bytes([lead]) for lead in range(0xF0, 0xF5)]
    return [head for head in found if is_text(head + tail)]


def _tails(body: bytes) -> Iterator[bytes]:
    """Yield the bytes that complete the last character of `body`; an empty one where it is complete."""
    if is_text(body):
        yield b""
        return
    for n_kept in (1, 2, 3):
        if n_kept > len(body):
            return
        lead = body[-n_kept]
        width = 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 0
        if width > n_kept and is_text(body[:-n_kept]):
            for rest in product(range(0x80, 0xC0), repeat=width - n_kept):
                # The second byte varies fastest: more scripts among the first few.
                tail = bytes(reversed(rest))
                if is_text(body[-n_kept:] + tail):
                    yield tail
            return
