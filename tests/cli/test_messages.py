"""Messages speak the language of the command line; `python -m tokbench` is the same program."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer

from tokbench.cli.application import app
from tokbench.cli.console import OTHER_NAMES, option_names, spell_options
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count_texts
from tokbench.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

NAMES = {
    "allow_smaller": "--allow-smaller",
    "alpha": "--alpha",
    "base": "BASE",
    "start": "--start",
    "strict_utf8": "--strict-utf8",
    "unit": "--unit",
    "byte_fallback": "--byte-fallback",
}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("use more text or allow_smaller", "use more text or --allow-smaller"),
        ("alpha: must lie in 0 … 1, got 2", "--alpha: must lie in 0 … 1, got 2"),
        ("base: x is taken", "BASE: x is taken"),
        ("the unit is taken; at the start: nothing", "the unit is taken; at the start: nothing"),
        ("x: belongs to what start= goes on from", "x: belongs to what --start goes on from"),
        ("unit='character' needs byte_fallback=True", "--unit character needs --byte-fallback"),
        ("with strict_utf8: no", "with --strict-utf8: no"),
        ("data/allow_smaller.txt: line 3", "data/allow_smaller.txt: line 3"),
        ("allow_smaller/x and 'allow_smaller'", "allow_smaller/x and 'allow_smaller'"),
        ("other_name stays, --allow-smaller too", "other_name stays, --allow-smaller too"),
    ],
)
def test_parameters_are_spelled_as_options(message: str, expected: str) -> None:
    assert spell_options(message, NAMES) == expected


def test_every_other_name_belongs_to_an_option() -> None:
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined] # a group
    known = {name for verb in ("train", "extend", "count") for name in option_names(verbs[verb])}
    assert set(OTHER_NAMES) <= known
    assert option_names(verbs["train"])["special_tokens"] == "--special"
    assert option_names(verbs["train"])["formats"] == "--format"
    assert option_names(verbs["extend"])["freeze"] == "--freeze"


@pytest.mark.parametrize(
    ("arguments", "said", "unsaid"),
    [
        (("train", "-c", "sample", "-V", "9000000", "-o", "x"), "--allow-smaller", "allow_smaller"),
        (("train", "-c", "sample", "-V", "100", "-o", "x"), "--vocab-size: must be", "vocab_size"),
        (("train", "-c", "sample", "-V", "300", "-o", "x", "--alpha", "2"), "--alpha: must lie", "s alpha"),
        (("train", "-c", "sample", "-V", "300", "-o", "x", "--unit", "page"), "--unit: 'page'", " unit:"),
        (
            ("train", "-c", "sample", "-V", "300", "-o", "x", "--max-token-length", "1"),
            "--max-token-length: must be at least 2",
            "max_token_length",
        ),
        (
            ("count", "-c", "sample", "-o", "x.csv"),
            "--out: a table of counts is Parquet, not .csv; call it x",
            "out:x",
        ),
        (("count", "-c", "sample", "-o", "x", "--memory", "1KB"), "--memory: 1KB is below", " memory:"),
        (
            ("count", "-c", "sample", "-o", "x", "--document-weight", "w"),
            "--document-weight: texts in memory have no field 'w'",
            "document_weight",
        ),
    ],
)
def test_messages_name_options(run: Run, arguments: tuple[str, ...], said: str, unsaid: str) -> None:
    message = run(*arguments, status=1).stderr
    assert said in message
    assert unsaid not in message


def test_python_m_is_the_program(tmp_path: Path) -> None:
    for arguments, status, said in (
        (["--version"], 0, "tokbench"),
        (["count"], 0, "Usage: tokbench count"),
        (["count", "-c", "missing", "-o", "x"], 1, "error: missing"),
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tokbench", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert said in done.stdout + done.stderr
        assert done.returncode == status or (arguments == ["count"] and done.returncode in (0, 2))


@pytest.mark.parametrize("name", ["", "a\nb", "a\rb", "a=b"])
def test_names_that_nothing_can_hold_are_refused(name: str) -> None:
    for make in (
        lambda: Corpus.from_texts({name: ["x"]}),
        lambda: count_texts({"eng": ["x"], name: ["y"]}),
        lambda: PretokenCounts.from_mapping({name: {b"x": 1}}),
    ):
        with pytest.raises(CorpusError, match="must not be empty nor hold a line end or '='"):
            make()


def test_resume_says_what_is_wrong(run: Run, tmp_path: Path) -> None:
    said = run("train", "--resume", "nothing", status=1).stderr
    assert ".nothing.partial: there is no unfinished run here" in said
    (tmp_path / "a.txt").write_text("some text " * 50, encoding="utf-8")
    options = ("-c", "a.txt", "-V", "9000", "--checkpoint-every", "10")
    said = run("train", *options, "-o", "run", status=1).stderr
    assert "what is finished is kept in .run.partial; go on with: tokbench train --resume run" in said
    said = run("train", "--resume", "run", "--vocab-size", "300", status=1).stderr
    assert '--vocab-size was "9000" when run was begun, not "300"' in said
    (tmp_path / "a.txt").write_text("other text " * 60, encoding="utf-8")
    said = run("train", "--resume", "run", status=1).stderr
    assert "a.txt has changed since it was counted" in said
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tokbench", "train", "--resume", "../run"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "was begun in the folder" in done.stderr
