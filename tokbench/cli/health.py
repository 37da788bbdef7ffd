"""`tokbench eval --health`: sixteen checks of each tokenizer, no corpus needed.

Exit status: 0 all pass or do not apply; 1 a warning; 2 a failure; 3 something could not be decided, a tokenizer could
not be read or there is no such check. Of several the most serious: 2, then 1, then 3.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tokbench.cli.console import note, print_json
from tokbench.cli.loading import load_tokenizers
from tokbench.errors import TokbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.metrics.health import Health

STYLE = {
    "pass": "green",
    "warn": "yellow",
    "fail": "bold red",
    "not_applicable": "dim",
    "unverifiable": "magenta",
}
UNREADABLE = 3


def show_health(
    tokenizers: Sequence[str], *, pretokenizer: str | None, only: str | None, as_json: bool
) -> int:
    """Check, print a table or JSON, and return the exit status."""
    from tokbench.metrics.health import health

    wanted = None if only is None else [name for name in only.split(",") if name.strip()]
    reports = {}
    try:
        for name, tokenizer in load_tokenizers(tokenizers, pretokenizer=pretokenizer).items():
            note(f"checking {name}")
            reports[name] = health(tokenizer, only=wanted)
    except TokbenchError as error:
        # Not 1, which is a warning about a tokenizer here.
        note(f"error: {error}")
        return UNREADABLE
    if as_json:
        rows: list[dict[str, Any]] = [
            {**report.as_dict(), "tokenizer": name} for name, report in reports.items()
        ]
        print_json(rows)
    else:
        _print_table(reports)
    codes = {report.exit_code for report in reports.values()}
    return next((code for code in (2, 1, 3) if code in codes), 0)


def _print_table(reports: dict[str, Health]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout)
    for name, report in reports.items():
        table = Table(
            "check", "verdict", "what was seen", title=name, title_justify="left", box=None, pad_edge=False
        )
        for finding in report.findings:
            verdict = Text(finding.status.replace("_", " "), style=STYLE[finding.status])
            table.add_row(f"{finding.check} {finding.title}", verdict, Text(finding.message))
        console.print(table)
        console.print()
