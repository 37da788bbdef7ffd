"""Orthogonal matching pursuit: what approximates a new token in the donor's space, applied in the model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.landmarks import landmarks_of
from tokbench.transplant.method import About, Method, Need, choose, register
from tokbench.transplant.plan import Basis, RowPlan
from tokbench.transplant.pursuit import DESIGNS, pursue

if TYPE_CHECKING:
    from tokbench.transplant.method import Task


@register
@dataclass(frozen=True)
class MatchingPursuit(Method):
    """Sparse coefficients over shared tokens.

    Raises:
        TransplantError: for a parameter out of range.
    """

    k: int = 64
    normalise: bool = False
    centre: bool = False
    ridge: float = 0.0
    tolerance: float = 0.0
    special: bool = True
    design: str = "auto"
    needs: ClassVar[tuple[Need, ...]] = ("donor",)
    about: ClassVar[About] = About(
        name="omp",
        summary="orthogonal matching pursuit: at most k shared tokens that rebuild the donor's row of the new token",
        formula=(
            "y = donor's row of the new token, A = donor's rows of the shared tokens, B = the model's rows of them. "
            "S grows by argmax_n |⟨r, a_n⟩| (smallest index among equals), γ = argmin ‖y - Σ γ_s a_s‖, "
            "r = y - Σ γ_s a_s; x = Σ_s γ_s B_s"
        ),
        source="Goddard & Fernandes Neto 2025 (arXiv 2506.06607); mergekit-tokensurgeon",
        parameters={
            "k": "the most shared tokens for a new one",
            "normalise": "choose by the angle: |⟨r, a_n⟩| / ‖a_n‖",
            "centre": "subtract the mean of A first, and add that of B at the end",
            "ridge": "added to the squared norms in the least squares, times the mean squared norm of A's rows",
            "tolerance": "stop at ‖r‖ / ‖y‖ of this or less",
            "special": "special tokens are among the shared ones, as published",
            "design": "auto, gram or direct; the rows are the same",
        },
        pitfalls=(
            "Embedding and head are planned apart. A pursuit ends at the rank of the shared rows, where the published "
            "one goes on with coefficients of 10⁷. Numbers that the old tokenizer cuts otherwise suffer most."
        ),
        aliases=("matching_pursuit",),
    )

    def __post_init__(self) -> None:
        choose(self, "design", self.design, DESIGNS)
        if self.k < 1 or not 0 <= self.tolerance < 1 or not 0 <= self.ridge < float("inf"):
            message = (
                f"omp: k={self.k}, tolerance={self.tolerance}, ridge={self.ridge}; k is at least 1, "
                f"tolerance in 0 … 1, ridge not negative"
            )
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return rows over the shared tokens, with ‖r‖ / ‖y‖ as the residual.

        Raises:
            TransplantError: without a donor or shared tokens, or when the donor's row of a target is not finite.
        """
        marks = landmarks_of(task, "omp", special=self.special)
        anchors, targets, shared_old = marks.anchors, marks.targets, marks.old
        if self.centre:
            mean = anchors.mean(axis=0, dtype=np.float64).astype(np.float32)
            anchors, targets = anchors - mean, targets - mean
        norms = np.maximum(np.linalg.norm(anchors, axis=1), np.finfo(np.float32).tiny).astype(np.float32)
        if self.normalise:
            anchors = anchors / norms[:, None]
        scale = float(np.mean(np.square(anchors, dtype=np.float64).sum(axis=1)))
        found = pursue(
            anchors,
            targets,
            k=self.k,
            tolerance=self.tolerance,
            ridge=self.ridge * scale,
            design=self.design,
            threads=task.threads,
            progress=task.progress,
        )
        weights = found.coefficients / norms[found.indices] if self.normalise else found.coefficients
        return _planned(
            self, task, found.offsets, shared_old[found.indices], weights, found.relative, shared_old
        )


def _planned(
    method: MatchingPursuit,
    task: Task,
    offsets: np.ndarray,
    sources: np.ndarray,
    weights: np.ndarray,
    residuals: np.ndarray,
    shared_old: np.ndarray,
) -> RowPlan:
    why = "the donor's row of the token is all zero: nothing to rebuild"
    if not method.centre:
        return RowPlan.combined(
            offsets, sources, weights, n_old=task.n_old, residuals=residuals, unplanned=why
        )
    # x = μ_B + Σ γ (B_s - μ_B): the mean is a basis row with what the coefficients leave of 1.
    lengths = np.diff(offsets)
    total = np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights=weights, minlength=len(lengths))
    ends = offsets[1:]
    return RowPlan.combined(
        offsets + np.arange(len(offsets)),
        np.insert(sources, ends, task.n_old),
        np.insert(weights, ends, 1 - total),
        n_old=task.n_old,
        residuals=residuals,
        basis=Basis.mean(shared_old),
    )
