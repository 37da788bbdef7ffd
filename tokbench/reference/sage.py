"""SaGe, slowly: the twin of ``vocabulary/sage.rs`` and ``vocabulary/skipgram.rs``.

Losses are computed as the paper states them: first the counted triples (token, target, context), then their
likelihoods.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tokbench.reference.random import Random, mix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PAD = 2


def longest(data: bytes, start: int, ids: Mapping[bytes, int], *, most: int | None = None) -> bytes:
    """Return the longest token (of at most `most` bytes) that begins at `start`.

    Example:
        >>> longest(b"abc", 0, {b"a": 0, b"ab": 1}), longest(b"abc", 0, {b"a": 0, b"ab": 1}, most=1)
        (b'ab', b'a')
    """
    widest = len(data) - start if most is None else min(most, len(data) - start)
    return next(data[start : start + n] for n in range(widest, 0, -1) if data[start : start + n] in ids)


def cut(data: bytes, ids: Mapping[bytes, int]) -> list[tuple[int, bytes]]:
    """Return the longest tokens that fit, from left to right, with the places where they begin."""
    found, start = [], 0
    while start < len(data):
        token = longest(data, start, ids)
        found.append((start, token))
        start += len(token)
    return found


def triples(
    line: Sequence[bytes], ids: Mapping[bytes, int]
) -> tuple[Counter[tuple[int, int, int]], Counter[int]]:
    """Return how often (token, target, context) gains or loses when the token goes, and the uses of all tokens.

    Args:
        line: the pretokens of one line; the line itself where text is not cut.
        ids: token → id.
    """
    data = b"".join(line)
    base: list[tuple[int, bytes, int]] = []  # place, token, end of its pretoken
    offset = 0
    for piece in line:
        base += [(offset + start, token, offset + len(piece)) for start, token in cut(piece, ids)]
        offset += len(piece)
    place_of = {start: place for place, (start, _, _) in enumerate(base)} | {len(data): len(base)}
    whole = [ids[token] for _, token, _ in base]
    found: Counter[tuple[int, int, int]] = Counter()
    uses = Counter(whole)
    for place, (start, token, end) in enumerate(base):
        if len(token) == 1:
            continue
        shorter = longest(data, start, ids, most=len(token) - 1)
        ablated, at = [ids[shorter]], start + len(shorter)
        while at not in place_of:
            following = longest(data[:end], at, ids)
            ablated.append(ids[following])
            at += len(following)
        beyond = place_of[at]
        left, right = whole[max(0, place - PAD) : place], whole[beyond : beyond + PAD]
        for middle, sign in ((ablated, 1), (whole[place:beyond], -1)):
            stretch = [*left, *middle, *right]
            inside = range(len(left), len(left) + len(middle))
            for target in range(len(stretch)):
                for context in range(max(0, target - PAD), min(len(stretch), target + PAD + 1)):
                    if context != target and (target in inside or context in inside):
                        found[ids[token], stretch[target], stretch[context]] += sign
    return found, uses


def losses(
    lines: Sequence[Sequence[bytes]], ids: Mapping[bytes, int], vectors: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the loss and the uses of every token: ``-Σ count · log σ(E_target · E_context)``."""
    total: Counter[tuple[int, int, int]] = Counter()
    uses: Counter[int] = Counter()
    for line in lines:
        mine, used = triples(line, ids)
        for key, count in mine.items():
            total[key] += count
        uses.update(used)
    loss, n = np.zeros(len(vectors)), np.zeros(len(vectors), dtype=np.int64)
    wide = vectors.astype(np.float64)
    for (token, target, context), count in total.items():
        loss[token] += count * math.log1p(math.exp(-float(wide[target] @ wide[context])))
    for token, count in uses.items():
        n[token] = count
    return loss, n


def skipgram(
    lines: Sequence[Sequence[int]],
    n_tokens: int,
    *,
    dimensions: int,
    negative: int,
    rate: float,
    window: int,
    min_count: int,
    sample: float,
    epochs: int,
    seed: int,
) -> NDArray[np.float32]:
    """Return vectors by skip-gram with negative sampling, one update after the other.

    Numbers are added in the order in which the fast one adds them, so that the two are equal to the last bit.
    """
    counted = Counter(token for line in lines for token in line)
    counts = [counted[token] if counted[token] >= min_count else 0 for token in range(n_tokens)]
    n_words = sum(counts)
    inner = np.zeros((n_tokens, dimensions), dtype=np.float32)
    for token in range(n_tokens):
        own = Random(mix(seed ^ mix(token + 1)))
        inner[token] = [(own.unit() - 0.5) / dimensions for _ in range(dimensions)]
    if n_words == 0:
        return inner
    outer = np.zeros_like(inner)
    keep = [_kept(count, sample * n_words) for count in counts]
    slots = alias_table(counts)
    middles = ((place + 0.5) / 256 - 8 for place in range(4096))
    table = np.array([1 / (1 + math.exp(-middle)) for middle in middles], dtype=np.float32)
    table[0], table[-1] = 0, 1
    random = Random(mix(seed))
    done = 0
    for _ in range(epochs):
        for whole in lines:
            known = [token for token in whole if counts[token]]
            line = [token for token in known if keep[token] >= 1 or random.unit() < keep[token]]
            now = np.float32(rate - (rate - 1e-4) * (done / (n_words * epochs)))
            done += len(known)
            for at, token in enumerate(line):
                reach = window - random.below(window)
                for beside in range(max(0, at - reach), min(at + reach + 1, len(line))):
                    if beside == at:
                        continue
                    drawn = [_draw(slots, random) for _ in range(negative)]
                    outputs = [token, *(other for other in drawn if other != token)]
                    vector, change = inner[line[beside]].copy(), np.zeros(dimensions, dtype=np.float32)
                    logistic = [table[_bucket(product(vector, outer[output]))] for output in outputs]
                    for place, output in enumerate(outputs):
                        gradient = (np.float32(place == 0) - logistic[place]) * now
                        change += outer[output] * gradient
                        outer[output] += vector * gradient
                    inner[line[beside]] += change
    return inner


def product(a: NDArray[np.float32], b: NDArray[np.float32]) -> np.float32:
    """Return the inner product, added in eight lanes, and these two by two."""
    lanes = np.zeros(8, dtype=np.float32)
    for start in range(0, len(a), 8):
        part = a[start : start + 8] * b[start : start + 8]
        lanes[: len(part)] += part
    quarters = lanes[:4] + lanes[4:]
    return np.float32((quarters[0] + quarters[2]) + (quarters[1] + quarters[3]))


def _bucket(value: np.float32) -> int:
    return min(4095, max(0, int((value + np.float32(8)) * np.float32(256))))


def _kept(count: int, threshold: float) -> float:
    if threshold <= 0 or count == 0:
        return 1.0
    over = count / threshold
    return (math.sqrt(over) + 1) / over


def alias_table(counts: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return slots (share of 2^32, token, alias) that draw tokens in proportion to ``count ** 0.75`` (Vose)."""
    present = [token for token, count in enumerate(counts) if count]
    weights = [math.sqrt(math.sqrt(counts[token])) ** 3 for token in present]
    total = 0.0
    for weight in weights:
        total += weight
    shares = [weight / (total / len(weights)) for weight in weights]
    slots = [(2**32 - 1, token, token) for token in present]
    small = [place for place, share in enumerate(shares) if share < 1]
    large = [place for place, share in enumerate(shares) if share >= 1]
    while small and large:
        few, many = small.pop(), large[-1]
        slots[few] = (int(shares[few] * 2**32), present[few], present[many])
        shares[many] -= 1 - shares[few]
        if shares[many] < 1:
            small.append(large.pop())
    return slots


def _draw(slots: Sequence[tuple[int, int, int]], random: Random) -> int:
    number = random.next()
    share, own, alias = slots[(number >> 32) * len(slots) >> 32]
    return own if number & 0xFFFFFFFF < share else alias
