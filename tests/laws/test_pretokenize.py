"""Laws of every pre-tokenizer, on text made of the units that the patterns tell apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.pretokenize import Pretokenizer
from tokbench.reference import pretokenize as reference

SPECS = [
    *("gpt2", "cl100k", "o200k", "llama3", "qwen2", "qwen3_5", "tekken", "deepseek3", "whitespace", "bert"),
    *("script", "lines", "none", "digits", "digits:1", "digits:3", "digits:r2l3", "punctuation"),
    "regex:[a-z]+(?= )",
]
COMPOSED = [
    "seq(digits:r2l3, o200k)",
    "seq(script, cl100k)",
    "punctuation:merged_with_next",
    "regex-contiguous:[ab]",
]

_UNITS = [
    *"aesltmdrvASTLǅʰªſéЖжß中龦か・゙ーไк'’ \t\n\r\v!/-_$(²٣Ⅷ19।。ـ🙂𐐀𐐨𠀀𝐚",
    *"\u0301\u20dd\u200d\u00a0\u0085\u3000\u2028\ue000\u0000\u00ad",
    *("  ", "\n\n", "'re", "'LL", "'ſ", "//", "\r\n"),
]
_INVALID = [
    *(b"\xff", b"\x80", b"\xc2", b"\xe4\xb8", b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f\x99"),
    b"\xf4\x90\x80\x80",
]
nasty = st.lists(st.sampled_from([unit.encode() for unit in _UNITS] + _INVALID), max_size=30).map(b"".join)


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=200, deadline=None)
@given(data=nasty)
def test_the_twin_finds_the_same_pieces(spec: str, data: bytes) -> None:
    assert Pretokenizer(spec).split(data) == reference.split(spec, data)


@pytest.mark.parametrize("spec", SPECS + COMPOSED)
@settings(max_examples=100, deadline=None)
@given(data=nasty | st.binary(max_size=60))
def test_pieces_concatenate_to_the_input(spec: str, data: bytes) -> None:
    pieces = Pretokenizer(spec).split(data)
    assert b"".join(pieces) == data
    assert all(pieces)


@pytest.mark.parametrize("spec", SPECS + COMPOSED)
@settings(max_examples=100, deadline=None)
@given(data=nasty, at=st.integers(0, 60))
def test_a_safe_place_is_safe(spec: str, data: bytes, at: int) -> None:
    pretokenizer = Pretokenizer(spec)
    place = pretokenizer.safe_split(data, at)
    if place is not None:
        assert max(at, 1) <= place < len(data)
        assert pretokenizer.split(data[:place]) + pretokenizer.split(data[place:]) == pretokenizer.split(data)


@settings(max_examples=100, deadline=None)
@given(data=nasty)
def test_a_sequence_is_its_steps_one_after_another(data: bytes) -> None:
    first, second = Pretokenizer("digits:3"), Pretokenizer("o200k")
    expected = [inner for piece in first.split(data) for inner in second.split(piece)]
    assert Pretokenizer("seq(digits:3, o200k)").split(data) == expected
