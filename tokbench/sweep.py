"""`sweep`: tokenizers of many sizes from one training run.

A smaller training is a prefix of a larger one: whatever size is aimed at, each step takes the best pair. So the
run at the largest size holds all others, and each of them is equal to the tokenizer that its own run would make.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.bpe import Training
from tokbench.errors import ParameterError
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.corpus import Corpus
    from tokbench.counts import PretokenCounts


def sweep(
    source: PretokenCounts | Corpus,
    *,
    vocab_sizes: Sequence[int],
    **parameters: Any,
) -> dict[int, BpeTokenizer]:
    """Train once, at the largest size, and return a tokenizer of every size, each as `train` makes it alone.

    Args:
        source: as for `train`.
        vocab_sizes: numbers of ids, in any order.
        **parameters: as for `train`.

    Raises:
        ParameterError, ExhaustedError: as `train`.

    Example:
        >>> from tokbench.counts import PretokenCounts
        >>> counts = PretokenCounts.from_mapping({"eng": {b"low": 5, b"lower": 2, b"newest": 6}})
        >>> [tokenizer.vocab_size for tokenizer in sweep(counts, vocab_sizes=[258, 260]).values()]
        [258, 260]
    """
    if not vocab_sizes:
        message = "vocab_sizes: at least one size is needed"
        raise ParameterError(message)
    largest = train(source, vocab_size=max(vocab_sizes), **parameters)
    return {size: cut(largest, vocab_size=size) for size in sorted(set(vocab_sizes))}


def cut(tokenizer: BpeTokenizer, *, vocab_size: int) -> BpeTokenizer:
    """Return the tokenizer that the same training would have made at a smaller size.

    Raises:
        ParameterError: when the training's log is not at hand, or `vocab_size` is below what it started from.
    """
    training, model = tokenizer.training, tokenizer.model
    if training is None or training.log is None:
        message = f"{tokenizer.name}: only a tokenizer that has just been trained can be cut to a size"
        raise ParameterError(message)
    if model.method != "merges":
        message = f"{tokenizer.name}: encodes by the method {model.method!r}; only plain merges can be cut to a size"
        raise ParameterError(message)
    if model.scaffold:
        message = f"{tokenizer.name}: which tokens are scaffold depends on the size; train once for each size instead"
        raise ParameterError(message)
    n_earlier = len(model.merges) - len(training.log)
    left, right, made = model.merge_columns
    result = made.astype(np.int64)
    first = _first_new(model.vocab, result, n_earlier)
    if "stage" in training.log.columns:
        # What comes before the last stage was trained behind another pre-tokenizer.
        before = training.log.filter(training.log["stage"] < training.log["stage"].max())
        first = max([first, *(token_id + 1 for token_id in before["result"].to_list())])
    if vocab_size < first:
        message = f"vocab_size: must be at least {first}, what the training started from; got {vocab_size}"
        raise ParameterError(message)
    # After a step there are as many ids as the highest says; the run stops at the first step that is enough.
    sizes = np.maximum.accumulate(np.append(first, result[n_earlier:] + 1))
    n_steps = min(int(np.searchsorted(sizes, vocab_size)), len(training.log))
    kept = slice(0, n_earlier + n_steps)
    merges = Merges(left[kept], right[kept], made[kept])
    gone = set(result.tolist()) - set(merges.result.tolist())
    old = model.vocab
    vocab = Vocab(
        {token_id: token for token_id, token in old.tokens.items() if token_id not in gone},
        special=old.special,
        byte_fallback=old.byte_fallback,
        unknown=old.unknown,
        partial=old.partial,
    )
    return BpeTokenizer(
        replace(model, vocab=vocab, merges=merges),
        name=tokenizer.name,
        training=Training({**training.settings, "vocab_size": vocab_size}, training.log.head(n_steps)),
    )


def _first_new(vocab: Vocab, result: np.ndarray[tuple[int], np.dtype[np.int64]], n_earlier: int) -> int:
    """Return the id that the run's first new token got: all that were there before it are lower."""
    made = set(result[n_earlier:].tolist())
    earlier = {*result[:n_earlier].tolist(), *vocab.special.values(), *(vocab.byte_fallback or ())}
    return (
        max((token_id for token_id in vocab if token_id in earlier or token_id not in made), default=-1) + 1
    )
