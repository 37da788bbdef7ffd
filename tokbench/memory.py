"""A memory budget: how it is written, what it bounds, and where the rest goes.

The budget bounds what counting allocates: tables, blocks of text and buffers, over all threads. What exceeds it
goes to temporary files without a name, so that nothing is left behind however the process ends. Not part of it
are the interpreter with its libraries (about 100 MB), a document that cannot be cut or a single pretoken that is
larger than it, and a finished table that is asked for in memory, as training needs it.

Without a budget counting takes what it needs, unless a limit is set from outside: under a control group (container) or
``ulimit -v`` the budget is half of what that leaves (see ``tokbench.limits``).
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import ParameterError
from tokbench.limits import memory_left

if TYPE_CHECKING:
    import os

LEAST = 10**6
"""The smallest budget: tables that are written every few thousand pretokens gain nothing."""

UNITS = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}  # fmt: skip
"""Bytes of each unit, in small letters."""


def parse_bytes(size: int | str) -> int:
    """Read a number of bytes such as ``2GB``, ``512 MiB`` or ``1000000``.

    Raises:
        ParameterError: if it is not written so, or is not at least one byte.

    >>> parse_bytes("2GB"), parse_bytes("1.5 KiB"), parse_bytes(7)
    (2000000000, 1536, 7)
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", str(size).lower(), re.ASCII)
    if match is None or match[2] not in UNITS:
        raise ParameterError(
            f"{size!r} is not a size; write a number of bytes, or a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB"
        )
    whole, _, decimals = match[1].partition(".")
    n_bytes: int = int(whole + decimals) * UNITS[match[2]] // 10 ** len(decimals)
    if n_bytes < 1:
        raise ParameterError(f"{size!r} is less than one byte")
    return n_bytes


def budget(memory: int | str | None, temporary: str | os.PathLike[str] | None) -> tuple[int, str] | None:
    """Check a budget and the folder of its temporary files; None for no bound, where nothing outside sets one.

    Raises:
        ParameterError: for a budget below ``LEAST``, a folder that does not exist, or a folder without a budget.
    """
    if memory is None:
        if temporary is not None:
            raise ParameterError(
                f"temporary: {temporary} is used only with a memory budget; give memory as well"
            )
        left = memory_left()
        if left is None:
            return None
        n_bytes = max(left // 2, LEAST)
    else:
        try:
            n_bytes = parse_bytes(memory)
        except ParameterError as error:
            raise ParameterError(f"memory: {error}") from None
    if n_bytes < LEAST:
        raise ParameterError(f"memory: {memory} is below the least budget, {LEAST:,} bytes (1MB)")
    folder = Path(tempfile.gettempdir() if temporary is None else temporary)
    if not folder.is_dir():
        raise ParameterError(f"temporary: {folder} is not a folder; create it first or name another one")
    return n_bytes, str(folder)
