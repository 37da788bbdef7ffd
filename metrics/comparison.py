"""Two texts side by side: edit distance, and which white space of the first is kept in the second.

Distances are rapidfuzz's bit-parallel ones, exact for any length; no time budget decides who reports. White space is
aligned by a longest common subsequence, line by line where both texts have equally many lines and else as a whole.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPACE = re.compile(r"\s")
INDENT = re.compile(r"^[^\S\n]+(?=\S)", re.MULTILINE)


@dataclass(frozen=True)
class WhiteSpace:
    """White-space characters, runs of indentation, line feeds, tabs."""

    characters: int
    indents: int
    newlines: int
    tabs: int


def white_space(text: str) -> WhiteSpace:
    r"""Count the white space of a text; indentation stands before the first other character of a line.

    Example:
        >>> white_space("a b\tc\n  d")
        WhiteSpace(characters=5, indents=1, newlines=1, tabs=1)
    """
    return WhiteSpace(len(SPACE.findall(text)), len(INDENT.findall(text)), text.count("\n"), text.count("\t"))


def edit_distance(before: str, after: str) -> int:
    """Return the Levenshtein distance in code points.

    Example:
        >>> edit_distance("hello", "helo"), edit_distance("a", "abcd")
        (1, 3)
    """
    from rapidfuzz.distance import Levenshtein

    distance: int = Levenshtein.distance(before, after)
    return distance


def kept_white_space(before: str, after: str) -> WhiteSpace:
    r"""Count the white space of `before` that the alignment finds again in `after`, character for character.

    A run of indentation is kept when every character of it is, and no other stands in it.

    Example:
        >>> kept_white_space("a b\tc", "a b c")
        WhiteSpace(characters=1, indents=0, newlines=0, tabs=0)
    """
    blocks = list(_aligned(before, after))
    same = [before[start:end] for start, end, _ in blocks]
    starts = [start for start, _, _ in blocks]
    indents = 0
    for run in INDENT.finditer(before):
        start, end, to = blocks[max(bisect_right(starts, run.start()) - 1, 0)] if blocks else (0, 0, 0)
        if not start <= run.start() < run.end() <= end:
            continue
        first = to + run.start() - start
        last = first + len(run[0])
        opens = first == 0 or after[first - 1] == "\n"
        indents += opens and last < len(after) and not SPACE.match(after[last])
    return WhiteSpace(
        sum(len(SPACE.findall(each)) for each in same),
        indents,
        sum(each.count("\n") for each in same),
        sum(each.count("\t") for each in same),
    )


def _aligned(before: str, after: str) -> Iterator[tuple[int, int, int]]:
    """Yield the equal stretches: first and end in `before`, first in `after`; adjacent ones are joined."""
    ours, theirs = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if len(ours) != len(theirs):
        ours, theirs = [before], [after]
    from rapidfuzz.distance import LCSseq

    i = j = 0
    open_at: tuple[int, int, int] | None = None
    for mine, other in zip(ours, theirs, strict=True):
        if mine == other:
            steps = [(0, len(mine), 0)]
        else:
            found = LCSseq.opcodes(mine, other)
            steps = [(each.src_start, each.src_end, each.dest_start) for each in found if each.tag == "equal"]
        for start, end, to in steps:
            if (
                open_at is not None
                and open_at[1] == i + start
                and open_at[2] + open_at[1] - open_at[0] == j + to
            ):
                open_at = (open_at[0], i + end, open_at[2])
                continue
            if open_at is not None:
                yield open_at
            open_at = (i + start, i + end, j + to)
        i, j = i + len(mine), j + len(other)
    if open_at is not None:
        yield open_at


CAUSES = ("unknown", "white_space", "normalization", "case", "marks", "other")
"""Why a text comes back changed; of those that apply the last one that is needed to explain it."""


def _folds() -> tuple[Callable[[str], str], ...]:
    def spaceless(text: str) -> str:
        return SPACE.sub("", text)

    def normalized(text: str) -> str:
        return spaceless(unicodedata.normalize("NFKC", text))

    def caseless(text: str) -> str:
        return normalized(normalized(text).casefold())

    def markless(text: str) -> str:
        apart = unicodedata.normalize("NFKD", caseless(text))
        return "".join(each for each in apart if each.isascii() or unicodedata.category(each)[0] != "M")

    return spaceless, normalized, caseless, markless


def cause_of(before: str, after: str, *, has_unknown: bool) -> str:
    """Name the weakest change that explains why a text comes back as another.

    ``unknown``: there is an unknown token in it. Else the first of these under which both are equal: white space
    removed; then also normalized (NFKC); then also case-folded; then also without marks (accents). ``other``: none,
    which points at the decoder or the merges.

    Example:
        >>> cause_of("Ab c", "ab  c", has_unknown=False), cause_of("abc", "abd", has_unknown=False)
        ('case', 'other')
    """
    if has_unknown:
        return "unknown"
    for cause, fold in zip(CAUSES[1:], _folds(), strict=False):
        if fold(before) == fold(after):
            return cause
    return "other"
