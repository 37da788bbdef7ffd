"""Characters and words out of bytes, the most probable first, with what was left out."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.bytelm.distribution import END
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokbench.bytelm.sampling import Reader


@dataclass(frozen=True)
class Continuations:
    """Continuations and their probabilities.

    Attributes:
        found: bytes → probability, the most probable first; the empty bytes are the end of the text.
        rest: probability of everything that was not followed to its end, 0 … 1.
    """

    found: dict[bytes, float]
    rest: float

    @property
    def text(self) -> dict[str, float]:
        """The continuations that are text."""
        out = {}
        for data, probability in self.found.items():
            try:
                out[data.decode()] = probability
            except UnicodeDecodeError:
                continue
        return out


def next_char(
    state: Reader, *, k: int = 10, min_probability: float = 1e-4, max_states: int = 256
) -> Continuations:
    """Return the `k` most probable next characters: each the product of its bytes' probabilities.

    Bytes that begin no character count as characters of one byte.
    """
    return _best(state, _is_character, k, min_probability, max_states)


def next_word(
    state: Reader, *, k: int = 10, min_probability: float = 1e-3, max_states: int = 1024
) -> Continuations:
    """Return the `k` most probable next words: white space, then all up to the next white space or the end.

    A word's probability includes that white space, or the end, follows it.
    """
    return _best(state, _is_word, k, min_probability, max_states)


def _best(
    state: Reader, done: Callable[[bytes, int], bytes | None], k: int, min_probability: float, max_states: int
) -> Continuations:
    """Search the best first; `done` returns the continuation that a next byte completes, or None."""
    if k < 1 or max_states < 1 or not 0 < min_probability <= 1:
        message = f"k {k}, max_states {max_states}, min_probability {min_probability}: 1 and up, and above 0 up to 1"
        raise ParameterError(message)
    found: dict[bytes, float] = {}
    heap: list[tuple[float, bytes]] = [(-1.0, b"")]
    states: dict[bytes, Reader] = {b"": state}
    n_states = 0
    while heap and n_states < max_states:
        share, data = heap[0]
        best = sorted(found.values(), reverse=True)[:k]
        # Every word that is not finished yet is less probable than its beginning.
        if len(best) == k and best[-1] >= -share:
            break
        heapq.heappop(heap)
        here = states.pop(data)
        n_states += 1
        for slot, probability in here.distribution().top(END + 1):
            total = -share * probability
            if total < min_probability:
                break
            finished = done(data, slot)
            if finished is not None:
                found[finished] = found.get(finished, 0.0) + total
            elif slot != END:
                longer = data + bytes([slot])
                heapq.heappush(heap, (-total, longer))
                states[longer] = here.advance(slot)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return Continuations(dict(ranked[:k]), max(0.0, 1.0 - sum(found.values())))


def _is_character(data: bytes, slot: int) -> bytes | None:
    if slot == END:
        return data[:1]
    whole = data + bytes([slot])
    try:
        whole.decode()
    except UnicodeDecodeError as error:
        # A byte that begins no character stands alone; the one that shows it belongs to what follows.
        return None if error.reason == "unexpected end of data" else whole[:1]
    return whole


def _is_word(data: bytes, slot: int) -> bytes | None:
    if slot == END:
        return data
    text = data.decode(errors="ignore")
    return data if text.strip() and bytes([slot]).isspace() else None
