"""Readings of a prompt's end as a table for a terminal, and as a chart for a page.

The chart is SVG, written here: probabilities of the continuation, one bar for each reading, on a logarithmic axis. A
bar that would end left of the axis is drawn as a mark at its edge; its number stands beside it.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tokbench.bytelm.comparison import EXACT
from tokbench.errors import ParameterError
from tokbench.formats.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tokbench.report.byte_examples import Compared

WIDTH, LEFT, RIGHT = 760, 110, 90
BAR, GAP, HEAD = 16, 4, 52
MOST_DECADES = 12
COLORS = {"naive": "#d98c5f", "healing": "#b9a44c", EXACT: "#3b6ea5"}
FONT = "system-ui, DejaVu Sans, sans-serif"
FIXED = "ui-monospace, DejaVu Sans Mono, monospace"
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
SUFFIXES = (".svg", ".html")


def table(compared: Sequence[Compared]) -> Table:
    """Return one row for each prompt: the continuation under each reading, and what the naive one loses."""
    out = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    out.add_column("prompt ▏continuation")
    for name in _methods(compared):
        out.add_column(name, justify="right")
    out.add_column("exact / naive", justify="right")
    out.add_column("distance", justify="right")
    for one in compared:
        readings, found = one.found.readings, one.found
        shown = Text(visible(one.example.prompt), style="dim")
        shown.append("▏")
        shown.append(visible(one.example.continuation), style="bold")
        title = Text.assemble((one.example.title + "\n", "bold" if one.example.title else ""), shown)
        cells = [Text("\n" + probability(readings[name].probability)) for name in readings]
        out.add_row(
            title, *cells, Text("\n" + times(found.ratio("naive"))), f"\n{found.distance('naive'):.2f}"
        )
    return out


def print_table(compared: Sequence[Compared]) -> None:
    """Print the table and what its columns are; 110 columns wide where the output is no terminal."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=max(110, console.width))
    console.print(table(compared))
    console.print(Text("\n" + explanation(), style="dim"))


def as_dict(one: Compared) -> dict[str, Any]:
    """Return what was found of one prompt as plain values; a ratio that is infinite or not defined is None."""
    found = one.found
    return {
        "title": one.example.title,
        "prompt": _text(one.example.prompt),
        "continuation": _text(one.example.continuation),
        "tokens": [_text(token) for token in found.tokens],
        "readings": {
            name: {
                "probability": reading.probability,
                "bits": reading.bits if math.isfinite(reading.bits) else None,
                "distance": found.distance(name),
                "exact_over_this": found.ratio(name) if math.isfinite(found.ratio(name)) else None,
            }
            for name, reading in found.readings.items()
        },
    }


def explanation() -> str:
    """Say what the columns are."""
    return (
        "Probability of the continuation after the prompt: naive (next token after the encoded prompt), token healing "
        "(the last token taken back), exact (the sum over all valid tokenizations). distance: total variation between "
        "the naive and the exact distribution of the next byte, 0 to 1."
    )


def check_path(path: Path) -> None:
    """Refuse a name that does not say which kind of chart it is.

    Raises:
        ParameterError: for another suffix than ``.svg`` or ``.html``.
    """
    if path.suffix not in SUFFIXES:
        message = f"{path}: a chart is written as {' or '.join(SUFFIXES)}, told by the name's ending"
        raise ParameterError(message)


def write_chart(path: Path, compared: Sequence[Compared]) -> None:
    """Write the chart: ``.svg``, or with the table ``.html``; whole or not at all.

    Raises:
        ParameterError: for another suffix.
        OSError: when it cannot be written.
    """
    check_path(path)
    write_whole(path, (svg(compared) if path.suffix == ".svg" else page(compared)).encode())


def svg(compared: Sequence[Compared]) -> str:
    """Return the chart."""
    methods = _methods(compared)
    decades = _decades(compared)
    block = HEAD + len(methods) * (BAR + GAP) + 14
    bottom = 34 + len(compared) * block
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 46}" width="{WIDTH}" '
        f'height="{bottom + 46}" font-family="{FONT}" font-size="13">'
    )
    parts = [
        opening,
        f'<rect width="{WIDTH}" height="{bottom + 46}" fill="#ffffff"/>',
    ]
    for decade in range(0, decades + 1, 1 if decades <= 6 else 2):
        x = _x(10.0**-decade, decades)
        label = (
            f"{10.0**-decade:g}" if decade < 4 else "10⁻" + "".join(SUPERSCRIPTS[int(d)] for d in str(decade))
        )
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="{bottom}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#666">{label}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle" fill="#333">'
        "probability of the continuation (logarithmic)</text>"
    )
    for at, one in enumerate(compared):
        parts += _block(one, methods, 34 + at * block, decades)
    return "\n".join([*parts, "</svg>"]) + "\n"


def page(compared: Sequence[Compared]) -> str:
    """Return one self-contained page: the chart, and its numbers as a table."""
    methods = _methods(compared)
    columns = ["prompt", "continuation", *methods, "exact / naive", "distance"]
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    rows = []
    for one in compared:
        numbers = [probability(one.found.readings[name].probability) for name in methods]
        numbers += [times(one.found.ratio("naive")), f"{one.found.distance('naive'):.2f}"]
        texts = [visible(one.example.prompt), visible(one.example.continuation)]
        cells = "".join(f"<td><code>{escape(text)}</code></td>" for text in texts)
        cells += "".join(f'<td class="number">{number}</td>' for number in numbers)
        rows.append(f"<tr>{cells}</tr>")
    style = (
        "body{font-family:system-ui,sans-serif;max-width:860px;margin:2em auto;color:#222}"
        "table{border-collapse:collapse}"
        "td,th{padding:.3em .7em;text-align:left;border-bottom:1px solid #e4e4e4}.number{text-align:right}"
        "code{white-space:pre-wrap}"
    )
    title = "The end of a prompt: naive and exact next bytes"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>\n'
        f"<h1>{title}</h1>\n<p>{escape(explanation())}</p>\n{svg(compared)}<table><tr>{head}</tr>\n"
        + "\n".join(rows)
        + "\n</table></html>\n"
    )


def visible(text: str | bytes) -> str:
    """Show white space that would not be seen: spaces at the ends as ␣, line breaks and tabs by their escapes.

    Example:
        >>> visible("a b ")
        'a b␣'
    """
    text = _text(text).replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" "))
    after = len(text) - len(inner) - before if inner else 0
    return "␣" * before + inner + "␣" * after


def probability(value: float) -> str:
    """Show a probability with three digits.

    Example:
        >>> probability(0.25), probability(1.25e-05)
        ('0.250', '1.25e-05')
    """
    return f"{value:.3f}" if value >= 0.0995 or value == 0 else f"{value:.3g}"


def times(ratio: float) -> str:
    """Show how often one probability holds another.

    Example:
        >>> times(3.456), times(1234.5), times(float("inf"))
        ('3.5 ×', '1,234 ×', '∞')
    """
    if math.isnan(ratio):
        return "not defined"
    if math.isinf(ratio):
        return "∞"
    return f"{ratio:,.1f} ×" if ratio < 100 else f"{ratio:,.0f} ×"


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode(errors="backslashreplace")


def _methods(compared: Sequence[Compared]) -> list[str]:
    return list(compared[0].found.readings) if compared else []


def _decades(compared: Sequence[Compared]) -> int:
    """Return how many powers of ten the axis spans, so that every probability above its end lies on it."""
    values = [reading.probability for one in compared for reading in one.found.readings.values()]
    smallest = min((value for value in values if value > 0), default=1.0)
    return min(max(3, math.ceil(-math.log10(smallest))), MOST_DECADES)


def _x(value: float, decades: int) -> float:
    """Return where a probability lies on the axis; what is smaller than its end lies there."""
    share = 1 + math.log10(value) / decades if value > 0 else 0.0
    return LEFT + max(share, 0.0) * (WIDTH - LEFT - RIGHT)


def _block(one: Compared, methods: Sequence[str], top: float, decades: int) -> list[str]:
    prompt = visible(one.example.prompt)
    shown = prompt if len(prompt) <= 60 else "…" + prompt[-59:]
    after = escape(visible(one.example.continuation))
    text = (
        f'<text x="12" y="{top + 38}" font-family="{FIXED}" fill="#666" xml:space="preserve">{escape(shown)}'
        f'<tspan fill="#b00020">▏</tspan><tspan fill="#222" font-weight="600">{after}</tspan></text>'
    )
    parts = [
        f'<text x="12" y="{top + 18}" font-weight="600" fill="#222">{escape(one.example.title)}</text>',
        text,
    ]
    for at, name in enumerate(methods):
        y, value = top + HEAD + at * (BAR + GAP), one.found.readings[name].probability
        end = max(_x(value, decades), LEFT + 2.0)
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 12.5}" text-anchor="end" fill="#333">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" fill="{COLORS.get(name, "#888")}"/>',
            f'<text x="{end + 6:.1f}" y="{y + 12.5}" fill="#333">{probability(value)}</text>',
        ]
    return parts
