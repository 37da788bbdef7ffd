"""`RowPlan`: what every row of a new matrix is made of.

A row is a sparse combination of old rows, ``new[i] = Σ_s coefficient_s · old[source_s]``; a source at or above
``n_old`` is a *basis row*, itself a combination of old rows that many rows share (the mean of all rows, a sparse
basis). A row that is no combination (drawn at random, rotated from another space) is *dense*: its values are held.

Invariants, checked in the constructor: a shared token copies its row exactly (one source, an old row, coefficient 1);
every source exists; every number is finite; a dense row and a row that nobody has planned have no sources; a row that
nobody has planned says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Flat = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


class RowClass(IntEnum):
    """How a row came about; the classes up to `AMBIGUOUS` are copies of one old row."""

    EXACT = 0
    BYTE_FALLBACK = 1
    SPECIAL = 2
    MAPPED = 3
    AMBIGUOUS = 4
    COMBINED = 5
    DENSE = 6
    HOLE = 7
    PADDING = 8
    UNPLANNED = 9


LAST_COPY = RowClass.AMBIGUOUS


@dataclass(frozen=True, eq=False)
class Basis:
    """Combinations of old rows that many new rows share: row j is the source ``n_old + j``."""

    offsets: NDArray[np.int64]
    sources: NDArray[np.int64]
    coefficients: NDArray[np.float32]

    def __len__(self) -> int:
        """Count the basis rows."""
        return len(self.offsets) - 1

    @classmethod
    def mean(cls, rows: ArrayLike) -> Basis:
        """Return the one basis row that is the mean of `rows`."""
        sources = np.asarray(rows, dtype=np.int64)
        weights = np.full(len(sources), 1.0 / max(1, len(sources)), dtype=np.float32)
        return cls(np.array([0, len(sources)], dtype=np.int64), sources, weights)


@dataclass(frozen=True, eq=False, kw_only=True)
class RowPlan:
    """The rows of one new matrix, as combinations of the rows of one old matrix.

    Attributes:
        n_old: rows of the old matrix.
        offsets: ``[n + 1]``; row i has the entries ``offsets[i] … offsets[i + 1]`` of the next two.
        sources: old rows, or basis rows from `n_old` on.
        coefficients: what each source is multiplied by.
        classes: a `RowClass` for each row.
        residuals: ‖target - approximation‖ / ‖target‖ in the space that the method looked at, in 0 … 1 and above
            where it is not a projection; NaN where the method has no such thing.
        notes: texts that rows refer to.
        note_of: for each row the index of its note, -1 without one.
        basis: the basis rows.
        dense: the values of the dense rows, in the order of their ids.

    Raises:
        TransplantError: when an invariant of the module does not hold, naming the first row.

    Example:
        >>> plan = RowPlan.from_rows([[(0, 0.5), (2, 0.5)], [(1, 1.0)]], n_old=3)
        >>> plan.row(0)
        [(0, 0.5), (2, 0.5)]
    """

    n_old: int
    offsets: NDArray[np.int64]
    sources: NDArray[np.int64]
    coefficients: NDArray[np.float32]
    classes: NDArray[np.uint8]
    residuals: NDArray[np.float32]
    notes: tuple[str, ...] = ()
    note_of: NDArray[np.int32]
    basis: Basis | None = None
    dense: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.classes)
        for name, array, kind, size in (
            ("offsets", self.offsets, np.int64, n + 1),
            ("sources", self.sources, np.int64, len(self.coefficients)),
            ("coefficients", self.coefficients, np.float32, len(self.coefficients)),
            ("classes", self.classes, np.uint8, n),
            ("residuals", self.residuals, np.float32, n),
            ("note_of", self.note_of, np.int32, n),
        ):
            if array.dtype != kind or array.shape != (size,):
                _fail(f"{name} must be {np.dtype(kind)}[{size}], got {array.dtype}{list(array.shape)}")
        _check_flat(self.offsets, self.sources, self.coefficients, self.n_sources, "row")
        if self.basis is not None:
            b = self.basis
            _check_flat(b.offsets, b.sources, b.coefficients, self.n_old, "basis row")
        lengths = np.diff(self.offsets)
        if n and int(self.classes.max()) > max(RowClass):
            _fail(f"class {int(self.classes.max())} is none")
        copied = self.classes <= LAST_COPY
        wrong = copied & (lengths != 1)
        first = self.offsets[:-1][copied & (lengths == 1)]
        exact = (self.coefficients[first] == 1.0) & (self.sources[first] < self.n_old)
        wrong[np.flatnonzero(copied & (lengths == 1))[~exact]] = True
        _name_first(wrong, "is a shared token, which copies exactly one old row with coefficient 1")
        dense = self.classes == RowClass.DENSE
        unplanned = self.classes == RowClass.UNPLANNED
        _name_first((dense | unplanned) & (lengths > 0), "is dense or unplanned and yet has sources")
        _name_first(unplanned & (self.note_of < 0), "is unplanned and does not say why")
        _name_first((self.note_of < -1) | (self.note_of >= len(self.notes)), "has a note that does not exist")
        held = 0 if self.dense is None else len(self.dense)
        if held != int(dense.sum()):
            _fail(f"{int(dense.sum())} dense rows, but the values of {held}")
        if self.dense is not None:
            if self.dense.ndim != 2 or self.dense.dtype != np.float32:
                _fail(
                    f"dense values must be float32[rows, width], got {self.dense.dtype}{list(self.dense.shape)}"
                )
            finite = np.ones(n, dtype=bool)
            finite[dense] = np.isfinite(self.dense).all(axis=1)
            _name_first(~finite, "has a value that is not finite")

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.classes)

    @property
    def n_sources(self) -> int:
        """Old rows and basis rows."""
        return self.n_old + (0 if self.basis is None else len(self.basis))

    @property
    def copied(self) -> NDArray[np.bool_]:
        """Which rows are copies of one old row."""
        return self.classes <= LAST_COPY

    def row(self, index: int) -> list[tuple[int, float]]:
        """Return the sources of a row with their coefficients, in the order in which they were chosen."""
        span = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return list(zip(self.sources[span].tolist(), self.coefficients[span].tolist(), strict=True))

    def note(self, index: int) -> str:
        """Return what the plan says about a row, or nothing."""
        return self.notes[self.note_of[index]] if self.note_of[index] >= 0 else ""

    # -- making ----------------------------------------------------------------------------------------------

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[Sequence[tuple[int, float]]],
        *,
        n_old: int,
        residuals: ArrayLike | None = None,
        basis: Basis | None = None,
        unplanned: str = "",
    ) -> RowPlan:
        """Return combined rows; an empty one is unplanned with that note where one is given, else a zero row."""
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        flat = [pair for row in rows for pair in row]
        return cls.combined(
            _offsets(lengths),
            np.array([source for source, _ in flat], dtype=np.int64),
            np.array([weight for _, weight in flat], dtype=np.float32),
            n_old=n_old,
            residuals=residuals,
            basis=basis,
            unplanned=unplanned,
        )

    @classmethod
    def combined(
        cls,
        offsets: ArrayLike,
        sources: ArrayLike,
        coefficients: ArrayLike,
        *,
        n_old: int,
        residuals: ArrayLike | None = None,
        basis: Basis | None = None,
        unplanned: str = "",
    ) -> RowPlan:
        """Return combined rows from flat arrays; see `from_rows`."""
        ends = np.asarray(offsets, dtype=np.int64)
        classes = np.full(len(ends) - 1, RowClass.COMBINED, dtype=np.uint8)
        empty = np.diff(ends) == 0
        note_of = np.full(len(classes), -1, dtype=np.int32)
        if unplanned:
            classes[empty], note_of[empty] = RowClass.UNPLANNED, 0
        return cls(
            n_old=n_old,
            offsets=ends,
            sources=np.asarray(sources, dtype=np.int64),
            coefficients=np.asarray(coefficients, dtype=np.float32),
            classes=classes,
            residuals=_residuals(residuals, len(classes)),
            notes=(unplanned,) if unplanned else (),
            note_of=note_of,
            basis=basis,
        )

    @classmethod
    def from_neighbours(
        cls,
        sources: ArrayLike,
        coefficients: ArrayLike,
        *,
        n_old: int,
        residuals: ArrayLike | None = None,
        basis: Basis | None = None,
        unplanned: str = "",
    ) -> RowPlan:
        """Return combined rows from rectangles ``[rows, k]``; a negative source is an unused place.

        Example:
            >>> RowPlan.from_neighbours([[2, 0], [1, -1]], [[0.7, 0.3], [2.0, 0.0]], n_old=3).row(1)
            [(1, 2.0)]
        """
        wide = np.asarray(sources, dtype=np.int64)
        used = wide >= 0
        return cls.combined(
            _offsets(used.sum(axis=1)),
            wide[used],
            np.asarray(coefficients, dtype=np.float32)[used],
            n_old=n_old,
            residuals=residuals,
            basis=basis,
            unplanned=unplanned,
        )

    @classmethod
    def of_dense(
        cls, values: ArrayLike, *, n_old: int, why: str, residuals: ArrayLike | None = None
    ) -> RowPlan:
        """Return rows that are no combination of old rows; `why` says what they are."""
        held = np.ascontiguousarray(values, dtype=np.float32)
        n = len(held)
        return cls(
            n_old=n_old,
            offsets=np.zeros(n + 1, dtype=np.int64),
            sources=np.zeros(0, dtype=np.int64),
            coefficients=np.zeros(0, dtype=np.float32),
            classes=np.full(n, RowClass.DENSE, dtype=np.uint8),
            residuals=_residuals(residuals, n),
            notes=(why,),
            note_of=np.zeros(n, dtype=np.int32),
            dense=held,
        )

    @classmethod
    def copies(cls, old_rows: ArrayLike, classes: ArrayLike, *, n_old: int) -> RowPlan:
        """Return rows that each copy one old row, with the class that says why."""
        sources = np.asarray(old_rows, dtype=np.int64)
        return cls(
            n_old=n_old,
            offsets=np.arange(len(sources) + 1, dtype=np.int64),
            sources=sources,
            coefficients=np.ones(len(sources), dtype=np.float32),
            classes=np.asarray(classes, dtype=np.uint8),
            residuals=_residuals(None, len(sources)),
            note_of=np.full(len(sources), -1, dtype=np.int32),
        )

    # -- putting together ------------------------------------------------------------------------------------

    def take(self, rows: ArrayLike) -> RowPlan:
        """Return the plan of some rows, in that order."""
        wanted = np.asarray(rows, dtype=np.int64)
        lengths = np.diff(self.offsets)[wanted]
        picked = _spans(self.offsets[wanted], lengths)
        dense = None
        if self.dense is not None:
            place = np.cumsum(self.classes == RowClass.DENSE) - 1
            dense = self.dense[place[wanted[self.classes[wanted] == RowClass.DENSE]]]
        return RowPlan(
            n_old=self.n_old,
            offsets=_offsets(lengths),
            sources=self.sources[picked],
            coefficients=self.coefficients[picked],
            classes=self.classes[wanted],
            residuals=self.residuals[wanted],
            notes=self.notes,
            note_of=self.note_of[wanted],
            basis=self.basis,
            dense=dense,
        )

    def as_class(self, row_class: RowClass, note: str = "") -> RowPlan:
        """Return the same rows under another class, with a note: combined rows that fill holes, for example."""
        return RowPlan(
            n_old=self.n_old,
            offsets=self.offsets,
            sources=self.sources,
            coefficients=self.coefficients,
            classes=np.full(len(self), row_class, dtype=np.uint8),
            residuals=self.residuals,
            notes=(note,) if note else (),
            note_of=np.full(len(self), 0 if note else -1, dtype=np.int32),
            basis=self.basis,
            dense=self.dense,
        )

    @staticmethod
    def assemble(parts: Sequence[tuple[ArrayLike, RowPlan]], n_new: int) -> RowPlan:
        """Return one plan of `n_new` rows from plans of some rows each; every row must be given exactly once.

        Raises:
            TransplantError: naming a row that is given twice or not at all.

        Example:
            >>> copy = RowPlan.copies([7], [RowClass.EXACT], n_old=9)
            >>> mean = RowPlan.from_rows([[(0, 0.5), (1, 0.5)]], n_old=9)
            >>> RowPlan.assemble([([1], copy), ([0], mean)], 2).row(1)
            [(7, 1.0)]
        """
        where = [np.asarray(rows, dtype=np.int64) for rows, _ in parts]
        plans = [plan for _, plan in parts]
        times = (
            np.bincount(np.concatenate(where), minlength=n_new) if where else np.zeros(n_new, dtype=np.int64)
        )
        _name_first(times != 1, "is planned by no part or by several")
        stacked = _stack(plans)
        order = np.empty(n_new, dtype=np.int64)
        order[np.concatenate(where) if where else np.zeros(0, dtype=np.int64)] = np.arange(n_new)
        return stacked.take(order)


def _stack(plans: Sequence[RowPlan]) -> RowPlan:
    """Put plans of the same old matrix one behind the other, their basis rows too."""
    olds = {plan.n_old for plan in plans}
    if len(olds) != 1:
        _fail(f"the parts plan from old matrices of {sorted(olds)} rows")
    n_old = olds.pop()
    sources, notes, note_of = list[np.ndarray](), list[str](), list[np.ndarray]()
    bases, n_basis = list[Basis](), 0
    for plan in plans:
        sources.append(np.where(plan.sources >= n_old, plan.sources + n_basis, plan.sources))
        note_of.append(np.where(plan.note_of >= 0, plan.note_of + len(notes), -1).astype(np.int32))
        notes += plan.notes
        if plan.basis is not None:
            bases.append(plan.basis)
            n_basis += len(plan.basis)
    dense = [plan.dense for plan in plans if plan.dense is not None and len(plan.dense)]
    basis = None
    if bases:
        basis = Basis(
            _offsets(np.concatenate([np.diff(each.offsets) for each in bases])),
            np.concatenate([each.sources for each in bases]),
            np.concatenate([each.coefficients for each in bases]),
        )
    return RowPlan(
        n_old=n_old,
        offsets=_offsets(np.concatenate([np.diff(plan.offsets) for plan in plans])),
        sources=np.concatenate(sources),
        coefficients=np.concatenate([plan.coefficients for plan in plans]),
        classes=np.concatenate([plan.classes for plan in plans]),
        residuals=np.concatenate([plan.residuals for plan in plans]),
        notes=tuple(notes),
        note_of=np.concatenate(note_of),
        basis=basis,
        dense=np.concatenate(dense) if dense else None,
    )


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    ends = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends


def _spans(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``start, start + 1, … start + length - 1`` for all spans, one after the other."""
    ends = _offsets(lengths)
    return np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)


def _residuals(given: ArrayLike | None, n: int) -> NDArray[np.float32]:
    return np.full(n, np.nan, dtype=np.float32) if given is None else np.asarray(given, dtype=np.float32)


def _check_flat(
    offsets: NDArray[np.int64],
    sources: NDArray[np.int64],
    coefficients: NDArray[np.float32],
    n_sources: int,
    noun: str,
) -> None:
    if offsets[0] != 0 or offsets[-1] != len(sources) or (np.diff(offsets) < 0).any():
        _fail(f"offsets must rise from 0 to the {len(sources)} sources")
    bad = (sources < 0) | (sources >= n_sources) | ~np.isfinite(coefficients)
    if bad.any():
        entry = int(np.flatnonzero(bad)[0])
        row = int(np.searchsorted(offsets, entry, side="right")) - 1
        _fail(
            f"{noun} {row}: source {sources[entry]} with coefficient {coefficients[entry]}; sources are "
            f"0 … {n_sources - 1}, coefficients finite"
        )


def _name_first(wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        _fail(f"row {int(np.flatnonzero(wrong)[0])} {what}")


def _fail(what: str) -> None:
    message = f"row plan: {what}"
    raise TransplantError(message)
