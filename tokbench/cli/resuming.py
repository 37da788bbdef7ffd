"""`--checkpoint-every` and `--resume`: from what was typed to a work directory, and back."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.core import ParameterSource

from tokbench.cli.console import note
from tokbench.errors import ParameterError
from tokbench.run import work_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

    from tokbench.checkpoint import Checkpoint

FREE = {"resume", "threads", "memory", "temporary", "as_json"}
"""Options that may differ between the runs: none of them changes the result."""


def begin(context: typer.Context, out: Path, every: int) -> Checkpoint:
    """Make the work directory beside ``out``, with everything that was typed.

    Raises:
        ParameterError: if there is one already.
    """
    from tokbench.checkpoint import Checkpoint

    directory = work_directory(out)
    if directory.exists():
        raise ParameterError(
            f"{directory} holds an unfinished run: go on with --resume {out}, or delete it to start again"
        )
    typed = {name: _plain(value) for name, value in context.params.items() if name not in FREE}
    return Checkpoint.begin(directory, every=every, arguments={"folder": str(Path.cwd()), "typed": typed})


def resumed(context: typer.Context, out: Path) -> tuple[Checkpoint, dict[str, Any]]:
    """Find the work directory beside ``out`` and what was typed then.

    Raises:
        ParameterError: if there is none, this is another folder, or an option is given that was another then.
    """
    from tokbench.checkpoint import Checkpoint

    checkpoint = Checkpoint.resume(work_directory(out))
    earlier = checkpoint.job["arguments"]
    if earlier["folder"] != str(Path.cwd()):
        raise ParameterError(f"{out} was begun in the folder {earlier['folder']}; resume it from there")
    parameters: dict[str, Any] = {}
    for name, value in context.params.items():
        given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if name in FREE:
            parameters[name] = value
            continue
        typed = earlier["typed"].get(name)
        if given and _plain(value) != typed:
            raise ParameterError(
                f"--{name.replace('_', '-')} was {json.dumps(typed)} when {out} was begun, not "
                f"{json.dumps(_plain(value))}; leave it out, or delete {checkpoint.directory} to start again"
            )
        parameters[name] = Path(typed) if name in ("out", "counts") and typed is not None else typed
    return checkpoint, {**parameters, "resume": None}


def is_complete(checkpoint: Checkpoint, out: Path) -> bool:
    """Whether the run was killed after everything had been written; the work directory is then removed."""
    for path in (out / "run.json", *out.glob("v*/run.json")):
        if path.exists():
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["arguments"].get("job") == checkpoint.job["id"]:
                checkpoint.finish()
                return True
    return False


@contextmanager
def kept(checkpoint: Checkpoint | None, out: Path) -> Iterator[None]:
    """Say where the work is kept when the block ends with an exception."""
    try:
        yield
    except BaseException:
        if checkpoint is not None and checkpoint.directory.exists():
            note(
                f"what is finished is kept in {checkpoint.directory}; go on with: tokbench train --resume {out}"
            )
        raise


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
