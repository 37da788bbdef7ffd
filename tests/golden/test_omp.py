"""Matching pursuit against published results: the golden files say which rows the original routine chose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tokbench.transplant.pursuit import pursue

CASES = [
    ("tiny", True), ("small", True), ("small_f64", True), ("exact3", True), ("dup_zero", True), ("k_eq_d", True),
]  # fmt: skip


def load(shared: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(shared / "golden" / "omp" / f"omp_{name}.npz") as file:
        return {key: file[key] for key in file.files}


@pytest.mark.shared
@pytest.mark.parametrize("design", ["gram", "direct"])
@pytest.mark.parametrize("name", [name for name, _ in CASES])
def test_rows_and_coefficients_are_the_published_ones(shared: Path, name: str, design: str) -> None:
    data = load(shared, name)
    anchors, targets, base = (data[key].astype(np.float32) for key in ("anchor", "target", "base"))
    tested = 0
    for key in [key for key in data if key.startswith("idx_k")]:
        k = int(key.removeprefix("idx_k"))
        if k > np.linalg.matrix_rank(anchors.astype(np.float64)):
            continue
        wanted, weights = data[key], data[f"coeff_k{k}"]
        found = pursue(anchors, targets, k=k, design=design)
        equal = 0
        for i in range(len(targets)):
            indices, coefficients = found.row(i)
            if indices.tolist() == wanted[i][: len(indices)].tolist() and len(indices) == k:
                equal += 1
                # The original works in float32: near the rank its coefficients are worth less.
                scale = max(1.0, float(np.abs(weights[i]).max()))
                assert np.abs(coefficients - weights[i]).max() <= 5e-6 * scale
                new = coefficients @ base[indices].astype(np.float64)
                assert np.linalg.norm(new - data[f"new_k{k}"][i]) <= 1e-5 * np.linalg.norm(new)
            else:
                assert abs(found.relative[i] - float(data[f"relres_k{k}"][i])) <= 1e-4
            tested += 1
        assert equal >= 0.999 * len(targets) or equal >= len(targets) - 1
    assert tested


@pytest.mark.shared
@pytest.mark.parametrize("design", ["gram", "direct"])
def test_a_pursuit_ends_at_the_rank(shared: Path, design: str) -> None:
    data = load(shared, "k_gt_d")
    anchors, targets = data["anchor"].astype(np.float32), data["target"].astype(np.float32)
    rank = int(np.linalg.matrix_rank(anchors.astype(np.float64)))
    k = max(int(key.removeprefix("idx_k")) for key in data if key.startswith("idx_k"))
    assert k > rank
    found = pursue(anchors, targets, k=k, design=design)
    assert np.diff(found.offsets).max() <= rank
    assert found.relative.max() < 1e-5
    assert np.abs(found.coefficients).max() < 1e3
