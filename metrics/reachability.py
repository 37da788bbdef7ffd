"""Which ids some text yields: each one counted here is proven by a text that encodes to it.

A token is tried on its own bytes, alone and beside guards that a merge or a pre-tokenizer may need: a tokenizer that
puts a space before the text yields ``the`` only after another character. The result is a lower bound: an id without a
witness among these texts may still have another. Special tokens, which text never yields, are not reachable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import NotEncodableError
from tokbench.metrics import kernels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tokbench.measurement import MeasuredTokenizer

GUARDS = (
    (b"", b""),
    (b"a", b""),
    (b"a", b"a"),
    (b"1", b""),
    (b"\n", b""),
    (b" ", b""),
    (b"", b" "),
    (b".", b""),
    (b"", b"."),
)
"""What stands before and after the token's bytes."""


def reachable_ids(tokenizer: MeasuredTokenizer) -> NDArray[np.bool_]:
    """Return for each id whether one of the texts tried yields it."""
    arena, places = tokenizer.token_arrays()
    found = np.zeros(len(places) - 1, bool)
    special = np.array(sorted(tokenizer.special_tokens.values()), np.int64)
    if tokenizer.unk_id is not None:
        found[tokenizer.unk_id] = True
    data = arena.tobytes()
    lengths = np.diff(places)
    for before, after in GUARDS:
        left = np.flatnonzero(~found & (lengths > 0))
        left = left[~np.isin(left, special)]
        if len(left) == 0:
            break
        texts = [before + data[places[token] : places[token + 1]] + after for token in left.tolist()]
        ids, offsets = _encoded(tokenizer, texts)
        found[left[kernels.documents_with(ids, offsets, left)]] = True
    found[special] = False
    return found


def _encoded(
    tokenizer: MeasuredTokenizer, texts: list[bytes]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Encode texts, those that the tokenizer cannot encode as nothing."""
    try:
        rows = tokenizer.encode_batch(texts)
        return rows.ids, rows.offsets
    except (NotEncodableError, UnicodeDecodeError):
        pass
    ids: list[NDArray[np.uint32]] = []
    for text in texts:
        try:
            ids.append(tokenizer.encode_batch([text]).ids)
        except (NotEncodableError, UnicodeDecodeError):
            ids.append(np.zeros(0, np.uint32))
    return _flat(ids)


def _flat(rows: Iterable[NDArray[np.uint32]]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    held = list(rows)
    offsets = np.zeros(len(held) + 1, np.int64)
    np.cumsum([len(row) for row in held], out=offsets[1:])
    return np.concatenate([np.zeros(0, np.uint32), *held]), offsets
