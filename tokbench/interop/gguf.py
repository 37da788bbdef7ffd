"""GGUF files, for inspection: which tensors have a row for each token, and what the tokenizer is.

Source: the GGUF specification (ggml), as the package ``gguf`` reads it. GGUF lists dimensions with the width first;
here rows come first, as everywhere. Nothing is written: a quantised matrix cannot take over rows bit by bit, so a model
is transplanted as safetensors and converted afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import ModelError, PluginError
from tokbench.transplant.inspection import Inspection, TensorFacts

if TYPE_CHECKING:
    from os import PathLike

ROLES = {"token_embd.weight": "embedding", "output.weight": "head", "output.bias": "head bias"}
"""Names of the tensors in every architecture's files."""


def inspect_gguf(path: str | PathLike[str]) -> Inspection:
    """Return what a GGUF file holds.

    Raises:
        PluginError: without the package ``gguf``.
        ModelError: when the file is missing, no GGUF file, cut short, or has no embedding.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        message = "GGUF files need the package gguf: pip install 'tokbench[gguf]'"
        raise PluginError(message) from error
    file = Path(path)
    if not file.is_file():
        message = f"{file}: no such file"
        raise ModelError(message)
    try:
        reader = GGUFReader(file)
    except (ValueError, IndexError, KeyError, OSError) as error:
        message = f"{file}: no readable GGUF file: {error}"
        raise ModelError(message) from error

    def value(key: str) -> Any:
        field = reader.get_field(key)
        return None if field is None else field.contents()

    def length(key: str) -> int | None:
        field = reader.get_field(key)
        return None if field is None else len(field.data)

    tensors = [
        TensorFacts(
            ROLES[each.name],
            each.name,
            each.tensor_type.name,
            tuple(int(size) for size in reversed(each.shape.tolist())),
            file.name,
        )
        for each in reader.tensors
        if each.name in ROLES
    ]
    tensors.sort(key=lambda each: list(ROLES).index(each.name))
    ids = length("tokenizer.ggml.tokens")
    if not tensors or tensors[0].role != "embedding":
        message = f"{file}: no tensor token_embd.weight among its {len(reader.tensors)}"
        raise ModelError(message)
    notes = [f"{len(reader.tensors)} tensors in all"]
    rows = tensors[0].shape[0]
    if ids is not None and rows != ids:
        notes.append(f"{abs(rows - ids)} rows {'more' if rows > ids else 'fewer'} than the tokenizer has ids")
    notes.append(
        "GGUF is read for inspection; transplant the safetensors it was made of and convert the result"
    )
    facts = {
        "kind": value("tokenizer.ggml.model"),
        "pretokenizer": value("tokenizer.ggml.pre"),
        "ids": ids,
        "merges": length("tokenizer.ggml.merges"),
        "bos_id": value("tokenizer.ggml.bos_token_id"),
        "eos_id": value("tokenizer.ggml.eos_token_id"),
    }
    tied = all(each.role != "head" for each in tensors)
    return Inspection(file, "gguf", value("general.architecture"), tied, tuple(tensors), facts, tuple(notes))
