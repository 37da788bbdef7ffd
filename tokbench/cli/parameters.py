"""Command-line parameters that several verbs share, each with one wording."""

from __future__ import annotations

from typing import Annotated

import typer

_CORPUS = typer.Option(
    "--corpus",
    "-c",
    metavar="SPEC",
    help="[bold]sample[/bold] (built in) · CARD=DIR (for example flores200=DIR, see 'tokbench corpora list') · "
    "FILE.toml · LANGUAGE=SOURCE, repeatable. A SOURCE is a file, directory, glob or URI of text, JSONL or "
    "Parquet (also .gz, .zst); SOURCE:FIELD names the JSON field or Parquet column.",
)
Corpus = Annotated[list[str], _CORPUS]
OptionalCorpus = Annotated[list[str] | None, _CORPUS]
Languages = Annotated[
    str | None,
    typer.Option("--languages", metavar="A,B,…", help="Keep only these languages, in this order."),
]
Document = Annotated[
    str | None,
    typer.Option(
        "--document",
        metavar="KIND",
        help="What a document is in plain text: file, line, or separator:TEXT. JSONL and Parquet: always a record.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Threads to use; all cores by default. Never changes a result."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


def split_names(given: str | None) -> list[str] | None:
    """Split ``a,b,c`` into names; None stays None."""
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]


def split_calls(given: str | None) -> list[str] | None:
    """Split ``a,b(x=1,y=2),c`` at the commas outside of parentheses; None stays None."""
    if given is None:
        return None
    parts, depth, start = [], 0, 0
    for position, char in enumerate(given):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(given[start:position])
            start = position + 1
    parts.append(given[start:])
    return [part.strip() for part in parts if part.strip()]
