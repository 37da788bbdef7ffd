"""tree-sitter: the leaves of a program's syntax tree, as byte spans with a category.

Grammars are wheels (``pip install tokbench[code]``); nothing is fetched. A language is named as its grammar, or by a
usual short form (``py``, ``js``, ``c++``).
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tokbench.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

GRAMMARS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **{
            name: (f"tree_sitter_{name}", "language")
            for name in (
                "bash", "c", "c_sharp", "cpp", "css", "go", "haskell", "html", "java", "javascript", "json", "python",
                "ruby", "rust", "scala",
            )
        },
        "typescript": ("tree_sitter_typescript", "language_typescript"),
        "tsx": ("tree_sitter_typescript", "language_tsx"),
        "php": ("tree_sitter_php", "language_php"),
    }
)  # fmt: skip
"""Module and function of each grammar."""

_SHORT = {
    "py": "python", "js": "javascript", "ts": "typescript", "rs": "rust", "c++": "cpp", "cc": "cpp", "c#": "c_sharp",
    "cs": "c_sharp", "csharp": "c_sharp", "hs": "haskell", "rb": "ruby", "sh": "bash", "shell": "bash", "golang": "go",
}  # fmt: skip

IDENTIFIER, KEYWORD, OPERATOR, LITERAL, DELIMITER, COMMENT = range(6)
_NAMES = frozenset({"variable", "constructor", "name", "module_id", "constant", "word", "variable_name"})
_DELIMITERS = frozenset("()[]{},;:.@#$")
_QUOTES = frozenset("\"'`")
_TEXT = ("string", "char", "content", "text", "regex", "escape")


def grammar_of(language: str) -> str | None:
    """Return the grammar's name for a language, None where none is known.

    Example:
        >>> grammar_of("Py"), grammar_of("eng_Latn")
        ('python', None)
    """
    name = language.lower().replace("-", "_")
    name = _SHORT.get(name, name)
    return name if name in GRAMMARS else None


def missing(language: str) -> str:
    """Say why programs of this language cannot be parsed; an empty string where they can."""
    name = grammar_of(language)
    if name is None:
        return (
            f"{language or 'the text'} is no programming language with a grammar here; name the corpus' group after "
            f"one of: {', '.join(sorted(GRAMMARS))}"
        )
    for module in ("tree_sitter", GRAMMARS[name][0]):
        if importlib.util.find_spec(module) is None:
            return (
                f"syntax of {name} needs the package {module.replace('_', '-')}: pip install tokbench[code]"
            )
    return ""


@cache
def _parser(name: str) -> Any:
    import tree_sitter

    module, function = GRAMMARS[name]
    grammar = getattr(importlib.import_module(module), function)()
    return tree_sitter.Parser(tree_sitter.Language(grammar))


def parse_leaves(language: str, data: bytes) -> list[tuple[int, int, int]]:
    """Return (first byte, end, category) of the leaves of a program, in text order; wrong code as far as it goes.

    Raises:
        PluginError: when there is no grammar; `missing` says why.

    Example:
        >>> parse_leaves("python", b"x = 1  # one")  # doctest: +SKIP
        [(0, 1, 0), (2, 3, 2), (4, 5, 3), (7, 12, 5)]
    """
    reason = missing(language)
    if reason:
        raise PluginError(reason)
    cursor = _parser(grammar_of(language) or "").parse(data).walk()
    leaves: list[tuple[int, int, int]] = []
    while True:
        if cursor.goto_first_child():
            continue
        node = cursor.node
        start, end = node.start_byte, node.end_byte
        if data[start:end].strip() and node.type != "ERROR":
            leaves.append((start, end, category(node.type, data[start:end], named=node.is_named)))
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return leaves


def category(kind: str, text: bytes, *, named: bool) -> int:
    """Return the category of a leaf: by its node's name, and by its text where a grammar names it only by that.

    Example:
        >>> category("identifier", b"x", named=True), category("if", b"if", named=False)
        (0, 1)
    """
    shown = text.decode("utf-8", "replace")
    if "comment" in kind:
        return COMMENT
    if named:
        if kind.endswith("identifier") or kind in _NAMES:
            return IDENTIFIER
        return KEYWORD if shown.isalpha() and not any(part in kind for part in _TEXT) else LITERAL
    if shown[0].isalpha() or shown[0] == "_":
        return KEYWORD
    if _QUOTES & set(shown):
        return LITERAL
    return DELIMITER if set(shown) <= _DELIMITERS else OPERATOR
