"""Codes: how many bits per byte a text takes when its tokens are coded one by one, or each after the one before.

Source: section D7 of the metric catalogue; Rajaraman, Jiao & Ramchandran 2024. A unigram code of the tokens, per byte
of text, is bounded below by the entropy rate of the source; on a source of order k it comes near only with tokens that
hold the dependence, which is what tokenization is for. `tokbench.metrics.markov` has sources of known rate.

Law: with ``length=end`` an end symbol follows every document, and the code can be decoded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.measurement import About, CorpusMetric, Statistic, Stats, Undefined, Value, ratio
from tokbench.metrics.conditional import check_choice, check_order
from tokbench.metrics.counting import Bytes, Characters, Types
from tokbench.metrics.folds import FirstTypes, FoldBigrams, FoldDocuments, FoldSizes, FoldTypes
from tokbench.metrics.length import NO_TOKENS
from tokbench.metrics.ngrams import Ngrams, Spectrum, contexts_of, first_ids, id_space
from tokbench.plugin import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

FITS = ("text", "held_out")
LENGTHS = ("end", "ignored")
UNITS = ("byte", "character")
KT = 0.5
"""What is added to every count before a held-out text is coded: the estimator of Krichevsky and Trofimov."""


def c_log2_c(counts: Ints) -> float:
    """Return Σ c log2 c, from the spectrum."""
    spectrum = Spectrum.of(counts)
    return math.fsum((spectrum.multiplicities * (spectrum.counts * np.log2(spectrum.counts))).tolist())


def fitted_bits(stats: Stats, order: int, *, ends: bool) -> float:
    """Return the length in bits of the text under its own frequencies: Σ over contexts n log2 n - Σ c log2 c."""
    counts = stats.documents(Types())
    n_documents = stats.n_documents
    if order == 0:
        symbols = np.append(counts, n_documents if ends else 0)
        total = int(symbols.sum())
        return total * math.log2(total) - c_log2_c(symbols)
    found = contexts_of(stats, 2)
    pairs = found.spectrum
    follows = np.zeros(len(counts), np.int64)
    if len(found.firsts):
        follows[id_of_contexts(stats)] = found.sizes
    starts = stats.documents(FirstTypes())
    started = int(starts.sum())
    information = math.fsum((pairs.multiplicities * (pairs.counts * np.log2(pairs.counts))).tolist())
    if not ends:
        return c_log2_c(follows) - information + c_log2_c(np.array([started])) - c_log2_c(starts)
    empty = np.append(starts, n_documents - started)
    after = c_log2_c(counts) - information - c_log2_c(counts - follows)
    return after + c_log2_c(np.array([n_documents])) - c_log2_c(empty)


def id_of_contexts(stats: Stats) -> Ints:
    """Return the id of each context of the bigrams."""
    found = contexts_of(stats, 2)
    table = stats.keyed(Ngrams(2))
    return first_ids(table, 2, stats.remember("id_space", id_space))[found.firsts]


def held_out_bits(stats: Stats, order: int, *, ends: bool) -> float:
    """Return the length in bits of the held-out part under frequencies of the rest.

    Unigrams: (c + 1/2) / (N + (V + 1)/2), V declared ids and the end. Bigrams: Witten and Bell's mixture
    (c(h, w) + T(h) p(w)) / (n(h) + T(h)), T(h) the different successors of h seen; p(w) where h was not seen.
    """
    counts = stats.documents(FoldTypes())
    known, asked = (counts[:, side].astype(np.float64) for side in (0, 1))
    documents = stats.totals(FoldDocuments()).tolist()
    n_ends = (documents[0], documents[1]) if ends else (0, 0)
    size = stats.vocab_size + (1 if ends else 0)
    total = float(known.sum()) + n_ends[0] + KT * size
    shares = (known + KT) / total
    end_share = (n_ends[0] + KT) / total
    if order == 0:
        bits = -float((asked * np.log2(shares))[asked > 0].sum())
        return bits - (n_ends[1] * math.log2(end_share) if ends else 0.0)
    table = stats.keyed(FoldBigrams())
    width = max(1, (stats.remember("id_space", id_space) - 1).bit_length())
    sides = (table.keys & np.uint64(1)).astype(np.int64)
    pairs, places = np.unique(table.keys >> np.uint64(1), return_inverse=True)
    by_side = np.zeros((len(pairs), 2))
    np.add.at(by_side, (places, sides), table.counts)
    before = (pairs >> np.uint64(width)).astype(np.int64)
    after = (pairs & np.uint64((1 << width) - 1)).astype(np.int64)
    n_ids = len(known)
    follow = np.stack([np.bincount(before, by_side[:, side], n_ids) for side in (0, 1)])
    stops = counts.T - follow if ends else np.zeros_like(follow)
    seen = follow[0] + stops[0]
    different = np.bincount(before, by_side[:, 0] > 0, n_ids) + (stops[0] > 0)
    bits = _mixture(by_side, seen[before], different[before], shares[after])
    if ends:
        bits += _mixture(stops.T.astype(np.float64), seen, different, np.full(n_ids, end_share))
    starts = stats.documents(FoldTypes(first=True)).astype(np.float64)
    empty = [n - float(starts[:, side].sum()) for side, n in enumerate(documents)]
    rows = np.vstack([starts, [empty]]) if ends else starts
    alike = np.append(shares, end_share) if ends else shares
    once = np.ones(len(rows))
    return bits + _mixture(rows, once * rows[:, 0].sum(), once * np.count_nonzero(rows[:, 0]), alike)


def _mixture(by_side: Floats, seen: Floats, different: Floats, shares: Floats) -> float:
    """Return the bits of the held-out occurrences of events, given what their contexts showed."""
    asked = by_side[:, 1] > 0
    known, wanted = by_side[asked, 0], by_side[asked, 1]
    total = seen[asked] + different[asked]
    mixed = np.divide(
        known + different[asked] * shares[asked], total, out=shares[asked].copy(), where=total > 0
    )
    return -float((wanted * np.log2(mixed)).sum())


@dataclass(frozen=True)
class _Code(CorpusMetric):
    """Bits per byte or character under a code of the tokens."""

    order: int = 0
    fit: str = "text"
    length: str = "end"
    per: str = "byte"
    pooling: ClassVar[str] = "micro_pooled"

    def __post_init__(self) -> None:
        name = self.about.name
        check_order(name, self.order)
        check_choice(name, "order", str(self.order), ("0", "1"))
        check_choice(name, "fit", self.fit, FITS)
        check_choice(name, "length", self.length, LENGTHS)
        check_choice(name, "per", self.per, UNITS)

    def unit(self) -> str:
        """Bits per byte or character."""
        return f"bits/{self.per}"

    def statistics(self) -> tuple[Statistic, ...]:
        """Unigrams or bigrams, by fold where one is held out."""
        if self.fit == "held_out":
            pairs = (FoldBigrams(), FoldTypes(first=True)) if self.order else ()
            return (FoldTypes(), FoldDocuments(), FoldSizes(), *pairs)
        size = Bytes() if self.per == "byte" else Characters()
        return (Types(), size, *((Ngrams(2), FirstTypes()) if self.order else ()))

    def code(self, stats: Stats) -> Value:
        """Return the bits per unit."""
        ends = self.length == "end"
        if self.fit == "text":
            if not stats.documents(Types()).any():
                return Undefined(NO_TOKENS)
            size = stats.total(Bytes() if self.per == "byte" else Characters())
            return ratio(fitted_bits(stats, self.order, ends=ends), size, f"no {self.per}s")
        counts = stats.totals(FoldTypes())
        if not counts.all():
            side = "estimate it on" if not counts[0] else "hold out"
            return Undefined(f"no tokens to {side}: documents are split by their content, 4 to 1")
        size = stats.totals(FoldSizes())[1 if self.per == "byte" else 3]
        return ratio(held_out_bits(stats, self.order, ends=ends), float(size), f"no {self.per}s")


@register
@dataclass(frozen=True)
class CodeBits(_Code):
    """Bits per byte of a text whose tokens are coded by their frequency, alone or after the token before.

    Example:
        >>> CodeBits(order=1, fit="held_out").unit()
        'bits/byte'
    """

    about: ClassVar[About] = About(
        name="code_bits",
        family="information",
        title="bits per byte under a unigram or bigram code",
        formula="(Σ_d Σ_i -log2 q(t_i [| t_{i-1}]) and, with length=end, an end symbol per document) / B",
        unit="bits/byte",
        range="0 … ∞; at least the entropy rate of the source, as the text grows",
        direction="lower",
        source="Rajaraman et al. 2024; held out: Krichevsky & Trofimov 1981 for unigrams, Witten & Bell "
        "1991 for bigrams",
        pitfalls="fit=text codes the text with its own frequencies and does not pay for them: large "
        "vocabularies look too "
        "good, with bigrams all the more. fit=held_out estimates on four fifths of the documents, chosen by their "
        "content, and codes the rest.",
        aliases=("code_bits_per_byte",),
    )

    def reduce(self, stats: Stats) -> Value:
        """Bits per unit."""
        return self.code(stats)


@register
@dataclass(frozen=True)
class EntropyGap(_Code):
    """Bits by which a code of the tokens exceeds the known entropy rate of the source."""

    per: str = "character"
    rate: float | None = None
    in_all: ClassVar[bool] = False
    about: ClassVar[About] = About(
        name="entropy_gap",
        family="information",
        title="gap to the entropy rate",
        formula="code_bits - rate, rate = entropy rate of the source in bits per unit",
        unit="bits/character",
        range="≥ 0 as the text grows; 0 = the tokens hold all that the source remembers",
        direction="lower",
        source="Rajaraman et al. 2024; tokbench.metrics.markov draws text of known rate",
        pitfalls="On a sample the plug-in code may lie below the rate. A rate must be given; that of "
        "natural language is "
        "not known.",
    )

    def reduce(self, stats: Stats) -> Value:
        """Bits per unit minus the rate."""
        if self.rate is None:
            return Undefined("no rate: pass the entropy rate of the source, rate=…")
        value = self.code(stats)
        return value if isinstance(value, Undefined) else value - self.rate
