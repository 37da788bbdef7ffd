"""Words by other libraries' dictionaries: jieba, PyThaiNLP, ICU; each imported when it is asked for.

A piece is a word when it holds a letter or a digit; white space and punctuation are not.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tokbench.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PACKAGES = {
    "jieba": ("jieba", "jieba"),
    "pythainlp": ("pythainlp", "pythainlp"),
    "icu4c": ("icu4py", "icu4py.breakers"),
}


def words(name: str, text: str, language: str) -> Iterable[str]:
    """Return the words of a text.

    Raises:
        MetricError: when the library is not installed, saying what to install.
    """
    return [piece for piece in _cutter(name)(text, language) if any(map(str.isalnum, piece))]


@cache
def _cutter(name: str) -> Callable[[str, str], Iterable[str]]:
    package, module = _PACKAGES[name]
    try:
        library: Any = import_module(module)
    except ImportError as error:
        message = f"word={name} needs the package {package}: pip install {package} (word=icu needs nothing)"
        raise MetricError(message) from error
    if name == "jieba":
        library.setLogLevel("ERROR")

        def jieba(text: str, _: str) -> Iterable[str]:
            pieces: Iterable[str] = library.cut(text)
            return pieces

        return jieba
    if name == "pythainlp":

        def thai(text: str, _: str) -> Iterable[str]:
            pieces: Iterable[str] = library.word_tokenize(text, engine="newmm")
            return pieces

        return thai

    def icu(text: str, language: str) -> Iterable[str]:
        # FLORES codes such as jpn_Jpan are locale names to ICU; an unknown one is its root locale.
        pieces: Iterable[str] = library.WordBreaker(text, language or "und")
        return pieces

    return icu
