"""The file of an n-gram model: a header and flat arrays, to be mapped into memory as they are.

    8 bytes   ``tokbngm1``
    8 bytes   length of the header, little endian
    header    JSON: what the model is, and of every array its element type, length and place
    arrays    little endian, each at a multiple of 64 bytes from the beginning of the file

The header holds the CRC-32 of everything behind it. It is checked on loading, at the speed of reading the file once,
so that no index that the compiled loops follow can lead outside of the arrays.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import ModelError
from tokbench.formats.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"tokbngm1"
ALIGNMENT = 64
TYPES = ("<i8", "<u4", "<u8", "<f8", "|b1")


def write_arrays(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write facts and arrays, whole or not at all."""
    places: dict[str, Any] = {}
    parts: list[bytes] = []
    at = 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        places[name] = {"type": array.dtype.newbyteorder("<").str, "length": len(array), "at": at}
        parts += [data, bytes(-len(data) % ALIGNMENT)]
        at += len(data) + len(parts[-1])
    body = b"".join(parts)
    header = json.dumps({**facts, "arrays": places, "n_bytes": at, "crc32": zlib.crc32(body)}).encode()
    header += b" " * (-(len(MAGIC) + 8 + len(header)) % ALIGNMENT)
    write_whole(path, b"".join([MAGIC, len(header).to_bytes(8, "little"), header, body]))


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the facts and the arrays, the latter mapped from the file.

    Raises:
        ModelError: when the file is no such file, was cut, or was changed.
        OSError: when it cannot be opened.
    """
    with path.open("rb") as file:
        start = file.read(len(MAGIC) + 8)
        size = file.seek(0, 2)
        if start[: len(MAGIC)] != MAGIC or len(start) < len(MAGIC) + 8:
            message = f"{path}: no n-gram model (it does not begin with {MAGIC.decode()!r})"
            raise ModelError(message)
        length = int.from_bytes(start[len(MAGIC) :], "little")
        begin = len(start) + length
        if begin > size:
            message = f"{path}: cut off inside of its header; make or copy it again"
            raise ModelError(message)
        file.seek(len(start))
        text = file.read(length)
    try:
        facts: dict[str, Any] = json.loads(text)
        places = facts.pop("arrays")
        n_bytes, checksum = int(facts.pop("n_bytes")), int(facts.pop("crc32"))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"{path}: its header cannot be read; make or copy the model again"
        raise ModelError(message) from None
    if size != begin + n_bytes:
        message = f"{path}: {size} bytes, but its header says {begin + n_bytes}; make or copy the model again"
        raise ModelError(message)
    if not n_bytes:
        message = f"{path}: it holds no arrays; make or copy the model again"
        raise ModelError(message)
    body = np.memmap(path, mode="r", offset=begin, shape=(n_bytes,))
    if zlib.crc32(body.data) != checksum:
        message = (
            f"{path}: its content does not have the checksum of its header; make or copy the model again"
        )
        raise ModelError(message)
    return facts, {name: _array(path, name, body, place) for name, place in places.items()}


def _array(path: Path, name: str, body: NDArray[np.uint8], place: Mapping[str, Any]) -> NDArray[Any]:
    kind = place["type"]
    if kind not in TYPES:
        message = f"{path}: array {name!r} has elements of type {kind!r}; there are {', '.join(TYPES)}"
        raise ModelError(message)
    dtype = np.dtype(kind)
    found = body[place["at"] : place["at"] + place["length"] * dtype.itemsize]
    return np.asarray(found).view(dtype)
