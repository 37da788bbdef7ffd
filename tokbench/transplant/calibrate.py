"""Output-side calibration: new rows made as loud as the old ones.

A combination of rows is shorter than its parts, and its part along the mean row, which moves the logit of the token by
nearly the same amount whatever the model has read, is arbitrary: new tokens are then written too rarely or too often.
Both are matched to the copied rows. With μ the mean of the copied tokens' rows, û = μ/‖μ‖, a row is x = a·û + z, z ⟂ û:

* ``mean``: a becomes the median a of the copied rows (the shared part of the logit, a bias in all but name);
* ``norm``: the norm of x becomes the median norm of the copied rows, along x;
* ``both``: a becomes the median a, and ‖z‖ the median ‖z‖.

The result is s·x + t·μ, which is a row plan again: coefficients are multiplied by s, and μ is a basis row with the
coefficient t. Copies are never touched; zero rows stay zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.apply import apply
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.plan import Basis, RowClass, RowPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.transplant.method import Task

WAYS = ("none", "norm", "mean", "both")


def calibrated(plan: RowPlan, task: Task, way: str) -> RowPlan:
    """Return the plan with its combined and dense rows calibrated.

    Args:
        plan: of all new rows.
        task: what the method was given: the old matrix and the shared tokens.
        way: ``norm``, ``mean`` or ``both``; ``none`` changes nothing.

    Raises:
        TransplantError: for another way, or when no token is shared.
    """
    if way not in WAYS:
        message = f"calibrate: {way!r} is none of {', '.join(WAYS)}"
        raise TransplantError(message)
    rows = np.flatnonzero((plan.classes == RowClass.COMBINED) | (plan.classes == RowClass.DENSE))
    if way == "none" or not len(rows):
        return plan
    shared = np.unique(task.anchors(special=False)[1])
    if not len(shared):
        message = "calibrate: no token is shared, so that there is nothing to match"
        raise TransplantError(message)
    old = task.old[shared].astype(np.float64)
    mean = old.mean(axis=0)
    length = float(np.linalg.norm(mean)) or 1.0
    unit = mean / length
    made = apply(plan.take(rows), Matrix(task.old, "F32")).stored.astype(np.float64)
    scale, shift = _factors(made, old, unit, way)
    return _changed(plan, rows, scale, shift / length, shared, mean)


def _factors(
    made: NDArray[np.float64], old: NDArray[np.float64], unit: NDArray[np.float64], way: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return s and the distance to move along û for each row."""
    along, along_old = made @ unit, old @ unit
    norms = np.linalg.norm(made, axis=1)
    silent = norms == 0
    scale, shift = np.ones(len(made)), np.zeros(len(made))
    if way == "norm":
        scale = np.median(np.linalg.norm(old, axis=1)) / np.where(silent, 1.0, norms)
    else:
        if way == "both":
            across = np.sqrt(np.maximum(norms**2 - along**2, 0.0))
            across_old = np.sqrt(np.maximum((old**2).sum(axis=1) - along_old**2, 0.0))
            scale = np.median(across_old) / np.where(across < 1e-6 * norms + 1e-30, np.inf, across)
            scale = np.where(scale == 0, 1.0, scale)
        shift = np.median(along_old) - scale * along
    scale[silent], shift[silent] = 1.0, 0.0
    return scale, shift


def _changed(
    plan: RowPlan,
    rows: NDArray[np.int64],
    scale: NDArray[np.float64],
    along: NDArray[np.float64],
    shared: NDArray[np.int64],
    mean: NDArray[np.float64],
) -> RowPlan:
    combined = plan.classes[rows] == RowClass.COMBINED
    parts = [(np.setdiff1d(np.arange(len(plan)), rows), plan.take(np.setdiff1d(np.arange(len(plan)), rows)))]
    chosen = rows[combined]
    part = plan.take(chosen)
    basis = Basis.mean(shared)
    mean_source = part.n_sources
    lengths = np.diff(part.offsets)
    moved = along[combined] != 0
    offsets = np.zeros(len(part) + 1, dtype=np.int64)
    np.cumsum(lengths + moved, out=offsets[1:])
    sources = np.empty(offsets[-1], dtype=np.int64)
    weights = np.empty(offsets[-1], dtype=np.float64)
    own = np.ones(offsets[-1], dtype=bool)
    own[offsets[1:][moved] - 1] = False
    sources[own], sources[~own] = part.sources, mean_source
    weights[own] = part.coefficients * np.repeat(scale[combined], lengths)
    weights[~own] = along[combined][moved]
    both = basis if part.basis is None else _joined(part.basis, basis)
    grown = RowPlan(
        n_old=part.n_old,
        offsets=offsets,
        sources=sources,
        coefficients=weights.astype(np.float32),
        classes=part.classes,
        residuals=part.residuals,
        notes=part.notes,
        note_of=part.note_of,
        basis=both,
    )
    parts.append((chosen, grown))
    held = rows[~combined]
    if len(held):
        dense = plan.take(held)
        assert dense.dense is not None, "dense rows hold their values"
        values = dense.dense * scale[~combined, None] + along[~combined, None] * mean
        parts.append((held, RowPlan.of_dense(values, n_old=plan.n_old, why=f"{dense.note(0)}, calibrated")))
    return RowPlan.assemble(parts, len(plan))


def _joined(one: Basis, other: Basis) -> Basis:
    return Basis(
        np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]]),
        np.concatenate([one.sources, other.sources]),
        np.concatenate([one.coefficients, other.coefficients]),
    )
