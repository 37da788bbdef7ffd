"""Unicode normal forms and letter case of lexicon entries: chosen by name, never guessed.

A lexicon in another normal form than the text misses every letter that has a mark; nothing is repaired unless a
normal form is named, and then it is named in the metric's spelling too.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal, cast

from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

NORMAL_FORMS = ("keep", "nfc", "nfd", "nfkc", "nfkd")
CASES = ("exact", "lower", "turkish")
"""Exact: as written. Lower: lower case. Turkish: lower case with I → ı and İ → i."""

_Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
_TURKISH = str.maketrans({"I": "ı", "İ": "i"})


def normalizer(form: str) -> Callable[[str], str]:
    r"""Return the function that brings text into a normal form; ``keep`` leaves it alone.

    Raises:
        ParameterError: for any other name.

    Example:
        >>> normalizer("nfd")("é") == "e\u0301", normalizer("keep")("é") == "é"
        (True, True)
    """
    if form == "keep":
        return str
    if form not in NORMAL_FORMS:
        message = f"normalize={form!r}; known: {', '.join(NORMAL_FORMS)}"
        raise ParameterError(message)
    name = cast(_Form, form.upper())
    return lambda text: unicodedata.normalize(name, text)


def lowering(case: str) -> Callable[[str], str]:
    """Return the function that removes the difference of letter case.

    Raises:
        ParameterError: for an unknown name.

    Example:
        >>> lowering("turkish")("IŞIK İL"), lowering("exact")("Ab")
        ('ışık il', 'Ab')
    """
    if case == "exact":
        return str
    if case == "lower":
        return str.lower
    if case == "turkish":
        return lambda text: text.translate(_TURKISH).lower()
    message = f"case={case!r}; known: {', '.join(CASES)}"
    raise ParameterError(message)


def is_nfc(text: str) -> bool:
    """Whether a text is in NFC, the form of nearly all text on the web."""
    return unicodedata.is_normalized("NFC", text)
