"""Overlap of two vocabularies, compared by what their tokens stand for.

Source: section C5 of the metric catalogue; TokLens compares spellings, in which ``Ġdog`` and ``▁dog`` differ. Here a
vocabulary is the set of its tokens' bytes, special tokens and holes left out; two ids of the same bytes are one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from tokbench.errors import MetricError
from tokbench.measurement import About, Cell, MeasuredTokenizer, Setting, Undefined, Value, VocabMetric, ratio
from tokbench.metrics.conditional import check_choice
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHOWN = ("jaccard", "shared", "only_here", "only_there", "contained")


def surfaces(tokenizer: MeasuredTokenizer) -> frozenset[bytes]:
    """Return the bytes of all tokens that text can make."""
    arena, places = tokenizer.token_arrays()
    data, bounds = arena.tobytes(), places.tolist()
    special = set(tokenizer.special_tokens.values())
    return frozenset(
        data[begin:end]
        for token, (begin, end) in enumerate(pairwise(bounds))
        if end > begin and token not in special
    )


def compare(here: frozenset[bytes], there: frozenset[bytes], show: str) -> Value:
    """Return one figure of the overlap."""
    shared = len(here & there)
    if show == "jaccard":
        return ratio(shared, len(here) + len(there) - shared, "both vocabularies are empty")
    if show == "contained":
        return ratio(shared, len(here), "the vocabulary is empty")
    return float({"shared": shared, "only_here": len(here) - shared, "only_there": len(there) - shared}[show])


@register
@dataclass(frozen=True)
class VocabularyOverlap(VocabMetric):
    """Tokens that two vocabularies share.

    Example:
        >>> compare(frozenset({b"a", b"b"}), frozenset({b"b", b"c"}), "jaccard")
        0.3333333333333333
    """

    show: str | None = None
    against: str | None = None
    about: ClassVar[About] = About(
        name="vocabulary_overlap",
        family="vocabulary",
        title="vocabulary overlap",
        formula="A, B = sets of token bytes: jaccard |A ∩ B| / |A ∪ B|, shared |A ∩ B|, only_here |A - B|, "
        "only_there |B - A|, contained |A ∩ B| / |A|",
        unit="share",
        range="0 … 1 for jaccard and contained; tokens otherwise",
        direction="neither",
        source="TokLens compute_vocab_overlap, there on spellings",
        pitfalls="Special tokens take no part. A larger vocabulary contains more of a smaller one by "
        "itself: read jaccard "
        "beside contained.",
    )

    def __post_init__(self) -> None:
        if self.show is not None:
            check_choice(self.about.name, "show", self.show, SHOWN)

    def bind(self, setting: Setting) -> VocabularyOverlap:
        """Take the evaluation's baseline where no tokenizer is named.

        Raises:
            MetricError: when the tokenizer is not evaluated.
        """
        bound = self if self.against is not None else replace(self, against=setting.baseline)
        if bound.against not in setting.tokenizers:
            message = (
                f"vocabulary_overlap: the tokenizer {bound.against!r} is not evaluated; "
                f"evaluated: {', '.join(setting.tokenizers)}"
            )
            raise MetricError(message)
        return bound

    def expand(self) -> tuple[VocabularyOverlap, ...]:
        """One for each figure."""
        return (self,) if self.show is not None else tuple(replace(self, show=show) for show in SHOWN)

    def unit(self) -> str:
        """Share, or tokens."""
        return "share" if self.show in ("jaccard", "contained", None) else "tokens"

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Needs the other tokenizer."""
        return Undefined(f"{tokenizer.name} is compared with {self.against}, which is not at hand")

    def beside(self, tokenizer: MeasuredTokenizer, others: Mapping[str, MeasuredTokenizer]) -> Iterable[Cell]:
        """Compare with the other tokenizer."""
        assert self.against is not None, "bound by evaluate"
        assert self.show is not None, "expanded by evaluate"
        value = compare(surfaces(tokenizer), surfaces(others[self.against]), self.show)
        yield Cell("all", value, "vocabulary", tokenizer.vocab_size)
