"""What a word is: every definition by its name, and the door for dictionary segmenters.

No definition serves every script, so the definition is a parameter and printed with every number. Chinese, Japanese,
Thai, Lao, Khmer and Burmese do not write words apart: ``icu`` cuts them with the dictionaries that come with this
package; ``jieba``, ``pythainlp`` and ``icu4c`` call those libraries where they are installed, and `register_segmenter`
adds any function.

Law: words are spans of the text as it was read, in order and without overlap; a segmenter that returns anything else
is refused with the document in which it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.errors import MetricError, ParameterError
from tokbench.metrics import kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Spans = tuple[Ints, Ints, Ints]

WORD_DEFINITIONS = {
    "python_split": "maximal runs between Python's white space, as str.split(); punctuation stays on the word",
    "hf_whitespace": r"matches of \w+|[^\w\s]+ (the Hugging Face Whitespace pre-tokenizer): punctuation "
    "runs are words",
    "uax29": "segments of Unicode Standard Annex 29 that hold a letter or digit; Han and Thai one by one",
    "icu": "as uax29, but Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut with the dictionaries of ICU4X",
}
"""Built in; beside them ``regex:PATTERN`` and the segmenters."""

REGEX = "regex:"
GRAPHEME = "grapheme"
"""Extended grapheme clusters are found like words, though they are none."""


@dataclass(frozen=True)
class Segmenter:
    """A function that cuts a text into words; what it does not return, such as white space, belongs to no word."""

    words: Callable[[str, str], Iterable[str]]
    about: str


_SEGMENTERS: dict[str, Segmenter] = {}


def register_segmenter(name: str, words: Callable[[str, str], Iterable[str]], *, about: str) -> None:
    """Add a word definition.

    Args:
        name: what ``word=`` calls it.
        words: given a text and its language, returns the words in their order, spelled as in the text.
        about: one line for the list of definitions.

    Raises:
        MetricError: when the name is taken or has other characters than letters, digits and ``_``.

    Example:
        >>> register_segmenter("letters", lambda text, language: list(text), about="every character")
        >>> "letters" in word_definitions()
        True
        >>> del _SEGMENTERS["letters"]
    """
    if not name.replace("_", "").isalnum():
        message = f"word definition {name!r}: use letters, digits and _"
        raise MetricError(message)
    if name in word_definitions():
        message = f"there is a word definition {name!r} already"
        raise MetricError(message)
    _SEGMENTERS[name] = Segmenter(words, about)


def word_definitions() -> dict[str, str]:
    """Return every named definition with one line about it."""
    return {**WORD_DEFINITIONS, **{name: found.about for name, found in _SEGMENTERS.items()}}


def check_word_definition(metric: str, word: str | None) -> None:
    """Refuse an unknown word definition.

    Raises:
        MetricError: naming the known ones, or why a pattern is none.
    """
    if word is None or word == GRAPHEME or word in WORD_DEFINITIONS or word in _SEGMENTERS:
        return
    if word.startswith(REGEX):
        _rust_words(np.zeros(0, np.uint8), np.zeros(1, np.int64), word, metric)
        return
    message = f"{metric}: no word definition {word!r}; known: {', '.join(word_definitions())}, {REGEX}PATTERN"
    raise MetricError(message)


def find_words(data: NDArray[np.uint8], offsets: Ints, definition: str, language: str = "") -> Spans:
    """Return starts and ends of the words of documents that lie back to back, and the rows of the documents."""
    if definition == "python_split":
        return kernels.split_words(data, offsets)
    if definition in _SEGMENTERS:
        return _segmented(data, offsets, definition, language)
    return _rust_words(data, offsets, definition, "words")


def _rust_words(data: NDArray[np.uint8], offsets: Ints, definition: str, metric: str) -> Spans:
    try:
        return _rust.word_spans(data, offsets, definition)
    except ParameterError as error:
        message = f"{metric}: {error}"
        raise MetricError(message) from error


def _segmented(data: NDArray[np.uint8], offsets: Ints, name: str, language: str) -> Spans:
    words = _SEGMENTERS[name].words
    starts: list[int] = []
    ends: list[int] = []
    rows = [0]
    for document, (begin, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        # Each byte outside of valid UTF-8 is one lone surrogate, which no dictionary holds.
        text = data[begin:end].tobytes().decode("utf-8", "surrogateescape")
        at, place = 0, begin
        for word in words(text, language):
            found = text.find(word, at) if word else -1
            if found < 0:
                message = (
                    f"the segmenter {name} returned {word!r} for document {document} of {language or 'the text'}, "
                    f"which is not in the text after character {at}: words must be pieces of it, in order"
                )
                raise MetricError(message)
            place += len(text[at:found].encode("utf-8", "surrogateescape"))
            starts.append(place)
            place += len(word.encode("utf-8", "surrogateescape"))
            ends.append(place)
            at = found + len(word)
        rows.append(len(starts))
    return np.array(starts, np.int64), np.array(ends, np.int64), np.array(rows, np.int64)


def _library(name: str) -> Callable[[str, str], Iterable[str]]:
    def words(text: str, language: str) -> Iterable[str]:
        from tokbench.interop import segmenters

        return segmenters.words(name, text, language)

    return words


for _name, _about in (
    ("jieba", "words of jieba (Chinese), those that hold a letter or digit; needs the package jieba"),
    (
        "pythainlp",
        "words of PyThaiNLP's newmm (Thai), those that hold a letter or digit; needs the package pythainlp",
    ),
    ("icu4c", "words of ICU's own break iterator for the language, as icu; needs the package icu4py"),
):
    register_segmenter(_name, _library(_name), about=_about)
