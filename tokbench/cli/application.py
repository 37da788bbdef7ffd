"""The Typer application, and the one place where exceptions become exit statuses."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, TextIO

import typer

from tokbench.cli.console import option_names, spell_options
from tokbench.errors import MeasurementWarning, TokbenchError

app = typer.Typer(
    name="tokbench",
    help="Construct, judge, move and repair tokenizers.\n\nStart with: [bold]tokbench train --corpus sample "
    "--vocab-size 4000 --out my-tokenizer[/bold], then [bold]tokbench eval my-tokenizer --corpus sample[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


INTERRUPTED = 130


def _print_version(wanted: bool) -> None:
    if wanted:
        from tokbench.build import describe_build

        typer.echo(describe_build())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[  # noqa: ARG001,RUF100 - handled by its callback
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print versions, build profile, threads and CPU features, then leave.",
        ),
    ] = False,
) -> None:
    pass


def _register() -> None:
    from tokbench.cli import (
        algorithms,
        canonical,
        corpora,
        count,
        decode,
        encode,
        evaluate,
        extend,
        metrics,
        ngram,
        steps,
        train,
        transplant,
        words,
    )
    from tokbench.cli import bytes as byte_verbs

    for verb in (
        train,
        extend,
        transplant,
        evaluate,
        words,
        encode,
        decode,
        canonical,
        count,
        corpora,
        metrics,
        algorithms,
        byte_verbs,
        steps,
        ngram,
    ):
        verb.register(app)


_register()


def main() -> None:
    """Run the command line; every expected failure is one message and an exit status, every doubt one line."""
    warnings.showwarning = _warn
    try:
        app(prog_name="tokbench")
    except TokbenchError as error:
        _say(f"error: {spell_options(str(error), _options())}")
        sys.exit(1)
    except MemoryError:
        _say("error: out of memory; bound what counting takes with --memory, or raise the limit")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has left (for example `| head`): leave too, without a second complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(f"error: {where}{error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        # Before Typer has put its commands together, nobody else catches Ctrl-C.
        _say("interrupted; nothing was written")
        sys.exit(INTERRUPTED)
    except SystemExit as leaving:
        # Typer turns Ctrl-C into a silent status 130.
        if leaving.code == INTERRUPTED:
            _say("interrupted; nothing was written")
        raise


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print what is doubtful about a measurement in one line; other warnings as Python does."""
    if issubclass(category, MeasurementWarning):
        _say(f"warning: {message}")
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def _options() -> dict[str, str]:
    """Return the options of the verb that was called."""
    verbs = getattr(typer.main.get_command(app), "commands", {})
    return option_names(verbs[sys.argv[1]]) if len(sys.argv) > 1 and sys.argv[1] in verbs else {}


def _say(message: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(message, markup=False)
