"""`tokbench encode`: text in, token ids out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tokbench.cli import parameters
from tokbench.cli.console import print_json

EPILOG = """[bold]Examples[/bold]

echo "Merhaba dünya" | tokbench encode my-tokenizer

tokbench encode cl100k_base.tiktoken text.txt --tokens

tokbench encode my-tokenizer text.txt --method fewest

tokbench encode my-tokenizer text.txt --json | jq '.[0].ids | length'
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("encode", epilog=EPILOG, no_args_is_help=True)(encode)


def encode(
    tokenizer: Annotated[str, typer.Argument(help="A tokenizer directory or file of any supported format.")],
    file: Annotated[Path | None, typer.Argument(help="Text file; standard input when absent or '-'.")] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Encode the input as one document instead of one per line.")
    ] = False,
    tokens: Annotated[bool, typer.Option("--tokens", help="Print the tokens' text beside the ids.")] = False,
    special: Annotated[
        bool, typer.Option("--special", help="Turn text that spells a special token into that token.")
    ] = False,
    pretokenizer: Annotated[
        str | None,
        typer.Option("--pretokenizer", "-p", help="For files that do not name their own (.tiktoken)."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="Encode the same vocabulary by another method: merges, longest, longest_suffix, longest_first, "
            "fewest, unigram; drawn at random: 'dropout(p=0.1,seed=1)', stochastok, fewest_random, unigram_random. "
            "The same as TOKENIZER@METHOD, which every verb understands.",
        ),
    ] = None,
    threads: parameters.Threads = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Encode text to ids, one line of ids per line of text (line ends are not encoded)."""
    from tokbench.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer, pretokenizer=pretokenizer)
    if method is not None:
        loaded = loaded.with_method(method)
    data = sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()
    documents = [data] if whole else data.removesuffix(b"\n").split(b"\n") if data else []
    encoded = loaded.encode_batch(documents, allowed_special="all" if special else (), threads=threads)
    if as_json:
        print_json(
            [
                {"ids": row.tolist(), "tokens": [_readable(loaded.token_bytes(int(token))) for token in row]}
                if tokens
                else {"ids": row.tolist()}
                for row in encoded
            ]
        )
        return
    for row in encoded:
        if tokens:
            cells = [f"{int(token)}:{_readable(loaded.token_bytes(int(token)))}" for token in row]
            sys.stdout.write("\t".join(cells) + "\n")
        else:
            sys.stdout.write(" ".join(map(str, row.tolist())) + "\n")


def _readable(token: bytes) -> str:
    """Return the token's text; bytes that are not UTF-8 and control characters as escapes."""
    text = token.decode("utf-8", errors="backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
