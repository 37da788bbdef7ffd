"""%Lang and %Pure: how many tokens are words, roots or affixes of the language.

Source: %TR and %Pure of Bayram et al. 2025 (arXiv 2502.07057), made offline and general: any language, from a lexicon
and a list of roots and affixes (`tokbench.lexicon.open_lexicon`). The paper's text divides %TR by the tokens of the
text, its program and tables by the distinct ones; here ``lang_share`` is by tokens and ``lang_share_types`` by types,
and likewise for ``pure_share``.

The rule for a token: its bytes must be text (a part of a character is none); white space around it is dropped; where
there is white space inside, every part must be valid; letter case is ignored as ``case`` says. A vocabulary whose ids
are classes of surface forms names them with ``surface``: a token is valid when one of its forms is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from tokbench.errors import MetricError
from tokbench.lexicon import NORMAL_FORMS
from tokbench.lexicon.words import TURKISH_MORPHEMES
from tokbench.measurement import (
    About,
    CorpusMetric,
    EncodedBatch,
    RatioOfSums,
    Setting,
    Statistic,
    Stats,
    Undefined,
    Value,
    VocabMetric,
    ratio,
)
from tokbench.metrics.verdicts import COUNTED, LANG, OTHER_FORM, PURE, Source, verdicts_of
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tokbench.measured import MeasuredTokenizer
    from tokbench.measurement import Totals
    from tokbench.statistic import Kind

NO_LEXICON = (
    "no lexicon: pass lexicon=FILE (words; a Hunspell .dic too) or morphemes=FILE (roots and affixes); "
    "tokbench ships none"
)
NO_TURKISH = (
    f"{NO_LEXICON}. The paper's Turkish set-up is a folder (lexicon=FOLDER) of {', '.join(TURKISH_MORPHEMES)}"
)
NONWORDS = ("count", "skip")

_PITFALLS = (
    "Favours short tokens: affixes of one or two letters are valid everywhere, so splitting more can raise "
    "it: on Turkish FLORES with the Turkish set-up GPT-2 has 0.826 by tokens, o200k_base 0.789 (by types "
    "0.463 and 0.578). "
    "Circular where the vocabulary was built from the list (tokenizers of the metric's authors score 98-99 "
    "%): read lexicon_overlap. The same model is 48.63 % in one paper and 40.96 % in the next, after the "
    "list changed. Numbers and punctuation count as invalid unless nonwords=skip. The paper splits tokens "
    "with inner white space before it looks them up, so its denominator is neither types nor tokens; here "
    "it is what the name says. Says little of model quality: the published correlation rests on 4 to 8 "
    "models."
)


@dataclass(frozen=True)
class _Judged(Statistic):
    """Tokens per document with a property, in documents of the lexicon's language."""

    source: Source
    bit: int

    def collect(self, batch: EncodedBatch) -> NDArray[np.int64]:
        """Judge the ids that occur, once each, and count."""
        if not self.source.speaks(batch.text.language):
            return np.zeros(len(batch.text), np.int64)
        verdicts = batch.remember(
            ("verdicts", self.source), lambda: verdicts_of(batch.tokenizer, self.source)
        )
        hits = (verdicts.of(batch.ids) & self.bit) != 0
        return np.diff(np.concatenate([np.zeros(1, np.int64), np.cumsum(hits)])[batch.offsets])


@dataclass(frozen=True)
class _TypesIn(Statistic):
    """Occurrences of each id in documents of the lexicon's language."""

    source: Source
    kind: ClassVar[Kind] = "types"

    def collect(self, batch: EncodedBatch) -> NDArray[np.int64]:
        """Count ids."""
        size = batch.tokenizer.vocab_size
        if not self.source.speaks(batch.text.language):
            return np.zeros(size, np.int64)
        return np.bincount(batch.ids, minlength=size).astype(np.int64)


@dataclass(frozen=True)
class _FromLexicon:
    """The parameters of the family.

    Args:
        lexicon: words: files separated by ``;``, a folder, or a ``.toml`` file.
        morphemes: roots and affixes: files separated by ``;``.
        language: the lexicon's language; other groups have no value. Needed where the corpus has several.
        case: ``exact``, ``lower`` or ``turkish``; Turkish for ``tur``, else lower.
        normalize: normal form of entries and tokens.
        nonwords: ``count`` tokens without a letter, or ``skip`` them.
        surface: ``MODULE:FUNCTION`` or ``FILE.json`` for vocabularies whose ids are classes of surface forms.
    """

    lexicon: str | None = None
    morphemes: str | None = None
    language: str | None = None
    case: str | None = None
    normalize: str = "keep"
    nonwords: str = "count"
    surface: str | None = None

    @property
    def source(self) -> Source:
        """Everything that decides a verdict."""
        return Source(
            self.lexicon,
            self.morphemes,
            self.language,
            self.case,
            self.normalize,
            self.nonwords,
            self.surface,
        )

    def missing(self) -> str | None:
        """Return why there is nothing to look up in, if that is so."""
        if self.lexicon is None and self.morphemes is None:
            return NO_TURKISH if self.source.speaks("tur") and self.language is not None else NO_LEXICON
        return None

    def data(self) -> Mapping[str, str]:
        """Name the lexicon by its fingerprint, for the signature."""
        return {} if self.missing() else {"lexicon": self.source.open().fingerprint}


def _check(name: str, metric: _FromLexicon, setting: Setting) -> None:
    for key, value, known in (
        ("normalize", metric.normalize, NORMAL_FORMS),
        ("nonwords", metric.nonwords, NONWORDS),
    ):
        if value not in known:
            message = f"{name}: {key}={value!r}; known: {', '.join(known)}"
            raise MetricError(message)
    if metric.missing() is None and metric.language is None and len(setting.languages) > 1:
        message = (
            f"{name}: the corpus has {len(setting.languages)} languages and a lexicon is of one; "
            f"say which with language= ({', '.join(setting.languages[:8])} …)"
        )
        raise MetricError(message)


@dataclass(frozen=True)
class _Share(_FromLexicon, RatioOfSums):
    """Tokens with a property over tokens."""

    bit: ClassVar[int] = LANG
    in_all: ClassVar[bool] = False
    otherwise: ClassVar[str] = "no tokens in the lexicon's language"

    def bind(self, setting: Setting) -> Self:
        """Check the parameters.

        Raises:
            MetricError: for an unknown value, or several languages and none named.
        """
        _check(self.about.name, self, setting)
        return self

    def terms(self) -> tuple[Statistic, Statistic]:
        """Return valid tokens and tokens."""
        return _Judged(self.source, self.bit), _Judged(self.source, COUNTED)

    def statistics(self) -> tuple[Statistic, ...]:
        """Nothing where there is no lexicon."""
        return () if self.missing() else self.terms()

    def reduce(self, stats: Stats) -> Value:
        """Divide; undefined without a lexicon."""
        reason = self.missing()
        return Undefined(reason) if reason else super().reduce(stats)

    def reduce_many(self, totals: Totals) -> NDArray[np.float64] | None:
        """Divide all; nothing to resample without a lexicon."""
        return None if self.missing() else super().reduce_many(totals)


@dataclass(frozen=True)
class _TypeShare(_FromLexicon, CorpusMetric):
    """Distinct tokens with a property over distinct tokens."""

    bit: ClassVar[int] = LANG
    in_all: ClassVar[bool] = False
    pooling: ClassVar[str] = "set_union"

    def bind(self, setting: Setting) -> Self:
        """Check the parameters.

        Raises:
            MetricError: for an unknown value, or several languages and none named.
        """
        _check(self.about.name, self, setting)
        return self

    def statistics(self) -> tuple[Statistic, ...]:
        """Return counts by id."""
        return () if self.missing() else (_TypesIn(self.source),)

    def reduce(self, stats: Stats) -> Value:
        """Divide; undefined without a lexicon or tokens."""
        reason = self.missing()
        if reason:
            return Undefined(reason)
        seen = np.flatnonzero(stats.documents(_TypesIn(self.source)))
        verdicts = stats.remember(
            ("verdicts", self.source), lambda tokenizer: verdicts_of(tokenizer, self.source)
        )
        found = verdicts.of(seen)
        return ratio(
            int(np.count_nonzero(found & self.bit)),
            int(np.count_nonzero(found & COUNTED)),
            "no tokens in the lexicon's language",
        )


@register
@dataclass(frozen=True)
class LangShare(_Share):
    """%Lang: share of the text's tokens that are words, roots or affixes of the language.

    Example:
        >>> LangShare(language="tur").missing() == NO_TURKISH
        True
    """

    about: ClassVar[About] = About(
        name="lang_share",
        title="%Lang (%TR), by tokens",
        formula="tokens of the text in the lexicon / tokens of the text",
        unit="share",
        range="0 … 1; 1 = every token is a linguistic unit",
        direction="higher",
        source="%TR of Bayram et al. 2025, as its text defines it",
        pitfalls=_PITFALLS,
        aliases=("percent_lang", "percent_tr"),
        family="lexicon",
    )


@register
@dataclass(frozen=True)
class PureShare(_Share):
    """%Pure by tokens: share of the text's tokens that are roots or affixes."""

    bit: ClassVar[int] = PURE
    about: ClassVar[About] = About(
        name="pure_share",
        title="%Pure, by tokens",
        formula="tokens of the text that are a root or an affix / tokens of the text",
        unit="share",
        range="0 … 1; at most lang_share",
        direction="higher",
        source="%Pure of Bayram et al. 2025, token-weighted",
        pitfalls="Without a list of morphemes a token is pure when the dictionary has it as an entry that it "
        "derives it from: dictionaries that list derived forms as entries call those pure. " + _PITFALLS,
        family="lexicon",
    )


@register
@dataclass(frozen=True)
class LangTypeShare(_TypeShare):
    """%Lang by types: share of the distinct tokens of the text that are of the language."""

    about: ClassVar[About] = About(
        name="lang_share_types",
        title="%Lang (%TR), by types",
        formula="distinct tokens of the text in the lexicon / distinct tokens of the text",
        unit="share",
        range="0 … 1; 1 = every token is a linguistic unit",
        direction="higher",
        source="%TR of Bayram et al. 2025, as its program and tables have it (gemma-2: 3,104 / 6,383 = 48.63 %)",
        pitfalls="Falls with the size of the sample: compare on the same text. " + _PITFALLS,
        family="lexicon",
    )


@register
@dataclass(frozen=True)
class PureTypeShare(_TypeShare):
    """%Pure by types: share of the distinct tokens of the text that are roots or affixes."""

    bit: ClassVar[int] = PURE
    about: ClassVar[About] = About(
        name="pure_share_types",
        title="%Pure, by types",
        formula="distinct tokens of the text that are a root or an affix / distinct tokens of the text",
        unit="share",
        range="0 … 1; at most lang_share_types",
        direction="higher",
        source="%Pure of Bayram et al. 2025 (text, program and tables; gemma-2: 2,365 / 6,383 = 37.05 %)",
        pitfalls="Falls with the size of the sample: compare on the same text. " + _PITFALLS,
        aliases=("percent_pure",),
        family="lexicon",
    )


@register
@dataclass(frozen=True)
class LexiconOtherForm(_TypeShare):
    """Share of the distinct tokens that are in the lexicon only once both are in the normal form NFC."""

    bit: ClassVar[int] = OTHER_FORM
    about: ClassVar[About] = About(
        name="lexicon_other_form",
        title="tokens missed for their normal form",
        formula="distinct tokens that are in the lexicon only after NFC on both sides / distinct tokens",
        unit="share",
        range="0 … 1; 0 = lexicon and text are in one normal form",
        direction="lower",
        source="a check of the lexicon, not of the tokenizer",
        pitfalls="Above 0, lang_share and pure_share are too low: pass normalize=nfc to them. Word lists only: "
        "a Hunspell dictionary is not asked twice.",
        family="lexicon",
    )


@register
@dataclass(frozen=True)
class LexiconOverlap(_FromLexicon, VocabMetric):
    """How much of the list of roots and affixes is in the vocabulary: whether %Pure may be circular."""

    of_what: str = "morphemes"
    in_all: ClassVar[bool] = False
    about: ClassVar[About] = About(
        name="lexicon_overlap",
        title="overlap of vocabulary and lexicon",
        formula="of_what=morphemes: entries of the root and affix list (or else of the word list) that are "
        "tokens / entries; of_what=vocabulary: tokens with a letter that are entries / tokens with a letter",
        unit="share",
        range="0 … 1",
        direction="neither",
        source="criticism of %TR and %Pure",
        pitfalls="Towards 1, the tokenizer was built from the list and %Pure measures its own source; "
        "lang_share and pure_share warn from 0.5. A large vocabulary overlaps by itself. Hunspell "
        "dictionaries have no list and do not count.",
        family="lexicon",
    )

    def __post_init__(self) -> None:
        if self.of_what not in ("morphemes", "vocabulary"):
            message = f"lexicon_overlap: of_what={self.of_what!r}; known: morphemes, vocabulary"
            raise MetricError(message)

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Compare the two sets, letter case as the lexicon has it."""
        reason = self.missing()
        if reason:
            return Undefined(reason)
        listed, spelled, shared = verdicts_of(tokenizer, self.source).overlap()
        if self.of_what == "morphemes":
            return ratio(shared, listed, "the lexicon has no list of entries")
        return ratio(shared, spelled, "no token has a letter")
