"""What a training algorithm is, what it is given, and the registry that finds it by name.

An algorithm is a frozen dataclass: its fields are its parameters, and ``parity(variant=window,window=100)`` is its
spelling on the command line, in Python and in the file that training writes. The algorithms of this package live in
`tokbench.algorithms`, one file each; another package adds one with an entry point of that name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.errors import ParameterError
from tokbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from tokbench.checkpoint import Checkpoint
    from tokbench.objectives.protocol import Objective
    from tokbench.tokenizer import Tokenizer
    from tokbench.weights import Number, TermWeights

    A = TypeVar("A", bound=type["Algorithm"])


@dataclass(frozen=True, kw_only=True)
class About:
    """What a person must know to choose an algorithm: shown by ``tokbench algorithms explain``.

    Attributes:
        name: as in ``--algorithm``.
        summary: one line.
        definition: what is done, exactly.
        source: the paper, or who defined it.
        export: which file formats can express the result, and which only nearly.
        parameters: the meaning of each parameter.
        pitfalls: what to mind.
        aliases: other names that are understood.
    """

    name: str
    summary: str
    definition: str
    source: str
    export: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    pitfalls: str = ""
    aliases: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """Return every fact but the parameters by its name, printable."""
        return {
            "name": self.name,
            "summary": self.summary,
            "definition": self.definition,
            "source": self.source,
            "export": self.export,
            "pitfalls": self.pitfalls,
            "aliases": ", ".join(self.aliases),
        }


@dataclass(frozen=True, kw_only=True)
class Request:
    """What an algorithm is asked for; a setting that is None was not given.

    `train` documents the settings. An algorithm says which of them it knows with `settings`; the others are refused
    when they are given, so that none is ever silently without effect.
    """

    source: Corpus | PretokenCounts
    vocab_size: int
    pretokenizer: str | None = None
    special_tokens: Sequence[str] = ()
    allow_smaller: bool = False
    min_frequency: int | None = None
    max_token_length: int | None = None
    initial_alphabet: str | Sequence[str | bytes] | None = None
    limit_alphabet: int | None = None
    unit: str | None = None
    character_coverage: float | None = None
    byte_fallback: bool | None = None
    unknown: str | None = None
    alphabet_order: str | None = None
    tie_break: str | None = None
    objective: Objective | None = None
    min_pretoken_count: int | None = None
    weights: Mapping[str, Number] | None = None
    alpha: float | None = None
    term_weights: TermWeights | Mapping[str, Number] | None = None
    start: Tokenizer | None = None
    dev: Corpus | None = None
    seed: int | None = None
    threads: int | None = None
    counting: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    progress: Callable[[str, int, int], None] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.special_tokens, str):
            message = (
                f"special_tokens: give a list of tokens, such as [{self.special_tokens!r}], not one string"
            )
            raise ParameterError(message)
        if not isinstance(self.source, Corpus | PretokenCounts):
            message = (
                f"source: expected pretoken counts or a corpus, got {type(self.source).__name__}; for texts at "
                f"hand use Corpus.from_texts({{'eng': [...]}}), for texts that pass by count_texts({{'eng': iterable}})"
            )
            raise ParameterError(message)

    def settings(self, algorithm: Algorithm, *known: str) -> dict[str, Any]:
        """Return the settings among `known` that were given, by name.

        Raises:
            ParameterError: when a setting was given that `algorithm` does not know, or a checkpoint it cannot keep.
        """
        if self.checkpoint is not None:
            algorithm.check_checkpoint()
        given = {name: getattr(self, name) for name in _OPTIONAL if getattr(self, name) is not None}
        for name in given:
            if name not in known:
                message = f"{name}: means nothing to the algorithm {algorithm.about.name}; leave it out" + (
                    f" (it knows {', '.join(known)})" if known else ""
                )
                raise ParameterError(message)
        return given

    def corpus(self, algorithm: Algorithm) -> Corpus:
        """Return the corpus.

        Raises:
            ParameterError: when only counts were given, for an algorithm that reads running text.
        """
        if isinstance(self.source, Corpus):
            return self.source
        message = (
            f"source: {algorithm.about.name} looks at running text, which pretoken counts do not hold; "
            f"give the corpus itself"
        )
        raise ParameterError(message)

    def counts(self, default: str = "cl100k") -> PretokenCounts:
        """Return the counts, made with the pre-tokenizer asked for or with `default` if there are none yet.

        Raises:
            ParameterError: when the counts that were given were made with another pre-tokenizer.
        """
        if isinstance(self.source, Corpus):
            return count(
                self.source,
                self.pretokenizer or default,
                threads=self.threads,
                checkpoint=self.checkpoint,
                progress=self.progress,
                **self.counting,
            )
        if self.pretokenizer is not None and self.pretokenizer != self.source.pretokenizer:
            message = (
                f"pretokenizer: the counts were made with {self.source.pretokenizer!r}, not "
                f"{self.pretokenizer!r}; count the corpus again, or leave it out"
            )
            raise ParameterError(message)
        return self.source


_OPTIONAL = tuple(
    item.name
    for item in fields(Request)
    if item.default is None and item.name not in ("pretokenizer", "threads", "checkpoint", "progress")
)


class Algorithm(ABC):
    """A way to make a tokenizer from text; subclasses are frozen dataclasses whose fields are their parameters."""

    about: ClassVar[About]
    reads_text: ClassVar[bool] = False
    """Whether it needs the running text; pretoken counts are then not enough."""
    default_pretokenizer: ClassVar[str] = "cl100k"
    parallel_dev: ClassVar[bool] = True
    """Whether its ``dev`` corpus must be parallel."""

    checkpoints: ClassVar[str] = "counts"
    """What a checkpoint keeps of it: ``counts and merges``, ``counts``, or nothing."""

    def check_checkpoint(self) -> None:
        """Refuse a checkpoint that would keep nothing.

        Raises:
            ParameterError: saying so.
        """
        if not self.checkpoints:
            message = f"checkpoint: {self.about.name} keeps nothing on the way, a killed run begins again; leave it out"
            raise ParameterError(message)

    def check_least(self, **least: float) -> None:
        """Refuse parameters below what they must at least be; None is none.

        Raises:
            ParameterError: naming the parameter and its least value.
        """
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and not value >= smallest:
                message = f"{name}: must be at least {smallest}, got {value}"
                raise ParameterError(message)

    def check_above(self, **bounds: float) -> None:
        """Refuse parameters that are not above a bound, or no number.

        Raises:
            ParameterError: naming the parameter and the bound.
        """
        for name, bound in bounds.items():
            value = getattr(self, name)
            if not value > bound:
                message = f"{name}: must be above {bound}, got {value}"
                raise ParameterError(message)

    def check_between(self, low: float, high: float, *names: str) -> None:
        """Refuse parameters outside of a range, whose ends are allowed.

        Raises:
            ParameterError: naming the parameter and the range.
        """
        for name in names:
            value = getattr(self, name)
            if not low <= value <= high:
                message = f"{name}: must be between {low} and {high}, got {value}"
                raise ParameterError(message)

    def check_choice(self, **allowed: Sequence[str]) -> None:
        """Refuse parameters that are not among the allowed ones.

        Raises:
            ParameterError: naming the parameter and what is allowed.
        """
        for name, values in allowed.items():
            value = getattr(self, name)
            if value not in values:
                message = f"{name}: {value!r} is not one of {', '.join(values)}"
                raise ParameterError(message)

    @classmethod
    def abilities(cls) -> dict[str, str]:
        """Return what it needs and what a killed run keeps, printable."""
        return {
            "reads": "running text" if cls.reads_text else "running text or pretoken counts",
            "checkpoints": f"keeps {cls.checkpoints}"
            if cls.checkpoints
            else "none: a killed run begins again",
        }

    @abstractmethod
    def train(self, request: Request) -> Tokenizer:
        """Return a trained tokenizer, whose ``training`` tells the settings and, where there are steps, the log."""


ALGORITHMS: Registry[Algorithm] = Registry(
    "algorithm",
    Algorithm,  # type: ignore[type-abstract]
    own="tokbench.algorithms",
    error=ParameterError,
)


def register(algorithm: A) -> A:
    """Add an algorithm class to the registry under ``algorithm.about.name``; a class decorator.

    Raises:
        PluginError: when the class is no frozen dataclass, a parameter has no default or no description, or the
            name is taken.
    """
    return ALGORITHMS.register(algorithm)
