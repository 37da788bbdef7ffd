"""`tokbench metrics`: which metrics there are and what each one means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import print_json

if TYPE_CHECKING:
    from tokbench.measurement import Metric

application = typer.Typer(
    no_args_is_help=True, help="List metrics; explain one: formula, unit, direction, source."
)


def register(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(application, name="metrics")


@application.command("list")
def list_metrics(
    family: Annotated[
        str | None, typer.Option("--family", help="Only one family, such as information.")
    ] = None,
    as_json: parameters.AsJson = False,
) -> None:
    """List the metrics that 'tokbench eval --metrics' takes, by family (--metrics family:NAME)."""
    from tokbench.errors import MetricError
    from tokbench.metrics import describe, names
    from tokbench.registry import nearest

    rows = [describe(name) for name in names()]
    known = sorted({row.family for row in rows})
    if family is not None and family not in known:
        raise MetricError(f"no family {family!r}; {nearest(family, known)}families: {', '.join(known)}")
    rows = sorted(
        (row for row in rows if family in (None, row.family)), key=lambda row: (row.family, row.name)
    )
    if as_json:
        print_json([row.as_dict() for row in rows])
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("metric", "unit", "better", "what", box=None, pad_edge=False)
    shown = None
    for row in rows:
        if row.family != shown:
            shown = row.family
            table.add_row(f"[bold underline]{shown}[/]", "", "", "")
        table.add_row(f"[bold]{row.name}[/bold]", row.unit, row.direction, escape(row.summary))
    Console().print(table)


@application.command("explain", no_args_is_help=True)
def explain(
    name: Annotated[str, typer.Argument(help="A metric's name from 'tokbench metrics list'.")],
    as_json: parameters.AsJson = False,
) -> None:
    """Explain one metric: formula, parameters, unit, range, direction, pitfalls, source, how its interval is made."""
    from tokbench.metrics import describe
    from tokbench.metrics import parameters as parameters_of
    from tokbench.plugin import metric_class

    facts: dict[str, object] = dict(describe(name).as_dict())
    made = metric_class(str(facts["name"]))
    about = (made.__doc__ or "").strip().partition("\n")[0]
    rows = {
        parameter: {"type": kind, "default": default}
        for parameter, (kind, default) in parameters_of(name).items()
    }
    facts = {"name": facts.pop("name"), "what": about, **facts, "interval": _interval(made)}
    if as_json:
        print_json({**facts, "parameters": rows})
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for key, value in facts.items():
        if value:
            table.add_row(Text(key, style="bold"), Text(str(value)))
    for parameter, fact in rows.items():
        default = "left to the evaluation" if fact["default"] is None else str(fact["default"])
        table.add_row(Text("parameter", style="bold"), Text(f"{parameter} ({fact['type']}), {default}"))
    Console().print(table)


def _interval(made: type[Metric]) -> str:
    from tokbench.errors import MetricError
    from tokbench.measurement import CorpusMetric, Derived, Setting, VocabMetric

    if issubclass(made, VocabMetric):
        return "bootstrap over the items of gold data where it reads such; none otherwise"
    if issubclass(made, Derived):
        return "computed anew in every resample of what it is derived from"
    setting = Setting(
        languages=("eng",),
        tokenizers=("it",),
        parallel=True,
        word="python_split",
        reference="eng",
        baseline="it",
    )
    try:
        kinds = {
            statistic.kind
            for metric in made().bind(setting).expand()
            if isinstance(metric, CorpusMetric)
            for statistic in metric.statistics()
        }
    except MetricError as refusal:
        return f"depends on its parameters ({refusal})"
    if kinds == {"documents"} and not getattr(made, "reads_documents", False):
        return "paired bootstrap over documents"
    return "delete-a-group jackknife over blocks of documents, on a scale without ends"
