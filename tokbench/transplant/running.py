"""A model directory as a `Reader`, by the name of what runs it: how ``--bpb`` finds a model callable.

A runner is a function from a model directory to a `Reader`. ``transformers`` is known; any other is named by its file
or module and its name there: ``mine.py:reader``, ``package.module:reader``.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import ModelError, ParameterError
from tokbench.transplant.bits import Reader

if TYPE_CHECKING:
    from types import ModuleType

Runner = Callable[[Path], Reader]


def find_runner(spelling: str) -> Runner:
    """Return the runner of a name.

    Raises:
        ParameterError: for another spelling, for a file or module that is not there or has no such function.

    Example:
        >>> find_runner("transformers").__name__
        'transformers_reader'
    """
    if spelling == "transformers":
        from tokbench.interop.causal_reader import transformers_reader

        return transformers_reader
    where, colon, name = spelling.rpartition(":")
    if not colon or not where or not name:
        message = f"runner {spelling!r}: expected transformers, FILE.py:FUNCTION or MODULE:FUNCTION"
        raise ParameterError(message)
    found = getattr(_module(where, spelling), name, None)
    if not callable(found):
        message = f"runner {spelling!r}: {where} has no function {name!r}"
        raise ParameterError(message)
    runner: Runner = found
    return runner


def read_with(spelling: str, folder: Path) -> Reader:
    """Return a model directory as a reader.

    Raises:
        ParameterError: see `find_runner`.
        PluginError: when the runner needs a package that is not installed.
        ModelError: when the runner cannot read the model, or returns something else than a reader.
    """
    made = find_runner(spelling)(folder)
    if not isinstance(made, Reader):
        message = f"runner {spelling!r}: returned {type(made).__name__} for {folder}, expected a Reader"
        raise ModelError(message)
    return made


def _module(where: str, spelling: str) -> ModuleType:
    try:
        if not where.endswith(".py"):
            return importlib.import_module(where)
        spec = importlib.util.spec_from_file_location(Path(where).stem, where)
        if spec is None or spec.loader is None:
            message = f"runner {spelling!r}: {where} is no Python file"
            raise ParameterError(message)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (ImportError, FileNotFoundError) as error:
        message = f"runner {spelling!r}: {where} cannot be loaded: {error}"
        raise ParameterError(message) from error
    return module
