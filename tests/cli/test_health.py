"""`tokbench eval --health` in real processes: tables, JSON and exit statuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]


def test_health(run: Run, tmp_path: Path) -> None:
    run("train", "--corpus", "sample", "--languages", "eng_Latn", "--vocab-size", "300", "--out", "small")
    assert (tmp_path / "small").is_dir()
    table = run("eval", "--health", "small", "--only", "C1,C3,C16", status=0).stdout
    assert "C16 tokens are reachable" in table
    assert "78 clean" in table
    rows = json.loads(run("eval", "--health", "small", "--json", status=1).stdout)
    assert rows[0]["tokenizer"] == "small"
    assert len(rows[0]["findings"]) == 16
    assert rows[0]["exit_code"] == 1
    assert "no health check 'C99'" in run("eval", "--health", "small", "--only", "C99", status=3).stderr
    assert "no such file" in run("eval", "--health", "nothing", status=3).stderr
    assert "measures text: pass a corpus" in run("eval", "small", status=1).stderr
