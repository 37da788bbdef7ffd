"""The sum over covers, byte by byte.

A *context* is a valid token sequence whose bytes are a prefix of the text: it has a row of the model. A *branch* is a
context with the node of the trie that the text since the context's end has led to: the tokens below that node are the
crossing tokens, and the sum of their probabilities times the context's own is the branch's part of P(text).

One more byte moves every branch down the trie. A token that ends where a branch arrives gives a new context, which
begins at the trie's root. Under ``valid`` and without a pre-tokenizer that looks ahead that is one per byte, so the
model is asked for one row per byte.

With a tolerance, contexts that nothing has been asked about wait with their mass (`Waiting`), and are evaluated, the
heaviest first, only while the waiting mass could move the distribution by more than the tolerance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bytelm.distribution import END, ByteDistribution
from tokbench.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench._rust import ByteTrie
    from tokbench.bytelm.cover import Cover, Mask, Place
    from tokbench.bytelm.token_lm import Evaluator, State

ROOT = 0


@dataclass(frozen=True, eq=False, slots=True)
class TokenContext:
    """A token sequence that the model was asked about.

    Attributes:
        tokens: the sequence, what stands before the text included.
        place: what the cover keeps of it.
        state: what the model keeps of it.
        row: probabilities in the order of the trie, zero for tokens that do not count as crossing.
        first: probabilities of the first byte of the crossing token.
        mask: in the order of the trie, 1 for tokens that may follow; None where all may.
        end: probability that the text ends here, 0 where it may not.
        row_by_id: the model's row, natural logarithms.
    """

    tokens: tuple[int, ...]
    place: Place
    state: State | None
    row: NDArray[np.float32] | NDArray[np.float64]
    first: NDArray[np.float64]
    mask: Mask | None
    end: float
    row_by_id: NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Branch:
    """A context, the node of the text since its end, and its probability relative to the text's."""

    context: TokenContext
    node: int
    weight: float


@dataclass(frozen=True, eq=False, slots=True)
class Waiting:
    """A token sequence that the model was not asked about: a context and one more token."""

    context: TokenContext
    token: int
    weight: float
    at: int


@dataclass(frozen=True, eq=False, slots=True)
class Moved:
    """What one byte makes of branches.

    Attributes:
        rest: the branches that go on below the byte.
        born: the sequences that end with it.
        masses: of every branch that was left, the probability of its tokens through the byte.
    """

    rest: list[Branch]
    born: list[Waiting]
    masses: list[float]


@dataclass(frozen=True)
class Engine:
    """What never changes while a text is read.

    Attributes:
        trie: the vocabulary without control tokens.
        order: `trie.order`.
        cover: which sequences count.
        checked: whether a crossing token counts only where the cover allows it (not under ``vct``).
        evaluator: the model.
        before: tokens before the text.
        end_ids: tokens that end a text.
        tolerance: what `dropped` may reach.
    """

    trie: ByteTrie
    order: NDArray[np.uint32]
    cover: Cover
    checked: bool
    evaluator: Evaluator
    before: tuple[int, ...]
    end_ids: tuple[int, ...]
    tolerance: float

    def start(self) -> ByteState:
        """Return the state before the first byte."""
        context = self.evaluate([(self.before, 0, None, self.cover.root())])[0]
        return ByteState(self, 0, (Branch(context, ROOT, 1.0),), (), 0.0, b"")

    def behind(self, settled: tuple[int, ...]) -> Engine:
        """Return the engine for text that begins behind more settled tokens."""
        return replace(self, before=(*self.before, *settled)) if settled else self

    def evaluate(
        self, wanted: Sequence[tuple[tuple[int, ...], int, State | None, Place]]
    ) -> list[TokenContext]:
        """Return contexts of (tokens, how many of them the state knows, state, place)."""
        states, rows = self.evaluator.rows(
            [state for _, _, state, _ in wanted],
            [tokens for tokens, _, _, _ in wanted],
            [known for _, known, _, _ in wanted],
        )
        # In the precision of the logarithms, whose own rounding is larger than that of the exponential.
        probabilities = np.exp(rows)
        made = []
        for (tokens, _, _, place), state, logs, row in zip(wanted, states, rows, probabilities, strict=True):
            mask = self.cover.mask(place)
            end = 0.0
            if self.end_ids and self.cover.ends(place):
                end = math.fsum(float(row[token]) for token in self.end_ids)
            crossing, first = self.trie.sorted(row, mask if self.checked else None)
            made.append(TokenContext(tokens, place, state, crossing, first, mask, end, logs))
        return made

    def extend(self, items: Sequence[Waiting]) -> list[TokenContext]:
        """Ask the model about what was waiting."""
        return self.evaluate(
            [
                (
                    (*item.context.tokens, item.token),
                    len(item.context.tokens) if item.context.state is not None else 0,
                    item.context.state,
                    _place(self, item),
                )
                for item in items
            ]
        )

    def move(self, branches: Sequence[Branch], byte: int, at: int) -> Moved:
        """Return what one more byte makes of branches."""
        steps, births = self.trie.advance(
            [branch.node for branch in branches],
            [branch.context.row for branch in branches],
            [branch.context.mask for branch in branches],
            byte,
        )
        rest, masses = [], []
        for index, node, mass, goes_on in steps:
            branch = branches[index]
            masses.append(branch.weight * mass)
            if goes_on:
                rest.append(Branch(branch.context, node, branch.weight))
        born = [
            Waiting(branches[index].context, token, branches[index].weight * probability, at)
            for index, token, probability in births
        ]
        return Moved(rest, born, masses)


@dataclass(frozen=True, eq=False)
class ByteState:
    """A text and everything that the next byte depends on; never changed, so that a reader may go back to it.

    Attributes:
        engine: what never changes.
        n_bytes: how many bytes were read, what tokens spell before the text included.
        branches: where the evaluated contexts are.
        waiting: what was not evaluated.
        log_prefix: natural logarithm of P(text), the sum over its covers, up to what is waiting; ``-inf`` where no
            cover has a probability. Unnormalised: what leaked is not divided away. None where a prompt was opened at
            once, which leaves out what all covers share.
        tail: the last bytes, as far back as something waits.
    """

    engine: Engine
    n_bytes: int
    branches: tuple[Branch, ...]
    waiting: tuple[Waiting, ...]
    log_prefix: float | None
    tail: bytes

    @cached_property
    def sums(self) -> NDArray[np.float64]:
        """Mass of the 256 bytes and of the end, relative to P(text): ``[257]``, sums to at most 1."""
        sums = np.zeros(END + 1)
        inside = [branch for branch in self.branches if branch.node != ROOT]
        self.engine.trie.spread(
            [branch.node for branch in inside],
            [branch.context.row for branch in inside],
            [branch.weight for branch in inside],
            sums[:END],
        )
        at_end = [branch for branch in self.branches if branch.node == ROOT]
        for branch in at_end:
            sums[:END] += branch.weight * branch.context.first
        sums[END] = math.fsum(branch.weight * branch.context.end for branch in at_end)
        return sums

    def distribution(self) -> ByteDistribution:
        """Return the distribution of the next byte.

        Raises:
            ModelError: when the text, or every continuation of it, has probability 0.
        """
        total = float(self.sums.sum())
        if not total > 0:
            message = (
                f"the model gives probability 0 to every continuation of this text of {self.n_bytes} bytes; there "
                f"is no distribution of the next byte"
            )
            raise ModelError(message)
        waiting = math.fsum(item.weight for item in self.waiting)
        leaked = min(max(1.0 - total - waiting, 0.0), 1.0)
        return ByteDistribution(self.sums / total, leaked, waiting / (total + waiting))

    def advance(self, byte: int) -> ByteState:
        """Return the state after one more byte."""
        engine, at = self.engine, self.n_bytes + 1
        moved = engine.move(self.branches, byte, at)
        waiting = [*self.waiting, *_merged(engine, moved.born)]
        tail = self.tail + bytes([byte])
        late, waiting, more = _settle(engine, waiting, tail, at, math.fsum(moved.masses))
        mass = math.fsum([*moved.masses, *more])
        if not mass > 0:
            return ByteState(engine, at, (), (), -math.inf, b"")
        kept = [*moved.rest, *late]
        branches = tuple(Branch(branch.context, branch.node, branch.weight / mass) for branch in kept)
        left = tuple(Waiting(item.context, item.token, item.weight / mass, item.at) for item in waiting)
        first = min((item.at for item in left), default=at)
        log_prefix = None if self.log_prefix is None else self.log_prefix + math.log(mass)
        return ByteState(engine, at, branches, left, log_prefix, tail[len(tail) - (at - first) :])


def _merged(engine: Engine, items: Sequence[Waiting]) -> list[Waiting]:
    """Join sequences that the model and the cover cannot tell apart from here on."""
    window = engine.evaluator.model.window
    if window is None or len(items) < 2:
        return list(items)
    kept: dict[object, Waiting] = {}
    for item in items:
        place = _place(engine, item)
        tokens = (*item.context.tokens, item.token)
        key = tokens[len(tokens) - window :] if window else (), min(len(tokens), window), place
        seen = kept.get(key)
        weight = item.weight if seen is None else seen.weight + item.weight
        first = item if seen is None else seen
        kept[key] = Waiting(first.context, first.token, weight, first.at)
    return list(kept.values())


def _settle(
    engine: Engine, waiting: list[Waiting], tail: bytes, at: int, kept: float
) -> tuple[list[Branch], list[Waiting], list[float]]:
    """Evaluate what is waiting, the heaviest first, until the rest is within the tolerance.

    Returns the branches, what goes on waiting, and what was found of P(text).
    """
    branches: list[Branch] = []
    found: list[float] = []
    waiting = [
        item for item in waiting if _goes_on(engine, _place(engine, item), tail[len(tail) - (at - item.at) :])
    ]
    while waiting:
        waiting = sorted(waiting, key=lambda item: -item.weight)
        chosen = _chosen(engine, waiting, math.fsum([kept, *found]))
        if not chosen:
            break
        asked, waiting = waiting[:chosen], waiting[chosen:]
        for item, context in zip(asked, engine.extend(asked), strict=True):
            here = [Branch(context, ROOT, item.weight)]
            for place in range(item.at, at):
                moved = engine.move(here, tail[len(tail) - (at - place)], place + 1)
                waiting += _merged(engine, moved.born)
                here = moved.rest
                if place + 1 == at:
                    found += moved.masses
            branches += here
    return branches, waiting, found


def _place(engine: Engine, item: Waiting) -> Place:
    return engine.cover.step(item.context.place, item.token)


def _goes_on(engine: Engine, place: Place, rest: bytes) -> bool:
    """Whether tokens that count lead from a place over the rest of the text: what nothing leads from holds no mass."""
    mask = engine.cover.mask(place)
    if mask is None or not rest:
        return True
    node: int | None = ROOT
    for n, byte in enumerate(rest, start=1):
        assert node is not None, "left below"
        node = engine.trie.child(node, byte)
        if node is None:
            return False
        low, middle, high = engine.trie.places(node)
        ending = low + np.flatnonzero(mask[low:middle])
        if n == len(rest):
            crossing = mask[middle:high].any() if engine.checked else middle < high
            return bool(crossing) or len(ending) > 0
        for at in ending.tolist():
            if _goes_on(engine, engine.cover.step(place, int(engine.order[at])), rest[n:]):
                return True
    raise AssertionError("the last byte returns")


def _chosen(engine: Engine, waiting: Sequence[Waiting], kept: float) -> int:
    """Count the heaviest sequences without which the rest would be too much."""
    if engine.tolerance == 0:
        return len(waiting)
    rest = math.fsum(item.weight for item in waiting)
    for n, item in enumerate(waiting):
        if rest <= engine.tolerance * kept:
            return n
        rest -= item.weight
    return len(waiting)
