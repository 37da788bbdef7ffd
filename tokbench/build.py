"""What this build of tokbench is: versions, profile, threads, CPU features."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from tokbench import _rust

REPORTED = ("numpy", "polars", "numba", "scipy", "tokenizers", "sentencepiece", "typer", "rich")
"""The packages whose versions can change a result or a table."""


def build_facts() -> dict[str, str]:
    """Collect name → value of everything that identifies this build and machine.

    Example:
        >>> build_facts()["profile"] in ("release", "debug")
        True

    """
    facts = {
        "tokbench": _rust.__version__,
        "profile": _rust.BUILD_PROFILE,
        "threads": str(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        ),
        "cpu features": " ".join(_rust.cpu_features()) or "none",
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    for package in REPORTED:
        facts[package] = importlib.metadata.version(package)
    return facts


def describe_build() -> str:
    """Render the facts, one per line, for ``tokbench --version``.

    Example:
        >>> describe_build().startswith("tokbench ")
        True

    """
    facts = build_facts()
    width = max(map(len, facts))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())
