"""What has to be known before any row can be planned: both tokenizers, the matrices, the match, the donor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import ParameterError, TransplantError
from tokbench.tokenizer import Tokenizer
from tokbench.transplant.config_files import table_of
from tokbench.transplant.find_matrices import Matrices, find_matrices, scaling
from tokbench.transplant.matching import Match, match, show
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.method import parse
from tokbench.transplant.model_dir import ModelDir
from tokbench.transplant.planning import DonorRows, Setting
from tokbench.transplant.tokens import TokenKind, TokenTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.transplant.auxiliary import Auxiliary
    from tokbench.transplant.method import Method, Role

MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Everything about a transplantation but the rows.

    Attributes:
        model: the old model.
        matrices: the tensors that change.
        setting: what is the same for every matrix.
        jobs: the matrices that get a plan: role and tensor whose rows they are made of.
        donor: a model that has the new tokenizer.
        source: the file or directory of the new tokenizer.
        named_roles: text → roles that the new tokenizer's files name.
        notes: what a person should know.
    """

    model: ModelDir
    matrices: Matrices
    setting: Setting
    jobs: tuple[tuple[Role, str], ...]
    donor: Donor | None
    source: Path | None
    named_roles: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @property
    def match(self) -> Match:
        """Which new token is which old one."""
        return self.setting.match

    @property
    def old_tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self.setting.old_tokenizer

    @property
    def new_tokenizer(self) -> Tokenizer:
        """The tokenizer that the model gets."""
        return self.setting.new_tokenizer


def prepare(
    model: str | PathLike[str],
    tokenizer: str | PathLike[str] | Tokenizer | None = None,
    *,
    donor: str | PathLike[str] | None = None,
    fallback: str | Method = "subword",
    mapped: Mapping[str, str] | None = None,
    pad_to: int | None = None,
    untie: bool = False,
    allow_faulty: bool = False,
    embedding: str | None = None,
    head: str | None = None,
    old_tokenizer: str | PathLike[str] | Tokenizer | None = None,
    auxiliary: Auxiliary | None = None,
    text: Corpus | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Prepared:
    """Read both tokenizers, find the matrices, match the tokens, open the donor; arguments as for `transplant`.

    Raises:
        ModelError: when a model cannot be read.
        TransplantError: when `mapped` names no token, or `untie` is asked of a model that is not tied.
        ParameterError: without a new tokenizer.
    """
    opened = ModelDir.open(Path(model))
    source, new = _tokenizer(tokenizer if tokenizer is not None else donor, "tokenizer")
    old_source, old = _tokenizer(old_tokenizer if old_tokenizer is not None else model, "old_tokenizer")
    old_table, _ = table_of(old, old_source or opened.path)
    new_table, named = table_of(new, source)
    matrices = find_matrices(opened, n_ids=len(old_table), embedding=embedding, head=head)
    notes = [*matrices.why, *scaling(opened)]
    if untie and not matrices.tied:
        message = f"untie: {opened.path.name} is not tied: {matrices.why[1]}"
        raise TransplantError(message)
    behind = np.flatnonzero(old_table.kinds[matrices.rows :] != TokenKind.HOLE) + matrices.rows
    if len(behind):
        listed = ", ".join(show(old_table.texts[i]) for i in behind[:MOST_NAMED].tolist())
        notes.append(f"{len(behind)} tokens of the model's tokenizer have no row and match nothing: {listed}")
    if len(old_table) < matrices.rows:
        notes.append(f"{matrices.rows - len(old_table)} padding rows of the model are left out")
    jobs: list[tuple[Role, str]] = [("embedding", matrices.embedding)]
    if matrices.head is not None and not matrices.tied:
        jobs.append(("head", matrices.head))
    elif untie:
        jobs.append(("head", matrices.embedding))
    opened_donor = None if donor is None else Donor.open(donor, table=new_table, allow_faulty=allow_faulty)
    setting = Setting(
        match=match(new_table, old_table.limited(matrices.rows), mapped=mapped),
        old_tokenizer=old,
        new_tokenizer=new,
        n_rows=_padded(len(new_table), pad_to, matrices.rows, len(old_table)),
        fallback=parse(fallback),
        auxiliary=auxiliary,
        text=text,
        seed=seed,
        threads=threads,
        progress=progress,
    )
    return Prepared(
        model=opened,
        matrices=matrices,
        setting=setting,
        jobs=tuple(jobs),
        donor=opened_donor,
        source=source,
        named_roles=named,
        notes=(*notes, *(opened_donor.notes if opened_donor is not None else ())),
    )


@dataclass(frozen=True, eq=False)
class Donor:
    """A model that has the new tokenizer, or most of it; its matrices are read when they are asked for.

    Attributes:
        model: its directory.
        matrices: its tensors.
        place: for each new id the donor's row, -1 without one.
        texts: the new tokens, for messages.
        allow_faulty: whether zero and infinite rows are passed over instead of refused.
        notes: what a person should know.
    """

    model: ModelDir
    matrices: Matrices
    place: NDArray[np.int64]
    texts: tuple[bytes, ...]
    allow_faulty: bool
    notes: list[str]

    @classmethod
    def open(cls, path: str | PathLike[str], *, table: TokenTable, allow_faulty: bool) -> Donor:
        """Find the donor's matrices and which of their rows is which new token.

        Raises:
            ModelError: when its directory cannot be read.
        """
        model = ModelDir.open(Path(path))
        own = Tokenizer.load(Path(path))
        own_table, _ = table_of(own, model.path)
        matrices = find_matrices(model, n_ids=len(own_table))
        notes = []
        place = match(table, own_table.limited(matrices.rows)).old_of.copy()
        # A token that has the same id in both is itself, whatever else has its bytes or its role.
        same = [i for i, (a, b) in enumerate(zip(table.texts, own_table.texts, strict=False)) if a and a == b]
        place[same] = same
        tokens = int((table.kinds != TokenKind.HOLE).sum())
        if len(same) < tokens:
            notes.append(
                f"the donor's tokenizer is another one: {int((place >= 0).sum())} of {tokens} new tokens "
                f"have a row in it"
            )
        place[place >= matrices.rows] = -1
        return cls(model, matrices, place, table.texts, allow_faulty, notes)

    def rows(self, role: Role) -> DonorRows:
        """Return the matrix of a role by new ids.

        Raises:
            TransplantError: when a row of a token is zero or infinite, unless that is allowed.
        """
        name = self.matrices.embedding
        if role == "head" and self.matrices.head is not None and not self.matrices.tied:
            name = self.matrices.head
        values = self.model.matrix(name)
        faulty = np.zeros(len(values), dtype=bool)
        for rows in values.faults():
            faulty[rows] = True
        known = self.place >= 0
        bad = np.flatnonzero(known & faulty[self.place])
        if len(bad) and not self.allow_faulty:
            listed = ", ".join(f"{i} ({show(self.texts[i])!r})" for i in bad[:MOST_NAMED].tolist())
            message = (
                f"donor: {len(bad)} rows of {name} are zero or not finite: {listed}; with allow_faulty they are "
                f"left to the fallback"
            )
            raise TransplantError(message)
        known[bad] = False
        gathered = np.zeros((len(self.place), values.width), dtype=np.float32)
        ids = np.flatnonzero(known)
        gathered[ids] = Matrix(values.stored[self.place[ids]], values.dtype).float32()
        return DonorRows(gathered, known)


def _tokenizer(given: str | PathLike[str] | Tokenizer | None, name: str) -> tuple[Path | None, Tokenizer]:
    if given is None:
        message = f"{name}: give a tokenizer, or a donor whose tokenizer it is"
        raise ParameterError(message)
    if isinstance(given, Tokenizer):
        return None, given
    return Path(given), Tokenizer.load(Path(given))


def _padded(n_ids: int, pad_to: int | None, old_rows: int, old_ids: int) -> int:
    if pad_to is not None and pad_to < 1:
        message = f"pad_to: {pad_to}; rows are padded to a multiple of at least 1"
        raise ParameterError(message)
    multiple = pad_to
    if multiple is None:
        multiple = 1
        while old_rows > old_ids and multiple < 512 and old_rows % (2 * multiple) == 0:
            multiple *= 2
    return -(-n_ids // multiple) * multiple


def refuse_faulty(found: Match, values: Matrix, name: str, *, allow: bool) -> None:
    """Refuse to copy rows that nothing can come of; the row of a padding token may be zero."""
    if allow:
        return
    infinite, zero = values.faults()
    padding = [i for i, roles in found.old.roles.items() if "pad" in roles]
    bad = np.union1d(infinite, np.setdiff1d(zero, np.array(padding, dtype=np.int64)))
    bad = np.intersect1d(bad, found.old_of[found.matched])
    if len(bad):
        listed = ", ".join(f"{i} ({show(found.old.texts[i])!r})" for i in bad[:MOST_NAMED].tolist())
        message = (
            f"{name}: {len(bad)} rows that new tokens would copy are zero or not finite: {listed}; repair the model, "
            f"or copy them as they are with allow_faulty"
        )
        raise TransplantError(message)
