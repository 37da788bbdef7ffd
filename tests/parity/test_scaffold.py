"""Scaffold-BPE: the native loop, the objective in Python and the slow twin make the same choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tokbench.algorithm import Request
from tokbench.algorithms.scaffold import Scaffold
from tokbench.counts import PretokenCounts
from tokbench.objectives.scaffold import Scaffold as Objective
from tokbench.objectives.state import EngineState
from tokbench.reference import scaffold as twin
from tokbench.settings import Settings
from tokbench.train import start

if TYPE_CHECKING:
    from tokbench._rust import Engine

WORDS = st.dictionaries(
    st.text("abcde", min_size=1, max_size=9).map(str.encode), st.integers(1, 30), min_size=1, max_size=12
)
ALPHABET = [bytes([byte]) for byte in b"abcde"]


def engine(counts: dict[bytes, int], size: int, min_frequency: int, tie_break: str = "ids") -> Engine:
    table = PretokenCounts.from_mapping({"all": counts})
    settings = Settings(
        vocab_size=size,
        pretokenizer="none",
        initial_alphabet=tuple(ALPHABET),
        special_tokens=("<s>",),
        min_frequency=min_frequency,
        tie_break=tie_break,
    )
    return start(table.native, settings)


def rows(flat: np.ndarray, ends: np.ndarray) -> list[list[int]]:
    return [part.tolist() for part in np.split(flat, ends[:-1].astype(np.int64))] if len(ends) else []


@given(WORDS, st.integers(0, 25), st.integers(1, 3))
def test_all_three_choose_alike(counts: dict[bytes, int], extra: int, min_frequency: int) -> None:
    size = 6 + extra
    slow = twin.train(
        counts,
        vocab_size=size,
        alphabet=ALPHABET,
        special_tokens=[b"<s>"],
        min_frequency=min_frequency,
    )
    native = engine(counts, size, min_frequency)
    merges, scaffolded, readmitted = native.run_scaffold(size, allow_smaller=True)
    native.verify()
    assert [
        (int(left), int(right), int(made)) for left, right, made in zip(*merges[:3], strict=True)
    ] == slow.merges
    assert rows(*scaffolded) == slow.scaffolded
    assert rows(*readmitted) == slow.readmitted

    driven = engine(counts, size, min_frequency)
    objective, state = Objective(size, min_frequency), EngineState(driven)
    while (step := objective.choose(state)) is not None:
        driven.merge(step.left, step.right)
    assert driven.n_ids == native.n_ids
    assert objective.scaffolded == slow.scaffolded
    assert objective.readmitted == slow.readmitted
    assert objective.scaffold == slow.scaffold
    hidden = {i for row in slow.scaffolded for i in row}
    assert hidden >= slow.scaffold


@given(WORDS, st.integers(1, 25))
def test_the_model_holds_what_the_twin_made(counts: dict[bytes, int], extra: int) -> None:
    size = 5 + extra
    slow = twin.train(counts, vocab_size=size, alphabet=ALPHABET)
    model, training = Scaffold().model(
        Request(
            source=PretokenCounts.from_mapping({"all": counts}),
            vocab_size=size,
            initial_alphabet=ALPHABET,
            allow_smaller=True,
        )
    )
    spelled = {**dict(model.vocab.tokens), **model.transient}
    assert [(spelled[a], spelled[b], spelled[c]) for a, b, c in model.merges] == [
        (slow.tokens[a], slow.tokens[b], slow.tokens[c]) for a, b, c in slow.merges
    ]
    assert {spelled[i] for i in model.scaffold} == {slow.tokens[i] for i in slow.scaffold}
    n_shown = len(slow.tokens) - len(slow.scaffold)
    assert list(model.vocab) == list(range(n_shown))
    assert list(model.scaffold) == list(range(n_shown, len(slow.tokens)))
    assert training.log is not None
    lists = [[spelled[i] for i in row] for row in training.log["scaffolded"].to_list()]
    assert lists == [[slow.tokens[i] for i in row] for row in slow.scaffolded]
    lists = [[spelled[i] for i in row] for row in training.log["readmitted"].to_list()]
    assert lists == [[slow.tokens[i] for i in row] for row in slow.readmitted]
