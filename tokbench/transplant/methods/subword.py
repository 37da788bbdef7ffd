"""A new token is put together from the pieces that the old tokenizer makes of its text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import NotEncodableError, TransplantError
from tokbench.transplant.method import About, Method, choose, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.method import Role, Task

PIECES = ("mean", "sum", "weighted", "first_last", "decay")


@register
@dataclass(frozen=True)
class Subword(Method):
    """The pieces' rows, combined.

    Raises:
        TransplantError: for an unknown way, or a decay outside of 0 … 1.
    """

    pieces: str = "mean"
    weight: str = "length"
    decay: float = 0.5
    about: ClassVar[About] = About(
        name="subword",
        summary="the rows of the pieces that the old tokenizer makes of the token's text, combined",
        formula=(
            "p_1 … p_m = old tokenizer of the token's text; x = Σ_i w_i E[p_i]. mean: w_i = 1/m. sum: w_i = 1. "
            "weighted, weight=length: w_i ∝ bytes of p_i; weight=position: embedding w_i ∝ i (the last piece, which "
            "the model has read last, weighs most), head w_i ∝ m + 1 - i (the first piece is what it would write). "
            "first_last: embedding p_m, head p_1. decay: embedding p_m, head w_i ∝ decay^(i-1)"
        ),
        source=(
            "mean: FVT (Gee et al. 2022), ReTok (Gu et al. 2024); weighted and first_last: the ideas of "
            "mergekit-tokensurgeon, with the directions that its documentation states; decay: "
            "jukofyork/transplant-vocab"
        ),
        parameters={
            "pieces": "mean, sum, weighted, first_last or decay",
            "weight": "with weighted: length or position",
            "decay": "with decay: the ratio of neighbouring weights, in 0 … 1",
        },
        pitfalls=(
            "A token that is no text on its own (part of a character) is read byte by byte where the old vocabulary "
            "has bytes, else it is left to the fallback."
        ),
        aliases=("fvt", "retok"),
    )

    def __post_init__(self) -> None:
        choose(self, "pieces", self.pieces, PIECES)
        choose(self, "weight", self.weight, ("length", "position"))
        if not 0 < self.decay <= 1:
            message = f"subword: decay={self.decay}; it is in 0 … 1"
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return one source for each piece, in their order."""
        cut = pieces_of(task)
        rows = [self._row(each, task.role, task) for each in cut]
        return RowPlan.from_rows(
            rows, n_old=task.n_old, unplanned="the old tokenizer has no pieces for its bytes"
        )

    def _row(self, ids: Sequence[int], role: Role, task: Task) -> list[tuple[int, float]]:
        if not ids:
            return []
        m = len(ids)
        place = np.arange(1, m + 1, dtype=np.float64)
        weights = np.ones(m)
        if self.pieces == "weighted":
            texts = task.match.old.texts
            lengths = np.array([max(1, len(texts[i])) for i in ids], dtype=np.float64)
            position = place if role == "embedding" else m + 1 - place
            weights = lengths if self.weight == "length" else position
        elif self.pieces == "first_last" or (self.pieces == "decay" and role == "embedding"):
            return [(ids[-1] if role == "embedding" else ids[0], 1.0)]
        elif self.pieces == "decay":
            weights = self.decay ** (place - 1)
        if self.pieces != "sum":
            weights = weights / weights.sum()
        return list(zip(ids, weights.tolist(), strict=True))


def pieces_of(task: Task) -> list[list[int]]:
    """Return the old ids of every target's text; nothing where the old tokenizer cannot spell it.

    The unknown token is no piece. A piece without a usable row falls apart: into the two tokens that were merged into
    it, or else into the longest usable tokens from the left. A space that the old tokenizer puts before every text is
    taken away again: the text of a token says itself whether it begins with one.
    """
    unknown = task.old_tokenizer.unk_id
    usable = np.zeros(len(task.match.old), dtype=bool)
    usable[task.old_tokens] = True
    apart = _Apart(task, usable)
    found = []
    for number, text in enumerate(task.target_texts):
        ids = spell_in(task.old_tokenizer, text, task.match.old.texts)
        parts = [[i] if usable[i] else apart.parts(i) for i in ids if i != unknown]
        found.append([i for part in parts for i in part] if len(parts) == len(ids) and all(parts) else [])
        if number % 4096 == 0:
            task.report("reading", number, len(task.targets))
    return found


class _Apart:
    """Tokens without a usable row, in smaller ones."""

    def __init__(self, task: Task, usable: NDArray[np.bool_]) -> None:
        self._texts, self._usable = task.match.old.texts, usable
        self._known: dict[int, list[int]] = {}
        merges = task.old_tokenizer.merges
        self._merged = {} if merges is None else {result: (left, right) for left, right, result in merges}

    @cached_property
    def _by_text(self) -> dict[bytes, int]:
        return {self._texts[i]: i for i in np.flatnonzero(self._usable)[::-1].tolist() if self._texts[i]}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._by_text), default=0)

    def parts(self, token_id: int) -> list[int]:
        """Return usable tokens that spell a token's bytes, or nothing."""
        if token_id not in self._known:
            both = [[i] if self._usable[i] else self.parts(i) for i in self._merged.get(token_id, ())]
            merged = [i for part in both for i in part] if all(both) else []
            self._known[token_id] = merged or self._from_left(self._texts[token_id])
        return self._known[token_id]

    def _from_left(self, text: bytes) -> list[int]:
        ids, at = list[int](), 0
        while at < len(text):
            for length in range(min(self._longest, len(text) - at), 0, -1):
                if text[at : at + length] in self._by_text:
                    ids.append(self._by_text[text[at : at + length]])
                    at += length
                    break
            else:
                return []
        return ids


def spell_in(tokenizer: Tokenizer, text: bytes, texts: Sequence[bytes]) -> list[int]:
    """Return the ids that a tokenizer makes of a token's bytes, without a space that it adds in front."""
    try:
        ids: list[int] = tokenizer.encode(text).tolist()
    except NotEncodableError:
        return _by_bytes(tokenizer, text, texts)
    if b"".join(texts[i] for i in ids) == b" " + text:
        return _without_space(ids, texts) or _without_prefix(tokenizer, text, texts) or ids
    return ids


def _without_space(ids: list[int], texts: Sequence[bytes]) -> list[int]:
    """Drop a first piece that is the added space alone."""
    return ids[1:] if texts[ids[0]] == b" " and len(ids) > 1 else []


def _without_prefix(tokenizer: Tokenizer, text: bytes, texts: Sequence[bytes]) -> list[int]:
    """Encode behind a line break, where no word begins, and take the line break away again."""
    try:
        ids = tokenizer.encode(b"\n" + text).tolist()
    except NotEncodableError:
        return []
    joined = b""
    for place, token_id in enumerate(ids):
        joined += texts[token_id]
        if joined in (b"\n", b" \n"):
            rest = ids[place + 1 :]
            return rest if b"".join(texts[i] for i in rest) == text else []
    return []


def _by_bytes(tokenizer: Tokenizer, text: bytes, texts: Sequence[bytes]) -> list[int]:
    """Spell bytes that are no text in the vocabulary's tokens of single bytes."""
    single = {byte: i for i, byte in tokenizer.fallback_bytes.items()}
    if not single:
        single = {texts[i][0]: i for i in tokenizer.vocab.tokens if len(texts[i]) == 1}
    return [single[byte] for byte in text] if all(byte in single for byte in text) else []
