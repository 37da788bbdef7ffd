"""The README's commands do what it says: the first is run word for word in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _blocks() -> list[str]:
    return re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_first_command_trains_and_evaluates_on_the_sample(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    keep = shutil.ignore_patterns(".git", ".venv", "target", "__pycache__", "*.so", "build", "my-tokenizer")
    shutil.copytree(ROOT, checkout, ignore=keep)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "rust_ext" / "target")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _blocks()[0]],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (checkout / "my-tokenizer" / "tokenizer.json").is_file()
    for word in ("my-tokenizer", "fertility", "parity"):
        assert word in done.stdout


def test_the_second_command_is_what_continuous_integration_runs() -> None:
    second = _blocks()[1]
    assert "pytest" in second
    assert "cargo test" in second
    assert "blocks[1]" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
