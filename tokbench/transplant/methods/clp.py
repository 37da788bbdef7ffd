"""CLP-Transfer: a smaller model that has the new tokenizer says how similar tokens are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.transplant.landmarks import directions, landmarks_of, with_gaps
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from tokbench.transplant.method import Task

BLOCK = 2048
CANCELLED = 1e-6
"""Cosines whose sum is below this share of what it could be say nothing."""


@register
@dataclass(frozen=True)
class ClpTransfer(Method):
    """All shared tokens, weighed by signed cosines."""

    special: bool = True
    needs: ClassVar[tuple[Need, ...]] = ("donor",)
    about: ClassVar[About] = About(
        name="clp",
        summary="all shared tokens, each weighed by its cosine to the new one in a helper model with the new tokenizer",
        formula="x = Σ_j cos(h, h_j) B_j / Σ_j cos(h, h_j) over all shared tokens j; h = rows of the donor (helper)",
        source="Ostendorff & Rehm 2023 (CLP-Transfer, arXiv 2301.09626)",
        parameters={"special": "whether special tokens count among the shared ones"},
        pitfalls=(
            "Weights are signed and not clipped: where cosines nearly cancel, rows grow large; where they cancel "
            "(|Σ| < 10⁻⁶ n) the token is left to the fallback. Otherwise rows are near the mean and near each other. "
            "Every row has all shared tokens as sources, so that rows are held in the manifest's side file."
        ),
        aliases=("clp_transfer",),
    )

    def plan(self, task: Task) -> RowPlan:
        """Return dense rows.

        The sum over shared tokens is one product for all targets: Σ_j ⟨ĥ, ĥ_j⟩ B_j = ĥ C with C = Σ_j ĥ_jᵀ B_j.

        Raises:
            TransplantError: without a donor or shared tokens, or when a row is not finite.
        """
        marks = landmarks_of(task, "clp", special=self.special)
        wide = marks.anchors.shape[1]
        cross, total = np.zeros((wide, task.old.shape[1])), np.zeros(wide)
        for start in range(0, len(marks.old), BLOCK):
            units = directions(marks.anchors[start : start + BLOCK])[0]
            cross += units.T @ task.old[marks.old[start : start + BLOCK]].astype(np.float64)
            total += units.sum(axis=0)
        n = len(task.targets)
        rows, known = np.zeros((n, task.old.shape[1]), dtype=np.float32), np.zeros(n, dtype=bool)
        for start in range(0, n, BLOCK):
            units, alive = directions(marks.targets[start : start + BLOCK])
            sums = units @ total
            good = alive & (np.abs(sums) >= CANCELLED * len(marks.old))
            rows[start : start + BLOCK][good] = (units[good] @ cross) / sums[good, None]
            known[start : start + BLOCK] = good
            task.report("weighing", start + len(units), n)
        why = "all shared tokens by their cosine to the donor's row"
        return with_gaps(
            RowPlan.of_dense(rows[known], n_old=task.n_old, why=why),
            known,
            "the donor's row of the token is zero, or its cosines to the shared tokens cancel",
        )
