"""Orthogonal matching pursuit, CPU seconds by design: python tests/bench/omp.py [--targets 2000 --anchors 20000 --width 512]

Anchors are random directions around a common one with norms that differ, targets noisy combinations of some of them.
Before anything is timed both designs are checked to choose the same rows, and the first targets against the slow twin.
With mergekit installed its routine runs on the same data in the same run: rows and coefficients are compared first.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from tokbench.reference.omp import pursue as slow
from tokbench.transplant.pursuit import Pursuit, choose_design, pursue


def data(n_targets: int, n_anchors: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    common = draw.standard_normal(width) * 0.3
    anchors = (draw.standard_normal((n_anchors, width)) + common) * draw.uniform(0.5, 1.5, (n_anchors, 1))
    picked = draw.integers(0, n_anchors, (n_targets, 8))
    weights = draw.standard_normal((n_targets, 8))
    noise = draw.standard_normal((n_targets, width)) * 2
    targets = np.einsum("tk,tkd->td", weights, anchors[picked]) + noise
    return anchors.astype(np.float32) * np.float32(0.02), targets.astype(np.float32) * np.float32(0.02)


def timed(anchors: np.ndarray, targets: np.ndarray, k: int, design: str) -> tuple[Pursuit, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    found = pursue(anchors, targets, k=k, design=design)
    return found, time.process_time() - cpu, time.perf_counter() - wall


def beside(anchors: np.ndarray, targets: np.ndarray, k: int, ours: Pursuit) -> tuple[str, float, float]:
    """Run mergekit's routine on the same data in its own batches of 512; its figures, CPU and wall seconds."""
    import torch
    from mergekit.tokensurgeon import omp

    rows = torch.from_numpy(anchors)
    omp.batch_omp(torch.from_numpy(targets[:2]), rows, 2)
    cpu, wall = time.process_time(), time.perf_counter()
    batches = [
        omp.batch_omp(torch.from_numpy(targets[i : i + 512]), rows, k) for i in range(0, len(targets), 512)
    ]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    chosen = torch.cat([indices for indices, _ in batches]).numpy()
    weights = torch.cat([coefficients for _, coefficients in batches]).numpy()
    equal = [i for i in range(len(targets)) if ours.row(i)[0].tolist() == chosen[i].tolist()]
    off = max(float(np.abs(ours.row(i)[1] - weights[i]).max()) for i in equal)
    apart = [i for i in range(len(targets)) if i not in set(equal)]
    left = [abs(ours.relative[i] - _relative(anchors, targets[i], chosen[i], weights[i])) for i in apart]
    said = (
        f"{len(equal) / len(targets):.2%} equal rows, coefficients within {off:.1e}, "
        f"relative residuals of the others within {max(left, default=0.0):.1e}"
    )
    return said, cpu, wall


def _relative(anchors: np.ndarray, target: np.ndarray, chosen: np.ndarray, weights: np.ndarray) -> float:
    wide = target.astype(np.float64)
    made = weights.astype(np.float64) @ anchors[chosen].astype(np.float64)
    return float(np.linalg.norm(wide - made) / np.linalg.norm(wide))


def libraries() -> str:
    """Say which kernels the products of matrices run on, where threadpoolctl is installed."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "BLAS: unknown (install threadpoolctl)"
    return "BLAS: " + ", ".join(
        f"{each['internal_api']} {each.get('version')} {each.get('architecture', '')} x{each['num_threads']}"
        for each in threadpool_info()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=2000)
    parser.add_argument("--anchors", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--k", default="32,64")
    given = parser.parse_args()
    try:
        import torch  # noqa: F401 - the peer needs both
        from mergekit.tokensurgeon import omp  # noqa: F401
    except ImportError as error:
        peer = False
        print(f"mergekit: not run ({error})")
    else:
        peer = True
    print(libraries(), flush=True)
    anchors, targets = data(given.targets, given.anchors, given.width)
    few = targets[:4]
    for k in (int(text) for text in given.k.split(",")):
        found = [pursue(anchors, few, k=k, design=design) for design in ("gram", "direct")]
        for i in range(len(few)):
            indices = slow(anchors, few[i], k=k)[0]
            assert all(one.row(i)[0].tolist() == indices for one in found), "a design differs from the twin"
        results, took = {}, {}
        for design in ("gram", "direct"):
            results[design], cpu, wall = timed(anchors, targets, k, design)
            took[design] = (cpu, wall)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"k={k} {design:8} {cpu:7.2f} CPU s {wall:7.2f} s wall, peak {peak:,.0f} MB", flush=True)
        assert np.array_equal(results["gram"].indices, results["direct"].indices), "the designs differ"
        if not peer:
            continue
        said, cpu, wall = beside(anchors, targets, k, results["gram"])
        print(f"k={k} mergekit {cpu:7.2f} CPU s {wall:7.2f} s wall, {said}", flush=True)
        chosen = choose_design(given.targets, given.anchors, given.width, k)
        print(
            f"k={k} {chosen} (chosen) is quicker by CPU time x{cpu / took[chosen][0]:.1f}, "
            f"by the clock x{wall / took[chosen][1]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
