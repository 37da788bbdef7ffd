"""Training algorithms, one file each; importing this package registers them.

To add one: a frozen dataclass with an ``about`` and ``train``, decorated with `tokbench.algorithm.register`, in a file
of its own here (or in another package, with an entry point of the group ``tokbench.algorithms``).
"""

from tokbench.algorithms import (
    boundless,
    boundless_one_pass,
    bpe,
    compression,
    kl3m,
    lib,
    parity,
    pathpiece,
    picky,
    root_affix,
    sage,
    scaffold,
    sentencepiece_bpe,
    supertokens,
    superword,
    unigram,
    wordpiece,
)

__all__ = [
    "boundless",
    "boundless_one_pass",
    "bpe",
    "compression",
    "kl3m",
    "lib",
    "parity",
    "pathpiece",
    "picky",
    "root_affix",
    "sage",
    "scaffold",
    "sentencepiece_bpe",
    "supertokens",
    "superword",
    "unigram",
    "wordpiece",
]
