"""Shared tokens as landmarks of two spaces, and the nearest of them: what several methods begin with.

Nearest rows are screened by a product of matrices in float32 and decided in double precision, row by row: whatever
could be among the k nearest within the error of the screen is compared exactly, ties to the smaller index. The result
depends neither on threads nor on the size of the blocks.

Twin: `tokbench.reference.interpolation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tokbench.transplant.method import Task

BLOCK_BYTES = 128_000_000
"""What one block of products may take."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The donor's rows of targets and of shared tokens.

    Attributes:
        targets: ``[targets, donor's width]`` float32.
        anchors: ``[shared, donor's width]`` float32.
        old: ``[shared]``, the old ids of the anchors.
    """

    targets: NDArray[np.float32]
    anchors: NDArray[np.float32]
    old: NDArray[np.int64]


def landmarks_of(task: Task, name: str, *, special: bool) -> Landmarks:
    """Return the donor's rows that a method compares.

    Raises:
        TransplantError: without a donor or a shared token, or when one of the rows is not finite, naming the token.
    """
    donor = task.donor_rows
    shared_new, shared_old = task.anchors(special=special)
    if not len(shared_new):
        message = f"{name}: the two tokenizers share no token with a usable row"
        raise TransplantError(message)
    ids = np.concatenate([task.targets, shared_new])
    if len(ids) and int(ids.max()) >= len(donor):
        message = f"{name}: the donor's matrix has {len(donor)} rows, the new tokenizer has a token {int(ids.max())}"
        raise TransplantError(message)
    rows = donor[ids]
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        new_id = int(ids[np.flatnonzero(~finite)[0]])
        message = f"{name}: the donor's row of the new token {new_id} holds a value that is not finite"
        raise TransplantError(message)
    return Landmarks(rows[: len(task.targets)], rows[len(task.targets) :], shared_old)


def directions(rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the rows at length 1 in double precision, and which have a direction (zero rows stay zero)."""
    wide = rows.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1)
    known = norms > 0
    return wide / np.where(known, norms, 1.0)[:, None], known


def nearest(
    queries: NDArray[np.float32],
    anchors: NDArray[np.float32],
    *,
    k: int,
    metric: str,
    report: Callable[[str, int, int], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k nearest anchors of each query, the nearest first.

    Args:
        queries: ``[m, width]``, finite.
        anchors: ``[n, width]``, finite; with ``cosine`` those of zeros have no direction and are never near.
        k: how many; fewer where there are fewer.
        metric: ``euclid`` or ``cosine``.
        report: called with phase, done and total.

    Returns:
        ``[m, k]`` indices, -1 for an unused place, and the distance (euclid) or the cosine; a query without a
        direction is near to nothing under ``cosine``.

    Example:
        >>> rows = np.float32([[1, 0], [0, 2], [3, 0]])
        >>> nearest(rows[:1], rows, k=2, metric="cosine")
        (array([[0, 2]]), array([[1., 1.]]))
        >>> nearest(rows[:1], rows, k=2, metric="euclid")[1].tolist()
        [[0.0, 2.0]]
    """
    cosine = metric == "cosine"
    width, n = anchors.shape[1], len(anchors)
    k = min(k, n)
    indices, values = np.full((len(queries), k), -1, dtype=np.int64), np.zeros((len(queries), k))
    lengths = np.linalg.norm(anchors.astype(np.float64), axis=1)
    alive = lengths > 0 if cosine else np.ones(n, dtype=bool)
    if not alive.any() or not k:
        return indices, values
    away = 0.0 if cosine else 0.5 * lengths**2
    screen = anchors / np.where(lengths > 0, lengths, 1.0)[:, None].astype(np.float32) if cosine else anchors
    longest = 1.0 if cosine else float(lengths.max())
    size = max(1, BLOCK_BYTES // (8 * n))
    for start in range(0, len(queries), size):
        block = queries[start : start + size]
        # Larger is nearer: the cosine times ‖q‖, or ⟨q, a⟩ - ‖a‖²/2.
        products = (block @ screen.T).astype(np.float64) - away
        products[:, ~alive] = -np.inf
        norms = np.linalg.norm(block.astype(np.float64), axis=1)
        for row, query in enumerate(block):
            if cosine and norms[row] == 0:
                continue
            error = (width + 8) * 2.0**-23 * norms[row] * longest
            wanted = min(k, int(alive.sum()))
            least = np.partition(products[row], n - wanted)[n - wanted] - 2 * error
            near = np.flatnonzero(products[row] >= least)
            exact = _exactly(query, anchors[near], lengths[near], cosine=cosine)
            order = np.lexsort((near, -exact if cosine else exact))[:wanted]
            indices[start + row, :wanted], values[start + row, :wanted] = near[order], exact[order]
        if report is not None:
            report("nearest shared tokens", min(start + size, len(queries)), len(queries))
    return indices, values


def _exactly(
    query: NDArray[np.float32], rows: NDArray[np.float32], lengths: NDArray[np.float64], *, cosine: bool
) -> NDArray[np.float64]:
    wide, own = rows.astype(np.float64), query.astype(np.float64)
    found: NDArray[np.float64]
    if cosine:
        products = (wide * own).sum(axis=1)
        found = np.clip(products / (lengths * np.sqrt((own * own).sum())), -1.0, 1.0)
    else:
        found = np.sqrt(((wide - own) ** 2).sum(axis=1))
    return found


def with_gaps(plan: RowPlan, known: NDArray[np.bool_], why: str) -> RowPlan:
    """Return the plan of the known rows, with unplanned rows of that reason between them.

    Example:
        >>> plan = with_gaps(RowPlan.from_rows([[(0, 1.0)]], n_old=1), np.array([False, True]), "no vector")
        >>> plan.note(0), plan.row(1)
        ('no vector', [(0, 1.0)])
    """
    if known.all():
        return plan
    gaps = RowPlan.from_rows([[]] * int((~known).sum()), n_old=plan.n_old, unplanned=why)
    if not known.any():
        return gaps
    return RowPlan.assemble([(np.flatnonzero(known), plan), (np.flatnonzero(~known), gaps)], len(known))
