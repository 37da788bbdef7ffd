"""What a model is made of, before anything is done to it: the matrices with a row for each token, and its tokenizer.

A directory of safetensors is read by its headers, a GGUF file by its own; no weights are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import ModelError
from tokbench.tokenizer import Tokenizer
from tokbench.transplant.config_files import table_of
from tokbench.transplant.find_matrices import find_matrices
from tokbench.transplant.model_dir import ModelDir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike


@dataclass(frozen=True)
class TensorFacts:
    """A tensor with a row for each token.

    Attributes:
        role: ``embedding``, ``head``, ``embedding copy``, ``head copy`` or ``head bias``.
        name: as the file calls it.
        dtype: element type as the file calls it; of a quantised tensor its kind.
        shape: rows first.
        file: the file that holds it.
    """

    role: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str


@dataclass(frozen=True)
class Inspection:
    """What a model is made of.

    Attributes:
        path: of the directory or file.
        format: ``safetensors`` or ``gguf``.
        architecture: as the model's own files say; None where they do not.
        tied: whether the embedding serves as the head; None where the files do not say.
        tensors: those with a row for each token.
        tokenizer: facts by name: kind, ids, merges, special ids.
        notes: why the tensors were chosen, and what to mind.
    """

    path: Path
    format: str
    architecture: str | None
    tied: bool | None
    tensors: tuple[TensorFacts, ...]
    tokenizer: Mapping[str, Any]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything in the types of JSON."""
        return {
            "path": str(self.path),
            "format": self.format,
            "architecture": self.architecture,
            "tied": self.tied,
            "tensors": [
                {
                    "role": t.role,
                    "name": t.name,
                    "dtype": t.dtype,
                    "shape": list(t.shape),
                    "file": t.file,
                }
                for t in self.tensors
            ],
            "tokenizer": dict(self.tokenizer),
            "notes": list(self.notes),
        }


def inspect(path: str | PathLike[str]) -> Inspection:
    """Return what a model directory or a GGUF file is made of.

    Raises:
        ModelError: when there is neither, or its files are malformed.
        PluginError: for a GGUF file without the package ``gguf``.
        VocabError: when the directory's tokenizer cannot be read.
    """
    given = Path(path)
    if given.suffix == ".gguf":
        from tokbench.interop.gguf import inspect_gguf

        return inspect_gguf(given)
    if given.is_file():
        message = f"{given}: expected a directory with safetensors and config.json, or a .gguf file"
        raise ModelError(message)
    model = ModelDir.open(given)
    tokenizer = Tokenizer.load(given)
    table, _ = table_of(tokenizer, given)
    found = find_matrices(model, n_ids=len(table))
    roles = {found.embedding: "embedding"} | dict.fromkeys(found.embedding_copies, "embedding copy")
    if found.head is not None:
        roles[found.head] = "head"
    roles |= dict.fromkeys(found.head_copies, "head copy") | dict.fromkeys(found.biases, "head bias")
    tensors = [
        TensorFacts(role, name, model.entry(name).dtype, model.entry(name).shape, model.where[name])
        for name, role in roles.items()
    ]
    architectures = model.config.get("architectures") or [model.setting("model_type")]
    facts = {
        "kind": tokenizer.kind,
        "ids": len(table),
        "merges": None if tokenizer.merges is None else len(tokenizer.merges),
        "special": len(tokenizer.special_tokens),
        "bos_id": model.setting("bos_token_id"),
        "eos_id": model.setting("eos_token_id"),
    }
    return Inspection(given, "safetensors", architectures[0], found.tied, tuple(tensors), facts, found.why)
