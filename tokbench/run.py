"""A run directory: the tokenizer in every format asked for, the training log, and how to repeat it.

``run.json`` holds arguments, fingerprints, versions and build profile. The directory appears complete or not
at all: everything is written beside it under a temporary name, which is renamed at the end.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokbench.errors import NotRepresentableError, ParameterError
from tokbench.formats.files import check_new, new_directory
from tokbench.limits import check_address_space
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tokbench.checkpoint import Checkpoint
    from tokbench.tokenizer import Tokenizer

FORMATS = ("tokbench", "huggingface", "tiktoken")
"""Tokenizer formats that a run directory can hold, by the name that ``--format`` takes."""


def check_target(out: Path, *, overwrite: bool) -> None:
    """Refuse a target that cannot be written, before any work is spent on it.

    Raises:
        ParameterError: as :func:`new_directory`.
        CorpusError: when ``ulimit -v`` leaves too little address space.
    """
    check_address_space(streamed=False)
    check_new(out, overwrite=overwrite)


def check_formats(formats: Sequence[str]) -> None:
    """Refuse unknown format names.

    Raises:
        ParameterError: naming the unknown one and the known ones.
    """
    for name in formats:
        if name not in FORMATS:
            raise ParameterError(f"no format {name!r}; there are {', '.join(FORMATS)}")


def write_run(
    out: Path,
    tokenizer: Tokenizer,
    *,
    formats: Sequence[str],
    arguments: Mapping[str, Any],
    overwrite: bool = False,
    checkpoint: Checkpoint | None = None,
) -> dict[str, str]:
    """Write a run directory and return format → reason for each format that cannot hold this tokenizer.

    Args:
        out: the directory to make.
        tokenizer: a trained tokenizer; its training log is saved as ``training.parquet``.
        formats: names out of :data:`FORMATS`; ``tokbench`` (or the library's own format) is always written.
        arguments: what the run was asked to do; goes into ``run.json``.
        overwrite: replace an existing directory.
        checkpoint: the work directory of the run, which is removed once ``out`` is there.

    Raises:
        ParameterError: unknown format, or a target that cannot be written.
    """
    from tokbench.build import build_facts

    check_formats(formats)
    refused: dict[str, str] = {}
    training = getattr(tokenizer, "training", None)
    with new_directory(out, overwrite=overwrite, within=_within(checkpoint)) as folder:
        # A tokenizer that a library encodes has a file format of its own.
        native = isinstance(tokenizer, BpeTokenizer)
        tokenizer.save(folder / "tokenizer.tokbench.json" if native else folder)
        for name in formats:
            try:
                if name == "huggingface":
                    tokenizer.save(folder, format="huggingface")
                elif name == "tiktoken":
                    tokenizer.save(folder / "tokenizer.tiktoken")
            except NotRepresentableError as error:
                refused[name] = str(error)
        facts: dict[str, Any] = {
            "arguments": dict(arguments),
            "tokenizer": {"fingerprint": tokenizer.fingerprint, "vocab_size": tokenizer.vocab_size},
            "not_representable": refused,
            "build": build_facts(),
        }
        if training is not None:
            facts["training"] = dict(training.settings)
            check_address_space(streamed=False)
            if training.log is not None:
                training.log.write_parquet(folder / "training.parquet")
        (folder / "run.json").write_text(
            json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    if checkpoint is not None:
        checkpoint.finish()
    return refused


def _within(checkpoint: Checkpoint | None) -> Path | None:
    return None if checkpoint is None else checkpoint.directory


def work_directory(out: Path) -> Path:
    """Return where a run that is to become ``out`` keeps its checkpoints."""
    return out.parent / f".{out.name}.partial"


def write_runs(
    out: Path,
    tokenizers: Mapping[int, Tokenizer],
    *,
    formats: Sequence[str],
    arguments: Mapping[str, Any],
    overwrite: bool = False,
    checkpoint: Checkpoint | None = None,
) -> dict[str, str]:
    """Write the run directories ``v<size>`` of a sweep into one directory, each as `write_run` writes it alone.

    Raises:
        ParameterError: unknown format, or a target that cannot be written.
    """
    refused: dict[str, str] = {}
    with new_directory(out, overwrite=overwrite, within=_within(checkpoint)) as folder:
        for size, tokenizer in tokenizers.items():
            given = {**arguments, "vocab_size": size}
            refused |= write_run(folder / f"v{size}", tokenizer, formats=formats, arguments=given)
    if checkpoint is not None:
        checkpoint.finish()
    return refused
