"""Transplantation and its slow twins: applying a plan, matching tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tokbench.reference import transplant as reference
from tokbench.transplant.apply import apply
from tokbench.transplant.matching import MatchClass, match
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.plan import Basis, RowPlan
from tokbench.transplant.roles import ORDER
from tokbench.transplant.tokens import TokenKind, TokenTable

if TYPE_CHECKING:
    from pathlib import Path


def test_apply_equals_its_twin_for_any_number_of_threads() -> None:
    import numba

    generator = np.random.default_rng(3)
    old = generator.standard_normal((40, 7)).astype(np.float32)
    rows = [
        [
            (int(s), float(np.float32(c)))
            for s, c in zip(generator.integers(0, 41, k), generator.normal(size=k), strict=True)
        ]
        for k in generator.integers(0, 9, size=5000)
    ]
    basis = Basis.mean([1, 2, 5])
    plan = RowPlan.from_rows(rows, n_old=40, basis=basis)
    mean = reference.apply(
        [list(zip(basis.sources.tolist(), basis.coefficients.tolist(), strict=True))], old.tolist()
    )
    expected = reference.apply(rows, [*old.tolist(), np.array(mean[0], dtype=np.float32).tolist()])
    got = apply(plan, Matrix(old, "F32")).stored
    assert np.array_equal(got, np.array(expected, dtype=np.float32))
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert apply(plan, Matrix(old, "F32")).stored.tobytes() == got.tobytes()
    finally:
        numba.set_num_threads(before)


TEXTS = st.sampled_from([b"a", b"b", b" a", b" b", b"\xc3\xa9", b"\xe9", b"ab"])
ROLES = st.lists(st.sampled_from(["bos", "eos", "pad"]), unique=True, max_size=2).map(tuple)
TOKENS = st.lists(
    st.tuples(TEXTS, st.sampled_from([0, 0, 0, 1, 2, 3, 4]), st.none() | TEXTS, ROLES), max_size=12
)


def _table(tokens: list[tuple[bytes, int, bytes | None, tuple[str, ...]]]) -> TokenTable:
    return TokenTable(
        tuple(text for text, *_ in tokens),
        np.array([kind for _, kind, *_ in tokens], dtype=np.uint8),
        {i: each[2] for i, each in enumerate(tokens) if each[2] is not None and each[1] == TokenKind.REGULAR},
        {i: each[3] for i, each in enumerate(tokens) if each[1] == TokenKind.SPECIAL and each[3]},
    )


def _compare(new: TokenTable, old: TokenTable) -> None:
    def plain(table: TokenTable) -> list[tuple[bytes, int, bytes | None]]:
        return [(text, int(table.kinds[i]), table.second.get(i)) for i, text in enumerate(table.texts)]

    def special(table: TokenTable) -> dict[int, tuple[bytes, tuple[str, ...]]]:
        ids = np.flatnonzero(table.kinds == TokenKind.SPECIAL).tolist()
        return {i: (table.texts[i], table.roles.get(i, ())) for i in ids}

    got = match(new, old)
    expected = reference.match(plain(new), plain(old))
    added = {i: old.texts[i] for i in np.flatnonzero(old.kinds == TokenKind.ADDED).tolist()}
    by_role = reference.match_special(special(new), special(old), added, ORDER)
    for new_id, (old_id, what) in enumerate(expected):
        if new_id in by_role:
            assert (got.old_of[new_id], got.classes[new_id]) == (by_role[new_id], MatchClass.SPECIAL)
        else:
            assert (got.old_of[new_id], MatchClass(got.classes[new_id]).name.lower()) == (old_id, what)


@settings(max_examples=80, deadline=None)
@given(new=TOKENS, old=TOKENS)
def test_matching_equals_comparing_all_pairs(new: list, old: list) -> None:  # type: ignore[type-arg]  # see TOKENS
    _compare(_table(new), _table(old))


PAIRS = [
    ("llama/llama2_tokenizer.model", "openai/gpt2.tiktoken"),
    ("openai/gpt2.tiktoken", "llama/llama2_wordllama_tokenizer.json"),
    ("minilm/tokenizer.json", "rwkv/20B_tokenizer.json"),
    ("rwkv/20B_tokenizer.json", "minilm/tokenizer.json"),
    ("sentencepiece_tests/kyoto_ja_unigram_8000.model", "mistral/tekken_240718.json"),
]


@pytest.mark.shared
@pytest.mark.parametrize(("new", "old"), PAIRS)
def test_counts_on_real_pairs_equal_a_byte_comparison(shared: Path, new: str, old: str) -> None:
    """Brute force over the bytes themselves: how many new tokens have bytes that an old token has."""
    tables = [TokenTable.of(tb.load(shared / "data" / "tokenizers" / name)) for name in (new, old)]
    got = match(tables[0], tables[1])
    known: dict[bytes, list[int]] = {}
    for old_id, text in enumerate(tables[1].texts):
        if tables[1].kinds[old_id] < TokenKind.SPECIAL:
            for spelling in {text, tables[1].second.get(old_id, text)}:
                known.setdefault(spelling, []).append(old_id)
    for new_id, text in enumerate(tables[0].texts):
        if tables[0].kinds[new_id] >= TokenKind.SPECIAL:
            continue
        meant = {*known.get(text, ()), *known.get(tables[0].second.get(new_id, text), ())}
        assert (got.old_of[new_id] in meant) if meant else (got.old_of[new_id] == -1), text
    sample = np.random.default_rng(0).choice(len(tables[0]), 40, replace=False)
    part = TokenTable(
        tuple(tables[0].texts[i] for i in sample.tolist()),
        tables[0].kinds[sample],
        {place: tables[0].second[i] for place, i in enumerate(sample.tolist()) if i in tables[0].second},
        {place: tables[0].roles[i] for place, i in enumerate(sample.tolist()) if i in tables[0].roles},
    )
    _compare(part, tables[1])
