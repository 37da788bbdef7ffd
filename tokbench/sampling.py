"""Tokenizers that draw their encoding at random, the same one again for the same seed.

`SampledTokenizer` wraps a tokenizer of this package. What is drawn for a text depends on the seed and the text alone:
neither threads, nor batches, nor the order of the texts change it. Another sample of the same text needs another seed.
Special tokens and the pre-tokenizer act as in the tokenizer that is wrapped; decoding is its own.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from tokbench.errors import NotRepresentableError, ParameterError
from tokbench.tokenizer import BpeTokenizer, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tokbench.tokenizer import Format

Sampling = Literal["dropout", "splits", "ties", "paths"]


class SampledTokenizer(Tokenizer):
    """A tokenizer whose encoding is drawn; made by the functions of this module.

    Attributes:
        base: the tokenizer that is wrapped.
        parameter: the probability p, or α; 0 where there is none.
        seed: what is drawn depends on it.
    """

    def __init__(self, base: BpeTokenizer, sampling: Sampling, *, parameter: float, seed: int) -> None:
        if not 0 <= seed < 2**64:
            message = f"seed: {seed}; a whole number from 0 to 2^64 - 1 is needed"
            raise ParameterError(message)
        if base.model.segmenter is not None:
            message = (
                f"{base.name} cuts words into morphemes, around which no encoding is drawn; take it as it is"
            )
            raise ParameterError(message)
        self.base = base
        self.sampling: Sampling = sampling
        self.parameter = parameter
        self.seed = seed
        self.name = base.name
        self.kind = f"{base.kind}-{sampling}"
        self.vocab = base.vocab
        self.lossless = base.lossless
        self.steps = base.steps
        self.pretokenizer = base.pretokenizer
        self.unk_id = base.unk_id

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the base, the sampling and the seed."""
        drawn = f"{self.base.fingerprint}:{self.sampling}:{self.parameter!r}:{self.seed}"
        return hashlib.sha256(drawn.encode()).hexdigest()

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Text → id of the tokens that text makes only where the caller allows it."""
        return self.base.special_tokens

    def save(self, path: str | Path, *, format: Format | None = None) -> None:  # noqa: A002 - the users' word
        """Write BPE-dropout as a Hugging Face ``tokenizer.json`` with the field ``dropout``; nothing else.

        That format has no seed: who reads it draws differently every time.

        Raises:
            NotRepresentableError: for other formats and samplings, saying what to save instead.
        """
        from pathlib import Path

        target = Path(path)
        if self.sampling == "dropout" and (format or target.name) in ("huggingface", "tokenizer.json"):
            from tokbench.interop.hf import export

            export(self.base, target, dropout=self.parameter)
            return
        message = (
            f"{self.name}: a file holds a tokenizer, not a way to draw from it; save the base and name the method "
            f"when loading it (as in PATH@stochastok)"
        )
        raise NotRepresentableError(message)

    def _encode_flat(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        allowed: bool | list[int],  # noqa: FBT001 - the extension's own convention
        threads: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        def native(
            text: NDArray[np.uint8],
            ends: NDArray[np.int64],
            special: bool | list[int] = False,  # noqa: FBT001, FBT002 - the extension's own convention
        ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
            return self.base.native.sample_batch(
                text, ends, self.sampling, self.parameter, self.seed, special, threads, progress
            )

        if self.base.chain is not None:
            return self.base.chain.encode(native, data, offsets, allowed=allowed)
        return native(data, offsets, allowed)

    def _encode_spans(
        self,
        data: bytes,
        allowed: bool | list[int],  # noqa: FBT001 - the extension's own convention
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        def native(
            text: bytes,
            special: bool | list[int] = False,  # noqa: FBT001, FBT002 - the extension's own convention
        ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
            return self.base.native.sample_with_spans(text, self.sampling, self.parameter, self.seed, special)

        if self.base.chain is not None:
            return self.base.chain.encode_with_spans(native, data, allowed=allowed)
        return native(data, allowed)

    def _decode_flat(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> list[bytes]:
        return self.base._decode_flat(ids, offsets)


def bpe_dropout(tokenizer: Tokenizer, *, p: float = 0.1, seed: int = 0) -> SampledTokenizer:
    """Leave out each applicable merge with probability `p`, anew in every step.

    In a step the applicable merges are gone through by rank and place; the first that is not left out is applied;
    when all were left out, the pretoken is done. ``p=0`` is the tokenizer itself, ``p=1`` its alphabet. With p > 0
    no pretoken is looked up whole.

    Raises:
        ParameterError: unless the tokenizer merges by rank and 0 ≤ p ≤ 1.

    Source: Provilkov, Emelianenko and Voita 2020, BPE-Dropout.
    """
    base = native(tokenizer)
    if base.model.method != "merges":
        message = f"dropout leaves out merges, but {base.name} encodes by the method {base.model.method!r}"
        raise ParameterError(message)
    return SampledTokenizer(base, "dropout", parameter=_probability(p), seed=seed)


def stochastok(tokenizer: Tokenizer, *, p: float = 0.1, seed: int = 0) -> SampledTokenizer:
    """Let ⌊p · n⌋ times a random one of a text's n tokens fall into a random pair of tokens, where it can.

    ``p=0`` is the tokenizer itself. Special tokens never fall apart.

    Raises:
        ParameterError: unless the tokenizer is encoded natively and 0 ≤ p ≤ 1.

    Source: Sims et al. 2025, StochasTok.
    """
    return SampledTokenizer(native(tokenizer), "splits", parameter=_probability(p), seed=seed)


def fewest_random(tokenizer: Tokenizer, *, width: int | None = None, seed: int = 0) -> SampledTokenizer:
    """Take fewest tokens; at every place of the search one of the equally good last tokens is drawn.

    Raises:
        ParameterError: unless the tokenizer is encoded natively.

    Source: Schmidt et al. 2024, PathPiece (tie rule "random").
    """
    base = native(tokenizer)
    model = replace(base.model, method="fewest", width=width or base.model.width)
    return SampledTokenizer(BpeTokenizer(model, name=base.name), "ties", parameter=0.0, seed=seed)


def unigram_random(tokenizer: Tokenizer, *, alpha: float = 1.0, seed: int = 0) -> SampledTokenizer:
    """Draw a sequence of tokens with probability ∝ exp(α · the sum of its scores), among all that spell the pretoken.

    ``alpha=0`` draws all sequences alike; the larger α, the nearer to the best one.

    Raises:
        ParameterError: unless α is a finite number of at least 0.
        VocabError: when the tokenizer has no scores.

    Source: Kudo 2018, Subword Regularization.
    """
    base = native(tokenizer)
    if not (math.isfinite(alpha) and alpha >= 0):
        message = f"alpha: {alpha}; a finite number of at least 0 is needed"
        raise ParameterError(message)
    model = replace(base.model, method="unigram")
    return SampledTokenizer(BpeTokenizer(model, name=base.name), "paths", parameter=alpha, seed=seed)


def _probability(p: float) -> float:
    if not 0 <= p <= 1:
        message = f"p: {p}; a probability lies between 0 and 1"
        raise ParameterError(message)
    return float(p)


def native(tokenizer: Tokenizer) -> BpeTokenizer:
    """Return the tokenizer of this package that another method can be put on; of a sampled one, its base.

    Raises:
        ParameterError: for a tokenizer of another library.
    """
    if isinstance(tokenizer, SampledTokenizer):
        return tokenizer.base
    if not isinstance(tokenizer, BpeTokenizer):
        message = (
            f"{tokenizer.name} is a {tokenizer.kind} tokenizer of another library; only tokenizers that are encoded "
            f"natively can be encoded by another method"
        )
        raise ParameterError(message)
    return tokenizer
