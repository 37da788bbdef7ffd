"""BPE tokenizers cut to one vocabulary size, so that what differs is not the size.

Most metrics move with the vocabulary: a larger one compresses more, whatever it was trained on. The tokens of BPE are
ordered by their merges, so the first of them are a tokenizer themselves: what training would have given had it stopped
there (exactly so for plain BPE on the same counts). Other models have no such order and are refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bpe import BpeModel, RankedPairs, merge_list
from tokbench.errors import VocabError
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping


def truncate(tokenizer: Tokenizer, vocab_size: int) -> BpeTokenizer:
    """Return the tokenizer of the first merges, as many as give `vocab_size` tokens, special ones included.

    Ids stay as they are. Alphabet and special tokens stay too.

    Raises:
        VocabError: for a tokenizer that is no merge-by-merge BPE of ours, or a size that it cannot have.

    Example:
        >>> from tokbench.merges import Merges
        >>> vocab = Vocab([bytes([b]) for b in range(256)] + [b"ab", b"abc"])
        >>> whole = BpeTokenizer(BpeModel(vocab, Merges([97, 256], [98, 99], [256, 257]), "none"), name="tiny")
        >>> truncate(whole, 257).encode("abc").tolist()
        [256, 99]
    """
    model, merges = _mergeable(tokenizer)
    first: dict[int, int] = {}
    fixed = set(model.vocab.special.values())
    for at, (_, _, result) in enumerate(merges):
        if result not in fixed and result in model.vocab.tokens:
            first.setdefault(result, at)
    least = len(model.vocab) - len(first)
    if not least <= vocab_size <= len(model.vocab):
        message = (
            f"{tokenizer.name} has {len(model.vocab):,} tokens, {least:,} of them without a merge; it can be cut to "
            f"{least:,} … {len(model.vocab):,}, not to {vocab_size:,}"
        )
        raise VocabError(message)
    made = sorted(first, key=lambda token: first[token])
    dropped = set(made[vocab_size - least :])
    tokens = {token: data for token, data in model.vocab.tokens.items() if token not in dropped}
    old = model.vocab
    vocab = Vocab(
        tokens, special=old.special, byte_fallback=old.byte_fallback, unknown=old.unknown, partial=old.partial
    )
    columns = (merges.left, merges.right, merges.result)
    gone = np.fromiter(dropped, np.uint32, len(dropped))
    kept = ~np.logical_or.reduce([np.isin(column, gone) for column in columns])
    cut = merge_list(*(column[kept] for column in columns))
    return BpeTokenizer(replace(model, vocab=vocab, merges=cut), name=tokenizer.name)


def equal_size(tokenizers: Mapping[str, Tokenizer], vocab_size: int | None = None) -> dict[str, BpeTokenizer]:
    """Cut every tokenizer to `vocab_size`, or to the size of the smallest.

    Raises:
        VocabError: as `truncate`, naming the tokenizer.
    """
    size = vocab_size if vocab_size is not None else min(len(each.vocab) for each in tokenizers.values())
    return {name: truncate(tokenizer, size) for name, tokenizer in tokenizers.items()}


def _mergeable(tokenizer: Tokenizer) -> tuple[BpeModel, Merges | RankedPairs]:
    if not isinstance(tokenizer, BpeTokenizer):
        message = (
            f"{tokenizer.name} is a {tokenizer.kind} tokenizer of another library: its tokens have no order of merges, "
            f"so it cannot be cut to a smaller vocabulary"
        )
        raise VocabError(message)
    model = tokenizer.model.ranked
    merges = model.merges
    if model.method != "merges" or not isinstance(merges, Merges | RankedPairs):
        message = f"{tokenizer.name} encodes by {model.method}, not by merges in order: it cannot be cut by its merges"
        raise VocabError(message)
    if model.supers is not None or model.scaffold:
        message = (
            f"{tokenizer.name} has superword merges or scaffold tokens, whose order is not that of its size"
        )
        raise VocabError(message)
    return model, merges
