"""Real processes of the installed command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = [sys.executable, "-c", "from tokbench.cli import main; main()"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``tokbench ARGUMENTS`` in an empty folder; standard input and the expected status by keyword."""

    def call(*arguments: str, stdin: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "PYTHONWARNINGS": "error"},
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return call
