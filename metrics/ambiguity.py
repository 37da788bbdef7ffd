"""Non-unique encodings: how many id sequences spell one text, and which of a stream are the tokenizer's own.

Source: section J of the metric catalogue; Ayoobi et al. 2026, "Say Anything but This": models emit id sequences that
decode to the same text as the canonical ones. S(w) counts the sequences of ordinary ids (special and unknown tokens
aside) whose bytes spell w.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

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
from tokbench.metrics.alignment import spelling, token_table
from tokbench.metrics.columns import column
from tokbench.metrics.counting import Bytes
from tokbench.metrics.trie_kernels import build_trie, log_segmentations
from tokbench.metrics.utf8_kernels import count_classes
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Trie = tuple[Ints, Ints, Ints]


def ordinary_ids(tokenizer: MeasuredTokenizer, places: Ints) -> Ints:
    """Return the ids that spell text: all with bytes but special tokens and the unknown one."""
    spelling = np.diff(places) > 0
    aside = [*tokenizer.special_tokens.values(), *([] if tokenizer.unk_id is None else [tokenizer.unk_id])]
    spelling[[token_id for token_id in aside if token_id < len(spelling)]] = False
    return np.flatnonzero(spelling)


def trie_of(batch: EncodedBatch) -> Trie:
    """Return the trie of a tokenizer's ordinary ids, built once for an evaluation."""

    def build() -> Trie:
        arena, places = token_table(batch)
        return build_trie(arena, places, ordinary_ids(batch.tokenizer, places))

    return batch.remember("trie", build)


def segmentations(tokenizer: MeasuredTokenizer, text: str | bytes) -> int:
    """Return the number of id sequences that spell `text`, exactly.

    Example:
        >>> segmentations(tokenizer, "hello")  # doctest: +SKIP
        16
    """
    data = text.encode() if isinstance(text, str) else text
    arena, places = tokenizer.token_arrays()
    flat = arena.tobytes()
    spelled = Counter(flat[places[i] : places[i + 1]] for i in ordinary_ids(tokenizer, places).tolist())
    longest = max(map(len, spelled), default=0)
    ways = [1] + [0] * len(data)
    for end in range(1, len(data) + 1):
        for start in range(max(0, end - longest), end):
            if ways[start]:
                ways[end] += ways[start] * spelled[data[start:end]]
    return ways[-1]


@dataclass(frozen=True)
class LogSegmentations(Statistic):
    """log2 S of each document whose tokens spell it, and its bytes; 0 and 0 for the others."""

    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> NDArray[np.float64]:
        """Count over the trie; a space that the tokenizer puts before a text is spelled too."""
        text = batch.text
        _, spelled = spelling(batch)
        exact, prefixed = spelled > 0, (spelled == 2).astype(np.uint8)
        ways = log_segmentations(text.data, text.offsets, prefixed, *trie_of(batch))
        counted = exact & np.isfinite(ways)
        n_bytes = np.diff(text.offsets)
        return np.stack([np.where(counted, ways, 0.0), np.where(counted, n_bytes, 0)], axis=1).astype(
            np.float64
        )


@register
@dataclass(frozen=True)
class SegmentationEntropy(RatioOfSums):
    """How many id sequences spell the text, in bits per byte."""

    otherwise: ClassVar[str] = "no document is spelled by its tokens to the byte"
    about: ClassVar[About] = About(
        name="segmentation_bits",
        title="ambiguity of the text's encoding",
        formula="Σ_d log2 S(d) / Σ_d bytes(d), S = number of id sequences whose bytes spell d",
        unit="bits/byte",
        range="0 … ∞; 0 = every text has one spelling",
        direction="neither",
        source="Ayoobi et al. 2026 on non-unique encodings; the count is ours: aaa with {a, aa} → S = 3",
        pitfalls="Over the whole document: sequences that no pre-tokenizer would allow decode to it as well. Documents "
        "that come back changed, and tokenizers whose tokens do not concatenate (WordPiece), are left out. Grows with "
        "the vocabulary.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Bits and bytes."""
        return column(LogSegmentations(), 0), column(LogSegmentations(), 1)


@register
@dataclass(frozen=True)
class AmbiguousBytes(RatioOfSums):
    """Share of the text that `segmentation_bits` covers."""

    otherwise: ClassVar[str] = "no bytes"
    about: ClassVar[About] = About(
        name="segmentation_coverage",
        title="text whose spellings are counted",
        formula="bytes of documents whose ids concatenate to them / bytes",
        unit="share",
        range="0 … 1",
        direction="neither",
        source="companion of segmentation_bits",
        pitfalls="Below 1 the two describe a part of the text.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Return counted bytes and bytes."""
        return column(LogSegmentations(), 1), Bytes()


@register
@dataclass(frozen=True)
class TokenSegmentations(VocabMetric):
    """Mean over the vocabulary of the ways to spell a token, in bits per byte."""

    about: ClassVar[About] = About(
        name="token_segmentation_bits",
        title="ambiguity of the vocabulary's own tokens",
        formula="Σ_t log2 S(t) / Σ_t bytes(t) over ordinary tokens",
        unit="bits/byte",
        range="0 … ∞; 0 = no token can be spelled by others",
        direction="neither",
        source="Ayoobi et al. 2026; the count is ours",
        pitfalls="Single bytes and characters have one spelling: vocabularies with long tokens score higher.",
    )

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Count for each token over the trie of all."""
        arena, places = tokenizer.token_arrays()
        taken = ordinary_ids(tokenizer, places)
        if len(taken) == 0:
            return Undefined("no ordinary tokens")
        trie = build_trie(arena, places, taken)
        bits = log_segmentations(arena, places, np.zeros(len(places) - 1, np.uint8), *trie)
        return float(bits[taken].sum() / np.diff(places)[taken].sum())


@register
@dataclass(frozen=True)
class DuplicateSurfaces(VocabMetric):
    """Ids that spell what another id spells too."""

    about: ClassVar[About] = About(
        name="duplicate_surfaces",
        title="duplicate surfaces",
        formula="ordinary ids - distinct byte strings that they spell",
        unit="ids",
        range="0 … V - 1; 0 = every id spells something of its own",
        direction="lower",
        source="section J of the catalogue; <0x41> and A in SentencePiece vocabularies",
        pitfalls="Byte-fallback ids of ASCII duplicate the characters' own in every such vocabulary. WordPiece: ing "
        "and ##ing spell the same bytes at different places of a word.",
    )

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Count."""
        arena, places = tokenizer.token_arrays()
        taken = ordinary_ids(tokenizer, places)
        flat = arena.tobytes()
        return float(len(taken) - len({flat[places[i] : places[i + 1]] for i in taken.tolist()}))


def _spaceless(text: str) -> str:
    return text.strip() or text


FOLDS: Mapping[str, Callable[[str], str]] = {
    "case": lambda text: unicodedata.normalize("NFC", text.casefold()),
    "space": _spaceless,
    "normal_form": lambda text: unicodedata.normalize("NFKC", text),
    "any": lambda text: unicodedata.normalize("NFKC", _spaceless(text).casefold()),
}
"""What variants of one word have in common."""


def variant_families(tokenizer: MeasuredTokenizer, kind: str) -> tuple[Ints, Ints]:
    """Return, by id, which family of variants it belongs to (-1: no text, or special), and the size of that family.

    Example:
        >>> variant_families(tokenizer, "case")  # doctest: +SKIP
    """
    arena, places = tokenizer.token_arrays()
    flat = arena.tobytes()
    family = np.full(len(places) - 1, -1, np.int64)
    seen: dict[str, int] = {}
    fold = FOLDS[kind]
    for token_id in ordinary_ids(tokenizer, places).tolist():
        try:
            text = flat[places[token_id] : places[token_id + 1]].decode()
        except UnicodeDecodeError:
            continue
        family[token_id] = seen.setdefault(fold(text), len(seen))
    sizes = np.bincount(family[family >= 0], minlength=len(seen))
    by_id = np.zeros(len(family), np.int64)
    by_id[family >= 0] = sizes[family[family >= 0]]
    return family, by_id


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
        return len(taken) / len(np.unique(taken)) if len(taken) else Undefined("no token is text")


@dataclass(frozen=True)
class TokensWithVariants(Statistic):
    """Tokens of the text that are text themselves, and those whose family has several members, per document."""

    variant: str
    columns: ClassVar[int] = 2

    def collect(self, batch: EncodedBatch) -> Ints:
        """Look every id up in a table made once per tokenizer."""

        def classify() -> NDArray[np.uint8]:
            _, sizes = variant_families(batch.tokenizer, self.variant)
            return np.minimum(sizes, 2).astype(np.uint8)

        classes = batch.remember(("variants", self.variant), classify)
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
