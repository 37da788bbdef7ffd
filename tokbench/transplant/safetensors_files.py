"""Shards: safetensors files read by their header, rewritten with a few tensors exchanged.

Reading maps the file into memory and copies nothing; the header is checked by the safetensors package. Rewriting hands
the package pointers into that map, so that a shard of many gigabytes passes without being held.
"""

from __future__ import annotations

import json
import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import safetensors

from tokbench.errors import ModelError
from tokbench.transplant.matrix import STORED, Matrix

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

SPEC_NAMES = {
    "BOOL": "bool", "I8": "int8", "U8": "uint8", "I16": "int16", "U16": "uint16", "I32": "int32", "U32": "uint32",
    "I64": "int64", "U64": "uint64", "F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "C64": "complex64",
}  # fmt: skip
"""Element types of a header → the names that the package writes them from."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a shard: its element type as the header calls it, its shape, and its bytes' place in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Shard:
    """A safetensors file, mapped.

    Attributes:
        path: the file.
        entries: its tensors by name, in the order of their bytes.
        metadata: the texts of its header.
    """

    path: Path
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Read the header.

        Raises:
            ModelError: when the package finds the file malformed or cut short.
        """
        try:
            with safetensors.safe_open(path, framework="np"):
                pass
        except (safetensors.SafetensorError, OSError) as error:
            message = f"{path}: no readable safetensors file: {error}"
            raise ModelError(message) from error
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", None) or {}
        body = 8 + length
        found = [
            Entry(
                name,
                str(each["dtype"]),
                tuple(each["shape"]),
                body + each["data_offsets"][0],
                body + each["data_offsets"][1],
            )
            for name, each in header.items()
        ]
        return cls(path, {each.name: each for each in sorted(found, key=lambda each: each.start)}, metadata)

    def data(self, name: str) -> NDArray[np.uint8]:
        """Return the bytes of a tensor, mapped and not copied."""
        entry = self.entries[name]
        if entry.start == entry.end:
            return np.zeros(0, dtype=np.uint8)
        with self.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, dtype=np.uint8, count=entry.end - entry.start, offset=entry.start)

    def matrix(self, name: str) -> Matrix:
        """Return a tensor as a matrix, mapped; one of fewer or more dimensions becomes ``[elements, 1]``.

        Raises:
            ModelError: for an element type that is not transplanted.
        """
        entry = self.entries[name]
        if entry.dtype not in STORED:
            message = (
                f"{self.path}: {name} has the element type {entry.dtype}; transplanted are {', '.join(STORED)}: "
                f"use weights that are not quantized"
            )
            raise ModelError(message)
        flat = self.data(name).view(STORED[entry.dtype])
        return Matrix(flat.reshape(entry.shape if len(entry.shape) == 2 else (-1, 1)), entry.dtype)


def write_shard(path: Path, old: Shard | None, changed: Mapping[str, tuple[str, NDArray[Any]]]) -> None:
    """Write the tensors of `old` with some exchanged or added, whole, and synchronise it with the disk.

    Args:
        path: the file to make; it must not exist.
        old: what the other tensors and the header's texts come from; None for nothing.
        changed: name → (element type, values) of those that are exchanged or new.

    Raises:
        ModelError: for an element type that the package cannot write.
        OSError: when the disk is full.
    """
    kept = {} if old is None else old.entries
    held: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(values) for name, (_, values) in changed.items()
    }
    specs = {}
    for name in [*kept, *(name for name in changed if name not in kept)]:
        if name in changed:
            dtype, shape = changed[name][0], held[name].shape
        else:
            assert old is not None, "a kept tensor comes from a shard"
            dtype, shape = kept[name].dtype, kept[name].shape
            held[name] = old.data(name)
        if dtype not in SPEC_NAMES:
            message = f"{path.name}: {name} has the element type {dtype}, which the safetensors package cannot write"
            raise ModelError(message)
        specs[name] = safetensors.TensorSpec(
            dtype=SPEC_NAMES[dtype], shape=shape, data_ptr=held[name].ctypes.data, data_len=held[name].nbytes
        )
    try:
        safetensors.serialize_file(specs, path, metadata=dict(old.metadata) if old is not None else None)
    except safetensors.SafetensorError as error:
        message = f"{path}: could not be written: {error}"
        raise ModelError(message) from error
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    # The package makes files that only their owner may read.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
