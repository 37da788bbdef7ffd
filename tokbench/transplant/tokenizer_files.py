"""The tokenizer's files in a model directory, and the chat template by choice.

A directory of the new tokenizer is carried over file by file; a single file, or a tokenizer at hand, is written as
``tokenizer.json`` with a ``tokenizer_config.json`` where the format can hold it, and in our own format otherwise.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Literal

from tokbench.errors import NotRepresentableError
from tokbench.formats.files import write_whole
from tokbench.tokenizer import BpeTokenizer
from tokbench.transplant.model_dir import read_json
from tokbench.transplant.roles import NAMED
from tokbench.transplant.tokens import TokenKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.config_files import IdMap

ChatTemplate = Literal["model", "donor", "none"]

PATTERNS = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.model",
    "tokenizer.model.v*", "tekken.json", "vocab.json", "vocab.txt", "merges.txt", "spiece.model",
    "sentencepiece*.model", "*.tiktoken", "*.tokbench.json", "tokenization_*.py", "chat_template.jinja",
    "chat_template.json", "additional_chat_templates",
)  # fmt: skip
"""What belongs to a tokenizer in a directory; everything else belongs to the model."""

TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates")


def is_tokenizer_file(path: Path) -> bool:
    """Return whether a file of a model directory belongs to its tokenizer."""
    return any(path.match(pattern) for pattern in PATTERNS)


def write_tokenizer(
    tokenizer: Tokenizer,
    source: Path | None,
    folder: Path,
    *,
    ids: IdMap,
    chat_template: ChatTemplate,
    model: Path,
) -> list[str]:
    """Write the tokenizer's files and return what is to be told about them.

    Args:
        tokenizer: the new one.
        source: the file or directory that it was read from.
        folder: the directory being built.
        ids: for the roles of the new tokenizer.
        chat_template: whose template: the model's, the new tokenizer's, or none.
        model: the directory of the old model.
    """
    told: list[str] = []
    if source is not None and source.is_dir():
        for each in sorted(source.iterdir()):
            if is_tokenizer_file(each) and each.name not in TEMPLATES:
                shutil.copy(each, folder / each.name)
    else:
        if source is not None and source.is_file():
            _copy_file(source, folder)
        told += _export(tokenizer, folder)
    config_file = folder / "tokenizer_config.json"
    config = read_json(config_file) if config_file.is_file() else {}
    before = json.dumps(config)
    if not ids.named:
        # A tokenizer whose files name no roles at all: transformers would not know where a text ends.
        for role in NAMED:
            token_id = ids.role(role)
            if token_id is not None:
                config.setdefault(f"{role}_token", ids.match.new.texts[token_id].decode())
    told += _template(config, source, folder, chat_template=chat_template, model=model, ids=ids)
    if json.dumps(config) != before:
        write_whole(config_file, (json.dumps(config, ensure_ascii=False, indent=2) + "\n").encode())
    return told


def _copy_file(source: Path, folder: Path) -> None:
    """Carry the original over under the name that readers look for."""
    data = source.read_bytes()
    if source.name in ("tokenizer.json", "tekken.json", "tokenizer.model") or source.suffix == ".tiktoken":
        write_whole(folder / source.name, data)
    elif source.suffix == ".model":
        write_whole(folder / "tokenizer.model", data)
    elif source.name.endswith(".tokbench.json"):
        write_whole(folder / "tokenizer.tokbench.json", data)


def _export(tokenizer: Tokenizer, folder: Path) -> list[str]:
    if (folder / "tokenizer.json").is_file():
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
        write_whole(folder / "tokenizer_config.json", (json.dumps(settings, indent=2) + "\n").encode())
        return []
    if isinstance(tokenizer, BpeTokenizer):
        try:
            tokenizer.save(folder, format="huggingface")
        except NotRepresentableError as refusal:
            tokenizer.save(folder / "tokenizer.tokbench.json")
            return [f"no tokenizer.json, so that transformers cannot read the tokenizer: {refusal}"]
        return []
    if not (folder / "tokenizer.model").is_file():
        try:
            tokenizer.save(folder)
        except NotRepresentableError as refusal:
            return [f"no tokenizer.json: {refusal}"]
    if not (folder / "tokenizer.json").is_file():
        return ["no tokenizer.json: transformers has to convert tokenizer.model itself"]
    return []


def _template(
    config: dict[str, Any],
    source: Path | None,
    folder: Path,
    *,
    chat_template: ChatTemplate,
    model: Path,
    ids: IdMap,
) -> list[str]:
    """Put the chosen chat template in and any other out."""
    config.pop("chat_template", None)
    if chat_template == "none":
        return []
    home = model if chat_template == "model" else (source if source is not None and source.is_dir() else None)
    if home is None:
        return []
    files = [home / name for name in TEMPLATES if (home / name).exists()]
    for each in files:
        if each.is_dir():
            shutil.copytree(each, folder / each.name)
        else:
            shutil.copy(each, folder / each.name)
    given = home / "tokenizer_config.json"
    inline = read_json(given).get("chat_template") if given.is_file() else None
    if inline is not None:
        config["chat_template"] = inline
    texts = [each.read_text(encoding="utf-8") for each in files if each.is_file()]
    texts += [json.dumps(inline, ensure_ascii=False)] if inline is not None else []
    return list(_missing(texts, ids)) if chat_template == "model" else []


def _missing(templates: Iterable[str], ids: IdMap) -> Iterable[str]:
    """Yield a warning for each special token of the old tokenizer that a template writes and the new one lacks."""
    new = set(ids.match.new.texts)
    joined = "".join(templates)
    for old_id in _special_ids(ids):
        text = ids.match.old.texts[old_id]
        if text not in new and text.decode() in joined:
            yield f"the model's chat template writes {text.decode()}, which the new tokenizer cuts into pieces"


def _special_ids(ids: IdMap) -> list[int]:
    return [i for i, kind in enumerate(ids.match.old.kinds.tolist()) if kind == TokenKind.SPECIAL]
