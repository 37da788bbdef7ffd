"""A planned transplantation and a validation as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tokbench.frame import ALL
from tokbench.frame_files import arrow, format_value

if TYPE_CHECKING:
    from tokbench.frame import MetricFrame
    from tokbench.transplant.inspection import Inspection
    from tokbench.transplant.transplantation import Transplantation

EXAMPLES = 8

MEANING = {
    "exact": "one old token has the same bytes: copied",
    "byte_fallback": "a byte on one side is a byte-fallback token on the other: copied",
    "special": "an old special token plays the role, or has the text: copied",
    "mapped": "the user says which old token it is: copied",
    "ambiguous": "several old tokens have the bytes, or the space of a word is open: the preferred one is copied",
    "combined": "a combination of old rows",
    "dense": "drawn or computed, no combination of old rows",
    "hole": "an id without a token: the mean row",
    "padding": "the mean row",
}


def print_plan(planned: Transplantation, console: Console | None = None) -> None:
    """Print how many rows of each matrix are of which class, and examples of tokens that are not copied."""
    shown = console if console is not None else Console()
    frame = planned.frame()
    table = Table(box=None, pad_edge=False)
    table.add_column("rows")
    for name in planned.plans:
        table.add_column(f"{name}: {planned.labels[name]}", justify="right")
    table.add_column("what")
    for each, meaning in MEANING.items():
        cells = [frame.value(f"rows(matrix={name},class={each})") or 0.0 for name in planned.plans]
        if any(cells):
            table.add_row(
                Text(each, style="bold"), *(f"{int(cell):,}" for cell in cells), Text(meaning, style="dim")
            )
    for metric, meaning in (
        ("copied", "share of the tokens"),
        ("residual", "mean ‖residual‖ / ‖row of the donor‖"),
    ):
        values = [frame.value(f"{metric}(matrix={name})") for name in planned.plans]
        if any(value is not None for value in values):
            told = (format_value(value) for value in values)
            table.add_row(Text(metric, style="bold"), *told, Text(meaning, style="dim"))
    shown.print(table)
    unmatched = planned.match.unmatched
    if len(unmatched):
        picked = unmatched[:: max(1, len(unmatched) // EXAMPLES)][:EXAMPLES].tolist()
        texts = " ".join(repr(planned.match.new.texts[i].decode(errors="backslashreplace")) for i in picked)
        shown.print(Text(f"not copied, for example: {texts}", style="dim"))


def print_validation(frame: MetricFrame, console: Console | None = None, *, rows: str = "tokens") -> None:
    """Print a table for each metric: a row for each class of tokens (or language), a column for each method (or model).

    Intervals stand behind the values.
    """
    shown = console if console is not None else Console()
    for metric in frame.metrics:
        part = frame.filter(metric=metric)
        lines = part.frame.to_dicts()
        table = Table(
            title=f"{metric} {arrow(lines[0]['direction'])}", title_justify="left", box=None, pad_edge=False
        )
        table.add_column(rows)
        table.add_column("n", justify="right")
        for name in part.tokenizers:
            table.add_column(name, justify="right")
        cells = {(row["group"], row["tokenizer"]): row for row in lines}
        for group in [ALL, *part.groups]:
            n = max(int(cells[group, name]["n"]) for name in part.tokenizers)
            table.add_row(
                Text(group, style="bold" if group == ALL else ""),
                f"{n:,}",
                *(_cell(cells[group, name]) for name in part.tokenizers),
            )
        shown.print(table)
        shown.print()


def print_inspection(found: Inspection, console: Console | None = None) -> None:
    """Print the matrices with a row for each token, the tokenizer, and why they were chosen."""
    shown = console if console is not None else Console()
    table = Table("role", "tensor", "type", "rows × width", "file", box=None, pad_edge=False)
    for each in found.tensors:
        shape = " × ".join(f"{size:,}" for size in each.shape)
        table.add_row(Text(each.role, style="bold"), Text(each.name), each.dtype, shape, Text(each.file))
    shown.print(table)
    tied = {True: "tied", False: "not tied", None: "not known"}[found.tied]
    facts = {"architecture": found.architecture, "embedding and head": tied, **found.tokenizer}
    shown.print()
    for name, value in facts.items():
        if value is not None:
            said = f"{value:,}" if isinstance(value, int) and name not in ("bos_id", "eos_id") else str(value)
            shown.print(Text.assemble((f"{name}: ", "bold"), said))
    for note in found.notes:
        shown.print(Text(note, style="dim"))


def _cell(row: dict[str, object]) -> str:
    if row["value"] is None:
        return "–"
    value = f"{row['value']:.3f}"
    return value if row["low"] is None else f"{value} ({row['low']:.3f} … {row['high']:.3f})"
