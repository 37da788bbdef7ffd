"""`tokbench words`, `tokbench eval` without a corpus, and what a doubtful measurement says."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import polars as pl
import pytest

import tokbench as tb


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "tokbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("words")
    # ağaç twice, so that it becomes one token.
    text = "the unhappy fox and ağaç ağaç ağaç ağaç"
    (made / "text.txt").write_text(text, encoding="utf-8")
    (made / "gold.tsv").write_text("unhappily\tun|happi|ly\nfoxes\tfox|es\nthe\tthe\n", encoding="utf-8")
    (made / "words.txt").write_text(
        "the\nfox\n" + unicodedata.normalize("NFD", "ağaç") + "\n", encoding="utf-8"
    )
    tokenizer = tb.train(tb.count(tb.Corpus.from_texts({"eng": [text]}), "gpt2"), vocab_size=270)
    tokenizer.save(made / "tiny.tokbench.json")
    return made


def test_words_of_a_text(folder: Path) -> None:
    shown = run(
        "words", folder / "tiny.tokbench.json", "--corpus", f"eng={folder / 'text.txt'}", "--top", "2"
    )
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == "tiny · eng"
    assert lines[1].split() == ["word", "count", "tokens", "excess", "share", "pieces"]
    assert len([line for line in lines if line.strip()]) == 4
    table = folder / "words.parquet"
    done = run(
        "words", folder / "tiny.tokbench.json", "-c", f"eng={folder / 'text.txt'}", "-o", table, "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["excess"] == pl.read_parquet(table)["excess"][0]
    assert "rows →" in done.stderr


def test_words_of_a_gold_segmentation(folder: Path) -> None:
    shown = run("words", folder / "tiny.tokbench.json", "--gold", folder / "gold.tsv")
    assert shown.returncode == 0, shown.stderr
    assert "un|happi|ly" in shown.stdout
    assert shown.stdout.splitlines()[0] == "tiny · gold"


def test_tokens_outside_of_a_lexicon_and_a_warning_in_one_line(folder: Path) -> None:
    shown = run(
        "words",
        folder / "tiny.tokbench.json",
        "-c",
        f"tur={folder / 'text.txt'}",
        "--lexicon",
        folder / "words.txt",
    )
    assert shown.returncode == 0, shown.stderr
    assert "neither" in shown.stdout
    done = run(
        "eval", folder / "tiny.tokbench.json", "-c", f"tur={folder / 'text.txt'}",
        "-m", f'lang_share(lexicon="{folder / "words.txt"}")',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: tiny: tokens such as ' ağaç' are in the lexicon")
    assert "pass normalize=nfc" in done.stderr
    assert ".py:" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --corpus"),
        (["--gold", "GOLD", "--corpus", "sample"], "give either --corpus"),
        (["--gold", "nowhere.tsv"], "nowhere.tsv: cannot be read"),
        (["--gold", "GOLD", "--out", "x.xls"], "no format for the suffix '.xls'"),
        (["--gold", "GOLD", "--space", "left"], "--space left; known: bare, prefixed"),
    ],
)
def test_wrong_calls(folder: Path, arguments: list[str], message: str) -> None:
    given = [str(folder / "gold.tsv") if part == "GOLD" else part for part in arguments]
    done = run("words", folder / "tiny.tokbench.json", *given)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr


def test_an_evaluation_without_a_corpus(folder: Path) -> None:
    gold = folder / "gold.tsv"
    done = run("eval", folder / "tiny.tokbench.json", "-m", f'boundary_f1(gold="{gold}")', "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert {row["group"] for row in rows} == {"gold", "all"}
    refused = run("eval", folder / "tiny.tokbench.json")
    assert refused.returncode == 1
    assert "measures text: pass a corpus" in refused.stderr
