"""A metric frame as LaTeX for the package booktabs: the best value of a row bold, intervals small below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tokbench.frame_files import format_interval, format_value, mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokbench.frame import MetricFrame

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--",
}  # fmt: skip
_ARROWS = {"higher": "↑", "lower": "↓"}


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it is.

    Example:
        >>> escape("100 % of a_b")
        '100 \\\\% of a\\\\_b'
    """
    return "".join(_ESCAPES.get(character, character) for character in text)


def latex(frame: MetricFrame) -> str:
    """Return a table of the totals, and one of each metric by group where the frame has groups."""
    head = frame.headline().frame
    rows = [
        (f"{metric} {_ARROWS.get(found[0]['direction'], '')}".rstrip(), found)
        for metric in frame.metrics
        if (found := head.filter(pl.col("metric") == metric).to_dicts())
    ]
    level = f"{frame.level:.0%}"
    tables = [
        _table("metric", rows, frame, f"Totals; brackets: {level} intervals; * differs from the baseline.")
    ]
    for metric in frame.metrics:
        part = frame.filter(metric=metric)
        if not part.groups or not part.groupings:
            continue
        shown = part.frame.filter(~pl.col("by").str.starts_with("without "))
        by_group = [
            (f"{by}: {group}" if len(part.groupings) > 1 else group, list(found.to_dicts()))
            for (by, group), found in shown.group_by(["by", "group"], maintain_order=True)
        ]
        first = part.frame.row(0, named=True)
        tables.append(_table("group", by_group, frame, f"{metric}, {first['unit']}."))
    return "\n\n".join(tables) + "\n"


def _table(
    corner: str, rows: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], frame: MetricFrame, caption: str
) -> str:
    names = frame.tokenizers
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(names)}}}",
        r"\toprule",
        " & ".join([corner, *map(escape, names)]) + r" \\",
        r"\midrule",
    ]
    for label, found in rows:
        values = {row["tokenizer"]: row for row in found}
        best = _best(found) if len(names) > 1 else None
        cells = [_cell(values.get(name), best, frame.level) for name in names]
        lines.append(" & ".join([escape(label), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def _best(rows: Sequence[Mapping[str, Any]]) -> float | None:
    values: list[float] = [row["value"] for row in rows if row["value"] is not None]
    direction = rows[0]["direction"]
    if not values or direction == "neither":
        return None
    return max(values) if direction == "higher" else min(values)


def _cell(row: Mapping[str, Any] | None, best: float | None, level: float) -> str:
    if row is None:
        return "--"
    text = escape(format_value(row["value"]))
    if best is not None and row["value"] == best:
        text = rf"\textbf{{{text}}}"
    if mark(row["p_adjusted"], level):
        text += "$^{*}$"
    interval = format_interval(row["low"], row["high"])
    return text + (rf" {{\scriptsize {interval}}}" if interval else "")
