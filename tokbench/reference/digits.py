"""Slow twins of `tokbench.metrics.digit_kernels`: one document, one run at a time."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LABELS = ("right_to_left", "left_to_right", "single_digit", "whole", "irregular", "too_short")


def find_digits(data: bytes, *, ascii_only: bool) -> list[tuple[int, int, int]]:
    """Return (first byte, end, digits) of each run of digits.

    Example:
        >>> find_digits("a12 ٣".encode(), ascii_only=False)
        [(1, 3, 2), (4, 6, 1)]
    """
    text = data.decode("utf-8", "surrogateescape")
    found = []
    for match in re.finditer(r"[0-9]+" if ascii_only else r"\d+", text):
        assert all(unicodedata.decimal(digit) >= 0 for digit in match[0])
        start = len(text[: match.start()].encode("utf-8", "surrogateescape"))
        found.append((start, start + len(match[0].encode()), len(match[0])))
    return found


def cut_digits(run: str, cuts: Sequence[int]) -> tuple[int, str, frozenset[int] | None]:
    """Return the number of ideal cuts, the label and the cuts in digits of a run cut at these bytes of it.

    A cut between the bytes of a digit has no place in digits; the set is None then.

    Example:
        >>> cut_digits("1234567", [1, 4])
        (2, 'right_to_left', frozenset({1, 4}))
        >>> cut_digits("1234567", [3, 6])[:2], cut_digits("1234567", [1, 2, 3, 4, 5, 6])[:2]
        ((0, 'left_to_right'), (2, 'single_digit'))
    """
    n = len(run)
    places = {len(run[:i].encode()): i for i in range(1, n)}
    given = {places.get(cut) for cut in cuts}
    ideal = {i for i in range(1, n) if (n - i) % 3 == 0}
    left = {i for i in range(1, n) if i % 3 == 0}
    hits = len(given & ideal)
    known = frozenset(cut for cut in given if cut is not None)
    if n < 4 or n % 3 == 0:
        label = "too_short"
    elif None in given:
        label = "irregular"
    else:
        by_set = {frozenset(): "whole", frozenset(ideal): "right_to_left", frozenset(left): "left_to_right"}
        label = by_set.get(known, "single_digit" if len(known) == n - 1 else "irregular")
    return hits, label, None if None in given else known
