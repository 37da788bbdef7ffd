"""Breaking scaffold tokens down, slowly: the twin of ``rust_ext/core/src/encode/scaffold.rs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def demolished(token: int, scaffold: Collection[int], merges: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return itself, or of a scaffold token the fewest parts of a merge that makes it, the first of equals.

    Source: Lian et al. 2024 (Scaffold-BPE).

    Example:
        >>> demolished(4, {3, 4}, [(0, 1, 3), (3, 2, 4)])
        [0, 1, 2]
    """
    if token not in scaffold:
        return [token]
    ways = [
        demolished(left, scaffold, merges) + demolished(right, scaffold, merges)
        for left, right, result in merges
        if result == token
    ]
    return min(ways, key=len)
