"""Metrics, one file per family; importing this package registers them all.

To add one: write a frozen dataclass of one of the three shapes of `tokbench.measurement` in a family's file and
decorate it with `tokbench.plugin.register`.
"""

from tokbench.metrics import (
    codes,
    compression,
    conditional,
    encoding_speed,
    fairness,
    inequality,
    information,
    isolated_words,
    length,
    nsl,
    overlap,
    premium,
    ranks,
    segmentation_difference,
    successors,
    token_length,
    token_tax,
    unknown,
    vocabulary,
    words,
)
from tokbench.plugin import describe, names, parameters

__all__ = [
    "codes",
    "compression",
    "conditional",
    "describe",
    "encoding_speed",
    "fairness",
    "inequality",
    "information",
    "isolated_words",
    "length",
    "names",
    "nsl",
    "overlap",
    "parameters",
    "premium",
    "ranks",
    "segmentation_difference",
    "successors",
    "token_length",
    "token_tax",
    "unknown",
    "vocabulary",
    "words",
]
