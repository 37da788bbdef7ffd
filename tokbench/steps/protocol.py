"""What a step is, and the registry that finds it by name.

A step is a frozen dataclass whose fields are its parameters; ``case(turkish=true)`` is its spelling, on the command
line, in Python and in the tokenizer file. Law: ``undo(apply(data)) == data`` for every byte string. `undo` is defined
for every byte string, because a model may put tokens in any order. Another package adds a step with an entry point of
the group ``tokbench.steps``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import ParameterError
from tokbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus

    S = TypeVar("S", bound=type["Step"])


@dataclass(frozen=True, kw_only=True)
class About:
    """What a person must know to choose a step.

    Attributes:
        name: as in ``--step``.
        summary: one line.
        definition: what is changed, exactly.
        source: where it comes from.
        parameters: the meaning of each parameter.
    """

    name: str
    summary: str
    definition: str
    source: str
    parameters: Mapping[str, str] = field(default_factory=dict)


class Step(ABC):
    """A reversible change of a document."""

    about: ClassVar[About]
    learned: ClassVar[tuple[str, ...]] = ()
    """Parameters that `fitted` fills in; none of a step that learns nothing."""

    @property
    def is_fitted(self) -> bool:
        """Whether nothing is left to learn."""
        return all(getattr(self, name) is not None for name in self.learned)

    def fitted(self, corpus: Corpus) -> Step:
        """Return the step with what it learns from a corpus, which its spelling then holds."""
        del corpus
        return self

    def is_fit_of(self, given: Step) -> bool:
        """Whether this is what `fitted` may have made of `given`."""
        return self == given

    @abstractmethod
    def apply(self, data: bytes) -> bytes:
        """Return the changed document.

        Raises:
            ParameterError: when the step has not been fitted.
        """

    @abstractmethod
    def undo(self, data: bytes) -> bytes:
        """Return the document that was changed; of bytes that `apply` cannot have made, some bytes."""

    @abstractmethod
    def positions(self, data: bytes) -> NDArray[np.int64]:
        """Return, for each byte position of the changed document and its end, the position in `data`.

        The positions ascend from 0 to the length of `data`, so that pieces that tile the changed document tile
        `data`; a piece that was put in has an empty place.
        """


def tiled(changed: NDArray[np.int64], given: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `Step.positions` of parts of `changed` bytes that stand for parts of `given` bytes each.

    A place inside of a part stands for the place at the same share of the given part, rounded down.

    Example:
        >>> tiled(np.array([1, 2, 3]), np.array([0, 2, 2])).tolist()
        [0, 0, 1, 2, 2, 3, 4]
    """
    starts = np.cumsum(given) - given
    first = np.cumsum(changed) - changed
    inside = np.arange(int(changed.sum()), dtype=np.int64) - np.repeat(first, changed)
    # A part without bytes has no place inside, so nothing is divided by zero.
    share = inside * np.repeat(given, changed) // np.repeat(changed, changed)
    return np.append(np.repeat(starts, changed) + share, given.sum()).astype(np.int64)


STEPS: Registry[Step] = Registry(
    "step",
    Step,  # type: ignore[type-abstract]
    own="tokbench.steps",
    error=ParameterError,
)


def register(step: S) -> S:
    """Add a step under ``step.about.name``; a class decorator."""
    return STEPS.register(step)


def parse(spelling: str | Step) -> Step:
    r"""Return the step that a spelling names.

    Raises:
        ParameterError: for a malformed spelling, an unknown name or parameter, or a value that does not fit.

    Example:
        >>> parse("case").apply(b"Oh HTTPServer")
        b'\x11oh\x12 http\x11server'
    """
    return STEPS.parse(spelling)


def shown(spelling: str) -> str:
    """Return a spelling as messages show it: what a step has learned can be long.

    Example:
        >>> shown("splinter(table=" + 200 * "x" + ")")[-8:]
        'xxxxxx…)'
    """
    return spelling if len(spelling) <= 80 else f"{spelling[:78]}…)"


def spell(step: Step) -> str:
    """Return the spelling with every parameter; `parse` reads it back to an equal value."""
    return STEPS.spell(step)
