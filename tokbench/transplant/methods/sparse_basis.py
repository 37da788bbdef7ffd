"""A basis of one space, each of whose vectors is made of few shared tokens, carried over to the other space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.landmarks import landmarks_of
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.methods.normal import moments
from tokbench.transplant.plan import Basis, RowPlan
from tokbench.transplant.pursuit import pursue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.transplant.method import Task
    from tokbench.transplant.pursuit import Pursuit

BLOCK = 2048


@register
@dataclass(frozen=True)
class SparseBasis(Method):
    """A sparse token basis.

    Raises:
        TransplantError: for a k below 1 or a negative size.
    """

    k: int = 64
    size: int = 0
    special: bool = True
    needs: ClassVar[tuple[Need, ...]] = ("donor",)
    about: ClassVar[About] = About(
        name="sparse_basis",
        summary="the donor's row in a basis of sparse combinations of shared tokens, rebuilt in the model's space",
        formula=(
            "A, B = donor's and model's rows of the shared tokens, μ their means; v_1 … v_r = leading eigenvectors of "
            "the covariance of the narrower of the two (of A when equally wide); γ_j = orthogonal matching pursuit of "
            "v_j by its centred rows; D_j = Σ_s γ_js (A_s - μ_A); c = argmin ‖(y - μ_A) - Σ c_j D_j‖, the shortest; "
            "x = μ_B + Σ_j c_j Σ_s γ_js (B_s - μ_B)"
        ),
        source="mergekit-tokensurgeon (stb), which cannot be run there",
        parameters={
            "k": "the most shared tokens in a basis vector",
            "size": "basis vectors r; 0 is the narrower width",
            "special": "whether special tokens may be in the basis",
        },
        pitfalls=(
            "A row has a coefficient for each basis vector, so that the manifest grows with tokens times size. "
            "Means are "
            "those of the shared tokens on both sides, so that the origins belong together; the original takes "
            "those of "
            "all rows."
        ),
        aliases=("stb",),
    )

    def __post_init__(self) -> None:
        if self.k < 1 or self.size < 0:
            message = f"sparse_basis: k={self.k}, size={self.size}; k is at least 1, size at least 0"
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return rows over basis rows, with ‖(y - μ_A) - Σ c_j D_j‖ / ‖y - μ_A‖ as the residual.

        Raises:
            TransplantError: without a donor, or with fewer than two shared tokens, or when a row is not finite.
        """
        marks = landmarks_of(task, "sparse_basis", special=self.special)
        if len(marks.old) < 2:
            message = "sparse_basis: a basis needs two shared tokens at least"
            raise TransplantError(message)
        mean = marks.anchors.mean(axis=0, dtype=np.float64)
        centred = (marks.anchors - mean).astype(np.float32)
        found = self._basis(task, centred, marks.old)
        inside = np.zeros((len(found.offsets) - 1, centred.shape[1]))
        for j in range(len(inside)):
            indices, weights = found.row(j)
            inside[j] = weights @ centred[indices].astype(np.float64)
        solve = np.linalg.pinv(inside)
        coefficients = np.empty((len(task.targets), len(inside)))
        residuals = np.zeros(len(task.targets))
        for start in range(0, len(residuals), BLOCK):
            part = marks.targets[start : start + BLOCK].astype(np.float64) - mean
            own = part @ solve
            norms = np.linalg.norm(part, axis=1)
            left = np.linalg.norm(part - own @ inside, axis=1)
            coefficients[start : start + BLOCK] = own
            residuals[start : start + BLOCK] = left / np.where(norms > 0, norms, 1.0)
            task.report("solving", start + len(part), len(residuals))
        return _rows(task.n_old, found, coefficients, residuals, marks.old)

    def _basis(self, task: Task, centred: NDArray[np.float32], old: NDArray[np.int64]) -> Pursuit:
        """Return sparse combinations of the shared tokens that approximate the leading eigenvectors."""
        rows = centred
        if task.old.shape[1] < centred.shape[1]:
            mean = task.old[old].mean(axis=0, dtype=np.float64)
            rows = (task.old[old] - mean).astype(np.float32)
        values, vectors = np.linalg.eigh(moments(rows, np.arange(len(rows)))[1])
        real = int((values > values[-1] * len(values) * np.finfo(np.float32).eps).sum())
        size = min(real, self.size or real)
        lead = np.ascontiguousarray(vectors[:, ::-1][:, :size].T)
        # The sign of an eigenvector is arbitrary: the largest part is made positive.
        largest = np.abs(lead).argmax(axis=1)
        lead *= np.sign(lead[np.arange(size), largest])[:, None]
        return pursue(rows, lead.astype(np.float32), k=self.k, threads=task.threads, progress=task.progress)


def _rows(
    n_old: int,
    found: Pursuit,
    coefficients: NDArray[np.float64],
    residuals: NDArray[np.float64],
    old: NDArray[np.int64],
) -> RowPlan:
    """Write x as Σ c_j b_j + (1 - Σ c_j Γ_j) μ_B with b_j = Σ_s γ_js B_s and Γ_j = Σ_s γ_js."""
    size = len(found.offsets) - 1
    sums = np.array([found.row(j)[1].sum() for j in range(size)])
    basis = Basis(
        np.append(found.offsets, found.offsets[-1] + len(old)),
        np.concatenate([old[found.indices], old]),
        np.concatenate([found.coefficients, np.full(len(old), 1.0 / len(old))]).astype(np.float32),
    )
    weights = np.column_stack([coefficients, 1.0 - coefficients @ sums]).astype(np.float32)
    n = len(weights)
    return RowPlan.combined(
        np.arange(n + 1) * (size + 1),
        np.tile(np.arange(n_old, n_old + size + 1), n),
        weights.ravel(),
        n_old=n_old,
        residuals=residuals,
        basis=basis,
    )
