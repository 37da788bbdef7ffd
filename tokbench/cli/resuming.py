"""`--checkpoint-every` and `--resume`: from what was typed to a work directory, and back."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.cli.console import note
from tokbench.errors import ParameterError
from tokbench.run import work_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

    from tokbench.checkpoint import Checkpoint

FREE = {"resume", "threads", "memory", "temporary", "as_json"}
"""Options that may differ between the runs: none of them changes the result."""


def begin(
    context: typer.Context, out: Path, *, every: int = 1000, portion_bytes: int | None = None
) -> Checkpoint:
    """Make the work directory beside ``out``, with everything that was typed.

    Raises:
        ParameterError: if there is one already.
    """
    from tokbench.checkpoint import Checkpoint

    directory = work_directory(out)
    if (directory / "job.json").exists():
        raise ParameterError(
            f"{directory} holds an unfinished run: go on with --resume {out}, or delete it to start again"
        )
    typed = {name: _plain(value) for name, value in context.params.items() if name not in FREE}
    arguments = {"verb": context.info_name, "folder": str(Path.cwd()), "typed": typed}
    return Checkpoint.begin(directory, every=every, portion_bytes=portion_bytes, arguments=arguments)


def resumed(context: typer.Context, out: Path) -> tuple[Checkpoint, dict[str, Any]]:
    """Find the work directory beside ``out`` and what was typed then.

    Raises:
        ParameterError: if there is none, it is another verb's, this is another folder, or an option is given that was
            another then.
    """
    from tokbench.checkpoint import Checkpoint

    checkpoint = Checkpoint.resume(work_directory(out))
    earlier = checkpoint.job["arguments"]
    if earlier["verb"] != context.info_name:
        raise ParameterError(f"{out} was begun by tokbench {earlier['verb']}; resume it with that")
    if earlier["folder"] != str(Path.cwd()):
        raise ParameterError(f"{out} was begun in the folder {earlier['folder']}; resume it from there")
    parameters: dict[str, Any] = {}
    for name, value in context.params.items():
        origin = context.get_parameter_source(name)
        given = origin is not None and origin.name == "COMMANDLINE"
        if name in FREE:
            parameters[name] = value
            continue
        typed = earlier["typed"].get(name)
        if given and _plain(value) != typed:
            raise ParameterError(
                f"{spelling(context, name)} was {json.dumps(typed)} when {out} was begun, not "
                f"{json.dumps(_plain(value))}; leave it out, or delete {checkpoint.directory} to start again"
            )
        parameters[name] = Path(typed) if name == "out" and typed is not None else typed
    return checkpoint, {**parameters, "resume": None}


def is_complete(out: Path) -> bool:
    """Whether ``out`` was written by the run whose work directory lies beside it, or is no longer there.

    A run that is killed at its very end may leave the directory, which is removed.
    """
    from tokbench.checkpoint import Checkpoint

    jobs = [
        json.loads(path.read_text(encoding="utf-8"))["arguments"].get("job")
        for path in (out / "run.json", *out.glob("v*/run.json"))
        if path.exists()
    ]
    directory = work_directory(out)
    if not (directory / "job.json").exists():
        return any(job is not None for job in jobs)
    checkpoint = Checkpoint.resume(directory)
    if checkpoint.job["id"] not in jobs:
        return False
    checkpoint.finish()
    return True


def is_written(out: Path) -> bool:
    """Whether a file is there and no work directory beside it: what a count leaves that has ended."""
    return out.is_file() and not (work_directory(out) / "job.json").exists()


def spelling(context: typer.Context, name: str) -> str:
    """Return how a parameter is written on the command line: its longest option, or its name as an argument."""
    for parameter in context.command.params:
        if parameter.name == name and parameter.param_type_name == "option":
            return max(parameter.opts, key=len)
    return name.upper()


@contextmanager
def kept(context: typer.Context, checkpoint: Checkpoint | None, out: Path) -> Iterator[None]:
    """Say where the work is kept when the block ends with an exception."""
    try:
        yield
    except BaseException:
        if checkpoint is not None and checkpoint.directory.exists():
            note(
                f"what is finished is kept in {checkpoint.directory}; go on with: tokbench {context.info_name} "
                f"--resume {out}"
            )
        raise


def _plain(value: object) -> object:
    """Make a parameter fit for JSON; a repeatable option that was not given is None, as the command gets it."""
    if isinstance(value, list | tuple):
        return list(value) or None
    return str(value) if isinstance(value, Path) else value
