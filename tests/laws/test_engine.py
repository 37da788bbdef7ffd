"""Laws of the merge engine: it agrees with its slow twin and with itself, for every rule and any order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench import _rust
from tokbench.reference import bpe
from tokbench.settings import Settings
from tokbench.train import run, start

if TYPE_CHECKING:
    from collections.abc import Mapping

Counts = dict[str, dict[bytes, int]]

PIECES = st.sampled_from([b"a", b"b", b"c", b"aa", b"aaaa", b"abab", "é".encode(), b"\xff", b" "])
PRETOKENS = st.lists(PIECES, min_size=1, max_size=8).map(b"".join)
COLUMNS = st.dictionaries(PRETOKENS, st.integers(1, 9), max_size=8)
TABLES = st.dictionaries(st.sampled_from(["eng", "tur", "zho"]), COLUMNS, min_size=1, max_size=3)


def table(counts: Mapping[str, Mapping[bytes, int]]) -> _rust.PretokenCounts:
    """Sort a nested mapping into the extension's sparse table."""
    rows: dict[bytes, list[tuple[int, int]]] = {}
    for group, column in enumerate(counts.values()):
        for pretoken, count in column.items():
            rows.setdefault(pretoken, []).append((group, count))
    pretokens = sorted(rows)
    ends = np.cumsum([0, *(len(pretoken) for pretoken in pretokens)], dtype=np.uint64)
    row_ends = np.cumsum([0, *(len(rows[pretoken]) for pretoken in pretokens)], dtype=np.uint64)
    cells = [cell for pretoken in pretokens for cell in rows[pretoken]]
    return _rust.PretokenCounts(
        list(counts),
        np.frombuffer(b"".join(pretokens), dtype=np.uint8),
        ends,
        row_ends,
        np.array([group for group, _ in cells], dtype=np.uint32),
        np.array([count for _, count in cells], dtype=np.uint64),
    )


@st.composite
def byte_options(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "tie_break": draw(st.sampled_from(["ids", "lexmax", "lexmin"])),
        "alphabet_order": draw(st.sampled_from(["gpt2", "byte"])),
        "initial_alphabet": draw(st.sampled_from(["seen", ("a", "z")])),
        "limit_alphabet": draw(st.sampled_from([None, 2, 3, 4])),
        "min_frequency": draw(st.sampled_from([0, 1, 2, 5])),
        "max_token_length": draw(st.sampled_from([None, 2, 3, 5])),
        "special_tokens": draw(st.sampled_from([(), ("<end>",), ("ab", "a", "aa"), ("é", "a b")])),
    }


@st.composite
def character_options(draw: st.DrawFn) -> dict[str, Any]:
    options = draw(byte_options())
    uncovered = draw(st.sampled_from(["drop", "fallback", "unknown"]))
    return options | {
        "unit": "character",
        "character_coverage": draw(st.sampled_from([1.0, 0.95, 0.7])),
        "byte_fallback": uncovered == "fallback",
        "unknown": "<unk>" if uncovered == "unknown" else None,
        "special_tokens": (*options["special_tokens"], *(("<unk>",) if uncovered == "unknown" else ())),
    }


def twin(counts: Counts, wanted: Settings) -> bpe.Run:
    return bpe.train(
        counts,
        vocab_size=wanted.vocab_size,
        unit=wanted.unit,
        special_tokens=wanted.special_tokens,
        initial_alphabet=wanted.symbols() or [],
        limit_alphabet=wanted.limit_alphabet,
        character_coverage=wanted.character_coverage,
        byte_fallback=wanted.byte_fallback,
        unknown=wanted.unknown,
        alphabet_order=wanted.alphabet_order,
        tie_break=wanted.tie_break,
        min_frequency=wanted.min_frequency,
        max_token_length=wanted.max_token_length,
    )


@settings(deadline=None, max_examples=300)
@given(TABLES, st.one_of(byte_options(), character_options()), st.integers(0, 30))
def test_training_equals_the_slow_twin(counts: Counts, options: dict[str, Any], more: int) -> None:
    wanted = Settings(vocab_size=600 + more, pretokenizer="none", allow_smaller=True, **options)
    expected = twin(counts, wanted)
    made = run(table(counts), wanted)
    assert list(made.merges) == expected.merges
    assert made.log["count"].to_list() == expected.counts
    assert [made.vocab.token_bytes(token_id) for token_id in made.vocab] == expected.tokens
    for group in counts:
        assert made.log[f"tokens_{group}"].to_list() == [lengths[group] for lengths in expected.lengths]
    made.merges.verify(made.vocab)


@settings(deadline=None, max_examples=150)
@given(TABLES, st.booleans(), st.sampled_from([None, 1, 2, 3, 8, 50]), st.data())
def test_every_state_recounts_to_itself(
    counts: Counts, track_groups: bool, first_floor: int | None, data: st.DataObject
) -> None:
    wanted = Settings(
        vocab_size=400,
        pretokenizer="none",
        initial_alphabet="seen",
        tie_break=data.draw(st.sampled_from(["ids", "lexmax", "lexmin"])),
        max_token_length=data.draw(st.sampled_from([None, 3])),
        special_tokens=data.draw(st.sampled_from([(), ("ab", "aa")])),
    )
    engine = start(table(counts), wanted, track_groups=track_groups, first_floor=first_floor)
    engine.verify()
    for _ in range(12):
        if data.draw(st.integers(0, 4)) == 0:
            # Any pair of tokens may be merged, frequent or not, present or not.
            ids = st.integers(len(wanted.special_tokens), engine.n_ids - 1)
            if engine.n_ids == len(wanted.special_tokens):
                break
            left, right = data.draw(ids), data.draw(ids)
            count = engine.count(left, right)
        else:
            group = data.draw(st.sampled_from(range(len(counts)))) if track_groups else None
            best = engine.best(group)
            if best is None:
                break
            left, right, top = best
            assert engine.count(left, right, group) == top
            count = engine.count(left, right)
        assert engine.merge(left, right)[1] == count
        engine.verify()


@settings(deadline=None, max_examples=60)
@given(TABLES, st.sampled_from(["ids", "lexmax", "lexmin"]))
def test_a_groups_best_pair_is_the_best_of_its_column(counts: Counts, tie_break: str) -> None:
    wanted = Settings(vocab_size=400, pretokenizer="none", initial_alphabet="seen", tie_break=tie_break)
    engine = start(table(counts), wanted, track_groups=True, first_floor=3)
    names = list(counts)
    for step in range(10):
        group = step % len(names)
        alone = start(table({names[group]: counts[names[group]]}), wanted)
        spelled = {engine.token_bytes(token): token for token in range(engine.n_ids)}
        pairs: Counter[tuple[int, int]] = Counter()
        for left in range(engine.n_ids):
            for right in range(engine.n_ids):
                pairs[left, right] = engine.count(left, right, group)
        best = engine.best(group)
        top = max(pairs.values(), default=0)
        if top == 0:
            assert best is None
            continue
        assert best is not None
        assert best[2] == top == pairs[best[0], best[1]]
        if step == 0:
            only = alone.best()
            assert only is not None
            assert [engine.token_bytes(token) for token in best[:2]] == [
                alone.token_bytes(token) for token in only[:2]
            ]
        assert len(spelled) == engine.n_ids
        engine.merge(best[0], best[1])


@settings(deadline=None, max_examples=60)
@given(TABLES, st.integers(0, 12), st.integers(0, 12))
def test_a_smaller_run_is_a_prefix_of_a_larger_one(counts: Counts, small: int, more: int) -> None:
    def train(n_merges: int) -> list[tuple[int, int, int]]:
        wanted = Settings(vocab_size=256 + n_merges, pretokenizer="none", allow_smaller=True)
        return list(run(table(counts), wanted).merges)

    longer = train(small + more)
    assert train(small) == longer[:small]


@settings(deadline=None, max_examples=60)
@given(TABLES)
def test_the_log_adds_up(counts: Counts) -> None:
    wanted = Settings(vocab_size=300, pretokenizer="none", allow_smaller=True)
    log = run(table(counts), wanted).log
    counted = log["count"].to_list()
    assert counted == sorted(counted, reverse=True)
    atoms = sum(len(pretoken) * count for column in counts.values() for pretoken, count in column.items())
    totals = [sum(row) for row in log.select(f"tokens_{group}" for group in counts).iter_rows()]
    removed = [before - after for before, after in zip([atoms, *totals], totals, strict=False)]
    assert all(0 < gone <= count for gone, count in zip(removed, counted, strict=True))
