"""Validity for merging by rank, under any pre-tokenizer: the native cover.

The three conditions, the automaton of borders and the test of neighbours are described where they are done, in
``rust_ext/core/src/borders`` and ``rust_ext/core/src/bytelm``; in short:

* a token sequence inside of a pretoken is an encoding exactly if every token is *reachable* (its bytes merge to it) and
  no merge crosses the border of two neighbours, which the two tokens' trees of merges decide;
* a border of the pre-tokenizer frees its neighbours from that. Where borders lie may depend on text that is still to
  come, so all *hypotheses* are kept: every set of borders that some continuation makes, no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.bytelm.cover import Cover, Mask, Place, alphabet_of
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from tokbench.bpe import BpeModel
    from tokbench.tokenizer import Tokenizer


def merges_decide(tokenizer: Tokenizer) -> bool:
    """Whether merges by rank, a pre-tokenizer and whole words are all that makes an encoding.

    Merges start from bytes, or from characters where every other byte has a fallback token.
    """
    if not isinstance(tokenizer, BpeTokenizer):
        return False
    model = tokenizer.model.ranked
    changed = model.normalizer is not None or model.steps or model.segmenter is not None
    beyond = model.supers is not None or model.scaffold or model.transient
    from_bytes = model.unit == "byte" and not model.prefix_space
    return (
        model.method == "merges"
        and (from_bytes or (model.unit == "character" and model.vocab.byte_fallback is not None))
        and not changed
        and not beyond
        and all(token.special and not token.lstrip and not token.rstrip for token in model.added)
    )


class ByMerges(Cover):
    """The valid sequences of a tokenizer for which `merges_decide`.

    Args:
        text_only: whether only valid UTF-8 has an encoding.

    Raises:
        PretokenizeError: for a pattern that no automaton follows.
    """

    path = "merges by rank"

    def __init__(self, model: BpeModel, trie: _rust.ByteTrie, *, text_only: bool = False) -> None:
        model = model.ranked
        arena, offsets = model.vocab.arrays()
        unlisted = set(model.unlisted)
        listed = np.array([i for i in model.vocab.tokens if i not in unlisted], dtype=np.uint32)
        self._native = _rust.BpeCover(
            trie,
            arena,
            offsets,
            model.merge_columns,
            listed,
            model.pretokenizer,
            model.whole_words,
            alphabet_of(model),
            model.vocab.byte_fallback if model.unit == "character" else None,
            model.unit == "character",
            text_only,
        )
        self._masks: dict[int, Mask] = {}
        self._max_masks = 256

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Places and border states made so far, and how many tokens are tested by merging."""
        return self._native.sizes()

    def root(self) -> Place:
        """Return the place of the empty sequence."""
        return self._native.root()

    def mask(self, place: Place) -> Mask | None:
        """Return 1 for every token that may come next."""
        assert isinstance(place, int), "a place of another cover"
        mask = self._masks.get(place)
        if mask is None:
            if len(self._masks) >= self._max_masks:
                self._masks.pop(next(iter(self._masks)))
            mask = self._masks[place] = self._native.mask(place)
        return mask

    def allows(self, place: Place, token_id: int) -> bool:
        """Whether a token may come next."""
        assert isinstance(place, int), "a place of another cover"
        return self._native.allows(place, token_id)

    def step(self, place: Place, token_id: int) -> Place:
        """Return the place after a token that may come next."""
        assert isinstance(place, int), "a place of another cover"
        after = self._native.step(place, token_id)
        assert after is not None, f"token {token_id} may not come here"
        return after

    def native_root(self) -> int:
        """Return the place of the empty sequence."""
        return self._native.root()

    def stepped(self, place: int, token_id: int, *, ended: bool) -> int | None:
        """Return the place after a token behind which the pretoken has `ended`, or goes on; None where it may not."""
        after = self._native.step(place, token_id)
        return None if after is None else self._native.keep(after, ended)

    def ends(self, place: Place) -> bool:
        """Whether the sequence is the encoding of its bytes."""
        assert isinstance(place, int), "a place of another cover"
        return self._native.ends(place)
