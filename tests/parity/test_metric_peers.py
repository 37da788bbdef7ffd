"""Entropies against tokenization-scorer, where it is installed: same counts, same definitions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tokbench.metrics.information import renyi_bits

TEXTS = {
    "one": "pick @@ed pick @@l @@ed pick @@les",
    "two": "pick @@e @@d pick @@l @@e @@d pick @@l @@e @@s",
    "zipf": " ".join(f"t{rank}" for rank in range(1, 200) for _ in range(2000 // rank)),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("power", [0.5, 2.0, 2.5, 3.0])
def test_renyi_is_that_of_tokenization_scorer(
    name: str, power: float, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = pytest.importorskip("tokenization_scorer")
    counts = np.array(list(Counter(TEXTS[name].split()).values()))
    entropy = renyi_bits(counts, power)
    observed = np.log2(len(counts))
    lines = [TEXTS[name]]
    assert scorer.score(lines, metric="renyi_efficiency", power=power) == pytest.approx(
        entropy / observed, abs=1e-9
    )
    assert scorer.score(lines, metric="shannon_entropy") == pytest.approx(renyi_bits(counts, 1), abs=1e-9)
    capsys.readouterr()


@pytest.mark.parametrize("name", TEXTS)
def test_shannon_efficiency_is_that_of_tokenization_scorer(name: str) -> None:
    scorer = pytest.importorskip("tokenization_scorer")
    counts = np.array(list(Counter(TEXTS[name].split()).values()))
    # Its shannon_efficiency of one iterable, not renyi_efficiency(power=1): that reads its generator twice.
    expected = scorer.metrics.get_metric("shannon_efficiency")([TEXTS[name].split()])
    assert expected == pytest.approx(renyi_bits(counts, 1) / np.log2(len(counts)), abs=1e-9)
