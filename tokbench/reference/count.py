"""The slow twin of counting: a dictionary per language, one document after another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokbench.corpus import Document


def count(
    documents: Iterable[Document], split: Callable[[bytes], Iterable[bytes]]
) -> dict[str, dict[bytes, int]]:
    """Count the pieces that ``split`` cuts every document into, by language.

    >>> from tokbench.corpus import Corpus
    >>> count(Corpus.from_texts({"eng": ["a b a"]}), lambda data: data.split(b" "))
    {'eng': {b'a': 2, b'b': 1}}
    """
    counted: dict[str, Counter[bytes]] = {}
    for document in documents:
        counted.setdefault(document.language, Counter()).update(split(document.data))
    return {language: dict(column) for language, column in counted.items()}


def split_documents(data: bytes, document: str) -> list[bytes]:
    r"""Cut a plain text into documents by the rule of ``Corpus.from_files``.

    >>> split_documents(b"one\r\n\ntwo", "line")
    [b'one', b'', b'two']
    """
    if document == "file":
        return [data]
    separator = b"\n" if document.startswith("line") else document.removeprefix("separator:").encode()
    pieces = data.split(separator)
    ended, last = pieces[:-1], pieces[-1]
    if document == "line":
        ended = [piece.removesuffix(b"\r") for piece in ended]
    elif document == "line+end":
        ended = [piece + separator for piece in ended]
    return [*ended, last] if last else ended
