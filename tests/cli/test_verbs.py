"""Every verb as a process: what it writes, what it prints, and what it says when the input is wrong."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import PROGRAM, Run

VERBS = [
    "train", "extend", "eval", "encode", "decode", "count", "corpora", "metrics", "transplant", "bytes", "ngram",
]  # fmt: skip


@pytest.fixture
def trained(run: Run, tmp_path: Path) -> Path:
    run("train", "--corpus", "sample", "--languages", "eng_Latn,tur_Latn", "-V", "700", "-o", "mine")
    return tmp_path / "mine"


def test_version_names_the_build(run: Run) -> None:
    said = run("--version").stdout
    for word in ("tokbench", "profile", "release", "threads", "cpu features", "polars", "numba"):
        assert word in said


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb(run: Run, verb: str) -> None:
    said = run(verb, "--help").stdout
    assert "Usage:" in said
    assert len(said) > 300


@pytest.mark.parametrize("verb", ["train", "extend", "eval", "encode", "decode", "count", "transplant"])
def test_help_has_examples(run: Run, verb: str) -> None:
    said = run(verb, "--help").stdout
    assert "Examples" in said
    assert f"tokbench {verb}" in said


def test_train_writes_a_complete_run_directory(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert names >= {
        "tokenizer.tokbench.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.parquet",
        "run.json",
    }
    facts = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    assert facts["training"]["vocab_size"] == 700
    assert facts["build"]["profile"] == "release"
    log = pl.read_parquet(trained / "training.parquet")
    assert len(log) == 700 - 256
    assert {"step", "token", "count", "tokens_eng_Latn", "tokens_tur_Latn"} <= set(log.columns)


def test_training_twice_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    for out, threads in (("a", "1"), ("b", "2")):
        run(
            "train",
            "-c",
            "sample",
            "--languages",
            "eng_Latn,hin_Deva",
            "-V",
            "600",
            "-o",
            out,
            "--threads",
            threads,
        )
    for name in ("tokenizer.tokbench.json", "tokenizer.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_count_then_train_is_train(run: Run, trained: Path, tmp_path: Path) -> None:
    run("count", "-c", "sample", "--languages", "eng_Latn,tur_Latn", "-o", "counts.parquet")
    frame = pl.read_parquet(tmp_path / "counts.parquet")
    assert frame.columns == ["pretoken", "group", "count"]
    run("train", "--counts", "counts.parquet", "-V", "700", "-o", "again")
    assert (tmp_path / "again" / "tokenizer.json").read_bytes() == (trained / "tokenizer.json").read_bytes()


@pytest.mark.usefixtures("trained")
def test_encode_and_decode_are_inverse(run: Run) -> None:
    text = "Merhaba dünya\n\n  two  spaces 🌊\n"
    ids = run("encode", "mine", stdin=text).stdout
    assert len(ids.splitlines()) == 3
    assert run("decode", "mine", stdin=ids).stdout == text
    rows = json.loads(run("encode", "mine", "--json", "--tokens", stdin="dünya\n").stdout)
    assert "".join(rows[0]["tokens"]) == "dünya"


@pytest.mark.usefixtures("trained")
def test_eval_prints_a_table_and_exports(run: Run, tmp_path: Path) -> None:
    done = run(
        "eval", "mine", "--corpus", "sample", "--languages", "eng_Latn,tur_Latn", "--out", "report.csv"
    )
    assert "fertility" in done.stdout
    frame = pl.read_csv(tmp_path / "report.csv")
    assert set(frame["group"]) >= {"eng_Latn", "tur_Latn", "all"}
    slim = run("eval", "mine", "-c", "sample", "-m", "tokens,parity", "--reference", "eng_Latn", "--json")
    assert json.loads(slim.stdout)


def test_lists_in_both_forms(run: Run) -> None:
    assert "flores200" in run("corpora", "list").stdout
    assert {row["name"] for row in json.loads(run("corpora", "list", "--json").stdout)} >= {"sample", "ntrex"}
    assert "CC BY-SA" in run("corpora", "show", "flores200").stdout
    assert "120" in run("corpora", "check", "sample", "--languages", "tam_Taml").stdout
    assert "fertility" in run("metrics", "list").stdout
    assert "formula" in run("metrics", "explain", "gini").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "-c", "sample", "-V", "100", "-o", "x"), "at least 256"),
        (("train", "-c", "sample", "-V", "9000000", "-o", "x"), "possible"),
        (("train", "-c", "eng=missing.txt", "-V", "300", "-o", "x"), "missing.txt"),
        (("train", "-V", "300", "-o", "x"), "--corpus"),
        (("train", "-c", "sample", "-V", "300", "-o", "no/such/x"), "does not exist"),
        (("train", "-c", "sample", "-V", "300", "-o", "x", "-p", "cl100"), "cl100k"),
        (("train", "-c", "sample", "-V", "300", "-o", "x", "--format", "pdf"), "huggingface"),
        (("train", "-c", "sample", "-V", "300", "-o", "x", "--tie-break", "coin"), "lexmin"),
        (("count", "-c", "eng=.", "-o", "x.parquet"), "no file below this directory"),
        (("count", "-c", "flores200=.", "-o", "x.parquet"), "holds no file"),
        (("eval", "missing.json", "-c", "sample"), "missing.json"),
        (("eval", "gpt2", "-c", "sample"), "gpt2"),
        (("encode", "missing", "-"), "missing"),
        (("metrics", "explain", "fertilty"), "fertility"),
        (("corpora", "show", "flores"), "flores"),
    ],
)
def test_wrong_input_is_one_message_and_status_1(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run(*arguments, status=1)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_options_are_status_2(run: Run) -> None:
    assert "No such" in run("train", "--vocabsize", "3", status=2).stderr


def test_truncated_archive_is_named_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"some text " * 5000)[:-20])
    done = run("train", "-c", "eng=a.txt.gz", "-V", "300", "-o", "x", status=1)
    assert "a.txt.gz" in done.stderr
    assert "truncated" in done.stderr.lower()
    assert not (tmp_path / "x").exists()


def test_strict_utf8_names_file_and_byte(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good text\xff")
    done = run("count", "-c", "eng=a.txt", "--strict-utf8", "-o", "x.parquet", status=1)
    assert "a.txt" in done.stderr
    assert "byte 9" in done.stderr


def test_an_existing_directory_is_kept(run: Run, trained: Path) -> None:
    before = (trained / "run.json").read_bytes()
    done = run("train", "-c", "sample", "-V", "300", "-o", "mine", status=1)
    assert "--overwrite" in done.stderr
    assert (trained / "run.json").read_bytes() == before
    run("train", "-c", "sample", "-V", "300", "-o", "mine", "--overwrite")
    assert (trained / "run.json").read_bytes() != before


def test_a_line_that_is_no_id_is_named(run: Run, trained: Path) -> None:
    done = run("decode", str(trained), stdin="1 2\n3 x\n", status=1)
    assert "line 2" in done.stderr
    assert "'x'" in done.stderr


def _wait_for_counting(pid: int, file: str) -> None:
    """Return when the process has the file mapped, or after three seconds where the system does not tell."""
    maps = Path(f"/proc/{pid}/maps")
    until = time.monotonic() + (60 if maps.exists() else 3)
    while time.monotonic() < until and not (maps.exists() and file in maps.read_text()):
        time.sleep(0.05)
    time.sleep(0.3)


def test_interrupt_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text(
        "\n".join(f"{i * 7919 % 999983} {i}" for i in range(3_000_000)), encoding="ascii"
    )
    # A regular expression runs on one thread and slowly: the signal arrives in the middle of counting.
    process = subprocess.Popen(
        [
            *PROGRAM,
            "train",
            "-c",
            "eng=big.txt",
            "-V",
            "60000",
            "-o",
            "x",
            "-p",
            r"regex:(?=[\s\S]{0,60})[0-9]+| |\n",
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"},
    )
    _wait_for_counting(process.pid, "big.txt")
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - asked < 3
    assert process.returncode == 130, errors
    assert b"interrupted" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["big.txt"]
