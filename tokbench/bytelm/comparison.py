"""What a prompt's end costs: the same continuation under the naive reading, token healing and the exact answer.

A model of tokens has hardly ever seen the token before a cut go on with the rest of what was cut, so the naive reading
gives the right continuation too little probability. How much too little is the ratio of the two numbers here; nothing
else differs between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bytelm.healing import aligned_state
from tokbench.encoding import text_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.bytelm.byte_lm import ByteLM
    from tokbench.bytelm.distribution import ByteDistribution
    from tokbench.bytelm.engine import ByteState
    from tokbench.bytelm.prompts import Prompt

EXACT = "exact"
"""The reading that the others are compared with."""


@dataclass(frozen=True)
class Reading:
    """A prompt as one method reads it.

    Attributes:
        next_byte: the distribution of the byte after the prompt.
        probability: of the continuation, 0 … 1: the product over its bytes.
    """

    next_byte: ByteDistribution
    probability: float

    @property
    def bits(self) -> float:
        """-log2 of the continuation's probability, 0 and up; ``inf`` where it is 0."""
        return -math.log2(self.probability) if self.probability > 0 else math.inf


@dataclass(frozen=True)
class Comparison:
    """One prompt and continuation under every reading, the exact one last.

    Attributes:
        continuation: what was asked about.
        tokens: the bytes of the tokens that the prompt's text alone is encoded to.
        readings: by method.
    """

    continuation: bytes
    tokens: tuple[bytes, ...]
    readings: Mapping[str, Reading]

    def distance(self, method: str) -> float:
        """Return the total variation distance of a method's next byte to the exact one, 0 … 1."""
        wanted = self.readings[EXACT].next_byte.probabilities
        return float(np.abs(self.readings[method].next_byte.probabilities - wanted).sum()) / 2

    def ratio(self, method: str) -> float:
        """Return the exact probability of the continuation over a method's, 0 … ``inf``; 1 where the method is right.

        Where both are 0 it is not defined: NaN.
        """
        exact, other = self.readings[EXACT].probability, self.readings[method].probability
        if other > 0:
            return exact / other
        return math.inf if exact > 0 else math.nan


def compare(model: ByteLM, prompt: Prompt, continuation: str | bytes) -> Comparison:
    """Return how probable a continuation is after a prompt: naively, under token healing, and exactly.

    Raises:
        ModelError: when the model gives the prompt probability 0.

    Example:
        >>> import tokbench as tb
        >>> from tokbench.bytelm import ByteLM
        >>> from tokbench.bytelm.ngram import train_ngram
        >>> texts = ["the cat sat", "the cat ran", "the dog sat"] * 3
        >>> tokenizer = tb.train(tb.count_texts({"all": texts}, "gpt2"), vocab_size=266)
        >>> model = ByteLM(train_ngram(texts, tokenizer, order=3), tokenizer)
        >>> found = compare(model, "the ca", "t")
        >>> found.readings["naive"].probability < 0.1 < 0.9 < found.readings["exact"].probability
        True
    """
    data = text_bytes(continuation)
    tokens = model.tokenizer.encode(model.taken(prompt).data).tolist()
    states = {
        "naive": aligned_state(model, prompt, n_back=0),
        "healing": aligned_state(model, prompt, n_back=1),
        EXACT: model.open(prompt),
    }
    readings = {
        name: Reading(state.distribution(), _probability(state, data)) for name, state in states.items()
    }
    return Comparison(data, tuple(model.tokenizer.token_bytes(token) for token in tokens), readings)


def _probability(state: ByteState, data: bytes) -> float:
    """Return the product of the probabilities of some bytes, one after the other."""
    probability = 1.0
    for byte in data:
        if not state.sums.sum() > 0:
            return 0.0
        probability *= float(state.distribution().probabilities[byte])
        if probability == 0:
            return 0.0
        state = state.advance(byte)
    return probability
