"""`tokbench corpora`: what corpora are known, how to get them, what a given one holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import print_json

application = typer.Typer(no_args_is_help=True, help="List and explain corpora; look into one.")


def register(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(application, name="corpora")


@application.command("list")
def list_corpora(as_json: parameters.AsJson = False) -> None:
    """List the corpora that tokbench knows how to open."""
    from tokbench.corpora import card, names

    cards = [card(name) for name in names()]
    if as_json:
        print_json([asdict(which) for which in cards])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what", "languages", "parallel", "licence", box=None, pad_edge=False)
    for which in cards:
        table.add_row(
            f"[bold]{which.name}[/bold]",
            which.title,
            which.languages,
            "yes" if which.parallel else "no",
            which.licence,
        )
    Console().print(table)


@application.command("show", no_args_is_help=True)
def show(
    name: Annotated[str, typer.Argument(help="A name from 'tokbench corpora list'.")],
    as_json: parameters.AsJson = False,
) -> None:
    """Show one card: what it is, where it is obtained, licence, languages, layout."""
    from tokbench.corpora import card

    facts = asdict(card(name))
    if as_json:
        print_json(facts)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for key, value in facts.items():
        if value != "":
            table.add_row(f"[bold]{key}[/bold]", str(value).replace("[", "\\["))
    Console().print(table)


@application.command("check", no_args_is_help=True)
def check(
    corpus: Annotated[list[str], typer.Argument(metavar="SPEC...", help="As --corpus elsewhere.")],
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    parallel: Annotated[
        bool, typer.Option("--parallel", help="Require the same number of documents in every language.")
    ] = False,
    as_json: parameters.AsJson = False,
) -> None:
    """Read a whole corpus once: documents and bytes per language, the fingerprint; errors name the place."""
    from tokbench.corpora import open_corpus

    opened = open_corpus(
        corpus, languages=parameters.split_names(languages), document=document, parallel=parallel or None
    )
    sizes = {language: (opened.sizes[language], opened.n_bytes[language]) for language in opened.languages}
    facts = {
        "name": opened.name,
        "parallel": opened.parallel,
        "fingerprint": opened.fingerprint,
        "languages": {language: {"documents": size[0], "bytes": size[1]} for language, size in sizes.items()},
    }
    if as_json:
        print_json(facts)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("language", "documents", "bytes", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for language, (documents, n_bytes) in sizes.items():
        table.add_row(language, f"{documents:,}", f"{n_bytes:,}")
    Console().print(table)
    Console().print(f"fingerprint {opened.fingerprint}", highlight=False)
