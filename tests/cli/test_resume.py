"""`train --checkpoint-every` and `--resume` as processes: killed at random moments, resumed to the same bytes."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import PROGRAM, Run

if TYPE_CHECKING:
    from pathlib import Path

RESULTS = ("tokenizer.tokbench.json", "tokenizer.json", "training.parquet")
TRAIN = ["-c", "eng=a*.txt", "-c", "tur=b.txt", "-V", "1500"]


@pytest.fixture
def texts(tmp_path: Path) -> None:
    draw = random.Random(1)
    letters = [chr(97 + number) for number in range(26)]
    for name in ("a1", "a2", "b"):
        words = ["".join(draw.choices(letters, k=draw.randrange(1, 12))) for _ in range(40_000)]
        (tmp_path / f"{name}.txt").write_text(" ".join(words), encoding="utf-8")


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random_moments(seed: int, run: Run, tmp_path: Path) -> None:
    began = time.monotonic()
    run("train", *TRAIN, "-o", "whole")
    longest = time.monotonic() - began
    draw = random.Random(seed)
    for attempt in range(20):
        work = tmp_path / ".mine.partial"
        begun = work.exists() or (tmp_path / "mine").exists()
        arguments = ["--resume", "mine"] if begun else [*TRAIN, "-o", "mine", "--checkpoint-every", "100"]
        process = subprocess.Popen(
            [*PROGRAM, "train", *arguments],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "NO_COLOR": "1"},
        )
        try:
            # The first runs are killed, the last may take as long as it likes.
            _, errors = process.communicate(timeout=draw.uniform(0.3, 1.1) * longest if attempt < 4 else 120)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -9, errors.decode()
    assert results(tmp_path / "mine") == results(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["mine", "whole"]


@pytest.mark.usefixtures("texts")
def test_every_state_that_a_kill_can_leave(run: Run, tmp_path: Path) -> None:
    run("train", *TRAIN, "-o", "mine", "--checkpoint-every", "100")
    expected = results(tmp_path / "mine")
    assert not (tmp_path / ".mine.partial").exists()
    assert "is complete" in run("train", "--resume", "mine").stderr
    # Everything written, the work directory still there.
    facts = json.loads((tmp_path / "mine" / "run.json").read_text(encoding="utf-8"))
    work = tmp_path / ".mine.partial"
    shutil.copytree(begun(run, tmp_path), work)
    job = json.loads((work / "job.json").read_text(encoding="utf-8"))
    (work / "job.json").write_text(json.dumps({**job, "id": facts["arguments"]["job"]}), encoding="utf-8")
    assert "is complete" in run("train", "--resume", "mine").stderr
    assert not work.exists()
    # Nothing but the job; half-written files are ignored and removed.
    shutil.rmtree(tmp_path / "mine")
    shutil.copytree(begun(run, tmp_path), work)
    (work / ".counts.parquet").write_bytes(b"PAR1 half")
    (work / ".mine.x1").mkdir()
    run("train", "--resume", "mine")
    assert results(tmp_path / "mine") == expected
    assert not work.exists()


def begun(run: Run, tmp_path: Path) -> Path:
    """Make a work directory of a run that fails at once, as one that is killed before it counts anything."""
    work = tmp_path / "begun"
    if not work.exists():
        text = (tmp_path / "a1.txt").read_bytes()
        (tmp_path / "a1.txt").write_bytes(b"\xff")
        run("train", *TRAIN, "-o", "early", "--checkpoint-every", "100", "--strict-utf8", status=1)
        (tmp_path / "a1.txt").write_bytes(text)
        (tmp_path / ".early.partial").rename(work)
        job = json.loads((work / "job.json").read_text(encoding="utf-8"))
        job["arguments"]["typed"] |= {"out": "mine", "strict_utf8": False}
        (work / "job.json").write_text(json.dumps(job), encoding="utf-8")
        for path in (work / "counting.json", work / "sources.json"):
            path.unlink()
    return work


@pytest.mark.usefixtures("texts")
def test_a_damaged_file_names_the_way_on(run: Run, tmp_path: Path) -> None:
    text = (tmp_path / "b.txt").read_bytes()
    (tmp_path / "b.txt").write_bytes(text + b"\xff")
    arguments = [*TRAIN, "--strict-utf8", "--memory", "1MB"]
    said = run("train", *arguments, "-o", "mine", "--checkpoint-every", "100", status=1).stderr
    assert "b.txt" in said
    assert "tokbench train --resume mine" in said
    assert not (tmp_path / "mine").exists()
    again = run("train", *arguments, "-o", "mine", "--checkpoint-every", "100", status=1).stderr
    assert "--resume mine" in again
    (tmp_path / "b.txt").write_bytes(text)
    for option, value in (("-V", "1600"), ("-p", "gpt2"), ("--tie-break", "lexmin")):
        said = run("train", "--resume", "mine", option, value, status=1).stderr
        assert "when mine was begun" in said
    run("train", "--resume", "mine", *arguments, "-o", "mine", "--threads", "1")
    run("train", *TRAIN, "-o", "whole")
    assert results(tmp_path / "mine") == results(tmp_path / "whole")


@pytest.mark.usefixtures("texts")
def test_sweeps_resume_as_well(run: Run, tmp_path: Path) -> None:
    sizes = ["-c", "eng=a*.txt", "-V", "300,400"]
    run("train", *sizes, "-o", "whole")
    run("train", *sizes, "-o", "mine", "--checkpoint-every", "10")
    for size in ("v300", "v400"):
        assert results(tmp_path / "mine" / size) == results(tmp_path / "whole" / size)
    assert "is complete" in run("train", "--resume", "mine").stderr
    assert "no unfinished run" in run("train", "--resume", "whole", status=1).stderr
    assert "--out and --vocab-size" in run("train", "-c", "sample", status=1).stderr
