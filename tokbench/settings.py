"""`Settings`: everything that decides a training run besides the counts, checked once, when it is made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNITS = ("byte", "character")
TIE_BREAKS = ("ids", "lexmax", "lexmin")
ALPHABET_ORDERS = ("gpt2", "byte")


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result of a training run, besides the counts.

    Raises:
        ParameterError: naming the first field that is out of range or contradicts another.
    """

    vocab_size: int
    pretokenizer: str
    unit: str = "byte"
    special_tokens: tuple[str, ...] = ()
    min_frequency: int = 1
    max_token_length: int | None = None
    initial_alphabet: str | tuple[str | bytes, ...] = "bytes"
    limit_alphabet: int | None = None
    character_coverage: float = 1.0
    byte_fallback: bool = False
    unknown: str | None = None
    alphabet_order: str = "gpt2"
    tie_break: str = "ids"
    objective: str = "plain"
    allow_smaller: bool = False
    min_pretoken_count: int = 1
    weights: Mapping[str, str] | None = None
    weight_scale: int = 1
    start: str | None = None

    def __post_init__(self) -> None:
        _one_of("unit", self.unit, UNITS)
        _one_of("tie_break", self.tie_break, TIE_BREAKS)
        _one_of("alphabet_order", self.alphabet_order, ALPHABET_ORDERS)
        _at_least("vocab_size", self.vocab_size, 1)
        _at_least("min_frequency", self.min_frequency, 0)
        _at_least("min_pretoken_count", self.min_pretoken_count, 1)
        if self.max_token_length is not None:
            _at_least("max_token_length", self.max_token_length, 2)
        if self.limit_alphabet is not None:
            _at_least("limit_alphabet", self.limit_alphabet, 1)
        if isinstance(self.initial_alphabet, str):
            _one_of("initial_alphabet", self.initial_alphabet, ("bytes", "seen"))
        if self.unit == "character" and self.initial_alphabet == "bytes":
            message = "initial_alphabet='bytes' needs unit='byte'; use 'seen' or give the characters"
            raise ParameterError(message)
        if self.byte_fallback and self.unknown is not None:
            message = (
                "byte_fallback=True leaves nothing for the unknown token to stand for: give one of the two"
            )
            raise ParameterError(message)

    def as_dict(self) -> dict[str, object]:
        """Return the fields, ready for JSON."""
        fields = asdict(self)
        fields["weights"] = None if self.weights is None else dict(self.weights)
        fields["special_tokens"] = list(self.special_tokens)
        if not isinstance(self.initial_alphabet, str):
            fields["initial_alphabet"] = [_symbol_bytes(symbol).hex() for symbol in self.initial_alphabet]
        return fields

    @property
    def pair_floor(self) -> int:
        """The minimum frequency in the units of the counts; any pair for 0 and 1."""
        return self.min_frequency if self.min_frequency <= 1 else self.min_frequency * self.weight_scale

    def symbols(self) -> list[bytes] | None:
        """Return the symbols that exist without occurring; None for none."""
        if self.initial_alphabet == "bytes":
            return [bytes([byte]) for byte in range(256)]
        if isinstance(self.initial_alphabet, str):
            return None
        return [_symbol_bytes(symbol) for symbol in self.initial_alphabet]


def _symbol_bytes(symbol: str | bytes) -> bytes:
    return symbol.encode() if isinstance(symbol, str) else symbol


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        message = f"{name}: {value!r} is not one of {', '.join(map(repr, allowed))}"
        raise ParameterError(message)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        message = f"{name}: must be at least {least}, got {value}"
        raise ParameterError(message)
