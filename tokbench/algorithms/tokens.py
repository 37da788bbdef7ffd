"""What the algorithms that start from a large vocabulary share: the tokens to start from, sizes on the way, the end.

An initial vocabulary is a list of byte strings, best first: the 256 bytes, then what a method proposes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.counting import available_threads
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.train import train
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.algorithm import Request
    from tokbench.counts import PretokenCounts
    from tokbench.tokenizer import Tokenizer

INITIAL = ("bpe", "ngrams", "unigram")
MIN_FREQUENCY = 2
"""A token that occurs once has cost its text nothing to keep, and serves no other text."""

BYTES = tuple(bytes([byte]) for byte in range(256))


def initial_tokens(
    counts: PretokenCounts,
    *,
    method: str,
    size: int,
    max_length: int,
    min_frequency: int,
    request: Request,
) -> list[bytes]:
    """Return up to `size` tokens of at most `max_length` bytes, the 256 bytes first, then the best first.

    Args:
        counts: what they are taken from.
        method: "bpe" (in the order of merges), "ngrams" (the most frequent byte strings inside of pretokens) or
            "unigram" (by probability).
        size: how many; fewer where the text does not hold so many.
        max_length: in bytes.
        min_frequency: what "bpe" and "ngrams" propose occurs at least so often.
        request: for threads and progress.

    Raises:
        ParameterError: for an unknown method or a `size` below 256.
    """
    if method not in INITIAL:
        message = f"initial: {method!r} is not one of {', '.join(map(repr, INITIAL))}"
        raise ParameterError(message)
    if size < 256:
        message = f"initial_size: must be at least 256, the single bytes; got {size}"
        raise ParameterError(message)
    if method == "bpe":
        base = train(
            counts,
            vocab_size=size,
            min_frequency=min_frequency,
            max_token_length=max_length,
            allow_smaller=True,
            progress=request.progress,
        )
        found = list(base.vocab.tokens.values())
    elif method == "ngrams":
        grams = _rust.frequent_ngrams(
            counts.native, max_length, size - 256, threads=threads_of(request), progress=request.progress
        )
        floor = min_frequency * (1 if counts.weights is None else counts.weights.scale)
        found = [gram for gram, n in grams if n >= floor]
    else:
        from tokbench.interop.sentencepiece_train import unigram_pieces

        found = [
            piece for piece, _ in unigram_pieces(counts, size=size, max_length=max_length, exactly=False)
        ]
    return _with_bytes(found)[:size]


def tokens_of(base: Tokenizer, max_length: int) -> list[bytes]:
    """Return the ordinary tokens of a tokenizer of at most `max_length` bytes by id, the 256 bytes first."""
    return _with_bytes([token for token in base.vocab.tokens.values() if len(token) <= max_length])


def _with_bytes(tokens: Sequence[bytes]) -> list[bytes]:
    return [*BYTES, *(token for token in tokens if len(token) > 1)]


def vocabulary(tokens: Sequence[bytes], special: Sequence[str]) -> Vocab:
    """Return the vocabulary: special tokens, then tokens in their order."""
    return Vocab(
        {len(special) + place: token for place, token in enumerate(tokens)},
        special={text: place for place, text in enumerate(special)},
    )


def ordinary_size(request: Request) -> int:
    """Return how many tokens that are not special are asked for.

    Raises:
        ParameterError: when the bytes alone are more.
    """
    room = request.vocab_size - len(request.special_tokens)
    if len(set(request.special_tokens)) < len(request.special_tokens) or "" in request.special_tokens:
        message = f"special_tokens: {list(request.special_tokens)!r} has an empty or a repeated token"
        raise ParameterError(message)
    if room < 256:
        message = (
            f"vocab_size: must be at least {256 + len(request.special_tokens)}, the 256 bytes and the special "
            f"tokens together; got {request.vocab_size}"
        )
        raise ParameterError(message)
    return room


def check_filled(n_tokens: int, request: Request, advice: str) -> None:
    """Refuse a vocabulary smaller than asked for, unless that is allowed.

    Raises:
        ExhaustedError: saying how many tokens were possible.
    """
    possible = n_tokens + len(request.special_tokens)
    if possible < request.vocab_size and not request.allow_smaller:
        asked = f"vocabulary size {request.vocab_size} asked for, {possible} possible"
        message = f"{asked}: {advice}, or pass allow_smaller"
        raise ExhaustedError(message)


def geometric(first: int, last: int, rounds: int) -> list[int]:
    """Return descending sizes below `first` down to `last`, each about the same share of the one before.

    Example:
        >>> geometric(1600, 100, 4)
        [800, 400, 200, 100]
    """
    sizes = [round(first * (last / first) ** (step / rounds)) for step in range(1, rounds)]
    return sorted({size for size in (*sizes, last) if last <= size < first}, reverse=True)


def read_sizes(name: str, text: str) -> list[int]:
    """Return the sizes that a parameter spells, separated by anything that is no digit.

    Raises:
        ParameterError: when there is none.

    Example:
        >>> read_sizes("schedule", "4000/3500 3300")
        [4000, 3500, 3300]
    """
    sizes = [int(number) for number in re.findall(r"\d+", text)]
    if not sizes or re.search(r"[^\d\s/,;]", text):
        message = f"{name}: {text!r} is not a list of sizes; write for example 65536/49152/32768"
        raise ParameterError(message)
    return sizes


def flat(tokens: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return tokens back to back, and the positions between them."""
    offsets = np.zeros(len(tokens) + 1, dtype=np.int64)
    np.cumsum([len(token) for token in tokens], out=offsets[1:])
    return np.frombuffer(b"".join(tokens), dtype=np.uint8), offsets


def threads_of(request: Request) -> int:
    """Return the number of threads asked for, or that of the processors."""
    threads = available_threads() if request.threads is None else request.threads
    if threads < 1:
        message = f"threads: {threads}; at least 1 is needed"
        raise ParameterError(message)
    return threads
