"""`Rewriting`: steps that write words with symbols of their own, and the symbols that stand in the text behind a mark.

A *word* is a longest run of the step's letters. A step says for each word in which parts it is written; a word whose
symbols would not be read back stays as it is. The symbols are characters that such text hardly uses: one that is in
the text is written behind an escape character, so that nothing is lost.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tokbench.errors import ParameterError
from tokbench.steps.protocol import Step, tiled
from tokbench.steps.text import data_of, one_of, sizes_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Parts: TypeAlias = tuple[tuple[str, str], ...]
"""What is written, and for what part of the word."""

KEPT = 1 << 17
"""Words that a step remembers the writing of."""


class Rewriting(Step):
    """A step over words; subclasses say what letters, symbols and the escape are, and write and read a word."""

    @property
    @abstractmethod
    def letters(self) -> frozenset[str]:
        """The characters that words consist of."""

    @property
    @abstractmethod
    def symbols(self) -> frozenset[str]:
        """The characters that are written; none of them is a letter."""

    @property
    @abstractmethod
    def escape(self) -> str:
        """The character before a symbol that is in the text; it is no letter and none of the symbols."""

    @abstractmethod
    def write(self, word: str) -> Parts:
        """Return what a word becomes."""

    @abstractmethod
    def read(self, written: str) -> str:
        """Return the word of a run of letters and symbols; of a run that `write` cannot have made, some word."""

    def apply(self, data: bytes) -> bytes:
        """Return the document with its words written anew."""
        text = text_of(data)
        return data_of(self._found.sub(lambda found: "".join(new for new, _ in self._parts(found[0])), text))

    def undo(self, data: bytes) -> bytes:
        """Return the document with its words as they were; an escape that no symbol follows stays."""
        return data_of(self._written.sub(self._restored, text_of(data)))

    def positions(self, data: bytes) -> NDArray[np.int64]:
        """Return the position in `data` for each position of the changed document."""
        changed: list[NDArray[np.int64]] = []
        given: list[NDArray[np.int64]] = []
        for new, old in self._all_parts(text_of(data)):
            sizes = sizes_of(old)
            if new == old:
                changed.append(sizes)
                given.append(sizes)
            else:
                changed.append(np.array([sizes_of(new).sum()]))
                given.append(np.array([sizes.sum()]))
        if not changed:
            return np.zeros(1, dtype=np.int64)
        return tiled(np.concatenate(changed), np.concatenate(given))

    def check_fitted(self) -> None:
        """Refuse to work before it has learned.

        Raises:
            ParameterError: saying what to do.
        """
        if not self.is_fitted:
            message = (
                f"step {self.about.name}: has not learned from text yet; name it in training (--step, steps=), which "
                f"fits it on the corpus, or call its fitted(corpus)"
            )
            raise ParameterError(message)

    def _all_parts(self, text: str) -> Iterator[tuple[str, str]]:
        done = 0
        for found in self._found.finditer(text):
            yield text[done : found.start()], text[done : found.start()]
            yield from self._parts(found[0])
            done = found.end()
        yield text[done:], text[done:]

    def _parts(self, found: str) -> Parts:
        if found in self._reserved:
            return ((self.escape + found, found),)
        parts = self._remembered.get(found)
        if parts is None:
            parts = self.write(found)
            if self.read("".join(new for new, _ in parts)) != found:
                parts = ((found, found),)
            if len(self._remembered) < KEPT:
                self._remembered[found] = parts
        return parts

    def _restored(self, found: re.Match[str]) -> str:
        literal = found["literal"]
        return literal if literal is not None else self.read(found[0])

    @cached_property
    def _reserved(self) -> frozenset[str]:
        return self.symbols | {self.escape}

    @cached_property
    def _remembered(self) -> dict[str, Parts]:
        return {}

    @cached_property
    def _found(self) -> re.Pattern[str]:
        self.check_fitted()
        return re.compile(f"{one_of(self.letters)}+|{one_of(self._reserved)}")

    @cached_property
    def _written(self) -> re.Pattern[str]:
        self.check_fitted()
        reserved = one_of(self._reserved)
        return re.compile(
            f"{re.escape(self.escape)}(?P<literal>{reserved})|{one_of(self.letters | self.symbols)}+"
        )
