r"""Our own format: one JSON file, ``*.tokbench.json``, made to be read by people and diffed by line.

``tokens`` are rows [id, text]; text is the token's UTF-8, with a backslash written as ``\\`` and a byte that
is no UTF-8 as ``\xNN``. ``operations`` are the steps in order, by id: ``["merge", left, right, result]``,
``["delete", token, part, part, …]``, ``["super", left, right, result]`` (joins whole pretokens), ``["scaffold",
token]`` (falls into its parts after merging). Version 2 has the last three, ``scores``, ``width`` and more methods; a
file that needs none of them says version 1. A reader refuses versions and operations that it does not know.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tokbench.bpe import AddedToken, BpeModel, Training, merge_list
from tokbench.errors import TokbenchError, VocabError
from tokbench.formats.files import write_whole
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.segmenters import from_list
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tokbench.bpe import RankedPairs

VERSION = 2
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
    operations = _rows_of(model)
    later: dict[str, object] = {"width": model.width, "steps": list(model.steps) or None}
    if model.segmenter is not None:
        later["segmenter"] = model.segmenter.as_list()
    newer = (
        model.method not in ("merges", "longest")
        or any(row[0] != "merge" for row in operations)
        or model.scores is not None
        or any(later.values())
    )
    head = {
        "format": "tokbench",
        "version": VERSION if newer else 1,
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
    } | (later if newer else {})
    lists: Mapping[str, Sequence[object]] = {
        "special": [[token_id, text] for text, token_id in model.vocab.special.items()],
        "added": [[t.token_id, t.text, [f for f in _FLAGS if getattr(t, f)]] for t in model.added],
        "byte_fallback": list(model.vocab.byte_fallback or ()),
        "tokens": [[token_id, token_text(token)] for token_id, token in model.vocab.tokens.items()],
        "operations": operations,
    }
    if model.scores is not None:
        lists = {**lists, "scores": [[i, model.scores[i]] for i in model.vocab.tokens]}
    lines = [f"{_dump(key)}: {_dump(value)}" for key, value in head.items()]
    lines += [f"{_dump(key)}: {_rows(rows)}" for key, rows in lists.items()]
    target = path / FILE_NAME if path.suffix != ".json" else path
    write_whole(target, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _rows_of(model: BpeModel) -> list[list[Any]]:
    steps = (
        model.merges if isinstance(model.merges, Operations) else (("merge", *step) for step in model.merges)
    )
    rows: list[list[Any]] = [list(step) for step in steps]
    rows += [["scaffold", token] for token in model.scaffold]
    rows += [["super", *step] for step in model.supers or ()]
    return rows


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
    if document.get("version") not in range(1, VERSION + 1):
        message = (
            f"{source}: version {document.get('version')!r}; this tokbench reads versions 1 to {VERSION}"
        )
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
        merges, supers, scaffold = _operations(document["operations"], vocab, method=document["method"])
        model = BpeModel(
            vocab,
            merges,
            document["pretokenizer"],
            unit=document["unit"],
            method=document["method"],
            whole_words=document["whole_words"],
            fuse_unknown=document["fuse_unknown"],
            normalizer=document["normalizer"],
            prefix_space=document["prefix_space"],
            added=added,
            supers=supers,
            scaffold=scaffold,
            scores=_scores(document.get("scores"), vocab),
            width=document.get("width"),
            steps=tuple(document.get("steps") or ()),
            segmenter=from_list(document["segmenter"]) if document.get("segmenter") else None,
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


def _scores(rows: list[list[Any]] | None, vocab: Vocab) -> tuple[float, ...] | None:
    if rows is None:
        return None
    given = {int(token_id): float(score) for token_id, score in rows}
    missing = [token_id for token_id in vocab.tokens if token_id not in given]
    if missing:
        message = f"scores: token {missing[0]} has none"
        raise VocabError(message)
    return tuple(given.get(token_id, 0.0) for token_id in range(vocab.n_ids))


_LENGTHS = {"merge": range(4, 5), "super": range(4, 5), "scaffold": range(2, 3), "delete": range(4, 1 << 20)}


def _operations(
    rows: list[list[Any]], vocab: Vocab, *, method: str
) -> tuple[Merges | RankedPairs | Operations, Merges | None, tuple[int, ...]]:
    for index, row in enumerate(rows):
        if not row or len(row) not in _LENGTHS.get(row[0], ()):
            message = (
                f"operations[{index}]: expected ['merge', left, right, result] or 'super' likewise, "
                f"['delete', token, part, part, …] or ['scaffold', token], got {row!r}"
            )
            raise VocabError(message)
    scaffold = tuple(int(row[1]) for row in rows if row[0] == "scaffold")
    supers = [(row[1], row[2], row[3]) for row in rows if row[0] == "super"]
    steps = [row for row in rows if row[0] in ("merge", "delete")]
    known = {token_id: vocab.token_bytes(token_id) for token_id in vocab}
    _check_spelling(rows, known, frozenset(scaffold))
    if method == "replay" or any(row[0] == "delete" for row in steps):
        return Operations(steps), Merges.from_steps(supers), scaffold
    merges = merge_list(*([row[column] for row in steps] for column in (1, 2, 3)))
    return merges, Merges.from_steps(supers), scaffold


def _check_spelling(rows: list[list[Any]], known: dict[int, bytes], scaffold: frozenset[int]) -> None:
    """Check that every row makes what it says; ids that deletion or demolition takes away need no token."""
    leaving = scaffold | {row[1] for row in rows if row[0] == "delete"}
    for index, row in enumerate(rows):
        if row[0] == "scaffold":
            continue
        target, parts = (row[1], row[2:]) if row[0] == "delete" else (row[3], row[1:3])
        for token in (*parts, target):
            if token not in known and not (token == target and row[0] == "merge" and token in leaving):
                message = f"operations[{index}]: {row!r} uses id {token!r}, which no token has"
                raise VocabError(message)
        spelled = b"".join(known[part] for part in parts)
        if known.setdefault(target, spelled) != spelled:
            message = f"operations[{index}]: {row!r} makes {known[target]!r}, not {spelled!r}"
            raise VocabError(message)
