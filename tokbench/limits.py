"""Limits that somebody else has set on this process: control groups (containers) and ``ulimit``.

Without a memory budget of its own, counting keeps to half of what such a limit leaves: the other half is for the
interpreter, for the finished table, and for the page cache that a control group counts as well.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tokbench.errors import CorpusError

MEGABYTE = 1_000_000
PARQUET_BYTES = 450 * MEGABYTE
PARQUET_THREAD_BYTES = 250 * MEGABYTE
"""Address space that polars takes to stream Parquet, and more per thread: stacks and arenas, little of it used."""
FRAME_BYTES = 150 * MEGABYTE
FRAME_THREAD_BYTES = 100 * MEGABYTE
"""The same for a table that it has in memory."""


def memory_left() -> int | None:
    """Return the bytes that limits from outside leave to this process, the smallest of them; None without a limit."""
    found = [
        left
        for left in (cgroup_left(), address_space_left(reserve=_needed(streamed=True)))
        if left is not None
    ]
    return min(found, default=None)


def cgroup_left(root: Path = Path("/")) -> int | None:
    """Return what the control groups of this process leave, version 1 or 2; None without a limit.

    Every group from this process's own up to the root is asked: the tightest of them binds. What the process
    holds already is taken off.
    """
    limits = [limit for folder in _folders(root) for limit in _limits(folder)]
    if not limits:
        return None
    return max(0, min(limits) - _resident(root))


def address_space_left(*, reserve: int = 0) -> int | None:
    """Return the address space that ``ulimit -v`` (or ``-d``) leaves besides a reserve; None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    finite = [limit for limit in soft if limit != resource.RLIM_INFINITY]
    if not finite:
        return None
    return max(0, min(finite) - _pages(Path("/"), 0) - reserve)


def check_address_space(*, streamed: bool, n_bytes: int = 0) -> None:
    """Refuse to begin what is going to read or write Parquet where ``ulimit -v`` leaves too little for that.

    ``streamed`` says whether the table is larger than memory and goes out part by part, ``n_bytes`` how large the
    frame is that will be held. Once the library is there, its threads have their address space already.

    The library ends the process when the address space runs out.

    Raises:
        CorpusError: saying how much is needed.
    """
    left = address_space_left()
    needed = FRAME_BYTES if "polars" in sys.modules and not streamed else _needed(streamed=streamed)
    needed += n_bytes
    if left is not None and left < needed:
        raise CorpusError(
            f"the limit on address space (ulimit -v) leaves {left // MEGABYTE} MB, but reading and writing Parquet "
            f"takes about {needed // MEGABYTE} MB of it (most of that is never touched); raise the limit by "
            f"{-((left - needed) // MEGABYTE)} MB, or lift it and bound memory with --memory or a control group"
        )


def _needed(*, streamed: bool) -> int:
    # Not asked of polars: it would start its threads.
    threads = os.environ.get("POLARS_MAX_THREADS", "")
    n_threads = int(threads) if threads.isdigit() else os.cpu_count() or 1
    if streamed:
        return PARQUET_BYTES + PARQUET_THREAD_BYTES * n_threads
    return FRAME_BYTES + FRAME_THREAD_BYTES * n_threads


def _folders(root: Path) -> list[Path]:
    """List the folders of this process's memory groups, from its own to the root of each hierarchy."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders: list[Path] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounts = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif "memory" in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup/memory"]
        else:
            continue
        # In a container the path may be that of the host, of which only the last folder is to be seen, as the mount.
        inside = Path(path.lstrip("/"))
        for mount in mounts:
            folders += [mount / part for part in (inside, *inside.parents)]
    return list(dict.fromkeys(folders))


def _limits(folder: Path) -> list[int]:
    found = []
    for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
        try:
            text = (folder / name).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        # "max", and in version 1 a number beyond all memory, stand for no limit.
        if re.fullmatch(r"[0-9]+", text) and int(text) < 1 << 60:
            found.append(int(text))
    return found


def _resident(root: Path) -> int:
    return _pages(root, 1)


def _pages(root: Path, column: int) -> int:
    """Return a column of statm in bytes: 0 for the address space, 1 for resident memory; 0 where there is none."""
    try:
        pages = int((root / "proc/self/statm").read_text(encoding="ascii").split()[column])
    except OSError:
        return 0
    return pages * int(os.sysconf("SC_PAGE_SIZE"))
