"""Plain byte-pair encoding behind the interface of all algorithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench.algorithm import About, Algorithm, Request, register
from tokbench.train import train

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer


@register
@dataclass(frozen=True)
class Bpe(Algorithm):
    """Merge the most frequent pair of all groups together until the vocabulary is full."""

    checkpoints: ClassVar[str] = "counts and merges"
    about: ClassVar[About] = About(
        name="bpe",
        aliases=("plain",),
        summary="plain byte-pair encoding: always merge the most frequent pair",
        definition=(
            "Start from the alphabet (256 bytes). Until the vocabulary is full, take the adjacent pair with the "
            "highest count inside pretokens, over all languages together, and replace it by a new token everywhere, "
            "leftmost first. Encoding repeats the merges in their order."
        ),
        source="Sennrich, Haddow, Birch (2016), arXiv 1508.07909; defaults as Hugging Face's BpeTrainer",
        export="Hugging Face tokenizer.json and tiktoken, exactly",
    )

    def train(self, request: Request) -> Tokenizer:
        """Train; every setting of `train` but ``dev`` and ``seed`` is known."""
        known = request.settings(
            self,
            "min_frequency",
            "max_token_length",
            "initial_alphabet",
            "limit_alphabet",
            "unit",
            "character_coverage",
            "byte_fallback",
            "unknown",
            "alphabet_order",
            "tie_break",
            "objective",
            "min_pretoken_count",
            "weights",
            "alpha",
            "term_weights",
            "start",
        )
        default = None if request.start is None else request.start.pretokenizer
        return train(
            request.counts(default or self.default_pretokenizer),
            vocab_size=request.vocab_size,
            special_tokens=request.special_tokens,
            allow_smaller=request.allow_smaller,
            checkpoint=request.checkpoint,
            progress=request.progress,
            **known,
        )
