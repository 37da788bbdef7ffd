"""Two texts side by side: edit distance, and which white space of the first is kept in the second.

Distances are rapidfuzz's bit-parallel ones, exact for any length; no time budget decides who reports. White space is
aligned by a longest common subsequence, line by line where both texts have equally many lines and else as a whole.
"""

from __future__ import annotations

import re
import unicodedata
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
    kept = dict(_aligned(before, after))
    characters = [at for at in kept if SPACE.match(before[at])]
    indents = 0
    for run in INDENT.finditer(before):
        places = [kept.get(at) for at in range(run.start(), run.end())]
        first, last = places[0], places[-1]
        if first is None or last is None or places != list(range(first, first + len(places))):
            continue
        starts = first == 0 or after[first - 1] == "\n"
        indents += starts and last + 1 < len(after) and not SPACE.match(after[last + 1])
    newlines = sum(before[at] == "\n" for at in characters)
    tabs = sum(before[at] == "\t" for at in characters)
    return WhiteSpace(len(characters), indents, newlines, tabs)


def _aligned(before: str, after: str) -> Iterator[tuple[int, int]]:
    """Yield the places of equal characters, rising in both."""
    ours, theirs = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if len(ours) != len(theirs):
        ours, theirs = [before], [after]
    from rapidfuzz.distance import LCSseq

    i = j = 0
    for mine, other in zip(ours, theirs, strict=True):
        if mine == other:
            yield from zip(range(i, i + len(mine)), range(j, j + len(other)), strict=True)
        else:
            for step in LCSseq.opcodes(mine, other):
                if step.tag == "equal":
                    yield from zip(
                        range(i + step.src_start, i + step.src_end),
                        range(j + step.dest_start, j + step.dest_end),
                        strict=True,
                    )
        i, j = i + len(mine), j + len(other)


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
        return "".join(each for each in apart if not unicodedata.category(each).startswith("M"))

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
