"""Several models with different vocabularies as one: they agree on what a byte is.

========================  ============================================================================================
`mean`                    weighted arithmetic mean of the distributions (a mixture at every byte)
`product`                 weighted geometric mean, normalised
`proxy`                   base · (expert / anti-expert)^α, normalised (proxy tuning, Liu et al. 2024)
`selective`               the first model alone, but the mean where all models stand at a token's end and their most
                          probable bytes differ (the condition of SAFE, arXiv 2510.15346, on bytes)
========================  ============================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from tokbench.bytelm.distribution import ByteDistribution
from tokbench.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.bytelm.byte_lm import ByteLM
    from tokbench.bytelm.engine import ByteState

Kind = Literal["mean", "product", "proxy", "selective"]


@dataclass(frozen=True)
class ByteEnsemble:
    """Models that predict bytes together.

    Args:
        models: the members.
        kind: how their distributions become one.
        weights: of the members, 0 and up, for ``mean``, ``product`` and ``selective``; equal by default. They are
            scaled to sum to 1.
        alpha: strength of ``proxy``.

    Raises:
        ParameterError: for an unknown kind, weights that do not fit, or ``proxy`` without exactly three models (base,
            expert, anti-expert).
    """

    models: tuple[ByteLM, ...]
    kind: Kind
    weights: tuple[float, ...]
    alpha: float

    def __init__(
        self,
        models: Sequence[ByteLM],
        *,
        kind: Kind = "mean",
        weights: Sequence[float] | None = None,
        alpha: float = 1.0,
    ) -> None:
        if kind not in get_args(Kind):
            message = f"kind: {kind!r}; choose one of {', '.join(get_args(Kind))}"
            raise ParameterError(message)
        given = [1.0] * len(models) if weights is None else [float(weight) for weight in weights]
        if not models or len(given) != len(models) or min(given) < 0 or not 0 < sum(given) < np.inf:
            message = f"weights: {given} for {len(models)} models; one each, none negative, not all 0"
            raise ParameterError(message)
        if kind == "proxy" and len(models) != 3:
            message = f"proxy takes three models (base, expert, anti-expert), got {len(models)}"
            raise ParameterError(message)
        object.__setattr__(self, "models", tuple(models))
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "weights", tuple(weight / sum(given) for weight in given))
        object.__setattr__(self, "alpha", float(alpha))

    def open(self, prompt: str | bytes = b"") -> EnsembleState:
        """Return the state after a text."""
        return EnsembleState(self, tuple(model.open(prompt) for model in self.models))

    def state(self, prompt: str | bytes = b"") -> EnsembleState:
        """Return the state after a text, fed byte by byte."""
        return EnsembleState(self, tuple(model.state(prompt) for model in self.models))

    def next_byte(self, prompt: str | bytes = b"") -> ByteDistribution:
        """Return the distribution of the byte after a text."""
        return self.open(prompt).distribution()


@dataclass(frozen=True, eq=False)
class EnsembleState:
    """A text as all members read it."""

    ensemble: ByteEnsemble
    states: tuple[ByteState, ...]

    def advance(self, byte: int) -> EnsembleState:
        """Return the state after one more byte."""
        return EnsembleState(self.ensemble, tuple(state.advance(byte) for state in self.states))

    def distribution(self) -> ByteDistribution:
        """Return the distribution of the next byte; `leaked` and `dropped` are the members' largest.

        Raises:
            ModelError: when no byte is possible, for a member or for all together.
        """
        members = [state.distribution() for state in self.states]
        rows = np.stack([member.probabilities for member in members])
        weights = np.array(self.ensemble.weights)
        probabilities = self._combined(rows, weights)
        total = float(probabilities.sum())
        if not total > 0:
            message = "the models have no byte in common here: their product is 0 everywhere; use the mean"
            raise ModelError(message)
        leaked = max(member.leaked for member in members)
        return ByteDistribution(probabilities / total, leaked, max(member.dropped for member in members))

    def _combined(self, rows: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        kind = self.ensemble.kind
        mean: NDArray[np.float64] = weights @ rows
        if kind == "mean":
            return mean
        if kind == "selective":
            disagree = len(set(rows.argmax(axis=1).tolist())) > 1
            together = all(_at_token_end(state) for state in self.states)
            chosen: NDArray[np.float64] = mean if disagree and together else rows[0]
            return chosen
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(rows)
            if kind == "product":
                used = weights > 0
                mixed = (weights[used, None] * logs[used]).sum(axis=0)
            else:
                base, expert, anti = logs
                mixed = base + self.ensemble.alpha * (expert - anti)
                # Neither of the two has a say where one of them has no probability and the other neither.
                mixed = np.where(np.isnan(mixed), base, mixed)
            if np.isposinf(mixed).any():
                message = "proxy: the anti-expert gives probability 0 to a byte that the expert may write"
                raise ModelError(message)
        powers: NDArray[np.float64] = np.exp(mixed - mixed.max()) if np.isfinite(mixed.max()) else rows[0] * 0
        return powers


def _at_token_end(state: ByteState) -> bool:
    """Whether most of the mass lies on token sequences that end where the text does."""
    return sum(branch.weight for branch in state.branches if branch.node == 0) > 0.5
