"""Every new token gets a row drawn from the normal distribution of the old rows, correlations included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.method import About, Method, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.transplant.method import Task

BLOCK = 2048


@register
@dataclass(frozen=True)
class Normal(Method):
    """Multivariate normal rows.

    Raises:
        TransplantError: for a scale that is negative or not finite.
    """

    scale: float = 1.0
    about: ClassVar[About] = About(
        name="normal",
        summary="rows drawn from the normal distribution with mean and full covariance of the old rows",
        formula=(
            "x = μ + √scale · Σ^(1/2) z, z ~ N(0, 1); μ and Σ = 1/n Σ_i (E_i - μ)(E_i - μ)ᵀ over the n old rows that "
            "are tokens; Σ^(1/2) = V √Λ Vᵀ from the eigenvectors, eigenvalues below width · 2⁻⁵² · the largest are 0"
        ),
        source="Hewitt (2021), initializing new word embeddings",
        parameters={"scale": "factor of the covariance; 0 is the mean, which Hewitt's bound holds for"},
        pitfalls=(
            "With fewer old tokens than dimensions Σ is singular: rows then lie in the space that the old rows span, "
            "and the note of the rows tells its rank. Rows are held in the manifest's side file."
        ),
        aliases=("hewitt", "john_hewitt", "multivariate_normal"),
    )

    def __post_init__(self) -> None:
        if not 0 <= self.scale < float("inf"):
            message = f"normal: scale={self.scale}; a scale is not negative"
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return dense rows; the same seed draws the same ones.

        Raises:
            TransplantError: when no old row is usable.
        """
        if not len(task.old_tokens):
            message = "normal: the model has no row to take mean and covariance of"
            raise TransplantError(message)
        mean, covariance = moments(task.old, task.old_tokens)
        root, rank = square_root(covariance)
        generator, width = task.generator(), task.old.shape[1]
        rows = np.empty((len(task.targets), width), dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            drawn = generator.standard_normal((len(part), width))
            part[:] = mean + np.sqrt(self.scale) * (drawn @ root)
            task.report("drawing", start + len(part), len(rows))
        why = f"N(mean, covariance · {self.scale:g}), rank {rank} of {width}"
        return RowPlan.of_dense(rows, n_old=task.n_old, why=why)


def moments(
    matrix: NDArray[np.float32], ids: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and covariance (divided by n) of some rows, in double precision, block by block."""
    width = matrix.shape[1]
    mean = matrix[ids].mean(axis=0, dtype=np.float64)
    total = np.zeros((width, width))
    for start in range(0, len(ids), BLOCK):
        part = matrix[ids[start : start + BLOCK]].astype(np.float64) - mean
        total += part.T @ part
    return mean, total / len(ids)


def square_root(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the symmetric root of a covariance, which is one only, and its rank.

    Example:
        >>> root, rank = square_root(np.diag([4.0, 0.0]))
        >>> root.tolist(), rank
        ([[2.0, 0.0], [0.0, 0.0]], 1)
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > max(0.0, float(values[-1])) * len(values) * np.finfo(np.float64).eps
    strong = vectors[:, kept]
    root: NDArray[np.float64] = (strong * np.sqrt(values[kept])) @ strong.T
    return root, int(kept.sum())
