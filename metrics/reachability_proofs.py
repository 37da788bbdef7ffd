"""Proofs that no text produces a token, for tokenizers that this package encodes itself."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from tokbench.encoding import flatten
from tokbench.operations import Operations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.bpe import BpeModel
    from tokbench.tokenizer import BpeTokenizer


def native_proofs(tokenizer: BpeTokenizer, opened: Sequence[int]) -> dict[int, str]:
    """Prove by the normal form, then by merging each token's bytes alone.

    Example:
        >>> native_proofs(tokenizer, [300])  # doctest: +SKIP
        {300: 'merges'}
    """
    model = tokenizer.model
    proved: dict[int, str] = {}
    if model.normalizer is not None:
        form = cast(Literal["NFC", "NFD", "NFKC", "NFKD"], model.normalizer.upper())
        for token_id in opened:
            if not _is_normalized(form, tokenizer.token_bytes(token_id)):
                proved[token_id] = "normalizer"
    rest = [token_id for token_id in opened if token_id not in proved]
    if rest and merging_is_local(model):
        made_of_pretokens = set() if model.supers is None else set(model.supers.result.tolist())
        rest = [token_id for token_id in rest if token_id not in made_of_pretokens]
        alone = replace(
            model,
            pretokenizer="none",
            normalizer=None,
            prefix_space=False,
            supers=None,
            steps=(),
            segmenter=None,
        )
        encoder = alone.encoder()
        data, offsets = flatten([tokenizer.token_bytes(token_id) for token_id in rest])
        ids, rows = encoder.encode_batch(data, offsets)
        single = np.diff(rows) == 1
        first = (
            ids[np.minimum(rows[:-1], max(len(ids) - 1, 0))] if len(ids) else np.zeros(len(rest), np.uint32)
        )
        kept = single & (first == np.array(rest, np.uint32))
        proved.update(
            {token_id: "merges" for token_id, whole in zip(rest, kept.tolist(), strict=True) if not whole}
        )
    return proved


def merging_is_local(model: BpeModel) -> bool:
    """Whether merging a token's bytes alone decides if it can be made: by rank, and nothing is taken apart again.

    Where whole pretokens become tokens without merging, the bytes alone are such a pretoken: what they are not as one,
    they are nowhere.
    """
    return model.method == "merges" and not isinstance(model.merges, Operations) and not model.scaffold


def _is_normalized(form: Literal["NFC", "NFD", "NFKC", "NFKD"], token: bytes) -> bool:
    try:
        text = token.decode()
    except UnicodeDecodeError:
        return True
    # Characters that this Python knows and the normalizer's Unicode 11 does not may pass it unchanged.
    if any(unicodedata.ucd_3_2_0.category(each) == "Cn" for each in text):
        return True
    return unicodedata.is_normalized(form, text)
