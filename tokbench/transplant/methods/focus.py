"""FOCUS: a new token is a sparse convex combination of the shared tokens with similar auxiliary vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.landmarks import directions
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.plan import RowPlan
from tokbench.transplant.token_vectors import sparsemax, token_vectors

if TYPE_CHECKING:
    from tokbench.transplant.method import Task

BLOCK_BYTES = 128_000_000


@register
@dataclass(frozen=True)
class Focus(Method):
    """Sparsemax over cosines of auxiliary vectors."""

    special: bool = False
    needs: ClassVar[tuple[Need, ...]] = ("new_vectors",)
    about: ClassVar[About] = About(
        name="focus",
        summary="shared tokens whose auxiliary vectors are near, weighed by sparsemax of the cosines",
        formula="x = Σ_j w_j B_j; w = sparsemax_j cos(f, f_j) over the shared tokens j that have a vector f_j",
        source="Dobler & de Melo 2023 (FOCUS, arXiv 2305.14481); sparsemax: Martins & Astudillo 2016",
        parameters={"special": "whether special tokens count among the shared ones"},
        pitfalls=(
            "Lives on its vectors: fastText trained on text cut by the new tokenizer is what the paper uses. A "
            "token is "
            "looked up as its text, with ▁ for spaces, in byte-level letters, and as a bare word, in this "
            "order. Tokens "
            "without a vector are left to the fallback (the paper draws them at random: --fallback random)."
        ),
    )

    def plan(self, task: Task) -> RowPlan:
        """Return the support of the sparsemax, the heaviest first.

        Raises:
            TransplantError: without vectors, or when no shared token has one.
        """
        if task.auxiliary is None or task.auxiliary.new_vectors is None:
            message = "focus: give vectors of the new tokenizer's tokens: auxiliary=Auxiliary(new_vectors=…)"
            raise TransplantError(message)
        vectors, texts = task.auxiliary.new_vectors, task.match.new.texts
        shared_new, shared_old = task.anchors(special=self.special)
        anchors, there = token_vectors(vectors, texts, shared_new)
        if not there.any():
            message = f"focus: none of the {len(shared_new)} shared tokens has an auxiliary vector"
            raise TransplantError(message)
        units, sources = directions(anchors[there])[0], shared_old[there]
        looked, known = token_vectors(vectors, texts, task.targets)
        queries = directions(looked)[0]
        rows = [list[tuple[int, float]]() for _ in task.targets]
        open_rows = np.flatnonzero(known)
        size = max(1, BLOCK_BYTES // (8 * len(units)))
        for start in range(0, len(open_rows), size):
            block = open_rows[start : start + size]
            for row, cosines in zip(block.tolist(), queries[block] @ units.T, strict=True):
                places, weights = sparsemax(cosines)
                rows[row] = list(zip(sources[places].tolist(), weights.tolist(), strict=True))
            task.report("weighing", start + len(block), len(open_rows))
        return RowPlan.from_rows(rows, n_old=task.n_old, unplanned="the token has no auxiliary vector")
