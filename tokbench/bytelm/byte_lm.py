"""`ByteLM`: a token-level language model read as a model of bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from tokbench import _rust
from tokbench.bytelm.choose import choose_cover, lead_of
from tokbench.bytelm.distribution import END
from tokbench.bytelm.engine import ByteState, Engine
from tokbench.bytelm.prompts import Opening, Prompt, opening
from tokbench.bytelm.token_lm import Evaluator, TokenLM
from tokbench.bytelm.tree import open_at_once
from tokbench.encoding import text_bytes
from tokbench.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tokbench.bytelm.distribution import ByteDistribution
    from tokbench.tokenizer import Tokenizer

Semantics = Literal["valid", "all", "vct"]
SEMANTICS: tuple[Semantics, ...] = ("valid", "all", "vct")


@dataclass(frozen=True)
class ByteScore:
    """How many bits a text costs.

    Attributes:
        bits: of every byte given those before it, and of the end where it was asked for; ``inf`` where the model gives
            a byte probability 0.
        n_bytes: number of bytes of the text.
        cover_bits: -log2 of the unnormalised sum over covers; above ``bits.sum()`` by what leaked.
        dropped: the largest of the bounds on what a tolerance left out, over the bytes; 0 without one.
    """

    bits: NDArray[np.float64]
    n_bytes: int
    cover_bits: float
    dropped: float

    @property
    def total_bits(self) -> float:
        """Bits of the whole text."""
        return math.fsum(self.bits.tolist())

    @property
    def bits_per_byte(self) -> float | None:
        """Bits per byte, 0 and up; None for the empty text, for which it is not defined."""
        return self.total_bits / self.n_bytes if self.n_bytes else None


class ByteLM:
    """Next-byte probabilities of a token-level language model.

    Args:
        token_lm: the model.
        tokenizer: what its tokens spell and how text becomes tokens.
        semantics: which token sequences count: ``valid`` (beginnings of encodings), ``all`` (every segmentation),
            ``vct`` (the last token may be any that fits).
        tolerance: how far a distribution may be from the exact one, as a total variation distance in 0 … 1; token
            sequences that weigh less are not shown to the model. 0 asks about all of them.
        end_ids: the ids that end a text; by default the model's `eos_id`.

    Raises:
        ParameterError: for unknown semantics or a tolerance outside of 0 … 1.
        ModelError: when the model has fewer ids than the tokenizer.

    Example:
        >>> import numpy as np, tokbench as tb
        >>> from tokbench.bytelm import FunctionLM
        >>> tokenizer = tb.train(tb.count_texts({"all": ["aab ab aab"]}, "none"), vocab_size=258)
        >>> model = FunctionLM(lambda contexts: np.full((len(contexts), 258), -np.log(258.0)), vocab_size=258)
        >>> distribution = ByteLM(model, tokenizer).next_byte("a")
        >>> round(float(distribution.probabilities.sum()), 12)
        1.0
    """

    def __init__(
        self,
        token_lm: TokenLM,
        tokenizer: Tokenizer,
        *,
        semantics: Semantics = "valid",
        tolerance: float = 0.0,
        end_ids: Iterable[int] | None = None,
    ) -> None:
        if semantics not in SEMANTICS:
            message = f"semantics: {semantics!r}; choose one of {', '.join(SEMANTICS)}"
            raise ParameterError(message)
        if not 0 <= tolerance < 1:
            message = f"tolerance: {tolerance}; a distance from 0 up to, but not, 1 is needed"
            raise ParameterError(message)
        self.token_lm = token_lm
        self.tokenizer = tokenizer
        self.semantics = semantics
        eos = () if token_lm.eos_id is None else (token_lm.eos_id,)
        ends = eos if end_ids is None else tuple(end_ids)
        arena, offsets = tokenizer.token_arrays()
        if len(offsets) - 1 > token_lm.vocab_size:
            message = (
                f"the tokenizer has {len(offsets) - 1} ids, the model's rows {token_lm.vocab_size}: "
                f"they do not belong together"
            )
            raise ModelError(message)
        control = {*token_lm.control_ids, *ends, *eos, *_special_only(tokenizer)}
        control |= set() if token_lm.bos_id is None else {token_lm.bos_id}
        self.control_ids = frozenset(control)
        spelled = np.flatnonzero(np.diff(offsets)).astype(np.uint32)
        ids = spelled[~np.isin(spelled, sorted(control))]
        self.trie = _rust.ByteTrie(arena, offsets, ids)
        self.lead = lead_of(tokenizer)
        self.cover = cover = choose_cover(tokenizer, self.trie, self.lead, every=semantics == "all")
        before = () if token_lm.bos_id is None else (token_lm.bos_id,)
        self.engine = Engine(
            self.trie,
            self.trie.order,
            cover,
            semantics == "valid",
            Evaluator(token_lm),
            before,
            ends,
            float(tolerance),
        )

    @property
    def n_contexts(self) -> int:
        """How many contexts the model was asked about so far."""
        return self.engine.evaluator.n_contexts

    def start(self) -> ByteState:
        """Return the state before the first byte."""
        return self.state(b"")

    def taken(self, prompt: Prompt) -> Opening:
        """Take a prompt apart into settled tokens and the bytes after them."""
        return opening(prompt, self.tokenizer, vocab_size=self.token_lm.vocab_size)

    def state(self, prompt: Prompt = b"") -> ByteState:
        """Return the state after a prompt, its text fed byte by byte, with the probability of the text.

        Text before a control token stands as its encoding and is not part of the probability.
        """
        taken = self.taken(prompt)
        state = self.engine.behind(taken.settled).start()
        for byte in self.lead:
            state = state.advance(byte)
        if self.lead:
            state = replace(state, log_prefix=0.0)
        for byte in taken.data:
            state = state.advance(byte)
        return state

    def open(self, prompt: Prompt = b"") -> ByteState:
        """Return the state after a prompt, at once where that is possible.

        The same distributions as of `state`, without the probability of the text, for as many contexts as end in the
        last few bytes. Under ``all``, and with a tolerance, the text is fed byte by byte.
        """
        if self.semantics == "all" or self.engine.tolerance:
            return self.state(prompt)
        taken = self.taken(prompt)
        state = open_at_once(self.engine.behind(taken.settled), self.lead + taken.data)
        return replace(state, log_prefix=None) if self.lead else state

    def next_byte(self, prompt: Prompt = b"") -> ByteDistribution:
        """Return the distribution of the byte after a prompt.

        Raises:
            ModelError: when the model gives the text probability 0.
        """
        return self.open(prompt).distribution()

    def score(self, text: str | bytes, *, end: bool = False) -> ByteScore:
        """Return the bits of every byte of a text, and of its end where `end` is set."""
        data = text_bytes(text)
        state = self.start()
        bits: list[float] = []
        dropped = 0.0
        for at in range(len(data) + end):
            slot = data[at] if at < len(data) else END
            if state.log_prefix == -math.inf or not state.sums.sum() > 0:
                bits.append(math.inf)
                continue
            distribution = state.distribution()
            dropped = max(dropped, distribution.dropped)
            probability = float(distribution.probabilities[slot])
            bits.append(-math.log2(probability) if probability > 0 else math.inf)
            if at < len(data):
                state = state.advance(data[at])
        log_cover = state.log_prefix
        assert log_cover is not None, "the text was fed byte by byte"
        if end and log_cover > -math.inf:
            last = float(state.sums[END])
            log_cover = log_cover + math.log(last) if last > 0 else -math.inf
        return ByteScore(np.array(bits), len(data), -log_cover / math.log(2), dropped)


def _special_only(tokenizer: Tokenizer) -> set[int]:
    """Return the ids that stand for no text: special tokens that are no ordinary tokens besides."""
    return {i for i in tokenizer.vocab.special.values() if i not in tokenizer.vocab.tokens}
