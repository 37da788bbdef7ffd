"""Training with the ``tokenizers`` package: WordPiece with a continuation prefix, as BERT has it."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import ExhaustedError, ParameterError
from tokbench.interop.hf import HuggingFaceTokenizer, _package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokbench.corpus import Corpus


def train_wordpiece(
    corpus: Corpus,
    *,
    vocab_size: int,
    prefix: str,
    unknown: str,
    special_tokens: Sequence[str],
    lowercase: bool,
    min_frequency: int,
    max_characters: int,
    allow_smaller: bool,
) -> HuggingFaceTokenizer:
    """Return a WordPiece tokenizer with BERT's normalizer and pre-tokenizer.

    The package numbers symbols with a prefix in the order of a hash map, which differs from run to run and decides
    ties; so they are given to it in order of their code points.

    Raises:
        CorpusError: for text that is not UTF-8.
        ParameterError: when `vocab_size` does not hold special tokens and alphabet.
        ExhaustedError: when there are not enough pairs, unless `allow_smaller`.
    """
    package = _package()
    special = [*([] if unknown in special_tokens else [unknown]), *special_tokens]
    normalizer = package.normalizers.BertNormalizer(lowercase=lowercase)
    cutter = package.pre_tokenizers.BertPreTokenizer()
    first: set[str] = set()
    later: set[str] = set()
    words: Counter[str] = Counter()
    for document in corpus:
        words.update(word for word, _ in cutter.pre_tokenize_str(normalizer.normalize_str(document.text)))
    for word in words:
        first.add(word[0])
        later.update(word[1:])
    least = len(special) + len(first | later) + len(later)
    if vocab_size < least:
        message = (
            f"vocab_size: must be at least {least}, the special tokens and the alphabet with and without {prefix!r}; "
            f"got {vocab_size}"
        )
        raise ParameterError(message)
    trained = package.Tokenizer(package.models.WordPiece(unk_token=unknown, continuing_subword_prefix=prefix))
    trained.normalizer, trained.pre_tokenizer = normalizer, cutter
    trainer = package.trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=[*special, *(prefix + symbol for symbol in sorted(later))],
        continuing_subword_prefix=prefix,
        show_progress=False,
    )
    trained.train_from_iterator(_texts(corpus), trainer)
    vocab: dict[str, int] = trained.get_vocab(with_added_tokens=True)
    if len(vocab) < vocab_size and not allow_smaller:
        message = (
            f"vocabulary size {vocab_size} asked for, {len(vocab)} possible: no pair is left that occurs at least "
            f"{max(1, min_frequency)} times; use more text, or pass allow_smaller"
        )
        raise ExhaustedError(message)
    made = package.Tokenizer(
        package.models.WordPiece(
            vocab=vocab,
            unk_token=unknown,
            continuing_subword_prefix=prefix,
            max_input_chars_per_word=max_characters,
        )
    )
    made.normalizer, made.pre_tokenizer = normalizer, cutter
    made.decoder = package.decoders.WordPiece(prefix=prefix)
    made.add_special_tokens([package.AddedToken(text, special=True, normalized=False) for text in special])
    with tempfile.TemporaryDirectory(prefix="tokbench-") as folder:
        path = Path(folder) / "tokenizer.json"
        made.save(str(path))
        return HuggingFaceTokenizer(path, name="trained")


def _texts(corpus: Corpus) -> Iterator[Any]:
    for document in corpus:
        yield document.text
