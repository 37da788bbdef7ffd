"""Merging whole pretokens, slowly: the twin of ``rust_ext/core/src/encode/supers.rs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.reference.encode import merge_lowest_rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def merged_runs(pretokens: Iterable[Sequence[int]], supers: Iterable[tuple[int, int, int]]) -> list[int]:
    """Return a document's ids: in every longest run of pretokens that are one token each, tokens merge by rank.

    Source: Schmidt et al. 2025 (BoundlessBPE).

    Example:
        >>> merged_runs([[5], [6], [1, 2], [5], [6]], [(5, 6, 9)])
        [9, 1, 2, 9]
    """
    table: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, (left, right, result) in enumerate(supers):
        table.setdefault((left, right), (rank, result))
    out: list[int] = []
    run: list[int] = []
    for ids in [*pretokens, []]:
        if len(ids) == 1:
            run.extend(ids)
            continue
        out += merge_lowest_rank(run, lambda left, right: table.get((left, right)))
        out += ids
        run = []
    return out
