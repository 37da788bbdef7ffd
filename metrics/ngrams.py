"""Token n-grams, and what follows each context: the tables that conditional entropies and successors are read from.

An n-gram never crosses the border of a document. The keys of a table are sorted, so the n-grams of one context stand
together; everything below is one pass over them, done once for each table however many metrics ask. Sums over
n-grams go through the spectrum (how many n-grams occur once, twice, …): whole numbers until the last step, so the
values do not depend on any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from tokbench.measurement import Statistic, Uncounted, bits_for
from tokbench.metrics.counting import ids_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.measurement import EncodedBatch, Keyed, Kind, MeasuredTokenizer, Stats

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

CORRECTIONS = ("plug_in", "miller_madow", "chao_shen")
"""Plug-in; plus (types - 1) / 2N nats; or weighted by the estimated coverage of the sample."""

DENSE = 1 << 20
"""Counts up to about this are counted in an array instead of sorted."""


def id_space(tokenizer: MeasuredTokenizer) -> int:
    """Count the ids, holes included: what a key has room for."""
    return len(tokenizer.token_arrays()[1]) - 1


@dataclass(frozen=True)
class Ngrams(Statistic):
    """Occurrences of each n-gram of tokens."""

    n: int
    kind: ClassVar[Kind] = "keyed"

    def collect(self, batch: EncodedBatch) -> Uncounted:
        """Keep the ids; the n-grams of a group are counted when all of it is read."""
        return Uncounted(((batch.ids, batch.offsets),), self.n, ids_in(batch))


@dataclass(frozen=True, eq=False)
class Spectrum:
    """How many types occur how often: `multiplicities` types occur `counts` times each."""

    counts: Ints
    multiplicities: Ints

    @classmethod
    def of(cls, counts: Ints) -> Spectrum:
        """Count the counts; zeros are no types.

        Example:
            >>> Spectrum.of(np.array([3, 0, 2, 1, 1])).counts.tolist()
            [1, 2, 3]
        """
        if len(counts) and int(counts.max()) > DENSE + len(counts):
            seen, multiplicities = np.unique(counts[counts > 0], return_counts=True)
            return cls(seen, multiplicities)
        often = np.bincount(counts)
        seen = np.flatnonzero(often[1:]) + 1
        return cls(seen, often[seen])

    @property
    def n_types(self) -> int:
        """Different ones."""
        return int(self.multiplicities.sum())

    @property
    def total(self) -> int:
        """Occurrences."""
        return int(self.counts @ self.multiplicities)

    @property
    def coverage(self) -> float:
        """Good-Turing estimate of the probability of the types that were seen, 1 - f1 / N.

        Where every type occurs once, f1 = N - 1 is taken, so that it stays above 0 (Chao & Shen's convention).
        """
        once = int(self.multiplicities[self.counts == 1].sum())
        return 1 - min(once, self.total - 1) / self.total

    def entropy(self, correction: str = "plug_in") -> float:
        """Return the entropy in bits: plug-in, or corrected for the size of the sample.

        ``plug_in``: -Σ p log2 p. ``miller_madow``: that plus (types - 1) / (2 N ln 2). ``chao_shen``: with C the
        coverage and q = C p, -Σ q log2 q / (1 - (1 - q)^N).

        Example:
            >>> round(Spectrum.of(np.array([3, 2, 1])).entropy(), 4)
            1.4591
        """
        total = self.total
        if correction == "chao_shen":
            shares = self.coverage * self.counts / total
            with np.errstate(divide="ignore"):
                seen = -np.expm1(total * np.log1p(-shares))
            terms = self.multiplicities * shares * np.log2(shares) / seen
            return abs(math.fsum(terms.tolist()))
        terms = self.multiplicities * (self.counts * np.log2(self.counts))
        plain = max(0.0, math.log2(total) - math.fsum(terms.tolist()) / total)
        if correction == "miller_madow":
            return plain + (self.n_types - 1) / (2 * total * math.log(2))
        return plain


@dataclass(frozen=True, eq=False)
class Contexts:
    """The contexts of a table of n-grams, in the order of their keys.

    Attributes:
        firsts: place of each context's first n-gram in the table.
        sizes: occurrences of each context as a context.
        successors: different tokens that follow it.
        information: Σ c log2 c over its n-grams, with which its entropy is log2 size - information / size.
        spectrum: of the n-grams.
        context_spectrum: of the contexts.
    """

    firsts: Ints
    sizes: Ints
    successors: Ints
    information: Floats
    spectrum: Spectrum
    context_spectrum: Spectrum

    @cached_property
    def entropies(self) -> Floats:
        """Entropy of the successors of each context, in bits."""
        found: Floats = np.log2(self.sizes)
        found -= self.information / self.sizes
        np.maximum(0.0, found, out=found)
        return found


_KNOWN: WeakKeyDictionary[Keyed, Contexts] = WeakKeyDictionary()


def contexts(table: Keyed, n: int, n_ids: int) -> Contexts:
    """Group the n-grams of a table by their first n - 1 tokens; computed once for each table."""
    found = _KNOWN.get(table)
    if found is None:
        found = _KNOWN[table] = _group(table, context_firsts(table, n, n_ids))
    return found


def context_firsts(table: Keyed, n: int, n_ids: int) -> Ints:
    """Return the places in the table where the first n - 1 tokens change."""
    bits = bits_for(n_ids, n)
    if len(table) == 0:
        return np.zeros(0, np.int64)
    if bits is None:
        prefixes = table.keys[:, :-1]
        changed = (prefixes[1:] != prefixes[:-1]).any(axis=1)
    else:
        prefix = table.keys >> np.uint64(bits)
        changed = prefix[1:] != prefix[:-1]
    return np.concatenate([np.zeros(1, np.int64), np.flatnonzero(changed) + 1])


def last_ids(table: Keyed, n: int, n_ids: int) -> Ints:
    """Return the last token of each n-gram of a table."""
    bits = bits_for(n_ids, n)
    last = table.keys[:, -1] if bits is None else table.keys & np.uint64((1 << bits) - 1)
    return last.astype(np.int64)


def first_ids(table: Keyed, n: int, n_ids: int) -> Ints:
    """Return the first token of each n-gram of a table."""
    bits = bits_for(n_ids, n)
    first = table.keys[:, 0] if bits is None else table.keys >> np.uint64(bits * (n - 1))
    return first.astype(np.int64)


def _group(table: Keyed, firsts: Ints) -> Contexts:
    counts = table.counts
    if len(firsts) == 0:
        nothing = Spectrum.of(counts)
        return Contexts(firsts, firsts, firsts, np.zeros(0), nothing, nothing)
    sizes = np.add.reduceat(counts, firsts)
    information = np.add.reduceat(_times_log2(counts), firsts)
    successors = np.diff(firsts, append=len(counts))
    return Contexts(firsts, sizes, successors, information, Spectrum.of(counts), Spectrum.of(sizes))


def _times_log2(counts: Ints) -> Floats:
    """Return c log2 c of each count, from a table where counts are small, as most are."""
    largest = int(counts.max())
    if largest > min(len(counts), DENSE):
        direct: Floats = np.multiply(counts, np.log2(counts), dtype=np.float64)
        return direct
    small = np.arange(1, largest + 1)
    table = np.concatenate([np.zeros(1), small * np.log2(small)])
    found: Floats = table[counts]
    return found


def contexts_of(stats: Stats, n: int) -> Contexts:
    """Return the contexts of the n-grams of some statistics, which must hold `Ngrams` of this n."""
    return contexts(stats.keyed(Ngrams(n)), n, stats.remember("id_space", id_space))
