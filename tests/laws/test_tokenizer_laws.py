"""Laws of encoding, on arbitrary bytes and random vocabularies."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.bpe import BpeModel, merges_of_ranks
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

BYTES = [bytes([byte]) for byte in range(256)]
ALPHABET = "ab é中\n1"
texts = st.one_of(
    st.binary(max_size=80), st.text(max_size=60).map(str.encode), st.text(ALPHABET).map(str.encode)
)
pretokenizers = st.sampled_from(["none", "gpt2", "cl100k", "whitespace", "script"])


@st.composite
def models(draw: st.DrawFn) -> BpeModel:
    """A merge list over bytes grown at random."""
    pieces = [bytes([byte]) for byte in sorted(set(ALPHABET.encode()))]
    tokens = list(BYTES)
    steps: list[tuple[int, int, int]] = []
    ids = {token: i for i, token in enumerate(tokens)}
    for _ in range(draw(st.integers(0, 12))):
        left, right = draw(st.sampled_from(pieces)), draw(st.sampled_from(pieces))
        if left + right not in ids:
            ids[left + right] = len(tokens)
            tokens.append(left + right)
            pieces.append(left + right)
            steps.append((ids[left], ids[right], ids[left + right]))
    whole_words = draw(st.booleans())
    vocab = Vocab(tokens, special={"<end>": len(tokens)})
    return BpeModel(vocab, Merges.from_steps(steps), draw(pretokenizers), whole_words=whole_words)


@given(models(), st.lists(texts, max_size=6))
@settings(max_examples=150, deadline=None)
def test_round_trip_batch_and_spans(model: BpeModel, documents: list[bytes]) -> None:
    tokenizer = BpeTokenizer(model, name="random")
    batch = tokenizer.encode_batch(documents, threads=1)
    assert tokenizer.decode_batch(batch) == documents
    two = tokenizer.encode_batch(documents, threads=2)
    assert np.array_equal(batch.ids, two.ids)
    assert np.array_equal(batch.offsets, two.offsets)
    for document, row in zip(documents, batch, strict=True):
        assert tokenizer.encode(document).tolist() == row.tolist()
        ids, spans = tokenizer.encode_with_offsets(document)
        assert ids.tolist() == row.tolist()
        assert b"".join(document[start:end] for start, end in spans.tolist()) == document
        assert [tokenizer.token_bytes(i) for i in ids.tolist()] == [document[a:b] for a, b in spans.tolist()]


@given(st.lists(texts, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_allowed_specials_cut_the_text(parts: list[bytes]) -> None:
    vocab = Vocab([*BYTES, b"ab"], special={"<end>": 257})
    tokenizer = BpeTokenizer(BpeModel(vocab, Merges([97], [98], [256]), "gpt2"), name="cut")
    joined = tokenizer.encode(b"<end>".join(parts), allowed_special="all").tolist()
    apart: list[int] = []
    for index, part in enumerate(parts):
        apart += ([257] if index else []) + tokenizer.encode(part, allowed_special="all").tolist()
    assert joined == apart


def test_threads_do_not_change_a_large_document() -> None:
    words = ["ab", "abc", "é", "中文", "\n", " x", "12", "the end"]
    rng = np.random.default_rng(3)
    text = "".join(words[i] for i in rng.integers(0, len(words), 600_000))
    vocab = Vocab([*BYTES, b"ab", b"abc", b" x"])
    model = BpeModel(vocab, merges_of_ranks(vocab), "cl100k", whole_words=True)
    tokenizer = BpeTokenizer(model, name="large")
    documents = [text, "short", text[:1000]]
    one = tokenizer.encode_batch(documents, threads=1)
    many = tokenizer.encode_batch(documents, threads=3)
    assert np.array_equal(one.ids, many.ids)
    assert np.array_equal(one.offsets, many.offsets)
    assert tokenizer.decode_batch(many)[0] == text.encode()
