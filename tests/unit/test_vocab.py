"""Vocab: the bijection, special tokens, byte fallback, holes."""

from __future__ import annotations

import itertools

import pytest

from tokbench.errors import UnknownTokenError, VocabError
from tokbench.vocab import Vocab

BYTES = [bytes([byte]) for byte in range(256)]


def test_ids_and_bytes_are_inverse() -> None:
    vocab = Vocab([*BYTES, b"ab", b"abc"])
    assert len(vocab) == vocab.n_ids == 258
    assert all(vocab.id_of(vocab.token_bytes(token_id)) == token_id for token_id in vocab)
    assert b"abc" in vocab
    assert b"abcd" not in vocab


def test_special_tokens_are_apart() -> None:
    vocab = Vocab(BYTES, special={"<end>": 300, "é": 299})
    assert vocab.token_bytes(300) == b"<end>"
    assert vocab.token_bytes(299) == "é".encode()
    assert b"<end>" not in vocab
    assert len(vocab) == 258
    assert vocab.n_ids == 301
    assert list(vocab)[-2:] == [299, 300]


def test_a_special_token_may_be_ordinary_too_when_it_spells_the_same() -> None:
    vocab = Vocab([*BYTES, b"ab"], special={"ab": 256})
    assert vocab.id_of(b"ab") == 256
    with pytest.raises(VocabError, match="both the special token"):
        Vocab([*BYTES, b"ab"], special={"abc": 256})


def test_byte_fallback_does_not_hide_the_character() -> None:
    tokens: dict[int, bytes] = {256: b"a", 257: "é".encode()}
    vocab = Vocab(tokens, byte_fallback=range(256))
    assert vocab.id_of(b"a") == 256
    assert vocab.token_bytes(0x61) == b"a"
    assert vocab.n_ids == 258


def test_a_missing_byte_must_be_declared() -> None:
    with pytest.raises(VocabError, match="0x07"):
        Vocab([token for token in BYTES if token != b"\x07"])
    assert Vocab([b"a"], partial=True).unknown_id is None
    assert Vocab([None, b"a"], special={"<unk>": 0}, unknown="<unk>").unknown_id == 0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"tokens": [*BYTES, b"a"]}, "ids 97 and 256"),
        ({"tokens": [*BYTES, b""]}, "empty"),
        ({"tokens": BYTES, "special": {"": 256}}, "empty"),
        ({"tokens": BYTES, "special": {"x<": 256, "y<": 256}}, "both|same id"),
        ({"tokens": BYTES, "unknown": "<unk>"}, "not among"),
        ({"tokens": {256: b"a"}, "byte_fallback": range(255)}, "256 different ids"),
        ({"tokens": {0: b"a"}, "byte_fallback": range(256)}, "both the fallback"),
        ({"tokens": {2**32: b"a"}, "partial": True}, "outside"),
    ],
)
def test_contradictions_are_refused(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(VocabError, match=match):
        Vocab(**arguments)  # type: ignore[arg-type]  # the wrong arguments are the point


def test_unknown_lookups_say_so() -> None:
    vocab = Vocab(BYTES)
    with pytest.raises(UnknownTokenError, match="id 999"):
        vocab.token_bytes(999)
    with pytest.raises(UnknownTokenError, match="b'zz'"):
        vocab.id_of(b"zz")


def test_arrays_hold_every_token_and_skip_holes() -> None:
    arena, offsets = Vocab({0: b"ab", 2: b"c"}, special={"<x>": 4}, partial=True).arrays()
    pieces = [bytes(arena[start:end]) for start, end in itertools.pairwise(offsets)]
    assert pieces == [b"ab", b"", b"c", b"", b"<x>"]


def test_equality_is_by_content() -> None:
    assert Vocab(BYTES) == Vocab(dict(enumerate(BYTES)))
    assert hash(Vocab(BYTES)) == hash(Vocab(dict(enumerate(BYTES))))
    assert Vocab(BYTES) != Vocab(BYTES, special={"<end>": 256})
