"""Orthogonal matching pursuit of many targets over the same anchors: products by BLAS, the rest by Rust.

Two designs find the same rows. ``gram`` makes the products of all anchors with one another once, holds them in 16 bits
each, and needs k/2 of their rows for a step of a target; ``direct`` multiplies the residuals of all targets with all
anchors at every step. Both only screen: what could win within the error of the screen is compared in double precision,
so neither the design nor threads decide what is chosen (`rust_ext/core/src/omp`).

Costs for M targets, N anchors, width D: gram N²D/2 + MND + MNk²/2 multiplications, the last at the speed of memory, and
2N² bytes; direct MNDk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.errors import TransplantError
from tokbench.limits import memory_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DESIGNS = ("auto", "gram", "direct")
BLOCK_BYTES = 128_000_000
"""What one block of products may take."""
BATCH_BYTES = 2_000_000_000
"""What the products of one batch of targets may take."""
STREAM = 2.5
"""How much longer a multiplication takes that fetches 16 bits than one of a product of matrices."""


@dataclass(frozen=True, eq=False)
class Pursuit:
    """What was found: row i has the entries ``offsets[i] … offsets[i + 1]``.

    Attributes:
        offsets: ``[targets + 1]``.
        indices: chosen anchors, in the order of their choice.
        coefficients: what each is multiplied by.
        relative: ‖residual‖ / ‖target‖ of each target, in 0 … 1 without a ridge.
        design: which way was taken.
    """

    offsets: NDArray[np.int64]
    indices: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    relative: NDArray[np.float64]
    design: str

    def row(self, target: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return indices and coefficients of one target."""
        span = slice(int(self.offsets[target]), int(self.offsets[target + 1]))
        return self.indices[span], self.coefficients[span]


def pursue(
    anchors: NDArray[np.float32],
    targets: NDArray[np.float32],
    *,
    k: int,
    tolerance: float = 0.0,
    rank_tolerance: float = 1e-6,
    ridge: float = 0.0,
    design: str = "auto",
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Pursuit:
    """Approximate every target by at most k anchors: largest |⟨r, a⟩| first, all coefficients fitted at every step.

    Args:
        anchors: ``[n, width]``, finite; rows of zeros are never chosen, of equal rows only the first.
        targets: ``[m, width]``, finite; a row of zeros gets no anchors.
        k: the most anchors for a target.
        tolerance: stop at ‖residual‖ / ‖target‖ of this or less.
        rank_tolerance: stop when the part of the next anchor orthogonal to those chosen is below this share of it.
        ridge: added to the squared norms of the chosen anchors in the least-squares problem.
        design: ``gram``, ``direct`` or ``auto``: the quicker that fits into memory. The result is the same.
        threads: None for all; the result is the same.
        progress: called with phase, done and total.

    Raises:
        TransplantError: for values that are not finite, shapes that do not fit, or a parameter out of range.

    Example:
        >>> found = pursue(np.eye(3, dtype=np.float32), np.float32([[0, 3, 4]]), k=2)
        >>> found.indices.tolist(), found.coefficients.tolist(), found.relative.tolist()
        ([2, 1], [4.0, 3.0], [0.0])
    """
    a = _checked("anchors", anchors)
    y = _checked("targets", targets)
    if a.shape[1] != y.shape[1]:
        message = (
            f"matching pursuit: targets of width {y.shape[1]} cannot be made of anchors of width {a.shape[1]}"
        )
        raise TransplantError(message)
    if k < 1 or not 0 <= tolerance < 1 or not 0 <= rank_tolerance < 1 or not (0 <= ridge < np.inf):
        message = (
            f"matching pursuit: k={k}, tolerance={tolerance}, rank_tolerance={rank_tolerance}, ridge={ridge}; "
            f"k is at least 1, the tolerances are in 0 … 1, ridge is not negative"
        )
        raise TransplantError(message)
    if design not in DESIGNS:
        message = f"matching pursuit: design={design!r} is none of {', '.join(DESIGNS)}"
        raise TransplantError(message)
    k = min(k, len(a))
    chosen = choose_design(len(y), len(a), a.shape[1], k) if design == "auto" else design
    if not len(a) or not len(y):
        empty = np.zeros(0, dtype=np.int64)
        relative = np.linalg.norm(y, axis=1).astype(bool).astype(np.float64)
        return Pursuit(np.zeros(len(y) + 1, dtype=np.int64), empty, np.zeros(0), relative, chosen)
    engine = _rust.MatchingPursuit(
        a, k=k, tolerance=tolerance, rank_tolerance=rank_tolerance, ridge=ridge, threads=threads or _threads()
    )
    tell = progress if progress is not None else lambda *_: None
    if chosen == "gram":
        _fill_gram(engine, a, tell)
    size = _batch(len(y), len(a), chosen)
    parts = []
    for start in range(0, len(y), size):
        batch = y[start : start + size]
        engine.begin(batch)
        if chosen == "gram":
            rows = max(1, BLOCK_BYTES // (4 * len(a)))
            for first in range(0, len(batch), rows):
                engine.put_products(first, batch[first : first + rows] @ a.T)
            engine.pursue()
        else:
            while len(residuals := engine.residuals()):
                engine.advance(residuals @ a.T)
        parts.append(engine.results())
        tell("pursuing", min(start + size, len(y)), len(y))
    lengths = np.concatenate([np.diff(ends) for ends, _, _, _ in parts])
    return Pursuit(
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)]),
        np.concatenate([indices for _, indices, _, _ in parts]),
        np.concatenate([coefficients for _, _, coefficients, _ in parts]),
        np.concatenate([relative for _, _, _, relative in parts]),
        chosen,
    )


def choose_design(n_targets: int, n_anchors: int, width: int, k: int) -> str:
    """Return the quicker design of those that fit into memory.

    Example:
        >>> choose_design(50_000, 20_000, 4096, 64), choose_design(10, 20_000, 4096, 8)
        ('gram', 'direct')
    """
    gram = n_anchors * width / 2 + n_targets * width + STREAM * n_targets * k * k / 2
    direct = n_targets * width * k
    needed = 2 * n_anchors * n_anchors + 4 * n_anchors * min(n_targets, 1024) + BLOCK_BYTES
    left = memory_left()
    available = _available() if left is None else min(left, _available())
    return "gram" if gram < direct and needed < 0.9 * available else "direct"


def _fill_gram(
    engine: _rust.MatchingPursuit, a: NDArray[np.float32], tell: Callable[[str, int, int], None]
) -> None:
    engine.reserve_gram()
    rows = max(32, BLOCK_BYTES // (4 * len(a)))
    for first in range(0, len(a), rows):
        engine.put_gram(first, a[first : first + rows] @ a[first:].T)
        tell("products of anchors", min(first + rows, len(a)), len(a))


def _batch(n_targets: int, n_anchors: int, design: str) -> int:
    if design == "direct":
        return min(n_targets, max(1, 4 * BLOCK_BYTES // (4 * n_anchors)))
    return min(n_targets, max(64, BATCH_BYTES // (4 * n_anchors)))


def _checked(name: str, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    array = np.ascontiguousarray(rows, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] == 0:
        message = f"matching pursuit: {name} must be [rows, width], got {list(array.shape)}"
        raise TransplantError(message)
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        message = f"matching pursuit: row {row} of the {name} holds a value that is not finite"
        raise TransplantError(message)
    return array


def _threads() -> int:
    import os

    return os.cpu_count() or 1


def _available() -> int:
    """Return the memory that the system can give, or a cautious guess where it does not say."""
    from pathlib import Path

    told = Path("/proc/meminfo")
    if told.is_file():
        for line in told.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 8_000_000_000
