"""What a method is, what it is given, and the registry that finds it by name.

A method plans the rows of the new tokens that are no old token (the *targets*); shared tokens are copied before it is
asked. It is a frozen dataclass whose fields are its parameters: ``omp(k=64)`` is its spelling on the command line, in
Python and in the manifest. The methods of this package live in `tokbench.transplant.methods`, one file each; another
package adds one with an entry point of the group ``tokbench.transplant_methods``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from tokbench.errors import TransplantError
from tokbench.registry import Registry
from tokbench.transplant.plan import RowClass
from tokbench.transplant.tokens import TokenKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.auxiliary import Auxiliary
    from tokbench.transplant.matching import Match
    from tokbench.transplant.plan import RowPlan

    M = TypeVar("M", bound=type["Method"])

Role = Literal["embedding", "head"]
Need = Literal["donor", "text", "new_vectors", "dictionary", "embed", "merges"]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a person must know to choose a method: shown by ``tokbench transplant --explain``.

    Attributes:
        name: as in ``--method``.
        summary: one line.
        formula: what a row is, exactly.
        source: the paper, or who defined it.
        parameters: the meaning of each parameter.
        pitfalls: what to mind.
        aliases: other names that are understood.
    """

    name: str
    summary: str
    formula: str
    source: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    pitfalls: str = ""
    aliases: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """Return every fact but the parameters by its name, printable."""
        return {
            "name": self.name,
            "summary": self.summary,
            "formula": self.formula,
            "source": self.source,
            "pitfalls": self.pitfalls,
            "aliases": ", ".join(self.aliases),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What a method is given: one matrix of the model, and the new tokens whose rows it is to plan.

    Attributes:
        role: which matrix: rows that are read (embedding) or written (head). A tied matrix is an embedding.
        old: ``[n_old, width]`` float32, the model's matrix.
        old_tokens: the rows of `old` that are tokens with a usable row (no holes, no zero or infinite ones), ascending.
        targets: the new ids to plan, ascending.
        shared_new: new ids that are old tokens and have usable rows on both sides (in `donor` too, if there is one),
            ascending; the special ones included, see `anchors`.
        shared_old: their old ids.
        donor: ``[n_new or more, its width]`` float32, the matrix of the same role of a model that has the new
            tokenizer.
        match: which new token is which old one, with both tables of tokens.
        old_tokenizer: the model's.
        new_tokenizer: the new one.
        auxiliary: word vectors and the like.
        text: text in the languages of the new tokenizer.
        seed: of every random draw; see `generator`.
        threads: how many threads may be used; the result must not depend on it.
        progress: called with phase, done and total.
    """

    role: Role
    old: NDArray[np.float32]
    old_tokens: NDArray[np.int64]
    targets: NDArray[np.int64]
    shared_new: NDArray[np.int64]
    shared_old: NDArray[np.int64]
    donor: NDArray[np.float32] | None = None
    match: Match
    old_tokenizer: Tokenizer
    new_tokenizer: Tokenizer
    auxiliary: Auxiliary | None = None
    text: Corpus | None = None
    seed: int = 0
    threads: int | None = None
    progress: Callable[[str, int, int], None] | None = None

    @property
    def n_old(self) -> int:
        """Rows of the old matrix."""
        return len(self.old)

    @property
    def target_texts(self) -> list[bytes]:
        """The bytes of text of each target."""
        return [self.match.new.texts[new_id] for new_id in self.targets.tolist()]

    @cached_property
    def donor_rows(self) -> NDArray[np.float32]:
        """The donor's matrix.

        Raises:
            TransplantError: when there is no donor.
        """
        if self.donor is None:
            message = "this method compares rows of a model that has the new tokenizer: give --donor DIR"
            raise TransplantError(message)
        return self.donor

    def anchors(self, *, special: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the shared tokens as (new ids, old ids), ascending by new id, with or without special ones."""
        if special:
            return self.shared_new, self.shared_old
        kept = self.match.classes[self.shared_new] != RowClass.SPECIAL
        kept &= self.match.new.kinds[self.shared_new] != TokenKind.SPECIAL
        return self.shared_new[kept], self.shared_old[kept]

    def generator(self, *key: int) -> np.random.Generator:
        """Return random numbers that depend on the seed, the matrix's role and `key`, and on nothing else."""
        return np.random.default_rng([self.seed, 0 if self.role == "embedding" else 1, *key])

    def report(self, phase: str, done: int, total: int) -> None:
        """Tell how far a phase is, if somebody listens."""
        if self.progress is not None:
            self.progress(phase, done, total)


class Method(ABC):
    """A way to plan rows; subclasses are frozen dataclasses whose fields are their parameters."""

    about: ClassVar[About]
    needs: ClassVar[tuple[Need, ...]] = ()
    """What must be given beside the model; its absence is said before any work begins."""

    @abstractmethod
    def plan(self, task: Task) -> RowPlan:
        """Return a plan of ``len(task.targets)`` rows, in the order of the targets.

        A target that the method has nothing to say about is a row of class ``UNPLANNED`` with a note that says why
        (``RowPlan.from_rows(…, unplanned=…)``): the fallback method plans it, and the manifest tells. A zero row is a
        row without sources that is not unplanned.

        Raises:
            TransplantError: when the task lacks what the method needs or a parameter does not fit it.
        """


METHODS: Registry[Method] = Registry(
    "transplantation method",
    Method,  # type: ignore[type-abstract]  # the registry checks subclasses against it, nothing more
    own="tokbench.transplant.methods",
    group="tokbench.transplant_methods",
    error=TransplantError,
)


def register(method: M) -> M:
    """Add a method class to the registry under ``method.about.name``; a class decorator.

    Raises:
        PluginError: when the class is no frozen dataclass, a parameter has no default, or the name is taken.
    """
    return METHODS.register(method)


def names() -> list[str]:
    """Return the names of all methods, sorted, those of entry points included."""
    return METHODS.names()


def describe(name: str) -> About:
    """Return formula, parameters, source and pitfalls of a method."""
    return METHODS.class_of(name).about


def parse(spelling: str | Method) -> Method:
    """Return the method that a spelling names.

    Raises:
        TransplantError: for a malformed spelling, an unknown name or parameter, or a value of the wrong type.

    Example:
        >>> spell(parse("subword(pieces=sum)"))
        'subword(pieces=sum,weight=length,decay=0.5)'
    """
    return METHODS.parse(spelling)


def spell(method: Method) -> str:
    """Return the spelling with every parameter; `parse` reads it back to an equal method."""
    return METHODS.spell(method)


def shorten(spelling: str | Method) -> str:
    """Return the spelling without the parameters that are as by default, for tables.

    Example:
        >>> shorten("subword(pieces=sum,weight=length,decay=0.5)")
        'subword(pieces=sum)'
    """
    name, pairs = METHODS.parse_call(spell(parse(spelling)))
    plain = dict(METHODS.parse_call(METHODS.spell(METHODS.class_of(name)()))[1])
    given = [f"{key}={'none' if value is None else value}" for key, value in pairs if plain[key] != value]
    return f"{name}({','.join(given)})" if given else name


def choose(method: Method, parameter: str, value: str, allowed: Iterable[str]) -> str:
    """Return a parameter's value if it is one of those allowed.

    Raises:
        TransplantError: when it is none, with the list.
    """
    listed = list(allowed)
    if value not in listed:
        message = f"{method.about.name}: {parameter}={value!r} is none of {', '.join(listed)}"
        raise TransplantError(message)
    return value


def choose_method(*, donor: bool) -> Method:
    """Return the method for a caller who names none: matching pursuit with a donor, else the mean of the pieces."""
    return parse("omp" if donor and "omp" in names() else "subword")
