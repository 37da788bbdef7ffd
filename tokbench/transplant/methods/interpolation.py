"""A new token lies between the shared tokens that are nearest to it in the donor's space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.landmarks import landmarks_of, nearest
from tokbench.transplant.method import About, Method, Need, choose, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.transplant.method import Task

METRICS = ("euclid", "cosine")
WEIGHTS = ("distance_proportional", "barycentric", "least_squares")
CLOSEST = 1e-6
"""Distances below this count as this: a token on top of another takes nearly all of its row, and nothing overflows."""


@register
@dataclass(frozen=True)
class Interpolation(Method):
    """The k nearest shared tokens, weighed.

    Raises:
        TransplantError: for an unknown metric or weighting, or a k below 1.
    """

    k: int = 64
    metric: str = "euclid"
    weights: str = "distance_proportional"
    special: bool = True
    needs: ClassVar[tuple[Need, ...]] = ("donor",)
    about: ClassVar[About] = About(
        name="interpolation",
        summary="the k shared tokens nearest to the new one in the donor's space, weighed by distance or fitted",
        formula=(
            "a_1 … a_k = donor's rows of the shared tokens nearest to y; x = Σ w_i B_i. distance_proportional: euclid "
            "w_i ∝ 1/max(‖y - a_i‖, 10⁻⁶), cosine w_i = cos(y, a_i)/Σ cos. barycentric: min ‖y - Σ w_i a_i‖ with "
            "Σ w_i = 1, from [[AAᵀ, 1], [1ᵀ, 0]] [w, λ] = [Ay, 1]. least_squares: min ‖y - Σ w_i a_i‖, the shortest "
            "w where several are"
        ),
        source="mergekit-tokensurgeon (common_interpolation)",
        parameters={
            "k": "how many neighbours, at least 1",
            "metric": "euclid or cosine",
            "weights": "distance_proportional, barycentric or least_squares",
            "special": "whether special tokens may be neighbours",
        },
        pitfalls=(
            "Fitted weights may be negative, and with k near the width of the donor large. Cosines that cancel have no "
            "weights: such a token is left to the fallback. Weights by distance pull every row towards the mean."
        ),
        aliases=("common_interpolation",),
    )

    def __post_init__(self) -> None:
        choose(self, "metric", self.metric, METRICS)
        choose(self, "weights", self.weights, WEIGHTS)
        if self.k < 1:
            message = f"interpolation: k={self.k}; k is at least 1"
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return k sources for each row, the nearest first, and ‖y - Σ w a‖ / ‖y‖ as the residual.

        Raises:
            TransplantError: without a donor or shared tokens, or when a row is not finite.
        """
        marks = landmarks_of(task, "interpolation", special=self.special)
        near, values = nearest(marks.targets, marks.anchors, k=self.k, metric=self.metric, report=task.report)
        weights = np.zeros(near.shape)
        residuals = np.full(len(near), np.nan)
        for row, target in enumerate(marks.targets.astype(np.float64)):
            used = near[row] >= 0
            rows = marks.anchors[near[row][used]].astype(np.float64)
            own = self._weigh(target, rows, values[row][used])
            if own is None:
                near[row] = -1
                continue
            weights[row, used] = own
            norm = float(np.linalg.norm(target))
            residuals[row] = np.linalg.norm(target - own @ rows) / norm if norm else np.nan
        return RowPlan.from_neighbours(
            np.where(near >= 0, marks.old[near], -1),
            weights,
            n_old=task.n_old,
            residuals=residuals,
            unplanned="no shared token has a direction near to the donor's row, or their cosines cancel",
        )

    def _weigh(
        self, target: NDArray[np.float64], rows: NDArray[np.float64], values: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        if not len(rows):
            return None
        if self.weights == "least_squares":
            # The normal equations: k x k, and their shortest solution is that of the problem itself.
            return np.linalg.lstsq(rows @ rows.T, rows @ target, rcond=None)[0].astype(np.float64)
        if self.weights == "barycentric":
            return _barycentric(target, rows)
        raw = values if self.metric == "cosine" else 1.0 / np.maximum(values, CLOSEST)
        total = float(raw.sum())
        if abs(total) < 1e-6 * float(np.abs(raw).sum()) or total == 0:
            return None
        found: NDArray[np.float64] = raw / total
        return found


def _barycentric(target: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of sum 1 that come nearest to the target."""
    k = len(rows)
    system = np.zeros((k + 1, k + 1))
    # Rows at a mean square of 1: the condition Σ w = 1 must not drown in rows of another size.
    scale = float(np.mean((rows**2).sum(axis=1))) or 1.0
    system[:k, :k] = rows @ rows.T / scale
    system[:k, k] = system[k, :k] = 1.0
    right = np.append(rows @ target / scale, 1.0)
    found: NDArray[np.float64] = np.linalg.lstsq(system, right, rcond=None)[0][:k]
    return found
