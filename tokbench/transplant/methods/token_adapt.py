"""TokenAdapt: the pieces of a new token and the old tokens that mean the same, by an external text embedder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.landmarks import nearest
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.methods.subword import pieces_of
from tokbench.transplant.plan import RowPlan
from tokbench.transplant.token_vectors import softmax
from tokbench.transplant.tokens import TokenKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.transplant.auxiliary import Embed
    from tokbench.transplant.method import Task

    Row = list[tuple[int, float]]

BLOCK = 1024
"""How many texts the embedder is given at once."""


@register
@dataclass(frozen=True)
class TokenAdapt(Method):
    """Local pieces and global neighbours.

    Raises:
        TransplantError: for a parameter out of range.
    """

    g: float = 0.3
    temperature: float = 0.3
    k: int = 3
    threshold: float = 0.0
    needs: ClassVar[tuple[Need, ...]] = ("embed",)
    about: ClassVar[About] = About(
        name="token_adapt",
        summary="a mixture of the token's old pieces and of the old tokens nearest in meaning to a text embedder",
        formula=(
            "φ = text embedder, t = the token's text, p_i = its old pieces, T = temperature. local = Σ w_i E[p_i], "
            "w = softmax((softmax(cos(φ(t), φ(p_i))) + |p_i| / |t|) / 2T), lengths in bytes; global = Σ v_i E_i "
            "over the "
            "k old tokens nearest by cosine that reach the threshold, v = softmax(cos / T); x = (1 - g) local + "
            "g global, "
            "and where one is missing the other alone"
        ),
        source="Sharthak et al. 2025 (TokenAdapt, arXiv 2505.09738)",
        parameters={
            "g": "share of the global part, in 0 … 1",
            "temperature": "of both softmaxes, above 0",
            "k": "global neighbours, at least 1",
            "threshold": "least cosine of a global neighbour, in -1 … 1",
        },
        pitfalls=(
            "As good as its embedder is for parts of words; all old tokens are embedded once. Bytes that are no text "
            "have no meaning: such a piece has cosine 0, such a token has its pieces only. Embedding and head get the "
            "same weights."
        ),
        aliases=("tokenadapt",),
    )

    def __post_init__(self) -> None:
        fits = 0 <= self.g <= 1 and 0 < self.temperature < float("inf") and -1 <= self.threshold <= 1
        if not fits or self.k < 1:
            message = (
                f"token_adapt: g={self.g}, temperature={self.temperature}, k={self.k}, threshold={self.threshold}; "
                f"g is in 0 … 1, a temperature above 0, k at least 1, the threshold in -1 … 1"
            )
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return the pieces in their order, then the neighbours, the nearest first.

        Raises:
            TransplantError: without an embedder, or when it returns something else than a finite vector for each text.
        """
        if task.auxiliary is None or task.auxiliary.embed is None:
            message = "token_adapt: give a text embedder: auxiliary=Auxiliary(embed=…)"
            raise TransplantError(message)
        special = task.match.old.kinds[task.old_tokens] == TokenKind.SPECIAL
        old_ids = task.old_tokens[~special]
        old_texts = task.match.old.texts
        olds = _embedded(task, task.auxiliary.embed, [old_texts[i] for i in old_ids.tolist()], "old tokens")
        news = _embedded(task, task.auxiliary.embed, task.target_texts, "new tokens")
        if len(olds) and len(news) and olds.shape[1] != news.shape[1]:
            message = f"token_adapt: the embedder made vectors of widths {olds.shape[1]} and {news.shape[1]}"
            raise TransplantError(message)
        near, cosines = nearest(news, olds, k=self.k, metric="cosine", report=task.report)
        place = {old_id: at for at, old_id in enumerate(old_ids.tolist())}
        rows = []
        for row, ids in enumerate(pieces_of(task)):
            vectors = np.array([olds[place[i]] if i in place else np.zeros_like(news[row]) for i in ids])
            local = self._local(news[row], vectors, ids, [len(old_texts[i]) for i in ids])
            used = (near[row] >= 0) & (cosines[row] >= self.threshold)
            weights = softmax(cosines[row][used] / self.temperature) if used.any() else np.zeros(0)
            distant = list(zip(old_ids[near[row][used]].tolist(), weights.tolist(), strict=True))
            rows.append(self._mixed(local, distant))
        return RowPlan.from_rows(
            rows, n_old=task.n_old, unplanned="no old pieces, and no old token near to its meaning"
        )

    def _local(
        self, own: NDArray[np.float32], vectors: NDArray[np.float32], ids: Sequence[int], lengths: list[int]
    ) -> Row:
        if not ids:
            return []
        wide, query = vectors.astype(np.float64), own.astype(np.float64)
        norms = np.linalg.norm(wide, axis=1) * np.linalg.norm(query)
        cosines = (wide * query).sum(axis=1) / np.where(norms > 0, norms, 1.0)
        shares = np.array(lengths, dtype=np.float64) / max(1, sum(lengths))
        weights = softmax((softmax(cosines) + shares) / 2 / self.temperature)
        return list(zip(ids, weights.tolist(), strict=True))

    def _mixed(self, local: Row, distant: Row) -> Row:
        if not local or not distant:
            return local or distant
        mixed = [(i, (1 - self.g) * w) for i, w in local] + [(i, self.g * w) for i, w in distant]
        return [(i, w) for i, w in mixed if w]


def _embedded(task: Task, embed: Embed, texts: Sequence[bytes], what: str) -> NDArray[np.float32]:
    """Return a vector for each text, zeros for bytes that are no text or nothing."""
    readable, places = list[str](), list[int]()
    for place, text in enumerate(texts):
        try:
            plain = text.decode()
        except UnicodeDecodeError:
            continue
        if plain:
            readable.append(plain)
            places.append(place)
    parts = list[np.ndarray]()
    for start in range(0, len(readable), BLOCK):
        asked = readable[start : start + BLOCK]
        part = np.asarray(embed(asked), dtype=np.float32)
        if part.ndim != 2 or len(part) != len(asked):
            message = (
                f"token_adapt: the embedder returned {list(part.shape)} for {len(asked)} texts, "
                f"expected [texts, width]"
            )
            raise TransplantError(message)
        if not np.isfinite(part).all():
            row = int(np.flatnonzero(~np.isfinite(part).all(axis=1))[0])
            message = f"token_adapt: the embedder's vector of {asked[row]!r} holds a value that is not finite"
            raise TransplantError(message)
        parts.append(part)
        task.report(f"embedding {what}", start + len(asked), len(readable))
    widths = {part.shape[1] for part in parts}
    if len(widths) > 1:
        message = f"token_adapt: the embedder made vectors of widths {', '.join(map(str, sorted(widths)))}"
        raise TransplantError(message)
    found = np.zeros((len(texts), widths.pop() if widths else 1), dtype=np.float32)
    if parts:
        found[places] = np.concatenate(parts)
    return found
