"""`case`: capital letters become small letters after a marker, so that a word has one spelling.

A *letter* is a character of a fixed table of pairs capital ↔ small (one character each, both ways); a *word* is a
longest run of letters. In front of a word stands its marker, and in front of the one space before the word if there
is one: pre-tokenizers glue that space to the word, so ``" The"`` and ``" the"`` share a pretoken. Law: text without
capital letters and markers stays as it is.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import ParameterError
from tokbench.steps.protocol import About, Step, register, tiled
from tokbench.steps.text import data_of, one_of, sizes_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_LATER = (
    (0x1C89, 0x1C8A),
    (0xA7CB, 0xA7CF),
    (0xA7D2, 0xA7D5),
    (0xA7DA, 0xA7DC),
    (0x10D50, 0x10D85),
    (0x16EA0, 0x16EDF),
)
"""Letters that Unicode has paired after version 14: left out, so that all versions of Python read a file alike."""


@cache
def pairs(*, turkish: bool = False) -> Mapping[str, str]:
    """Return capital letter → small letter, for pairs that are each other's only other case.

    Example:
        >>> pairs()["Ä"], "ß" in pairs().values(), pairs(turkish=True)["I"]
        ('ä', False, 'ı')
    """
    found = {}
    for code in range(sys.maxunicode + 1):
        capital = chr(code)
        small = capital.lower()
        if small != capital and len(small) == 1 and small.upper() == capital:
            found[capital] = small
    for first, last in _LATER:
        for code in range(first, last + 1):
            found.pop(chr(code), None)
    if turkish:
        found |= {"I": "ı", "İ": "i"}
    return MappingProxyType(found)


@register
@dataclass(frozen=True)
class Case(Step):
    """Small letters after markers.

    Raises:
        ParameterError: when a marker is no single character, is a letter or a space, or both are the same.

    Example:
        >>> step = Case(capital="^", capitals="~")
        >>> step.apply(b"See the USA, iPad^"), step.undo(b"^see the~ usa, i^pad^^")
        (b'^see the~ usa, i^pad^^', b'See the USA, iPad^')
    """

    capital: str = "U+0011"
    capitals: str = "U+0012"
    turkish: bool = False
    about: ClassVar[About] = About(
        name="case",
        summary="small letters, after a marker for a capital letter or a run of them",
        definition=(
            "A capital letter is written as the marker `capital` and the small letter; two or more capital letters up "
            "to the end of a word, or up to a capital that starts the next part (HTTPServer), as one marker `capitals` "
            "and small letters. The marker of a word's first letter stands before the one space in front of the word, "
            "if there is one. A marker in the text is written as `capital` and itself. Letters without a partner of "
            "one character (ß, İ) and bytes that are not UTF-8 stay as they are and end a word."
        ),
        source="training.md section 9; the marker before the space is our own choice",
        parameters={
            "capital": "marker of one capital letter: a character or U+XXXX; a control character is one byte",
            "capitals": "marker of a run of capital letters",
            "turkish": "pair I with ı and İ with i, as Turkish and Azerbaijani do",
        },
    )

    def __post_init__(self) -> None:
        letters = pairs(turkish=self.turkish)
        for name, marker in zip(("capital", "capitals"), self._markers, strict=True):
            if marker in letters or marker in letters.values() or marker.isspace():
                message = f"step case: {name}={marker!r} is a letter or a space; take a character that texts do not use"
                raise ParameterError(message)
        if self._markers[0] == self._markers[1]:
            message = f"step case: both markers are {self._markers[0]!r}; they must differ"
            raise ParameterError(message)

    def apply(self, data: bytes) -> bytes:
        """Return the document in small letters with markers."""
        text = text_of(data)
        return data_of(self._marked.sub(lambda found: "".join(part for part, _ in self._parts(found)), text))

    def undo(self, data: bytes) -> bytes:
        """Return the document with its capital letters; a marker that nothing follows stays."""
        return data_of(self._spelled.sub(self._restored, text_of(data)))

    def positions(self, data: bytes) -> NDArray[np.int64]:
        """Return the position in `data` for each position of the changed document."""
        text = text_of(data)
        changed: list[str] = []
        lengths: list[int] = []
        kept: list[bool] = []
        done = 0
        for found in self._marked.finditer(text):
            for part, is_text in ((text[done : found.start()], True), *self._parts(found)):
                changed.append(part)
                lengths.append(len(part))
                kept.append(is_text)
            done = found.end()
        changed.append(text[done:])
        sizes = sizes_of("".join(changed))
        stands = np.repeat(np.array([*kept, True]), np.array([*lengths, len(text) - done]))
        given = np.zeros(len(sizes), dtype=np.int64)
        given[stands] = sizes_of(text)
        return tiled(sizes, given)

    def _parts(self, found: re.Match[str]) -> Iterator[tuple[str, bool]]:
        """Yield what a match becomes, in parts that stand for as many characters of it or were put in."""
        capital, capitals = self._markers
        text = found[0]
        if text in (capital, capitals):
            yield capital, False
            yield text, True
            return
        begin = 1 if text[0] == " " else 0
        done = 0
        for run in self._run.finditer(text):
            first, end = run.span()
            n_capitals = end - first if end == len(text) else end - first - 1
            marks = [(first, capitals)] if n_capitals > 1 else []
            marks += [(at, capital) for at in range(first + n_capitals if marks else first, end)]
            for at, marker in marks:
                at = 0 if at == begin else at
                yield text[done:at].translate(self._small), True
                yield marker, False
                done = at
        yield text[done:].translate(self._small), True

    def _restored(self, found: re.Match[str]) -> str:
        literal, letters = found.group("literal"), found["one"] or found["many"]
        return literal if literal is not None else letters.translate(self._large)

    @cached_property
    def _markers(self) -> tuple[str, str]:
        return _character("capital", self.capital), _character("capitals", self.capitals)

    @cached_property
    def _small(self) -> dict[int, int]:
        return {ord(capital): ord(small) for capital, small in pairs(turkish=self.turkish).items()}

    @cached_property
    def _large(self) -> dict[int, int]:
        return {small: capital for capital, small in self._small.items()}

    @cached_property
    def _run(self) -> re.Pattern[str]:
        return re.compile(f"{one_of(map(chr, self._small))}+")

    @cached_property
    def _marked(self) -> re.Pattern[str]:
        capital, small = one_of(map(chr, self._small)), one_of(map(chr, self._large))
        letter = one_of(map(chr, {**self._small, **self._large}))
        marker = "|".join(map(re.escape, self._markers))
        return re.compile(f"{marker}| ?(?<!{letter}){small}*{capital}{letter}*")

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        small = one_of(map(chr, self._large))
        one, many = map(re.escape, self._markers)
        return re.compile(f"{one}(?:(?P<literal>{one}|{many})|(?P<one> ?{small}))|{many}(?P<many> ?{small}+)")


def _character(name: str, given: str) -> str:
    code = re.fullmatch(r"U\+([0-9A-Fa-f]{4,6})", given)
    number = int(code[1], 16) if code else ord(given) if len(given) == 1 else -1
    if not 0 <= number <= sys.maxunicode or 0xD800 <= number < 0xE000:
        message = (
            f"step case: {name}={given!r} is not one character; write it or its code point, such as U+E000"
        )
        raise ParameterError(message)
    return chr(number)
