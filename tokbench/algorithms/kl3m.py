"""Short tokens of few characters in vocabularies of exactly a power of two (the character models of KL3M)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.bpe import AddedToken, Training
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer


@register
@dataclass(frozen=True)
class Kl3m(Algorithm):
    """Plain merges up to a length, then reserved special tokens up to the size.

    Raises:
        ParameterError: for a `pad` without ``{}`` in it, which would name all reserved tokens alike.
    """

    pad_to: int | None = None
    pad: str = "<|reserved_{}|>"
    checkpoints: ClassVar[str] = "counts and merges"
    about: ClassVar[About] = About(
        name="kl3m",
        summary="tokens of at most 3 characters, padded to a power of two (4096, 8192 …)",
        definition=(
            "Plain BPE with max_token_length 3 and min_frequency 10 unless given. Where no pair is left, reserved "
            "special tokens take the ids up to the size, so that it is exact and every size has the same boundary: "
            "`pad_to`, or the smallest power of two that holds --vocab-size. The length counts bytes, or characters "
            "with --unit character. Encoding repeats the merges in their order."
        ),
        source="Bommarito, Katz, Bommarito (2025), KL3M tokenizers, arXiv 2503.17247; the length is exact here, where "
        "Hugging Face's trainer admits one more",
        export="Hugging Face tokenizer.json exactly; tiktoken without the reserved tokens",
        parameters={
            "pad_to": "the exact number of ids; none: the smallest power of two that holds --vocab-size",
            "pad": "the text of the reserved tokens, {} stands for their number from 0",
        },
    )

    def __post_init__(self) -> None:
        if "{}" not in self.pad:
            message = (
                f"kl3m: pad={self.pad!r} names all reserved tokens alike; write {{}} where their number goes"
            )
            raise ParameterError(message)

    def train(self, request: Request) -> Tokenizer:
        """Train to the padded size; every pair short enough is merged before anything is reserved."""
        known = request.settings(
            self,
            "min_frequency",
            "max_token_length",
            "initial_alphabet",
            "unit",
            "character_coverage",
            "byte_fallback",
            "unknown",
            "alphabet_order",
            "tie_break",
            "min_pretoken_count",
            "weights",
            "alpha",
            "term_weights",
        )
        size = self.pad_to if self.pad_to is not None else 1 << max(0, request.vocab_size - 1).bit_length()
        if size < request.vocab_size:
            message = f"kl3m: pad_to={size} is below vocab_size={request.vocab_size}; it is the exact size"
            raise ParameterError(message)
        made = train(
            request.counts(self.default_pretokenizer),
            vocab_size=size,
            special_tokens=request.special_tokens,
            allow_smaller=True,
            checkpoint=request.checkpoint,
            progress=request.progress,
            **{"min_frequency": 10, "max_token_length": 3, **known},
        )
        assert isinstance(made, BpeTokenizer), "plain training makes our own tokenizers"
        return self._padded(made, size)

    def _padded(self, made: BpeTokenizer, size: int) -> BpeTokenizer:
        old = made.vocab
        reserved = {
            self.pad.format(number): token_id for number, token_id in enumerate(range(old.n_ids, size))
        }
        taken = sorted(set(reserved) & set(old.special))
        if taken:
            message = f"kl3m: {taken[0]!r} is a special token already; choose another pad"
            raise ParameterError(message)
        vocab = Vocab(
            old.tokens,
            special={**old.special, **reserved},
            byte_fallback=old.byte_fallback,
            unknown=old.unknown,
            partial=old.partial,
        )
        added = (*made.model.added, *(AddedToken(text, token_id) for text, token_id in reserved.items()))
        assert made.training is not None, "training says how"
        settings = {**made.training.settings, "algorithm": ALGORITHMS.spell(self), "vocab_size": size}
        settings |= {"reserved": len(reserved)}
        return BpeTokenizer(
            replace(made.model, vocab=vocab, added=added),
            name=made.name,
            training=Training(settings, made.training.log),
        )
