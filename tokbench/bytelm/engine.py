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
from dataclasses import dataclass
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
        mask: in the order of the trie, 1 for tokens that may follow; None where all may.
        end: probability that the text ends here, 0 where it may not.
    """

    tokens: tuple[int, ...]
    place: Place
    state: State | None
    row: NDArray[np.float64]
    mask: Mask | None
    end: float


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
    """What one byte makes of a branch.

    Attributes:
        rest: the branch below the byte, if some token goes on.
        born: the sequences that end with it.
        mass: the probability of all its tokens that go through the byte.
    """

    rest: Branch | None
    born: list[Waiting]
    mass: float


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

    def evaluate(
        self, wanted: Sequence[tuple[tuple[int, ...], int, State | None, Place]]
    ) -> list[TokenContext]:
        """Return contexts of (tokens, how many of them the state knows, state, place)."""
        states, rows = self.evaluator.rows(
            [state for _, _, state, _ in wanted],
            [tokens for tokens, _, _, _ in wanted],
            [known for _, known, _, _ in wanted],
        )
        made = []
        for (tokens, _, _, place), state, row in zip(wanted, states, rows, strict=True):
            mask = self.cover.mask(place)
            end = 0.0
            if self.end_ids and self.cover.ends(place):
                end = math.fsum(math.exp(float(row[token])) for token in self.end_ids)
            crossing = self.trie.sorted(np.ascontiguousarray(row), mask if self.checked else None)
            made.append(TokenContext(tokens, place, state, crossing, mask, end))
        return made

    def extend(self, items: Sequence[Waiting]) -> list[TokenContext]:
        """Ask the model about what was waiting."""
        return self.evaluate(
            [
                (
                    (*item.context.tokens, item.token),
                    len(item.context.tokens) if item.context.state is not None else 0,
                    item.context.state,
                    self.cover.step(item.context.place, item.token),
                )
                for item in items
            ]
        )

    def move(self, branch: Branch, byte: int, at: int) -> Moved:
        """Return the branch after one more byte, the sequences that end there, and its part of P(text)."""
        node = self.trie.child(branch.node, byte)
        if node is None:
            return Moved(None, [], 0.0)
        start, stop, high = self.trie.places(node)
        context = branch.context
        born = []
        for place in range(start, stop):
            probability = float(context.row[place])
            if probability > 0 and (context.mask is None or context.mask[place]):
                born.append(Waiting(context, int(self.order[place]), branch.weight * probability, at))
        rest = Branch(context, node, branch.weight) if stop < high else None
        return Moved(rest, born, branch.weight * self.trie.mass(node, context.row))


@dataclass(frozen=True, eq=False)
class ByteState:
    """A text and everything that the next byte depends on; never changed, so that a reader may go back to it.

    Attributes:
        engine: what never changes.
        n_bytes: how long the text is.
        branches: where the evaluated contexts are.
        waiting: what was not evaluated.
        log_prefix: natural logarithm of P(text), the sum over its covers, up to what is waiting; ``-inf`` where no
            cover has a probability. Unnormalised: what leaked is not divided away.
        tail: the last bytes, as far back as something waits.
    """

    engine: Engine
    n_bytes: int
    branches: tuple[Branch, ...]
    waiting: tuple[Waiting, ...]
    log_prefix: float
    tail: bytes

    @cached_property
    def sums(self) -> NDArray[np.float64]:
        """Mass of the 256 bytes and of the end, relative to P(text): ``[257]``, sums to at most 1."""
        sums = np.zeros(END + 1)
        branches = self.branches
        self.engine.trie.spread(
            [branch.node for branch in branches],
            [branch.context.row for branch in branches],
            [branch.weight for branch in branches],
            sums[:END],
        )
        sums[END] = math.fsum(
            branch.weight * branch.context.end for branch in branches if branch.node == ROOT
        )
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
        moved = [engine.move(branch, byte, at) for branch in self.branches]
        waiting = [*self.waiting, *_merged(engine, [item for each in moved for item in each.born])]
        tail = self.tail + bytes([byte])
        late, waiting, more = _settle(engine, waiting, tail, at, math.fsum(each.mass for each in moved))
        mass = math.fsum([*(each.mass for each in moved), *more])
        if not mass > 0:
            return ByteState(engine, at, (), (), -math.inf, b"")
        kept = [*(each.rest for each in moved if each.rest is not None), *late]
        branches = tuple(Branch(branch.context, branch.node, branch.weight / mass) for branch in kept)
        left = tuple(Waiting(item.context, item.token, item.weight / mass, item.at) for item in waiting)
        first = min((item.at for item in left), default=at)
        log_prefix = self.log_prefix + math.log(mass)
        return ByteState(engine, at, branches, left, log_prefix, tail[len(tail) - (at - first) :])


def _merged(engine: Engine, items: Sequence[Waiting]) -> list[Waiting]:
    """Join sequences that the model and the cover cannot tell apart from here on."""
    window = engine.evaluator.model.window
    if window is None or len(items) < 2:
        return list(items)
    kept: dict[object, Waiting] = {}
    for item in items:
        place = engine.cover.step(item.context.place, item.token)
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
    while waiting:
        waiting = sorted(waiting, key=lambda item: -item.weight)
        chosen = _chosen(engine, waiting, math.fsum([kept, *found]))
        if not chosen:
            break
        asked, waiting = waiting[:chosen], waiting[chosen:]
        for item, context in zip(asked, engine.extend(asked), strict=True):
            branch: Branch | None = Branch(context, ROOT, item.weight)
            for place in range(item.at, at):
                if branch is None:
                    break
                moved = engine.move(branch, tail[len(tail) - (at - place)], place + 1)
                waiting += _merged(engine, moved.born)
                branch = moved.rest
                if place + 1 == at:
                    found.append(moved.mass)
            if branch is not None:
                branches.append(branch)
    return branches, waiting, found


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
