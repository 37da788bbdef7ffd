"""One version everywhere: package, extension, Cargo workspace, project file."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import tokbench
from tokbench import _rust

ROOT = Path(__file__).resolve().parents[2]


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    cargo = tomllib.loads((ROOT / "rust_ext" / "Cargo.toml").read_text(encoding="utf-8"))
    assert tokbench.__version__ == _rust.__version__ == project["project"]["version"]
    assert cargo["workspace"]["package"]["version"] == tokbench.__version__


def test_the_extension_is_a_release_build() -> None:
    assert _rust.BUILD_PROFILE == "release"


def test_a_foreign_extension_is_refused() -> None:
    program = (
        "import sys, types\n"
        "fake = types.ModuleType('tokbench._rust'); fake.__version__ = '0.0.0'; fake.__file__ = 'elsewhere.so'\n"
        "sys.modules['tokbench._rust'] = fake\n"
        "import tokbench\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "elsewhere.so" in done.stderr
    assert "reinstall tokbench" in done.stderr


def test_nothing_is_installed_under_the_bare_names(tmp_path: Path) -> None:
    program = (
        "import importlib.util as u, tokbench.metrics, tokbench.corpora\n"
        "assert u.find_spec('metrics') is None, u.find_spec('metrics')\n"
        "assert u.find_spec('corpora') is None, u.find_spec('corpora')\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
