"""A new token is half of each of the two tokens that are merged into it, down to tokens that the model has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench.errors import TransplantError
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokbench.transplant.method import Task

Weights = dict[int, float]


@register
@dataclass(frozen=True)
class MergeTree(Method):
    """Recursive halves."""

    needs: ClassVar[tuple[Need, ...]] = ("merges",)
    about: ClassVar[About] = About(
        name="merge_tree",
        summary="recursive halves along the merges of the new tokenizer, down to shared tokens",
        formula=(
            "x(t) = E_t for a shared token t; else the mean over all merges (l, r) → t of ½ x(l) + ½ x(r). A "
            "merge with "
            "a part that comes down to no shared token does not count"
        ),
        source="the Merge method of lowres-cve (vocabulary expansion for low-resource languages)",
        pitfalls=(
            "Halves follow the merges, not the meaning or the length: of ((a b) c) the c weighs half. Embedding "
            "and head "
            "each use their own rows all the way down, where the original's head takes input rows for nested parts."
        ),
        aliases=("merge",),
    )

    def plan(self, task: Task) -> RowPlan:
        """Return shared tokens in the order in which the tree names them.

        Raises:
            TransplantError: when the new tokenizer has no merges.
        """
        merges = task.new_tokenizer.merges
        if merges is None or not len(merges):
            message = (
                "merge_tree: the merges of the new tokenizer are not known; it must be a BPE with merges"
            )
            raise TransplantError(message)
        ways = dict[int, list[tuple[int, int]]]()
        for left, right, result in merges:
            if (left, right) not in ways.setdefault(result, []):
                ways[result].append((left, right))
        shared = dict(zip(task.shared_new.tolist(), task.shared_old.tolist(), strict=True))
        known = dict[int, Weights]()
        rows = [list(_halves(new_id, ways, shared, known).items()) for new_id in task.targets.tolist()]
        return RowPlan.from_rows(
            rows, n_old=task.n_old, unplanned="its merges come down to no token that the model has"
        )


def _halves(
    token: int,
    ways: Mapping[int, Sequence[tuple[int, int]]],
    shared: Mapping[int, int],
    known: dict[int, Weights],
) -> Weights:
    """Return the shares of old tokens in a new one, which sum to 1, or nothing. Depth is held on a list."""
    stack = [token]
    begun = set[int]()
    while stack:
        top = stack[-1]
        if top in known:
            stack.pop()
        elif top in shared:
            known[top] = {shared[top]: 1.0}
        elif top not in begun:
            begun.add(top)
            # A part that is being taken apart already would be part of itself: that way leads nowhere.
            stack += [
                part for way in ways.get(top, ()) for part in way if part not in begun and part not in known
            ]
        else:
            known[top] = _mean(top, ways, known)
    return known[token]


def _mean(token: int, ways: Mapping[int, Sequence[tuple[int, int]]], known: Mapping[int, Weights]) -> Weights:
    whole = [way for way in ways.get(token, ()) if all(known.get(part) for part in way)]
    mixed: Weights = {}
    for way in whole:
        for part in way:
            for source, share in known[part].items():
                mixed[source] = mixed.get(source, 0.0) + share / (2 * len(whole))
    return mixed
