"""Tokenizers from command-line arguments: a path, or NAME=PATH for the name that tables show.

Both may end in ``@METHOD``: the same vocabulary, encoded by another method.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.tokenizer import Tokenizer

PLAIN = ("tokenizer", "tokenizer.tokbench", "tokenizer.model")
"""File names that say nothing: the folder's name is shown instead."""


def load_tokenizers(given: Sequence[str], *, pretokenizer: str | None) -> dict[str, Tokenizer]:
    """Load tokenizers, each named by NAME=PATH, or its file's name, or its folder's where that says nothing.

    Raises:
        ParameterError: two arguments ask for the same name.
    """
    from tokbench.tokenizer import Tokenizer, path_and_method

    named: dict[str, Tokenizer] = {}
    for argument in given:
        front, method = path_and_method(argument)
        suffix = "" if method is None else f"@{method}"
        name, equals, path = front.partition("=")
        if not equals or Path(front).exists():
            name, path = _name(front) + suffix, front
        if name in named:
            raise ParameterError(f"two tokenizers are called {name!r}; name them: OTHER={path}{suffix}")
        named[name] = Tokenizer.load(path + suffix, pretokenizer=pretokenizer)
    return named


def _name(path: str) -> str:
    given = Path(path)
    stem = given.name
    for suffix in (".tokbench.json", ".json", ".tiktoken", ".model"):
        stem = stem.removesuffix(suffix)
    return given.resolve().parent.name if stem in PLAIN else stem
