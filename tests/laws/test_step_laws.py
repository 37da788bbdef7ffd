"""Laws of reversible steps, on arbitrary bytes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.bpe import BpeModel
from tokbench.merges import Merges
from tokbench.sampling import bpe_dropout
from tokbench.steps import STEPS, Chain
from tokbench.steps.case import pairs
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

CHAINS = [
    ("case",),
    ("case(turkish=true)",),
    ("case(capital=^,capitals=U+E000)",),
    ("case", "case(capital=^,capitals=~)"),
    ('splinter(table="4:-1ת2,0ו1,-2ו1 5:0ה3 7:0ה1,-3ו1")',),
    ('splinter(script=arabic,depth=1,width=1,table="4:0ا2,1و1 5:0ا1")',),
    ("case(turkish=true)", 'allomorphs(roots="aé/ad b",affixes="d/da ıi/i",rule="0 =0 >+3=1;2 aé=1;3 ad=1")'),
]
ALPHABET = (
    "aBCdÉéıIİißǅΣς ^~\x11\x12\ue000.\n中שלוםתהםפاوكتبة\ua000\ua010\ua48b\U000f0000\U000f0002\U000ffffd"
)
texts = st.one_of(
    st.text(ALPHABET, max_size=30).map(str.encode),
    st.lists(
        st.sampled_from([*(c.encode() for c in ALPHABET), b"\xff", b"\xc3", b"\xed\xa0\x80"]), max_size=20
    ).map(b"".join),
    st.text(max_size=30).map(str.encode),
    st.binary(max_size=40),
)


def test_every_step_has_a_case_here() -> None:
    assert {step.split("(")[0] for chain in CHAINS for step in chain} == set(STEPS.names())


@given(st.sampled_from(CHAINS), texts)
@settings(max_examples=600, deadline=None)
def test_undo_returns_every_document(chain: tuple[str, ...], data: bytes) -> None:
    steps = Chain(chain)
    assert steps.undo(steps.apply(data)) == data


@given(st.sampled_from(CHAINS), texts)
@settings(max_examples=300, deadline=None)
def test_positions_ascend_over_the_whole_document(chain: tuple[str, ...], data: bytes) -> None:
    steps = Chain(chain)
    places = steps.positions(data)
    assert len(places) == len(steps.apply(data)) + 1
    assert (places[0], places[-1]) == (0, len(data))
    assert bool((np.diff(places) >= 0).all())


def test_the_letters_are_those_of_unicode_14_on_every_python() -> None:
    table = "".join(f"{capital}{small}" for capital, small in sorted(pairs().items()))
    assert (len(pairs()), hashlib.sha256(table.encode()).hexdigest()[:16]) == (1396, "51f703305782e3a8")


BYTES = [bytes([byte]) for byte in range(256)]
MERGES = [(0x11, 0x61, 256), (0x20, 0x61, 257), (0x62, 0x63, 258), (257, 258, 259)]


@pytest.fixture(scope="module", params=CHAINS, ids=" ".join)
def tokenizer(request: pytest.FixtureRequest) -> BpeTokenizer:
    tokens = [*BYTES, b"\x11a", b" a", b"bc", b" abc"]
    vocab = Vocab(tokens, special={"<End>": len(tokens), "<End>X": len(tokens) + 1})
    model = BpeModel(vocab, Merges.from_steps(MERGES), "gpt2", steps=request.param)
    return BpeTokenizer(model, name="stepped")


@given(
    documents=st.lists(
        st.lists(st.one_of(texts, st.just(b"<End>"), st.just(b"<End>X")), max_size=4), max_size=4
    )
)
@settings(max_examples=150, deadline=None)
def test_a_tokenizer_with_steps_round_trips_and_tiles(
    tokenizer: BpeTokenizer, documents: list[list[bytes]]
) -> None:
    whole = [b"".join(parts) for parts in documents]
    for special in ((), ("<End>",), "all"):
        batch = tokenizer.encode_batch(whole, allowed_special=special, threads=2)
        assert tokenizer.decode_batch(batch) == whole
        for document, row in zip(whole, batch, strict=True):
            assert tokenizer.encode(document, allowed_special=special).tolist() == row.tolist()
            assert tokenizer.decode(row) == document
            ids, spans = tokenizer.encode_with_offsets(document, allowed_special=special)
            assert ids.tolist() == row.tolist()
            assert b"".join(document[start:end] for start, end in spans.tolist()) == document
            marked = [document[a:b] for i, (a, b) in zip(ids, spans.tolist(), strict=True) if i >= 260]
            assert [i for i in row.tolist() if i >= 260] == [260 + len(text) - 5 for text in marked]
            assert special or not marked


@given(st.lists(texts, max_size=3), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_drawn_encodings_go_through_the_steps(documents: list[bytes], seed: int) -> None:
    vocab = Vocab([*BYTES, b"\x11a", b" a", b"bc", b" abc"])
    base = BpeTokenizer(BpeModel(vocab, Merges.from_steps(MERGES), "gpt2", steps=("case",)), name="stepped")
    drawn = bpe_dropout(base, p=0.5, seed=seed)
    assert drawn.decode_batch(drawn.encode_batch(documents)) == documents
    for document in documents:
        ids, spans = drawn.encode_with_offsets(document)
        assert drawn.decode(ids) == document
        assert b"".join(document[start:end] for start, end in spans.tolist()) == document
