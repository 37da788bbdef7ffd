"""Registered things (algorithms, steps, methods) for people: their list, the facts of one and its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokbench.cli.console import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table
    from rich.text import Text

    from tokbench.registry import Registry


def print_about(
    facts: Mapping[str, str],
    parameters: Mapping[str, tuple[str, object]],
    meanings: Mapping[str, str],
    *,
    as_json: bool,
) -> None:
    """Print what a registered thing says about itself, and its parameters with type, default and meaning."""
    rows = [
        {"parameter": key, "type": kind, "default": default, "meaning": meanings.get(key, "")}
        for key, (kind, default) in parameters.items()
    ]
    if as_json:
        print_json({**facts, "parameters": rows})
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, show_header=False, pad_edge=False)
    for key, value in facts.items():
        if value:
            shown.add_row(Text(key, style="bold"), Text(value))
    Console().print(shown)
    if rows:
        table = Table("parameter", "type", "default", "meaning", box=None, pad_edge=False)
        for row in rows:
            default = row["default"]
            said = (
                "none" if default is None else str(default).lower() if isinstance(default, bool) else default
            )
            table.add_row(
                Text(str(row["parameter"]), style="bold"),
                Text(str(row["type"])),
                Text(str(said)),
                Text(str(row["meaning"])),
            )
        Console().print()
        Console().print(table)


def list_entries(registry: Registry[Any], *, as_json: bool) -> None:
    """Print names and summaries of all entries."""
    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in _rows(registry)])
        return
    from rich.console import Console

    Console().print(_table(registry, registry.noun))


def print_entries(registry: Registry[Any], title: str, *, more: str) -> None:
    """Print names and summaries at the end of a help text."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    table = _table(registry, Text(title.capitalize(), style="bold"), Text(f"more: {more}", style="dim"))
    Console().print(Padding(table, (0, 1, 1, 1)))


def _rows(registry: Registry[Any]) -> Sequence[tuple[str, str]]:
    return [(name, registry.class_of(name).about.summary) for name in registry.names()]


def _table(registry: Registry[Any], head: str | Text, second: str | Text = "what") -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column(head)
    table.add_column(second)
    for name, summary in _rows(registry):
        table.add_row(Text(name, style="bold"), Text(summary))
    return table
