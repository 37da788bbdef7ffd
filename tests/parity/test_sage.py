"""SaGe equals its slow twin: the sample of lines, the vectors, the losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench import _rust
from tokbench.algorithms.tokens import BYTES, flat
from tokbench.pretokenize import Pretokenizer
from tokbench.reference import random as slow_random
from tokbench.reference import sage as slow

DOCUMENTS = st.lists(st.text("abc \n", max_size=30).map(str.encode), min_size=1, max_size=6)
TOKENS = st.lists(st.text("abc ", min_size=2, max_size=4).map(str.encode), unique=True, max_size=12)


def sampled(documents: list[bytes], *, seed: int = 0, limit: int = 1000) -> _rust.Lines:
    sample = _rust.LineSample(seed, limit)
    data, offsets = np.frombuffer(b"".join(documents), np.uint8), np.cumsum([0, *map(len, documents)])
    sample.add_documents(data, offsets.astype(np.int64))
    return sample.finish()


def held(lines: _rust.Lines) -> list[bytes]:
    return [lines.line(place) for place in range(len(lines))]


@settings(deadline=None, max_examples=80)
@given(DOCUMENTS, st.integers(0, 2**64 - 1), st.integers(1, 8))
def test_sample_of_lines(documents: list[bytes], seed: int, limit: int) -> None:
    lines = sampled(documents, seed=seed, limit=limit)
    assert held(lines) == slow_random.sample_lines(documents, seed=seed, limit=limit)
    assert held(sampled(documents[::-1], seed=seed, limit=limit)) == held(lines)


@settings(deadline=None, max_examples=80)
@given(DOCUMENTS, TOKENS, st.sampled_from(["none", "gpt2"]), st.integers(0, 9), st.integers(1, 3))
def test_losses(documents: list[bytes], extra: list[bytes], spec: str, seed: int, threads: int) -> None:
    tokens = [*BYTES, *extra]
    vectors = np.random.default_rng(seed).normal(size=(len(tokens), 6)).astype(np.float32)
    lines = sampled(documents)
    cutter = _rust.SageCutter(*flat(tokens), np.ones(len(tokens), np.bool_), spec)
    losses, uses = cutter.losses(lines, vectors, threads=threads)
    pretokenizer = Pretokenizer(spec)
    pieces = [pretokenizer.split(line) for line in held(lines)]
    expected, used = slow.losses(pieces, {token: i for i, token in enumerate(tokens)}, vectors)
    assert uses.tolist() == used.tolist()
    np.testing.assert_allclose(losses, expected, atol=1e-8)


def test_tokens_that_are_gone_are_not_used() -> None:
    tokens = [*BYTES, b"ab", b"abc", b"bc"]
    alive = np.array([True] * 257 + [False, True])
    lines = sampled([b"abcabc"])
    ids, ends = _rust.SageCutter(*flat(tokens), alive, "none").encode(lines, threads=1)
    assert [tokens[i] for i in ids.tolist()] == [b"ab", b"c", b"ab", b"c"]
    assert ends.tolist() == [0, 4]
    living = {token: i for i, token in enumerate(tokens) if alive[i]}
    vectors = np.random.default_rng(0).normal(size=(len(tokens), 5)).astype(np.float32)
    losses, _ = _rust.SageCutter(*flat(tokens), alive, "none").losses(lines, vectors, threads=1)
    np.testing.assert_allclose(losses, slow.losses([[b"abcabc"]], living, vectors)[0], atol=1e-9)


@pytest.mark.parametrize(
    ("dimensions", "negative", "sample", "min_count"),
    [(1, 3, 0.0, 1), (7, 5, 1e-2, 1), (8, 0, 1e-1, 2), (50, 15, 1e-2, 3), (101, 2, 0.0, 1)],
)
def test_vectors(dimensions: int, negative: int, sample: float, min_count: int) -> None:
    random = np.random.default_rng(4)
    documents = [bytes(random.choice(list(b"aaabbcd "), size=20)) for _ in range(12)]
    tokens = [*BYTES, b"ab", b"aa", b"bc", b"d "]
    lines = sampled(documents)
    options: dict[str, Any] = {
        "dimensions": dimensions, "negative": negative, "rate": 0.05, "window": 3, "min_count": min_count,
        "sample": sample, "epochs": 2, "seed": 7,
    }  # fmt: skip
    cutter = _rust.SageCutter(*flat(tokens), np.ones(len(tokens), np.bool_), "none")
    vectors = cutter.vectors(lines, **options, threads=2)
    ids, ends = cutter.encode(lines, threads=1)
    rows = [ids[a:b].tolist() for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    expected = slow.skipgram(rows, len(tokens), **options)
    assert np.array_equal(vectors, expected)
    assert np.array_equal(vectors, cutter.vectors(lines, **options, threads=1))


def test_a_long_line_and_no_line() -> None:
    tokens = [*BYTES, b"ab"]
    cutter = _rust.SageCutter(*flat(tokens), np.ones(257, np.bool_), "none")
    options: dict[str, Any] = {
        "dimensions": 4, "negative": 2, "rate": 0.025, "window": 5, "min_count": 1, "sample": 0.0, "epochs": 1,
        "seed": 0, "threads": 1,
    }  # fmt: skip
    assert np.isfinite(cutter.vectors(sampled([b"ab" * 20_000]), **options)).all()
    assert cutter.vectors(sampled([b""]), **options).shape == (257, 4)
