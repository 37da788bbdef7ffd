"""The donor's space is turned onto the model's, with the shared tokens as landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.landmarks import landmarks_of
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.transplant.method import Task

BLOCK = 2048


@register
@dataclass(frozen=True)
class Procrustes(Method):
    """One rotation for all targets."""

    scale: bool = False
    special: bool = True
    needs: ClassVar[tuple[Need, ...]] = ("donor",)
    about: ClassVar[About] = About(
        name="procrustes",
        summary="the donor's rows, turned by the rotation that brings the shared tokens nearest to the model's",
        formula=(
            "A, B = donor's and model's rows of the shared tokens less their means; P_A, P_B = their r leading "
            "principal "
            "directions, r = the smaller width (of equal widths: all); U S Vᵀ = (A P_A)ᵀ B P_B; R = U Vᵀ; "
            "x = μ_B + s (y - μ_A) P_A R P_Bᵀ; s = 1, or with scale Σ S / ‖A P_A‖²"
        ),
        source="Schönemann (1966); mergekit-tokensurgeon (landmark_pca), which applies the transpose of R",
        parameters={
            "scale": "whether the rotated rows also get the size that fits best",
            "special": "whether special tokens are landmarks",
        },
        pitfalls=(
            "Two models agree up to a rotation only roughly. Without scale the new rows are as long as the donor's. "
            "Fewer shared tokens than dimensions leave a part of the rotation open. Rows are held in the manifest's "
            "side file."
        ),
        aliases=("landmark_pca",),
    )

    def plan(self, task: Task) -> RowPlan:
        """Return dense rows.

        Raises:
            TransplantError: without a donor, or with fewer than two shared tokens, or when a row is not finite.
        """
        marks = landmarks_of(task, "procrustes", special=self.special)
        if len(marks.old) < 2:
            message = "procrustes: one shared token is no landmark for a rotation; two are needed at least"
            raise TransplantError(message)
        turn, mean_a, mean_b = rotation(marks.anchors, task.old, marks.old, scale=self.scale)
        rows = np.empty((len(task.targets), task.old.shape[1]), dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            part = marks.targets[start : start + BLOCK].astype(np.float64)
            rows[start : start + BLOCK] = mean_b + (part - mean_a) @ turn
            task.report("turning", start + len(part), len(rows))
        return RowPlan.of_dense(rows, n_old=task.n_old, why="the donor's row, turned into the model's space")


def rotation(
    anchors: NDArray[np.float32], matrix: NDArray[np.float32], ids: NDArray[np.int64], *, scale: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return s · P_A R P_Bᵀ, ``[donor's width, width]``, and the means of both sides.

    Args:
        anchors: ``[shared, donor's width]``.
        matrix: the model's, whose rows `ids` belong to the anchors.
        ids: ``[shared]``.
        scale: whether s is fitted.
    """
    mean_a = anchors.mean(axis=0, dtype=np.float64)
    mean_b = matrix[ids].mean(axis=0, dtype=np.float64)
    wide_a, wide_b = anchors.shape[1], matrix.shape[1]
    cross, own_a, own_b = np.zeros((wide_a, wide_b)), np.zeros((wide_a, wide_a)), np.zeros((wide_b, wide_b))
    for start in range(0, len(ids), BLOCK):
        a = anchors[start : start + BLOCK].astype(np.float64) - mean_a
        b = matrix[ids[start : start + BLOCK]].astype(np.float64) - mean_b
        cross += a.T @ b
        own_a += a.T @ a
        own_b += b.T @ b
    size = min(wide_a, wide_b)
    lead_a, lead_b = _leading(own_a, size), _leading(own_b, size)
    left, values, right = np.linalg.svd(lead_a.T @ cross @ lead_b)
    factor = 1.0
    if scale:
        spread = float(np.trace(lead_a.T @ own_a @ lead_a))
        factor = float(values.sum()) / spread if spread else 1.0
    return factor * (lead_a @ (left @ right) @ lead_b.T), mean_a, mean_b


def _leading(products: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the leading principal directions, ``[width, size]``; all of them are every direction."""
    if size == len(products):
        return np.eye(size)
    found: NDArray[np.float64] = np.linalg.eigh(products)[1][:, ::-1][:, :size]
    return found
