"""What holds for Scaffold-BPE, whatever the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.algorithm import Request
from tokbench.algorithms.scaffold import Scaffold
from tokbench.counts import PretokenCounts
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.reference.scaffold import encode
from tokbench.sweep import cut
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train

WORDS = st.dictionaries(
    st.text("abcdé ", min_size=1, max_size=12).map(str.encode), st.integers(1, 40), min_size=4, max_size=25
)


def trained(counts: PretokenCounts, size: int, **settings: object) -> BpeTokenizer:
    request = Request(source=counts, vocab_size=size, allow_smaller=True, **settings)  # type: ignore[arg-type]
    made = Scaffold().train(request)
    assert isinstance(made, BpeTokenizer)
    return made


@given(WORDS, st.integers(1, 40), st.binary(max_size=40), st.text("abcdé ", max_size=30))
def test_no_scaffold_is_ever_shown_and_nothing_is_lost(
    words: dict[bytes, int], extra: int, noise: bytes, text: str
) -> None:
    counts = PretokenCounts.from_mapping({"all": words})
    made = trained(counts, 257 + extra, special_tokens=("<s>",))
    model = made.model
    assert made.vocab_size == made.vocab.n_ids <= 257 + extra
    plain = train(counts, vocab_size=257 + len(model.merges), special_tokens=("<s>",), allow_smaller=True)
    assert plain.merges is not None
    spelled = {**dict(model.vocab.tokens), **model.transient}
    assert [(spelled[a], spelled[b]) for a, b, _ in model.merges] == [
        (plain.token_bytes(a), plain.token_bytes(b)) for a, b, _ in plain.merges
    ]
    symbols = {token[0]: i for i, token in model.vocab.tokens.items() if len(token) == 1}
    for data in (noise, text.encode(), *words):
        ids = made.encode(data).tolist()
        assert made.decode(ids) == data
        assert all(i < made.vocab_size for i in ids)
        assert ids == encode([symbols[byte] for byte in data], list(model.merges), set(model.scaffold))
    if not model.scaffold:
        assert model.fingerprint == plain.model.fingerprint


def test_wrong_settings_say_what_is_wrong() -> None:
    counts = PretokenCounts.from_mapping({"eng": {b"abab": 3, b"abc": 5}})
    with pytest.raises(ParameterError, match="at least 256"):
        Scaffold().train(Request(source=counts, vocab_size=200))
    with pytest.raises(ExhaustedError):
        Scaffold().train(Request(source=counts, vocab_size=400))
    with pytest.raises(ParameterError, match="unit"):
        Scaffold().train(Request(source=counts, vocab_size=258, unit="character"))
    made = trained(PretokenCounts.from_mapping({"eng": {b"abc": 9, b"ab": 1, b"xy": 4}}), 258)
    assert made.model.scaffold == (258,)
    assert made.encode("ab abc").tolist() == made.encode("a").tolist() + made.encode("b abc").tolist()
    with pytest.raises(ParameterError, match="scaffold"):
        cut(made, vocab_size=257)
