"""Every new token gets a row drawn at random, dimension by dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.method import About, Method, choose, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from tokbench.transplant.method import Task


@register
@dataclass(frozen=True)
class Random(Method):
    """Independent normal numbers.

    Raises:
        TransplantError: for an unknown `spread`, or a fixed one whose standard deviation is not positive.
    """

    spread: str = "rows"
    std: float = 0.02
    about: ClassVar[About] = About(
        name="random",
        summary="normal numbers with the mean and the spread of each dimension of the old rows",
        formula=(
            "spread=rows: x_j ~ N(μ_j, σ_j) with μ, σ of dimension j over the old rows that are tokens; "
            "spread=fixed: x_j ~ N(0, std)"
        ),
        source="the fallback of FOCUS and WECHSEL; fixed: the initialization of most models (0.02)",
        parameters={"spread": "rows or fixed", "std": "standard deviation with spread=fixed"},
        pitfalls="Rows are held in the manifest's side file: they are no combination of old rows.",
        aliases=("randn",),
    )

    def __post_init__(self) -> None:
        choose(self, "spread", self.spread, ("rows", "fixed"))
        if self.std <= 0:
            message = f"random: std={self.std}; a standard deviation is positive"
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return dense rows; the same seed draws the same ones."""
        drawn = task.generator().standard_normal((len(task.targets), task.old.shape[1]), dtype=np.float32)
        if self.spread == "fixed":
            return RowPlan.of_dense(drawn * np.float32(self.std), n_old=task.n_old, why=f"N(0, {self.std})")
        mean, std = moments(task)
        return RowPlan.of_dense(drawn * std + mean, n_old=task.n_old, why="N(mean, std) of each dimension")


def moments(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each dimension over the old rows that are tokens, as float32."""
    rows = task.old[task.old_tokens].astype(np.float64)
    return rows.mean(axis=0).astype(np.float32), rows.std(axis=0).astype(np.float32)
