"""Laws that hold between the ways to encode one vocabulary."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers

from tokbench.bpe import EMPTY_MERGES, BpeModel
from tokbench.formats.byte_map import printable
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

BYTES = [bytes([byte]) for byte in range(256)]
ALPHABET = "ab é中"
METHODS = ("longest", "longest_suffix", "longest_first", "fewest")
texts = st.text(ALPHABET, max_size=50) | st.text(max_size=30)


@st.composite
def tokenizers_of_merges(draw: st.DrawFn) -> Tokenizer:
    pieces = [bytes([byte]) for byte in sorted(set(ALPHABET.encode()))]
    ids = {token: i for i, token in enumerate(BYTES)}
    steps = []
    for _ in range(draw(st.integers(0, 20))):
        left, right = draw(st.sampled_from(pieces)), draw(st.sampled_from(pieces))
        if left + right not in ids:
            ids[left + right] = len(ids)
            pieces.append(left + right)
            steps.append((ids[left], ids[right], ids[left + right]))
    pretokenizer = draw(st.sampled_from(["none", "gpt2"]))
    return BpeTokenizer(BpeModel(Vocab(list(ids)), Merges.from_steps(steps), pretokenizer), name="merges")


@given(tokenizers_of_merges(), st.binary(max_size=30) | texts.map(str.encode))
@settings(max_examples=200, deadline=None)
def test_round_trip_fewest_and_whole_tokens(base: Tokenizer, text: bytes) -> None:
    lengths = {"merges": len(base.encode(text))}
    for method in METHODS:
        tokenizer = base.with_method(method)
        ids, spans = tokenizer.encode_with_offsets(text)
        assert tokenizer.encode(text).tolist() == ids.tolist()
        assert tokenizer.decode(ids) == text
        assert [text[a:b] for a, b in spans.tolist()] == [base.token_bytes(i) for i in ids.tolist()]
        lengths[method] = len(ids)
    assert lengths["fewest"] == min(lengths.values())
    assert base.with_method("replay").encode(text).tolist() == base.encode(text).tolist()
    for i in list(base.vocab.tokens)[-3:]:
        if base.pretokenizer == "none":
            assert base.with_method("longest_first").encode(base.token_bytes(i)).tolist() == [i]


@given(st.binary(max_size=40))
def test_byte_vocabularies_are_the_identity(text: bytes) -> None:
    base = BpeTokenizer(BpeModel(Vocab(BYTES), EMPTY_MERGES, "none"), name="bytes")
    for method in METHODS:
        assert base.with_method(method).encode(text).tolist() == list(text)


@given(tokenizers_of_merges(), texts)
@settings(max_examples=150, deadline=None)
def test_other_libraries_agree_where_the_definition_is_theirs(base: Tokenizer, text: str) -> None:
    names = {printable(token): i for i, token in base.vocab.tokens.items()}
    ours = BpeTokenizer(BpeModel(base.vocab, EMPTY_MERGES, "none"), name="whole")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    equal = tokenizers.Tokenizer(models.Unigram([(name, -1.0) for name in names], None, byte_fallback=False))
    equal.pre_tokenizer = level
    assert ours.with_method("fewest").encode(text).tolist() == equal.encode(text).ids
    piece = models.WordPiece(
        names, unk_token="[UNK]", max_input_chars_per_word=10**6, continuing_subword_prefix=""
    )
    greedy = tokenizers.Tokenizer(piece)
    greedy.pre_tokenizer = level
    assert ours.with_method("longest").encode(text).tolist() == greedy.encode(text).ids


@given(tokenizers_of_merges(), texts, st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_unigram_scores_agree_with_the_other_library(base: Tokenizer, text: str, seed: int) -> None:
    # Few values, so that sums of different tokens are often equal.
    scores = np.random.default_rng(seed).integers(-6, 0, base.vocab_size) / 2
    model = BpeModel(base.vocab, EMPTY_MERGES, "none", method="unigram", scores=tuple(scores.tolist()))
    pairs = [(printable(base.token_bytes(i)), float(scores[i])) for i in range(base.vocab_size)]
    theirs = tokenizers.Tokenizer(models.Unigram(pairs, None, byte_fallback=False))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    assert BpeTokenizer(model, name="u").encode(text).tolist() == theirs.encode(text).ids


@given(
    st.binary(max_size=20) | st.text("abé中x", max_size=25).map(str.encode),
    st.sampled_from(METHODS),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_character_vocabularies_have_their_ways_out(text: bytes, method: str, fallback: bool) -> None:
    tokens = {
        300: b"a",
        301: b"b",
        302: "é".encode(),
        303: "aé".encode(),
        304: "éab".encode(),
        305: "éa".encode(),
    }
    vocab = Vocab(
        tokens,
        byte_fallback=list(range(256)) if fallback else None,
        special={} if fallback else {"<unk>": 306},
        unknown=None if fallback else "<unk>",
    )
    model = BpeModel(vocab, EMPTY_MERGES, "none", unit="character", method=method, fuse_unknown=True)  # type: ignore[arg-type]  # one of the names
    tokenizer = BpeTokenizer(model, name="characters")
    ids, spans = tokenizer.encode_with_offsets(text)
    assert tokenizer.encode(text).tolist() == ids.tolist()
    assert b"".join(text[a:b] for a, b in spans.tolist()) == text
    if fallback:
        assert tokenizer.decode(ids) == text
    else:
        assert all(i != 306 for i in ids.tolist()) or any(
            c not in "abé" for c in text.decode(errors="replace")
        )
        assert all((a, b) != (306, 306) for a, b in pairwise(ids.tolist()))


def test_methods_come_back_and_hidden_tokens_stay_hidden() -> None:
    rows = [("merge", 97, 98, 256), ("merge", 256, 99, 257), ("delete", 256, 97, 98)]
    vocab = Vocab([*BYTES, b"ab", b"abc"])
    model = BpeModel(vocab, Operations(rows), "none", method="replay")
    base = BpeTokenizer(model, name="deleted")
    assert base.with_method("fewest").with_method("replay").fingerprint == base.fingerprint
    for method in (*METHODS, "replay"):
        assert base.with_method(method).encode("abab").tolist() == [97, 98, 97, 98]
        assert base.with_method(method).encode("abc").tolist() == [257]
    scaffold = BpeModel(vocab, Merges.from_steps([(97, 98, 256), (256, 99, 257)]), "none", scaffold=(256,))
    for method in METHODS:
        tokenizer = BpeTokenizer(scaffold, name="scaffold").with_method(method)
        assert tokenizer.encode("ababc").tolist() == [97, 98, 257]


def test_transient_ids_cannot_be_decoded() -> None:
    rows = [("merge", 97, 98, 300), ("merge", 300, 99, 256), ("delete", 300, 97, 98)]
    base = BpeTokenizer(
        BpeModel(Vocab([*BYTES, b"abc"]), Operations(rows), "none", method="replay"), name="t"
    )
    assert base.encode("ababc").tolist() == [97, 98, 256]
    assert base.vocab_size == 257
    with pytest.raises(KeyError, match="300"):
        base.decode([300])


def test_loading_by_method(tmp_path: object) -> None:
    base = BpeTokenizer(BpeModel(Vocab([*BYTES, b"ab", b"bcd"]), Merges([97], [98], [256]), "none"), name="m")
    path = f"{tmp_path}/m.tokbench.json"
    base.save(path)
    assert Tokenizer.load(f"{path}@longest_first").encode("abcd").tolist() == [97, 257]
    assert Tokenizer.load(f"{path}@fewest(width=2)").encode("abcd").tolist() == [256, 99, 100]
    again = f"{tmp_path}/again.tokbench.json"
    Tokenizer.load(f"{path}@fewest(width=2)").save(again)
    assert Tokenizer.load(again).encode("abcd").tolist() == [256, 99, 100]
