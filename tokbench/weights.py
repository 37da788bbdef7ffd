"""`Weights`: how much each group's counts count, as integers over a common scale; and the weight of one document.

Counts are integers and training compares them exactly, so a weight is a fraction `part / scale` and weighting
multiplies each count by its group's part: a weighted table is in units of ``1 / scale``. Weights have at most
four decimals; the scale is what is left of 10,000 after cancelling, so ``tur=3`` has scale 1.

`TermWeights` does the same for pretokens: terms of a field of knowledge count more, so that they survive as tokens
(MATTER, arXiv 2506.11115, in its general form; a weight of 1 changes nothing).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

FINEST = 10_000
"""Weights are multiples of one over this."""

Number = int | float | str | Decimal | Fraction

EXPECTED = "a number of at least 0 with at most four decimals"
"""What the weight of a document must be."""


def document_parts(weight: object) -> int:
    """Return the weight of a document in units of one over ``FINEST``; a float stands for its shortest decimal form.

    Raises:
        ValueError: saying what is wrong with it, to be completed by where it stands.

    >>> document_parts(2.5)
    25000
    """
    try:
        exact = Fraction("no number" if isinstance(weight, bool) else str(weight))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"the weight {weight!r} is no finite number; expected {EXPECTED}") from None
    if exact < 0:
        raise ValueError(f"the weight {weight} is negative; expected {EXPECTED}")
    if FINEST % exact.denominator:
        raise ValueError(f"the weight {weight} has more than four decimals; expected {EXPECTED}")
    parts = int(exact * FINEST)
    if parts >= 1 << 64:
        raise ValueError(f"the weight {weight} is too large; expected {EXPECTED}")
    return parts


@dataclass(frozen=True)
class Weights:
    """One integer part per group, in the order of the groups, and their common scale."""

    parts: Mapping[str, int]
    scale: int

    @classmethod
    def of(cls, weights: Mapping[str, Number], groups: Sequence[str]) -> Weights:
        """Make weights of numbers; groups that are not named weigh 1.

        A float stands for its shortest decimal form: 0.1 is one tenth.

        Raises:
            ParameterError: for an unknown group, a weight that is not positive or has more than four decimals.

        Example:
            >>> Weights.of({"tur": 1.5}, ["eng", "tur"])
            Weights(parts={'eng': 2, 'tur': 3}, scale=2)
        """
        unknown = sorted(set(weights) - set(groups))
        if unknown:
            message = f"weight: no group {unknown[0]!r} in the counts (there are: {', '.join(groups)})"
            raise ParameterError(message)
        return cls._exact({group: exact(group, weights.get(group, 1)) for group in groups})

    @classmethod
    def temperature(cls, sizes: Mapping[str, int], alpha: float) -> Weights:
        """Weigh groups so that their shares become ``n^alpha / Σ n^alpha``; `sizes` are their bytes n.

        ``w = (n^alpha / Σ n^alpha) / (n / Σ n)``, rounded to four decimals. 1 leaves all as it is, 0 gives
        every group the same share. Source: Devlin 2018 (multilingual BERT's sampling exponent).

        Raises:
            ParameterError: for an `alpha` outside of 0 … 1, or a weight that would be rounded to nothing.

        Example:
            >>> Weights.temperature({"eng": 900, "tur": 100}, 0.0)
            Weights(parts={'eng': 1389, 'tur': 12500}, scale=2500)
        """
        if not 0 <= alpha <= 1:
            message = f"alpha: must lie in 0 … 1, got {alpha}"
            raise ParameterError(message)
        filled = {group: size for group, size in sizes.items() if size}
        total = sum(filled.values())
        powers = {group: size**alpha for group, size in filled.items()}
        whole = math.fsum(powers.values())
        weights = {
            group: Fraction(round(powers[group] / whole * total / size * FINEST), FINEST)
            for group, size in filled.items()
        }
        for group, weight in weights.items():
            if not weight:
                message = f"alpha: {group} would weigh less than {1 / FINEST}; use a larger alpha"
                raise ParameterError(message)
        return cls._exact({group: weights.get(group, Fraction(1)) for group in sizes})

    @classmethod
    def _exact(cls, weights: Mapping[str, Fraction]) -> Weights:
        scale = math.lcm(*(weight.denominator for weight in weights.values()))
        return cls({group: int(weight * scale) for group, weight in weights.items()}, scale)

    def as_dict(self) -> dict[str, str]:
        """Return each group's weight as an exact fraction, ready for JSON."""
        return {group: str(Fraction(part, self.scale)) for group, part in self.parts.items()}


@dataclass(frozen=True)
class TermWeights:
    """A weight for each term; a pretoken weighs as the term that it is, after one leading space or without, else 1.

    Example:
        >>> weights = TermWeights.of({"graphene": 2.5})
        >>> str(weights(b" graphene")), str(weights(b"graphenes"))
        ('5/2', '1')
    """

    terms: Mapping[bytes, Fraction]

    @classmethod
    def of(cls, weights: Mapping[str, Number] | Mapping[bytes, Number]) -> TermWeights:
        """Make weights of numbers.

        Raises:
            ParameterError: for an empty term, or a weight that is not positive or has more than four decimals.
        """
        terms = {}
        for term, value in weights.items():
            data = term.encode() if isinstance(term, str) else term
            if not data:
                message = "weight: a term is empty"
                raise ParameterError(message)
            terms[data] = exact(data.decode(errors="replace"), value)
        return cls(terms)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> TermWeights:
        """Read a UTF-8 file of lines ``term<TAB>weight``; empty lines mean nothing.

        Raises:
            ParameterError: naming the file and line that has another form, repeats a term or weighs it wrongly.
        """
        terms: dict[bytes, Fraction] = {}
        try:
            content = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{path}: cannot read the weights of terms: {error}"
            raise ParameterError(message) from error
        for number, line in enumerate(content.split("\n"), start=1):
            if not line.strip():
                continue
            term, tab, value = line.rstrip("\r").partition("\t")
            if not tab or not term or term.encode() in terms:
                message = f"{path}:{number}: expected term<TAB>weight, each term once, got {line!r}"
                raise ParameterError(message)
            try:
                terms[term.encode()] = exact(term, value.strip())
            except ParameterError as error:
                message = f"{path}:{number}: {error}"
                raise ParameterError(message) from error
        return cls(terms)

    def __call__(self, pretoken: bytes) -> Fraction:
        """Return the weight of a pretoken."""
        found = self.terms.get(pretoken)
        return found if found is not None else self.terms.get(pretoken.removeprefix(b" "), _ONE)

    def as_dict(self) -> dict[str, object]:
        """Return how many terms there are and a hash over them and their weights, ready for JSON."""
        rows = "".join(f"{term.hex()}:{weight}\n" for term, weight in sorted(self.terms.items()))
        return {
            "terms": len(self.terms),
            "blake2b": hashlib.blake2b(rows.encode(), digest_size=16).hexdigest(),
        }


_ONE = Fraction(1)


def exact(group: str, value: Number) -> Fraction:
    """Return a weight as a fraction; a float stands for its shortest decimal form.

    Raises:
        ParameterError: naming what it is the weight of, when it is not positive or has more than four decimals.
    """
    try:
        weight = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        message = f"weight: {group}={value!r} is not a number"
        raise ParameterError(message) from None
    if weight <= 0:
        message = f"weight: {group}={value} must be above 0; leave it out of the text instead"
        raise ParameterError(message)
    if FINEST % weight.denominator:
        message = f"weight: {group}={value} has more than four decimals"
        raise ParameterError(message)
    return weight
