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
from tokbench.metrics import kernels
from tokbench.metrics.conditional import check_choice
from tokbench.metrics.counting import Characters
from tokbench.metrics.spans import token_spans, token_units, unit_starts
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import EncodedBatch, Kind

    Ints = NDArray[np.int64]

NONE_DECLARED = Undefined("the tokenizer declares no unknown token")
OVER = ("tokens", "characters")
PLAIN = ("Zinh", "Zyyy", "Zzzz")
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
        family="vocabulary",
        title="characters lost to the unknown token",
        formula="Σ characters covered by unknown tokens / C",
        unit="share",
        range="0 … 1; 0 = every character can be spelled",
        direction="lower",
        source="what a reader wants to know where one unknown token swallows a word",
        pitfalls="The encoder's spans decide what a token covers. Text that a normalizer drops is not "
        "covered by any token.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Covered and all characters."""
        return (UnknownCharacters(), Characters())

    def reduce(self, stats: Stats) -> Value:
        """Covered over all; undefined where no unknown token is declared."""
        return NONE_DECLARED if stats.unk_id is None else super().reduce(stats)


def script_names() -> tuple[str, ...]:
    """Return the ISO 15924 codes of the script numbers."""
    return tuple(_rust.script_names())


@dataclass(frozen=True)
class UnknownByScript(Statistic):
    """Four columns by script number: tokens, unknown tokens, characters, characters that unknown tokens cover."""

    kind: ClassVar[Kind] = "histogram"
    columns: ClassVar[int] = 4

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count tokens by the script of what they cover; nothing where no unknown token is declared."""
        names = script_names()
        if batch.tokenizer.unk_id is None:
            return np.zeros((len(names), 4), np.int64)
        text = batch.text
        scripts = text.once("byte_scripts", lambda text: _rust.byte_scripts(text.data, text.offsets))
        plain = np.array([name in PLAIN for name in names], np.bool_)
        starts, ends = token_spans(batch)
        of_token = kernels.script_of_spans(scripts, starts, ends, plain)
        covers = of_token >= 0
        unknown = _unknown(batch) & covers
        first = unit_starts(text, "character")
        of_character = scripts[np.flatnonzero(np.diff(first))]
        lengths = token_units(batch, "character")
        columns = (
            np.bincount(of_token[covers], minlength=len(names)),
            np.bincount(of_token[unknown], minlength=len(names)),
            np.bincount(of_character, minlength=len(names)),
            np.bincount(of_token[unknown], lengths[unknown], len(names)).astype(np.int64),
        )
        return np.stack(columns, axis=1)


@register
@dataclass(frozen=True)
class UnknownByScriptRate(CorpusMetric):
    """Unknown rate of each script of the text: one row for each script that occurs.

    Example:
        >>> UnknownByScriptRate(script="Cyrl", over="characters").script
        'Cyrl'
    """

    script: str | None = None
    over: str = "tokens"
    pooling: ClassVar[str] = "ratio_of_sums"
    absent: ClassVar[str] = "no text in this script"
    about: ClassVar[About] = About(
        name="unk_by_script",
        family="vocabulary",
        title="unknown-token rate by script",
        formula="unknown tokens / tokens of a script; over=characters: characters that its unknown tokens cover / "
        "characters of the script. Scripts are ISO 15924 codes",
        unit="share",
        range="0 … 1; over characters above 1 where unknown tokens swallow text of other scripts too",
        direction="lower",
        source="TokEval sanity check C13, which warns above 0.01 on probe texts; here on the corpus",
        pitfalls="A token belongs to the script of the first character it covers that has one of its own; digits, "
        "punctuation and spaces are Zyyy. Rare scripts rest on few tokens.",
    )

    def __post_init__(self) -> None:
        check_choice(self.about.name, "over", self.over, OVER)
        if self.script is not None:
            check_choice(
                self.about.name, "script", self.script, tuple(name for name in script_names() if name)
            )

    def statistics(self) -> tuple[Statistic, ...]:
        """Tokens and characters by script."""
        return (UnknownByScript(),)

    def components(self, stats: Stats) -> tuple[CorpusMetric, ...]:
        """One for each script that occurs, most characters first."""
        if self.script is not None or stats.unk_id is None:
            return (self,)
        counts = stats.documents(UnknownByScript())[:, 2]
        order = np.argsort(-counts, kind="stable")
        names = script_names()
        return tuple(replace(self, script=names[number]) for number in order.tolist() if counts[number])

    def reduce(self, stats: Stats) -> Value:
        """Unknown over all of the script; undefined where no unknown token is declared."""
        if stats.unk_id is None:
            return NONE_DECLARED
        table = stats.documents(UnknownByScript())
        number = script_names().index(self.script) if self.script is not None else -1
        row = table[number] if 0 <= number < len(table) else np.zeros(4, np.int64)
        above, below = (row[1], row[0]) if self.over == "tokens" else (row[3], row[2])
        return ratio(int(above), int(below), self.absent)
