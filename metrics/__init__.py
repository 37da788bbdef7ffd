"""Metrics, one file per family; importing this package registers them all.

To add one: write a frozen dataclass of one of the three shapes of `tokbench.measurement` in a family's file and
decorate it with `tokbench.plugin.register`.
"""

from tokbench.metrics import (
    ambiguity,
    characters,
    code,
    fairness,
    information,
    integrity,
    length,
    numbers,
    utf8,
    vocabulary,
    words,
)
from tokbench.plugin import describe, names, parameters

__all__ = [
    "ambiguity", "characters", "code", "describe", "fairness", "information", "integrity", "length", "names", "numbers",
    "parameters", "utf8", "vocabulary", "words",
]  # fmt: skip
