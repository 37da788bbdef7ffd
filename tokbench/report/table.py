"""A metric frame as tables for a terminal: metrics down, tokenizers across.

Metrics have long names and few tokenizers are compared at once, so metrics are the rows. Where the tokenizers do
not fit into the width, they go into several tables; no column is cut.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from tokbench.frame_files import arrow, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from tokbench.frame import MetricFrame

    Row = Mapping[str, object]

NAME_WIDTH = 48
PADDING = 2
LEAST_WIDTH = 60


def render(frame: MetricFrame, *, per_group: bool = False, width: int = 100) -> RenderableType:
    """Return tables for a terminal of `width` columns (at least 60): totals, then groups if `per_group`.

    The best value of a row is bold; ↑ and ↓ say which way is better; – is undefined, with the reason below.
    """
    width = max(width, LEAST_WIDTH)
    parts: list[RenderableType] = [_totals(frame, names, width) for names in _columns(frame, width)]
    if per_group:
        for metric in frame.metrics:
            part = frame.filter(metric=metric)
            if part.groups:
                parts += [Text(""), *(_by_group(part, names) for names in _columns(frame, width))]
    undefined = _reasons(frame)
    if undefined:
        parts += [Text(""), *(Text(line, style="dim") for line in undefined)]
    return Group(*parts)


def print_frame(frame: MetricFrame, *, per_group: bool = False, console: Console | None = None) -> None:
    """Print the tables to the terminal, or to a file or pipe in 100 columns."""
    shown = console if console is not None else Console()
    if console is None and not shown.is_terminal:
        shown = Console(width=100)
    shown.print(render(frame, per_group=per_group, width=shown.width))


def _columns(frame: MetricFrame, width: int) -> Iterator[list[str]]:
    """Cut the tokenizers into runs that fit beside the names."""
    taken, names = 0, list[str]()
    free = width - _name_width(width) - 2 * PADDING
    for name in frame.tokenizers:
        cells = frame.filter(tokenizer=name).frame["value"]
        needed = PADDING + max(len(name), *(len(format_value(value)) for value in cells), 0)
        if names and taken + needed > free:
            yield names
            taken, names = 0, []
        taken, names = taken + needed, [*names, name]
    if names:
        yield names


def _totals(frame: MetricFrame, names: Sequence[str], width: int) -> Table:
    head = frame.headline()
    table = Table(box=None, pad_edge=False, padding=(0, PADDING, 0, 0))
    table.add_column("metric")
    for name in names:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for metric in frame.metrics:
        rows = _rows(head, metric)
        if not rows:
            continue
        first = next(iter(rows.values()))
        about = f"{first['unit']} {arrow(str(first['direction']))}".strip()
        label = Text.assemble(
            _wrapped(metric, _name_width(width)),
            "\n",
            (f"  {about} · {first['aggregation']}", "dim"),
        )
        table.add_row(label, *_values(rows, names))
    return table


def _by_group(part: MetricFrame, names: Sequence[str]) -> Group:
    """Return the groups of a frame of one metric, under its name."""
    first = part.frame.row(0, named=True)
    about = f" {first['unit']} {arrow(first['direction'])}".rstrip()
    title = Text.assemble((first["metric"], "bold"), (about, "dim"))
    table = Table(box=None, pad_edge=False, padding=(0, PADDING, 0, 0))
    table.add_column("group")
    for name in names:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for group in part.frame["group"].unique(maintain_order=True):
        rows = {str(row["tokenizer"]): row for row in part.filter(group=group).frame.iter_rows(named=True)}
        aggregation = str(next(iter(rows.values()))["aggregation"])
        label = Text(group) if group in part.groups else Text(f"{group} ({aggregation})", style="italic")
        table.add_row(label, *_values(rows, names))
    return Group(title, table)


def _rows(frame: MetricFrame, metric: str) -> dict[str, Row]:
    return {str(row["tokenizer"]): row for row in frame.filter(metric=metric).frame.iter_rows(named=True)}


def _values(rows: Mapping[str, Row], names: Sequence[str]) -> list[Text]:
    """Print the values in the order of the names; the best of all tokenizers, shown here or not, is bold."""
    found = {name: value for name, row in rows.items() if isinstance(value := row["value"], float)}
    direction = str(next(iter(rows.values()))["direction"])
    best = _best(found.values(), direction) if len(found) > 1 else None
    return [
        Text(
            format_value(found.get(name)),
            style="bold" if best is not None and found.get(name) == best else "",
        )
        for name in names
    ]


def _best(values: Iterable[float], direction: str) -> float | None:
    if direction == "neither":
        return None
    return max(values) if direction == "higher" else min(values)


def _name_width(width: int) -> int:
    return min(NAME_WIDTH, width // 2)


def _wrapped(metric: str, width: int) -> str:
    """Break a metric's spelling after its commas and brackets, never inside of a word."""
    spaced = metric.replace("(", "( ").replace(",", ", ")
    lines = textwrap.wrap(spaced, width, break_long_words=False, subsequent_indent="  ")
    return "\n".join(line.replace("( ", "(").replace(", ", ",") for line in lines)


def _reasons(frame: MetricFrame) -> list[str]:
    """Name each reason once for each metric, with the tokenizers that it concerns."""
    told: dict[tuple[str, str], list[str]] = {}
    for row in frame.headline().frame.iter_rows(named=True):
        if row["reason"] is not None:
            told.setdefault((row["metric"], row["reason"]), []).append(row["tokenizer"])
    return [f"– {metric}, {', '.join(names)}: {reason}" for (metric, reason), names in told.items()]
