"""Rarefaction: metrics at equal amounts of text.

Everything that counts types (vocabulary use, type-token ratio, plug-in entropies) depends on how much text there is, so
languages or corpora of different sizes are compared at equal bytes, and a curve over sizes shows whether a value has
settled. The documents of each language are shuffled, the same documents first for every tokenizer and size, and taken
while they fit into the size: a smaller sample is part of every larger one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tokbench.corpus import Corpus
from tokbench.errors import MetricError
from tokbench.evaluate import Tokenizers, evaluate
from tokbench.frame import MetricFrame
from tokbench.uncertainty.resampling import stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokbench.measurement import MeasuredCorpus, Metric

METRICS = (
    "vocabulary_utilisation",
    "type_token_ratio",
    "shannon_entropy",
    "renyi_efficiency",
    "bytes_per_token",
)


def rarefaction(
    tokenizers: Tokenizers,
    corpus: MeasuredCorpus,
    sizes: Sequence[int],
    *,
    metrics: Iterable[str | Metric] = METRICS,
    seed: int = 0,
    **options: Any,
) -> MetricFrame:
    """Measure tokenizers on samples of several sizes in bytes for each language.

    Returns:
        A frame whose corpora are called ``NAME@SIZE``; `curve` puts sizes into a column. A language that has less
        text than a size is not in the corpus of that size. Holds the corpus in memory.

    Raises:
        MetricError: when no language has as much text as a size asks for, or a size is below 1.

    Example:
        >>> curve(rarefaction(tokenizer, corpus, [10_000, 100_000]))  # doctest: +SKIP
    """
    ordered = sorted(set(sizes))
    if not ordered or ordered[0] < 1:
        message = f"sizes: {list(sizes)}; whole numbers of bytes from 1 are needed"
        raise MetricError(message)
    shuffled = {language: _shuffled(corpus, language, seed) for language in corpus.languages}
    parts, provenance = [], dict[str, object]()
    for size in ordered:
        texts = {
            language: documents[: int(np.searchsorted(_ends(documents), size, "right"))]
            for language, documents in shuffled.items()
            if sum(map(len, documents)) >= size
        }
        if not texts:
            most = max((sum(map(len, documents)), language) for language, documents in shuffled.items())
            message = f"no language has {size:,} bytes of text; the most has {most[1]}: {most[0]:,}"
            raise MetricError(message)
        metadata = {language: corpus.metadata[language] for language in texts if language in corpus.metadata}
        sample = Corpus.from_texts(texts, name=f"{corpus.name}@{size}", metadata=metadata)
        frame = evaluate(tokenizers, sample, metrics=list(metrics), **options)
        parts.append(frame.frame)
        provenance = {**frame.provenance, "corpus": {"name": corpus.name, "fingerprint": corpus.fingerprint}}
    return MetricFrame(pl.concat(parts), {**provenance, "rarefaction": {"sizes": ordered, "seed": seed}})


def curve(frame: MetricFrame) -> pl.DataFrame:
    """Return the rows of `rarefaction` with the size in a column ``bytes``."""
    size = pl.col("corpus").str.extract(r"@(\d+)$").cast(pl.Int64).alias("bytes")
    return frame.frame.select("metric", "tokenizer", "by", "group", size, "value", "low", "high").sort(
        "bytes", maintain_order=True
    )


def _shuffled(corpus: MeasuredCorpus, language: str, seed: int) -> list[bytes]:
    documents = []
    for batch in corpus.batches(language):
        data, offsets = batch.data.tobytes(), batch.offsets.tolist()
        documents += [data[start:end] for start, end in pairwise(offsets)]
    order = np.random.Generator(np.random.PCG64(stream(seed, language))).permutation(len(documents))
    return [documents[at] for at in order.tolist()]


def _ends(documents: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.cumsum([len(document) for document in documents])
