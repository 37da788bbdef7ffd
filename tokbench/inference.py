"""Encoding a given vocabulary by another method: ``tokenizer.with_method("fewest(width=16)")``.

A method is a frozen dataclass; its fields are its parameters, and ``dropout(p=0.1,seed=3)`` is its spelling, in Python
and behind a tokenizer's path (``my-tokenizer@dropout(p=0.1)``). Another package adds one with an entry point of the
group ``tokbench.inference``, another module of this one with `register`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from tokbench import sampling
from tokbench.errors import ParameterError
from tokbench.registry import Registry
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from tokbench.bpe import Method
    from tokbench.tokenizer import Tokenizer


@dataclass(frozen=True)
class About:
    """What a person must know of a method.

    Attributes:
        name: its spelling.
        summary: what it does, in a line.
        source: where it comes from.
    """

    name: str
    summary: str
    source: str


class Inference(ABC):
    """A way to turn a pretoken into tokens of a vocabulary."""

    about: ClassVar[About]

    @abstractmethod
    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer that encodes in this way.

        Raises:
            ParameterError: when it cannot.
        """


M = TypeVar("M", bound=type[Inference])

METHODS: Registry[Inference] = Registry(
    "encoding method",
    Inference,  # type: ignore[type-abstract]  # the base of the classes that it holds
    own="tokbench.inference",
    error=ParameterError,
)


def register(method: M) -> M:
    """Add a method under ``method.about.name``; a class decorator."""
    return METHODS.register(method)


def names() -> list[str]:
    """Return the names of all methods, sorted."""
    return METHODS.names()


def describe(name: str) -> About:
    """Return what a method does and where it comes from.

    Example:
        >>> describe("fewest").source
        'Schmidt et al. 2024, PathPiece'
    """
    return METHODS.class_of(name).about


def encode_by(tokenizer: Tokenizer, method: str | Inference) -> Tokenizer:
    """Return a tokenizer with the same vocabulary and pre-tokenizer that encodes by `method`.

    Raises:
        ParameterError: for an unknown method or parameter, or one that does not fit the tokenizer.
    """
    return METHODS.parse(method).apply(tokenizer)


def _changed(tokenizer: Tokenizer, method: Method, *, width: int | None = None) -> BpeTokenizer:
    base = sampling.native(tokenizer)
    model = replace(base.model, method=method, width=width if width is not None else base.model.width)
    return BpeTokenizer(model, name=base.name, training=base.training)


@register
@dataclass(frozen=True)
class Merges(Inference):
    """Merges by rank."""

    about = About("merges", "the adjacent pair of lowest rank, again and again", "Sennrich et al. 2016")

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer under its merges."""
        return _changed(tokenizer, "merges")


@register
@dataclass(frozen=True)
class Replay(Inference):
    """Operations in order."""

    about = About(
        "replay", "all merges and deletions in the order of training", "Chizhov et al. 2024, PickyBPE"
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer under its operations."""
        return _changed(tokenizer, "replay")


@register
@dataclass(frozen=True)
class Longest(Inference):
    """Greedy longest prefix."""

    width: int | None = None
    about = About(
        "longest", "from left to right the longest token that fits", "Uzan et al. 2024, Greed is All You Need"
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer under greedy longest prefix."""
        return _changed(tokenizer, "longest", width=self.width)


@register
@dataclass(frozen=True)
class LongestSuffix(Inference):
    """Greedy longest suffix."""

    width: int | None = None
    about = About(
        "longest_suffix", "from right to left the longest token that fits", "Jacobs and Pinter 2022"
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer under greedy longest suffix."""
        return _changed(tokenizer, "longest_suffix", width=self.width)


@register
@dataclass(frozen=True)
class LongestFirst(Inference):
    """Longest token anywhere."""

    width: int | None = None
    about = About(
        "longest_first",
        "the longest token anywhere, the leftmost of equals, then the same left and right of it",
        "LBPE (2411.05504); Hofmann et al. 2022, FLOTA",
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer under longest token first."""
        return _changed(tokenizer, "longest_first", width=self.width)


@register
@dataclass(frozen=True)
class Fewest(Inference):
    """Fewest tokens."""

    width: int | None = None
    about = About(
        "fewest", "the fewest tokens; at every place the widest last token", "Schmidt et al. 2024, PathPiece"
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer under fewest tokens."""
        return _changed(tokenizer, "fewest", width=self.width)


@register
@dataclass(frozen=True)
class Unigram(Inference):
    """Best score."""

    about = About("unigram", "the highest sum of the tokens' scores (needs scores)", "Kudo 2018")

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the tokenizer under its scores."""
        return _changed(tokenizer, "unigram")


@register
@dataclass(frozen=True)
class Dropout(Inference):
    """Merges left out at random."""

    p: float = 0.1
    seed: int = 0
    about = About("dropout", "merges by rank, each left out with probability p", "Provilkov et al. 2020")

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the sampled tokenizer."""
        return sampling.bpe_dropout(tokenizer, p=self.p, seed=self.seed)


@register
@dataclass(frozen=True)
class StochasTok(Inference):
    """Tokens split at random."""

    p: float = 0.1
    seed: int = 0
    about = About(
        "stochastok", "p · n random splits of tokens into two tokens", "Sims et al. 2025, StochasTok"
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the sampled tokenizer."""
        return sampling.stochastok(tokenizer, p=self.p, seed=self.seed)


@register
@dataclass(frozen=True)
class FewestRandom(Inference):
    """Fewest tokens, ties at random."""

    width: int | None = None
    seed: int = 0
    about = About(
        "fewest_random", "the fewest tokens, one of the equals at random", "Schmidt et al. 2024, PathPiece"
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the sampled tokenizer."""
        return sampling.fewest_random(tokenizer, width=self.width, seed=self.seed)


@register
@dataclass(frozen=True)
class UnigramRandom(Inference):
    """Paths at random."""

    alpha: float = 1.0
    seed: int = 0
    about = About(
        "unigram_random", "a sequence with probability ∝ exp(α · its score) (needs scores)", "Kudo 2018"
    )

    def apply(self, tokenizer: Tokenizer) -> Tokenizer:
        """Return the sampled tokenizer."""
        return sampling.unigram_random(tokenizer, alpha=self.alpha, seed=self.seed)
