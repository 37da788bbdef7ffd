"""A whole prompt at once: one tree of token sequences instead of one model call per byte.

The next byte depends on the contexts that end in the last few bytes of the prompt, and on their probabilities relative
to each other. All of them share the tokens up to some place: what stands before it cancels. So the valid sequences are
found first, without the model; then the model is asked about the shared beginning and the short branches after it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.bytelm.engine import ROOT, Branch, ByteState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.bytelm.cover import Place
    from tokbench.bytelm.engine import Engine, TokenContext


@dataclass(eq=False, slots=True)
class Node:
    """A valid token sequence: its last token and the sequence before it.

    Attributes:
        end: how many bytes of the prompt it spells.
        depth: how many tokens it has.
    """

    parent: Node | None
    token: int
    place: Place
    end: int
    depth: int
    context: TokenContext | None = None
    log_weight: float = 0.0


def open_at_once(engine: Engine, data: bytes) -> ByteState:
    """Return the state after a text; its `log_prefix` is None unless no token is shared by all contexts."""
    nodes = valid_sequences(engine, data)
    n = len(data)
    crossing: list[tuple[Node, int]] = [(node, ROOT) for node in nodes[n]] if n else []
    crossing += [
        (node, found) for end in range(n) for node in nodes[end] if (found := _below(engine, data, node))
    ]
    if not crossing:
        return engine.start() if n == 0 else ByteState(engine, n, (), (), -math.inf, b"")
    shared = _shared([node for node, _ in crossing])
    _evaluate(engine, shared, [node for node, _ in crossing])
    masses, branches = [], []
    for node, found in crossing:
        context, weight = node.context, math.exp(node.log_weight)
        assert context is not None, "all crossing contexts were evaluated"
        if node.end < n:
            masses.append(weight * engine.trie.mass(found, context.row))
        _, middle, high = engine.trie.places(found)
        if node.end == n or middle < high:
            branches.append(Branch(context, found, weight))
    mass = math.fsum(masses)
    if not mass > 0:
        return ByteState(engine, n, (), (), -math.inf, b"")
    scaled = tuple(Branch(branch.context, branch.node, branch.weight / mass) for branch in branches)
    log_prefix = math.log(mass) if shared.parent is None else None
    return ByteState(engine, n, scaled, (), log_prefix, b"")


def valid_sequences(engine: Engine, data: bytes) -> list[list[Node]]:
    """Return, for every number of bytes, the valid token sequences that spell so many bytes of the text."""
    nodes: list[list[Node]] = [[] for _ in range(len(data) + 1)]
    nodes[0].append(Node(None, -1, engine.cover.root(), 0, 0))
    for end, found in enumerate(nodes):
        if not found:
            continue
        matches = _matches(engine, data, end)
        for node in found:
            for token, stop in matches:
                if engine.cover.allows(node.place, token):
                    place = engine.cover.step(node.place, token)
                    nodes[stop].append(Node(node, token, place, stop, node.depth + 1))
    return nodes


def _matches(engine: Engine, data: bytes, start: int) -> list[tuple[int, int]]:
    """Return the tokens that the text holds from a place on, with their ends."""
    found: list[tuple[int, int]] = []
    node: int | None = ROOT
    for at in range(start, len(data)):
        assert node is not None, "left below"
        node = engine.trie.child(node, data[at])
        if node is None:
            break
        low, middle, _ = engine.trie.places(node)
        found += [(int(engine.order[place]), at + 1) for place in range(low, middle)]
    return found


def _below(engine: Engine, data: bytes, node: Node) -> int | None:
    """Return the trie's node of the text after a sequence, if a token begins so."""
    return engine.trie.find(data[node.end :]) if node.end < len(data) else None


def _shared(nodes: Sequence[Node]) -> Node:
    """Return the longest sequence that all begin with."""
    left = set(nodes)
    while len(left) > 1:
        deepest = max(left, key=lambda node: node.depth)
        left.discard(deepest)
        assert deepest.parent is not None, "only the empty sequence has no parent, and it is the shallowest"
        left.add(deepest.parent)
    return left.pop()


def _tokens(engine: Engine, node: Node) -> tuple[int, ...]:
    tokens = []
    at: Node | None = node
    while at is not None and at.parent is not None:
        tokens.append(at.token)
        at = at.parent
    return (*engine.before, *reversed(tokens))


def _evaluate(engine: Engine, shared: Node, wanted: Sequence[Node]) -> None:
    """Ask the model about the shared sequence and all between it and those wanted, shallow ones first."""
    needed: dict[Node, None] = {shared: None}
    for node in wanted:
        at: Node | None = node
        while at is not None and at is not shared:
            needed[at] = None
            at = at.parent
    by_depth: dict[int, list[Node]] = {}
    for node in needed:
        by_depth.setdefault(node.depth, []).append(node)
    for depth in sorted(by_depth):
        nodes = by_depth[depth]
        asked = []
        for node in nodes:
            known = node.parent.context if node is not shared and node.parent is not None else None
            n_known = len(known.tokens) if known is not None and known.state is not None else 0
            state = known.state if known is not None else None
            asked.append((_tokens(engine, node), n_known, state, node.place))
        for node, context in zip(nodes, engine.evaluate(asked), strict=True):
            node.context = context
            parent = node.parent
            if node is not shared and parent is not None and parent.context is not None:
                node.log_weight = parent.log_weight + float(parent.context.row_by_id[node.token])
