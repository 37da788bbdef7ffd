"""Orthogonal matching pursuit as its definition reads, in double precision: the twin of `tokbench.transplant.pursuit`.

Source: Pati, Rezaiifar, Krishnaprasad 1993.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pursue(
    anchors: NDArray[np.float32],
    target: NDArray[np.float32],
    *,
    k: int,
    tolerance: float = 0.0,
    rank_tolerance: float = 1e-6,
    ridge: float = 0.0,
) -> tuple[list[int], NDArray[np.float64], float]:
    """Return the chosen anchors in order, their coefficients, and ‖residual‖ / ‖target‖.

    Each step takes the anchor with the largest |⟨r, a⟩| that is not chosen yet, ties to the smaller index, and fits
    all coefficients anew: ``(A_S A_Sᵀ + ridge · 1) γ = A_S y``. It ends with k anchors, at the tolerance, or when the
    part of the next anchor that is orthogonal to the chosen ones is below `rank_tolerance` of it.

    Example:
        >>> chosen, coefficients, relative = pursue(np.eye(3, dtype=np.float32), np.float32([0, 3, 4]), k=2)
        >>> chosen, coefficients.tolist(), relative
        ([2, 1], [4.0, 3.0], 0.0)
    """
    rows, y = anchors.astype(np.float64), target.astype(np.float64)
    norm = float(np.linalg.norm(y))
    chosen: list[int] = []
    coefficients: NDArray[np.float64] = np.zeros(0)
    residual, relative = y, 1.0 if norm else 0.0
    while len(chosen) < k and relative > tolerance:
        products = np.abs(rows @ residual)
        products[chosen] = 0
        best = int(products.argmax())
        if products[best] == 0:
            break
        own = rows[best]
        if chosen:
            within = np.linalg.lstsq(rows[chosen].T, own, rcond=None)[0] @ rows[chosen]
            if np.linalg.norm(own - within) <= rank_tolerance * np.linalg.norm(own) and ridge == 0:
                break
        chosen.append(best)
        a = rows[chosen]
        coefficients = np.linalg.solve(a @ a.T + ridge * np.eye(len(chosen)), a @ y).astype(np.float64)
        residual = y - coefficients @ a
        relative = float(np.linalg.norm(residual)) / norm
    return chosen, coefficients, relative
