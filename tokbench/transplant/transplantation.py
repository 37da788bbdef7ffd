"""`transplant`: plan, look, write. Planning writes nothing; `Transplantation.write` makes a directory.

A tied model stays tied: its one matrix has one plan. Otherwise embedding and head are planned separately, from the
donor's matrix of the same role; a tied donor's embedding serves as its head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import TransplantError
from tokbench.frame import ALL, MetricFrame, Row
from tokbench.transplant.apply import apply
from tokbench.transplant.calibrate import calibrated
from tokbench.transplant.matching import Match, show
from tokbench.transplant.method import choose_method, parse, shorten, spell
from tokbench.transplant.plan import Basis, RowClass, RowPlan
from tokbench.transplant.planning import check_needs, plan_matrix, usable_rows
from tokbench.transplant.preparing import prepare, refuse_faulty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.auxiliary import Auxiliary
    from tokbench.transplant.find_matrices import Matrices
    from tokbench.transplant.matrix import Matrix
    from tokbench.transplant.method import Method
    from tokbench.transplant.model_dir import ModelDir
    from tokbench.transplant.tokenizer_files import ChatTemplate

    Progress = Callable[[str, int, int], None]

HEAD_NAME = "lm_head.weight"


@dataclass(frozen=True, kw_only=True, eq=False)
class Transplantation:
    """A planned transplantation: everything is decided, nothing is written.

    Attributes:
        model: the old model.
        matrices: the tensors that change.
        match: which new token is which old one.
        plans: ``embedding``, and ``head`` where it is a matrix of its own.
        methods: the plans' methods, spelled.
        old_tokenizer: the model's.
        new_tokenizer: the new one.
        source: the file or directory of the new tokenizer.
        named_roles: text → roles that the new tokenizer's files name.
        untied: whether the new model gets a head that the old one has not.
        n_rows: rows of the new matrices.
        options: what the caller chose, for the manifest.
        notes: what a person should know.
        chat_template: whose template the new model has.
        allow_faulty: whether zero rows may be written.
        keep_dropped: whether rows that no new token copies are kept for going back.
    """

    model: ModelDir
    matrices: Matrices
    match: Match
    plans: Mapping[str, RowPlan]
    methods: Mapping[str, str]
    old_tokenizer: Tokenizer
    new_tokenizer: Tokenizer
    source: Path | None
    named_roles: Mapping[str, tuple[str, ...]]
    untied: bool
    n_rows: int
    options: Mapping[str, Any]
    notes: tuple[str, ...]
    chat_template: ChatTemplate = "donor"
    allow_faulty: bool = False
    keep_dropped: bool = True

    @property
    def labels(self) -> Mapping[str, str]:
        """The plans' methods, spelled without the parameters that are as by default."""
        return {name: shorten(method) for name, method in self.methods.items()}

    def plan_of(self, name: str) -> str:
        """Return which plan a tensor is made by."""
        read = (self.matrices.embedding, *self.matrices.embedding_copies)
        return "embedding" if name in read or "head" not in self.plans else "head"

    def tensors(self) -> list[str]:
        """Return the tensors that are written anew, one that untying adds included."""
        return [*self.matrices.names, *([HEAD_NAME] if self.untied else [])]

    def old_matrix(self, name: str) -> Matrix:
        """Return the old values of a tensor; of the head that untying adds, the embedding's."""
        if self.untied and name == HEAD_NAME:
            return self.model.matrix(self.matrices.embedding)
        return self.model.matrix(name)

    def row_plan(self, name: str) -> RowPlan:
        """Return the plan of a tensor; a bias copies what its head copies and is the mean elsewhere."""
        plan = self.plans[self.plan_of(name)]
        return (
            bias_plan(plan, usable_rows(self.match, self.model.matrix(self.matrices.embedding)))
            if (name in self.matrices.biases)
            else plan
        )

    def new_matrix(self, name: str, progress: Progress | None = None) -> Matrix:
        """Return the new values of a tensor.

        Raises:
            TransplantError: when a row that is no copy is zero, unless that is allowed.
        """
        plan = self.row_plan(name)
        made = apply(plan, self.old_matrix(name), progress=progress)
        if not self.allow_faulty and name not in self.matrices.biases:
            zero = made.faults()[1]
            zero = zero[~plan.copied[zero]]
            if len(zero):
                message = (
                    f"{len(zero)} new rows of {name} are zero, the first is {self._new_text(int(zero[0]))}; "
                    f"choose another method, or allow_faulty"
                )
                raise TransplantError(message)
        return made

    def _new_text(self, new_id: int) -> str:
        return (
            f"{new_id} ({show(self.match.new.texts[new_id])!r})"
            if new_id < len(self.match.new)
            else str(new_id)
        )

    def frame(self) -> MetricFrame:
        """Return the plan in numbers: rows by class, share of copied tokens, residuals, for each matrix."""
        rows = []
        for name, plan in self.plans.items():
            signature = (
                f"transplant|{self.methods[name]}|model={self.old_tokenizer.fingerprint[:16]}"
                f"|tokenizer={self.new_tokenizer.fingerprint[:16]}|seed={self.options.get('seed', 0)}"
            )
            row = partial(
                Row,
                tokenizer=self.new_tokenizer.name,
                corpus=self.model.path.name,
                group=ALL,
                signature=signature,
            )
            times = np.bincount(plan.classes, minlength=len(RowClass))
            classes = [each for each in RowClass if each != RowClass.UNPLANNED]
            rows += [
                row(
                    metric=f"rows(matrix={name},class={each.name.lower()})",
                    value=float(times[each]),
                    unit="rows",
                    aggregation="sum",
                    n=len(plan),
                    direction="neither",
                )
                for each in classes
            ]
            tokens = int((plan.classes < RowClass.HOLE).sum())
            rows.append(
                row(
                    metric=f"copied(matrix={name})",
                    value=int(plan.copied.sum()) / tokens if tokens else None,
                    unit="share of tokens",
                    aggregation="ratio",
                    n=tokens,
                    direction="higher",
                    reason=None if tokens else "there are no tokens",
                )
            )
            known = plan.residuals[np.isfinite(plan.residuals)]
            rows.append(
                row(
                    metric=f"residual(matrix={name})",
                    value=float(np.mean(known, dtype=np.float64)) if len(known) else None,
                    unit="share of the norm",
                    aggregation="mean",
                    n=len(known),
                    direction="lower",
                    reason=None if len(known) else "the method has no residuals",
                )
            )
        return MetricFrame.from_rows(
            rows, provenance={"notes": list(self.notes), "options": dict(self.options)}
        )

    def write(
        self, out: str | Path, *, overwrite: bool = False, link: bool = True, progress: Progress | None = None
    ) -> Path:
        """Make the new model's directory, whole or not at all.

        Args:
            out: its name.
            overwrite: replace an existing directory.
            link: hard-link files that do not change, where the file system can; else they are copied.
            progress: called with phase, done and total.

        Raises:
            ParameterError: when `out` exists or its folder does not.
            ModelError: when the disk has too little space, or a file cannot be written.
            TransplantError: when a new row is zero.
        """
        from tokbench.transplant.writing import write

        return write(self, Path(out), overwrite=overwrite, link=link, progress=progress)


def transplant(
    model: str | PathLike[str],
    tokenizer: str | PathLike[str] | Tokenizer | None = None,
    *,
    out: str | PathLike[str] | None = None,
    donor: str | PathLike[str] | None = None,
    method: str | Method | None = None,
    head_method: str | Method | None = None,
    fallback: str | Method = "subword",
    mapped: Mapping[str, str] | None = None,
    pad_to: int | None = None,
    untie: bool = False,
    calibrate: str = "none",
    chat_template: ChatTemplate = "donor",
    allow_faulty: bool = False,
    keep_dropped: bool = True,
    embedding: str | None = None,
    head: str | None = None,
    old_tokenizer: str | PathLike[str] | Tokenizer | None = None,
    auxiliary: Auxiliary | None = None,
    text: Corpus | None = None,
    seed: int = 0,
    threads: int | None = None,
    overwrite: bool = False,
    link: bool = True,
    progress: Progress | None = None,
) -> Transplantation:
    """Give a model another tokenizer: rows of shared tokens are copied, the others planned by a method.

    Args:
        model: a directory with safetensors and config.json, of any architecture.
        tokenizer: the new one: a file or directory of any known format, or a tokenizer; the donor's by default.
        out: the directory to make; without it nothing is written.
        donor: a model directory that has the new tokenizer, or most of it; for methods that compare with its rows.
        method: as ``tokbench transplant --methods`` lists them; ``omp(k=64)`` with a donor, ``subword`` without.
        head_method: for the head, where it is a matrix of its own; as `method`.
        fallback: plans what the method has nothing to say about; what is left then becomes the mean.
        mapped: text of a new token → text of the old one that it is.
        pad_to: rows are a multiple of this; by default of the power of two that the old matrix was padded to.
        untie: give a tied model a head of its own.
        calibrate: rows that are no copies, in the head or the tied matrix: ``none``, ``norm``, ``mean`` or ``both``.
        chat_template: ``donor`` (that of the new tokenizer), ``model`` or ``none``.
        allow_faulty: copy zero and infinite rows, and let new rows be zero.
        keep_dropped: keep the old rows that no new token copies, so that the act can be reversed.
        embedding: the name of the embedding, where it is not to be looked for.
        head: the name of the head, likewise.
        old_tokenizer: the model's tokenizer, where its directory holds none.
        auxiliary: word vectors and the like, for methods that use them.
        text: for methods that read text.
        seed: of every random draw.
        threads: the result does not depend on it.
        overwrite: replace an existing directory.
        link: hard-link files that do not change.
        progress: called with phase, done and total.

    Raises:
        ModelError: when the model cannot be read or written, naming file and tensor.
        TransplantError: when the tokens or rows do not allow it, naming the first.
        ParameterError: when `out` exists already.
        VocabError: when a tokenizer cannot be read.
    """
    ready = prepare(
        model,
        tokenizer,
        donor=donor,
        fallback=fallback,
        mapped=mapped,
        pad_to=pad_to,
        untie=untie,
        allow_faulty=allow_faulty,
        embedding=embedding,
        head=head,
        old_tokenizer=old_tokenizer,
        auxiliary=auxiliary,
        text=text,
        seed=seed,
        threads=threads,
        progress=progress,
    )
    read_by = parse(method) if method is not None else choose_method(donor=donor is not None)
    written_by = read_by if head_method is None else parse(head_method)
    if head_method is not None and len(ready.jobs) == 1:
        message = "head_method: the model has no head of its own; leave it out, or untie"
        raise TransplantError(message)
    methods = {"embedding": read_by, "head": written_by}
    for role, _ in ready.jobs:
        check_needs(methods[role], ready.setting, donor=donor is not None)
    plans: dict[str, RowPlan] = {}
    for role, name in ready.jobs:
        values = ready.model.matrix(name)
        refuse_faulty(ready.match, values, name, allow=allow_faulty)
        rows = None if ready.donor is None else ready.donor.rows(role)
        plan, task = plan_matrix(ready.setting, role, values, methods[role], donor=rows)
        if calibrate != "none" and (role == "head" or len(ready.jobs) == 1):
            plan = calibrated(plan, task, calibrate)
        plans[role] = plan
    options = {
        "model": str(model),
        "tokenizer": None if ready.source is None else str(ready.source),
        "donor": None if donor is None else str(donor),
        "fallback": spell(ready.setting.fallback),
        "mapped": dict(mapped or {}),
        "pad_to": pad_to,
        "untie": untie,
        "calibrate": calibrate,
        "chat_template": chat_template,
        "allow_faulty": allow_faulty,
        "seed": seed,
    }
    made = Transplantation(
        model=ready.model,
        matrices=ready.matrices,
        match=ready.match,
        plans=plans,
        methods={role: spell(methods[role]) for role, _ in ready.jobs},
        old_tokenizer=ready.old_tokenizer,
        new_tokenizer=ready.new_tokenizer,
        source=ready.source,
        named_roles=ready.named_roles,
        untied=untie,
        n_rows=ready.setting.n_rows,
        options=options,
        notes=ready.notes,
        chat_template=chat_template,
        allow_faulty=allow_faulty,
        keep_dropped=keep_dropped,
    )
    if out is not None:
        made.write(Path(out), overwrite=overwrite, link=link, progress=progress)
    return made


def bias_plan(plan: RowPlan, usable: NDArray[np.int64]) -> RowPlan:
    """Return the plan of a bias: copies where the head copies, the mean of the old tokens' biases elsewhere."""
    copied = np.flatnonzero(plan.copied)
    rest = np.flatnonzero(~plan.copied)
    mean = RowPlan.combined(
        np.arange(len(rest) + 1), np.full(len(rest), plan.n_old), np.ones(len(rest)), n_old=plan.n_old,
        basis=Basis.mean(usable),
    )  # fmt: skip
    return RowPlan.assemble([(copied, plan.take(copied)), (rest, mean)], len(plan))
