"""`tokbench algorithms`: which training algorithms there are and what each one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

application = typer.Typer(
    no_args_is_help=True,
    help="List training algorithms; explain one: definition, parameters, source, export.",
)


def register(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(application, name="algorithms")


@application.command("list")
def list_algorithms(as_json: parameters.AsJson = False) -> None:
    """List the algorithms that 'tokbench train --algorithm' takes."""
    from tokbench.algorithm import describe, names

    rows = [describe(name) for name in names()]
    if as_json:
        print_json([{"name": row.name, "summary": row.summary} for row in rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("algorithm", "what", box=None, pad_edge=False)
    for row in rows:
        table.add_row(Text(row.name, style="bold"), Text(row.summary))
    Console().print(table)


@application.command("explain", no_args_is_help=True)
def explain(
    name: Annotated[str, typer.Argument(help="An algorithm's name from 'tokbench algorithms list'.")],
    as_json: parameters.AsJson = False,
) -> None:
    """Explain one algorithm: definition, parameters, source, what can be exported."""
    from tokbench.algorithm import ALGORITHMS, describe

    about = describe(name)
    print_about(about.as_dict(), ALGORITHMS.parameters(name), about.parameters, as_json=as_json)


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

    lines = Table(box=None, show_header=False, pad_edge=False)
    for key, value in facts.items():
        if value:
            lines.add_row(Text(key, style="bold"), Text(value))
    Console().print(lines)
    if rows:
        table = Table("parameter", "type", "default", "meaning", box=None, pad_edge=False)
        for row in rows:
            default = row["default"]
            shown = (
                "none" if default is None else str(default).lower() if isinstance(default, bool) else default
            )
            table.add_row(
                Text(str(row["parameter"]), style="bold"),
                Text(str(row["type"])),
                Text(str(shown)),
                Text(str(row["meaning"])),
            )
        Console().print()
        Console().print(table)
