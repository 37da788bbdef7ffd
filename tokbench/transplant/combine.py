"""The loop of `tokbench.transplant.apply`: rows as weighted sums of rows, compiled and parallel."""

from __future__ import annotations

import numba
import numpy as np

# A mapped file is not writable, and neither need the other arrays be.
_READ1 = {kind: numba.types.Array(kind, 1, "C", readonly=True) for kind in (numba.int64, numba.float32)}
_READ2 = numba.types.Array(numba.float32, 2, "C", readonly=True)


@numba.njit(
    numba.void(
        _READ1[numba.int64],
        _READ1[numba.int64],
        _READ1[numba.int64],
        _READ1[numba.float32],
        _READ2,
        _READ2,
        numba.float32[:, ::1],
    ),
    parallel=True,
    cache=True,
)
def combine(  # type: ignore[no-untyped-def]  # numba types it
    rows, offsets, sources, coefficients, old, shared, out
):
    """Write into ``out[i]`` the weighted sum of row ``rows[i]``; sources beyond `old` are rows of `shared`."""
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
