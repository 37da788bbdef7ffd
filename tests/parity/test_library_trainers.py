"""Unigram, WordPiece and SentencePiece: equal to what the libraries themselves make, the same on every run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.errors import CorpusError, NotRepresentableError
from tokbench.formats.byte_map import printable
from tokbench.interop.sentencepiece_train import count_divisor, unigram_pieces
from tokbench.tokenizer import Tokenizer
from tokbench.training import train

RANDOM = np.random.default_rng(5)
WORDS = [
    "lower",
    "newer",
    "wider",
    "Slower",
    "low",
    "new",
    "wide",
    "widest",
    "newest",
    "geniş",
    "yeni",
    "don't",
    "a1",
    "b22",
    "...",
]
WORDS += ["".join(RANDOM.choice(list("abdeiklmnorstu"), size=6)) for _ in range(60)]
LINES = [" ".join(RANDOM.choice(WORDS, size=9)) for _ in range(300)]
CORPUS = Corpus.from_texts({"eng": LINES})


def test_wordpiece_without_prefix_is_theirs() -> None:
    """Over bytes, words apart at spaces, their trainer without a prefix."""
    theirs = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=10_000))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    theirs.train_from_iterator(
        LINES,
        trainers.WordPieceTrainer(
            vocab_size=340,
            min_frequency=0,
            special_tokens=["[UNK]"],
            continuing_subword_prefix="",
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    ours = train(CORPUS, vocab_size=340, algorithm="wordpiece", pretokenizer="gpt2", special_tokens=["[UNK]"])
    spelled = {printable(token): i for i, token in ours.vocab.tokens.items()} | {"[UNK]": 0}
    assert spelled == theirs.get_vocab()
    # Their trainer puts the default prefix back into the model; the vocabulary goes into one without.
    greedy = tokenizers.Tokenizer(
        models.WordPiece(
            vocab=spelled, unk_token="[UNK]", continuing_subword_prefix="", max_input_chars_per_word=10_000
        )
    )
    greedy.pre_tokenizer = theirs.pre_tokenizer
    for line in [*LINES[:50], "unseen wörds 中文 here"]:
        assert ours.encode(line).tolist() == greedy.encode(line).ids


def test_wordpiece_with_prefix_is_the_same_every_time(tmp_path: Path) -> None:
    made = [
        train(CORPUS, vocab_size=150, algorithm="wordpiece(prefix=##)", special_tokens=["[CLS]"])
        for _ in range(3)
    ]
    assert len({tokenizer.fingerprint for tokenizer in made}) == 1
    tokenizer = made[0]
    assert tokenizer.vocab_size == 150
    assert dict(tokenizer.special_tokens) == {"[UNK]": 0, "[CLS]": 1}
    vocab = {token.decode(): i for i, token in tokenizer.vocab.tokens.items()}
    assert {"##er", "new", "lower"} & set(vocab)
    assert tokenizer.encode("\u4e00").tolist() == [0]
    tokenizer.save(tmp_path / "tokenizer.json")
    assert (
        Tokenizer.load(tmp_path / "tokenizer.json").encode(LINES[0]).tolist()
        == tokenizer.encode(LINES[0]).tolist()
    )
    with pytest.raises(NotRepresentableError, match=r"tokenizer\.json only"):
        tokenizer.save(tmp_path / "made.tokbench.json")


def test_sentencepiece_is_theirs(tmp_path: Path) -> None:
    options: dict[str, Any] = {"model_type": "bpe", "vocab_size": 90, "bos_id": -1, "eos_id": -1}
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=written, minloglevel=2, character_coverage=0.9995,
        control_symbols=["<s>"], **options,
    )  # fmt: skip
    theirs = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    ours = train(CORPUS, vocab_size=90, algorithm="sentencepiece", special_tokens=["<s>"])
    assert [ours.vocab.token_bytes(i).decode() for i in range(90)] == [
        theirs.id_to_piece(i) for i in range(90)
    ]
    assert [ours.encode(line).tolist() for line in LINES] == theirs.encode(LINES)
    ours.save(tmp_path)
    assert Tokenizer.load(tmp_path / "tokenizer.model").fingerprint == ours.fingerprint


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char", "word"])
def test_sentencepiece_does_not_depend_on_order(kind: str) -> None:
    size = {"char": 30, "word": 20}.get(kind, 60)
    spelling = f"sentencepiece(model_type={kind})"
    made = [
        train(Corpus.from_texts({"eng": lines}), vocab_size=size, algorithm=spelling, allow_smaller=True)
        for lines in (LINES, LINES[::-1], LINES)
    ]
    assert len({tokenizer.fingerprint for tokenizer in made}) == 1


def test_sentencepiece_leaves_no_line_out() -> None:
    """The package's own default drops lines of more than 4,192 bytes without a word."""
    long = "q" * 3 + " lower" * 2000
    tokenizer = train(
        Corpus.from_texts({"eng": [long]}), vocab_size=20, algorithm="sentencepiece", allow_smaller=True,
        character_coverage=1.0,
    )  # fmt: skip
    assert any(b"q" in token for token in tokenizer.vocab.tokens.values())


def test_unigram_divides_large_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package takes time and memory in proportion to counts; the order of frequencies stays."""
    counts = count(CORPUS, "gpt2")
    assert count_divisor(counts) == 1
    monkeypatch.setattr("tokbench.interop.sentencepiece_train.MOST_BYTES", 1000)
    divisor = count_divisor(counts)
    assert divisor == -(-sum(map(len, LINES)) // 1000)
    assert len(unigram_pieces(counts, size=300, max_length=8, exactly=True)) == 300


def test_text_that_is_not_utf_8_is_named() -> None:
    for spelling in ("sentencepiece", "wordpiece(prefix=##)"):
        with pytest.raises(CorpusError, match="byte 1 is not valid UTF-8"):
            train(Corpus.from_texts({"eng": [b"a\xff"]}), vocab_size=50, algorithm=spelling)


def test_unigram_pieces_cover_all_bytes_and_count_frequencies() -> None:
    counts = count(CORPUS, "gpt2")
    pieces = unigram_pieces(counts, size=300, max_length=8, exactly=True)
    tokens = [token for token, _ in pieces]
    assert len(tokens) == len(set(tokens)) == 300
    assert {bytes([byte]) for byte in range(256)} <= set(tokens)
    assert max(map(len, tokens)) <= 8
    assert pieces == unigram_pieces(counts, size=300, max_length=8, exactly=True)
    words = dict(zip(counts.to_frame()["pretoken"], counts.to_frame()["count"], strict=True))
    rare = min(words, key=lambda word: (len(word) != 7, words[word]))
    more = PretokenCounts.from_mapping({"eng": words | {rare: 10**6}}, pretokenizer="gpt2")
    best = unigram_pieces(more, size=300, max_length=8, exactly=True)[0][0]
    assert len(best) > 3
    assert best in rare
