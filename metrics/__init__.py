"""Metrics, one file per family; importing this package registers them all.

To add one: write a frozen dataclass of one of the three shapes of `tokbench.measurement` in a family's file and
decorate it with `tokbench.plugin.register`.
"""

from tokbench.metrics import (
    ambiguity,
    characters,
    code,
    codes,
    cognition,
    compression,
    conditional,
    encoding_speed,
    fairness,
    inequality,
    information,
    integrity,
    isolated_words,
    length,
    lexicon,
    morphology,
    morphscore,
    nsl,
    numbers,
    overlap,
    premium,
    ranks,
    segmentation_difference,
    successors,
    token_length,
    token_tax,
    unknown,
    utf8,
    vocabulary,
    words,
)
from tokbench.plugin import describe, names, parameters

__all__ = [
    "ambiguity", "characters", "code", "codes", "cognition", "compression", "conditional", "describe",
    "encoding_speed", "fairness", "inequality", "information", "integrity", "isolated_words", "length",
    "lexicon", "morphology", "morphscore", "names", "nsl", "numbers", "overlap", "parameters", "premium",
    "ranks", "segmentation_difference", "successors", "token_length", "token_tax", "unknown", "utf8",
    "vocabulary", "words",
]  # fmt: skip
