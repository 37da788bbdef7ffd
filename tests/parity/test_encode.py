"""The native encoder against its slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.bpe import EMPTY_MERGES, BpeModel, merges_of_ranks
from tokbench.errors import NotEncodableError
from tokbench.merges import Merges
from tokbench.reference.encode import (
    encode_by_merges,
    encode_by_rank,
    encode_longest,
    merge_lowest_rank,
    spell_characters,
)
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

BYTES = [bytes([byte]) for byte in range(256)]
UNITS = ["a", "b", "é", "中", "国", " "]


def random_vocab(rng: np.random.Generator, n_tokens: int) -> Vocab:
    """Bytes and random strings over a small alphabet, whole and broken characters, in random rank order."""
    raw = "".join(UNITS).encode()
    extra: dict[bytes, None] = {}
    while len(extra) < n_tokens:
        if rng.random() < 0.5:
            token = "".join(rng.choice(UNITS, rng.integers(1, 5))).encode()
        else:
            start = int(rng.integers(0, len(raw) - 2))
            token = raw[start : start + int(rng.integers(2, 5))]
        if len(token) > 1:
            extra[token] = None
    return Vocab([*BYTES, *extra])


def random_text(rng: np.random.Generator) -> bytes:
    """Whole characters, now and then a broken one; short and long."""
    text = "".join(rng.choice(UNITS, rng.integers(0, 60))).encode()
    if rng.random() < 0.2 and text:
        cut = int(rng.integers(0, len(text)))
        text = text[:cut] + bytes([int(rng.integers(128, 256))]) + text[cut + 1 :]
    return text * int(rng.integers(1, 4))


@pytest.mark.parametrize("seed", range(40))
def test_ranks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vocab = random_vocab(rng, int(rng.integers(1, 60)))
    model = BpeModel(vocab, merges_of_ranks(vocab), "none", whole_words=True)
    tokenizer = BpeTokenizer(model, name="ranks")
    for _ in range(20):
        text = random_text(rng)
        if text:
            assert tokenizer.encode(text).tolist() == encode_by_rank(text, vocab), text


@st.composite
def merge_lists(draw: st.DrawFn) -> tuple[Vocab, Merges]:
    """Merges in an order that training could have found, over bytes of a few characters."""
    alphabet = sorted({bytes([byte]) for byte in "ab é中国".encode()})
    tokens, steps = list(BYTES), []
    pieces = list(alphabet)
    for _ in range(draw(st.integers(0, 25))):
        left, right = draw(st.sampled_from(pieces)), draw(st.sampled_from(pieces))
        if left + right not in tokens:
            tokens.append(left + right)
            pieces.append(left + right)
            steps.append((tokens.index(left), tokens.index(right), len(tokens) - 1))
    return Vocab(tokens), Merges.from_steps(steps)


@given(merge_lists(), st.lists(st.text("ab é中国", max_size=40), min_size=1, max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_merge_lists(lists: tuple[Vocab, Merges], texts: list[str], whole_words: bool) -> None:
    vocab, merges = lists
    tokenizer = BpeTokenizer(BpeModel(vocab, merges, "none", whole_words=whole_words), name="merges")
    for text in texts:
        expected = encode_by_merges(text.encode(), vocab, merges, whole_words=whole_words) if text else []
        assert tokenizer.encode(text).tolist() == expected


def test_heap_and_scan_agree_around_their_border() -> None:
    rng = np.random.default_rng(11)
    vocab = random_vocab(rng, 40)
    tokenizer = BpeTokenizer(BpeModel(vocab, merges_of_ranks(vocab), "none"), name="border")
    for length in (62, 63, 64, 65, 66, 130, 200):
        text = bytes(rng.choice(np.frombuffer(b"ab ", np.uint8), length))
        assert tokenizer.encode(text).tolist() == encode_by_merges(text, vocab, tokenizer.model.merges)


@pytest.mark.parametrize("seed", range(10))
def test_longest_match(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vocab = random_vocab(rng, 40)
    tokenizer = BpeTokenizer(BpeModel(vocab, EMPTY_MERGES, "none", method="longest"), name="longest")
    for _ in range(20):
        text = random_text(rng)
        assert tokenizer.encode(text).tolist() == (encode_longest(text, vocab) if text else [])


@given(
    st.sets(st.sampled_from(UNITS), min_size=1),
    st.binary(max_size=12) | st.text("".join(UNITS) + "xyß", max_size=20).map(str.encode),
    st.sampled_from(["fallback", "unknown", "fused", "none"]),
)
@settings(max_examples=200, deadline=None)
def test_character_vocabularies(units: set[str], text: bytes, rescue: str) -> None:
    pieces = sorted(units)
    tokens = {300 + i: piece.encode() for i, piece in enumerate(pieces)}
    tokens[400] = (pieces[0] + pieces[-1] + pieces[0]).encode()
    tokens[401] = (pieces[0] + pieces[-1]).encode()
    merges = Merges([300, 401], [299 + len(pieces), 300], [401, 400])
    vocab = Vocab(
        tokens,
        byte_fallback=list(range(256)) if rescue == "fallback" else None,
        special={"<unk>": 500} if rescue in ("unknown", "fused") else {},
        unknown="<unk>" if rescue in ("unknown", "fused") else None,
        partial=rescue == "none",
    )
    model = BpeModel(vocab, merges, "none", unit="character", fuse_unknown=rescue == "fused")
    tokenizer = BpeTokenizer(model, name="characters")
    table = {(left, right): (rank, result) for rank, (left, right, result) in enumerate(merges)}
    try:
        expected = merge_lowest_rank(spell_characters(model, text), lambda a, b: table.get((a, b)))
    except NotEncodableError as error:
        with pytest.raises(NotEncodableError, match=str(error).split(":")[0]):
            tokenizer.encode(text)
        return
    assert tokenizer.encode(text).tolist() == expected
