"""Pruning: a tokenizer without the tokens that a text does not need; text that needs only kept ones is encoded alike.

Kept are the tokens that the text's encoding uses, all special and added tokens, all single bytes and byte-fallback
tokens, and, closed under merges, both parts of every merge that makes a kept token. Ids close up in their old order.

Law: a text whose old encoding holds kept tokens only has the same encoding, ids mapped. Every merge that encoding such
a text applies makes a part of a token of the result, so that it is kept; no merge is added; the order stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bpe import AddedToken, Training, merge_list
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer

BATCH = 512


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned tokenizer, and where its ids come from.

    Attributes:
        tokenizer: the new one.
        old_of: ``[n_new]``, the old id of each new id.
    """

    tokenizer: BpeTokenizer
    old_of: NDArray[np.int64]


def prune(
    tokenizer: Tokenizer,
    corpus: Corpus,
    *,
    min_count: int = 1,
    keep: Iterable[int] = (),
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Pruned:
    """Return the tokenizer without the tokens that the corpus uses less often than `min_count` times.

    Args:
        tokenizer: one that we encode ourselves, by merges.
        corpus: text in the languages that are to stay.
        min_count: how often a token must be used to stay; those below that a kept token is merged of stay too.
        keep: ids that stay whatever the corpus says.
        threads: the result does not depend on it.
        progress: called with phase, done and total.

    Raises:
        ParameterError: for another kind of tokenizer, or an id in `keep` that no token has.
        NotEncodableError: when the text holds a byte for which there is no token.

    Example:
        >>> import tokbench as tb
        >>> text = tb.Corpus.from_texts({"eng": ["low lower lowest"] * 3})
        >>> base = tb.train(tb.count(tb.Corpus.from_texts({"x": ["low yol lower yolu"] * 9}), "gpt2"), vocab_size=262)
        >>> made = prune(base, text)
        >>> made.tokenizer.vocab_size, made.tokenizer.encode("low lower").tolist() == [
        ...     made.old_of.tolist().index(i) for i in base.encode("low lower").tolist()]
        (259, True)
    """
    if not isinstance(tokenizer, BpeTokenizer) or tokenizer.model.method != "merges":
        message = f"{tokenizer.name}: a {tokenizer.kind} tokenizer; pruned are those that we encode by merges ourselves"
        raise ParameterError(message)
    model = tokenizer.model.ranked
    if model.supers is not None or model.scaffold:
        message = f"{tokenizer.name}: superwords and scaffold tokens are not pruned"
        raise ParameterError(message)
    kept = usage(tokenizer, corpus, threads=threads, progress=progress) >= min_count
    for token_id in keep:
        if token_id not in set(model.vocab):
            message = f"keep: no token has the id {token_id}"
            raise ParameterError(message)
        kept[token_id] = True
    return _pruned(tokenizer, kept, min_count)


def usage(
    tokenizer: Tokenizer,
    corpus: Corpus,
    *,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> NDArray[np.int64]:
    """Return how often each id is used in the encoding of a corpus, special tokens read as text."""
    counts = np.zeros(tokenizer.vocab.n_ids, dtype=np.int64)
    batch: list[str] = []
    total = sum(corpus.n_bytes.values())
    done = 0

    def add() -> None:
        ids = tokenizer.encode_batch(batch, threads=threads).ids
        counts[:] += np.bincount(ids, minlength=len(counts))

    for document in corpus:
        batch.append(document.text)
        done += len(document.text.encode())
        if len(batch) == BATCH:
            add()
            batch = []
            if progress is not None:
                progress("reading", done, total)
    add()
    return counts


def closed(
    kept: NDArray[np.bool_], left: NDArray[np.uint32], right: NDArray[np.uint32], result: NDArray[np.uint32]
) -> NDArray[np.bool_]:
    """Return the ids kept and, again and again, both parts of every merge that makes one.

    Example:
        >>> closed(np.array([0, 0, 0, 1], bool), *(np.array([x], dtype=np.uint32) for x in (0, 2, 3))).tolist()
        [True, False, True, True]
    """
    grown = kept.copy()
    while True:
        before = int(grown.sum())
        for a, b, c in zip(left[::-1].tolist(), right[::-1].tolist(), result[::-1].tolist(), strict=True):
            if grown[c]:
                grown[a] = grown[b] = True
        if int(grown.sum()) == before:
            return grown


def _pruned(tokenizer: BpeTokenizer, kept: NDArray[np.bool_], min_count: int) -> Pruned:
    model = tokenizer.model.ranked
    vocab = model.vocab
    always = [i for i, token in vocab.tokens.items() if len(token) == 1]
    kept[[*always, *vocab.special.values(), *(vocab.byte_fallback or ())]] = True
    left, right, result = model.merge_columns
    kept = closed(kept, left, right, result)
    old_of = np.flatnonzero(kept)
    new_of = np.full(vocab.n_ids, -1, dtype=np.int64)
    new_of[old_of] = np.arange(len(old_of))
    steps = kept[result]
    fallback = vocab.byte_fallback
    smaller = Vocab(
        {int(new_of[i]): token for i, token in vocab.tokens.items() if kept[i]},
        special={text: int(new_of[i]) for text, i in vocab.special.items()},
        byte_fallback=None if fallback is None else [int(new_of[i]) for i in fallback],
        unknown=vocab.unknown,
        partial=vocab.partial,
    )
    added = tuple(
        AddedToken(
            each.text,
            int(new_of[each.token_id]),
            special=each.special,
            normalized=each.normalized,
            lstrip=each.lstrip,
            rstrip=each.rstrip,
        )
        for each in model.added
    )
    made = replace(
        model,
        vocab=smaller,
        merges=merge_list(*(new_of[column[steps]] for column in (left, right, result))),
        added=added,
    )
    settings = {"pruned_from": tokenizer.fingerprint, "min_count": min_count, "vocab_size": len(smaller)}
    return Pruned(BpeTokenizer(made, name=tokenizer.name, training=Training(settings)), old_of)
