"""SentencePiece models, trained and encoded by the sentencepiece package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.bpe import Training
from tokbench.errors import ExhaustedError, ParameterError

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer

MODEL_TYPES = ("bpe", "unigram", "char", "word")
NORMALIZATIONS = ("nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity")


@register
@dataclass(frozen=True)
class SentencePiece(Algorithm):
    """Train what Llama 2, T5 and Gemma were trained with, from lines of text."""

    model_type: str = "bpe"
    normalization: str = "nmt_nfkc"
    split_digits: bool = False
    split_by_number: bool = True
    split_by_script: bool = True
    split_by_whitespace: bool = True
    allow_whitespace_only: bool = False
    dummy_prefix: bool = True
    remove_extra_whitespace: bool = True
    shrinking_factor: float = 0.75
    sub_iterations: int = 2
    seed_size: int = 1_000_000

    reads_text: ClassVar[bool] = True
    checkpoints: ClassVar[str] = ""
    about: ClassVar[About] = About(
        name="sentencepiece",
        summary="SentencePiece: BPE or Unigram over characters, white space as a symbol",
        definition=(
            "Every line of the corpus is a sentence: normalized, its spaces written as a symbol, cut where the splits "
            "say so. model_type bpe merges the most frequent pair of characters or pieces; unigram prunes a large "
            "vocabulary by likelihood; char and word take the most frequent characters or words. Trained and encoded "
            "by the sentencepiece package; no line is left out for its length."
        ),
        source="Kudo, Richardson (2018), arXiv 1808.06226; package sentencepiece",
        export="SentencePiece .model only",
        parameters={
            "model_type": "bpe, unigram, char or word",
            "normalization": ", ".join(NORMALIZATIONS),
            "split_digits": "every digit is a piece of its own",
            "split_by_number": "no piece crosses between digits and others",
            "split_by_script": "no piece crosses between scripts",
            "split_by_whitespace": "no piece crosses a space",
            "allow_whitespace_only": "pieces of spaces alone may be longer than one",
            "dummy_prefix": "text that does not start with a space gets one",
            "remove_extra_whitespace": "runs of spaces become one, those at the ends none",
            "shrinking_factor": "unigram: share of the vocabulary that each round keeps",
            "sub_iterations": "unigram: rounds of expectation maximization before pieces are dropped",
            "seed_size": "unigram: size of the first vocabulary",
        },
        pitfalls=(
            "The unknown token has id 0, special tokens follow. The default drops and changes text (normalization, "
            "extra spaces); normalization=identity,remove_extra_whitespace=false,dummy_prefix=false with "
            "byte_fallback keeps all of it. Ctrl-C waits for the package."
        ),
        aliases=("sentencepiece_bpe",),
    )

    def __post_init__(self) -> None:
        self.check_choice(model_type=MODEL_TYPES, normalization=NORMALIZATIONS)

    def train(self, request: Request) -> Tokenizer:
        """Train; `max_token_length`, `character_coverage`, `byte_fallback` and `unknown` are known."""
        from tokbench.interop.sentencepiece_train import train_sentencepiece

        known = request.settings(self, "max_token_length", "character_coverage", "byte_fallback", "unknown")
        if request.pretokenizer is not None:
            message = "pretokenizer: SentencePiece cuts the text itself; leave it out"
            raise ParameterError(message)
        unknown = known.get("unknown", "<unk>")
        special = [text for text in request.special_tokens if text != unknown]
        given: dict[str, Any] = {
            "vocab_size": request.vocab_size,
            "character_coverage": known.get("character_coverage", 0.9995),
            "byte_fallback": known.get("byte_fallback", False),
        }
        tokenizer = train_sentencepiece(
            request.corpus(self),
            model_type=self.model_type,
            hard_vocab_limit=not request.allow_smaller,
            max_sentencepiece_length=known.get("max_token_length", 16),
            normalization_rule_name=self.normalization,
            split_digits=self.split_digits,
            split_by_number=self.split_by_number,
            split_by_unicode_script=self.split_by_script,
            split_by_whitespace=self.split_by_whitespace,
            allow_whitespace_only_pieces=self.allow_whitespace_only,
            add_dummy_prefix=self.dummy_prefix,
            remove_extra_whitespaces=self.remove_extra_whitespace,
            shrinking_factor=self.shrinking_factor,
            num_sub_iterations=self.sub_iterations,
            seed_sentencepiece_size=self.seed_size,
            unk_id=0,
            unk_piece=unknown,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            control_symbols=special,
            **given,
        )
        if tokenizer.vocab_size < request.vocab_size and not request.allow_smaller:
            message = (
                f"vocabulary size {request.vocab_size} asked for, {tokenizer.vocab_size} possible: use more text, or "
                f"pass allow_smaller"
            )
            raise ExhaustedError(message)
        settings = {
            "algorithm": ALGORITHMS.spell(self),
            "special_tokens": special,
            "unknown": unknown,
            **given,
        }
        tokenizer.training = Training(settings)
        return tokenizer
