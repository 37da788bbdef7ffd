"""What others do at the end of a prompt: nothing, token healing, token alignment. To compare with the exact answer.

* `naive`: encode the prompt and read the next token's first byte off the model.
* healing (guidance; `n_back` = 1): drop the last token; the next token must begin with its bytes, whatever else fits.
* alignment (Athiwaratkun et al. 2024, arXiv 2403.08688; `n_back` > 1): drop several; the tokens that follow must
  together begin with the dropped bytes.

Both condition on the tokens that are kept, as if no other could stand there: constraints, not probabilities.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.bytelm.cover import EverySegmentation
from tokbench.bytelm.engine import ROOT
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from tokbench.bytelm.byte_lm import ByteLM
    from tokbench.bytelm.distribution import ByteDistribution
    from tokbench.bytelm.engine import ByteState
    from tokbench.bytelm.prompts import Prompt


def naive(model: ByteLM, prompt: Prompt) -> ByteDistribution:
    """Return the distribution of the first byte of the token after the encoded prompt."""
    return aligned(model, prompt, n_back=0)


def healed(model: ByteLM, prompt: Prompt) -> ByteDistribution:
    """Return the distribution of the byte after a prompt under token healing."""
    return aligned(model, prompt, n_back=1)


def aligned(model: ByteLM, prompt: Prompt, *, n_back: int = 3) -> ByteDistribution:
    """Return the distribution of the byte after a prompt of which the last `n_back` tokens are bytes only.

    Raises:
        ParameterError: for a negative `n_back`.
        ModelError: when no token fits.
    """
    return aligned_state(model, prompt, n_back=n_back).distribution()


def aligned_state(model: ByteLM, prompt: Prompt, *, n_back: int) -> ByteState:
    """Return the state after a prompt of which the last `n_back` tokens are bytes only; 0 is the naive reading.

    Raises:
        ParameterError: for a negative `n_back`.
    """
    if n_back < 0:
        message = f"n_back: {n_back}; it counts tokens, 0 and up"
        raise ParameterError(message)
    taken = model.taken(prompt)
    tokens = model.tokenizer.encode(taken.data).tolist()
    kept = tokens[: len(tokens) - n_back] if n_back < len(tokens) else []
    spelled = b"".join(model.tokenizer.token_bytes(token) for token in tokens[len(kept) :])
    engine = model.engine.behind((*taken.settled, *kept))
    engine = replace(engine, cover=EverySegmentation(), checked=False, tolerance=0.0)
    state = engine.start()
    for at, byte in enumerate(spelled, start=1):
        state = state.advance(byte)
        if n_back == 1 and at < len(spelled):
            # One token must hold all of the dropped one's bytes.
            state = replace(state, branches=tuple(branch for branch in state.branches if branch.node != ROOT))
    return state
