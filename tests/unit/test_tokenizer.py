"""The Tokenizer interface on small vocabularies whose results can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tokbench.bpe import AddedToken, BpeModel
from tokbench.errors import NotEncodableError, ParameterError, UnknownTokenError, VocabError
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

BYTES = [bytes([byte]) for byte in range(256)]


def make(words: list[bytes], **model: object) -> BpeTokenizer:
    """Tokens built left to right from bytes: each word must be an earlier token plus one byte."""
    tokens = BYTES + words
    ids = {token: i for i, token in enumerate(tokens)}
    steps = [(ids[word[:-1]], ids[word[-1:]], ids[word]) for word in words]
    special = {"<end>": len(tokens), "<|end|>": len(tokens) + 1}
    vocab = Vocab(tokens, special=special)
    return BpeTokenizer(BpeModel(vocab, Merges.from_steps(steps), "gpt2", **model), name="small")  # type: ignore[arg-type]  # keywords vary by test


SMALL = make([b"th", b"the", b" t", b"ab", b"abc"])


def test_lowest_rank_goes_first_and_leftmost_of_equals() -> None:
    assert SMALL.encode("the").tolist() == [257]
    # "th" ranks below " t", so the space stays alone.
    assert SMALL.encode(" the").tolist() == [32, 257]
    assert SMALL.encode("aab").tolist() == [97, 259]


def test_specials_are_text_unless_allowed() -> None:
    text = "the<end>the"
    plain = SMALL.encode(text).tolist()
    assert 261 not in plain
    assert SMALL.decode(plain) == text.encode()
    assert SMALL.encode(text, allowed_special="all").tolist() == [257, 261, 257]
    assert SMALL.encode("<end><|end|>", allowed_special={"<|end|>"}).tolist()[-1] == 262
    assert SMALL.encode("<end><|end|>", allowed_special={"<end>"}).tolist()[0] == 261


def test_unknown_special_is_an_error() -> None:
    with pytest.raises(UnknownTokenError, match="'<pad>'"):
        SMALL.encode("x", allowed_special={"<pad>"})
    with pytest.raises(ParameterError, match="collection"):
        SMALL.encode("x", allowed_special="<end>")


def test_unknown_id_is_named() -> None:
    with pytest.raises(UnknownTokenError, match="9999"):
        SMALL.decode([97, 9999])
    with pytest.raises(UnknownTokenError, match="-1"):
        SMALL.decode(np.array([-1]))
    with pytest.raises(UnknownTokenError, match="9999"):
        SMALL.token_bytes(9999)


def test_ids_must_be_flat_integers() -> None:
    with pytest.raises(ParameterError, match="flat"):
        SMALL.decode([[1, 2]])
    with pytest.raises(ParameterError, match="integers"):
        SMALL.decode([0.5])
    assert SMALL.decode([]) == b""


def test_decode_text() -> None:
    assert SMALL.decode_text([257]) == "the"
    with pytest.raises(NotEncodableError, match="byte 1"):
        SMALL.decode_text([97, 255])
    assert SMALL.decode_text([97, 255], errors="replace") == "a\ufffd"


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(NotEncodableError, match="document 1: character 1"):
        SMALL.encode_batch(["a", "b\ud800"])


def test_batch_of_a_single_string_is_refused() -> None:
    with pytest.raises(ParameterError, match="encode_batch"):
        SMALL.encode_batch("the")
    with pytest.raises(ParameterError, match="threads"):
        SMALL.encode_batch(["a"], threads=0)


def test_empty_inputs() -> None:
    assert SMALL.encode("").tolist() == []
    assert SMALL.encode_batch([]).offsets.tolist() == [0]
    encoding = SMALL.encode_batch(["", "ab", b""])
    assert encoding.offsets.tolist() == [0, 0, 1, 1]
    assert SMALL.decode_batch(encoding) == [b"", b"ab", b""]
    ids, spans = SMALL.encode_with_offsets("")
    assert ids.shape == (0,)
    assert spans.shape == (0, 2)


def test_missing_byte_is_named_with_document_and_offset() -> None:
    vocab = Vocab([b"a", b"b"], partial=True)
    tokenizer = BpeTokenizer(BpeModel(vocab, Merges([], [], []), "none"), name="partial")
    with pytest.raises(NotEncodableError, match="document 1, byte 2"):
        tokenizer.encode_batch(["ab", "abx"])
    with pytest.raises(NotEncodableError, match="byte 2"):
        tokenizer.encode_with_offsets("abx")


def test_unknown_token_of_a_character_vocabulary() -> None:
    vocab = Vocab({0: b"a", 1: "é".encode(), 2: "aé".encode()}, special={"<unk>": 3}, unknown="<unk>")
    merges = Merges([0], [1], [2])
    apart = BpeTokenizer(BpeModel(vocab, merges, "none", unit="character"), name="apart")
    fused = BpeTokenizer(BpeModel(vocab, merges, "none", unit="character", fuse_unknown=True), name="fused")
    assert apart.encode("aéxyéa").tolist() == [2, 3, 3, 1, 0]
    assert fused.encode("aéxyéa").tolist() == [2, 3, 1, 0]
    ids, spans = fused.encode_with_offsets("aéxöéa")
    assert ids.tolist() == [2, 3, 1, 0]
    assert spans.tolist() == [[0, 3], [3, 6], [6, 8], [8, 9]]
    assert apart.encode(b"a\xff").tolist() == [0, 3]
    assert not apart.lossless
    assert apart.unk_id == 3


def test_byte_fallback_of_a_character_vocabulary() -> None:
    vocab = Vocab({256: b"a", 257: b"b", 258: b"ab"}, byte_fallback=list(range(256)))
    tokenizer = BpeTokenizer(BpeModel(vocab, Merges([256], [257], [258]), "none", unit="character"), name="f")
    assert tokenizer.encode("abé").tolist() == [258, 0xC3, 0xA9]
    assert tokenizer.decode(tokenizer.encode(b"ab\xff\x00")) == b"ab\xff\x00"
    ids, spans = tokenizer.encode_with_offsets("éab")
    assert ids.tolist() == [0xC3, 0xA9, 258]
    assert spans.tolist() == [[0, 1], [1, 2], [2, 4]]


def test_normalized_text_maps_back_to_the_original() -> None:
    composed = "é".encode()
    vocab = Vocab([*BYTES, composed])
    model = BpeModel(vocab, Merges([composed[0]], [composed[1]], [256]), "none", normalizer="nfc")
    tokenizer = BpeTokenizer(model, name="nfc")
    ids, spans = tokenizer.encode_with_offsets("xe\u0301y")
    assert ids.tolist() == [ord("x"), 256, ord("y")]
    assert spans.tolist() == [[0, 1], [1, 4], [4, 5]]
    assert not tokenizer.lossless


def test_prefix_space_has_an_empty_span() -> None:
    tokenizer = make([b"th", b"the", b" the"][:2], prefix_space=True)
    ids, spans = tokenizer.encode_with_offsets("the")
    assert ids.tolist() == [32, 257]
    assert spans.tolist() == [[0, 0], [0, 3]]
    assert tokenizer.encode(" the").tolist() == [32, 257]


def test_added_tokens_swallow_white_space_where_they_say_so() -> None:
    vocab = Vocab(BYTES, special={"<m>": 256})
    for flags, start, end in (({"lstrip": True}, 1, 6), ({"rstrip": True}, 3, 7), ({}, 3, 6)):
        added = (AddedToken("<m>", 256, **flags),)
        tokenizer = BpeTokenizer(BpeModel(vocab, Merges([], [], []), "none", added=added), name="m")
        ids, spans = tokenizer.encode_with_offsets("a  <m> b", allowed_special="all")
        at = ids.tolist().index(256)
        assert spans[at].tolist() == [start, end]


def test_added_tokens_that_are_not_special_always_match() -> None:
    vocab = Vocab(BYTES, special={"hello": 256})
    model = BpeModel(vocab, Merges([], [], []), "none", added=(AddedToken("hello", 256, special=False),))
    tokenizer = BpeTokenizer(model, name="added")
    assert tokenizer.encode("hello!").tolist() == [256, 33]
    assert tokenizer.special_tokens == {}


def test_longest_added_token_wins() -> None:
    vocab = Vocab(BYTES, special={"<a>": 256, "<a><b>": 257})
    tokenizer = BpeTokenizer(BpeModel(vocab, Merges([], [], []), "none"), name="longest")
    assert tokenizer.encode("<a><b><a>", allowed_special="all").tolist() == [257, 256]


def test_whole_words_come_before_merges() -> None:
    vocab = Vocab([*BYTES, b"xyz"])
    merges = Merges([], [], [])
    assert BpeTokenizer(BpeModel(vocab, merges, "none", whole_words=True), name="w").encode(
        "xyz"
    ).tolist() == [256]
    assert len(BpeTokenizer(BpeModel(vocab, merges, "none"), name="m").encode("xyz")) == 3


def test_contradictions_are_refused() -> None:
    vocab = Vocab(BYTES, special={"<a>": 256})
    with pytest.raises(VocabError, match="'<b>'"):
        BpeModel(vocab, Merges([], [], []), "none", added=(AddedToken("<b>", 256),))
    with pytest.raises(VocabError, match="merge 0 uses id 300"):
        BpeTokenizer(BpeModel(vocab, Merges([300], [1], [2]), "none"), name="bad")


def test_fingerprint_follows_what_decides_an_encoding() -> None:
    assert SMALL.fingerprint == make([b"th", b"the", b" t", b"ab", b"abc"]).fingerprint
    assert SMALL.fingerprint != make([b"th", b"the", b" t", b"abc"[:2]]).fingerprint
    assert SMALL.fingerprint != make([b"th", b"the", b" t", b"ab", b"abc"], whole_words=True).fingerprint


def test_from_training_makes_a_tokenizer() -> None:
    tokenizer = Tokenizer.from_training(
        Vocab([*BYTES, b"ab"]), Merges([97], [98], [256]), pretokenizer="gpt2"
    )
    assert tokenizer.encode("ab").tolist() == [256]
    assert tokenizer.merges is not None
    assert tokenizer.pretokenizer == "gpt2"
    assert tokenizer.vocab_size == 257


def test_unencodable_long_pretoken_is_fast() -> None:
    text = b"ab" * 500_000 + b"c"
    tokenizer = BpeTokenizer(BpeModel(SMALL.vocab, SMALL.model.merges, "none"), name="none")
    ids = tokenizer.encode(text)
    assert len(ids) == 500_000
    assert tokenizer.decode(ids) == text
