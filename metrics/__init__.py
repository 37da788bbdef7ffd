"""Metrics, one file per family; importing this package registers them all.

To add one: write a frozen dataclass of one of the three shapes of `tokbench.measurement` in a family's file and
decorate it with `tokbench.plugin.register`.
"""

from tokbench.metrics import (
    cognition,
    fairness,
    information,
    length,
    lexicon,
    morphology,
    morphscore,
    vocabulary,
    words,
)
from tokbench.plugin import describe, names, parameters

__all__ = [
    "cognition",
    "describe",
    "fairness",
    "information",
    "length",
    "lexicon",
    "morphology",
    "morphscore",
    "names",
    "parameters",
    "vocabulary",
    "words",
]
