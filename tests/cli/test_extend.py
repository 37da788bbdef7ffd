"""`tokbench extend`, and `tokbench train` with --start, several sizes, weights and cut-offs, as processes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

CORPUS = ("--corpus", "sample", "--languages", "eng_Latn,tur_Latn")


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_extend_adds_tokens_and_says_which(run: Run, tmp_path: Path) -> None:
    run(
        "train",
        "--corpus",
        "sample",
        "--languages",
        "eng_Latn",
        "-V",
        "500",
        "--special",
        "<end>",
        "-o",
        "base",
    )
    (tmp_path / "held.txt").write_text("yol, dünya, bir", encoding="utf-8")
    said = json.loads(
        run(
            "extend", "base", "-c", "sample", "--languages", "tur_Latn", "--add", "100", "--protect",
            "tur=held.txt", "--first-id", "512", "--format", "huggingface", "-o", "more", "--json",
        ).stdout
    )  # fmt: skip
    assert (said["first_id"], said["last_id"], said["vocab_size"]) == (512, 611, 600)
    assert said["tokens_after"]["tur_Latn"] < said["tokens_before"]["tur_Latn"]
    assert {"tokenizer.tokbench.json", "tokenizer.json", "training.parquet", "run.json"} <= files(
        tmp_path / "more"
    ).keys()
    facts = json.loads((tmp_path / "more" / "run.json").read_text(encoding="utf-8"))
    assert facts["training"]["freeze"] is True
    assert facts["arguments"]["protect"] == ["tur=held.txt"]
    ids = [run("encode", name, "--whole", stdin="yol, dünya, bir").stdout for name in ("base", "more")]
    assert ids[0] == ids[1]


def test_extend_refuses_in_one_line(run: Run, tmp_path: Path) -> None:
    run("train", *CORPUS, "-V", "400", "-o", "base")
    said = run("extend", "base", *CORPUS, "--add", "90000", "-o", "more", status=1).stderr
    assert "90000 new tokens asked for" in said
    assert "Traceback" not in said
    assert not (tmp_path / "more").exists()
    assert (
        "no number of tokens" in run("extend", "base", *CORPUS, "--add", "many", "-o", "x", status=1).stderr
    )


def test_several_sizes_are_the_single_runs(run: Run, tmp_path: Path) -> None:
    run("train", *CORPUS, "-V", "400,1k", "-o", "sizes")
    assert sorted(path.name for path in (tmp_path / "sizes").iterdir()) == ["v1000", "v400"]
    for size in ("400", "1000"):
        run("train", *CORPUS, "-V", size, "-o", f"single{size}")
        assert files(tmp_path / f"single{size}") == files(tmp_path / "sizes" / f"v{size}")


def test_start_goes_on_where_training_ended(run: Run, tmp_path: Path) -> None:
    run("train", *CORPUS, "-V", "400", "-o", "half")
    run("train", *CORPUS, "-V", "600", "-o", "once")
    run("train", *CORPUS, "--start", "half", "-V", "600", "-o", "on")
    on, once = files(tmp_path / "on"), files(tmp_path / "once")
    assert on["tokenizer.json"] == once["tokenizer.json"]
    logs = [pl.read_parquet(tmp_path / name / "training.parquet") for name in ("half", "on", "once")]
    assert pl.concat(logs[:2]).equals(logs[2])


@pytest.mark.parametrize(
    ("options", "setting", "value"),
    [
        (("--weight", "tur_Latn=3.5"), "weights", {"eng_Latn": "1", "tur_Latn": "7/2"}),
        (("--alpha", "1"), "weights", {"eng_Latn": "1", "tur_Latn": "1"}),
        (("--min-pretoken-count", "2"), "min_pretoken_count", 2),
    ],
)
def test_weights_and_cuts_are_recorded(
    run: Run, tmp_path: Path, options: tuple[str, ...], setting: str, value: object
) -> None:
    said = run("train", *CORPUS, *options, "-V", "400", "-o", "mine").stderr
    facts = json.loads((tmp_path / "mine" / "run.json").read_text(encoding="utf-8"))
    assert facts["training"][setting] == value
    assert ("cut off" in said) == ("--min-pretoken-count" in options)


def test_wrong_weights(run: Run) -> None:
    for options, message in (
        (("--weight", "tur_Latn"), "expected LANGUAGE=W"),
        (("--weight", "xyz=2"), "no group 'xyz'"),
        (("--weight", "tur_Latn=2", "--alpha", "0.5"), "either weights by group or alpha"),
    ):
        assert message in run("train", *CORPUS, *options, "-V", "400", "-o", "x", status=1).stderr
