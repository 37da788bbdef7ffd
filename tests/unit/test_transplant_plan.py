"""`RowPlan`, its invariants, `Matrix`, and applying the one to the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tokbench.errors import TransplantError
from tokbench.transplant.apply import apply
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.plan import Basis, RowClass, RowPlan


def _plan() -> RowPlan:
    copies = RowPlan.copies([2, 0], [RowClass.EXACT, RowClass.SPECIAL], n_old=4)
    mixed = RowPlan.from_rows(
        [[(0, 0.25), (3, 0.75)], []], n_old=4, unplanned="no pieces", residuals=[0.5, np.nan]
    )
    mean = RowPlan.combined([0, 1], [4], [1.0], n_old=4, basis=Basis.mean([0, 1, 2]))
    dense = RowPlan.of_dense([[1.0, 2.0]], n_old=4, why="drawn")
    return RowPlan.assemble([([1, 4], copies), ([0, 3], mixed), ([5], mean), ([2], dense)], 6)


def test_assembling_keeps_rows_notes_basis_and_values() -> None:
    plan = _plan()
    assert [plan.row(i) for i in range(6)] == [
        [(0, 0.25), (3, 0.75)], [(2, 1.0)], [], [], [(0, 1.0)], [(4, 1.0)],
    ]  # fmt: skip
    assert plan.note(3) == "no pieces"
    assert plan.note(2) == "drawn"
    assert plan.note(0) == ""
    assert plan.residuals[0] == 0.5
    assert np.isnan(plan.residuals[1])
    assert plan.copied.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"classes": np.array([0, 0], dtype=np.uint8)},
            "row 1 is a shared token, which copies exactly one old row",
        ),
        ({"sources": np.array([1, 2, 9], dtype=np.int64)}, "row 1: source 9 .* sources are 0 … 3"),
        ({"coefficients": np.array([2, 1, 1], dtype=np.float32)}, "row 0 is a shared token"),
        (
            {"coefficients": np.array([1, 1, np.nan], dtype=np.float32)},
            "row 1: source 3 with coefficient nan",
        ),
        ({"offsets": np.array([0, 2, 1], dtype=np.int64)}, "offsets must rise"),
        ({"classes": np.array([0, 9], dtype=np.uint8)}, "row 1 is dense or unplanned and yet has sources"),
        ({"note_of": np.array([0, -1], dtype=np.int32)}, "row 0 has a note that does not exist"),
        ({"classes": np.array([0, 77], dtype=np.uint8)}, "class 77 is none"),
        ({"residuals": np.zeros(3, dtype=np.float32)}, "residuals must be float32.2., got float32.3."),
        ({"dense": np.zeros((1, 2), dtype=np.float32)}, "0 dense rows, but the values of 1"),
    ],
)
def test_the_constructor_names_what_is_wrong(change: dict[str, object], says: str) -> None:
    plan = RowPlan(
        n_old=4,
        offsets=np.array([0, 1, 3]),
        sources=np.array([1, 2, 3]),
        coefficients=np.array([1, 0.5, 0.5], dtype=np.float32),
        classes=np.array([RowClass.EXACT, RowClass.COMBINED], dtype=np.uint8),
        residuals=np.zeros(2, dtype=np.float32),
        note_of=np.full(2, -1, dtype=np.int32),
    )
    with pytest.raises(TransplantError, match=says):
        replace(plan, **change)  # type: ignore[arg-type]  # wrong on purpose


def test_every_row_is_planned_exactly_once() -> None:
    copy = RowPlan.copies([1], [RowClass.EXACT], n_old=2)
    with pytest.raises(TransplantError, match="row 1 is planned by no part or by several"):
        RowPlan.assemble([([0], copy)], 2)
    with pytest.raises(TransplantError, match="row 0 is planned by no part or by several"):
        RowPlan.assemble([([0], copy), ([0], copy)], 1)
    with pytest.raises(TransplantError, match=r"old matrices of \[2, 3\] rows"):
        RowPlan.assemble([([0], copy), ([1], RowPlan.copies([1], [RowClass.EXACT], n_old=3))], 2)


def test_unplanned_rows_are_not_applied() -> None:
    old = Matrix(np.ones((4, 2), dtype=np.float32), "F32")
    with pytest.raises(TransplantError, match="1 rows are unplanned, the first is 3: no pieces"):
        apply(_plan(), old)
    with pytest.raises(TransplantError, match="a matrix of 4 rows, this one has 3"):
        apply(_plan(), Matrix(old.stored[:3], "F32"))


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "F64"])
def test_copies_are_bit_identical_in_every_element_type(dtype: str) -> None:
    generator = np.random.default_rng(5)
    bits = generator.integers(0, 2**16, size=(50, 8), dtype=np.uint16)
    if dtype == "BF16":
        stored = np.where((bits & 0x7F80) == 0x7F80, 0x3F80, bits).astype(np.uint16)
    else:
        kinds = {"F32": np.float32, "F16": np.float16, "F64": np.float64}
        stored = generator.standard_normal((50, 8)).astype(kinds[dtype])
    old = Matrix(stored, dtype)
    chosen = generator.permutation(50)
    new = apply(RowPlan.copies(chosen, np.zeros(50, dtype=np.uint8), n_old=50), old)
    assert new.dtype == dtype
    assert new.stored.tobytes() == stored[chosen].tobytes()


def test_bfloat16_rounds_to_nearest_even_and_keeps_nan() -> None:
    values = np.array([[1.0, 1.00390625, 1.01171875, -1.00390625, np.nan, np.inf]], dtype=np.float32)
    got = Matrix.from_float32(values, "BF16").float32()
    assert got[0, :4].tolist() == [1.0, 1.0, 1.015625, -1.0]
    assert np.isnan(got[0, 4])
    assert np.isinf(got[0, 5])
    every = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    back = Matrix.from_float32(Matrix(every, "BF16").float32(), "BF16").stored
    quiet = np.where(((every & 0x7F80) == 0x7F80) & ((every & 0x7F) != 0), every | 0x40, every)
    assert np.array_equal(back, quiet)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(TransplantError, match=r"row 1: 70000\.0 is too large for F16"):
        Matrix.from_float32(np.array([[1.0], [70000.0]], dtype=np.float32), "F16")
    with pytest.raises(TransplantError, match="a matrix of F8_E4M3 held as uint8"):
        Matrix(np.zeros((1, 1), dtype=np.uint8), "F8_E4M3")


def test_faulty_rows_are_found() -> None:
    values = np.ones((5000, 2), dtype=np.float32)
    values[4999, 1], values[4500] = np.inf, 0
    infinite, zero = Matrix(values, "F32").faults()
    assert (infinite.tolist(), zero.tolist()) == ([4999], [4500])
