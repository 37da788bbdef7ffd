"""`count` and `extend` with checkpoints as processes: killed at random moments, resumed to the same bytes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import PROGRAM, Run

if TYPE_CHECKING:
    from pathlib import Path

COUNT = ["count", "-c", "eng=a*.txt", "-c", "tur=b.txt"]
EXTEND = ["extend", "base", "-c", "eng=a*.txt", "--protect", "tur=b.txt", "--add", "900"]


@pytest.fixture
def texts(tmp_path: Path) -> None:
    draw = random.Random(1)
    letters = [chr(97 + number) for number in range(26)]
    for name in ("a1", "a2", "a3", "a4", "b"):
        words = ["".join(draw.choices(letters, k=draw.randrange(1, 12))) for _ in range(30_000)]
        (tmp_path / f"{name}.txt").write_text(" ".join(words), encoding="utf-8")


def files(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        name: (path / name).read_bytes()
        for name in ("tokenizer.tokbench.json", "tokenizer.json", "training.parquet")
    }


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize(
    ("command", "every", "out"), [(COUNT, "1", "counts.parquet"), (EXTEND, "100", "more")]
)
def test_killed_at_random_moments(command: list[str], every: str, out: str, run: Run, tmp_path: Path) -> None:
    run("train", "-c", "a1.txt", "-V", "400", "-o", "base")
    began = time.monotonic()
    run(*command, "-o", f"whole-{out}")
    longest = time.monotonic() - began
    draw = random.Random(out)
    kills = 0
    for attempt in range(20):
        begun = (tmp_path / f".{out}.partial").exists() or (tmp_path / out).exists()
        arguments = (
            [command[0], "--resume", out] if begun else [*command, "-o", out, "--checkpoint-every", every]
        )
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "NO_COLOR": "1"},
        )
        try:
            # The first runs are killed, the last may take as long as it likes.
            _, errors = process.communicate(timeout=draw.uniform(0.5, 1.1) * longest if attempt < 4 else 120)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            kills += 1
        if process.returncode == 0:
            break
        assert process.returncode == -9, errors.decode()
    assert kills or begun
    assert files(tmp_path / out) == files(tmp_path / f"whole-{out}")
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert "is complete" in run(command[0], "--resume", out).stderr


@pytest.mark.usefixtures("texts")
def test_a_damaged_file_keeps_the_work_before_it(run: Run, tmp_path: Path) -> None:
    run(*COUNT, "-o", "whole.parquet")
    text = (tmp_path / "b.txt").read_bytes()
    (tmp_path / "b.txt").write_bytes(text + b"\xff")
    options = ["--strict-utf8", "--checkpoint-every", "1"]
    said = run(*COUNT, *options, "-o", "counts.parquet", status=1).stderr
    assert "b.txt" in said
    assert "tokbench count --resume counts.parquet" in said
    assert not (tmp_path / "counts.parquet").exists()
    assert list((tmp_path / ".counts.parquet.partial").glob("counts-*-000000004.parquet"))
    (tmp_path / "b.txt").write_bytes(text)
    assert "was begun by tokbench count" in run("extend", "--resume", "counts.parquet", status=1).stderr
    said = run("count", "--resume", "counts.parquet", "-p", "gpt2", status=1).stderr
    assert '--pretokenizer was "cl100k" when counts.parquet was begun' in said
    # What was counted is not read again.
    for name in ("a1", "a2", "a3", "a4"):
        kept = (tmp_path / f"{name}.txt").stat()
        (tmp_path / f"{name}.txt").write_bytes(b"x" * kept.st_size)
        os.utime(tmp_path / f"{name}.txt", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    run("count", "--resume", "counts.parquet", "--threads", "1")
    assert files(tmp_path / "counts.parquet") == files(tmp_path / "whole.parquet")
    assert "no unfinished run" in run("count", "--resume", "other.parquet", status=1).stderr
    assert "give --corpus and --out, or --resume" in run("count", "-c", "b.txt", status=1).stderr
    assert "give BASE, --corpus, --add and --out" in run("extend", "base", status=1).stderr


FULL = """
import resource, sys
from tokbench.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize(
    ("command", "out"), [(COUNT, "counts.parquet"), (["train", *COUNT[1:], "-V", "600"], "run")]
)
def test_a_full_disk_keeps_the_work_before_it(command: list[str], out: str, run: Run, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the same error of the same write."""
    run(*command, "-o", f"whole-{out}")
    options = [*command, "-o", out, "--checkpoint-every", "1" if command[0] == "count" else "50"]
    room = str((tmp_path / f"whole-{out}").stat().st_size * 2 // 3) if command[0] == "count" else "8000"
    for arguments in (options, [command[0], "--resume", out]):
        done = subprocess.run(
            [sys.executable, "-P", "-c", FULL, room, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )
        assert done.returncode == 1, done.stderr
        assert "File too large" in done.stderr
        assert "Traceback" not in done.stderr
        assert f"tokbench {command[0]} --resume {out}" in done.stderr
        assert not (tmp_path / out).exists()
    run(command[0], "--resume", out)
    assert files(tmp_path / out) == files(tmp_path / f"whole-{out}")
