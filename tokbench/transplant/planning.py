"""One matrix's plan: copies of shared tokens, the method's rows, the fallback's where it has nothing to say, padding.

The method never sees a shared token, so that none can be changed by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.method import Task, parse, spell
from tokbench.transplant.plan import Basis, RowClass, RowPlan
from tokbench.transplant.tokens import TokenKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.auxiliary import Auxiliary
    from tokbench.transplant.matching import Match
    from tokbench.transplant.matrix import Matrix
    from tokbench.transplant.method import Method, Role


@dataclass(frozen=True, eq=False)
class DonorRows:
    """A donor's matrix by the new tokenizer's ids, and for which of them it has a usable row."""

    rows: NDArray[np.float32]
    known: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What is the same for every matrix of a transplantation.

    Attributes:
        match: which new token is which old one.
        old_tokenizer: the model's.
        new_tokenizer: the new one.
        n_rows: rows of the new matrices, padding included.
        fallback: plans what a method leaves unplanned; what it leaves itself becomes the mean of the old rows.
        auxiliary: for the methods.
        text: for the methods.
        seed: for the methods.
        threads: for the methods.
        progress: called with phase, done and total.
    """

    match: Match
    old_tokenizer: Tokenizer
    new_tokenizer: Tokenizer
    n_rows: int
    fallback: Method
    auxiliary: Auxiliary | None = None
    text: Corpus | None = None
    seed: int = 0
    threads: int | None = None
    progress: Callable[[str, int, int], None] | None = None


def usable_rows(match: Match, old: Matrix) -> NDArray[np.int64]:
    """Return the old tokens whose rows are neither zero nor infinite, ascending."""
    kept = match.old.kinds != TokenKind.HOLE
    for rows in old.faults():
        kept[rows[rows < len(kept)]] = False
    return np.flatnonzero(kept[: len(old)])


def task_of(
    setting: Setting,
    role: Role,
    old: Matrix,
    *,
    donor: DonorRows | None,
    hidden: NDArray[np.int64] | None = None,
    usable: NDArray[np.int64] | None = None,
) -> Task:
    """Return what a method is given.

    Args:
        setting: of the transplantation.
        role: of the matrix.
        old: the matrix.
        donor: of the same role.
        hidden: shared new ids that are to be planned as if they were not shared; then they are the targets.
        usable: the result of `usable_rows`, where it is known already.
    """
    match = setting.match
    usable = usable_rows(match, old) if usable is None else usable
    good = np.zeros(len(old), dtype=bool)
    good[usable] = True
    shared = match.matched
    shared = shared[good[match.old_of[shared]]]
    if donor is not None:
        shared = shared[donor.known[shared]]
    targets = match.unmatched
    if hidden is not None:
        gone = match.old_of[hidden]
        targets, shared = hidden, shared[~np.isin(match.old_of[shared], gone)]
        usable = np.setdiff1d(usable, gone)
    return Task(
        role=role,
        old=old.float32(),
        old_tokens=usable,
        targets=targets,
        shared_new=shared,
        shared_old=match.old_of[shared],
        donor=None if donor is None else donor.rows,
        match=match,
        old_tokenizer=setting.old_tokenizer,
        new_tokenizer=setting.new_tokenizer,
        auxiliary=setting.auxiliary,
        text=setting.text,
        seed=setting.seed,
        threads=setting.threads,
        progress=setting.progress,
    )


def plan_matrix(
    setting: Setting, role: Role, old: Matrix, method: Method, *, donor: DonorRows | None
) -> tuple[RowPlan, Task]:
    """Return the plan of a whole new matrix, and the task that the method was given.

    Raises:
        TransplantError: when the method lacks something, or returns rows for other targets.
    """
    check_needs(method, setting, donor=donor is not None)
    match = setting.match
    task = task_of(setting, role, old, donor=donor)
    copied = match.matched
    parts = [(copied, RowPlan.copies(match.old_of[copied], match.classes[copied], n_old=len(old)))]
    parts += plan_targets(task, method, setting.fallback, donor=donor)
    n_ids = len(match.new)
    holes = np.flatnonzero(match.new.kinds == TokenKind.HOLE)
    padding = np.arange(n_ids, setting.n_rows)
    parts += [
        (holes, _filler(task, len(holes), RowClass.HOLE)),
        (padding, _filler(task, len(padding), RowClass.PADDING)),
    ]
    return RowPlan.assemble(parts, setting.n_rows), task


def plan_targets(
    task: Task, method: Method, fallback: Method, *, donor: DonorRows | None
) -> list[tuple[NDArray[np.int64], RowPlan]]:
    """Return plans that together cover the task's targets, none of them unplanned."""
    parts: list[tuple[NDArray[np.int64], RowPlan]] = []
    open_ids, why = task.targets, np.full(len(task.targets), "", dtype=object)
    if "donor" in method.needs and donor is not None:
        known = donor.known[open_ids]
        left, left_why = (
            open_ids[~known],
            np.full(int((~known).sum()), "the donor has no usable row", dtype=object),
        )
        open_ids = open_ids[known]
    else:
        left, left_why = open_ids[:0], why[:0]
    for each in (method, fallback, parse("mean")):
        if len(open_ids):
            made = each.plan(replace(task, targets=open_ids))
            if len(made) != len(open_ids) or made.n_old != task.n_old:
                message = (
                    f"{each.about.name}: planned {len(made)} rows of {made.n_old} old ones, "
                    f"asked for {len(open_ids)} of {task.n_old}"
                )
                raise TransplantError(message)
            done = made.classes != RowClass.UNPLANNED
            part = made.take(np.flatnonzero(done))
            if each is not method and len(part):
                part = _noted(part, f"{spell(each)}: {', '.join(sorted(set(why.tolist())))}")
            parts.append((open_ids[done], part))
            left = np.concatenate([left, open_ids[~done]])
            said = [made.note(int(i)) for i in np.flatnonzero(~done)]
            left_why = np.concatenate([left_why, np.array(said, dtype=object)])
        order = np.argsort(left, kind="stable")
        open_ids, why = left[order], left_why[order]
        left, left_why = open_ids[:0], why[:0]
    if len(open_ids):
        message = f"{len(open_ids)} rows could not be planned: {why[0]}"
        raise TransplantError(message)
    return parts


def _noted(plan: RowPlan, note: str) -> RowPlan:
    return replace(plan, notes=(note,), note_of=np.zeros(len(plan), dtype=np.int32))


def _filler(task: Task, n: int, row_class: RowClass) -> RowPlan:
    """Rows without a token are the mean of the old rows: a zero row would stand out in every softmax."""
    basis = Basis.mean(task.old_tokens) if n else None
    plan = RowPlan.combined(
        np.arange(n + 1), np.full(n, task.n_old), np.ones(n), n_old=task.n_old, basis=basis
    )
    return plan.as_class(row_class)


def check_needs(method: Method, setting: Setting, *, donor: bool) -> None:
    """Say what a method lacks before any work begins.

    Raises:
        TransplantError: naming what to give.
    """
    extra = setting.auxiliary
    given = {
        "donor": donor,
        "text": setting.text is not None,
        "new_vectors": extra is not None and extra.new_vectors is not None,
        "dictionary": extra is not None and bool(extra.dictionary),
        "embed": extra is not None and extra.embed is not None,
        "merges": setting.new_tokenizer.merges is not None,
    }
    ask = {
        "donor": "a model that has the new tokenizer: donor=DIR",
        "text": "text in the languages of the new tokenizer: text=CORPUS",
        "new_vectors": "vectors of the new tokens or words: auxiliary=Auxiliary(new_vectors=…)",
        "dictionary": "a bilingual dictionary: auxiliary=Auxiliary(dictionary=…)",
        "embed": "a text embedder: auxiliary=Auxiliary(embed=…)",
        "merges": "a new tokenizer whose merges are known (BPE)",
    }
    for need in method.needs:
        if not given[need]:
            message = f"the method {method.about.name} needs {ask[need]}"
            raise TransplantError(message)
