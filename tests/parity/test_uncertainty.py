"""Resampling, intervals and p-values against their slow twins and against scipy on the same resamples."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import tokbench as tb
from tokbench.reference import resampling as slow
from tokbench.uncertainty import resampling
from tokbench.uncertainty.interval import (
    bootstrap_bounds,
    jackknife_bounds,
    jackknife_bounds_within,
    jackknife_error,
)
from tokbench.uncertainty.resampling import Draws, Intervals, draw_counts, stream
from tokbench.uncertainty.significance import benjamini_hochberg, bootstrap_p, holm, jackknife_p

HOW = Intervals(replicates=300, seed=7)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("key", [0, 2**64 - 1, 123456789])
def test_draws_are_those_of_the_slow_twin(n: int, key: int) -> None:
    counts = np.empty((4, n))
    draw_counts(counts, np.uint64(key), 3)  # type: ignore[arg-type]  # numba wants the type
    assert counts.tolist() == [slow.draw_counts(n, key, 3 + row) for row in range(4)]


def test_every_document_is_drawn_as_often_as_any_other() -> None:
    counts = np.empty((20000, 5))
    draw_counts(counts, np.uint64(1), 1)  # type: ignore[arg-type]  # numba wants the type
    assert counts.sum(axis=1).tolist() == [5] * 20000
    assert stats.chisquare(counts.sum(axis=0)).pvalue > 1e-4
    drawn = counts[:, 0]
    assert drawn.var() == pytest.approx(5 * 0.2 * 0.8, rel=0.05)


@pytest.mark.parametrize("chunk", [64 << 20, 8 * 7 * 11, 1])
@pytest.mark.parametrize("left_out", [2000, 3])
def test_columns_are_the_totals_of_each_weighting(
    chunk: int, left_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(resampling, "LEFT_OUT", left_out)
    values = [[3, 1], [0, 5], [2, 2], [9, 1], [4, 4], [7, 0], [1, 1]]
    draws = Draws(7, settings=HOW, stratum="eng")
    columns = [list(column) for column in zip(*values, strict=True)]
    for made in (draws.columns(np.array(values, float)), draws.columns_of_reals(np.array(values, float))):
        for column, row in zip(columns, made.tolist(), strict=True):
            assert row[0] == sum(column)
            for resample in range(1, 301):
                counts = slow.draw_counts(7, stream(7, "eng"), resample)
                assert row[resample] == sum(c * x for c, x in zip(counts, column, strict=True))
            assert row[301:] == slow.left_out(column, min(7, left_out))


def test_strata_and_seeds_have_their_own_streams() -> None:
    assert len({stream(seed, name) for seed in (0, 1) for name in ("", "eng", "tur")}) == 6


def scipy_bounds(rows: Any, statistic: Any, resampled: Any, method: str) -> tuple[float, float]:
    """The interval that scipy makes of resamples that it is given."""
    given_result = SimpleNamespace(bootstrap_distribution=resampled)
    bootstrap: Any = stats.bootstrap  # its stub wants its own result class
    found = bootstrap(
        rows,
        statistic,
        paired=True,
        n_resamples=0,
        bootstrap_result=given_result,
        method=method,
        vectorized=False,
    )
    return found.confidence_interval.low, found.confidence_interval.high


@pytest.mark.parametrize("seed", range(4))
def test_intervals_are_those_of_scipy_on_the_same_resamples(seed: int) -> None:
    random = np.random.default_rng(seed)
    words = random.integers(1, 30, 40)
    tokens = words + random.poisson(words * random.exponential(1, 40))
    columns = Draws(40, settings=HOW).columns(np.stack([tokens, words], 1).astype(float))
    ratios = columns[0] / columns[1]
    for method, theirs in (("bca", "BCa"), ("percentile", "percentile")):
        low, high = bootstrap_bounds(ratios[None], Intervals(replicates=300, seed=7, method=method))  # type: ignore[arg-type]  # one of two
        expected = scipy_bounds((tokens, words), lambda a, b: a.sum() / b.sum(), ratios[1:301], theirs)
        assert (low[0], high[0]) == pytest.approx(expected, rel=1e-9)
    assert slow.acceleration(ratios[301:].tolist()) == pytest.approx(
        float(((ratios[301:].mean() - ratios[301:]) ** 3).sum())
        / (6 * float(((ratios[301:].mean() - ratios[301:]) ** 2).sum()) ** 1.5)
    )


def test_an_interval_of_a_constant_is_the_constant_and_of_the_undefined_is_none() -> None:
    how = Intervals(replicates=4)
    rows = np.array([[2.0] * 7, [1.0, np.nan, 1.0, 2.0, 1.0, 1.0, 2.0]])
    low, high = bootstrap_bounds(rows, how)
    assert (low[0], high[0]) == (2, 2)
    assert np.isnan(low[1])
    assert np.isnan(high[1])


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=12))
@settings(deadline=None)
def test_the_jackknife_is_that_of_its_definition(left: list[float]) -> None:
    row = np.array([[0.5, *left]])
    error = slow.jackknife_error(left)
    assert jackknife_error(row)[0] == pytest.approx(error, abs=1e-12)
    half = error * stats.t.ppf(0.975, len(left) - 1)
    low, high = jackknife_bounds(row, 0.95)
    assert (low[0], high[0]) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-9)
    if error > 1e-3:
        assert jackknife_p(row)[0] == pytest.approx(2 * stats.t.sf(0.5 / error, len(left) - 1), abs=1e-9)


@given(
    st.lists(st.floats(0.001, 0.999), min_size=3, max_size=12), st.sampled_from(["logit", "fisher", "log"])
)
@settings(deadline=None)
def test_the_jackknife_on_a_scale_stays_in_the_range(shares: list[float], scale: Any) -> None:
    row = np.array([shares])
    there, back = slow.SCALES[scale]
    low, high = jackknife_bounds_within(row, 0.95, scale)
    if len(set(shares)) == 1:
        assert low[0] == high[0] == pytest.approx(shares[0], rel=1e-12)
        return
    moved = [there(share) for share in shares]
    half = slow.jackknife_error(moved[1:]) * stats.t.ppf(0.975, len(moved) - 2)
    assert low[0] == pytest.approx(back(moved[0] - half), rel=1e-9, abs=1e-9)
    assert high[0] == pytest.approx(back(moved[0] + half), rel=1e-9, abs=1e-9)
    assert {"logit": 0, "fisher": -1, "log": 0}[scale] <= low[0] <= high[0]
    assert high[0] <= {"logit": 1, "fisher": 1, "log": np.inf}[scale]


def test_a_value_at_the_end_of_its_range_has_the_plain_interval() -> None:
    row = np.array([[1.0, 0.9, 1.0], [0.0, 0.0, 0.0]])
    plain, within = jackknife_bounds(row, 0.95), jackknife_bounds_within(row, 0.95, "logit")
    assert [end.tolist() for end in plain] == [end.tolist() for end in within]


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40))
@settings(deadline=None)
def test_p_values_are_those_of_their_definition(resampled: list[float]) -> None:
    how = Intervals(replicates=len(resampled))
    found = bootstrap_p(np.array([[0.1, *resampled, 9.0]]), how)
    assert found[0] == pytest.approx(slow.bootstrap_p(resampled))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(deadline=None)
def test_corrections_are_those_of_their_definition(p: list[float]) -> None:
    assert holm(p) == pytest.approx(slow.holm(p))
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p, method="bh").tolist())


PARALLEL = {
    "eng": ["the sea is calm", "we walk home", "a long road goes on and on", "no", "", "it rains again"],
    "tur": ["deniz sakin", "eve yürüyoruz", "uzun bir yol gider de gider", "yok", "", "yine yağmur yağıyor"],
}


def one(frame: pl.DataFrame, tokenizer: str, group: str) -> dict[str, Any]:
    return frame.filter(pl.col("tokenizer") == tokenizer, pl.col("group") == group).row(0, named=True)


@pytest.mark.parametrize("parallel", [True, False])
def test_a_report_has_the_intervals_of_scipy_on_its_resamples(parallel: bool) -> None:
    corpus = tb.Corpus.from_texts(PARALLEL, parallel=parallel)
    counted = tb.count(corpus, "gpt2")
    tokenizers = {"large": tb.train(counted, vocab_size=275), "small": tb.train(counted, vocab_size=260)}
    frame = tb.evaluate(
        tokenizers, corpus, metrics=["bytes_per_token"], intervals=HOW, baseline="small"
    ).frame
    n_bytes = {lang: np.array([len(text.encode()) for text in texts]) for lang, texts in PARALLEL.items()}
    n_tokens = {
        (name, lang): np.array([len(tokenizer.encode(text)) for text in texts])
        for name, tokenizer in tokenizers.items()
        for lang, texts in PARALLEL.items()
    }
    counts = {
        lang: np.array([slow.draw_counts(6, stream(7, "" if parallel else lang), r) for r in range(1, 301)])
        for lang in PARALLEL
    }
    for lang in PARALLEL:
        resampled = {
            name: counts[lang] @ n_bytes[lang] / (counts[lang] @ n_tokens[name, lang]) for name in tokenizers
        }
        for name in tokenizers:
            row = one(frame, name, lang)
            expected = scipy_bounds(
                (n_bytes[lang], n_tokens[name, lang]), lambda a, b: a.sum() / b.sum(), resampled[name], "BCa"
            )
            assert (row["low"], row["high"]) == pytest.approx(expected, rel=1e-9)
        row = one(frame, "large", lang)
        expected = scipy_bounds(
            (n_bytes[lang], n_tokens["large", lang], n_tokens["small", lang]),
            lambda b, x, y: b.sum() / x.sum() - b.sum() / y.sum(),
            resampled["large"] - resampled["small"],
            "BCa",
        )
        assert (row["difference_low"], row["difference_high"]) == pytest.approx(expected, rel=1e-9)
        assert row["p"] == pytest.approx(slow.bootstrap_p((resampled["large"] - resampled["small"]).tolist()))
    if parallel:
        both = {name: sum(n_tokens[name, lang] for lang in PARALLEL) for name in tokenizers}
        text = np.sum(list(n_bytes.values()), axis=0)
        drawn = counts["eng"]
        resampled_all = drawn @ text / (drawn @ both["large"])
        row = one(frame, "large", "all")
        expected = scipy_bounds((text, both["large"]), lambda a, b: a.sum() / b.sum(), resampled_all, "BCa")
        assert (row["low"], row["high"]) == pytest.approx(expected, rel=1e-9)
