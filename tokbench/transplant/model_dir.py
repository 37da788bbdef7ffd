"""`ModelDir`: a directory of weights in safetensors, whatever the architecture.

Nothing is loaded that is not asked for, and nothing is known about model classes: which tensors are the embedding and
the head follows from the configuration, their shapes and their names (`tokbench.transplant.find_matrices`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import ModelError
from tokbench.transplant.safetensors_files import Entry, Shard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.transplant.matrix import Matrix

OTHER_WEIGHTS = (
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".gguf",
    ".h5",
    ".msgpack",
    ".onnx",
    ".ot",
    ".tflite",
    ".npz",
)
"""Weights in other formats: they would still have the old vocabulary, so that they are not carried over."""


@dataclass(frozen=True, eq=False)
class ModelDir:
    """Weights, their index, and the configuration.

    Attributes:
        path: the directory.
        config: config.json; empty where there is none.
        shards: file name → shard, in the order of the names.
        index_name: the name of the index file, where the weights are sharded.
        index: its content.
    """

    path: Path
    config: Mapping[str, Any]
    shards: Mapping[str, Shard]
    index_name: str | None = None
    index: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path) -> ModelDir:
        """Read configuration, index and headers.

        Raises:
            ModelError: when there are no safetensors, a file is missing or malformed, or the index names a tensor that
                its file does not have.
        """
        folder = Path(path)
        if not folder.is_dir():
            message = f"{path}: no such directory; a model is a directory with safetensors and config.json"
            raise ModelError(message)
        config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
        indices = sorted(folder.glob("*.safetensors.index.json"))
        if len(indices) > 1:
            message = f"{path}: several indices ({', '.join(each.name for each in indices)}); leave one"
            raise ModelError(message)
        if indices:
            index = read_json(indices[0])
            made = cls(folder, config, _indexed(folder, indices[0], index), indices[0].name, index)
        else:
            made = cls(folder, config, _loose(folder))
        return made

    @cached_property
    def where(self) -> Mapping[str, str]:
        """Tensor name → file name.

        Raises:
            ModelError: when two files have a tensor of the same name.
        """
        found: dict[str, str] = {}
        for file, shard in self.shards.items():
            for name in shard.entries:
                if name in found:
                    message = f"{self.path}: {found[name]} and {file} both hold the tensor {name}"
                    raise ModelError(message)
                found[name] = file
        return found

    def entry(self, name: str) -> Entry:
        """Return a tensor's type and shape.

        Raises:
            ModelError: when there is no such tensor, with the nearest names.
        """
        if name not in self.where:
            from tokbench.registry import nearest

            message = f"{self.path}: no tensor {name!r}; {nearest(name, self.where)}"
            raise ModelError(message)
        return self.shards[self.where[name]].entries[name]

    def matrix(self, name: str) -> Matrix:
        """Return a tensor as a matrix, mapped."""
        self.entry(name)
        return self.shards[self.where[name]].matrix(name)

    def setting(self, key: str) -> Any:
        """Return a setting of the configuration, or of the part of it that describes the text model; None without."""
        for part in (self.config, *text_parts(self.config)):
            if part.get(key) is not None:
                return part[key]
        return None

    def weight_files(self) -> list[Path]:
        """Return every file of the directory that holds weights, of any format."""
        return [
            each
            for each in sorted(self.path.iterdir())
            if each.is_file() and (each.suffix == ".safetensors" or each.suffix in OTHER_WEIGHTS)
        ]


def text_parts(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parts of a configuration that describe a text model: ``text_config`` and its like.

    Example:
        >>> text_parts({"text_config": {"vocab_size": 5}, "vision_config": {"hidden_size": 3}})
        [{'vocab_size': 5}]
    """
    return [each for each in config.values() if isinstance(each, dict) and "vocab_size" in each]


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        ModelError: when it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path}: no readable JSON: {error}"
        raise ModelError(message) from error
    if not isinstance(content, dict):
        message = f"{path}: expected a JSON object"
        raise ModelError(message)
    return content


def _indexed(folder: Path, file: Path, index: Mapping[str, Any]) -> dict[str, Shard]:
    weights = index.get("weight_map")
    if not isinstance(weights, dict) or not weights:
        message = f"{file}: no weight_map"
        raise ModelError(message)
    shards = {}
    for name in sorted(set(weights.values())):
        if not (folder / name).is_file():
            message = f"{file}: names {name}, which does not exist"
            raise ModelError(message)
        shards[name] = Shard.open(folder / name)
    for tensor, name in weights.items():
        if tensor not in shards[name].entries:
            message = f"{file}: {tensor} is not in {name}, as the index says"
            raise ModelError(message)
    return shards


def _loose(folder: Path) -> dict[str, Shard]:
    whole = folder / "model.safetensors"
    files = [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))
    if not files:
        others = [each.name for each in sorted(folder.iterdir()) if each.suffix in OTHER_WEIGHTS]
        seen = (
            f"found {', '.join(others[:3])}; convert them to safetensors first"
            if others
            else "it has no weights"
        )
        message = f"{folder}: no safetensors: {seen}"
        raise ModelError(message)
    return {file.name: Shard.open(file) for file in files}
