"""Unigram language model over bytes, trained by the sentencepiece package and encoded natively."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.algorithms.tokens import BYTES, check_filled, ordinary_size, vocabulary
from tokbench.bpe import EMPTY_MERGES, BpeModel, Training
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import prepared

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer


@register
@dataclass(frozen=True)
class Unigram(Algorithm):
    """Prune a large vocabulary by the likelihood of the text under a model of independent tokens."""

    shrinking_factor: float = 0.75
    sub_iterations: int = 2
    seed_size: int = 1_000_000

    about: ClassVar[About] = About(
        name="unigram",
        summary="Unigram: prune a large vocabulary by the likelihood of the text",
        definition=(
            "Over the bytes of pretokens: start from the most frequent substrings; estimate the probability of each "
            "token by expectation maximization over all segmentations; drop those whose loss costs the least "
            "likelihood; repeat until the size is reached. All 256 bytes stay. Encoding takes the segmentation with "
            "the highest product of probabilities. Trained by the sentencepiece package, from counts."
        ),
        source="Kudo (2018), arXiv 1804.10959; package sentencepiece",
        export="Hugging Face tokenizer.json as Unigram",
        parameters={
            "shrinking_factor": "share of the vocabulary that each round keeps",
            "sub_iterations": "rounds of expectation maximization before tokens are dropped",
            "seed_size": "size of the first vocabulary",
        },
        pitfalls=(
            "Counts of more than 10^8 bytes of text are divided and rounded up (count_divisor in the settings), "
            "because the package takes memory for each occurrence. Ctrl-C waits for the package. Tokens have at most "
            "16 bytes unless max_token_length says otherwise. For characters, whitespace marks and normalization as "
            "SentencePiece has them, use sentencepiece(model_type=unigram)."
        ),
    )

    def __post_init__(self) -> None:
        if not 0 < self.shrinking_factor < 1:
            message = f"shrinking_factor: must be between 0 and 1, got {self.shrinking_factor}"
            raise ParameterError(message)
        if self.sub_iterations < 1 or self.seed_size < 1:
            given = f"{self.sub_iterations} and {self.seed_size}"
            message = f"sub_iterations and seed_size: must be at least 1, got {given}"
            raise ParameterError(message)

    def train(self, request: Request) -> Tokenizer:
        """Train; `max_token_length`, `min_pretoken_count`, `weights` and `alpha` are known."""
        from tokbench.interop.sentencepiece_train import count_divisor, unigram_pieces

        known = request.settings(self, "max_token_length", "min_pretoken_count", "weights", "alpha")
        size, max_length = ordinary_size(request), known.get("max_token_length", 16)
        counts, cut_off = prepared(
            request.counts(),
            min_pretoken_count=known.get("min_pretoken_count", 1),
            weights=known.get("weights"),
            alpha=known.get("alpha"),
        )
        pieces = unigram_pieces(
            counts,
            size=size,
            max_length=max_length,
            exactly=not request.allow_smaller,
            shrinking_factor=self.shrinking_factor,
            sub_iterations=self.sub_iterations,
            seed_size=self.seed_size,
        )
        check_filled(len(pieces), request, "use more text")
        score_of = dict(pieces)
        tokens = [*BYTES, *(piece for piece, _ in pieces if len(piece) > 1)]
        scores = [*[0.0] * len(request.special_tokens), *(score_of[token] for token in tokens)]
        settings = {
            "algorithm": ALGORITHMS.spell(self),
            "vocab_size": request.vocab_size,
            "pretokenizer": counts.pretokenizer,
            "special_tokens": list(request.special_tokens),
            "max_token_length": max_length,
            "count_divisor": count_divisor(counts),
            "weights": None if counts.weights is None else counts.weights.as_dict(),
            "weight_scale": 1 if counts.weights is None else counts.weights.scale,
        }
        model = BpeModel(
            vocabulary(tokens, request.special_tokens),
            EMPTY_MERGES,
            counts.pretokenizer,
            method="unigram",
            scores=tuple(scores),
        )
        return BpeTokenizer(model, name="trained", training=Training(settings | cut_off))
