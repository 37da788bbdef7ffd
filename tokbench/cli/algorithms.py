"""`tokbench algorithms`: which training algorithms there are and what each one does."""

from __future__ import annotations

from typing import Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.explaining import list_entries, print_about

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
    from tokbench.algorithm import ALGORITHMS

    list_entries(ALGORITHMS, as_json=as_json)


@application.command("explain", no_args_is_help=True)
def explain(
    name: Annotated[str, typer.Argument(help="An algorithm's name from 'tokbench algorithms list'.")],
    as_json: parameters.AsJson = False,
) -> None:
    """Explain one algorithm: definition, parameters, source, what can be exported."""
    from tokbench.algorithm import ALGORITHMS

    algorithm = ALGORITHMS.class_of(name)
    facts = algorithm.about.as_dict() | algorithm.abilities()
    print_about(facts, ALGORITHMS.parameters(name), algorithm.about.parameters, as_json=as_json)
