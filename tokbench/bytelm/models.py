"""Models by their spelling: ``KIND:ARGUMENT``.

A kind is a function from the argument and, if given, a tokenizer to a model and its tokenizer. Back ends add themselves
with `register`, when their module is loaded; `BACK_ENDS` says which modules those are.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tokbench.bytelm.token_lm import FunctionLM, TokenLM
from tokbench.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokbench.tokenizer import Tokenizer

Loader: TypeAlias = "Callable[[str, Tokenizer | None], tuple[TokenLM, Tokenizer]]"


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        name: its spelling before the colon.
        summary: what it is, and what stands behind the colon.
        load: makes the model.
    """

    name: str
    summary: str
    load: Loader


_KINDS: dict[str, Kind] = {}
BACK_ENDS: list[str] = ["tokbench.bytelm.ngram", "tokbench.interop.causal_lm"]
"""Modules that register kinds; loaded when a spelling is read."""


def register(name: str, summary: str) -> Callable[[Loader], Loader]:
    """Add a kind of model; a function decorator."""

    def add(load: Loader) -> Loader:
        _KINDS[name] = Kind(name, summary, load)
        return load

    return add


def kinds() -> list[Kind]:
    """Return all kinds by name."""
    for module in BACK_ENDS:
        import_module(module)
    return [_KINDS[name] for name in sorted(_KINDS)]


def load_model(spelling: str, tokenizer: Tokenizer | None = None) -> tuple[TokenLM, Tokenizer]:
    """Return a model and its tokenizer.

    Raises:
        ParameterError: for a kind that is not known.
        ModelError: when the kind needs a tokenizer and none is given.

    Example:
        >>> [kind.name for kind in kinds()][-1]
        'uniform'
    """
    name, _, argument = spelling.partition(":")
    known = {kind.name: kind for kind in kinds()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        message = f"model {spelling!r}: no kind {name!r} (there are: {', '.join(known)}){hint}"
        raise ParameterError(message)
    return known[name].load(argument, tokenizer)


@register(
    "uniform",
    "uniform: every token that is no control token equally probable, and the end; needs a tokenizer",
)
def uniform(argument: str, tokenizer: Tokenizer | None) -> tuple[TokenLM, Tokenizer]:
    """Return the model that knows nothing: what a vocabulary alone makes of bytes.

    Raises:
        ModelError: without a tokenizer, or with an argument.
    """
    if tokenizer is None or argument:
        message = "model 'uniform' takes no argument and needs a tokenizer (--tokenizer)"
        raise ModelError(message)
    special = frozenset(i for i in tokenizer.vocab.special.values() if i not in tokenizer.vocab.tokens)
    end = tokenizer.vocab.n_ids
    row = np.full(end + 1, -np.inf)
    ordinary = [i for i in tokenizer.vocab if i not in special]
    row[[*ordinary, end]] = -np.log(len(ordinary) + 1)
    model = FunctionLM(
        lambda contexts: np.broadcast_to(row, (len(contexts), len(row))),
        len(row),
        eos_id=end,
        control_ids=special,
        window=0,
    )
    return model, tokenizer
