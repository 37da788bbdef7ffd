"""PathPiece training and n-grams equal their slow twins: what goes, in which order, at which cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench import _rust
from tokbench.algorithms.pathpiece import prune
from tokbench.algorithms.tokens import BYTES, flat, geometric
from tokbench.counts import PretokenCounts
from tokbench.errors import ParameterError, VocabError
from tokbench.reference import pathpiece as slow

WORDS = st.dictionaries(
    st.text("abc", min_size=1, max_size=9).map(str.encode), st.integers(1, 50), min_size=1, max_size=8
)
TOKENS = st.lists(st.text("abc", min_size=2, max_size=6).map(str.encode), unique=True, max_size=14)


@settings(deadline=None, max_examples=120)
@given(WORDS, TOKENS, st.sampled_from([1, 2, 3, None]), st.integers(0, 6), st.integers(1, 3))
def test_pruning(
    words: dict[bytes, int], extra: list[bytes], rounds: int | None, keep: int, threads: int
) -> None:
    tokens = [*BYTES, *extra]
    size = 256 + min(keep, len(extra))
    counts = PretokenCounts.from_mapping({"all": words}, pretokenizer="none")
    kept, log = prune(counts, tokens, size=size, rounds=rounds, threads=threads)
    if len(tokens) == size:
        sizes = []
    elif rounds is None:
        sizes = list(range(len(tokens) - 1, size - 1, -1))
    else:
        sizes = geometric(len(tokens), size, rounds)
    gone, lengths = slow.prune(words, tokens, sizes)
    assert list(zip(log["token"], log["cost"], strict=True)) == gone
    assert [
        log.filter(log["step"] == step)["tokens_all"][0] for step in log["step"].unique().sort()
    ] == lengths
    assert kept == [token for token in tokens if token not in {token for token, _ in gone}]


@settings(deadline=None, max_examples=120)
@given(WORDS, st.integers(2, 5), st.integers(0, 12), st.integers(1, 3))
def test_frequent_ngrams(words: dict[bytes, int], longest: int, size: int, threads: int) -> None:
    counts = PretokenCounts.from_mapping({"all": words}, pretokenizer="none")
    found = _rust.frequent_ngrams(counts.native, longest, size, threads=threads)
    assert found == slow.frequent_ngrams(words, longest, size)


def test_costs_of_groups_add_up() -> None:
    words = {"eng": {b"abab": 3, b"abc": 1}, "tur": {b"abab": 4, b"bcbc": 2}}
    both = {b"abab": 7, b"abc": 1, b"bcbc": 2}
    tokens = [*BYTES, b"ab", b"bc", b"abab", b"cb"]
    counts = PretokenCounts.from_mapping(words, pretokenizer="none")
    _, log = prune(counts, tokens, size=257, rounds=None, threads=1)
    gone, lengths = slow.prune(both, tokens, [259, 258, 257])
    assert list(zip(log["token"], log["cost"], strict=True)) == gone
    assert (log["tokens_eng"] + log["tokens_tur"]).to_list() == lengths


def test_counts_beyond_32_bits() -> None:
    counts = PretokenCounts.from_mapping({"all": {b"abcd": 2**33, b"ab": 1}}, pretokenizer="none")
    _, log = prune(counts, [*BYTES, b"ab", b"abcd"], size=256, rounds=None, threads=1)
    assert log["cost"].to_list() == [1, 3 * 2**33]
    assert log["tokens_all"].to_list() == [2**33 + 2, 4 * 2**33 + 2]


@pytest.mark.parametrize("sizes", [[255], [257, 258], [300]])
def test_sizes_must_descend(sizes: list[int]) -> None:
    counts = PretokenCounts.from_mapping({"all": {b"ab": 1}}, pretokenizer="none")
    arena, offsets = flat([*BYTES, b"ab", b"bc"])
    with pytest.raises(ParameterError, match="descend"):
        _rust.train_pathpiece(counts.native, arena, offsets, sizes, threads=1)


def test_refuses_a_vocabulary_without_a_byte_or_with_a_long_token() -> None:
    counts = PretokenCounts.from_mapping({"all": {b"ab": 1}}, pretokenizer="none")
    for tokens, said in (([*BYTES[1:], b"ab"], "0x00"), ([*BYTES, b"a" * 65], "65 bytes")):
        arena, offsets = flat(tokens)
        with pytest.raises(VocabError, match=said):
            _rust.train_pathpiece(counts.native, arena, offsets, [], threads=1)
    with pytest.raises(VocabError, match="ascend"):
        _rust.train_pathpiece(counts.native, arena, np.array([0, 5, 5], np.int64), [], threads=1)
