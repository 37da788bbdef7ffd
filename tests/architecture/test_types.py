"""``mypy --strict`` over the package as it is installed, and the stub against the compiled extension.

``metrics/`` and ``corpora/`` lie beside ``tokbench/`` in the checkout but are imported from inside of it, which
no type checker can map; the check therefore runs on a copy laid out like the wheel.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_mypy_strict(tmp_path: Path) -> None:
    keep = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(ROOT / "tokbench", tmp_path / "tokbench", ignore=keep)
    shutil.copytree(ROOT / "metrics", tmp_path / "tokbench" / "metrics", ignore=keep)
    shutil.copytree(ROOT / "corpora", tmp_path / "tokbench" / "corpora", ignore=keep)
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=keep)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert _run("mypy", "tokbench", "tests", folder=tmp_path) == ""


def test_stub_matches_the_extension(tmp_path: Path) -> None:
    assert _run("mypy.stubtest", "tokbench._rust", "--concise", folder=tmp_path) == ""
