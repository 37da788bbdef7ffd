"""The native choice of tokens to give up against its slow twin, on random merge lists and texts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tokbench import _rust
from tokbench.algorithm import ALGORITHMS
from tokbench.codes import coded_bytes
from tokbench.counts import PretokenCounts
from tokbench.errors import ParameterError
from tokbench.objectives.compression import GreedyLz78, GreedyOrder0, order0_gain, replaced
from tokbench.reference import compression as slow
from tokbench.reference import compression_greedy as greedy
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from tokbench.objectives.protocol import Objective

N_SYMBOLS = 3


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[tuple[int, int, int]], list[list[int]]]:
    merges = []
    for result in range(N_SYMBOLS, N_SYMBOLS + draw(st.integers(1, 6))):
        left, right = draw(st.tuples(st.integers(0, result - 1), st.integers(0, result - 1)))
        merges.append((left, right, result))
    tokens = st.integers(0, N_SYMBOLS + len(merges) - 1)
    documents = draw(st.lists(st.lists(tokens, max_size=30), min_size=1, max_size=4))
    return merges, documents


def _native(
    documents: list[list[int]], merges: list[tuple[int, int, int]], give_up: int, novelty: float, token: float
) -> list[int]:
    columns = np.array(merges, dtype=np.uint32).T
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    gone = _rust.prune_tokens(
        np.array([token for document in documents for token in document], dtype=np.uint32),
        offsets,
        (columns[0].copy(), columns[1].copy(), columns[2].copy()),
        n_ids=N_SYMBOLS + len(merges),
        give_up=give_up,
        novelty=novelty,
        token=token,
    )
    return [int(lost) for lost in gone]


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([0.0, 10.0]), st.sampled_from([0.0, 6.0, 50.0]))
def test_the_same_tokens_are_given_up(
    case: tuple[list[tuple[int, int, int]], list[list[int]]], novelty: float, token: float
) -> None:
    merges, documents = case
    possible = sum(1 for count in Counter(row[2] for row in merges).values() if count == 1)
    for give_up in range(1, possible + 1):
        twin = slow.prune(documents, merges, give_up=give_up, novelty=novelty, token=token)
        fast = _native(documents, merges, give_up, novelty, token)
        assert fast == twin


def test_a_known_case_is_pruned_alike() -> None:
    merges = [(0, 1, 3), (3, 2, 4), (1, 2, 5)]
    documents = [[4, 4, 4, 3, 0, 5], [4, 4, 0, 1, 2, 5, 5], [3]]
    for give_up in (1, 2, 3):
        fast = _native(documents, merges, give_up, 10.0, 6.0)
        assert fast == slow.prune(documents, merges, give_up=give_up, novelty=10.0, token=6.0)


WORDS = st.lists(
    st.lists(st.sampled_from([b"a", b"b", b"c", b"aa", b"abab", "é".encode()]), min_size=1, max_size=4).map(
        b"".join
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(WORDS, st.integers(0, 12), st.integers(1, 12), st.booleans())
def test_greedy_order_0_equals_the_twin(
    words: list[bytes], n_merges: int, candidates: int, stop: bool
) -> None:
    expected = greedy.choose(words, n_merges=n_merges, candidates=candidates, code="order0", stop=stop)
    assert _chosen(words, n_merges, GreedyOrder0(candidates=candidates, stop=stop)) == expected


@settings(max_examples=150, deadline=None)
@given(WORDS, st.integers(0, 12), st.integers(1, 12), st.integers(1, 4))
def test_greedy_lz78_equals_the_twin(words: list[bytes], n_merges: int, candidates: int, every: int) -> None:
    expected = greedy.choose(words, n_merges=n_merges, candidates=candidates, code="lz78", every=every)
    stream = np.frombuffer(b"".join(words), dtype=np.uint8).astype(np.uint32)
    first = np.zeros(len(stream), dtype=bool)
    first[np.cumsum([0, *map(len, words)])[:-1]] = True
    objective = GreedyLz78(stream, first, candidates=candidates, every=every)
    assert _chosen(words, n_merges, objective) == expected


def _chosen(words: list[bytes], n_merges: int, objective: Objective) -> list[tuple[bytes, bytes]]:
    made = tb.train(
        PretokenCounts.from_mapping({"all": Counter(words)}),
        vocab_size=256 + n_merges,
        objective=objective,
        alphabet_order="byte",
        allow_smaller=True,
    )
    assert made.merges is not None
    return [(made.token_bytes(left), made.token_bytes(right)) for left, right, _ in made.merges]


def test_order_0_gain_is_the_difference_of_two_streams() -> None:
    stream = np.array([0, 1, 2, 0, 1, 1, 2, 0, 1], dtype=np.uint32)
    first = np.zeros(len(stream), dtype=bool)
    merged, _ = replaced(stream, first, 0, 1, 3)
    gain = order0_gain(9, 3, 4, 3)
    assert gain == pytest.approx(8 * (coded_bytes(stream, 4, "order0") - coded_bytes(merged, 4, "order0")))


def test_replacement_stops_at_pretokens() -> None:
    stream = np.array([1, 1, 1, 1, 1], dtype=np.uint32)
    first = np.array([True, False, False, True, False])
    merged, marks = replaced(stream, first, 1, 1, 9)
    assert merged.tolist() == [9, 1, 9]
    assert marks.tolist() == [True, False, True]


@pytest.mark.parametrize("code", ["mixed", "order0", "lz78"])
def test_one_candidate_is_plain_bpe(code: str) -> None:
    corpus = tb.corpora.load("sample", languages=["eng_Latn", "tur_Latn"])
    plain = tb.train(corpus, vocab_size=600)
    made = tb.train(corpus, vocab_size=600, algorithm=f"compression(code={code},candidates=1)")
    assert isinstance(plain, BpeTokenizer)
    assert isinstance(made, BpeTokenizer)
    assert list(made.model.merges) == list(plain.model.merges)
    assert not made.model.scaffold


def test_pruning_costs_fewer_bits_and_round_trips() -> None:
    corpus = tb.corpora.load("sample", languages=["eng_Latn", "deu_Latn", "tur_Latn"])
    made = tb.train(corpus, vocab_size=1500, algorithm="compression")
    assert isinstance(made, BpeTokenizer)
    assert made.training is not None
    assert made.vocab_size == 1500
    assert len(made.model.scaffold) == 300
    report = made.training.settings["report"]["sample"]  # type: ignore[index]
    assert report["order0"]["ratio"] < 1
    assert report["tokens"]["ratio"] < 1.01
    for document in corpus.documents("deu_Latn"):
        ids = made.encode(document.data)
        assert made.decode(ids) == document.data
        assert ids.max() < 1500


def test_wrong_parameters_are_refused() -> None:
    corpus = tb.corpora.load("sample", languages=["eng_Latn"])
    for spelling, word in [
        ("compression(code=order2)", "order2"),
        ("compression(candidates=0.5)", "at least 1"),
        ("compression(code=order0,candidates=1.5)", "whole number"),
        ("compression(sample=0)", "sample"),
        ("compression(token=-1)", "token: must be at least 0"),
    ]:
        with pytest.raises(ParameterError, match=word):
            tb.train(corpus, vocab_size=400, algorithm=ALGORITHMS.parse(spelling))
