"""Weights of single words: exact, and nothing where they are 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tokbench.counts import PretokenCounts
from tokbench.errors import CorpusError, ParameterError
from tokbench.weights import TermWeights

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {"eng": {b" ion": 4, b"ion": 1, b" on": 3}, "deu": {b" ion": 2, b"Ion": 7}}


def _cells(table: PretokenCounts) -> dict[tuple[bytes, str], int]:
    return {(row["pretoken"], row["group"]): row["count"] for row in table.to_frame().to_dicts()}


def test_a_term_weighs_with_and_without_its_space_in_every_group() -> None:
    made = PretokenCounts.from_mapping(TABLE).reweighted({"ion": "0.25"})
    assert made.weights is not None
    assert made.weights.scale == 4
    assert made.weights.as_dict() == {"eng": "1", "deu": "1"}
    assert _cells(made) == {
        (b" ion", "eng"): 4,
        (b"ion", "eng"): 1,
        (b" on", "eng"): 12,
        (b" ion", "deu"): 2,
        (b"Ion", "deu"): 28,
    }


def test_weights_of_one_change_nothing() -> None:
    table = PretokenCounts.from_mapping(TABLE)
    assert table.reweighted({"ion": 1, "absent": 9}) is table
    assert table.reweighted(lambda _: 1) is table


def test_groups_and_terms_weigh_together() -> None:
    made = PretokenCounts.from_mapping(TABLE).weighted({"deu": 1.5}).reweighted({"ion": 0.5})
    assert made.weights is not None
    assert (made.weights.scale, made.weights.as_dict()) == (4, {"eng": "1", "deu": "3/2"})
    assert _cells(made)[b" ion", "deu"] == 2 * 3 * 1
    assert _cells(made)[b"Ion", "deu"] == 7 * 3 * 2


@given(
    st.dictionaries(
        st.binary(min_size=1, max_size=4), st.tuples(st.integers(1, 50), st.integers(1, 40)), max_size=8
    )
)
@settings(max_examples=100, deadline=None)
def test_a_callable_multiplies_every_count_exactly(cells: dict[bytes, tuple[int, int]]) -> None:
    table = PretokenCounts.from_mapping({"x": {token: count for token, (count, _) in cells.items()}})
    made = table.reweighted(lambda token: cells[token][1] / 8)
    scale = 1 if made.weights is None else made.weights.scale
    assert {token: 8 * n for (token, _), n in _cells(made).items()} == {
        token: count * part * scale for token, (count, part) in cells.items()
    }


def test_wrong_weights_are_named() -> None:
    table = PretokenCounts.from_mapping(TABLE)
    for weights, message in (
        ({"ion": 0}, "ion=0 must be above 0"),
        ({"ion": "much"}, "ion='much' is not a number"),
        ({"ion": 0.00001}, "more than four decimals"),
        ({"": 2}, "a term is empty"),
    ):
        with pytest.raises(ParameterError, match=message):
            table.reweighted(weights)
    huge = PretokenCounts.from_mapping({"eng": {b"a": 1 << 63}})
    with pytest.raises(CorpusError, match="reaches 2"):
        huge.reweighted({"a": 2})


def test_files_of_terms(tmp_path: Path) -> None:
    path = tmp_path / "terms.tsv"
    path.write_bytes("graphene\t2.5\r\n\nμ-opioid receptor\t3\n".encode())
    assert TermWeights.read(path) == TermWeights.of({"graphene": 2.5, "μ-opioid receptor": 3})
    for content, message in (
        (b"a\t1\na\t2", ":2: .*each term once"),
        (b"\n\na 1", ":3: expected"),
        (b"a\t-1", ":1: "),
    ):
        path.write_bytes(content)
        with pytest.raises(ParameterError, match=message):
            TermWeights.read(path)
    with pytest.raises(ParameterError, match="cannot read"):
        TermWeights.read(tmp_path / "absent")


def test_training_ranks_by_weighted_counts_and_floors_by_those_of_the_text() -> None:
    table = PretokenCounts.from_mapping({"eng": {b"ab": 5, b"cd": 4, b"ef": 2}})
    trained = tb.train(table, vocab_size=258, term_weights={"ef": 10.5}, min_frequency=3)
    assert [trained.token_bytes(i) for i in (256, 257)] == [b"ef", b"ab"]
    assert trained.training is not None
    settings_: Mapping[str, Any] = trained.training.settings
    assert settings_["term_weights"]["terms"] == 1
    assert settings_["weight_scale"] == 2
    same = tb.train(table, vocab_size=258, term_weights={"ef": 1})
    assert same.fingerprint == tb.train(table, vocab_size=258).fingerprint
