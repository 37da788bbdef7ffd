"""Vocabularies that cannot spell every byte: what only other bytes would make of a text is not valid."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import tokbench as tb
from tests.laws.test_covers import beginnings, trie_of, valid
from tokbench.bpe import BpeModel, merge_list
from tokbench.bytelm.bpe_cover import ByMerges
from tokbench.bytelm.word_cover import ByWords
from tokbench.tokenizer import BpeTokenizer

CASES = [
    ("gpt2", b" \n"),
    ("cl100k", b" \n"),
    ("o200k", b"a'"),
    ("llama3", b" ."),
    ("digits:r2l3", b"12"),
    ("bert", b"a."),
]


def partial_bpe(spec: str, alphabet: bytes) -> BpeTokenizer:
    """Both letters and the four pairs of them."""
    tokens = [bytes([byte]) for byte in alphabet]
    steps = [(left, right, 2 + 2 * left + right) for left, right in product(range(2), repeat=2)]
    tokens += [tokens[left] + tokens[right] for left, right, _ in steps]
    model = BpeModel(tb.Vocab(tokens, partial=True), merge_list(*np.array(steps).T), spec)
    return BpeTokenizer(model, name=spec)


@pytest.mark.parametrize(("spec", "alphabet"), CASES)
@pytest.mark.parametrize("method", ["merges", "longest"])
def test_valid_is_what_spelled_texts_begin_with(spec: str, alphabet: bytes, method: str) -> None:
    tokenizer = partial_bpe(spec, alphabet).with_method(method)
    assert isinstance(tokenizer, BpeTokenizer)
    trie = trie_of(tokenizer)
    cover = ByMerges(tokenizer.model, trie) if method == "merges" else ByWords(tokenizer.model, trie)
    texts = [bytes(units) for n in range(10) for units in product(alphabet, repeat=n)]
    known = {text for text in texts if 0 < len(text) <= 5}
    assert valid(cover, trie, tokenizer, known) == beginnings(tokenizer, texts, 5)
