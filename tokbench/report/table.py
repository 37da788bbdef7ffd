"""A metric frame as tables for a terminal: metrics down, tokenizers across.

Metrics have long names and few tokenizers are compared at once, so metrics are the rows. Where the tokenizers do
not fit into the width, they go into several tables; no column is cut.
"""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from tokbench.frame import ALL, WITHOUT
from tokbench.frame_files import arrow, format_interval, format_value, mark

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
            if part.groups and part.groupings:
                parts += [Text(""), *(_by_group(part, names) for names in _columns(frame, width))]
    undefined = _reasons(frame)
    note = _certainty(frame)
    if note:
        parts += [Text(""), Text(note, style="dim")]
    if undefined:
        parts += [Text(""), *(Text(line, style="dim") for line in undefined)]
    return Group(*parts)


def print_frame(frame: MetricFrame, *, per_group: bool = False, console: Console | None = None) -> None:
    """Print the tables to the terminal, or to a file or pipe in 100 columns."""
    shown = console if console is not None else Console()
    if console is None and not shown.is_terminal:
        shown = Console(width=100)
    shown.print(render(frame, per_group=per_group, width=shown.width))


def _certainty(frame: MetricFrame) -> str:
    """Say in one line what the brackets and stars are."""
    made = frame.provenance.get("intervals")
    if not isinstance(made, dict):
        return ""
    text = f"[…] {made['level']:.0%} intervals, {made['method']}, {made['replicates']:,} resamples of the documents"
    if made["baseline"] is not None:
        text += f"; * differs from {made['baseline']} (corrected p < {1 - made['level']:.2g})"
    return text


def print_influence(frame: MetricFrame, *, console: Console | None = None) -> None:
    """Print, for each mean and derived value, the group that moves it most when it is left out."""
    shown = console if console is not None else Console(width=None if sys.stdout.isatty() else 100)
    table = Table(box=None, pad_edge=False, padding=(0, PADDING, 0, 0))
    for name in ("metric", "tokenizer", "value", "without", "becomes", "change"):
        table.add_column(name, justify="left" if name in ("metric", "tokenizer", "without") else "right")
    for row in (
        frame.influence()
        .group_by(["metric", "by", "tokenizer"], maintain_order=True)
        .head(3)
        .iter_rows(named=True)
    ):
        table.add_row(
            Text(_wrapped(row["metric"], NAME_WIDTH)), row["tokenizer"], format_value(row["value"]), row["group"],
            format_value(row["without"]), f"{row['change']:+.3g}",
        )  # fmt: skip
    shown.print(Text("\nThe group that moves a mean or derived value most", style="bold"), table)


def print_ranking(frame: MetricFrame, *, console: Console | None = None) -> None:
    """Print the order of the tokenizers by each metric, and which two metrics agree least."""
    from tokbench.uncertainty.ranking import agreement, rankings

    shown = console if console is not None else Console(width=None if sys.stdout.isatty() else 100)
    order = Table("metric", "order, best first", box=None, pad_edge=False, padding=(0, PADDING, 0, 0))
    for row in rankings(frame).iter_rows(named=True):
        order.add_row(
            Text(_wrapped(f"{row['metric']} · {_of(row['by'], row['group'])}", NAME_WIDTH)), row["order"]
        )
    pairs = Table(box=None, pad_edge=False, padding=(0, PADDING, 0, 0))
    for name in ("metric", "and", "Kendall τ", "Spearman ρ"):
        pairs.add_column(name, justify="right" if name[0].isupper() else "left")
    found = agreement(frame)
    for row in found.head(10).iter_rows(named=True):
        pairs.add_row(
            Text(_wrapped(f"{row['metric']} · {_of(row['by'], row['group'])}", NAME_WIDTH // 2)),
            Text(_wrapped(f"{row['other_metric']} · {_of(row['other_by'], row['other_group'])}", NAME_WIDTH // 2)),
            format_value(row["kendall"]), format_value(row["spearman"]),
        )  # fmt: skip
    shown.print(Text("\nOrder of the tokenizers", style="bold"), order)
    shown.print(Text(f"\nLeast agreement, of {len(found)} pairs", style="bold"), pairs)


def _of(by: str, group: str) -> str:
    return group if by in (ALL, "language") else f"{group} over {by}"


def _columns(frame: MetricFrame, width: int) -> Iterator[list[str]]:
    """Cut the tokenizers into runs that fit beside the names."""
    taken, names = 0, list[str]()
    free = width - _name_width(width) - 2 * PADDING
    for name in frame.tokenizers:
        cells = [_cell(row, frame.level) for row in frame.filter(tokenizer=name).frame.iter_rows(named=True)]
        needed = PADDING + max(
            len(name), *(len(line) for cell in cells for line in cell.plain.split("\n")), 0
        )
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
        table.add_row(label, *_values(rows, names, frame.level))
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
    shown = None
    several = len(part.groupings) > 1
    places = (
        part.frame.filter(~pl.col("by").str.starts_with(WITHOUT))
        .select("by", "group")
        .unique(maintain_order=True)
    )
    for by, group in places.sort(pl.col("by") == ALL, descending=True, maintain_order=True).rows():
        if several and by not in (shown, ALL):
            shown = by
            table.add_row(Text(by, style="underline"), *("" for _ in names))
        found = part.filter(group=group, by=by).frame
        rows = {str(row["tokenizer"]): row for row in found.iter_rows(named=True)}
        aggregation = str(next(iter(rows.values()))["aggregation"])
        label = Text(group) if group in part.groups else Text(f"{group} ({aggregation})", style="italic")
        table.add_row(label, *_values(rows, names, part.level))
    return Group(title, table)


def _rows(frame: MetricFrame, metric: str) -> dict[str, Row]:
    return {str(row["tokenizer"]): row for row in frame.filter(metric=metric).frame.iter_rows(named=True)}


def _values(rows: Mapping[str, Row], names: Sequence[str], level: float) -> list[Text]:
    """Print the values in the order of the names; the best of all tokenizers, shown here or not, is bold."""
    found = {name: value for name, row in rows.items() if isinstance(value := row["value"], float)}
    direction = str(next(iter(rows.values()))["direction"])
    best = _best(found.values(), direction) if len(found) > 1 else None
    return [_cell(rows.get(name), level, bold=best is not None and found.get(name) == best) for name in names]


def _cell(row: Mapping[str, Any] | None, level: float, *, bold: bool = False) -> Text:
    """Print a value, * where it differs from the baseline for certain, and its interval below it."""
    if row is None:
        return Text("–")
    text = Text(format_value(row["value"]), style="bold" if bold else "")
    text.append(mark(row["p_adjusted"], level))
    interval = format_interval(row["low"], row["high"])
    return Text.assemble(text, "\n", (interval, "dim not bold")) if interval else text


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
