"""Writing token by token from a prompt that may end inside of a token.

The prompt's end is the only place where bytes are needed: one cover of the prompt is drawn with its exact
probability, from one tree of contexts. Its last token reaches or passes the end of the prompt; from there on the
model writes tokens as it always does, one context per token, except that under ``valid`` it is kept to tokens that
encoding could put there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bytelm.engine import ROOT, Waiting
from tokbench.bytelm.sampling import sharpened
from tokbench.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.bytelm.byte_lm import ByteLM
    from tokbench.bytelm.engine import Branch, ByteState, Engine, TokenContext
    from tokbench.bytelm.prompts import Prompt


@dataclass(frozen=True)
class Completion:
    """What was written.

    Attributes:
        data: the bytes after the prompt.
        tokens: the tokens of prompt and continuation, from the shared beginning on.
        ended: whether the model ended the text.
        n_contexts: how many contexts the model was asked about.
        seed: what reproduces it.
    """

    data: bytes
    tokens: tuple[int, ...]
    ended: bool
    n_contexts: int
    seed: int


def complete(
    model: ByteLM,
    prompt: Prompt,
    *,
    max_tokens: int = 64,
    temperature: float = 1.0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    seed: int = 0,
) -> Completion:
    """Write at most `max_tokens` tokens after a prompt.

    Temperature, top-p and min-p act on tokens; the cover of the prompt is drawn under the temperature alone.

    Raises:
        ParameterError: when `max_tokens` is below 1.
        ModelError: when the model gives the prompt probability 0.
    """
    if max_tokens < 1:
        message = f"max_tokens: {max_tokens}; at least 1 is needed"
        raise ParameterError(message)
    draw = np.random.default_rng(seed)
    asked = model.n_contexts
    taken = model.taken(prompt)
    state = model.open(prompt)
    engine = state.engine
    branch, place = _drawn(state, draw, temperature)
    context = branch.context
    if place is None:
        return Completion(b"", context.tokens, ended=True, n_contexts=model.n_contexts - asked, seed=seed)
    already = len(model.lead + taken.data) - _n_bytes(model, context, engine)
    written = b""
    token = int(engine.order[place])
    for _ in range(max_tokens):
        written += model.tokenizer.token_bytes(token)
        context = engine.extend([Waiting(context, token, 1.0, 0)])[0]
        shares = sharpened(_next(context), temperature=temperature, top_p=top_p, min_p=min_p)
        slot = _choose(shares, draw)
        if slot == len(engine.order):
            return Completion(
                written[already:], context.tokens, ended=True, n_contexts=model.n_contexts - asked, seed=seed
            )
        token = int(engine.order[slot])
    return Completion(
        written[already:], context.tokens, ended=False, n_contexts=model.n_contexts - asked, seed=seed
    )


def _drawn(state: ByteState, draw: np.random.Generator, temperature: float) -> tuple[Branch, int | None]:
    """Draw a branch and its crossing token; None for the end of the text."""
    engine = state.engine
    rows = []
    for branch in state.branches:
        low, middle, high = engine.trie.places(branch.node)
        start = low if branch.node == ROOT else middle
        end = [branch.context.end] if branch.node == ROOT else []
        rows.append(branch.weight * np.append(branch.context.row[start:high], end))
    flat = np.concatenate(rows) if rows else np.zeros(0)
    if not flat.sum() > 0:
        message = "the model gives this prompt probability 0: nothing can be written after it"
        raise ModelError(message)
    at = _choose(sharpened(flat, temperature=temperature), draw)
    for branch, row in zip(state.branches, rows, strict=True):
        if at < len(row):
            low, middle, high = engine.trie.places(branch.node)
            start = low if branch.node == ROOT else middle
            return branch, start + at if start + at < high else None
        at -= len(row)
    raise AssertionError("the place lies in one of the rows")


def _next(context: TokenContext) -> NDArray[np.float64]:
    """Return what may come after a context: the tokens that count, and the end."""
    shares = np.append(context.row, context.end)
    if not shares.sum() > 0:
        message = "the model leaves no token that may come here"
        raise ModelError(message)
    scaled: NDArray[np.float64] = shares / shares.sum()
    return scaled


def _choose(shares: NDArray[np.float64], draw: np.random.Generator) -> int:
    at = int(np.searchsorted(np.cumsum(shares), draw.random() * shares.sum(), side="right"))
    return min(at, int(np.flatnonzero(shares)[-1]))


def _n_bytes(model: ByteLM, context: TokenContext, engine: Engine) -> int:
    """Return how many bytes a context spells behind the settled tokens."""
    tokens = context.tokens[len(engine.before) :]
    return sum(len(model.tokenizer.token_bytes(token)) for token in tokens)
