"""Writing a file or a directory whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

UNFINISHED = ".unfinished"
"""A file in the temporary folder of a directory that is being made; locked as long as its process lives."""
REPLACED = "replaced"
"""Where the directory that gives way stands for a moment."""


def write_whole(path: Path, data: bytes) -> None:
    """Write to a temporary name beside `path` and rename; on any failure nothing is left.

    Raises:
        OSError: naming the file, when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None and error.errno is not None:
            # A full disk is reported without the name of the file that it stopped.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def new_directory(out: Path, *, overwrite: bool, within: Path | None = None) -> Iterator[Path]:
    """Yield a temporary directory that becomes ``out`` when the block ends without an exception.

    It lies beside ``out`` unless ``within`` names a folder of the same file system. What a process that was killed has
    left of the same directory is removed first, unless it holds a directory that was about to be replaced.

    Raises:
        ParameterError: ``out`` exists and is not to be replaced, or its parent is not a directory.
    """
    check_new(out, overwrite=overwrite)
    home = within or out.parent
    remove_unfinished(home, out.name)
    with (
        tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=home) as holder,
        (Path(holder) / UNFINISHED).open("wb") as mark,
    ):
        _lock(mark)
        fresh = Path(holder) / out.name
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(Path(holder) / REPLACED)
        fresh.rename(out)


def remove_unfinished(home: Path, name: str) -> list[Path]:
    """Remove the temporary folders of directories of that name whose process is gone, and return them.

    A folder is one of ours if it has the mark, and abandoned if nobody holds the mark's lock. One that holds a
    directory that was about to be replaced is kept. Where the system has no such locks nothing is removed.
    """
    removed = []
    for each in sorted(home.iterdir()):
        mark = each / UNFINISHED
        if not each.name.startswith(f".{name}.") or each.is_symlink() or not mark.is_file():
            continue
        with mark.open("rb+") as file:
            if _lock(file) and not (each / REPLACED).exists():
                shutil.rmtree(each)
                removed.append(each)
    return removed


def _lock(file: BinaryIO) -> bool:
    """Lock a file until it is closed, and return whether nobody else has it."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_new(out: Path, *, overwrite: bool) -> None:
    """Refuse a directory that cannot be made, before any work is spent on it.

    Raises:
        ParameterError: as :func:`new_directory`.
    """
    if not out.parent.is_dir():
        message = f"{out}: the folder {out.parent} does not exist; create it first"
        raise ParameterError(message)
    if out.exists() and not overwrite:
        message = f"{out} exists already; choose another name or say --overwrite"
        raise ParameterError(message)
    if out.exists() and not out.is_dir():
        message = f"{out} is a file; a directory cannot replace it"
        raise ParameterError(message)
