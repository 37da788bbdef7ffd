"""Valid covers beyond merges over bytes: characters with fallback, whole pretokens, scaffold; all short texts."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tokbench as tb
from tests.laws.test_covers import beginnings, random_bpe, valid
from tokbench import _rust
from tokbench.bpe import BpeModel, merge_list
from tokbench.bytelm.bpe_cover import ByMerges, merges_decide
from tokbench.bytelm.scaffold_cover import ByScaffold, scaffold_decides
from tokbench.bytelm.super_cover import BySupers, supers_decide
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from tokbench.bytelm.cover import Cover

OTHERS = [bytes([byte]) for byte in b"aAx1 \t\n.'\x01\x80\xff"]


def seen(tokenizer: BpeTokenizer) -> _rust.ByteTrie:
    """The trie of all tokens that have bytes."""
    arena, offsets = tokenizer.token_arrays()
    ids = np.flatnonzero(np.diff(offsets)).astype(np.uint32)
    return _rust.ByteTrie(arena, offsets, ids)


def check(tokenizer: BpeTokenizer, cover: Cover, alphabet: list[bytes], length: int, known: int) -> None:
    """Compare the valid sequences of up to `known` units with the beginnings of all texts of up to `length`."""
    texts = [b"".join(units) for n in range(length + 1) for units in product(alphabet, repeat=n)]
    data = {text[:n] for text in texts for n in range(1, known + 1)}
    claimed = valid(cover, seen(tokenizer), tokenizer, data)
    real = beginnings(tokenizer, texts, known)
    assert real <= claimed, [tokenizer.token_bytes(token) for token in min(real - claimed)]
    for tokens in sorted(claimed - real):
        spelled = tokenizer.decode(tokens)
        longer = (
            [spelled + b"".join(more) for more in product([*alphabet, *OTHERS], repeat=n)]
            for n in range(1, 4)
        )
        assert any(tokens in beginnings(tokenizer, some, len(spelled)) for some in longer), (tokens, spelled)
    for text in texts[:200]:
        place = cover.root()
        for token in tokenizer.encode(text).tolist():
            place = cover.step(place, token)
        assert cover.ends(place)


def character_bpe(letters: str, spec: str, seed: int) -> BpeTokenizer:
    """Random merges over characters; every byte has a fallback token."""
    draw = random.Random(seed)
    tokens = [letter.encode() for letter in letters]
    steps: list[tuple[int, int, int]] = []
    for _ in range(60):
        left, right = draw.randrange(len(tokens)), draw.randrange(len(tokens))
        token = tokens[left] + tokens[right]
        if token not in tokens and len(token) <= 6 and len(steps) < 8:
            steps.append((left, right, len(tokens)))
            tokens.append(token)
    if seed % 2:
        draw.shuffle(steps)
    vocab = tb.Vocab(dict(enumerate(tokens)), byte_fallback=range(len(tokens), len(tokens) + 256))
    model = BpeModel(vocab, merge_list(*np.array(steps).T), spec, unit="character")
    return BpeTokenizer(model, name="characters")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spec", ["none", "gpt2"])
@pytest.mark.parametrize(
    ("letters", "alphabet"),
    [("ab", [b"a", b"b", b"c"]), ("aé", [b"a", b"\xc3", b"\xa9"]), ("a é", [b"a", b" ", "é".encode()])],
    ids=["ascii", "bytes", "space"],
)
def test_characters_with_fallback(letters: str, alphabet: list[bytes], spec: str, seed: int) -> None:
    tokenizer = character_bpe(letters, spec, seed)
    assert merges_decide(tokenizer)
    check(tokenizer, ByMerges(tokenizer.model, seen(tokenizer)), alphabet, 6, 4)


def test_only_text() -> None:
    """Where invalid UTF-8 has no encoding, fallback bytes must be able to spell a character without a token."""
    tokenizer = character_bpe("aé", "none", 0)
    model, trie = tokenizer.model, seen(tokenizer)
    fallback = model.vocab.byte_fallback
    assert fallback is not None
    free, text = ByMerges(model, trie), ByMerges(model, trie, text_only=True)
    a = tokenizer.vocab.id_of(b"a")
    for cover, ends in ((free, True), (text, False)):
        place = cover.step(cover.root(), fallback[0xC3])
        assert cover.ends(place) == ends
        assert cover.allows(place, a) == ends
        assert cover.allows(place, fallback[0xA8])
        assert not cover.allows(place, fallback[0xA9]), "é has a token"
        assert cover.allows(cover.root(), fallback[0xFF]) == ends


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spec", ["gpt2", "whitespace"])
def test_merges_of_whole_pretokens(spec: str, seed: int) -> None:
    alphabet = [b"a", b"b", b" "]
    base = random_bpe(alphabet, spec, seed, n_merges=8, orderly=seed % 2 == 0)
    draw = random.Random(seed)
    tokens = [base.token_bytes(token) for token in range(base.vocab.n_ids)]
    letters = sorted(
        {int(ids[0]) for ids in base.encode_batch([b"a b", b"ab a", b" a", b"bb ab"]) if len(ids)}
    )
    letters += [token for token in range(256, len(tokens)) if len(base.encode(tokens[token])) == 1]
    steps: list[tuple[int, int, int]] = []
    for _ in range(80):
        left, right = draw.choice(letters), draw.choice(letters)
        token = tokens[left] + tokens[right]
        if token not in tokens and len(token) <= 6 and len(steps) < 8:
            steps.append((left, right, len(tokens)))
            letters.append(len(tokens))
            tokens.append(token)
    model = replace(base.model, vocab=tb.Vocab(tokens), supers=tb.Merges.from_steps(steps))
    tokenizer = BpeTokenizer(model, name="supers")
    assert supers_decide(tokenizer)
    check(tokenizer, BySupers(model, seen(tokenizer)), alphabet, 7, 4)


@pytest.mark.parametrize("seed", range(8))
def test_scaffold(seed: int) -> None:
    alphabet = [b"a", b"b", b" "]
    base = random_bpe(alphabet, "gpt2" if seed % 2 else "none", seed, n_merges=12)
    draw = random.Random(seed)
    scaffold = draw.sample(range(256, base.vocab.n_ids), 5)
    tokens: list[bytes | None] = [
        None if token in scaffold else base.token_bytes(token) for token in range(base.vocab.n_ids)
    ]
    model = replace(base.model, vocab=tb.Vocab(tokens), scaffold=tuple(scaffold))
    tokenizer = BpeTokenizer(model, name="scaffold")
    assert scaffold_decides(tokenizer)
    check(tokenizer, ByScaffold(model, seen(tokenizer)), alphabet, 7, 4)
