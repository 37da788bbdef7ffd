from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from tokbench.errors import PretokenizeError
from tokbench.pretokenize import Pretokenizer, names


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ("gpt2", "I've 2 cats.\n\n ok", ["I", "'ve", " 2", " cats", ".", "\n\n", " ok"]),
        ("cl100k", "I'VE 12345\n\n ok", ["I", "'VE", " ", "123", "45", "\n\n", " ok"]),
        ("cl100k", "x \n ", ["x", " \n "]),
        ("llama3", "x \n ", ["x", " \n", " "]),
        ("qwen2", "in 2024", ["in", " ", "2", "0", "2", "4"]),
        ("qwen3_5", "हिन्दी", ["हिन्दी"]),
        ("qwen2", "हि", ["ह", "ि"]),
        ("o200k", "camelCase don't HTTPServer", ["camel", "Case", " don't", " HTTPServer"]),
        ("tekken", "don't 12", ["don", "'t", " ", "1", "2"]),
        ("deepseek3", "价格1234元。(ab)", ["价格", "123", "4", "元", "。(", "ab", ")"]),
        ("whitespace", "a  b\tc", ["a", " ", " b", "\t", "c"]),
        ("bert", "don't (x)", ["don", "'", "t", " (", "x", ")"]),
        ("digits:r2l3", "n=1234567", ["n=", "1", "234", "567"]),
        ("digits:3", "n=1234567", ["n=", "123", "456", "7"]),
        ("digits:1", "a12", ["a", "1", "2"]),
        ("seq(digits:r2l3, cl100k)", "in 12345 or ١٢٣٤", ["in", " ", "12", "345", " or", " ", "١", "٢٣٤"]),
        ("script", "Москва (Moscow) 東京", ["Москва (", "Moscow) ", "東京"]),
        ("lines", "a\r\n\nb", ["a\r\n", "\n", "b"]),
        ("none", "a b", ["a b"]),
        ("regex:[aeiou]", "banana", ["b", "a", "n", "a", "n", "a"]),
        ("regex-merged_with_previous:,", "a,b,,c", ["a,", "b,", ",", "c"]),
        ("punctuation:merged_with_next", "a-b", ["a", "-b"]),
        ("seq(regex:'n''', digits:1)", "n'12", ["n'", "1", "2"]),
    ],
)
def test_pieces(spec: str, text: str, expected: list[str]) -> None:
    pretokenizer = Pretokenizer(spec)
    assert [piece.decode() for piece in pretokenizer.split(text)] == expected
    assert pretokenizer.split(text.encode()) == pretokenizer.split(text)


def test_boundaries_are_ends_in_bytes() -> None:
    ends = Pretokenizer("gpt2").boundaries("né 1")
    assert ends.dtype == np.int64
    assert ends.tolist() == [3, 5]
    assert Pretokenizer("gpt2").boundaries(b"").tolist() == []


@pytest.mark.parametrize("invalid", [b"\xff", b"\xe4\xb8", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_each_invalid_byte_is_a_symbol_of_its_own(invalid: bytes) -> None:
    assert Pretokenizer("gpt2").split(b"a" + invalid + b"b") == [b"a", invalid, b"b"]
    assert Pretokenizer("punctuation").split(invalid) == [invalid]
    assert Pretokenizer("regex:\ufffd").split(invalid) == [bytes([byte]) for byte in invalid]


def test_large_data_takes_the_same_way() -> None:
    small = "Ein Satz, 3 Wörter.\n"
    large = small * 5000
    pretokenizer = Pretokenizer("cl100k")
    assert pretokenizer.split(large) == pretokenizer.split(small) * 5000


def test_a_list_is_a_sequence() -> None:
    pretokenizer = Pretokenizer(["regex:it's", "digits:3"])
    assert pretokenizer.spec == "seq(regex:'it''s', digits:3)"
    assert pretokenizer == Pretokenizer(pretokenizer.spec) == Pretokenizer(pretokenizer)
    assert Pretokenizer(["gpt2"]).spec == "gpt2"


def test_value_semantics() -> None:
    pretokenizer = Pretokenizer("seq(digits:3, gpt2)")
    assert pickle.loads(pickle.dumps(pretokenizer)) == pretokenizer
    assert len({pretokenizer, Pretokenizer("seq( digits:3,gpt2 )")}) == 1
    assert repr(pretokenizer) == "Pretokenizer('seq(digits:3, gpt2)')"
    with pytest.raises(FrozenInstanceError):
        pretokenizer.spec = "gpt2"  # type: ignore[misc]  # the point of the test


def test_every_name_can_be_built() -> None:
    for name in names():
        spec = name.replace("PATTERN", "a+")
        assert Pretokenizer(spec).spec == spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("o20k", "did you mean o200k"),
        ("llama4", "did you mean o200k"),
        ("regex:(", "not a regular expression"),
        ("punctuation:removed", "loses text"),
        ("seq(gpt2, regex:a)", "quoted"),
        ([], "at least one step"),
    ],
)
def test_mistakes_are_named(spec: str | list[str], message: str) -> None:
    with pytest.raises(PretokenizeError, match=message):
        Pretokenizer(spec)


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(PretokenizeError, match=r"character 1 .* lone surrogate"):
        Pretokenizer("gpt2").split("a\ud800")


def test_a_pattern_that_gives_up_says_where() -> None:
    with pytest.raises(PretokenizeError, match="after byte"):
        Pretokenizer(r"regex:(x+x+)+\1y").split("b " + "x" * 60)
