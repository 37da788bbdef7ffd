"""A new token is made of the old tokens that cover the same places of text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import NotEncodableError, TransplantError
from tokbench.transplant.method import About, Method, Need, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.method import Task

    Cover = tuple[int, ...]


@register
@dataclass(frozen=True)
class Align(Method):
    """Both tokenizers on the same text.

    Raises:
        TransplantError: for a least count below 1.
    """

    least: int = 1
    needs: ClassVar[tuple[Need, ...]] = ("text",)
    about: ClassVar[About] = About(
        name="align",
        summary="the old tokens that overlap the new one in text, by how often each such tuple occurs",
        formula=(
            "for each place where the text has the new token: c = the old tokens whose bytes overlap it; "
            "x = Σ_c n(c) / N · mean of the rows of c, n(c) = how often that tuple occurred, N = Σ n(c)"
        ),
        source="the Align method of lowres-cve (vocabulary expansion for low-resource languages)",
        parameters={"least": "tuples that occur less often are left out, at least 1"},
        pitfalls=(
            "Only tokens that the text holds get rows, the others are left to the fallback. Old tokens that "
            "reach beyond "
            "the new one count in full. A tuple with the unknown token or with a row that is not usable does not count."
        ),
    )

    def __post_init__(self) -> None:
        if self.least < 1:
            message = f"align: least={self.least}; it is at least 1"
            raise TransplantError(message)

    def plan(self, task: Task) -> RowPlan:
        """Return the sources of each row, those of the most frequent tuple first.

        Raises:
            TransplantError: without text, or when a document cannot be encoded, naming it.
        """
        counts = covers(task)
        rows = []
        for new_id in task.targets.tolist():
            found = [(cover, n) for cover, n in counts.get(new_id, Counter()).items() if n >= self.least]
            total = sum(n for _, n in found)
            weights = dict[int, float]()
            for cover, n in sorted(found, key=lambda each: (-each[1], each[0])):
                for source in cover:
                    weights[source] = weights.get(source, 0.0) + n / total / len(cover)
            rows.append(list(weights.items()))
        return RowPlan.from_rows(
            rows, n_old=task.n_old, unplanned="the text does not hold the token, or not often enough"
        )


def covers(task: Task) -> dict[int, Counter[Cover]]:
    """Return for each target how often which usable old tokens overlap it."""
    if task.text is None:
        message = "align: give text in the languages of the new tokenizer: text=CORPUS"
        raise TransplantError(message)
    wanted = np.zeros(len(task.match.new), dtype=bool)
    wanted[task.targets] = True
    usable = np.zeros(max(len(task.match.old), task.n_old), dtype=bool)
    usable[task.old_tokens] = True
    if task.old_tokenizer.unk_id is not None:
        usable[task.old_tokenizer.unk_id] = False
    counts = dict[int, Counter["Cover"]]()
    total = sum(task.text.sizes.values())
    for number, document in enumerate(task.text):
        new = _spans(task.new_tokenizer, document.data, document.id, "new")
        old = _spans(task.old_tokenizer, document.data, document.id, "old")
        for new_id, cover in _overlaps(*new, *old, wanted):
            if usable[list(cover)].all():
                counts.setdefault(new_id, Counter())[cover] += 1
        if number % 256 == 0 or number + 1 == total:
            task.report("aligning", number + 1, total)
    return counts


def _spans(
    tokenizer: Tokenizer, data: bytes, name: str, which: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ids and byte spans, those without bytes left out."""
    try:
        ids, spans = tokenizer.encode_with_offsets(data)
    except NotEncodableError as error:
        message = f"align: {name}: the {which} tokenizer cannot read it: {error}"
        raise TransplantError(message) from error
    kept = spans[:, 1] > spans[:, 0]
    return ids[kept].astype(np.int64), spans[kept]


def _overlaps(
    new_ids: NDArray[np.int64],
    new_spans: NDArray[np.int64],
    old_ids: NDArray[np.int64],
    old_spans: NDArray[np.int64],
    wanted: NDArray[np.bool_],
) -> Iterator[tuple[int, Cover]]:
    """Yield each wanted new token with the old ones that share a byte with it."""
    at = np.flatnonzero(wanted[new_ids])
    # Ends and starts rise, except that tokens made of one changed stretch of text may share a span.
    first = np.searchsorted(old_spans[:, 1], new_spans[at, 0], side="right")
    last = np.searchsorted(old_spans[:, 0], new_spans[at, 1], side="left")
    for new_id, start, end in zip(new_ids[at].tolist(), first.tolist(), last.tolist(), strict=True):
        if end > start:
            yield new_id, tuple(old_ids[start:end].tolist())
