"""Short tokens in vocabularies of exactly a power of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import tokbench as tb
from tokbench.counts import PretokenCounts
from tokbench.errors import ParameterError
from tokbench.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

TABLE = PretokenCounts.from_mapping(
    {"eng": {b" contract": 50, b" contracts": 30, b" contractor": 9, b"rare": 1}}
)


def test_short_tokens_and_reserved_ids_fill_the_size(tmp_path: Path) -> None:
    made = tb.train(TABLE, vocab_size=300, algorithm="kl3m", special_tokens=["<s>"])
    assert made.vocab_size == made.vocab.n_ids == 512
    longest = {len(token) for token in made.vocab.tokens.values()}
    assert longest == {1, 2, 3}
    reserved = [text for text in made.special_tokens if text.startswith("<|reserved_")]
    assert reserved[0] == "<|reserved_0|>"
    assert len(reserved) == 512 - len(made.vocab.tokens) - 1
    assert made.training is not None
    assert made.training.settings["reserved"] == len(reserved)
    assert b"re" not in made.vocab  # it occurs less than ten times in itself
    text = " contractors<|reserved_7|><s>"
    assert made.decode_text(made.encode(text)) == text
    ids = made.encode(text, allowed_special="all").tolist()
    assert ids[-2:] == [made.special_tokens["<|reserved_7|>"], made.special_tokens["<s>"]]
    for name in ("a.tokbench.json", "tokenizer.json"):
        made.save(tmp_path / name)
        again = Tokenizer.load(tmp_path / name)
        assert again.vocab_size == 512
        assert again.encode(text, allowed_special="all").tolist() == ids


def test_with_enough_pairs_it_is_plain_training_up_to_a_length() -> None:
    made = tb.train(TABLE, vocab_size=257, algorithm="kl3m(pad_to=264)", max_token_length=4, min_frequency=1)
    plain = tb.train(TABLE, vocab_size=264, max_token_length=4)
    assert made.vocab.tokens == plain.vocab.tokens
    assert list(made.merges or ()) == list(plain.merges or ())
    assert not made.special_tokens


def test_wrong_sizes_and_names() -> None:
    with pytest.raises(ParameterError, match="pad_to=256 is below vocab_size=300"):
        tb.train(TABLE, vocab_size=300, algorithm="kl3m(pad_to=256)")
    with pytest.raises(ParameterError, match="names all reserved tokens alike"):
        tb.train(TABLE, vocab_size=300, algorithm='kl3m(pad="<pad>")')
    with pytest.raises(ParameterError, match="special token already"):
        tb.train(TABLE, vocab_size=300, algorithm="kl3m", special_tokens=["<|reserved_3|>"])
