"""Unknown tokens: what a vocabulary cannot spell, by script, and how much text that is.

Source: section C6 of the metric catalogue. One unknown token may swallow a word, so the share of tokens understates
what is lost: the characters that unknown tokens cover say it. The script of a token is that of the first character it
covers that has one of its own; the scripts Common and Inherited are named only where there is no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench import _rust
from tokbench.measurement import About, CorpusMetric, RatioOfSums, Statistic, Stats, Undefined, Value, ratio
from tokbench.metrics.conditional import check_choice
from tokbench.metrics.counting import Characters
from tokbench.metrics.spans import token_spans, token_units
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import EncodedBatch, Kind, TextBatch

    Ints = NDArray[np.int64]

NONE_DECLARED = Undefined("the tokenizer declares no unknown token")
OVER = ("tokens", "characters")
EXTRA = ("Zinh", "Zyyy", "Zzzz")
"""Inherited, Common, Unknown: scripts that say nothing of a language."""


def _unknown(batch: EncodedBatch) -> NDArray[np.bool_]:
    unknown = batch.tokenizer.unk_id
    return np.zeros(len(batch.ids), bool) if unknown is None else batch.ids == unknown


@dataclass(frozen=True)
class UnknownCharacters(Statistic):
    """Characters of each document that unknown tokens cover."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Add up their lengths."""
        if batch.tokenizer.unk_id is None:
            return np.zeros(len(batch.text), np.int64)
        covered = np.where(_unknown(batch), token_units(batch, "character"), 0)
        sums = np.zeros(len(covered) + 1, np.int64)
        np.cumsum(covered, out=sums[1:])
        return np.diff(sums[batch.offsets])


@register
@dataclass(frozen=True)
class UnknownCharacterShare(RatioOfSums):
    """Share of the text's characters that unknown tokens cover."""

    otherwise: ClassVar[str] = "no characters"
    about: ClassVar[About] = About(
        name="unk_characters",
        title="characters lost to the unknown token",
        formula="Σ characters covered by unknown tokens / C",
        unit="share",
        range="0 … 1; 0 = every character can be spelled",
        direction="lower",
        source="what a reader wants to know where one unknown token swallows a word",
        pitfalls="The encoder's spans decide what a token covers. Text that a normalizer drops is not covered by any token.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Covered and all characters."""
        return (UnknownCharacters(), Characters())

    def reduce(self, stats: Stats) -> Value:
        """Covered over all; undefined where no unknown token is declared."""
        return NONE_DECLARED if stats.unk_id is None else super().reduce(stats)


@dataclass(frozen=True)
class UnknownByScript(Statistic):
    """Four columns by script number: tokens, unknown tokens, characters, characters that unknown tokens cover."""

    kind: ClassVar[Kind] = "histogram"
    columns: ClassVar[int] = 4

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count tokens by the script of what they cover."""
        n_scripts = len(_rust.script_names())
        scripts = character_scripts(batch.text)
        starts, ends = token_spans(batch)
        of_token = _rust.first_script(scripts, starts, ends)
        unknown = _unknown(batch)
        lengths = token_units(batch, "character")
        known = scripts[scripts != NO_SCRIPT]
        result = np.zeros((n_scripts, 4), np.int64)
        result[:, 0] = np.bincount(of_token, minlength=n_scripts)[:n_scripts]
        result[:, 1] = np.bincount(of_token[unknown], minlength=n_scripts)[:n_scripts]
        result[:, 2] = np.bincount(known, minlength=n_scripts)[:n_scripts]
        covered = np.bincount(of_token[unknown], lengths[unknown], n_scripts)
        result[:, 3] = covered[:n_scripts].astype(np.int64)
        return result
