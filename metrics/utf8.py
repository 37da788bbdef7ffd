"""UTF-8 and grapheme integrity: tokens that hold half characters, characters and graphemes that are cut.

Source: section G2 of the metric catalogue. Completeness and crossing are properties of a token's own bytes, so one
table per tokenizer decides them whatever the vocabulary looks like; nothing is guessed from marker characters.
Characters are those that the tokens spell, exact with byte fallback too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import About, EncodedBatch, RatioOfSums, Statistic, TextBatch
from tokbench.metrics.alignment import ExactBytes, boundaries
from tokbench.metrics.columns import column
from tokbench.metrics.counting import Bytes, token_table, word_spans
from tokbench.metrics.span_kernels import add_by_row
from tokbench.metrics.utf8_kernels import classify_tokens, count_classes, count_split_characters
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

WHOLE, PARTED, CROSSING, UNKNOWN = range(4)
NO_TOKENS = "no tokens but the unknown one"


@dataclass(frozen=True)
class TokenForms(Statistic):
    """Tokens per document by what they spell: whole characters, part of one, parts and others, unknown."""

    columns: ClassVar[int] = 4

    def collect(self, batch: EncodedBatch) -> Ints:
        """Look every id up in a table made once per tokenizer."""
        return count_classes(batch.ids, batch.offsets, token_forms(batch), 4)


def token_forms(batch: EncodedBatch) -> NDArray[np.uint8]:
    """Return what each id spells: `WHOLE`, `PARTED`, `CROSSING` or `UNKNOWN`."""

    def classify() -> NDArray[np.uint8]:
        forms = classify_tokens(*token_table(batch))
        if batch.tokenizer.unk_id is not None:
            forms[batch.tokenizer.unk_id] = UNKNOWN
        return forms

    return batch.remember("token_forms", classify)


@dataclass(frozen=True)
class SplitCharacters(Statistic):
    """Characters that the tokens spell by width 1 … 4, then the cut ones of each width, per document."""

    columns: ClassVar[int] = 8

    def collect(self, batch: EncodedBatch) -> Ints:
        """Walk over the bytes of the tokens; the unknown token spells nothing."""
        arena, places = token_table(batch)
        ids, rows = batch.ids, batch.offsets
        unknown = batch.tokenizer.unk_id
        if unknown is not None and (ids == unknown).any():
            known = ids != unknown
            rows = np.concatenate([np.zeros(1, np.int64), np.cumsum(known)])[rows]
            ids = ids[known]
        return count_split_characters(ids, rows, arena, places)


@register
@dataclass(frozen=True)
class Utf8Completeness(RatioOfSums):
    """Share of tokens whose bytes alone are well-formed UTF-8."""

    otherwise: ClassVar[str] = NO_TOKENS
    about: ClassVar[About] = About(
        name="utf8_completeness",
        title="UTF-8 token completeness",
        formula="tokens whose bytes are well-formed UTF-8 by themselves / tokens",
        unit="share",
        range="0 … 1; 1 = every token can be shown",
        direction="higher",
        source="TokEval UTF-8 token completeness; caf|C3|A9 → 1/3",
        pitfalls="Falls with the share of scripts that the vocabulary spells in bytes. Unknown tokens spell nothing "
        "and are left out; read unk_rate beside it.",
        aliases=("utf8_token_completeness",),
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Whole tokens and all but the unknown one."""
        forms = TokenForms()
        return column(forms, WHOLE), column(forms, WHOLE, PARTED, CROSSING)


@register
@dataclass(frozen=True)
class Utf8Crossing(RatioOfSums):
    """Share of tokens that hold bytes of two or more characters of which one is incomplete."""

    otherwise: ClassVar[str] = NO_TOKENS
    about: ClassVar[About] = About(
        name="utf8_crossing",
        title="character-boundary crossing",
        formula="tokens with bytes of ≥ 2 characters, at least one of them incomplete / tokens",
        unit="share",
        range="0 … 1; 0 = no token glues parts of different characters",
        direction="lower",
        source="TokEval boundary-crossing rate; C3|A9 E4|BD A0 → 1/3",
        pitfalls="0 for tokenizers over characters by construction. Such tokens can be shown in no context.",
        aliases=("utf8_boundary_crossing",),
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Crossing tokens and all but the unknown one."""
        forms = TokenForms()
        return column(forms, CROSSING), column(forms, WHOLE, PARTED, CROSSING)


WIDTHS = {"all": (0, 1, 2, 3), "multibyte": (1, 2, 3), "2": (1,), "3": (2,), "4": (3,)}
"""Which characters a split rate is over: columns of `SplitCharacters`."""


@register
@dataclass(frozen=True)
class CharacterSplitRate(RatioOfSums):
    """Share of characters that a token boundary cuts, by their width in bytes.

    Example:
        >>> [metric.width for metric in CharacterSplitRate().expand()]
        ['all', 'multibyte', '2', '3', '4']
    """

    width: str | None = None
    otherwise: ClassVar[str] = "no characters of this width"
    about: ClassVar[About] = About(
        name="character_split_rate",
        title="characters cut by token boundaries",
        formula="characters with a token boundary between their bytes / characters",
        unit="share",
        range="0 … 1; 0 = no character is cut",
        direction="lower",
        source="TokEval char_split by byte width; ni-hao with the first character cut → 1/2",
        pitfalls="width=all counts ASCII, which cannot be cut; width=multibyte does not. A character is a code point, "
        "a byte outside of well-formed UTF-8 is one of its own. Characters are those that the tokens spell: after a "
        "normalizer they are not the text's (aligned_fraction says how much of the text is spelled to the byte).",
    )

    def __post_init__(self) -> None:
        if self.width is not None and self.width not in WIDTHS:
            message = f"character_split_rate: width={self.width!r}; known: {', '.join(WIDTHS)}"
            raise MetricError(message)

    def expand(self) -> tuple[CharacterSplitRate, ...]:
        """One for each width."""
        return (self,) if self.width is not None else tuple(replace(self, width=width) for width in WIDTHS)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Cut characters and characters."""
        widths = WIDTHS[self.width or "all"]
        counts = SplitCharacters()
        return column(counts, *(width + 4 for width in widths)), column(counts, *widths)


@register
@dataclass(frozen=True)
class AlignedFraction(RatioOfSums):
    """Share of the text whose documents the tokens spell to the byte."""

    otherwise: ClassVar[str] = "no bytes"
    about: ClassVar[About] = About(
        name="aligned_fraction",
        title="text spelled to the byte",
        formula="bytes of documents that their tokens spell, one space before them aside / bytes",
        unit="share",
        range="0 … 1; 1 = token boundaries are exact everywhere",
        direction="higher",
        source="TokEval aligned fraction of char_split, there by its own alignment",
        pitfalls="Whole documents: one unknown token or changed letter takes its document out. Elsewhere boundaries "
        "are the spans that the tokenizer reports.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Bytes of exact documents and bytes."""
        return ExactBytes(), Bytes()


CLUSTERS = ("all", "composed")
"""All grapheme clusters, or those of more than one code point."""


def grapheme_spans(text: TextBatch) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Return starts and ends of the grapheme clusters, the rows of documents, and which are composed; once per text."""

    def find(batch: TextBatch) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
        starts, ends, rows = word_spans(batch, "grapheme")
        leads = np.concatenate([np.zeros(1, np.int64), np.cumsum(batch.data & 0xC0 != 0x80)])
        return starts, ends, rows, leads[ends] - leads[starts] > 1

    return text.once("grapheme_spans", find)


@dataclass(frozen=True)
class SplitGraphemes(Statistic):
    """Grapheme clusters, composed ones, cut ones, composed cut ones, per document."""

    columns: ClassVar[int] = 4

    def collect(self, batch: EncodedBatch) -> Ints:
        """Walk over clusters and token boundaries together."""
        starts, ends, rows, composed = grapheme_spans(batch.text)
        _, cuts = boundaries(batch).inside(starts, ends, rows)
        cut = cuts > 0
        of_text = batch.text.once("composed_graphemes", lambda _: add_by_row(composed.astype(np.int64), rows))
        counted = [add_by_row(each.astype(np.int64), rows) for each in (cut, cut & composed)]
        return np.stack([np.diff(rows), of_text, *counted], axis=1)


@register
@dataclass(frozen=True)
class GraphemeSplitRate(RatioOfSums):
    """Share of grapheme clusters, what a reader takes for a character, that a token boundary cuts.

    Example:
        >>> [metric.clusters for metric in GraphemeSplitRate().expand()]
        ['all', 'composed']
    """

    clusters: str | None = None
    otherwise: ClassVar[str] = "no such grapheme clusters"
    about: ClassVar[About] = About(
        name="grapheme_split_rate",
        title="grapheme clusters cut by token boundaries",
        formula="extended grapheme clusters with a token boundary inside / clusters",
        unit="share",
        range="0 … 1; 0 = no cluster is cut",
        direction="lower",
        source="Unicode Standard Annex 29, extended grapheme clusters; no existing suite has it",
        pitfalls="clusters=composed counts those of several code points (marks, conjuncts, emoji sequences, CR LF), "
        "the only ones that a tokenizer over characters can cut. Cutting before a mark may be wanted in "
        "Hebrew or Arabic.",
    )

    def __post_init__(self) -> None:
        if self.clusters is not None and self.clusters not in CLUSTERS:
            message = f"grapheme_split_rate: clusters={self.clusters!r}; known: {', '.join(CLUSTERS)}"
            raise MetricError(message)

    def expand(self) -> tuple[GraphemeSplitRate, ...]:
        """One over all clusters and one over the composed ones."""
        if self.clusters is not None:
            return (self,)
        return tuple(replace(self, clusters=clusters) for clusters in CLUSTERS)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Cut clusters and clusters."""
        counts, place = SplitGraphemes(), CLUSTERS.index(self.clusters or "all")
        return column(counts, place + 2), column(counts, place)
