"""`tokbench decode`: token ids in, text out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tokbench.errors import ParameterError

EPILOG = """[bold]Examples[/bold]

echo "Merhaba dünya" | tokbench encode my-tokenizer | tokbench decode my-tokenizer
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("decode", epilog=EPILOG, no_args_is_help=True)(decode)


def decode(
    tokenizer: Annotated[str, typer.Argument(help="A tokenizer directory or file of any supported format.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="Lines of ids separated by spaces; standard input when absent or '-'."),
    ] = None,
    pretokenizer: Annotated[
        str | None,
        typer.Option("--pretokenizer", "-p", help="For files that do not name their own (.tiktoken)."),
    ] = None,
) -> None:
    """Decode lines of ids to lines of bytes, exactly as they were encoded."""
    from tokbench.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer, pretokenizer=pretokenizer)
    text = sys.stdin.read() if file is None or str(file) == "-" else file.read_text(encoding="utf-8")
    decoded: list[bytes] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for word in line.split():
            if not (word.isascii() and word.isdigit()):
                where = "standard input" if file is None else str(file)
                raise ParameterError(f"{where}: line {number}: {word!r} is not a token id")
        decoded.append(loaded.decode([int(word) for word in line.split()]) + b"\n")
    sys.stdout.buffer.write(b"".join(decoded))
