"""Slow twin of the n-gram model: interpolated modified Kneser-Ney, written as its definition.

    p_0(w)     = 1 / number of ids that can be predicted
    p_k(w | h) = (c(h w) - D(c(h w))) / c(h ·) + gamma(h) p_{k-1}(w | h without its first token)
    gamma(h)   = sum over w of D(c(h w)) / c(h ·)

where c counts occurrences of the longest n-grams and of those at the beginning of a document, and of all others the
different tokens before them; D(0) = 0. A context that nothing follows has the distribution of the next shorter one.
Sources: Kneser & Ney 1995; Chen & Goodman 1999.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    Gram = tuple[int, ...]

FALLBACK = (0.5, 1.0, 1.5)


class ReferenceNgram:
    """An n-gram model over sets and dictionaries of tuples.

    Example:
        >>> model = ReferenceNgram([[0, 1], [0]], order=2, predicted=[0, 1, 2], bos=3, eos=2)
        >>> round(sum(model.probability((3,), token) for token in (0, 1, 2)), 12)
        1.0
    """

    def __init__(
        self,
        documents: Sequence[Sequence[int]],
        *,
        order: int,
        predicted: Collection[int],
        bos: int,
        eos: int,
    ) -> None:
        self.order = order
        self.predicted = frozenset(predicted)
        framed = [(bos, *document, eos) for document in documents]
        occurrences = [
            Counter(row[at : at + n] for row in framed for at in range(len(row) - n + 1))
            for n in range(1, order + 1)
        ]
        self.counts: list[dict[Gram, int]] = []
        for n, counter in enumerate(occurrences, start=1):
            if n == order:
                self.counts.append(dict(counter))
                continue
            before = Counter(longer[1:] for longer in occurrences[n])
            self.counts.append({gram: counter[gram] if gram[0] == bos else before[gram] for gram in counter})
        self.counts[0].pop((bos,), None)
        self.discounts = [discounts(list(level.values())) or FALLBACK for level in self.counts]

    def discount(self, n: int, count: int) -> float:
        """Return what is taken from an n-gram with this count."""
        return self.discounts[n - 1][min(count, 3) - 1] if count else 0.0

    def probability(self, context: Sequence[int], token: int) -> float:
        """Return p(token | context)."""
        length = min(len(context), self.order - 1)
        return self._probability(tuple(context[len(context) - length :]), token)

    def _probability(self, context: Gram, token: int) -> float:
        n = len(context) + 1
        level = self.counts[n - 1]
        if context:
            shorter = self._probability(context[1:], token)
        else:
            shorter = 1 / len(self.predicted) if token in self.predicted else 0.0
        following = [count for gram, count in level.items() if gram[:-1] == context]
        if not following:
            return shorter
        total = sum(following)
        count = level.get((*context, token), 0)
        back_off = sum(self.discount(n, one) for one in following) / total
        return (count - self.discount(n, count)) / total + back_off * shorter


def discounts(counts: Sequence[int]) -> tuple[float, float, float] | None:
    """Return the discounts of counts of 1, 2 and more; None where they are not defined."""
    t = {j: sum(count == j for count in counts) for j in (1, 2, 3, 4)}
    if 0 in (t[1], t[2], t[3]):
        return None
    y = t[1] / (t[1] + 2 * t[2])
    found = (1 - 2 * y * t[2] / t[1], 2 - 3 * y * t[3] / t[2], 3 - 4 * y * t[4] / t[3])
    return found if all(0 < d <= j for j, d in enumerate(found, start=1)) else None
