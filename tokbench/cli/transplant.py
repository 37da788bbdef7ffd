"""`tokbench transplant`: a model with another tokenizer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokbench.cli import parameters
from tokbench.cli.console import note, print_json, progress_bar
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from tokbench.transplant.transplantation import Transplantation

EPILOG = """[bold]Examples[/bold]

tokbench transplant llama/ --donor qwen/ --out llama-qwen

tokbench transplant llama/ --tokenizer mine/ --head-method "subword(pieces=first_last)" --out llama-mine

tokbench transplant llama/ --donor qwen/ --dry-run

tokbench transplant llama/ --donor qwen/ --validate "omp(k=64),omp(k=16),subword,mean"

tokbench transplant llama/ --donor qwen/ --out llama-qwen --bpb 'tur=held-out.txt'

tokbench transplant llama.gguf --inspect

tokbench transplant llama/ --extend 8k --corpus 'tur=tr/*.txt.zst' --out llama-tur

tokbench transplant llama/ --prune --corpus 'deu=de/*.txt' --out llama-deu

tokbench transplant llama-tuned/ --repeat llama-qwen/ --out tuned-qwen

tokbench transplant llama-qwen/ --audit

tokbench transplant llama-qwen/ --reverse --out llama-again

Rows of tokens that both vocabularies have are copied bit by bit; --method plans the others. 'tokbench transplant
--methods' lists the methods, '--explain NAME' says what one does.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("transplant", epilog=EPILOG, no_args_is_help=True)(transplant)


def transplant(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL_DIR", help="Directory with safetensors, config.json and tokenizer."),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", "-t", help="The new tokenizer, of any format; the donor's by default."),
    ] = None,
    donor: Annotated[
        Path | None,
        typer.Option(
            "--donor",
            metavar="DIR",
            help="A model that has the new tokenizer, to compare with.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Directory to make.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method", "-m", help="How new rows are planned; omp(k=64) with --donor, subword without."
        ),
    ] = None,
    head_method: Annotated[
        str | None,
        typer.Option("--head-method", help="The same for the head, where it is a matrix of its own."),
    ] = None,
    fallback: Annotated[
        str, typer.Option("--fallback", help="Plans what the method cannot; what is left becomes the mean.")
    ] = "subword",
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="NEW=OLD", help="This new token is that old one (text, or id:N); repeatable."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and write nothing.")] = False,
    validate: Annotated[
        str | None,
        typer.Option(
            "--validate",
            metavar="METHODS",
            help="Hide shared tokens and compare methods on them.",
        ),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=2, help="Tokens that --validate hides.")] = 1000,
    extend: Annotated[
        str | None,
        typer.Option(
            "--extend",
            metavar="N",
            help="New tokenizer: the model's and N tokens more, of --corpus.",
        ),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="New tokenizer: the model's without what --corpus does not need."),
    ] = False,
    min_count: Annotated[
        int, typer.Option("--min-count", min=1, help="With --prune: keep tokens used so often.")
    ] = 1,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="TOKEN",
            help="With --prune: keep this token (text, or id:N) whatever the corpus uses; repeatable.",
        ),
    ] = None,
    corpus: parameters.OptionalCorpus = None,
    languages: parameters.Languages = None,
    pad_to: Annotated[
        int | None, typer.Option("--pad-to", min=1, help="Pad rows to a multiple; as the model's by default.")
    ] = None,
    untie: Annotated[bool, typer.Option("--untie", help="Give a tied model a head of its own.")] = False,
    calibrate: Annotated[
        str,
        typer.Option("--calibrate", help="Planned rows as loud as copied ones: norm, mean or both."),
    ] = "none",
    chat_template: Annotated[
        str, typer.Option("--chat-template", help="Of the new tokenizer (donor), of the model, or none.")
    ] = "donor",
    allow_faulty: Annotated[
        bool, typer.Option("--allow-faulty", "--allow-zero", help="Accept zero and infinite rows.")
    ] = False,
    keep_dropped: Annotated[
        bool,
        typer.Option(
            "--keep-dropped/--no-keep-dropped",
            help="Keep the old rows that --reverse needs.",
        ),
    ] = True,
    embedding: Annotated[str | None, typer.Option("--embedding", help="The embedding's tensor.")] = None,
    head: Annotated[str | None, typer.Option("--head", help="The head's tensor.")] = None,
    old_tokenizer: Annotated[
        Path | None, typer.Option("--old-tokenizer", help="The model's tokenizer, where MODEL_DIR has none.")
    ] = None,
    repeat: Annotated[
        Path | None,
        typer.Option(
            "--repeat", metavar="MANIFEST", help="Do what this manifest tells, without planning anew."
        ),
    ] = None,
    audit: Annotated[bool, typer.Option("--audit", help="Check MODEL_DIR against its manifest.")] = False,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Give MODEL_DIR its old tokenizer back.")
    ] = False,
    inspect: Annotated[
        bool,
        typer.Option(
            "--inspect", help="Show the matrices with a row for each token; MODEL_DIR may be a .gguf file."
        ),
    ] = False,
    bpb: Annotated[
        list[str] | None,
        typer.Option(
            "--bpb",
            metavar="SPEC",
            help="Bits per byte of this text (as --corpus) before and after; of MODEL_DIR alone without --out.",
        ),
    ] = None,
    runner: Annotated[
        str,
        typer.Option(
            "--runner",
            metavar="NAME",
            help="What runs the models for --bpb: transformers, FILE.py:FUNCTION or MODULE:FUNCTION.",
        ),
    ] = "transformers",
    methods: Annotated[bool, typer.Option("--methods", help="List the methods.")] = False,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="METHOD", help="Formula, parameters, source of a method."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of every random draw.")] = 0,
    threads: parameters.Threads = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy unchanged files instead of hard-linking them.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing directory.")] = False,
    as_json: parameters.AsJson = False,
) -> None:
    """Give a model another tokenizer: exactly where both have a token, by the chosen method elsewhere."""
    from tokbench.transplant import going_back
    from tokbench.transplant.running import find_runner
    from tokbench.transplant.transplantation import transplant as plan

    if methods or explain is not None:
        _show_methods(explain, as_json=as_json)
        return
    if model is None:
        raise ParameterError("give MODEL_DIR")
    if audit:
        _audit(going_back.audit(model), as_json=as_json)
        return
    if inspect:
        _inspect(model, as_json=as_json)
        return
    if keep and not prune:
        raise ParameterError("--keep: only with --prune")
    if bpb is not None:
        if dry_run or validate is not None or reverse:
            raise ParameterError("--bpb runs a model: not with --dry-run, --validate or --reverse")
        if out is None:
            _bits(bpb, languages, runner, {model.name or str(model): model}, as_json=as_json)
            return
        # What cannot be run is said before the work, not after it.
        find_runner(runner)
    files: dict[str, Any] = {"overwrite": overwrite, "link": not copy}
    with progress_bar() as progress:
        if reverse:
            if out is None:
                raise ParameterError("--reverse needs --out")
            going_back.reverse(model, out, progress=progress, **files)
            note(f"{model} with its old tokenizer → {out}")
            return
        if repeat is not None:
            made = going_back.repeat(repeat, model, out=out, progress=progress, **files)
        else:
            given: dict[str, Any] = {
                "donor": donor,
                "fallback": fallback,
                "mapped": parse_map(mapped),
                "allow_faulty": allow_faulty,
                "embedding": embedding,
                "head": head,
                "old_tokenizer": old_tokenizer,
                "text": _open(corpus, languages),
                "seed": seed,
                "threads": threads,
                "progress": progress,
            }
            new = _tokenizer(
                tokenizer, old_tokenizer or model, extend, prune, min_count, keep, given["text"], progress
            )
            if validate is not None:
                _validate(model, new, parameters.split_calls(validate) or [], sample, given, as_json=as_json)
                return
            if out is None and not dry_run:
                raise ParameterError("give --out, or --dry-run to see the plan only")
            made = plan(
                model,
                new,
                out=None if dry_run else out,
                method=method,
                head_method=head_method,
                pad_to=pad_to,
                untie=untie,
                calibrate=calibrate,
                chat_template=_one_of(chat_template, "--chat-template", ("donor", "model", "none")),
                keep_dropped=keep_dropped,
                **given,
                **files,
            )
    _tell(made, None if dry_run else out, as_json=as_json)
    if bpb is not None and out is not None:
        _bits(bpb, languages, runner, {"before": model, "after": out}, as_json=as_json)


def parse_map(given: list[str] | None) -> dict[str, str]:
    """Read ``NEW=OLD`` arguments; a token that holds ``=`` is named as ``id:N``.

    Raises:
        ParameterError: one has no ``=``, or a new token is given twice.

    Example:
        >>> parse_map(["<|im_end|>=</s>", "id:5= the"])
        {'<|im_end|>': '</s>', 'id:5': ' the'}
    """
    read: dict[str, str] = {}
    for argument in given or []:
        new, equals, old = argument.partition("=")
        if not equals or not new or not old or new in read:
            raise ParameterError(f"--map {argument}: expected NEW=OLD, each new token once")
        read[new] = old
    return read


def _one_of(value: str, option: str, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ParameterError(f"{option} {value}: expected {', '.join(allowed)}")
    return value


def _open(corpus: list[str] | None, languages: str | None) -> Any:
    from tokbench.corpora import open_corpus

    return None if corpus is None else open_corpus(corpus, languages=parameters.split_names(languages))


def _tokenizer(
    tokenizer: Path | None,
    old: Path,
    extend: str | None,
    prune: bool,
    min_count: int,
    keep: list[str] | None,
    corpus: Any,
    progress: Any,
) -> Any:
    """Return the new tokenizer: as given, or made of the old one by extending or pruning."""
    from tokbench.extend import extend as extend_tokenizer
    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.matching import named
    from tokbench.transplant.prune import prune as prune_tokenizer
    from tokbench.transplant.tokens import TokenTable

    if sum((tokenizer is not None, extend is not None, prune)) > 1:
        raise ParameterError("give one of --tokenizer, --extend and --prune")
    if extend is None and not prune:
        return tokenizer
    if corpus is None:
        raise ParameterError("--extend and --prune need --corpus")
    if prune:
        whole = Tokenizer.load(old)
        table = TokenTable.of(whole)
        kept = [named(table, text, "old", option="--keep") for text in keep or ()]
        return prune_tokenizer(whole, corpus, min_count=min_count, keep=kept).tokenizer
    return extend_tokenizer(
        Tokenizer.load(old), corpus, add=parameters.parse_size(extend or ""), progress=progress
    )


def _validate(
    model: Path, tokenizer: Any, methods: list[str], sample: int, given: dict[str, Any], *, as_json: bool
) -> None:
    from tokbench.report.transplant import print_validation
    from tokbench.transplant.validate import validate

    frame = validate(model, tokenizer, methods=methods, sample=sample, **given)
    if as_json:
        sys.stdout.write(frame.to_json() + "\n")
        return
    print_validation(frame)


def _inspect(model: Path, *, as_json: bool) -> None:
    from tokbench.report.transplant import print_inspection
    from tokbench.transplant.inspection import inspect

    found = inspect(model)
    if as_json:
        print_json(found.as_dict())
        return
    print_inspection(found)


def _bits(
    specs: list[str], languages: str | None, runner: str, folders: dict[str, Path], *, as_json: bool
) -> None:
    """Measure bits per byte of models and print them."""
    from tokbench.report.transplant import print_validation
    from tokbench.transplant.bits import bits_per_byte
    from tokbench.transplant.running import read_with

    text = _open(specs, languages)
    readers = {name: read_with(runner, folder) for name, folder in folders.items()}
    with progress_bar() as progress:
        frame = bits_per_byte(readers, text, progress=progress)
    if as_json:
        sys.stdout.write(frame.to_json() + "\n")
        return
    print_validation(frame, rows="text")


def _audit(checks: list[Any], *, as_json: bool) -> None:
    if as_json:
        print_json([{"what": each.what, "holds": each.holds, "seen": each.seen} for each in checks])
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table("", "what", "seen", box=None, pad_edge=False)
        for each in checks:
            mark = Text("✓", style="green") if each.holds else Text("✗", style="bold red")
            table.add_row(mark, Text(each.what), Text(each.seen))
        Console().print(table)
    if not all(each.holds for each in checks):
        raise typer.Exit(1)


def _show_methods(name: str | None, *, as_json: bool) -> None:
    from tokbench.cli.explaining import print_about
    from tokbench.transplant.method import METHODS, describe, names

    if name is None:
        rows = [{"name": each, "summary": describe(each).summary} for each in names()]
        if as_json:
            print_json(rows)
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table("method", "what a new row is", box=None, pad_edge=False)
        for row in rows:
            table.add_row(Text(row["name"], style="bold"), Text(row["summary"]))
        Console().print(table)
        return
    about = describe(name)
    print_about(about.as_dict(), METHODS.parameters(name), about.parameters, as_json=as_json)


def _tell(made: Transplantation, out: Path | None, *, as_json: bool) -> None:
    from tokbench.report.transplant import print_plan

    if as_json:
        print_json(
            {
                "out": None if out is None else str(out),
                "matched": made.match.counts(),
                "rows": made.n_rows,
                "methods": dict(made.methods),
                "notes": list(made.notes),
                "frame": made.frame().frame.to_dicts(),
            }
        )
        return
    for line in made.notes:
        note(line)
    print_plan(made)
    if out is not None:
        note(f"{made.n_rows:,} rows → {out}")
