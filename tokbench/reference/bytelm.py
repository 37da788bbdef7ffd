"""Next-byte probabilities as exact fractions, slowly: the twin of `tokbench.bytelm`.

A model is a function from a token sequence to a mapping id → probability, the end of the text under the key None. A
cover is found by trying every token after every sequence, and valid is what the function `is_valid` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Row = Mapping[int | None, Fraction]
Model = Callable[[tuple[int, ...]], Row]
Valid = Callable[[tuple[int, ...]], bool]


def covers(
    prefix: bytes, pieces: Mapping[int, bytes], model: Model, is_valid: Valid, *, checked: bool = True
) -> Iterator[tuple[tuple[int, ...], bytes, Fraction]]:
    """Yield the covers of a prefix with their bytes and probabilities.

    Without `checked` the last token may be any that fits. The empty prefix has one cover, the empty sequence.
    """
    waiting: list[tuple[tuple[int, ...], bytes, Fraction]] = [((), b"", Fraction(1))]
    if not prefix:
        yield waiting[0]
        return
    while waiting:
        tokens, data, probability = waiting.pop()
        row = model(tokens)
        for token, piece in pieces.items():
            longer = data + piece
            if not (longer.startswith(prefix) or prefix.startswith(longer)) or not row.get(token):
                continue
            sequence = (*tokens, token)
            crosses = len(longer) >= len(prefix)
            if (checked or not crosses) and not is_valid(sequence):
                continue
            found = sequence, longer, probability * row[token]
            if crosses:
                yield found
            else:
                waiting.append(found)


def prefix_mass(
    prefix: bytes, pieces: Mapping[int, bytes], model: Model, is_valid: Valid, *, checked: bool = True
) -> Fraction:
    """Return P(prefix): the probability of all its covers."""
    found = covers(prefix, pieces, model, is_valid, checked=checked)
    return sum((probability for _, _, probability in found), Fraction(0))


def next_byte(
    prefix: bytes,
    pieces: Mapping[int, bytes],
    model: Model,
    is_valid: Valid,
    *,
    checked: bool = True,
    is_whole: Valid = lambda tokens: True,
) -> dict[int | None, Fraction]:
    """Return the distribution of the byte after a prefix, normalised, the end under None.

    `is_whole` says of a valid sequence whether it is the encoding of its own bytes: only then may the text end.
    """
    out: dict[int | None, Fraction] = {}
    for byte in sorted({piece[at] for piece in pieces.values() for at in range(len(piece))}):
        mass = prefix_mass(prefix + bytes([byte]), pieces, model, is_valid, checked=checked)
        if mass:
            out[byte] = mass
    end = Fraction(0)
    for tokens, data, probability in covers(prefix, pieces, model, is_valid):
        if data == prefix and is_whole(tokens):
            end += probability * model(tokens).get(None, Fraction(0))
    if end:
        out[None] = end
    total = sum(out.values(), Fraction(0))
    return {key: value / total for key, value in out.items()}


def is_beginning(
    tokens: tuple[int, ...],
    decode: Callable[[tuple[int, ...]], bytes],
    encode: Callable[[bytes], Sequence[int]],
    *,
    alphabet: bytes,
    depth: int,
) -> bool:
    """Whether some continuation of at most `depth` bytes of the alphabet has an encoding that begins so."""
    data = decode(tokens)
    for length in range(depth + 1):
        for rest in product(alphabet, repeat=length):
            if tuple(encode(data + bytes(rest))[: len(tokens)]) == tokens:
                return True
    return False


def source_model(
    chain: Mapping[int | None, Row], encode: Callable[[bytes], Sequence[int]], *, max_bytes: int
) -> dict[tuple[int, ...], dict[int | None, Fraction]]:
    """Return the exact token-level model of a Markov chain over bytes, as rows by context.

    `chain` gives the probabilities of the next byte and of the end (None) after each byte, and under None those of the
    first byte. All texts up to `max_bytes`, where the chain is ended by force, are encoded and their masses summed.
    """
    masses: dict[tuple[int, ...], dict[int | None, Fraction]] = {}
    waiting: list[tuple[bytes, Fraction]] = [(b"", Fraction(1))]
    while waiting:
        data, probability = waiting.pop()
        row = chain[data[-1] if data else None]
        end = Fraction(1) if len(data) == max_bytes else row.get(None, Fraction(0))
        if end:
            tokens = (*encode(data), None)
            for at, token in enumerate(tokens):
                context = masses.setdefault(tuple(tokens[:at]), {})  # type: ignore[arg-type]  # None comes last
                context[token] = context.get(token, Fraction(0)) + probability * end
        if len(data) < max_bytes:
            waiting += [
                (data + bytes([byte]), probability * share)
                for byte, share in row.items()
                if byte is not None and share
            ]
    return {
        context: {token: mass / sum(row.values()) for token, mass in row.items()}
        for context, row in masses.items()
    }


def random_rows(
    vocab_size: int, *, window: int, seed: int, spread: float = 2.0, never: Sequence[int] = ()
) -> Callable[[Sequence[Sequence[int]]], NDArray[np.float64]]:
    """Return a function from contexts to rows that depend on their last `window` tokens and on nothing else.

    A row is the softmax of normal numbers of standard deviation `spread`; tokens in `never` have probability 0. The
    first row of a text is that of the empty window.
    """

    def row(context: Sequence[int]) -> NDArray[np.float64]:
        shown = [seed, *list(context)[max(0, len(context) - window) :]]
        logits = np.random.default_rng(shown).normal(scale=spread, size=vocab_size)
        logits[list(never)] = -np.inf
        logits -= logits.max()
        out: NDArray[np.float64] = logits - np.log(np.exp(logits).sum())
        return out

    return lambda contexts: np.stack([row([int(token) for token in context]) for context in contexts])
