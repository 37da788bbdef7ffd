"""Every new token gets the mean of the old rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.transplant.method import About, Method, register
from tokbench.transplant.plan import Basis, RowPlan

if TYPE_CHECKING:
    from tokbench.transplant.method import Task


@register
@dataclass(frozen=True)
class Mean(Method):
    """The same row for all."""

    about: ClassVar[About] = About(
        name="mean",
        summary="the mean of all old rows, the same for every new token",
        formula="x = 1/n Σ_i E_i over the n old rows that are tokens (no holes, no padding, no zero rows)",
        source="Hewitt (2021), initializing new word embeddings; the baseline of every comparison",
        pitfalls="All new tokens have equal logits and equal readings: a model cannot tell them apart before training.",
    )

    def plan(self, task: Task) -> RowPlan:
        """Return rows that all refer to one basis row."""
        n = len(task.targets)
        return RowPlan.combined(
            np.arange(n + 1),
            np.full(n, task.n_old),
            np.ones(n),
            n_old=task.n_old,
            basis=Basis.mean(task.old_tokens),
        )
