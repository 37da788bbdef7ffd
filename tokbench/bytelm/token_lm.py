"""`TokenLM`: what a language model over tokens must offer, and nothing else.

A row holds the natural logarithm of the probability of every id after a context; ids that are no token have ``-inf``.
Rows are normalised by the model. Contexts hold what stands before, the id of the beginning included where the model
has one (`ByteLM` puts it there).

A model that can go on from a state (a key-value cache, a suffix link) offers `extend` besides; it is then called
instead of `logprobs`, with one new token per context as a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np

from tokbench.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Context: TypeAlias = Sequence[int]
"""Token ids from the beginning of the document."""
Rows: TypeAlias = "NDArray[np.float32] | NDArray[np.float64]"
"""``[n_contexts, vocab_size]`` natural logarithms of probabilities."""
State: TypeAlias = object
"""What a model keeps of a context. Never changed: a state may be extended more than once."""


@runtime_checkable
class TokenLM(Protocol):
    """A language model over token ids.

    Attributes:
        vocab_size: length of a row; at least the tokenizer's number of ids (padding rows may follow).
        bos_id: the id that stands before every text, if there is one.
        eos_id: the id that ends a text, if there is one.
        control_ids: ids that never stand for text (special tokens), `bos_id` and `eos_id` included or not.
        window: how many last tokens of a context decide its row; None for all of them.
    """

    @property
    def vocab_size(self) -> int: ...  # noqa: D102 - documented above
    @property
    def bos_id(self) -> int | None: ...  # noqa: D102 - documented above
    @property
    def eos_id(self) -> int | None: ...  # noqa: D102 - documented above
    @property
    def control_ids(self) -> frozenset[int]: ...  # noqa: D102 - documented above
    @property
    def window(self) -> int | None: ...  # noqa: D102 - documented above

    def logprobs(self, contexts: Sequence[Context]) -> Rows:
        """Return one row for each context."""
        ...


@runtime_checkable
class IncrementalTokenLM(TokenLM, Protocol):
    """A language model that goes on from where it was."""

    def extend(
        self, states: Sequence[State | None], tokens: Sequence[Context]
    ) -> tuple[Sequence[State], Rows]:
        """Return, for each state (None for the empty context) and the tokens after it, the new state and row.

        Tokens may be empty only where the state is None.
        """
        ...


@dataclass(frozen=True)
class FunctionLM:
    """A token-level model made of a function from contexts to rows.

    Example:
        >>> uniform = FunctionLM(lambda contexts: np.full((len(contexts), 4), np.log(0.25)), vocab_size=4)
        >>> uniform.logprobs([(0, 1)]).shape
        (1, 4)
    """

    function: Callable[[Sequence[Context]], Rows]
    vocab_size: int
    bos_id: int | None = None
    eos_id: int | None = None
    control_ids: frozenset[int] = frozenset()
    window: int | None = None

    def logprobs(self, contexts: Sequence[Context]) -> Rows:
        """Return one row for each context."""
        return self.function(contexts)


class Evaluator:
    """Asks a model for rows, by `extend` where it has it, and checks what comes back."""

    def __init__(self, model: TokenLM) -> None:
        self.model = model
        self._incremental = model if isinstance(model, IncrementalTokenLM) else None
        self.n_contexts = 0
        self.n_calls = 0

    def rows(
        self, states: Sequence[State | None], contexts: Sequence[Context], n_known: Sequence[int]
    ) -> tuple[Sequence[State | None], Rows]:
        """Return states and rows of contexts, of which the first `n_known` tokens are in the state.

        Raises:
            ModelError: when the rows have another shape than asked for, or hold a number that is no log probability.
        """
        self.n_contexts += len(contexts)
        self.n_calls += 1
        made: Sequence[State | None] = [None] * len(contexts)
        if self._incremental is not None:
            fresh = [context[known:] for context, known in zip(contexts, n_known, strict=True)]
            made, rows = self._incremental.extend(states, fresh)
        else:
            rows = self.model.logprobs(contexts)
        wanted = (len(contexts), self.model.vocab_size)
        if rows.shape != wanted or rows.dtype not in (np.float32, np.float64):
            message = (
                f"the model gave rows of shape {rows.shape} and type {rows.dtype}; expected {wanted} natural "
                f"logarithms in float32 or float64"
            )
            raise ModelError(message)
        if rows.size and not rows.max() <= 1e-3:
            message = (
                "the model gave a row with NaN or a positive value; rows are logarithms of probabilities"
            )
            raise ModelError(message)
        return made, rows
