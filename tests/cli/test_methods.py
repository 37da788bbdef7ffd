"""Encoding by another method from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tokbench.bpe import BpeModel
from tokbench.inference import describe, names
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    vocab = Vocab([*(bytes([byte]) for byte in range(256)), b"ab", b"bcd"])
    merges = Merges([97], [98], [256])
    path = tmp_path / "mine.tokbench.json"
    BpeTokenizer(BpeModel(vocab, merges, "gpt2"), name="mine").save(path)
    return path


def test_encode_by_a_method(run: Run, file: Path) -> None:
    text = "abcd\n"
    assert run("encode", str(file), stdin=text).stdout == "256 99 100\n"
    assert run("encode", str(file), "--method", "longest_first", stdin=text).stdout == "97 257\n"
    assert run("encode", f"{file}@longest_suffix", stdin=text).stdout == "97 257\n"
    assert run("encode", f"{file}@fewest(width=2)", stdin=text).stdout == "256 99 100\n"
    assert run("encode", str(file), "--method", "dropout(p=1,seed=7)", stdin=text).stdout == "97 98 99 100\n"


def test_wrong_methods_are_named(run: Run, file: Path) -> None:
    assert "did you mean longest" in run("encode", f"{file}@longset", stdin="x", status=1).stderr
    assert "needs scores" in run("encode", str(file), "--method", "unigram", stdin="x", status=1).stderr
    assert "p: 2" in run("encode", str(file), "--method", "dropout(p=2)", stdin="x", status=1).stderr


def test_eval_compares_methods(run: Run, file: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("abcd abcd\nab cd\n", encoding="utf-8")
    arguments = [str(file), f"{file}@longest_first", f"drawn={file}@dropout(p=1)"]
    said = run(
        "eval", *arguments, "-c", "eng=text.txt", "-m", "tokens", "--by", "language", "--json", status=0
    ).stdout
    rows = {
        row["tokenizer"]: row["value"]
        for row in json.loads(said)["rows"]
        if row["metric"].startswith("tokens")
    }
    assert set(rows) == {"mine", "mine@longest_first", "drawn"}
    assert rows["mine@longest_first"] < rows["mine"] < rows["drawn"]


def test_every_method_says_what_it_does() -> None:
    assert {"merges", "replay", "longest", "fewest", "dropout", "stochastok"} <= set(names())
    for name in names():
        assert describe(name).summary
        assert describe(name).source
