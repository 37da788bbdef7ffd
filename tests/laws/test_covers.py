"""The valid covers are exactly the beginnings of encodings: all short texts over small alphabets, many vocabularies."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

import tokbench as tb
from tokbench import _rust
from tokbench.bpe import BpeModel, merge_list
from tokbench.bytelm.bpe_cover import ByMerges, merges_decide
from tokbench.bytelm.cover import Cover, Place
from tokbench.tokenizer import BpeTokenizer

LETTERS = [b"a", b"b", b"c"]
WORDS = [b"a", b" ", b"'", b"s", b"1", b"\n"]
LINES = [b"a", b" ", b"\r", b"\n", b"."]
BYTES = [b"a", b"\xc3", b"\xa9", b" ", b"\xcc\x81"]
NUMBERS = [b"1", b"2", b"a", b" "]
OTHERS = [
    *(bytes([byte]) for byte in b"aAs13b \t\r\n.'/\x01\x80\x91\xa9\xb1\xff"),
    *(character.encode() for character in "中\u0301α"),
]


def random_bpe(
    alphabet: list[bytes],
    pretokenizer: str,
    seed: int,
    *,
    n_merges: int = 14,
    orderly: bool = True,
    whole: bool = False,
) -> BpeTokenizer:
    """A tokenizer with random merges of what the alphabet is made of, in the order of making or in any."""
    draw = random.Random(seed)
    tokens = [bytes([byte]) for byte in range(256)]
    known = sorted({byte for unit in alphabet for byte in unit})
    steps: list[tuple[int, int, int]] = []
    while len(steps) < n_merges:
        left, right = draw.choice(known), draw.choice(known)
        token = tokens[left] + tokens[right]
        if token in tokens or len(token) > 5:
            continue
        steps.append((left, right, len(tokens)))
        known.append(len(tokens))
        tokens.append(token)
    if not orderly:
        draw.shuffle(steps)
    model = BpeModel(tb.Vocab(tokens), merge_list(*np.array(steps).T), pretokenizer, whole_words=whole)
    return BpeTokenizer(model, name="random")


def trie_of(tokenizer: BpeTokenizer) -> _rust.ByteTrie:
    arena, offsets = tokenizer.token_arrays()
    return _rust.ByteTrie(arena, offsets, np.arange(len(offsets) - 1, dtype=np.uint32))


def beginnings(tokenizer: BpeTokenizer, texts: list[bytes], longest: int) -> set[tuple[int, ...]]:
    """The beginnings, of at most `longest` bytes, of the encodings of some texts."""
    found = set()
    for ids in tokenizer.encode_batch(texts, threads=1):
        row = ids.tolist()
        n_bytes = 0
        for at, token in enumerate(row):
            n_bytes += len(tokenizer.token_bytes(token))
            if n_bytes > longest:
                break
            found.add(tuple(row[: at + 1]))
    return found


def valid(
    cover: Cover, trie: _rust.ByteTrie, tokenizer: BpeTokenizer, data: set[bytes]
) -> set[tuple[int, ...]]:
    """The valid sequences whose bytes are among `data`, by masks; single questions must agree with the masks."""
    order = trie.order.tolist()
    found = set()
    waiting: list[tuple[tuple[int, ...], bytes, Place]] = [((), b"", cover.root())]
    while waiting:
        tokens, spelled, place = waiting.pop()
        mask = cover.mask(place)
        assert mask is not None
        for at, token in enumerate(order):
            longer = spelled + tokenizer.token_bytes(token)
            if longer not in data:
                continue
            assert bool(mask[at]) == cover.allows(place, token)
            if mask[at]:
                sequence = (*tokens, token)
                found.add(sequence)
                waiting.append((sequence, longer, cover.step(place, token)))
    return found


def check(tokenizer: BpeTokenizer, alphabet: list[bytes], length: int, known: int) -> None:
    """Compare the valid sequences of up to `known` units with the beginnings of all texts of up to `length`."""
    trie = trie_of(tokenizer)
    assert merges_decide(tokenizer)
    cover = ByMerges(tokenizer.model, trie)
    texts = [b"".join(units) for n in range(length + 1) for units in product(alphabet, repeat=n)]
    data = {text[:n] for text in texts for n in range(1, known + 1)}
    claimed = valid(cover, trie, tokenizer, data)
    real = beginnings(tokenizer, texts, known)
    assert real <= claimed, sorted(real - claimed)[:3]
    for tokens in sorted(claimed - real):
        assert has_witness(tokenizer, tokens), f"no text begins with {tokens}, {tokenizer.decode(tokens)!r}"


def has_witness(tokenizer: BpeTokenizer, tokens: tuple[int, ...]) -> bool:
    """Whether some continuation of up to three other units has an encoding that begins so."""
    spelled = tokenizer.decode(tokens)
    texts = ([spelled + b"".join(more) for more in product(OTHERS, repeat=n)] for n in range(1, 4))
    return any(tokens in beginnings(tokenizer, some, len(spelled)) for some in texts)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("orderly", [True, False])
def test_merges_alone(seed: int, orderly: bool) -> None:
    check(random_bpe(LETTERS, "none", seed, n_merges=18, orderly=orderly), LETTERS, 7, 5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("orderly", [True, False])
def test_whole_words(seed: int, orderly: bool) -> None:
    tokenizer = random_bpe([*LETTERS, b" "], "whitespace", seed, n_merges=20, orderly=orderly, whole=True)
    check(tokenizer, [*LETTERS, b" "], 6, 4)


NAMED = [
    "gpt2", "cl100k", "o200k", "llama3", "qwen2", "qwen3_5", "tekken", "deepseek3", "whitespace", "bert", "superbpe",
    "digits", "digits:r2l2", "lines", "script", "punctuation:merged_with_next", "seq(digits:r2l3, cl100k)",
    r"regex:\w+(?=[ .])|\s+(?!\S)", r"regex:(?>a+'?)s|[^a]",
]  # fmt: skip


@pytest.mark.parametrize("spec", NAMED)
@pytest.mark.parametrize("alphabet", [WORDS, LINES, BYTES], ids=["words", "lines", "bytes"])
def test_pretokenizers(spec: str, alphabet: list[bytes]) -> None:
    seed = len(spec)
    check(random_bpe(alphabet, spec, seed, n_merges=16), alphabet, 5, 3)
    check(random_bpe(alphabet, spec, seed + 1, n_merges=16, orderly=False, whole=True), alphabet, 5, 3)


@pytest.mark.parametrize("spec", ["digits:r2l2", "digits:r2l3", "digits:3", "seq(digits:r2l3, gpt2)"])
def test_numbers(spec: str) -> None:
    check(random_bpe(NUMBERS, spec, 5, n_merges=12), NUMBERS, 7, 4)
