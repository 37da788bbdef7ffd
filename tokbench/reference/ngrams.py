"""Slow twins of the n-gram metrics: token sequences as tuples, counts in dictionaries, definitions term by term."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Documents = Sequence[Sequence[int]]


def ngrams(documents: Documents, n: int) -> Counter[tuple[int, ...]]:
    """Count the n-grams of each document.

    Example:
        >>> sorted(ngrams([[1, 2, 1], [2]], 2).items())
        [((1, 2), 1), ((2, 1), 1)]
    """
    return Counter(
        tuple(document[at : at + n]) for document in documents for at in range(len(document) - n + 1)
    )


def successors(documents: Documents, order: int) -> dict[tuple[int, ...], Counter[int]]:
    """Count what follows each context of `order` tokens."""
    found: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for gram, count in ngrams(documents, order + 1).items():
        found[gram[:-1]][gram[-1]] += count
    return found


def entropy(counts: Iterable[int], correction: str = "plug_in") -> float:
    """Return the entropy in bits of counts, corrected for the size of the sample if asked."""
    seen = [count for count in counts if count]
    total = sum(seen)
    if correction == "chao_shen":
        once = min(seen.count(1), total - 1)
        coverage = 1 - once / total
        shares = [coverage * count / total for count in seen]
        return abs(-math.fsum(p * math.log2(p) / (1 - (1 - p) ** total) for p in shares))
    plain = -math.fsum(count / total * math.log2(count / total) for count in seen)
    if correction == "miller_madow":
        return plain + (len(seen) - 1) / (2 * total * math.log(2))
    return plain


def conditional_entropy(documents: Documents, order: int, correction: str = "plug_in") -> float:
    """Return H(blocks of order + 1) - H(their first `order` tokens)."""
    blocks = ngrams(documents, order + 1)
    if order == 0:
        return entropy(blocks.values(), correction)
    firsts: Counter[tuple[int, ...]] = Counter()
    for gram, count in blocks.items():
        firsts[gram[:-1]] += count
    return entropy(blocks.values(), correction) - entropy(firsts.values(), correction)


def successor_entropy(documents: Documents, order: int, at_least: int) -> float | None:
    """Return Σ n η / Σ n over contexts seen often enough, η = H / log2 min(different successors, n)."""
    above, below = 0.0, 0
    for counts in successors(documents, order).values():
        n = sum(counts.values())
        if n >= at_least:
            domain = min(len(counts), n)
            above += n * (entropy(counts.values()) / math.log2(domain) if domain > 1 else 0.0)
            below += n
    return above / below if below else None


def accessor_efficiency(documents: Documents, order: int) -> float | None:
    """Return the mean over contexts of H(successors) / log2 of the number of tokens that follow anything."""
    table = successors(documents, order)
    domain = len({token for counts in table.values() for token in counts})
    if domain < 2:
        return None
    return sum(entropy(counts.values()) for counts in table.values()) / len(table) / math.log2(domain)


def accessor_variety(documents: Documents, *, ends: bool) -> float:
    """Return the mean over types of the different right neighbours; each end of a document one more if asked."""
    varied: Counter[int] = Counter()
    for (token,), counts in successors(documents, 1).items():
        varied[token] = len(counts)
    if ends:
        for document in documents:
            for token in document:
                varied[token] += 0
            if document:
                varied[document[-1]] += 1
    return sum(varied.values()) / len(varied)


def code_bits(documents: Documents, order: int, *, ends: bool) -> float:
    """Return the bits of a text coded with its own frequencies, symbol by symbol; None is start and end."""
    coded: list[tuple[int | None, int | None]] = []
    for document in documents:
        before: int | None = None
        for token in document:
            coded.append((before if order else None, token))
            before = token
        if ends:
            coded.append((before if order else None, None))
    pairs, contexts = Counter(coded), Counter(before for before, _ in coded)
    return -math.fsum(math.log2(pairs[pair] / contexts[pair[0]]) for pair in coded)


def held_out_bits(known: Documents, asked: Documents, order: int, *, n_ids: int, ends: bool) -> float:
    """Return the bits of some documents under the frequencies of others; None is start and end."""
    stop: list[int | None] = [None] if ends else []
    unigrams = Counter(token for document in known for token in [*document, *stop])
    size = n_ids + len(stop)
    total = sum(unigrams.values()) + size / 2
    follow: dict[int | None, Counter[int | None]] = defaultdict(Counter)
    for document in known:
        before: int | None = None
        for token in [*document, *stop]:
            follow[before][token] += 1
            before = token
    bits = []
    for document in asked:
        before = None
        for token in [*document, *stop]:
            share = (unigrams[token] + 0.5) / total
            seen = follow[before]
            if order and seen:
                share = (seen[token] + len(seen) * share) / (sum(seen.values()) + len(seen))
            bits.append(-math.log2(share))
            before = token
    return math.fsum(bits)
