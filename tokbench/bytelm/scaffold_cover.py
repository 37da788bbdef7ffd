"""Validity for scaffold tokens: merging by rank, after which scaffold tokens fall into their parts.

The tokens that are seen are what merging by rank made, some of it taken apart. A *reading* of the tokens so far says
what was merged: the place of that sequence under merging by rank, and the parts of a scaffold token that are still to
come. A sequence is valid exactly if some reading of it is, and a reading decides all that follows, so the set of
readings is all that is kept. Source: Lian et al. 2024 (Scaffold-BPE).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tokbench import _rust
from tokbench.bytelm.bpe_cover import ByMerges, merges_decide
from tokbench.bytelm.cover import Cover, Mask, Place
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.bpe import BpeModel
    from tokbench.tokenizer import Tokenizer

Reading: TypeAlias = tuple[int, tuple[int, ...]]
"""A place under merging by rank, and parts that are still to come."""


def scaffold_decides(tokenizer: Tokenizer) -> bool:
    """Whether scaffold tokens are all that keeps merges by rank from deciding."""
    if not isinstance(tokenizer, BpeTokenizer) or not tokenizer.model.ranked.scaffold:
        return False
    model = tokenizer.model.ranked
    return model.method == "merges" and merges_decide(BpeTokenizer(_merged(model), name=tokenizer.name))


def _merged(model: BpeModel) -> BpeModel:
    """Return the model without the fall of scaffold tokens, which are ordinary tokens then."""
    vocab = model.vocab
    tokens = {**vocab.tokens, **model.transient}
    whole = Vocab(
        dict(sorted(tokens.items())), special=vocab.special, unknown=vocab.unknown, partial=vocab.partial
    )
    return replace(model, vocab=whole, scaffold=())


def _parts(model: BpeModel) -> dict[int, tuple[int, ...]]:
    """Return what every scaffold token falls into: the fewest parts, of equals those of its first merge."""
    scaffold = set(model.scaffold)
    found: dict[int, tuple[int, ...]] = {}
    for left, right, result in zip(*(column.tolist() for column in model.merge_columns), strict=True):
        if result in scaffold:
            parts = (*found.get(left, (left,)), *found.get(right, (right,)))
            if result not in found or len(parts) < len(found[result]):
                found[result] = parts
    return found


class ByScaffold(Cover):
    """The valid sequences of a tokenizer for which `scaffold_decides`.

    Args:
        model: the tokenizer's.
        trie: of the tokens that are seen.

    Raises:
        PretokenizeError: for a pattern that no automaton follows.
    """

    path = "merges by rank, scaffold tokens in parts"

    def __init__(self, model: BpeModel, trie: _rust.ByteTrie, *, max_masks: int = 256) -> None:
        model = model.ranked
        merged = _merged(model)
        arena, offsets = merged.vocab.arrays()
        seen = trie.order
        every = np.union1d(seen, np.array(model.scaffold, dtype=np.uint32)).astype(np.uint32)
        inner = _rust.ByteTrie(arena, offsets, every)
        self._merges = ByMerges(merged, inner)
        self._parts: Mapping[int, tuple[int, ...]] = _parts(model)
        self._order = seen
        self._scaffold = frozenset(model.scaffold)
        rank = np.full(len(offsets), -1, dtype=np.int64)
        rank[inner.order] = np.arange(len(inner.order))
        # The places in the inner trie of the tokens that are seen, and of what they begin.
        self._inner_place = rank[seen]
        self._is_seen = np.array([int(token) not in self._scaffold for token in seen])
        self._begun_by: dict[int, list[int]] = {}
        for token, parts in self._parts.items():
            self._begun_by.setdefault(parts[0], []).append(token)
        self._scaffold_place = {token: int(rank[token]) for token in self._parts}
        self._place = {int(token): at for at, token in enumerate(seen)}
        self._masks: dict[Place, Mask] = {}
        self._max_masks = max_masks

    def root(self) -> Place:
        """Return the only reading of nothing."""
        return ((self._merges.native_root(), ()),)

    def mask(self, place: Place) -> Mask | None:
        """Return 1 for every token that goes on with some reading."""
        if place not in self._masks:
            mask = np.zeros(len(self._order), dtype=np.uint8)
            for inner, parts in _readings(place):
                if parts:
                    mask[self._place[parts[0]]] = 1
                    continue
                allowed = self._merges.mask(inner)
                assert allowed is not None, "merges by rank always say which"
                mask |= allowed[self._inner_place] & self._is_seen
                for first, tokens in self._begun_by.items():
                    if not mask[self._place[first]]:
                        mask[self._place[first]] = any(
                            allowed[self._scaffold_place[token]] for token in tokens
                        )
            if len(self._masks) >= self._max_masks:
                self._masks.pop(next(iter(self._masks)))
            self._masks[place] = mask
        return self._masks[place]

    def allows(self, place: Place, token_id: int) -> bool:
        """Whether a token goes on with some reading."""
        return any(self._after(reading, token_id) for reading in _readings(place))

    def step(self, place: Place, token_id: int) -> Place:
        """Return the readings with one more token."""
        found = {after for reading in _readings(place) for after in self._after(reading, token_id)}
        return tuple(sorted(found))

    def ends(self, place: Place) -> bool:
        """Whether some reading is complete."""
        return any(not parts and self._merges.ends(inner) for inner, parts in _readings(place))

    def _after(self, reading: Reading, token_id: int) -> list[Reading]:
        inner, parts = reading
        if parts:
            return [(inner, parts[1:])] if parts[0] == token_id else []
        found: list[Reading] = []
        whole = [] if token_id in self._scaffold else [(token_id, ())]
        begun = [(token, self._parts[token][1:]) for token in self._begun_by.get(token_id, ())]
        for token, rest in [*whole, *begun]:
            if self._merges.allows(inner, token):
                after = self._merges.step(inner, token)
                assert isinstance(after, int), "a place of merges by rank"
                found.append((after, rest))
        return found


def _readings(place: Place) -> tuple[Reading, ...]:
    assert isinstance(place, tuple), "a place of another cover"
    return place
