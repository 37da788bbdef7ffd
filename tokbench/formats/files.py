"""Writing a file or a directory whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator


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

    It lies beside ``out`` unless ``within`` names a folder of the same file system.

    Raises:
        ParameterError: ``out`` exists and is not to be replaced, or its parent is not a directory.
    """
    check_new(out, overwrite=overwrite)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=within or out.parent) as holder:
        fresh = Path(holder) / out.name
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(Path(holder) / "replaced")
        fresh.rename(out)


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
