"""Bits per byte: how well a language model reads a text, whatever its tokenizer.

``bits per byte = -Σ log2 p(token | the tokens before) / Σ bytes`` over the documents, in 0 … ∞, lower is better. Bytes
do not depend on the tokenizer, so that a model can be compared with itself under another one. Documents are scored one
by one and longer ones in windows; the first token of a window is given, unless the model has a token for the
beginning, and its bytes are not counted.

The model is any callable. `tokbench.interop.causal_lm` makes one of a directory that transformers can run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import ModelError
from tokbench.frame import ALL, MetricFrame, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer

Score = Callable[[Sequence[int]], "NDArray[np.float64]"]
"""Token ids → the natural logarithm of each one's probability after those before it, for all but the first."""


@dataclass(frozen=True, eq=False)
class Reader:
    """A language model with its tokenizer.

    Attributes:
        score: the model.
        tokenizer: its tokenizer.
        first: the id that stands before every window, where the model has one.
        window: how many ids are scored at once.
    """

    score: Score
    tokenizer: Tokenizer
    first: int | None = None
    window: int = 512


def bits_of(reader: Reader, text: str | bytes) -> tuple[float, int]:
    """Return the bits that a model needs for a text, and the bytes that they are for.

    With a token for the beginning these are the bytes of the text, whatever a tokenizer adds to it or changes in it.

    Raises:
        ModelError: when the model returns another number of values, or one that is no logarithm of a probability.
    """
    ids = reader.tokenizer.encode(text).tolist()
    bits, n_bytes = 0.0, 0
    for start in range(0, len(ids), reader.window):
        part = ids[start : start + reader.window]
        given = part if reader.first is None else [reader.first, *part]
        scored = part[1:] if reader.first is None else part
        if not scored:
            continue
        logp = np.asarray(reader.score(given), dtype=np.float64)
        if logp.shape != (len(scored),) or not (logp <= 1e-6).all():
            message = (
                f"the model returned {logp.shape} values of at most {logp.max(initial=-np.inf):.4g} for {len(given)} "
                f"ids; expected {len(scored)} natural logarithms of probabilities"
            )
            raise ModelError(message)
        bits -= float(logp.sum()) / math.log(2)
        n_bytes += sum(len(reader.tokenizer.token_bytes(i)) for i in scored)
    if reader.first is not None:
        n_bytes = len(text.encode() if isinstance(text, str) else text)
    return bits, n_bytes


def bits_per_byte(
    readers: Mapping[str, Reader],
    corpus: Corpus,
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> MetricFrame:
    """Return bits per byte of several models on a text, for each language and for all, with 95 % intervals.

    The interval is a bootstrap over the documents of the ratio of sums.

    Raises:
        ModelError: see `bits_of`.

    Example:
        >>> import tokbench as tb
        >>> uniform = lambda ids: np.full(len(ids) - 1, -np.log(256))
        >>> tokenizer = tb.train(tb.count(tb.Corpus.from_texts({"x": ["abc"]}), "gpt2"), vocab_size=256)
        >>> corpus = tb.Corpus.from_texts({"x": ["hello", "a b"]})
        >>> bits_per_byte({"uniform": Reader(uniform, tokenizer)}, corpus).value("bits_per_byte")
        8.0
    """
    rows = []
    languages = list(corpus.languages)
    for done, (name, reader) in enumerate(readers.items()):
        found: dict[str, list[tuple[float, int]]] = {language: [] for language in languages}
        for document in corpus:
            found[document.language].append(bits_of(reader, document.text))
        every = [each for language in languages for each in found[language]]
        for group, values in ((ALL, every), *found.items()):
            bits, n_bytes = sum(b for b, _ in values), sum(n for _, n in values)
            low, high = _interval(values, seed)
            rows.append(
                Row(
                    tokenizer=name,
                    corpus=corpus.name,
                    group=group,
                    metric="bits_per_byte",
                    value=bits / n_bytes if n_bytes else None,
                    unit="bits/byte",
                    aggregation="ratio of sums",
                    n=len(values),
                    low=low,
                    high=high,
                    reason=None if n_bytes else "no text long enough to score",
                    direction="lower",
                    signature=(
                        f"bits_per_byte|window={reader.window}|first={reader.first}"
                        f"|tokenizer={reader.tokenizer.fingerprint[:16]}|corpus={corpus.fingerprint[:16]}|seed={seed}"
                    ),
                )
            )
        if progress is not None:
            progress("scoring", done + 1, len(readers))
    return MetricFrame.from_rows(rows)


def _interval(values: list[tuple[float, int]], seed: int) -> tuple[float | None, float | None]:
    """Bootstrap the ratio of sums over documents."""
    pairs = np.array([each for each in values if each[1]], dtype=np.float64).reshape(-1, 2)
    if len(pairs) < 2:
        return None, None
    generator = np.random.default_rng([seed, 13])
    times = generator.multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), size=1000)
    ratios = (times @ pairs[:, 0]) / (times @ pairs[:, 1])
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)
