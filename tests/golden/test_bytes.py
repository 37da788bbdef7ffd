"""Next bytes of a source whose distribution is known, and of a random token model under the three semantics."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokbench as tb
from tokbench.bpe import BpeModel, merge_list
from tokbench.bytelm import ByteLM, FunctionLM, Semantics, naive
from tokbench.reference import bytelm as reference
from tokbench.tokenizer import BpeTokenizer

TOLERANCE = 1e-9
EOS = 18


@pytest.fixture(scope="module")
def golden(shared: Path) -> Any:
    return json.loads((shared / "golden" / "bytes" / "golden_bytes.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tokenizer(golden: Any) -> BpeTokenizer:
    tokens = [token.encode() for token in golden["vocab"]]
    ids = {token: token_id for token_id, token in enumerate(golden["vocab"])}
    steps = [(ids[left], ids[right], ids[left + right]) for left, right in golden["merges"]]
    vocab = tb.Vocab(tokens, special={"<eos>": EOS}, partial=True)
    # One merge uses a token that only the next one makes.
    merges = merge_list(*np.array(steps).T)
    return BpeTokenizer(BpeModel(vocab, merges, "none"), name="golden")


def _table_lm(rows: dict[tuple[int, ...], dict[int | None, float]], window: int | None) -> FunctionLM:
    @cache
    def row(context: tuple[int, ...]) -> Any:
        out = np.full(EOS + 1, -np.inf)
        for token, probability in rows.get(context, {}).items():
            if probability:
                out[EOS if token is None else token] = np.log(float(probability))
        return out

    def logprobs(contexts: Any) -> Any:
        shown = [context if window is None else context[len(context) - window :] for context in contexts]
        return np.stack([row(tuple(context) if len(context) else ()) for context in shown])

    return FunctionLM(logprobs, EOS + 1, eos_id=EOS, window=window)


@pytest.fixture(scope="module")
def bigram(golden: Any) -> dict[tuple[int, ...], dict[int | None, Fraction]]:
    ids: dict[str, int | None] = {token: i for i, token in enumerate(golden["vocab"])}
    ids["<eos>"] = None
    rows: dict[tuple[int, ...], dict[int | None, Fraction]] = {
        (i,): {ids[right]: Fraction(share) for right, share in golden["bigram"][left].items()}
        for left, i in ids.items()
        if i is not None
    }
    rows[()] = {ids[token]: Fraction(share) for token, share in golden["bigram_init"].items()}
    return rows


@pytest.fixture(scope="module")
def source(golden: Any, tokenizer: BpeTokenizer) -> FunctionLM:
    def row(prefix: str) -> dict[int | None, Any]:
        """Floats for fractions, which take ten times as long; the file has no more than floats."""
        found = golden["source"][prefix].items()
        return {None if key == "eos" else int(key): value for key, value in found}

    chain = {None: row(""), ord("a"): row("a"), ord("b"): row("ab"), ord("c"): row("ababc")}
    rows = reference.source_model(chain, lambda data: tokenizer.encode(data).tolist(), max_bytes=9)
    return _table_lm({context: {t: float(p) for t, p in row.items()} for context, row in rows.items()}, None)


def _error(distribution: tb.bytelm.ByteDistribution, wanted: dict[str, float]) -> float:
    numbers = np.zeros(257)
    for key, value in wanted.items():
        numbers[256 if key == "eos" else int(key)] = value
    return float(np.abs(distribution.probabilities - numbers).max())


@pytest.mark.parametrize("semantics", ["valid", "vct"])
def test_source_oracle(
    golden: Any, tokenizer: BpeTokenizer, source: FunctionLM, semantics: Semantics
) -> None:
    model = ByteLM(source, tokenizer, semantics=semantics)
    for prefix, wanted in golden["source"].items():
        found = model.next_byte(prefix)
        assert _error(found, wanted) < TOLERANCE, prefix
        assert found.leaked < TOLERANCE


def test_naive_answers_are_as_wrong_as_they_are_known_to_be(
    golden: Any, tokenizer: BpeTokenizer, source: FunctionLM
) -> None:
    model = ByteLM(source, tokenizer)
    for prefix, wanted in golden["source_naive"].items():
        assert _error(naive(model, prefix), wanted) < TOLERANCE, prefix


def test_a_source_costs_as_many_bits_by_bytes_as_by_tokens(
    tokenizer: BpeTokenizer, source: FunctionLM
) -> None:
    model = ByteLM(source, tokenizer)
    for text in ["", "a", "abcab", "ccacab", "bbbb", "cacbacbab"]:
        tokens = [*tokenizer.encode(text).tolist(), EOS]
        rows = source.logprobs([tuple(tokens[:at]) for at in range(len(tokens))])
        wanted = -sum(rows[at, token] for at, token in enumerate(tokens)) / np.log(2)
        score = model.score(text, end=True)
        assert score.total_bits == pytest.approx(wanted, abs=TOLERANCE)
        assert score.cover_bits == pytest.approx(wanted, abs=TOLERANCE)


@pytest.mark.parametrize("semantics", ["all", "valid", "vct"])
def test_bigram_oracle(golden: Any, tokenizer: BpeTokenizer, bigram: Any, semantics: Semantics) -> None:
    model = ByteLM(_table_lm(bigram, 1), tokenizer, semantics=semantics)
    for prefix, wanted in golden["bigram_next"][semantics].items():
        assert _error(model.next_byte(prefix), wanted) < TOLERANCE, prefix
    for prefix, mass in golden["bigram_prefix"].get(semantics, {}).items():
        found = model.state(prefix).log_prefix
        assert found is not None
        assert np.exp(found) == pytest.approx(mass, abs=TOLERANCE, rel=TOLERANCE)


@pytest.mark.parametrize("semantics", ["all", "valid", "vct"])
def test_the_slow_twin(golden: Any, tokenizer: BpeTokenizer, bigram: Any, semantics: Semantics) -> None:
    pieces = {i: token.encode() for i, token in enumerate(golden["vocab"])}

    def is_valid(tokens: tuple[int, ...]) -> bool:
        if semantics == "all":
            return True
        return tuple(tokenizer.encode(tokenizer.decode(tokens)).tolist()) == tokens

    def model(tokens: tuple[int, ...]) -> reference.Row:
        row: reference.Row = bigram[tokens[-1:]]
        return row

    for prefix in ["", "a", "ab", "bba", "caab"]:
        found = reference.next_byte(prefix.encode(), pieces, model, is_valid, checked=semantics == "valid")
        wanted = golden["bigram_next"][semantics][prefix]
        assert {
            ("eos" if key is None else str(key)): float(value) for key, value in found.items()
        } == pytest.approx({key: value for key, value in wanted.items() if value}, abs=TOLERANCE)


def test_golden_validity(golden: Any, tokenizer: BpeTokenizer, bigram: Any) -> None:
    cover = ByteLM(_table_lm(bigram, 1), tokenizer).cover
    reachable = [cover.allows(cover.root(), token) for token in range(EOS)]
    assert reachable == golden["reachable"]
    for left in np.flatnonzero(reachable).tolist():
        place = cover.step(cover.root(), left)
        for right in np.flatnonzero(reachable).tolist():
            assert cover.allows(place, right) == golden["pair_valid"][left][right], (left, right)
