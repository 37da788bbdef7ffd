"""Validity for superwords over pretokens: merging by rank twice, inside of pretokens and over runs of them.

Merging inside of pretokens makes tokens; a pretoken that became one token is a *letter*, and runs of letters are merged
by rank again (Schmidt et al. 2025, BoundlessBPE). A token of the result is a letter or merged letters of a run, or
stands in a pretoken of several tokens, which bounds the runs. A *reading* says which of these every token so far is:

* its letters are pretokens, each ended at once; or it begins, or goes on with, a pretoken of several tokens;
* in a run, neighbours must stand side by side under the second merging, which again is a matter of the two: both are
  what their own letters merge to, and no merge crosses the border between them.

The set of readings decides what may follow.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tokbench.bytelm.bpe_cover import ByMerges, merges_decide
from tokbench.bytelm.cover import Cover, Mask, Place
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokbench import _rust
    from tokbench.bpe import BpeModel
    from tokbench.tokenizer import Tokenizer

Letters: TypeAlias = tuple[int, ...]
Reading: TypeAlias = tuple[int, bool, Letters]
"""A place under the first merging, whether a pretoken is open there, and the letters of the run's last token."""


def supers_decide(tokenizer: Tokenizer) -> bool:
    """Whether merges of whole pretokens are all that keeps merges by rank from deciding."""
    if not isinstance(tokenizer, BpeTokenizer) or tokenizer.model.supers is None:
        return False
    return merges_decide(BpeTokenizer(replace(tokenizer.model, supers=None), name=tokenizer.name))


class BySupers(Cover):
    """The valid sequences of a tokenizer for which `supers_decide`.

    Raises:
        PretokenizeError: for a pattern that no automaton follows.
    """

    path = "merges by rank, twice"

    def __init__(self, model: BpeModel, trie: _rust.ByteTrie, *, max_masks: int = 256) -> None:
        assert model.supers is not None, "asked for by `supers_decide`"
        self._first = ByMerges(replace(model, supers=None), trie)
        self._table: dict[tuple[int, int], tuple[int, int]] = {}
        for rank, (left, right, result) in enumerate(model.supers):
            self._table.setdefault((left, right), (rank, result))
        self._spellings = self._spelled(list(model.supers))
        self._order = trie.order.tolist()
        self._stands: dict[tuple[Letters, Letters], bool] = {}
        self._masks: dict[Place, Mask] = {}
        self._max_masks = max_masks

    def root(self) -> Place:
        """Return the only reading of nothing."""
        return ((self._first.native_root(), False, ()),)

    def mask(self, place: Place) -> Mask | None:
        """Return 1 for every token that goes on with some reading."""
        if place not in self._masks:
            mask = np.zeros(len(self._order), dtype=np.uint8)
            begins = np.zeros(len(self._order), dtype=np.uint8)
            for reading in _readings(place):
                begun = self._first.mask(reading[0])
                assert begun is not None, "merges by rank always say which"
                begins |= begun
            for at, token in enumerate(self._order):
                # The first letter of a token of the second merging stands under another id.
                if begins[at] or token in self._spellings:
                    mask[at] = self.allows(place, token)
            if len(self._masks) >= self._max_masks:
                self._masks.pop(next(iter(self._masks)))
            self._masks[place] = mask
        return self._masks[place]

    def allows(self, place: Place, token_id: int) -> bool:
        """Whether a token goes on with some reading."""
        return any(True for reading in _readings(place) for _ in self._after(reading, token_id))

    def step(self, place: Place, token_id: int) -> Place:
        """Return the readings with one more token."""
        return tuple(
            sorted({after for reading in _readings(place) for after in self._after(reading, token_id)})
        )

    def ends(self, place: Place) -> bool:
        """Whether some reading ends with a pretoken, and the text may."""
        return any(not is_open and self._first.ends(at) for at, is_open, _ in _readings(place))

    def _after(self, reading: Reading, token_id: int) -> Iterator[Reading]:
        at, is_open, last = reading
        if is_open:
            for goes_on in (True, False):
                after = self._first.stepped(at, token_id, ended=not goes_on)
                if after is not None:
                    yield after, goes_on, ()
            return
        after = self._first.stepped(at, token_id, ended=False)
        if after is not None:
            yield after, True, ()
        for letters in ((token_id,), *self._spellings.get(token_id, ())):
            if last and not self._may_stand(last, letters):
                continue
            place: int | None = at
            for letter in letters:
                place = None if place is None else self._first.stepped(place, letter, ended=True)
            if place is not None:
                yield place, False, letters

    def _spelled(self, supers: list[tuple[int, int, int]]) -> dict[int, list[Letters]]:
        """Return the letters that the second merging makes each token of."""
        ways: dict[int, list[Letters]] = {}
        for left, right, result in supers:
            for one, other in product([(left,), *ways.get(left, [])], [(right,), *ways.get(right, [])]):
                letters = (*one, *other)
                if letters not in ways.setdefault(result, []):
                    ways[result].append(letters)
        return {token: [it for it in found if self._merged(it) == [token]] for token, found in ways.items()}

    def _may_stand(self, left: Letters, right: Letters) -> bool:
        """Whether the second merging leaves two neighbours of a run as they are."""
        key = left, right
        if key not in self._stands:
            if len(self._stands) > 1 << 20:
                self._stands.clear()
            self._stands[key] = self._merged(left + right) == self._merged(left) + self._merged(right)
        return self._stands[key]

    def _merged(self, letters: Letters) -> list[int]:
        """Merge letters, the lowest rank first, of equals the leftmost."""
        symbols = list(letters)
        while len(symbols) > 1:
            found = [self._table.get(pair) for pair in pairwise(symbols)]
            ranked = [(way[0], at, way[1]) for at, way in enumerate(found) if way is not None]
            if not ranked:
                break
            _, at, result = min(ranked)
            symbols[at : at + 2] = [result]
        return symbols


def _readings(place: Place) -> tuple[Reading, ...]:
    assert isinstance(place, tuple), "a place of another cover"
    return place
