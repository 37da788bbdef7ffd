"""What a tokenizer's stream of tokens costs in bits, under codes that differ in what they know.

The number of tokens alone says little about how much of a text a vocabulary has explained: tokens of a larger or
flatter vocabulary cost more each. These codes charge for that.
"""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer
else:
    from tokbench.late import pl

CODES = ("order0", "order1", "lz78", "zstd", "xz")


def coded_bytes(ids: NDArray[np.uint32], vocab_size: int, code: str) -> float:
    """Return the bytes that a stream of tokens costs.

    ``order0``: ``n·H₀ / 8``. ``order1``: an adaptive code that knows the token before (Witten–Bell escape to order 0).
    ``lz78``: phrases, ``log₂`` of their number plus ``log₂ V`` each. ``zstd`` (level 19) and ``xz`` (preset 6): the
    library's output for ids by falling frequency, seven bits to a byte.

    Raises:
        ParameterError: for an unknown code.

    Example:
        >>> coded_bytes(np.array([1, 2] * 8, dtype=np.uint32), 4, "order0")
        2.0
    """
    if code not in CODES:
        message = f"code: {code!r} is none of {', '.join(CODES)}"
        raise ParameterError(message)
    if code == "zstd":
        return float(_rust.zstd_size(ids, 19))
    if code == "xz":
        return float(len(lzma.compress(_rust.varint(ids).tobytes(), preset=6)))
    return _rust.code_length(ids, vocab_size, code) / 8


def compare_codes(
    tokenizers: Sequence[Tokenizer], corpus: Corpus, *, codes: Sequence[str] = CODES
) -> pl.DataFrame:
    """Return tokens and coded bytes of a corpus by tokenizer: columns tokenizer, tokens and one per code.

    All documents of all languages are one stream, in the corpus's order.

    Raises:
        ParameterError: for an unknown code.
    """
    rows = []
    for tokenizer in tokenizers:
        parts = [
            tokenizer.encode_batch(batch).ids
            for language in corpus.languages
            for batch in corpus.batches(language)
        ]
        ids = np.concatenate(parts) if parts else np.zeros(0, np.uint32)
        costs = {code: coded_bytes(ids, tokenizer.vocab_size, code) for code in codes}
        rows.append({"tokenizer": tokenizer.name, "tokens": len(ids), **costs})
    return pl.DataFrame(rows)
