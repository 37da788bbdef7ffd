"""What every test may use: the shared data folder, when there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _find_shared() -> Path | None:
    named = os.environ.get("TOKBENCH_SHARED")
    candidates = (
        [Path(named)] if named else [parent.parent / "shared" for parent in Path(__file__).resolve().parents]
    )
    return next((path for path in candidates if (path / "data").is_dir()), None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real text, real tokenizers and golden results; skips where it is absent."""
    found = _find_shared()
    if found is None:
        pytest.skip("no shared data folder beside the checkout (set TOKBENCH_SHARED to name one)")
    return found
