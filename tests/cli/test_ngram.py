"""`tokbench ngram` as a person uses it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import tokbench as tb

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

TRAIN = "the cat sat on the mat\nthe other cat sat on the other mat\na cat ran\n" * 3
HELD_OUT = "the cat ran on the mat\n"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    for size in (258, 268):
        tb.train(tb.count_texts({"eng": [TRAIN]}, "gpt2"), vocab_size=size).save(tmp_path / f"t{size}")
    (tmp_path / "train.txt").write_text(TRAIN)
    (tmp_path / "new.txt").write_text(HELD_OUT)
    return tmp_path


def test_train_score_and_bytes(run: Run, given: Path) -> None:
    corpus = ["--corpus", "eng=train.txt", "--document", "line"]
    told = run("ngram", "train", "t268", *corpus, "--order", "2", "--out", "my.ngram").stderr
    assert "of 9 documents" in told
    new = ["--tokenizer", "t268", "--corpus", "eng=new.txt", "--document", "line", "--json"]
    (row,) = json.loads(run("ngram", "score", "my.ngram", *new).stdout)
    assert (row["language"], row["bytes"], row["documents"]) == ("eng", 22, 1)
    model = ["--model", "ngram:my.ngram", "--tokenizer", "t268"]
    whole = json.loads(run("bytes", "score", "--end", "--json", *model, stdin=HELD_OUT.strip()).stdout)
    assert whole["bits_by_covers"] / 22 == pytest.approx(row["bits_per_byte"])
    assert "ngram" in run("bytes", "models").stdout
    wrong = run("ngram", "score", "my.ngram", "--tokenizer", "t258", *new[2:], status=1).stderr
    assert "another tokenizer" in wrong
    assert "no n-gram model" in run("ngram", "score", "new.txt", *new, status=1).stderr


def test_compare(run: Run, given: Path) -> None:
    arguments = [
        "ngram",
        "compare",
        "t258",
        "larger=t268",
        "-c",
        "eng=train.txt",
        "--held-out",
        "eng=new.txt",
    ]
    rows = json.loads(run(*arguments, "--order", "2", "--json").stdout)
    assert [row["tokenizer"] for row in rows] == ["t258", "larger"]
    assert rows[0]["tokens"] > rows[1]["tokens"]
    assert all(0 < row["bits_per_byte"] < 8 for row in rows)
    assert "bits per byte" in run(*arguments).stdout
