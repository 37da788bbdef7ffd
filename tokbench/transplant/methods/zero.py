"""Every new token gets a zero row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.transplant.method import About, Method, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from tokbench.transplant.method import Task


@register
@dataclass(frozen=True)
class Zero(Method):
    """Nothing at all."""

    about: ClassVar[About] = About(
        name="zero",
        summary="a zero row for every new token",
        formula="x = 0",
        source="a baseline",
        pitfalls="Refused in a written model unless --allow-zero is given: a norm over such a row divides by 0.",
    )

    def plan(self, task: Task) -> RowPlan:
        """Return rows without sources."""
        return RowPlan.combined(np.zeros(len(task.targets) + 1), [], [], n_old=task.n_old)
