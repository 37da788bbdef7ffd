"""Slow twins of BoundlessBPE: super-merges over runs of pretokens that are one token, in two passes and in one.

Tokens are byte strings, a document is the list of its pretokens. Every step counts everything from scratch.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from tokbench.reference import picky
from tokbench.reference.picky import Pair, Row, merged, pair_counts, token_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Document = Sequence[bytes]
    Runs = dict[tuple[bytes, ...], int]


def has_letter(pretoken: bytes) -> bool:
    """Whether a pretoken is valid UTF-8 and holds a letter: the rule ``letter``.

    >>> has_letter(b" a1"), has_letter(b" 1")
    (True, False)
    """
    try:
        return any(unicodedata.category(character)[0] == "L" for character in pretoken.decode())
    except UnicodeDecodeError:
        return False


@dataclass
class Boundless:
    """Word rows that were kept and super-merges, with their counts, and the vocabulary in order of coming."""

    vocabulary: list[bytes]
    rows: list[Row] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    supers: list[Pair] = field(default_factory=list)
    super_counts: list[int] = field(default_factory=list)


def runs_of(documents: Iterable[Document], eligible: Callable[[bytes], bool]) -> Runs:
    """Count maximal runs of at least two consecutive eligible pretokens of a document.

    >>> runs_of([[b"a", b"b", b"1", b"a"], [b"a", b"b"]], has_letter)
    {(b'a', b'b'): 2}
    """
    counts: Counter[tuple[bytes, ...]] = Counter()
    for document in documents:
        for is_run, group in groupby(document, eligible):
            run = tuple(group)
            if is_run and len(run) > 1:
                counts[run] += 1
    return dict(counts)


class Supers:
    """Runs while super-merges are made; locked pretokens take no part in pairs."""

    def __init__(self, runs: Runs, *, locked: set[bytes] | None = None) -> None:
        # The twin of a word is its number, so that the counting of `picky` serves for runs.
        self.counts = {str(i).encode(): count for i, count in enumerate(runs.values())}
        self.tokens = {str(i).encode(): list(run) for i, run in enumerate(runs)}
        self.locked = locked if locked is not None else set()
        self.refused: set[bytes] = set()
        # Two tokens of one spelling must have as many pretokens: of two that differ the later is never made.
        self.sizes = {token: 1 for run in runs for token in run}

    def best(self) -> tuple[int, Pair | None]:
        """Return the count of the most frequent pair, and the smallest such pair."""
        pairs = {
            pair: count
            for pair, count in pair_counts(self.tokens, self.counts, overlap=False).items()
            if not self.locked & set(pair) and self._may_be(pair)
        }
        best = max(pairs.values(), default=0)
        return best, min((pair for pair, count in pairs.items() if count == best), default=None)

    def merge(self, pair: Pair) -> None:
        """Replace a pair in all runs."""
        self.sizes[pair[0] + pair[1]] = self.sizes[pair[0]] + self.sizes[pair[1]]
        for key, tokens in self.tokens.items():
            self.tokens[key] = merged(tokens, *pair)

    def _may_be(self, pair: Pair) -> bool:
        joined, size = pair[0] + pair[1], self.sizes[pair[0]] + self.sizes[pair[1]]
        return joined not in self.refused and self.sizes.get(joined, size) == size


def two_pass(
    word: picky.Run,
    documents: Iterable[Document],
    *,
    vocab_size: int,
    alphabet: Iterable[bytes] = picky.ALL_BYTES,
    could_merge: Callable[[bytes], bool] = has_letter,
    supers: int | None = None,
) -> Boundless:
    """Interleave super-merges with the rows of a word model by their counts, until the vocabulary is full.

    With `supers` all rows are kept and so many tokens are added (SuperBPE).
    """
    whole = {w for w, tokens in word.words.items() if len(tokens) == 1}
    state = Supers(runs_of(documents, lambda pretoken: pretoken in whole and could_merge(pretoken)))
    if supers is not None:
        model = Boundless(list(word.vocabulary), list(word.rows), list(word.counts))
        goal = len(model.vocabulary) + supers
        while len(model.vocabulary) < goal:
            count, pair = state.best()
            if pair is None:
                break
            _take(model, state, pair, count)
        return model
    model = Boundless(list(alphabet))
    at = 0
    while len(model.vocabulary) < vocab_size:
        count, pair = state.best()
        is_left = at < len(word.rows)
        regular = word.counts[at] if is_left else 0
        if pair is not None and count > regular and set(pair) <= set(model.vocabulary):
            _take(model, state, pair, count)
        elif is_left:
            joined = word.rows[at][1] + word.rows[at][2]
            if joined not in model.vocabulary:
                model.vocabulary.append(joined)
            _keep(model, word, at)
            at += 1
            while at < len(word.rows) and word.rows[at][0] == "delete":
                model.vocabulary.remove(word.rows[at][1])
                _keep(model, word, at)
                at += 1
        else:
            break
    return model


def _keep(model: Boundless, word: picky.Run, at: int) -> None:
    model.rows.append(word.rows[at])
    model.counts.append(word.counts[at])


def _take(model: Boundless, state: Supers, pair: Pair, count: int) -> None:
    state.merge(pair)
    model.supers.append(pair)
    model.super_counts.append(count)
    if pair[0] + pair[1] not in model.vocabulary:
        model.vocabulary.append(pair[0] + pair[1])


def one_pass(
    documents: Sequence[Document],
    *,
    vocab_size: int,
    tau: float,
    supers_first: bool = True,
    literal: bool = False,
    parts: str = "bytes",
    alphabet: Iterable[bytes] = picky.ALL_BYTES,
    could_merge: Callable[[bytes], bool] = has_letter,
) -> Boundless:
    """Merge words and runs in one loop; a pretoken takes part in super-merges while it is one token.

    With `literal`, as the original program does: a pair that spells a token which was ever made is refused, a
    deleted token counts as there, pretokens of one byte take no part, and a pretoken that fell apart goes on.
    """
    counts = Counter(pretoken for document in documents for pretoken in document)
    words = {word: [bytes([byte]) for byte in word] for word in counts}
    model = Boundless(list(alphabet))
    ever = set(model.vocabulary)
    locked = {word for word in counts if literal or len(word) > 1}
    state = Supers(runs_of(documents, could_merge), locked=locked)
    if literal:
        state.refused = ever
    made_of: dict[bytes, Pair] = {}
    while len(ever if literal else model.vocabulary) < vocab_size:
        pairs = pair_counts(words, counts, overlap=False)
        if literal:
            pairs = Counter({pair: count for pair, count in pairs.items() if pair[0] + pair[1] not in ever})
        regular = max(pairs.values(), default=0)
        count, pair = state.best()
        if regular == 0 and pair is None:
            break
        if pair is not None and (count > regular or (count == regular and supers_first)):
            _take(model, state, pair, count)
            ever.add(pair[0] + pair[1])
            continue
        left, right = min(pair for pair, count in pairs.items() if count == regular)
        before = token_counts(words, counts)
        for word, tokens in words.items():
            words[word] = merged(tokens, left, right)
        model.rows.append(("merge", left, right))
        model.counts.append(regular)
        made_of.setdefault(left + right, (left, right))
        ever.add(left + right)
        if left + right not in model.vocabulary:
            model.vocabulary.append(left + right)
        for token in dict.fromkeys((left, right)):
            if len(token) > 1 and regular / before[token] >= tau:
                split = picky.parts_of(token, parts, made_of, model.vocabulary)
                model.rows.append(("delete", token, *split))
                model.counts.append(token_counts(words, counts)[token])
                for word, tokens in words.items():
                    words[word] = [p for t in tokens for p in (split if t == token else [t])]
                model.vocabulary.remove(token)
        locked -= {word for word, tokens in words.items() if len(tokens) == 1 and len(word) > 1}
        if not literal:
            locked |= {word for word, tokens in words.items() if len(tokens) > 1}
    return model


def encode(pretokens: Sequence[bytes], rows: Sequence[Row], supers: Sequence[Pair]) -> list[bytes]:
    """Encode a document: rows inside of pretokens, then super-merges by rank over runs of one-token pretokens.

    >>> encode([b"a", b"bc"], [], [(b"a", b"bc")])
    [b'a', b'b', b'c']
    """
    return join([picky.encode(pretoken, rows) for pretoken in pretokens], supers)


def join(cut: Iterable[list[bytes]], supers: Sequence[Pair]) -> list[bytes]:
    """Apply super-merges by rank over longest runs of pretokens that were cut into one token.

    >>> join([[b"a"], [b" b"], [b"c", b"d"]], [(b"a", b" b")])
    [b'a b', b'c', b'd']
    """
    out: list[bytes] = []
    for is_one, group in groupby(cut, lambda tokens: len(tokens) == 1):
        tokens = [token for part in group for token in part]
        out += _by_rank(tokens, supers) if is_one else tokens
    return out


def _by_rank(tokens: list[bytes], supers: Sequence[Pair]) -> list[bytes]:
    rank: Mapping[Pair, int] = {pair: i for i, pair in reversed(list(enumerate(supers)))}
    while True:
        pairs = [pair for pair in pairwise(tokens) if pair in rank]
        if not pairs:
            return tokens
        tokens = merged(tokens, *min(pairs, key=rank.__getitem__))
