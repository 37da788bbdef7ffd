"""`tokbench bytes` as a person uses it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import tokbench as tb

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

TEXT = "the cat sat on the mat, the other cat on the other mat\n" * 3


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    tokenizer = tb.train(tb.count_texts({"eng": [TEXT]}, "gpt2"), vocab_size=268)
    tokenizer.save(tmp_path / "mine")
    return ["--model", "uniform", "--tokenizer", "mine"]


def test_next_heal_and_ensemble(run: Run, given: list[str]) -> None:
    shown = run("bytes", "next", r"the c\x61", "--top", "4", *given).stdout
    assert "next byte" in shown
    assert "leaked" in shown
    found = json.loads(run("bytes", "next", "the", "--json", "--top", "257", *given).stdout)
    assert sum(row["probability"] for row in found["next"]) == pytest.approx(1)
    assert "healing" in run("bytes", "heal", "the ca", *given).stdout
    assert "model 2" in run("bytes", "ensemble", "the", *given, *given).stdout


def test_score_and_sample(run: Run, given: list[str]) -> None:
    found = json.loads(run("bytes", "score", "--json", *given, stdin="the cat").stdout)
    assert found["bytes"] == 7
    assert found["bits_per_byte"] * 7 == pytest.approx(found["bits"])
    one = run("bytes", "sample", "the", "--max-bytes", "9", "--temperature", "0", *given).stdout
    assert one == run("bytes", "sample", "the", "--max-bytes", "9", "--temperature", "0", *given).stdout


def test_naive_against_exact(run: Run, given: list[str], tmp_path: Path) -> None:
    shown = run("bytes", "compare", "--chart", "readings.svg")
    for cut in ("the same prompt with the space", "inside of a word", "Chinese", "inside of an identifier"):
        assert cut in shown.stdout
    assert "wrote readings.svg" in shown.stderr
    drawn = (tmp_path / "readings.svg").read_text(encoding="utf-8")
    assert drawn.count("<rect") == 1 + 5 * 3
    found = json.loads(run("bytes", "compare", "the ca", "t", "--json", "--chart", "one.html", *given).stdout)
    assert "".join(found[0]["tokens"]) == "the ca"
    assert found[0]["readings"]["exact"]["distance"] == 0
    assert "<table>" in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_a_comparison_that_cannot_be_made(run: Run, given: list[str], tmp_path: Path) -> None:
    assert "needs a model" in run("bytes", "compare", "the ca", "t", status=1).stderr
    assert "say what should follow" in run("bytes", "compare", "the ca", *given, status=1).stderr
    assert ".svg or .html" in run("bytes", "compare", "--chart", "c.png", status=1).stderr
    assert not (tmp_path / "c.png").exists()


def test_what_is_wrong_is_said(run: Run, given: list[str]) -> None:
    assert "did you mean 'uniform'" in run("bytes", "next", "a", "--model", "unifrom", status=1).stderr
    assert "needs a tokenizer" in run("bytes", "next", "a", "--model", "uniform", status=1).stderr
    assert "semantics" in run("bytes", "next", "a", "--semantics", "some", *given, status=1).stderr
    assert r"\q is no escape" in run("bytes", "next", r"a\q", *given, status=1).stderr
    assert "uniform" in run("bytes", "models").stdout
