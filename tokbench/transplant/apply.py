"""A `RowPlan` times a matrix.

A copied row is copied bit by bit in the matrix's own element type. Every other row is computed on its own, in the
order of its sources, from float32 values with double accumulation, and rounded once: the result does not depend on
threads. Work goes in blocks of rows, so that beside the old and the new matrix only a block is held.

Twin: `tokbench.reference.transplant.apply`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.plan import RowClass

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokbench.transplant.plan import RowPlan

BLOCK = 2048


def apply(plan: RowPlan, old: Matrix, *, progress: Callable[[str, int, int], None] | None = None) -> Matrix:
    """Return the new matrix, ``new[i] = Σ_s coefficient_s · old[source_s]``, in the old one's element type.

    Args:
        plan: of ``[n_new]`` rows from ``[n_old]``.
        old: ``[n_old, width]``.
        progress: called with the phase, rows done and rows in all.

    Raises:
        TransplantError: when the plan is of another matrix (rows, width), has unplanned rows, or a value does not fit
            into the element type.

    Example:
        >>> from tokbench.transplant.plan import RowPlan
        >>> old = Matrix(np.array([[2, 4], [6, 8]], dtype=np.float32), "F32")
        >>> apply(RowPlan.from_rows([[(0, 0.5), (1, 0.5)]], n_old=2), old).stored.tolist()
        [[4.0, 6.0]]
    """
    _check(plan, old)
    values = old.float32()
    if plan.basis is not None:
        shared = np.zeros((len(plan.basis), old.width), dtype=np.float32)
        rows = np.arange(len(plan.basis), dtype=np.int64)
        _combiner()(
            rows, plan.basis.offsets, plan.basis.sources, plan.basis.coefficients, values, values[:0], shared
        )
    else:
        shared = values[:0]
    new = np.zeros((len(plan), old.width), dtype=old.stored.dtype)
    copied = np.flatnonzero(plan.copied)
    new[copied] = old.stored[plan.sources[plan.offsets[:-1][copied]]]
    dense = np.flatnonzero(plan.classes == RowClass.DENSE)
    if plan.dense is not None and len(dense):
        new[dense] = Matrix.from_float32(plan.dense, old.dtype).stored
    made = np.flatnonzero(~plan.copied & (plan.classes != RowClass.DENSE))
    for start in range(0, len(made), BLOCK):
        rows = made[start : start + BLOCK]
        block = np.empty((len(rows), old.width), dtype=np.float32)
        _combiner()(rows, plan.offsets, plan.sources, plan.coefficients, values, shared, block)
        new[rows] = Matrix.from_float32(block, old.dtype).stored
        if progress is not None:
            progress("applying", min(start + BLOCK, len(made)), len(made))
    return Matrix(new, old.dtype)


def _check(plan: RowPlan, old: Matrix) -> None:
    if plan.n_old != len(old):
        message = f"the plan is made for a matrix of {plan.n_old} rows, this one has {len(old)}"
        raise TransplantError(message)
    if plan.dense is not None and plan.dense.shape[1] != old.width:
        message = f"the plan holds rows of width {plan.dense.shape[1]}, the matrix has {old.width}"
        raise TransplantError(message)
    unplanned = np.flatnonzero(plan.classes == RowClass.UNPLANNED)
    if len(unplanned):
        message = f"{len(unplanned)} rows are unplanned, the first is {unplanned[0]}: {plan.note(int(unplanned[0]))}"
        raise TransplantError(message)


@cache
def _combiner() -> Callable[..., None]:
    """Return the compiled loop; numba is imported on first use, because that takes more than a second."""
    import numba

    # A mapped file is not writable, and neither need the other arrays be.
    read1 = {kind: numba.types.Array(kind, 1, "C", readonly=True) for kind in (numba.int64, numba.float32)}
    read2 = numba.types.Array(numba.float32, 2, "C", readonly=True)

    @numba.njit(
        numba.void(
            read1[numba.int64],
            read1[numba.int64],
            read1[numba.int64],
            read1[numba.float32],
            read2,
            read2,
            numba.float32[:, ::1],
        ),
        parallel=True,
        cache=True,
    )
    def _combine(  # type: ignore[no-untyped-def]  # numba types it
        rows, offsets, sources, coefficients, old, shared, out
    ):
        for place in numba.prange(len(rows)):
            row = rows[place]
            total = np.zeros(out.shape[1], dtype=np.float64)
            for entry in range(offsets[row], offsets[row + 1]):
                source = sources[entry]
                weight = np.float64(coefficients[entry])
                if source < len(old):
                    for column in range(out.shape[1]):
                        total[column] += weight * old[source, column]
                else:
                    for column in range(out.shape[1]):
                        total[column] += weight * shared[source - len(old), column]
            for column in range(out.shape[1]):
                out[place, column] = np.float32(total[column])

    combine: Callable[..., None] = _combine
    return combine
