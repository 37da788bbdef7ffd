"""`tokbench metrics`: which metrics there are and what each one means."""

from __future__ import annotations

from typing import Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import print_json

application = typer.Typer(
    no_args_is_help=True, help="List metrics; explain one: formula, unit, direction, source."
)


def register(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(application, name="metrics")


@application.command("list")
def list_metrics(as_json: parameters.AsJson = False) -> None:
    """List the metrics that 'tokbench eval --metrics' takes."""
    from tokbench.metrics import describe, names

    rows = [describe(name) for name in names()]
    if as_json:
        print_json([row.as_dict() for row in rows])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("metric", "unit", "better", "what", box=None, pad_edge=False)
    for row in rows:
        table.add_row(f"[bold]{row.name}[/bold]", row.unit, row.direction, row.summary)
    Console().print(table)


@application.command("explain", no_args_is_help=True)
def explain(
    name: Annotated[str, typer.Argument(help="A metric's name from 'tokbench metrics list'.")],
    as_json: parameters.AsJson = False,
) -> None:
    """Explain one metric: formula, parameters, unit, range, direction, pitfalls, source."""
    from tokbench.metrics import describe

    facts = describe(name).as_dict()
    if as_json:
        print_json(facts)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for key, value in facts.items():
        table.add_row(Text(key, style="bold"), Text(str(value)))
    Console().print(table)
