r"""Our own format: one JSON file, ``*.tokbench.json``, made to be read by people and diffed by line.

``tokens`` are rows [id, text]; text is the token's UTF-8, with a backslash written as ``\\`` and a byte that
is no UTF-8 as ``\xNN``. ``operations`` are the steps in order, by id: ``["merge", left, right, result]``. A
reader refuses versions and operations that it does not know.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tokbench.bpe import AddedToken, BpeModel, Training, merge_list
from tokbench.errors import TokbenchError, VocabError
from tokbench.formats.files import write_whole
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tokbench.bpe import RankedPairs
    from tokbench.merges import Merges

VERSION = 1
FILE_NAME = "tokenizer.tokbench.json"

_ESCAPE = re.compile(rb"\\\\|\\x([0-9a-f]{2})|\\")


def token_text(token: bytes) -> str:
    r"""Return a token's bytes as readable text, without loss.

    Example:
        >>> token_text(b"a\\b"), token_text(" é".encode()), token_text(b"\xff")
        ('a\\\\b', ' é', '\\xff')
    """
    return token.replace(b"\\", b"\\\\").decode(errors="backslashreplace")


def text_token(text: str) -> bytes:
    r"""Return the bytes that `token_text` wrote.

    Raises:
        ValueError: for a backslash that starts neither ``\\`` nor ``\xNN``.

    Example:
        >>> text_token("\\xff"), text_token("a\\\\b")
        (b'\xff', b'a\\b')
    """

    def unescape(found: re.Match[bytes]) -> bytes:
        if found[0] == b"\\":
            message = rf"a backslash must be written as \\ or start \xNN in {text!r}"
            raise ValueError(message)
        return bytes([int(found[1], 16)]) if found[1] else b"\\"

    return _ESCAPE.sub(unescape, text.encode())


def write(model: BpeModel, path: Path, *, name: str, training: Training | None = None) -> None:
    """Write the model; a path that is a directory or has no suffix gets the file inside.

    Raises:
        OSError: when the folder cannot be written.
    """
    head = {
        "format": "tokbench",
        "version": VERSION,
        "name": name,
        "method": model.method,
        "unit": model.unit,
        "pretokenizer": model.pretokenizer,
        "normalizer": model.normalizer,
        "prefix_space": model.prefix_space,
        "whole_words": model.whole_words,
        "fuse_unknown": model.fuse_unknown,
        "unknown": model.vocab.unknown,
        "partial": model.vocab.partial,
        "training": dict(training.settings) if training else None,
    }
    lists: Mapping[str, list[object]] = {
        "special": [[token_id, text] for text, token_id in model.vocab.special.items()],
        "added": [[t.token_id, t.text, [f for f in _FLAGS if getattr(t, f)]] for t in model.added],
        "byte_fallback": list(model.vocab.byte_fallback or ()),
        "tokens": [[token_id, token_text(token)] for token_id, token in model.vocab.tokens.items()],
        "operations": [["merge", *step] for step in model.merges],
    }
    lines = [f"{_dump(key)}: {_dump(value)}" for key, value in head.items()]
    lines += [f"{_dump(key)}: {_rows(rows)}" for key, rows in lists.items()]
    target = path / FILE_NAME if path.suffix != ".json" else path
    write_whole(target, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


_FLAGS = ("special", "normalized", "lstrip", "rstrip")


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _rows(rows: Iterable[object]) -> str:
    return "[" + ",".join("\n" + _dump(row) for row in rows) + "\n]"


def parse(document: Mapping[str, Any], source: str) -> tuple[BpeModel, str, Training | None]:
    """Return model, name and training settings of a parsed file.

    Raises:
        VocabError: naming the file and the entry that is missing or wrong.
    """
    if document.get("version") != VERSION:
        message = f"{source}: version {document.get('version')!r}; this tokbench reads version {VERSION}"
        raise VocabError(message)
    try:
        vocab = Vocab(
            {token_id: text_token(text) for token_id, text in document["tokens"]},
            special={text: token_id for token_id, text in document["special"]},
            byte_fallback=document["byte_fallback"] or None,
            unknown=document["unknown"],
            partial=document["partial"],
        )
        added = tuple(
            AddedToken(text, token_id, **{flag: flag in flags for flag in _FLAGS})
            for token_id, text, flags in document["added"]
        )
        model = BpeModel(
            vocab,
            _operations(document["operations"], vocab),
            document["pretokenizer"],
            unit=document["unit"],
            method=document["method"],
            whole_words=document["whole_words"],
            fuse_unknown=document["fuse_unknown"],
            normalizer=document["normalizer"],
            prefix_space=document["prefix_space"],
            added=added,
        )
        training = Training(document["training"]) if document["training"] is not None else None
        return model, document["name"], training
    except KeyError as error:
        if isinstance(error, TokbenchError):
            message = f"{source}: {error}"
        else:
            message = f"{source}: the entry {error} is missing"
        raise VocabError(message) from error
    except (TypeError, ValueError) as error:
        message = f"{source}: {error}"
        raise VocabError(message) from error


def _operations(rows: list[list[Any]], vocab: Vocab) -> Merges | RankedPairs:
    for index, row in enumerate(rows):
        if len(row) != 4 or row[0] != "merge":
            message = f"operations[{index}]: expected ['merge', left, right, result], got {row!r}"
            raise VocabError(message)
        spelled = vocab.token_bytes(row[1]) + vocab.token_bytes(row[2])
        if vocab.token_bytes(row[3]) != spelled:
            message = f"operations[{index}]: {row!r} makes {vocab.token_bytes(row[3])!r}, not {spelled!r}"
            raise VocabError(message)
    return merge_list(*([row[column] for row in rows] for column in (1, 2, 3)))
