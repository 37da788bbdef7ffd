"""Which tokens to give up, the slow way: every cost from its definition, counted from the text itself."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def x(value: float) -> float:
    """Return ``v·log₂ v``, and 0 at 0."""
    return value * math.log2(value) if value else 0.0


def order0_bits(documents: Sequence[Sequence[int]]) -> float:
    """Return ``n·H₀`` of all documents together."""
    counts = Counter(token for document in documents for token in document)
    return x(sum(counts.values())) - sum(x(count) for count in counts.values())


def order1_bits(documents: Sequence[Sequence[int]], novelty: float) -> float:
    """Return ``Σ X(f) − Σ X(c)`` plus `novelty` bits for each distinct pair; documents stand between marks."""
    marked = [[-1, *document, -1] for document in documents]
    pairs = Counter(pair for document in marked for pair in itertools.pairwise(document))
    rows: Counter[int] = Counter()
    for (left, _), count in pairs.items():
        rows[left] += count
    return sum(map(x, rows.values())) - sum(map(x, pairs.values())) + novelty * len(pairs)


def fall(token: int, gone: Mapping[int, object], parents: Mapping[int, tuple[int, int]]) -> list[int]:
    """Return the tokens that `token` leaves when those of `gone` stand no more."""
    if token not in gone:
        return [token]
    left, right = parents[token]
    return fall(left, gone, parents) + fall(right, gone, parents)


def once(
    documents: Sequence[Sequence[int]], parents: Mapping[int, tuple[int, int]], token: int, novelty: float
) -> float:
    """Return the order-1 cost of giving `token` up alone in the documents as they came."""
    alone = [
        [part for old in text for part in (parents[old] if old == token else (old,))] for text in documents
    ]
    return order1_bits(alone, novelty) - order1_bits(documents, novelty)


def cost(
    documents: Sequence[Sequence[int]],
    merges: Sequence[tuple[int, int, int]],
    gone: Sequence[int],
    *,
    novelty: float,
    token: float,
) -> float:
    """Return what giving up the tokens `gone` in this order costs altogether."""
    parents = {result: (left, right) for left, right, result in reversed(merges)}
    fallen = [
        [part for old in text for part in fall(old, dict.fromkeys(gone), parents)] for text in documents
    ]
    more = sum(map(len, fallen)) - sum(map(len, documents))
    shares = sum(once(documents, parents, lost, novelty) for lost in gone)
    return order0_bits(fallen) - order0_bits(documents) + shares + token * more


def prune(
    documents: Sequence[Sequence[int]],
    merges: Sequence[tuple[int, int, int]],
    *,
    give_up: int,
    novelty: float,
    token: float,
) -> list[int]:
    """Return the tokens to give up, in order.

    Each token has a cost as it was when last looked at. The cheapest by these (of equals the smallest id) is looked
    at again; it is given up if it is still the cheapest. Costs are compared in units of 2⁻²⁰ bit.
    """
    made = Counter(result for _, _, result in merges)
    parents = {result: (left, right) for left, right, result in reversed(merges)}

    def marginal(gone: list[int], candidate: int) -> int:
        with_it = cost(documents, merges, [*gone, candidate], novelty=novelty, token=token)
        occurs = any(
            candidate in fall(old, dict.fromkeys(gone), parents) for text in documents for old in text
        )
        change = with_it - cost(documents, merges, gone, novelty=novelty, token=token)
        return round(change * 2**20) if occurs else 0

    gone: list[int] = []
    known = {result: marginal([], result) for result in parents if made[result] == 1}
    while len(gone) < give_up:
        candidate = min(known, key=lambda token_id: (known[token_id], token_id))
        now = marginal(gone, candidate)
        others = [(value, other) for other, value in known.items() if other != candidate]
        if others and (now, candidate) > min(others):
            known[candidate] = now
            continue
        del known[candidate]
        gone.append(candidate)
    return gone
