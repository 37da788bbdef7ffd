"""`NgramLM`: an interpolated modified Kneser-Ney model of a tokenizer's tokens, trained on any corpus.

Two uses. As a model that needs no download: everything that reads a `TokenLM` runs with it. As an instrument:
tokenizers whose models have the same order and saw the same text are compared by the bits per byte of held-out text.

Every document begins with an id of the model's own and ends with another (the two ids after the tokenizer's), so that
the end of a text has a probability and no special token of the tokenizer is needed. Ids that are no ordinary tokens
have probability 0. Rows sum to 1 to rounding. A row depends on the last order - 1 tokens (`TokenLM.window`), which
makes all three semantics of `ByteLM` exact in time linear in the text.

Sources: Kneser & Ney 1995; Chen & Goodman 1999 (modified discounts, interpolation). Twin: `tokbench.reference.ngram`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bytelm.models import register
from tokbench.bytelm.ngram_counts import NgramCounts, count_ngrams
from tokbench.bytelm.ngram_file import read_arrays, write_arrays
from tokbench.bytelm.ngram_kernels import fill_rows, fill_scores
from tokbench.encoding import Encoding
from tokbench.errors import CorpusError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from tokbench.bytelm.token_lm import Context, TokenLM
    from tokbench.corpus import Corpus
    from tokbench.reading import Batch
    from tokbench.tokenizer import Tokenizer


@dataclass(frozen=True)
class NgramScore:
    """What held-out text costs under a model of tokens; the end of every document is predicted too.

    Attributes:
        bits: -log2 of the probability of all documents.
        n_tokens: number of tokens, ends not counted.
        n_documents: number of documents.
        n_bytes: number of bytes of their text.
    """

    bits: float
    n_tokens: int
    n_documents: int
    n_bytes: int

    @property
    def bits_per_byte(self) -> float | None:
        """Bits per byte of text, 0 and up; comparable between tokenizers. None where there is no byte."""
        return self.bits / self.n_bytes if self.n_bytes else None

    @property
    def perplexity(self) -> float | None:
        """Perplexity of a token or end, 1 and up; not comparable between tokenizers. None without documents."""
        predictions = self.n_tokens + self.n_documents
        return 2 ** (self.bits / predictions) if predictions else None


class NgramLM:
    """An n-gram model over the ids of a tokenizer.

    Attributes:
        order: length of the longest n-grams.
        vocab_size: the tokenizer's ids and two more, the end and the beginning of a document.
        counts: the trie.
        predicted: ``[vocab_size]`` which ids have a probability above 0.
        tokenizer: fingerprint of the tokenizer.
        n_tokens: number of tokens it was trained on.
        n_documents: number of documents it was trained on.

    Example:
        >>> import tokbench as tb
        >>> texts = ["the cat sat", "the cat ran", "a cat sat"]
        >>> tokenizer = tb.train(tb.count_texts({"all": texts}, "none"), vocab_size=260)
        >>> model = train_ngram(tokenizer.encode_batch(texts), tokenizer, order=3)
        >>> row = model.logprobs([[model.bos_id, *tokenizer.encode("the")]])[0]
        >>> round(float(np.exp(row).sum()), 12), tokenizer.token_bytes(int(row.argmax()))
        (1.0, b' cat ')
    """

    def __init__(
        self,
        counts: NgramCounts,
        predicted: NDArray[np.bool_],
        *,
        tokenizer: str,
        n_tokens: int,
        n_documents: int,
    ) -> None:
        self.counts = counts
        self.predicted = predicted
        self.tokenizer = tokenizer
        self.n_tokens = n_tokens
        self.n_documents = n_documents
        self.order = len(counts.levels) - 1
        self.vocab_size = len(predicted)
        self.eos_id = self.vocab_size - 2
        self.bos_id = self.vocab_size - 1
        self.control_ids = frozenset(np.flatnonzero(~predicted).tolist())
        # Levels from 1, as in the loops; row 0 is not read.
        self._discounts = np.vstack([np.zeros((1, 3)), counts.discounts[1:]])
        self._unigram = _unigram(counts, predicted)
        with np.errstate(divide="ignore"):
            self._log_unigram = np.log(self._unigram)

    @property
    def window(self) -> int:
        """How many last tokens decide a row."""
        return self.order - 1

    def logprobs(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """Return a row of natural logarithms for each context.

        A context that begins with `bos_id` is the beginning of a document; any other stands inside of one.

        Raises:
            ModelError: for an id beyond `vocab_size`.
        """
        last = np.zeros((len(contexts), self.window), dtype=np.int64)
        lengths = np.zeros(len(contexts), dtype=np.int64)
        for at, context in enumerate(contexts):
            lengths[at] = min(len(context), self.window)
            if lengths[at]:
                last[at, : lengths[at]] = context[len(context) - int(lengths[at]) :]
        if last.size and not 0 <= last.min() <= last.max() < self.vocab_size:
            message = (
                f"a context holds an id outside of 0 to {self.vocab_size - 1}; it is of another tokenizer"
            )
            raise ModelError(message)
        rows = np.empty((len(contexts), self.vocab_size))
        trie = (self.counts.first, self.counts.tokens, self.counts.counts)
        fill = fill_rows[self.counts.counts.dtype.type]
        fill(last, lengths, *trie, self._discounts, self._unigram, self._log_unigram, rows)
        return rows

    def token_logprobs(self, encoding: Encoding) -> NDArray[np.float64]:
        """Return ``[n_tokens + n_documents]`` log probabilities of every token and, after each document, its end.

        Raises:
            ModelError: for an id that the model does not predict.
        """
        ids = np.ascontiguousarray(encoding.ids)
        bad = ids[(ids >= self.vocab_size) | ~self.predicted[np.minimum(ids, self.vocab_size - 1)]]
        if bad.size:
            message = f"the encoding holds id {bad[0]}, which is no ordinary token of the model's tokenizer"
            raise ModelError(message)
        out = np.empty(len(ids) + len(encoding))
        trie = (self.counts.first, self.counts.tokens, self.counts.counts)
        fill = fill_scores[self.counts.counts.dtype.type]
        offsets = np.ascontiguousarray(encoding.offsets, dtype=np.int64)
        fill(
            ids,
            offsets,
            self.order,
            self.bos_id,
            self.eos_id,
            *trie,
            self._discounts,
            self._unigram,
            *self._sums,
            out,
        )
        return out

    @cached_property
    def _sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return, for each node, the sums of its children's counts and of their discounts."""
        first, counts = self.counts.first, self.counts.counts
        totals = np.diff(_running(counts)[first])
        n_children = [np.diff(_running(counts == j if j < 3 else counts >= j)[first]) for j in (1, 2, 3)]
        held = np.zeros(len(totals))
        for level in range(1, self.order):
            nodes = slice(self.counts.levels[level - 1], self.counts.levels[level])
            for discount, n in zip(self._discounts[level], n_children, strict=True):
                held[nodes] += discount * n[nodes]
        return totals.astype(np.float64), held

    def score(self, corpus: Corpus | Iterable[str | bytes], tokenizer: Tokenizer) -> NgramScore:
        """Return what held-out text costs: the corpus of all its languages, or documents.

        Raises:
            ModelError: when the model belongs to another tokenizer.
        """
        self.check_tokenizer(tokenizer)
        bits, n_tokens, n_documents, n_bytes = [], 0, 0, 0
        for encoding, size in _encodings(corpus, tokenizer):
            bits.append(-float(self.token_logprobs(encoding).sum()) / math.log(2))
            n_tokens += len(encoding.ids)
            n_documents += len(encoding)
            n_bytes += size
        return NgramScore(math.fsum(bits), n_tokens, n_documents, n_bytes)

    def check_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Refuse a tokenizer that the model was not trained with.

        Raises:
            ModelError: when the fingerprints differ.
        """
        if tokenizer.fingerprint != self.tokenizer:
            message = (
                f"the n-gram model was trained with another tokenizer (fingerprint {self.tokenizer}, "
                f"this one {tokenizer.fingerprint}); train one for this tokenizer"
            )
            raise ModelError(message)

    def save(self, path: str | Path) -> None:
        """Write the model to a file, whole or not at all."""
        counts = self.counts
        facts = {
            "order": self.order,
            "levels": list(counts.levels),
            "fallen_back": list(counts.fallen_back),
            "tokenizer": self.tokenizer,
            "n_tokens": self.n_tokens,
            "n_documents": self.n_documents,
        }
        arrays: dict[str, NDArray[Any]] = {
            "first": counts.first,
            "tokens": counts.tokens,
            "counts": counts.counts,
            "discounts": counts.discounts.reshape(-1),
            "predicted": self.predicted,
        }
        write_arrays(Path(path), facts, arrays)

    @classmethod
    def load(cls, path: str | Path) -> NgramLM:
        """Map a model from its file.

        Raises:
            ModelError: when the file is no n-gram model or is damaged.
            OSError: when it cannot be opened.
        """
        facts, arrays = read_arrays(Path(path))
        try:
            counts = NgramCounts(
                tuple(facts["levels"]),
                arrays["first"],
                arrays["tokens"],
                arrays["counts"],
                arrays["discounts"].reshape(-1, 3),
                tuple(facts["fallen_back"]),
            )
            return cls(
                counts,
                np.array(arrays["predicted"]),
                tokenizer=facts["tokenizer"],
                n_tokens=facts["n_tokens"],
                n_documents=facts["n_documents"],
            )
        except KeyError as error:
            message = f"{path}: its header lacks {error}; make the model again"
            raise ModelError(message) from None


def train_ngram(
    text: Corpus | Encoding | Iterable[str | bytes], tokenizer: Tokenizer, *, order: int = 3
) -> NgramLM:
    """Train an n-gram model on a corpus (all its languages), on documents, or on what a tokenizer made of them.

    Args:
        text: each of its documents stands for itself: no n-gram reaches over a border.
        tokenizer: makes the tokens; special tokens are not made from text.
        order: length of the longest n-grams, 1 to 16.

    Raises:
        ParameterError: for another order.
        CorpusError: without a document, with weighted documents, or with an id that is no ordinary token.
    """
    encoding = text if isinstance(text, Encoding) else _joined(text, tokenizer)
    _, offsets = tokenizer.token_arrays()
    special = {i for i in tokenizer.vocab.special.values() if i not in tokenizer.vocab.tokens}
    eos, bos = len(offsets) - 1, len(offsets)
    predicted = np.zeros(bos + 1, dtype=bool)
    predicted[:eos] = np.diff(offsets) > 0
    predicted[sorted(special)] = False
    bad = encoding.ids[(encoding.ids >= eos) | ~predicted[np.minimum(encoding.ids, eos)]]
    if bad.size:
        message = f"the training text holds id {bad[0]}, which is no ordinary token of the tokenizer"
        raise CorpusError(message)
    predicted[eos] = True
    counts = count_ngrams(encoding, order=order, n_ids=bos + 1, bos=bos, eos=eos)
    return NgramLM(
        counts,
        predicted,
        tokenizer=tokenizer.fingerprint,
        n_tokens=len(encoding.ids),
        n_documents=len(encoding),
    )


def _running(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the sums of the first 0, 1, … values."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _unigram(counts: NgramCounts, predicted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distribution after no context, discounted and mixed with equal shares."""
    seen = counts.counts[: len(predicted)].astype(np.float64)
    taken = np.concatenate([[0.0], counts.discounts[0]])[np.minimum(seen, 3).astype(np.int64)]
    total = seen.sum()
    mixed = (seen - taken) / total + taken.sum() / total * predicted / predicted.sum()
    return np.ascontiguousarray(mixed)


def _encodings(text: Corpus | Iterable[str | bytes], tokenizer: Tokenizer) -> Iterable[tuple[Encoding, int]]:
    """Encode a corpus batch by batch; with each the number of bytes of its text."""
    from tokbench.corpus import Corpus, batches_of

    batches: Iterable[Batch]
    if isinstance(text, Corpus):
        batches = (batch for language in text.languages for batch in text.batches(language))
    else:
        batches = batches_of(text, "documents")
    for batch in batches:
        if batch.weights is not None:
            raise CorpusError("n-gram models count every document once; open the corpus without weights")
        yield tokenizer.encode_batch(batch), len(batch.data)


def _joined(text: Corpus | Iterable[str | bytes], tokenizer: Tokenizer) -> Encoding:
    parts = [encoding for encoding, _ in _encodings(text, tokenizer)]
    if not parts:
        raise CorpusError("an n-gram model cannot be trained on no documents")
    lengths = np.concatenate([part.lengths for part in parts])
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Encoding(np.concatenate([part.ids for part in parts]), offsets)


@register("ngram", "ngram:FILE: a model that 'tokbench ngram train' wrote; needs its tokenizer")
def ngram(argument: str, tokenizer: Tokenizer | None) -> tuple[TokenLM, Tokenizer]:
    """Load an n-gram model for the tokenizer that it was trained with.

    Raises:
        ModelError: without a file or a tokenizer, or when they do not belong together.
    """
    if tokenizer is None or not argument:
        message = "model 'ngram:FILE' takes the file of a model and needs its tokenizer (--tokenizer)"
        raise ModelError(message)
    model = NgramLM.load(argument)
    model.check_tokenizer(tokenizer)
    return model, tokenizer
