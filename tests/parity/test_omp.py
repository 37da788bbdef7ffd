"""Matching pursuit and its slow twin: both designs, any number of threads, easy and degenerate anchors."""

from __future__ import annotations

import numpy as np
import pytest

from tokbench.reference.omp import pursue as slow
from tokbench.transplant.pursuit import pursue

DESIGNS = ["gram", "direct"]


def anchors_of(kind: str) -> np.ndarray:
    generator = np.random.default_rng(11)
    rows = generator.standard_normal((50, 12)).astype(np.float32)
    if kind == "duplicates":
        rows[10:30] = rows[generator.integers(0, 5, 20)]
        rows[40] = -rows[2]
    elif kind == "zeros":
        rows[[0, 7, 49]] = 0
    elif kind == "deficient":
        rows = (rows[:, :4] @ generator.standard_normal((4, 12)).astype(np.float32)).astype(np.float32)
    elif kind == "coherent":
        rows = (rows * np.float32(0.02) + np.float32(1)).astype(np.float32)
    elif kind == "sizes":
        rows *= (10.0 ** generator.integers(-3, 4, (50, 1))).astype(np.float32)
    return rows


KINDS = ["plain", "duplicates", "zeros", "deficient", "coherent", "sizes"]


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"k": 3}, {"k": 9, "tolerance": 0.3}, {"k": 5, "ridge": 0.5}], ids=str)
def test_rows_equal_those_of_the_twin(kind: str, design: str, options: dict[str, float]) -> None:
    anchors = anchors_of(kind)
    targets = np.random.default_rng(12).standard_normal((9, 12)).astype(np.float32)
    targets[4] = 0
    targets[5] = anchors[17]
    targets[6] = 2 * anchors[1] - anchors[3]
    found = pursue(anchors, targets, design=design, **options)  # type: ignore[arg-type]  # the test's own options
    assert found.design == design
    for i, target in enumerate(targets):
        chosen, coefficients, relative = slow(anchors, target, **options)  # type: ignore[arg-type]  # as above
        indices, weights = found.row(i)
        # Past an exact fit the residual is rounding: what follows is noise on both sides.
        if relative > 1e-6:
            assert indices.tolist() == chosen
            scale = max(1.0, float(np.abs(coefficients).max(initial=0)))
            assert np.abs(weights - coefficients).max(initial=0) <= 1e-6 * scale
        assert abs(found.relative[i] - relative) <= 1e-5
        rebuilt = weights @ anchors[indices].astype(np.float64)
        left = np.linalg.norm(target - rebuilt) / (np.linalg.norm(target) or 1.0)
        assert abs(found.relative[i] - left) <= 1e-6
    assert not len(found.row(4)[0])
    assert found.relative[4] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_designs_and_threads_choose_the_same(kind: str) -> None:
    anchors = anchors_of(kind)
    targets = np.random.default_rng(13).standard_normal((70, 12)).astype(np.float32)
    first = pursue(anchors, targets, k=4, design="gram", threads=1)
    for design in DESIGNS:
        for threads in (1, 2):
            other = pursue(anchors, targets, k=4, design=design, threads=threads)
            assert np.array_equal(first.offsets, other.offsets)
            assert np.array_equal(first.indices, other.indices)
            assert first.coefficients.tobytes() == other.coefficients.tobytes()
            assert first.relative.tobytes() == other.relative.tobytes()


@pytest.mark.parametrize("design", DESIGNS)
def test_a_pursuit_ends_at_the_rank_and_skips_what_is_nothing_new(design: str) -> None:
    targets = np.random.default_rng(14).standard_normal((20, 12)).astype(np.float32)
    deficient = pursue(anchors_of("deficient"), targets, k=12, design=design)
    assert np.diff(deficient.offsets).max() <= 4
    assert np.abs(deficient.coefficients).max() < 1e3
    zeros = pursue(anchors_of("zeros"), targets, k=12, design=design)
    assert not np.isin(zeros.indices, [0, 7, 49]).any()
    same = np.repeat(np.array([[3, 4]], dtype=np.float32), 6, axis=0)
    found = pursue(same, np.array([[3, 4], [4, 3]], dtype=np.float32), k=3, design=design)
    assert found.indices.tolist() == [0, 0]
    assert found.relative.round(9).tolist() == [0, 0.28]
