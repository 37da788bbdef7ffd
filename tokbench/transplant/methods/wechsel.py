"""WECHSEL: a new token is made of the old tokens whose word vectors are nearest, across languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.landmarks import nearest
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.plan import RowPlan
from tokbench.transplant.token_vectors import paired, softmax, token_vectors
from tokbench.transplant.tokens import TokenKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokbench.transplant.auxiliary import Auxiliary
    from tokbench.transplant.method import Task


@register
@dataclass(frozen=True)
class Wechsel(Method):
    """Nearest old tokens in an aligned space of vectors.

    Raises:
        TransplantError: for a k below 1 or a temperature that is not positive.
    """

    k: int = 10
    temperature: float = 0.1
    needs: ClassVar[tuple[Need, ...]] = ("new_vectors",)
    about: ClassVar[About] = About(
        name="wechsel",
        summary="the k old tokens with the nearest word vectors, both languages' vectors aligned by a dictionary",
        formula=(
            "X, Y = old and new vectors of the dictionary's pairs (each also in lower and title case); U S Vᵀ = Yᵀ X, "
            "f' = f U Vᵀ; x = Σ_i w_i E_i over the k old tokens nearest by cosine, w = softmax(cos(f', f_i) / "
            "temperature). "
            "Without old vectors the new ones serve both sides, unturned"
        ),
        source="Minixhofer, Paischer & Rekabsaz 2022 (WECHSEL, arXiv 2112.06598)",
        parameters={"k": "how many old tokens", "temperature": "of the softmax, above 0"},
        pitfalls=(
            "The dictionary decides: fewer known pairs than dimensions leave a part of the rotation open. A token is "
            "looked up as its text, with ▁ for spaces, in byte-level letters, and as a bare word, in this "
            "order; files of "
            "words have no vector for parts of words, a callable (fastText's subwords) does. Shared tokens are copied, "
            "which the original does not do."
        ),
    )

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 < self.temperature < float("inf"):
            message = (
                f"wechsel: k={self.k}, temperature={self.temperature}; k is at least 1, a temperature above 0"
            )
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return k sources for each row, the nearest first.

        Raises:
            TransplantError: without vectors, or with old ones of another width, or without a pair of the dictionary
                that both sides know, or when no old token has a vector.
        """
        extra = task.auxiliary
        if extra is None or extra.new_vectors is None:
            message = "wechsel: give vectors of the new language's words: auxiliary=Auxiliary(new_vectors=…)"
            raise TransplantError(message)
        turn = _turn(extra)
        special = task.match.old.kinds[task.old_tokens] == TokenKind.SPECIAL
        old_ids = task.old_tokens[~special]
        old_vectors = extra.new_vectors if extra.old_vectors is None else extra.old_vectors
        olds, there = token_vectors(old_vectors, task.match.old.texts, old_ids)
        if not there.any():
            message = f"wechsel: none of the {len(old_ids)} old tokens has a vector"
            raise TransplantError(message)
        news, _ = token_vectors(extra.new_vectors, task.match.new.texts, task.targets)
        if turn is not None:
            news = (news.astype(np.float64) @ turn).astype(np.float32)
        near, cosines = nearest(news, olds[there], k=self.k, metric="cosine", report=task.report)
        weights = softmax(np.where(near >= 0, cosines / self.temperature, -1e300))
        return RowPlan.from_neighbours(
            np.where(near >= 0, old_ids[there][near], -1),
            weights,
            n_old=task.n_old,
            unplanned="the token has no word vector",
        )


def _turn(extra: Auxiliary) -> NDArray[np.float64] | None:
    """Return the rotation of new vectors into the space of the old ones; none where they share one."""
    if extra.old_vectors is None or extra.new_vectors is None:
        return None
    if not extra.dictionary:
        message = (
            "wechsel: vectors of two spaces need a bilingual dictionary: auxiliary=Auxiliary(dictionary=…)"
        )
        raise TransplantError(message)
    if extra.old_vectors.width != extra.new_vectors.width:
        message = (
            f"wechsel: old vectors of width {extra.old_vectors.width}, new ones of {extra.new_vectors.width}; "
            f"a rotation needs equal widths"
        )
        raise TransplantError(message)
    old, new, tried = paired(extra.dictionary, extra.old_vectors, extra.new_vectors)
    if not len(old):
        message = f"wechsel: of {tried} spellings of pairs in the dictionary both sides know none"
        raise TransplantError(message)
    left, _, right = np.linalg.svd(new.T @ old)
    found: NDArray[np.float64] = left @ right
    return found
