"""PickyBPE: the native loop, the objective and the slow twin take the same steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.algorithm import Request
from tokbench.algorithms.operating import UTF8_BYTES, Inventory, Row
from tokbench.algorithms.picky import Picky, Words, settings_of, spellings, train_words, word_engine
from tokbench.counts import PretokenCounts
from tokbench.objectives import picky as objective
from tokbench.objectives.protocol import Delete
from tokbench.objectives.state import EngineState
from tokbench.reference import picky as twin

WORDS = st.dictionaries(
    st.text("abcdé ", min_size=1, max_size=12).map(str.encode) | st.sampled_from([b"a" * 9, b"abab" * 4]),
    st.integers(1, 40),
    min_size=1,
    max_size=20,
)
RULES = st.builds(
    Picky,
    tau=st.sampled_from([0.2, 0.5, 0.6, 0.9, 1.0, 1.1]),
    test=st.sampled_from(["reach", "exceed"]),
    parts=st.sampled_from(["bytes", "pair", "present"]),
    alphabet=st.sampled_from(["bytes", "utf8"]),
    overlap=st.booleans(),
)


def native(words: dict[bytes, int], rule: Picky, n_tokens: int) -> Words:
    counts = PretokenCounts.from_mapping({"all": words}, pretokenizer="none")
    request = Request(source=counts, vocab_size=n_tokens, allow_smaller=True)
    wanted = settings_of(rule, request, counts, alphabet=rule.alphabet)
    return train_words(counts, wanted, rule, n_tokens=n_tokens, request=request)


def by_twin(words: dict[bytes, int], rule: Picky, n_tokens: int) -> twin.Run:
    return twin.train(
        words,
        vocab_size=n_tokens,
        tau=rule.tau,
        strict=rule.test == "exceed",
        parts=rule.parts,
        overlap=rule.overlap,
        alphabet=twin.ALL_BYTES if rule.alphabet == "bytes" else twin.UTF8_BYTES,
    )


def by_objective(words: dict[bytes, int], rule: Picky, n_tokens: int) -> tuple[list[Row], list[int]]:
    counts = PretokenCounts.from_mapping({"all": words}, pretokenizer="none")
    request = Request(source=counts, vocab_size=n_tokens, allow_smaller=True)
    engine = word_engine(
        counts,
        settings_of(rule, request, counts, alphabet=rule.alphabet),
        overlap=rule.overlap,
        request=request,
    )
    inventory = Inventory(spellings(engine))
    chooser = objective.Picky(rule.tau, strict=rule.test == "exceed", parts=rule.parts)
    state = EngineState(engine)
    rows: list[Row] = []
    numbers: list[int] = []

    def carry_out(step: Any) -> None:
        row: Row
        if isinstance(step, Delete):
            spelled = [engine.token_bytes(token) for token in (step.token, *step.parts)]
            row = ("delete", *spelled)
            numbers.append(engine.delete(step.token, list(step.parts)))
        else:
            row = ("merge", engine.token_bytes(step.left), engine.token_bytes(step.right))
            numbers.append(engine.merge(step.left, step.right)[1])
        rows.append(row)
        inventory.apply(row)
        engine.verify()

    while True:
        while (deletion := chooser.choose_deletion(state)) is not None:
            carry_out(deletion)
        if len(inventory) >= n_tokens:
            break
        step = chooser.choose(state)
        if step is None:
            break
        carry_out(step)
    return rows, numbers


@settings(max_examples=150, deadline=None)
@given(WORDS, RULES, st.integers(0, 60))
def test_native_loop_equals_twin(words: dict[bytes, int], rule: Picky, more: int) -> None:
    n_tokens = (256 if rule.alphabet == "bytes" else 243) + more
    expected = by_twin(words, rule, n_tokens)
    found = native(words, rule, n_tokens)
    assert list(found.rows) == expected.rows
    assert found.counts.tolist() == expected.counts
    whole = {word for word, tokens in expected.words.items() if len(tokens) == 1}
    assert set(found.whole()) == whole | set(found.alphabet)
    inventory = Inventory(found.alphabet)
    for row in found.rows:
        inventory.apply(row)
    assert list(inventory.tokens) == expected.vocabulary
    n_left = sum(words[word] * len(tokens) for word, tokens in expected.words.items())
    assert n_left == found.engine.length(0)
    found.engine.verify()


@settings(max_examples=60, deadline=None)
@given(WORDS, RULES, st.integers(0, 60))
def test_objective_takes_the_same_steps(words: dict[bytes, int], rule: Picky, more: int) -> None:
    n_tokens = (256 if rule.alphabet == "bytes" else 243) + more
    found = native(words, rule, n_tokens)
    rows, numbers = by_objective(words, rule, n_tokens)
    assert rows == list(found.rows)
    assert numbers == found.counts.tolist()


def test_utf8_alphabet_has_243_bytes() -> None:
    assert len(UTF8_BYTES) == 243
    assert tuple(UTF8_BYTES) == twin.UTF8_BYTES
    assert {byte for text in ("\x7f", "\u07ff", "\uffff", "\U0010ffff") for byte in text.encode()} <= {
        byte[0] for byte in UTF8_BYTES
    }


@pytest.mark.parametrize("tau", [0.5, 0.9])
def test_every_training_word_encodes_as_it_was_left(tau: float) -> None:
    words = {b"crystal": 8, b"crystals": 4, b"crystalline": 3, b"crypt": 2, b"cry": 1, b"yst": 3}
    run = twin.train(words, vocab_size=300, tau=tau)
    assert any(row[0] == "delete" for row in run.rows)
    assert {word: twin.encode(word, run.rows) for word in words} == run.words
