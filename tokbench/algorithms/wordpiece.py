"""WordPiece: the vocabulary of byte-pair encoding, encoded by the longest token that fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.algorithms.tokens import ordinary_size
from tokbench.bpe import EMPTY_MERGES, Training
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer


@register
@dataclass(frozen=True)
class WordPiece(Algorithm):
    """Merge frequent pairs, keep the tokens, forget the merges."""

    prefix: str | None = None
    lowercase: bool = False
    max_characters: int = 100

    about: ClassVar[About] = About(
        name="wordpiece",
        summary="WordPiece: BPE's vocabulary, encoded by the longest token that fits",
        definition=(
            "The vocabulary is that of byte-pair encoding, which is what public WordPiece trainers do (the original "
            "one, by likelihood, was never published). Encoding takes the longest token that fits, from left to "
            "right. Without a prefix it works on bytes and is encoded natively; with prefix=## it is BERT's: "
            "characters, words of BERT's pre-tokenizer, tokens inside of a word marked by the prefix, an unknown "
            "token for words that cannot be spelled, trained and encoded by the tokenizers package."
        ),
        source="Schuster, Nakajima (2012); Wu et al. (2016), arXiv 1609.08144; package tokenizers",
        export="Hugging Face tokenizer.json, exactly",
        parameters={
            "prefix": "what marks tokens inside of a word, such as ##; none: bytes without any mark",
            "lowercase": "with a prefix: lower-case the text and strip accents first",
            "max_characters": "with a prefix: longer words become the unknown token",
        },
        pitfalls="With a prefix the tokenizer is not lossless: white space is dropped, unknown words are lost.",
    )

    def __post_init__(self) -> None:
        if self.prefix is None and (self.lowercase or self.max_characters != 100):
            message = "lowercase and max_characters mean nothing without a prefix; write prefix=## or leave them out"
            raise ParameterError(message)
        if self.prefix == "" or self.max_characters < 1:
            message = f"prefix and max_characters: {self.prefix!r} and {self.max_characters} cannot be used"
            raise ParameterError(message)

    @property
    def reads_text(self) -> bool:  # type: ignore[override]  # counts are enough without a prefix only
        """Whether it needs the running text: BERT's pre-tokenizer cuts it anew."""
        return self.prefix is not None

    def train(self, request: Request) -> Tokenizer:
        """Train; plain BPE's settings are known, with a prefix `min_frequency` and `unknown`."""
        if self.prefix is not None:
            return self._with_prefix(request, self.prefix)
        known = request.settings(
            self,
            "min_frequency",
            "max_token_length",
            "alphabet_order",
            "tie_break",
            "min_pretoken_count",
            "weights",
            "alpha",
        )
        ordinary_size(request)
        base = train(
            request.counts(),
            vocab_size=request.vocab_size,
            special_tokens=request.special_tokens,
            allow_smaller=request.allow_smaller,
            progress=request.progress,
            **known,
        )
        assert base.training is not None
        model = replace(base.model, merges=EMPTY_MERGES, method="longest")
        settings = dict(base.training.settings) | {"algorithm": ALGORITHMS.spell(self)}
        return BpeTokenizer(model, name="trained", training=Training(settings, base.training.log))

    def _with_prefix(self, request: Request, prefix: str) -> Tokenizer:
        from tokbench.interop.hf_train import train_wordpiece

        known = request.settings(self, "min_frequency", "unknown")
        if request.checkpoint is not None:
            message = (
                "checkpoint: with a prefix tokenizers trains, which keeps nothing on the way; leave it out"
            )
            raise ParameterError(message)
        if request.pretokenizer is not None:
            message = "pretokenizer: with a prefix BERT's own pre-tokenizer cuts the text; leave it out"
            raise ParameterError(message)
        options = {
            "vocab_size": request.vocab_size,
            "unknown": known.get("unknown", "[UNK]"),
            "special_tokens": list(request.special_tokens),
            "min_frequency": known.get("min_frequency", 1),
        }
        tokenizer = train_wordpiece(
            request.corpus(self),
            prefix=prefix,
            lowercase=self.lowercase,
            max_characters=self.max_characters,
            allow_smaller=request.allow_smaller,
            **options,
        )
        tokenizer.training = Training({"algorithm": ALGORITHMS.spell(self), **options})
        return tokenizer
