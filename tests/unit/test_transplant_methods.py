"""Methods of planning rows: what each makes of a small task, and what it says when it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from tests.transplant_tasks import task
from tokbench.bpe import BpeModel
from tokbench.errors import PluginError, TransplantError
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer
from tokbench.transplant.apply import apply
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.method import METHODS, About, Method, Task, describe, names, parse, register, spell
from tokbench.transplant.plan import RowClass, RowPlan
from tokbench.vocab import Vocab


def make(*tokens: bytes, special: dict[str, int] | None = None) -> BpeTokenizer:
    """A byte-level tokenizer with these tokens behind the bytes, cut longest first."""
    vocab = Vocab([bytes([b]) for b in range(256)] + list(tokens), special=special or {})
    return BpeTokenizer(BpeModel(vocab, Merges([], [], []), "none", method="longest"), name="made")


OLD = make(b"ab", b"cd", b"abc")
NEW = make(b"abcd", b"ab", b"cdx", b"\xffab")


def rows(spelling: str, **more: object) -> list[list[tuple[int, float]]]:
    plan = parse(spelling).plan(task(NEW, OLD, **more))
    assert len(plan) == 3
    return [[(s, round(c, 6)) for s, c in plan.row(i)] for i in range(3)]


def test_subword_takes_the_pieces_in_their_order() -> None:
    thirds = round(1 / 3, 6)
    assert rows("subword") == [[(258, 0.5), (100, 0.5)], [(257, 0.5), (120, 0.5)], [(255, 0.5), (256, 0.5)]]
    assert rows("subword(pieces=sum)")[0] == [(258, 1.0), (100, 1.0)]
    assert rows("subword(pieces=weighted)")[0] == [(258, 0.75), (100, 0.25)]
    assert rows("subword(pieces=weighted,weight=position)")[0] == [(258, thirds), (100, round(2 / 3, 6))]
    head = rows("subword(pieces=weighted,weight=position)", role="head")[0]
    assert head == [(258, round(2 / 3, 6)), (100, thirds)]
    assert rows("subword(pieces=first_last)")[0] == [(100, 1.0)]
    assert rows("subword(pieces=first_last)", role="head")[0] == [(258, 1.0)]
    assert rows("subword(pieces=decay)")[0] == [(100, 1.0)]
    assert rows("subword(pieces=decay)", role="head")[0] == [(258, round(2 / 3, 6)), (100, thirds)]


def test_pieces_without_a_usable_row_fall_apart() -> None:
    without = rows("subword(pieces=sum)", old_tokens=np.setdiff1d(np.arange(259), [258]))
    assert without[0] == [(256, 1.0), (99, 1.0), (100, 1.0)]
    plan = parse("subword").plan(task(NEW, OLD, old_tokens=np.setdiff1d(np.arange(259), [120])))
    assert plan.classes.tolist() == [RowClass.COMBINED, RowClass.UNPLANNED, RowClass.COMBINED]
    assert plan.note(1) == "the old tokenizer has no pieces for its bytes"


def test_mean_is_one_basis_row_over_usable_rows() -> None:
    given = task(NEW, OLD, old_tokens=np.arange(10))
    made = apply(parse("mean").plan(given), Matrix(given.old, "F32")).stored
    assert np.allclose(made, given.old[:10].mean(axis=0), atol=1e-6)


def test_zero_and_copy() -> None:
    given = task(NEW, OLD)
    assert not apply(parse("zero").plan(given), Matrix(given.old, "F32")).stored.any()
    assert rows("copy(token=abc)") == [[(258, 1.0)]] * 3
    assert rows("copy(token=id:7)") == [[(7, 1.0)]] * 3
    with pytest.raises(TransplantError, match="the old tokenizer has no unknown token"):
        parse("copy").plan(given)
    with pytest.raises(TransplantError, match="no token 'zz'"):
        parse("copy(token=zz)").plan(given)


def test_random_rows_depend_on_seed_and_role_only() -> None:
    given = task(NEW, OLD)
    first = parse("random").plan(given)
    assert first.classes.tolist() == [RowClass.DENSE] * 3
    assert first.dense is not None
    again, head, other = (
        parse("random").plan(task(NEW, OLD, **more)).dense for more in ({}, {"role": "head"}, {"seed": 1})
    )
    assert np.array_equal(first.dense, again)  # type: ignore[arg-type]  # a plan of dense rows holds them
    assert not np.array_equal(first.dense, head)  # type: ignore[arg-type]  # as above
    assert not np.array_equal(first.dense, other)  # type: ignore[arg-type]  # as above
    many = parse("random").plan(task(NEW, OLD, targets=np.arange(20000) % 3)).dense
    assert many is not None
    assert np.allclose(many.mean(axis=0), given.old.mean(axis=0), atol=0.05)
    assert np.allclose(many.std(axis=0), given.old.std(axis=0), atol=0.05)
    fixed = parse("random(spread=fixed,std=0.5)").plan(task(NEW, OLD, targets=np.arange(20000) % 3)).dense
    assert fixed is not None
    assert np.allclose(fixed.std(axis=0), 0.5, atol=0.02)


@pytest.mark.parametrize("name", names())
def test_every_method_says_what_it_is_and_is_spelled_back(name: str) -> None:
    about = describe(name)
    assert about.summary
    assert about.formula
    assert about.source
    assert set(about.parameters) >= set(METHODS.parameters(name)), f"{name}: a parameter has no description"
    method = parse(name)
    assert parse(spell(method)) == method


@pytest.mark.parametrize(
    ("spelling", "says"),
    [
        ("subwrd", "did you mean subword"),
        ("subword(pieces=half)", "pieces='half' is none of mean, sum, weighted, first_last, decay"),
        ("subword(piece=mean)", "no parameter 'piece'; did you mean pieces"),
        ("subword(decay=2)", "decay=2.0; it is in 0 … 1"),
        ("random(std=-1)", "a standard deviation is positive"),
    ],
)
def test_wrong_spellings_are_named(spelling: str, says: str) -> None:
    with pytest.raises(TransplantError, match=says):
        parse(spelling)


def test_a_method_of_another_package_is_registered_by_decoration() -> None:
    @dataclass(frozen=True)
    class Loud(Method):
        about: ClassVar[About] = About(name="Loud", summary="s", formula="f", source="s")

        def plan(self, task: Task) -> RowPlan:
            raise AssertionError

    with pytest.raises(PluginError, match="use lower-case letters"):
        register(Loud)
