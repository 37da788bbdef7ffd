"""Merges: order of definition, prefixes, spelling."""

from __future__ import annotations

import numpy as np
import pytest

from tokbench.errors import VocabError
from tokbench.merges import Merges
from tokbench.vocab import Vocab


def test_rows_come_back_in_order() -> None:
    steps = [(0, 1, 2), (2, 2, 3), (3, 0, 4)]
    merges = Merges.from_steps(steps)
    assert list(merges) == steps
    assert merges == Merges(*(np.array(column) for column in zip(*steps, strict=True)))
    assert hash(merges) == hash(Merges.from_steps(steps))
    assert merges != Merges.from_steps(steps[:2])


def test_no_steps() -> None:
    assert len(Merges([], [], [])) == 0
    assert list(Merges.from_steps([])) == []


def test_first_is_a_prefix() -> None:
    merges = Merges.from_steps([(0, 1, 2), (2, 2, 3), (3, 0, 4)])
    assert list(merges.first(2)) == [(0, 1, 2), (2, 2, 3)]
    assert merges.first(99) == merges


def test_an_id_may_be_made_twice() -> None:
    assert len(Merges.from_steps([(0, 1, 3), (3, 2, 4), (1, 2, 5), (0, 5, 4)])) == 4


@pytest.mark.parametrize("steps", [[(0, 2, 2)], [(3, 0, 2), (0, 1, 3)], [(0, 3, 2), (0, 1, 3)]])
def test_use_before_definition_is_refused(steps: list[tuple[int, int, int]]) -> None:
    with pytest.raises(VocabError, match="step 0"):
        Merges.from_steps(steps)


@pytest.mark.parametrize(
    ("left", "right", "result", "match"),
    [([0], [1], [], "one entry per step"), ([-1], [1], [2], "outside"), ([0.5], [1], [2], "flat array")],
)
def test_malformed_arrays_are_refused(
    left: list[float], right: list[float], result: list[float], match: str
) -> None:
    with pytest.raises(VocabError, match=match):
        Merges(left, right, result)


def test_arrays_cannot_be_changed_and_are_copies() -> None:
    left = np.array([0], dtype=np.uint32)
    merges = Merges(left, [1], [2])
    left[0] = 7
    assert merges.left[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        merges.left[0] = 1


def test_verify_names_the_step_that_does_not_spell_its_parts() -> None:
    vocab = Vocab([b"a", b"b", b"ab", b"ba"], partial=True)
    Merges([0], [1], [2]).verify(vocab)
    with pytest.raises(VocabError, match="step 1"):
        Merges([0, 0], [1, 1], [2, 3]).verify(vocab)
