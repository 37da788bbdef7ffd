"""`tokbench steps`: which reversible steps there are and what each one does to the text."""

from __future__ import annotations

from typing import Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.explaining import list_entries, print_about

application = typer.Typer(
    no_args_is_help=True,
    help="List reversible steps before training and encoding; explain one: definition, parameters, source.",
)


def register(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(application, name="steps")


@application.command("list")
def list_steps(as_json: parameters.AsJson = False) -> None:
    """List the steps that 'tokbench train --step' takes."""
    from tokbench.steps import STEPS

    list_entries(STEPS, as_json=as_json)


@application.command("explain", no_args_is_help=True)
def explain(
    name: Annotated[str, typer.Argument(help="A step's name from 'tokbench steps list'.")],
    as_json: parameters.AsJson = False,
) -> None:
    """Explain one step: definition, parameters, source, and what it learns from the corpus."""
    from tokbench.steps import STEPS

    step = STEPS.class_of(name)
    about = step.about
    facts = {
        "name": about.name,
        "summary": about.summary,
        "definition": about.definition,
        "source": about.source,
        "learns": ", ".join(step.learned),
    }
    print_about(facts, STEPS.parameters(name), about.parameters, as_json=as_json)
