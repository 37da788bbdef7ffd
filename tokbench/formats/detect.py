"""Which format a file has, told by its content, and its reader.

Nothing is downloaded: the name of a well-known tokenizer is answered with what to pass instead.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokbench.errors import NotRepresentableError, VocabError
from tokbench.formats import hf_json, rwkv, tekken, tiktoken, tokbench_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.bpe import BpeModel, Training

_IN_DIRECTORIES = (tokbench_json.FILE_NAME, "tokenizer.json", "tekken.json", "tokenizer.model")

_WELL_KNOWN = {
    "gpt2": "gpt2.tiktoken",
    "r50k_base": "r50k_base.tiktoken",
    "p50k_base": "p50k_base.tiktoken",
    "cl100k_base": "cl100k_base.tiktoken",
    "gpt-4": "cl100k_base.tiktoken",
    "o200k_base": "o200k_base.tiktoken",
    "gpt-4o": "o200k_base.tiktoken",
    "llama3": "tokenizer.model",
}


UNNAMED = "trained"
"""What training calls its result: a file with this name in it goes by its own or its folder's name."""


@dataclass(frozen=True)
class Native:
    """A model that we encode ourselves."""

    model: BpeModel
    name: str
    training: Training | None = None


@dataclass(frozen=True)
class Foreign:
    """A file for another library, and why it is not encoded natively."""

    library: Literal["tokenizers", "sentencepiece"]
    path: Path
    name: str
    reason: str


def read(
    path: str | Path, *, pretokenizer: str | None = None, special_tokens: Mapping[str, int] | None = None
) -> Native | Foreign:
    """Read a tokenizer from a file or directory of any known format.

    Raises:
        VocabError: naming the file and what is wrong or missing.
    """
    file = _file(Path(path), str(path))
    name = _name(file)
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        return _refuse_gzip(file, data)
    if tiktoken.looks_like(data[:4096]):
        model, known = tiktoken.read(file, pretokenizer=pretokenizer, special_tokens=special_tokens)
        return Native(model, known)
    if pretokenizer is not None or special_tokens is not None:
        message = f"{file}: pretokenizer= and special_tokens= are for tiktoken files; this is none"
        raise VocabError(message)
    if data[:64].lstrip()[:1] == b"{":
        return _json(file, data, name)
    if rwkv.looks_like(data[:4096]):
        return Native(rwkv.read(file), name)
    if file.suffix == ".model" and data[:1] == b"\n":
        return Foreign("sentencepiece", file, name, "SentencePiece models are encoded by sentencepiece")
    message = (
        f"{file}: no known tokenizer format (a tokbench or Hugging Face or tekken JSON, tiktoken lines, a "
        f"SentencePiece model, an RWKV vocabulary); a bare word list does not say how text is cut"
    )
    raise VocabError(message)


def _file(path: Path, given: str) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        found = [path / name for name in _IN_DIRECTORIES if (path / name).is_file()]
        found = found or sorted([*path.glob("*.tokbench.json"), *path.glob("*.tiktoken")])
        if not found:
            message = f"{path}: a directory without {', '.join(_IN_DIRECTORIES)} or a .tiktoken file"
            raise VocabError(message)
        return found[0]
    if given.lower() in _WELL_KNOWN:
        message = (
            f"{given!r} is a name, and nothing is downloaded; pass the path of its file, such as "
            f"{_WELL_KNOWN[given.lower()]!r} (or tokenizer.json)"
        )
        raise VocabError(message)
    message = f"{given}: no such file or directory"
    raise VocabError(message)


def _name(file: Path) -> str:
    plain = ("tokenizer.json", "tokenizer.model", "tekken.json", tokbench_json.FILE_NAME)
    if file.name in plain and file.absolute().parent.name:
        return file.absolute().parent.name
    return file.name.removesuffix(".json").removesuffix(".tokbench").split(".model")[0]


def _json(file: Path, data: bytes, name: str) -> Native | Foreign:
    try:
        document = json.loads(data)
    except ValueError as error:
        message = f"{file}: not valid JSON: {error}"
        raise VocabError(message) from error
    if document.get("format") == "tokbench":
        model, given, training = tokbench_json.parse(document, str(file))
        return Native(model, name if given == UNNAMED else given, training)
    if "config" in document and isinstance(document.get("vocab"), list):
        return Native(tekken.parse(document, str(file)), name)
    if isinstance(document.get("model"), dict):
        try:
            return Native(hf_json.parse(document, str(file)), name)
        except NotRepresentableError as refusal:
            return Foreign("tokenizers", file, name, str(refusal))
    message = (
        f"{file}: a JSON file with the keys {list(document)[:5]} is no tokenizer format that is known "
        f"here; a bare vocabulary does not say how text is cut and merged"
    )
    raise VocabError(message)


def _refuse_gzip(file: Path, data: bytes) -> Native:
    try:
        head = gzip.decompress(data)[:200].decode("utf-8", "replace").splitlines()[0]
    except (OSError, EOFError) as error:
        message = f"{file}: a broken gzip file: {error}"
        raise VocabError(message) from error
    message = (
        f"{file}: a compressed file that starts with {head!r}; unpack it first "
        f"(CLIP's merge list is no whole tokenizer: use its tokenizer.json)"
    )
    raise VocabError(message)
