"""Validity for methods that encode one pretoken at a time, by encoding pretokens.

Where borders may lie is decided exactly, as for merges (`Borders`); inside of a pretoken the method itself is asked.

Most methods are *closed*: if a token of enc(w v) ends where w does, then enc(w) is the beginning of enc(w v). So are
merging by rank, the longest token from the left (a token that is longest in the longer text and fits into the shorter
is longest there), from the right (what stands left of a place it has come to does not know what is right of it),
longest first (no token crosses the place, so the choices left of it are the same), and the best path by number or by
score (the best path to a place does not depend on what follows). A sequence inside of a pretoken is then valid exactly
if it is the encoding of its bytes and the pretoken can be ended.

Others are not: operations that delete tokens (PickyBPE), scaffold tokens, LiB's look at the second longest unit. There
a sequence counts if some pretoken that goes on by one token, or a byte and a token, begins with it: each is a proof,
and what only longer pretokens make is missed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tokbench import _rust
from tokbench.bytelm.cover import Cover, Mask, Place, alphabet_of
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokbench.bpe import BpeModel
    from tokbench.tokenizer import Tokenizer

CLOSED = frozenset({"merges", "longest", "longest_suffix", "longest_first", "fewest", "unigram"})
Hypothesis: TypeAlias = tuple[int, tuple[int, ...] | None]
"""The state of the borders, and the tokens of the open pretoken, None where a border lies."""
_MANY = 2048
"""Tokens up to which a byte and a token are tried where the method is not closed."""
_ROUNDS = 3
"""Tokens that an open pretoken may need to be ended."""


def words_decide(tokenizer: Tokenizer) -> bool:
    """Whether a pre-tokenizer and a method for one pretoken are all that makes an encoding of bytes."""
    if not isinstance(tokenizer, BpeTokenizer):
        return False
    model = tokenizer.model
    changed = model.normalizer is not None or model.steps or model.segmenter is not None
    plain = all(token.special and not token.lstrip and not token.rstrip for token in model.added)
    return not changed and model.supers is None and plain


class ByWords(Cover):
    """The valid sequences of a tokenizer for which `words_decide`.

    Raises:
        PretokenizeError: for a pattern that no automaton follows.
    """

    def __init__(self, model: BpeModel, trie: _rust.ByteTrie, *, max_masks: int = 256) -> None:
        model = model.ranked
        alphabet = alphabet_of(model)
        self._alphabet = bytes(range(256)) if alphabet is None else alphabet
        self._borders = _rust.Borders(model.pretokenizer, alphabet)
        alone = replace(model, pretokenizer="none", prefix_space=False)
        self._words = BpeTokenizer(alone, name="words")
        self._order = trie.order
        self._spelled = [model.vocab.token_bytes(int(token)) for token in self._order]
        self._closed = model.method in CLOSED and not model.scaffold
        self.path = f"{model.method}, one pretoken at a time" + ("" if self._closed else ", by witnesses")
        self._masks: dict[Place, Mask] = {}
        self._max_masks = max_masks
        self._can_end: dict[tuple[int, tuple[int, ...]], bool] = {}
        self._encoded: dict[bytes, tuple[int, ...]] = {}

    def root(self) -> Place:
        """Return the place of the empty sequence."""
        return ((self._borders.start, None),)

    def mask(self, place: Place) -> Mask | None:
        """Return 1 for every token that may come next."""
        if place not in self._masks:
            mask = np.zeros(len(self._order), dtype=np.uint8)
            for state, tokens in _hypotheses(place):
                self._allow(mask, state, tokens or ())
            if len(self._masks) >= self._max_masks:
                self._masks.pop(next(iter(self._masks)))
            self._masks[place] = mask
        return self._masks[place]

    def allows(self, place: Place, token_id: int) -> bool:
        """Whether a token may come next."""
        return any(True for hypothesis in _hypotheses(place) for _ in self._after(hypothesis, token_id))

    def step(self, place: Place, token_id: int) -> Place:
        """Return the place after a token that may come next."""
        found = {after for hypothesis in _hypotheses(place) for after in self._after(hypothesis, token_id)}
        return tuple(sorted(found, key=lambda it: (it[0], it[1] is not None, it[1] or ())))

    def ends(self, place: Place) -> bool:
        """Whether the sequence is the encoding of its bytes."""
        return any(tokens is None and self._borders.may_end(state) for state, tokens in _hypotheses(place))

    def _after(self, hypothesis: Hypothesis, token_id: int) -> Iterator[Hypothesis]:
        state, before = hypothesis
        spelled = self._words.token_bytes(token_id)
        tokens = (*(before or ()), token_id)
        closed = self._borders.walk(state, spelled, True)  # noqa: FBT003 - the extension's own convention
        if closed is not None and self._encode(self._bytes(tokens)) == tokens:
            yield closed, None
        open_ = self._borders.walk(state, spelled, False)  # noqa: FBT003 - the extension's own convention
        if open_ is not None and self._ends_somehow(open_, tokens):
            yield open_, tokens

    def _allow(self, mask: Mask, state: int, tokens: tuple[int, ...]) -> None:
        """Mark the tokens that may come after those of the open pretoken."""
        word = self._bytes(tokens)
        for at, row in zip(*self._tried(state, word), strict=True):
            token = int(self._order[at])
            if row == (*tokens, token):
                mask[at] = 1
        left = np.flatnonzero(mask == 0)
        for at in left.tolist():
            if self._closed and self._encode(word + self._spelled[at]) != (*tokens, int(self._order[at])):
                continue
            open_ = self._borders.walk(state, self._spelled[at], False)  # noqa: FBT003 - as above
            if open_ is not None and self._ends_somehow(open_, (*tokens, int(self._order[at]))):
                mask[at] = 1

    def _tried(self, state: int, word: bytes) -> tuple[list[int], list[tuple[int, ...]]]:
        """Encode the open pretoken ended by every token that may end it."""
        ends = [
            at
            for at, spelled in enumerate(self._spelled)
            if self._borders.walk(state, spelled, True) is not None  # noqa: FBT003 - as above
        ]
        rows = self._words.encode_batch([word + self._spelled[at] for at in ends], threads=1)
        return ends, [tuple(row.tolist()) for row in rows]

    def _ends_somehow(self, state: int, tokens: tuple[int, ...]) -> bool:
        """Whether more text ends the open pretoken and leaves these tokens as its beginning."""
        key = state, tokens
        if key not in self._can_end:
            self._can_end[key] = self._search(state, tokens)
        return self._can_end[key]

    def _search(self, state: int, tokens: tuple[int, ...]) -> bool:
        word = self._bytes(tokens)
        if self._closed and self._encode(word) != tokens:
            return False
        rounds: list[tuple[int, bytes]] = [(state, word)]
        for _ in range(_ROUNDS):
            for state_now, word_now in rounds:
                if any(row[: len(tokens)] == tokens for row in self._tried(state_now, word_now)[1]):
                    return True
            if not self._closed and len(self._order) > _MANY:
                return False
            rounds = list(self._longer(rounds, tokens))
            if not self._closed:
                return any(row[: len(tokens)] == tokens for place in rounds for row in self._tried(*place)[1])
        return False

    def _longer(
        self, rounds: Sequence[tuple[int, bytes]], tokens: tuple[int, ...]
    ) -> Iterator[tuple[int, bytes]]:
        for state, word in rounds:
            for byte in self._alphabet:
                after = self._borders.walk(state, bytes([byte]), False)  # noqa: FBT003 - as above
                longer = word + bytes([byte])
                if after is not None and (not self._closed or self._encode(longer)[: len(tokens)] == tokens):
                    yield after, longer

    def _bytes(self, tokens: Sequence[int]) -> bytes:
        return b"".join(self._words.token_bytes(token) for token in tokens)

    def _encode(self, word: bytes) -> tuple[int, ...]:
        if word not in self._encoded:
            if len(self._encoded) > 1 << 16:
                self._encoded.clear()
            self._encoded[word] = tuple(self._words.encode(word).tolist())
        return self._encoded[word]


def _hypotheses(place: Place) -> tuple[Hypothesis, ...]:
    assert isinstance(place, tuple), "a place of another cover"
    return place
