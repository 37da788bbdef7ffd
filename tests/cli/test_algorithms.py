"""Algorithms as a new user meets them: the list, the explanations, and what is said when something is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tokbench.algorithm import ALGORITHMS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_every_algorithm_is_one_line_of_the_help(run: Run) -> None:
    lines = run("train", "--help").stdout.splitlines()
    for name in ALGORITHMS.names():
        summary = ALGORITHMS.class_of(name).about.summary
        [line] = [line.strip() for line in lines if line.split()[:1] == [name] and summary in line]
        assert len(line) <= 98, name


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_everything_is_explained(name: str) -> None:
    about = ALGORITHMS.class_of(name).about
    assert len(about.definition) > 100
    assert about.source
    assert about.export
    assert set(about.parameters) == set(ALGORITHMS.parameters(name))
    assert all(about.parameters.values())


def test_an_explanation_shows_it(run: Run) -> None:
    said = run("algorithms", "explain", "scaffold").stdout
    for word in ("definition", "source", "export", "pitfalls", "checkpoints", "2404.17808"):
        assert word in said
    facts = json.loads(run("algorithms", "explain", "parity", "--json").stdout)
    assert {row["parameter"] for row in facts["parameters"]} == set(ALGORITHMS.parameters("parity"))
    said = run("algorithms", "explain", "scafold", status=1).stderr
    assert "did you mean scaffold?" in said


@pytest.fixture
def two_languages(tmp_path: Path) -> list[str]:
    for name, line in (("eng", "low lower lowest newer new"), ("tur", "göl gölün gölde yeni yenisi")):
        (tmp_path / f"{name}.txt").write_text(f"{line}\n" * 9, encoding="utf-8")
    (tmp_path / "short.txt").write_text("göl\n" * 8, encoding="utf-8")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    return ["-c", "eng=eng.txt", "-c", "tur=tur.txt", "-o", "made"]


DEV = ["--dev", "eng=eng.txt", "--dev", "tur=tur.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["-V", "260", "-a", "parity", "--dev", "eng=eng.txt", "--dev", "tur=short.txt"],
            ["--dev", "eng 9, tur 8", "line i must say the same"],
        ),
        (
            ["-V", "260", "-a", "parity", "-c", "deu=empty.txt", *DEV, "--dev", "deu=eng.txt"],
            ["no training text for deu", "add some, or leave the language out"],
        ),
        (["-V", "260", "-a", "picky(tau=0)"], ["tau: must be above 0", "got 0"]),
        (["-V", "100", "-a", "superword"], ["--vocab-size: must be at least 256", "got 100"]),
        (["-V", "100", "-a", "scaffold"], ["--vocab-size: must be at least 256", "got 100"]),
        (["-V", "260", "-a", "parity(windw=3)", *DEV], ["no parameter 'windw'", "did you mean window?"]),
        (["-V", "260", "-a", "parityy"], ["no algorithm 'parityy'", "did you mean parity?", "scaffold"]),
    ],
    ids=["not parallel", "no text", "tau", "small superword", "small scaffold", "parameter", "algorithm"],
)
def test_what_is_wrong_is_said(
    run: Run, two_languages: list[str], tmp_path: Path, arguments: list[str], said: list[str]
) -> None:
    error = " ".join(run("train", *two_languages, *arguments, status=1).stderr.split())
    assert error.startswith("error: ")
    for part in said:
        assert part in error
    assert not (tmp_path / "made").exists()


def test_a_language_without_text_is_noted(run: Run, two_languages: list[str]) -> None:
    error = run("train", *two_languages, "-c", "deu=empty.txt", "-V", "260").stderr
    assert "no text for deu" in " ".join(error.split())
