"""Variants: tokens that differ only in case, in white space around them, or in their normal form.

Source: section J of the metric catalogue: a model sees a word and its capitalised, spaced and decomposed spellings as
ids that share nothing.

The folds of ASCII are folds of bytes; only the other tokens go through Python's own case folding and normal forms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar
from unicodedata import normalize

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import (
    About,
    EncodedBatch,
    MeasuredTokenizer,
    RatioOfSums,
    Statistic,
    Undefined,
    Value,
    VocabMetric,
)
from tokbench.metrics.ambiguity import ordinary_ids
from tokbench.metrics.columns import column
from tokbench.metrics.counting import token_table
from tokbench.metrics.span_kernels import number_spans
from tokbench.metrics.utf8_kernels import count_classes
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]


def _case(texts: Iterable[str]) -> list[str]:
    return [normalize("NFC", text.casefold()) for text in texts]


def _space(texts: Iterable[str]) -> list[str]:
    return [text.strip() or text for text in texts]


def _normal_form(texts: Iterable[str]) -> list[str]:
    return [normalize("NFKC", text) for text in texts]


def _any(texts: Iterable[str]) -> list[str]:
    return [normalize("NFKC", text.casefold()) for text in _space(texts)]


FOLDS: Mapping[str, Callable[[Iterable[str]], list[str]]] = {
    "case": _case,
    "space": _space,
    "normal_form": _normal_form,
    "any": _any,
}
"""What variants of one word have in common."""

_ASCII_FOLDS: Mapping[str, tuple[bool, bool]] = {
    "case": (True, False),
    "space": (False, True),
    "normal_form": (False, False),
    "any": (True, True),
}
"""What `FOLDS` do to ASCII: whether they lower letters, and whether they strip white space."""


class VocabularyTexts:
    """The ordinary tokens of a vocabulary that are text, ready to be folded.

    Attributes:
        ids: their ids, rising.
    """

    def __init__(self, tokenizer: MeasuredTokenizer, arena: Bytes, places: Ints) -> None:
        ids = ordinary_ids(tokenizer, places)
        high = np.concatenate([np.zeros(1, np.int64), np.cumsum(arena >= 0x80)])
        plain = high[places[ids]] == high[places[ids + 1]]
        flat = arena.tobytes()
        at, self._texts = [], []
        for place, begin, end in zip(
            np.flatnonzero(~plain).tolist(),
            places[ids[~plain]].tolist(),
            places[ids[~plain] + 1].tolist(),
            strict=True,
        ):
            try:
                self._texts.append(flat[begin:end].decode())
            except UnicodeDecodeError:
                continue
            at.append(place)
        text = plain.copy()
        text[at] = True
        self.ids: Ints = ids[text]
        self._n_ids = len(places) - 1
        self._arena = arena
        self._starts, self._ends = places[self.ids], places[self.ids + 1]
        self._other = np.flatnonzero(~plain[text])

    def families(self, kind: str) -> Ints:
        """Return which family each of the texts belongs to, numbered in the order of their first member."""
        lowers, strips = _ASCII_FOLDS[kind]
        arena, starts, ends = self._arena, self._starts.copy(), self._ends.copy()
        if lowers:
            arena = np.where((arena >= 0x41) & (arena <= 0x5A), arena + np.uint8(0x20), arena)
        if strips:
            _strip(self._arena, starts, ends)
        folded = FOLDS[kind](self._texts)
        data = np.frombuffer("".join(folded).encode(), np.uint8)
        # From the characters before each text to the bytes before it.
        leads = np.append(np.flatnonzero(data & 0xC0 != 0x80), len(data))
        edges = leads[np.array([0, *accumulate(map(len, folded))], np.int64)] + len(arena)
        starts[self._other], ends[self._other] = edges[:-1], edges[1:]
        return number_spans(np.concatenate([arena, data]), starts, ends)[0]

    def sizes(self, kind: str) -> Ints:
        """Return for each id how many members its family has; 0 where it is no text."""
        which = self.families(kind)
        by_id = np.zeros(self._n_ids, np.int64)
        by_id[self.ids] = np.bincount(which)[which]
        return by_id


_SPACE = np.array([chr(byte).isspace() for byte in range(0x80)] + [False] * 0x80)


def _strip(arena: Bytes, starts: Ints, ends: Ints) -> None:
    """Take white space off both ends of spans of ASCII; what is nothing else stays whole."""
    first, last = starts.copy(), ends.copy()
    opened = np.arange(len(starts))
    while len(opened):
        opened = opened[_SPACE[arena[first[opened]]]]
        first[opened] += 1
        opened = opened[first[opened] < last[opened]]
    opened = np.flatnonzero(first < last)
    kept = opened
    while len(opened):
        opened = opened[_SPACE[arena[last[opened] - 1]]]
        last[opened] -= 1
    starts[kept], ends[kept] = first[kept], last[kept]


def variant_families(tokenizer: MeasuredTokenizer, kind: str) -> tuple[Ints, Ints]:
    """Return, by id, which family of variants it belongs to (-1: no text, or special), and the size of that family.

    Example:
        >>> variant_families(tokenizer, "case")  # doctest: +SKIP
    """
    arena, places = tokenizer.token_arrays()
    texts = VocabularyTexts(tokenizer, arena, places)
    family = np.full(len(places) - 1, -1, np.int64)
    family[texts.ids] = texts.families(kind)
    return family, texts.sizes(kind)


def _check_kind(metric: str, kind: str | None) -> None:
    if kind is not None and kind not in FOLDS:
        message = f"{metric}: kind={kind!r}; known: {', '.join(FOLDS)}"
        raise MetricError(message)


@register
@dataclass(frozen=True)
class VariantFamilies(VocabMetric):
    """Mean number of tokens that differ only in case, white space around them or normal form.

    Example:
        >>> [metric.kind for metric in VariantFamilies().expand()]
        ['case', 'space', 'normal_form', 'any']
    """

    kind: str | None = None
    about: ClassVar[About] = About(
        name="variant_families",
        family="ambiguity",
        title="variants per word of the vocabulary",
        formula="ordinary tokens that are text / families of them with the same case folding, stripped form, "
        "NFKC form, or all three",
        unit="tokens/family",
        range="1 … V; 1 = no word is in the vocabulary twice",
        direction="lower",
        source="section J of the catalogue: casing, space and normal-form families",
        pitfalls="Variants are wanted where case carries meaning; they share no embedding unless training ties them.",
    )

    def __post_init__(self) -> None:
        _check_kind(self.about.name, self.kind)

    def expand(self) -> tuple[VariantFamilies, ...]:
        """One for each kind."""
        return (self,) if self.kind is not None else tuple(replace(self, kind=kind) for kind in FOLDS)

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Tokens over families."""
        family, _ = variant_families(tokenizer, self.kind or "any")
        taken = family[family >= 0]
        return len(taken) / (int(taken.max()) + 1) if len(taken) else Undefined("no token is text")


@dataclass(frozen=True)
class TokensWithVariants(Statistic):
    """Tokens of the text that are text themselves, and those whose family has several members, per document."""

    variant: str
    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> Ints:
        """Look every id up in a table made once per tokenizer."""

        def classify() -> dict[str, NDArray[np.uint8]]:
            # All kinds at once: reading the vocabulary costs as much as folding it.
            texts = VocabularyTexts(batch.tokenizer, *token_table(batch))
            return {kind: np.minimum(texts.sizes(kind), 2).astype(np.uint8) for kind in FOLDS}

        classes = batch.remember("variants", classify)[self.variant]
        counts = count_classes(batch.ids, batch.offsets, classes, 3)
        return np.stack([counts[:, 1] + counts[:, 2], counts[:, 2]], axis=1)


@register
@dataclass(frozen=True)
class VariantExposure(RatioOfSums):
    """Share of the text's tokens that have a variant in the vocabulary.

    Example:
        >>> len(VariantExposure().expand())
        4
    """

    kind: str | None = None
    otherwise: ClassVar[str] = "no tokens that are text"
    about: ClassVar[About] = About(
        name="variant_exposure",
        family="ambiguity",
        title="tokens of the text with variants",
        formula="tokens whose family of variants has ≥ 2 members / tokens that are text",
        unit="share",
        range="0 … 1; 0 = no token of the text has a double",
        direction="neither",
        source="section J of the catalogue",
        pitfalls="Short tokens have more variants.",
    )

    def __post_init__(self) -> None:
        _check_kind(self.about.name, self.kind)

    def expand(self) -> tuple[VariantExposure, ...]:
        """One for each kind."""
        return (self,) if self.kind is not None else tuple(replace(self, kind=kind) for kind in FOLDS)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Tokens with variants and tokens."""
        tokens = TokensWithVariants(self.kind or "any")
        return column(tokens, 1), column(tokens, 0)
