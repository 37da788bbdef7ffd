"""`tokbench ngram`: n-gram models of tokens, and tokenizers compared through them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json

if TYPE_CHECKING:
    from tokbench.corpus import Corpus

application = typer.Typer(
    no_args_is_help=True,
    help="Models of tokens by n-grams: train one, score text with it, compare tokenizers by bits per byte.",
)

EPILOG = """[bold]Examples[/bold]

tokbench ngram train my-tokenizer --corpus sample --order 3 --out my.ngram

tokbench ngram score my.ngram --tokenizer my-tokenizer --corpus eng=held-out.txt

tokbench ngram compare cl100k_base.tiktoken my-tokenizer --corpus eng=train.txt --held-out eng=held-out.txt

tokbench bytes next "the ca" --model ngram:my.ngram --tokenizer my-tokenizer
"""

Order = Annotated[int, typer.Option("--order", "-n", min=1, max=16, help="Length of the longest n-grams.")]
Pretokenizer = Annotated[
    str | None, typer.Option("--pretokenizer", "-p", help="For tokenizer files that do not name their own.")
]


def register(app: typer.Typer) -> None:
    """Add the group of verbs."""
    app.add_typer(application, name="ngram")


@application.command("train", epilog=EPILOG, no_args_is_help=True)
def train(
    tokenizer: Annotated[str, typer.Argument(help="A tokenizer directory or file of any supported format.")],
    corpus: parameters.Corpus,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write.")],
    order: Order = 3,
    pretokenizer: Pretokenizer = None,
    languages: parameters.Languages = None,
    document: parameters.Document = None,
) -> None:
    """Train a model (interpolated modified Kneser-Ney) on what a tokenizer makes of a corpus."""
    from tokbench.bytelm.ngram import train_ngram
    from tokbench.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer, pretokenizer=pretokenizer)
    model = train_ngram(_open(corpus, languages, document), loaded, order=order)
    model.save(out)
    starts = model.counts.levels
    sizes = ", ".join(f"{end - start:,}" for start, end in pairwise(starts))
    note(
        f"{model.n_tokens:,} tokens of {model.n_documents:,} documents; nodes of orders 1 to {order}: {sizes}"
    )
    if model.counts.fallen_back:
        orders = ", ".join(map(str, model.counts.fallen_back))
        note(f"discounts 0.5, 1, 1.5 for order {orders}: its counts of counts define none")
    note(f"wrote {out}")


@application.command("score", epilog=EPILOG, no_args_is_help=True)
def score(
    model: Annotated[Path, typer.Argument(help="A file that 'tokbench ngram train' wrote.")],
    corpus: parameters.Corpus,
    tokenizer: Annotated[str, typer.Option("--tokenizer", "-t", help="The tokenizer it was trained with.")],
    pretokenizer: Pretokenizer = None,
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Bits per byte of a corpus under a model, each language by itself; ends of documents are predicted too."""
    from tokbench.bytelm.ngram import NgramLM
    from tokbench.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer, pretokenizer=pretokenizer)
    trained = NgramLM.load(model)
    text = _open(corpus, languages, document)
    rows = []
    for language in text.languages:
        found = trained.score(text.select([language]), loaded)
        rows.append(
            {
                "language": language,
                "bits_per_byte": found.bits_per_byte,
                "perplexity": found.perplexity,
                "tokens": found.n_tokens,
                "bytes": found.n_bytes,
                "documents": found.n_documents,
            }
        )
    _show(rows, as_json=as_json)


@application.command("compare", epilog=EPILOG, no_args_is_help=True)
def compare(
    tokenizers: Annotated[list[str], typer.Argument(help="Tokenizers, each a path or NAME=PATH.")],
    corpus: parameters.Corpus,
    held_out: Annotated[
        list[str],
        typer.Option("--held-out", metavar="SPEC", help="Text to score, not part of --corpus; as --corpus."),
    ],
    order: Order = 3,
    pretokenizer: Pretokenizer = None,
    languages: parameters.Languages = None,
    document: parameters.Document = None,
    as_json: parameters.AsJson = False,
) -> None:
    """Train a model of the same order for each tokenizer on one corpus; bits per byte of held-out text."""
    from tokbench.bytelm.ngram import train_ngram
    from tokbench.cli.loading import load_tokenizers

    named = load_tokenizers(tokenizers, pretokenizer=pretokenizer)
    text, new = _open(corpus, languages, document), _open(held_out, languages, document)
    rows = []
    for name, loaded in named.items():
        model = train_ngram(text, loaded, order=order)
        found = model.score(new, loaded)
        rows.append(
            {
                "tokenizer": name,
                "order": order,
                "bits_per_byte": found.bits_per_byte,
                "perplexity": found.perplexity,
                "tokens": found.n_tokens,
                "bytes": found.n_bytes,
                "ngrams": model.counts.levels[-1] - model.counts.levels[1] if order > 1 else model.vocab_size,
            }
        )
    _show(rows, as_json=as_json)


def _open(specs: list[str], languages: str | None, document: str | None) -> Corpus:
    from tokbench.corpora import open_corpus

    return open_corpus(specs, languages=parameters.split_names(languages), document=document)


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for at, name in enumerate(rows[0] if rows else ()):
        table.add_column(name.replace("_", " "), justify="right" if at else "left")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return "not defined"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
