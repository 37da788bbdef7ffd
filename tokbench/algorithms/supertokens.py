"""Supertokens: BPE on chunks of random length, so that frequent neighbours join across words from the start.

The paper (TokenAdapt, arXiv 2505.09738) trains BPE after a "probabilistic pre-tokenization" whose details its public
code does not hold. What stands here is ours: a border between two pretokens stays a border with a fixed
probability, drawn by a hash of the seed, the document and the place, so that neither threads nor the order of the
documents matter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.algorithm import About, Algorithm, Request, register
from tokbench.algorithms.superword import second_stage, vetoes
from tokbench.counting import Counting
from tokbench.counts import PretokenCounts
from tokbench.errors import ParameterError
from tokbench.pretokenize import Pretokenizer
from tokbench.train import train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tokbench.corpus import Batch, Corpus
    from tokbench.tokenizer import Tokenizer

ENCODING = "superbpe"
"""How text is cut for encoding: hardly. Chunks are cut like that too, so that every token can be reached."""


@register
@dataclass(frozen=True)
class Supertokens(Algorithm):
    """BPE on pretokens that are joined at random into chunks."""

    split: float = 0.3
    max_words: int | None = 4
    forbidden: str | None = ": "

    checkpoints: ClassVar[str] = ""
    about: ClassVar[About] = About(
        name="supertokens",
        summary="BPE on random chunks of pretokens: tokens that span words (TokenAdapt)",
        definition=(
            "The text is cut by the pre-tokenizer of the run. Each border between two pretokens of a document then "
            "stays with probability `split`, else its two sides join; what results is cut where superbpe cuts. A draw "
            "is a 64-bit hash of the seed, the document's bytes and the border's number, so it is the same for any "
            "number of threads and any order of documents. Plain BPE runs on these chunks from the alphabet on; a pair "
            "is discarded for ever when its token would have more than `max_words` words or would hold `forbidden`. "
            "Nothing is random in encoding: plain BPE inside of the pieces of superbpe."
        ),
        source="the idea: Sharma et al. (2025), arXiv 2505.09738 (TokenAdapt); chunk lengths are ours",
        export="Hugging Face tokenizer.json, exactly: one BPE model behind the pre-tokenizer superbpe",
        parameters={
            "split": "probability that a border between pretokens stays; 1 is plain BPE behind superbpe's borders",
            "max_words": "most words in a token; none for no limit",
            "forbidden": "text that no token holds; none for no such text",
        },
        pitfalls="Nearly all chunks are different, so counting and training take memory in proportion to the text.",
    )

    reads_text: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0.0 < self.split <= 1.0:
            message = f"supertokens: split must be above 0 and at most 1, got {self.split}"
            raise ParameterError(message)
        if self.max_words is not None and self.max_words < 1:
            message = f"supertokens: max_words must be at least 1, got {self.max_words}"
            raise ParameterError(message)
        if self.forbidden == "":
            message = (
                "supertokens: forbidden must not be empty, every token would hold it; write none instead"
            )
            raise ParameterError(message)

    def train(self, request: Request) -> Tokenizer:
        """Train; the seed is 0 unless given."""
        common = request.settings(
            self,
            "min_frequency",
            "max_token_length",
            "alphabet_order",
            "tie_break",
            "weights",
            "alpha",
            "seed",
        )
        seed = int(common.pop("seed", 0))
        alphabet = train(
            PretokenCounts.from_mapping({"none": {}}),
            vocab_size=request.vocab_size,
            special_tokens=request.special_tokens,
            alphabet_order=common.pop("alphabet_order", "gpt2"),
            allow_smaller=True,
        )
        pretokenizer = Pretokenizer(request.pretokenizer or "cl100k")
        counts = count_chunks(
            request.corpus(self), pretokenizer, split=self.split, seed=seed, threads=request.threads
        )
        return second_stage(
            alphabet,
            counts,
            vocab_size=request.vocab_size,
            vetoes=vetoes(self.max_words, self.forbidden),
            keep_absent=False,
            allow_smaller=request.allow_smaller,
            progress=request.progress,
            report={
                "algorithm": "supertokens",
                "split": self.split,
                "seed": seed,
                "first_pretokenizer": pretokenizer.spec,
            },
            **common,
        )


def count_chunks(
    corpus: Corpus, pretokenizer: Pretokenizer, *, split: float, seed: int, threads: int | None = None
) -> PretokenCounts:
    """Count the pieces into which `ENCODING` cuts the random chunks of every document."""
    counting = Counting(corpus.languages, ENCODING, strict_utf8=False, threads=threads)
    counter = counting.counter()
    for group, language in enumerate(corpus.languages):
        for batch in corpus.batches(language):
            ends = np.concatenate([[0], *_chunk_ends(batch, pretokenizer, split, seed)]).astype(np.uint64)
            counter.add_documents(group, language, batch.data, ends, None)
    return PretokenCounts(counter.finish(None), counter.pretokenizer)


def chunk_ends(document: bytes, pretokenizer: Pretokenizer, *, split: float, seed: int) -> NDArray[np.int64]:
    """Return where the random chunks of one document end.

    >>> gpt2 = Pretokenizer("gpt2")
    >>> chunk_ends(b"one two three", gpt2, split=1.0, seed=0).tolist()
    [3, 7, 13]
    >>> chunk_ends(b"one two three", gpt2, split=0.5, seed=2).tolist()
    [7, 13]
    """
    ends = pretokenizer.boundaries(document)
    key = np.frombuffer(
        hashlib.blake2b(document, digest_size=8, key=seed.to_bytes(8, "little")).digest(), "<u8"
    )
    stays = _draws(key, len(ends)) < split
    stays[-1:] = True
    return ends[stays]


def _chunk_ends(
    batch: Batch, pretokenizer: Pretokenizer, split: float, seed: int
) -> Iterator[NDArray[np.int64]]:
    data, offsets = batch.data.tobytes(), batch.offsets.tolist()
    for start, end in pairwise(offsets):
        yield start + chunk_ends(data[start:end], pretokenizer, split=split, seed=seed)


def _draws(key: NDArray[np.uint64], n: int) -> NDArray[np.float64]:
    """Return `n` numbers in [0, 1): SplitMix64 from `key` on (Steele, Lea, Flood 2014)."""
    state = key + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    draws: NDArray[np.float64] = (state ^ (state >> np.uint64(31))).astype(np.float64) / 2.0**64
    return draws
