"""RWKV's world vocabulary: ``id literal length`` per line, encoded by longest match over the whole document.

The literal is a Python string or bytes literal; the length is its number of bytes.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tokbench.bpe import EMPTY_MERGES, BpeModel
from tokbench.errors import VocabError
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path


def looks_like(head: bytes) -> bool:
    """Whether the first line of a file is a row of this format."""
    parts = head.split(b"\n", 1)[0].strip().split(b" ")
    literal = parts[1:2] and parts[1].startswith((b"'", b'"', b"b'", b'b"'))
    return len(parts) >= 3 and bool(literal) and parts[0].isdigit() and parts[-1].isdigit()


def read(path: Path) -> BpeModel:
    """Return the model.

    Raises:
        VocabError: naming file and line of a malformed row.
    """
    tokens: dict[int, bytes] = {}
    for number, line in enumerate(path.read_text("utf-8").split("\n"), start=1):
        if not line:
            continue
        try:
            index, rest = line.split(" ", 1)
            literal, length = rest.rsplit(" ", 1)
            value = ast.literal_eval(literal)
            token = value.encode() if isinstance(value, str) else bytes(value)
            token_id, n_bytes = int(index), int(length)
        except (ValueError, SyntaxError, TypeError) as error:
            message = f"{path}: line {number}: expected id, literal, length, got {line[:60]!r}"
            raise VocabError(message) from error
        if len(token) != n_bytes or token_id in tokens:
            message = f"{path}: line {number}: {line[:60]!r} has another length or repeats an id"
            raise VocabError(message)
        tokens[token_id] = token
    return BpeModel(Vocab(tokens), EMPTY_MERGES, "none", method="longest")
