"""What every verb prints with: progress on standard error, JSON and text on standard output."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import click

UNITS = {
    "reading": "bytes",
    "counting": "bytes",
    "merging": "merges",
    "sorting": "pretokens",
}
"""What one unit of progress is, by phase; phases without an entry show a share only."""


@contextlib.contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None] | None]:
    """Yield a progress callback ``(phase, done, total)`` that draws on standard error; None off a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description:<9}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:>18}"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def report(phase: str, done: int, total: int) -> None:
            # What a phase says about itself stands behind a colon, in the place of its rate.
            phase, _, remark = phase.partition(": ")
            if phase not in tasks:
                for task in tasks.values():
                    progress.update(task, visible=False)
                tasks[phase] = progress.add_task(phase, total=total or None, rate="")
            task = progress.tasks[progress.task_ids.index(tasks[phase])]
            elapsed = task.elapsed or 0.0
            progress.update(
                tasks[phase],
                completed=done,
                total=total or None,
                rate=remark or (_rate(done / elapsed, UNITS.get(phase, "")) if elapsed > 0 else ""),
            )

        yield report


def _rate(per_second: float, unit: str) -> str:
    if not unit:
        return ""
    if unit == "bytes":
        return f"{per_second / 1e6:,.1f} MB/s"
    return f"{per_second:,.0f} {unit}/s"


OTHER_NAMES = {
    "special_tokens": "special",
    "vocab_sizes": "vocab_size",
    "min_count": "min_pretoken_count",
    "checkpoint": "checkpoint_every",
    "steps": "step",
}
"""Parameters of the Python functions whose option has another name."""


QUOTES = "'\""
PARAMETER = re.compile(
    r"""(?<![\w./\\'"-]) (?P<name>[a-z][a-z0-9_]*)
    (?P<value>= (?: '[^']*' | "[^"]*" | [\w.]* ))?
    (?P<colon>: (?=\s))?
    (?![\w/\\'"])""",
    re.VERBOSE,
)
"""What may be a parameter: a word that is no part of a path, an option or a quotation, and the value after it."""


def option_names(command: click.Command) -> dict[str, str]:
    """Return how each parameter of a command, by its name in Python, is written on the command line."""
    known = {
        parameter.name: max(parameter.opts, key=len)
        if parameter.param_type_name == "option"
        else parameter.name.upper()
        for parameter in command.params
        if parameter.name is not None
    }
    return known | {other: known[name] for other, name in OTHER_NAMES.items() if name in known}


def spell_options(message: str, names: Mapping[str, str]) -> str:
    """Write the parameters that a message names as options: ``allow_smaller`` becomes ``--allow-smaller``.

    A name stands for a parameter at the start of the message before a colon, before ``=`` and a value, or, where it
    has an underscore and so is no word of the language, alone.

    >>> spell_options("unit='x' needs allow_smaller", {"unit": "--unit", "allow_smaller": "--allow-smaller"})
    '--unit x needs --allow-smaller'
    """

    def replaced(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        if name not in names or not (value or "_" in name or (match.start() == 0 and match["colon"])):
            return match[0]
        if value in (None, "=", "=True"):
            return names[name] + (match["colon"] or "")
        return f"{names[name]} {value[1:].strip(QUOTES)}{match['colon'] or ''}"

    return PARAMETER.sub(replaced, message)


def print_json(value: object) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def note(message: str) -> None:
    """Print one line to standard error, for people."""
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(message, markup=False)
