"""Slow twins of transplantation: a row plan applied entry by entry, tokens matched by comparing every pair.

They take plain lists and numbers, and follow the rules of `tokbench.transplant.matching` and
`tokbench.transplant.apply` word by word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REGULAR, ADDED, BYTE_FALLBACK, SPECIAL, HOLE = range(5)


def apply(rows: Sequence[Sequence[tuple[int, float]]], old: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return ``new[i][j] = Σ coefficient · old[source][j]`` in double precision."""
    width = len(old[0])
    new = []
    for row in rows:
        total = [0.0] * width
        for source, coefficient in row:
            for column in range(width):
                total[column] += coefficient * old[source][column]
        new.append(total)
    return new


def match(
    new: Sequence[tuple[bytes, int, bytes | None]], old: Sequence[tuple[bytes, int, bytes | None]]
) -> list[tuple[int, str]]:
    """Return (old id or -1, class) for each new token that is not special, comparing all pairs.

    A token is (bytes, kind, second spelling or None).
    """
    result = []
    for text, kind, second in new:
        if kind == HOLE:
            result.append((-1, "hole"))
            continue
        if kind == SPECIAL:
            result.append((-1, "unmatched"))
            continue
        result.append(_one(text, kind, second, old))
    return result


def _one(
    text: bytes, kind: int, second: bytes | None, old: Sequence[tuple[bytes, int, bytes | None]]
) -> tuple[int, str]:
    for mine, theirs in ((text, 0), (text, 2), (second, 0), (second, 2)):
        if mine is None:
            continue
        found = [
            (each[1], old_id) for old_id, each in enumerate(old) if each[1] < SPECIAL and each[theirs] == mine
        ]
        if found:
            best_kind, best_id = min(found)
            rivals = sum(each_kind == best_kind for each_kind, _ in found)
            if rivals > 1 or mine is not text or theirs == 2:
                return best_id, "ambiguous"
            return best_id, "byte_fallback" if BYTE_FALLBACK in (kind, best_kind) else "exact"
    return -1, "unmatched"


def match_special(
    new: Mapping[int, tuple[bytes, tuple[str, ...]]],
    old: Mapping[int, tuple[bytes, tuple[str, ...]]],
    added: Mapping[int, bytes],
    order: Sequence[str],
) -> dict[int, int]:
    """Return new special id → old id: by role, of several the same text, the most shared roles, ending, lowest id."""
    result = {}
    for new_id, (text, roles) in new.items():
        sharing = {i: set(roles) & set(theirs) for i, (_, theirs) in old.items() if set(roles) & set(theirs)}
        if sharing:
            result[new_id] = min(
                sharing,
                key=lambda i, text=text, sharing=sharing: (  # type: ignore[misc]  # bound early on purpose
                    old[i][0] != text,
                    -len(sharing[i]),
                    "eos" not in sharing[i],
                    min(order.index(role) for role in sharing[i]),
                    i,
                ),
            )
            continue
        same = [i for i, (theirs, _) in old.items() if theirs == text]
        same += [i for i, theirs in added.items() if theirs == text]
        if same:
            result[new_id] = min(same)
    return result
