"""Scanners against engines that share nothing with them: the package regex, and Hugging Face's Oniguruma."""

from __future__ import annotations

import importlib
import json
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from tokbench import _rust
from tokbench.pretokenize import Pretokenizer, names
from tokbench.reference import pretokenize as reference

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CHARACTERS = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
# Where a class begins or ends (by Python's own tables), and all of the first blocks.
SAMPLE = [
    c
    for c in CHARACTERS
    if ord(c) < 0x300
    or unicodedata.category(c) != unicodedata.category(chr(ord(c) - 1))
    or (ord(c) < 0x10FFFF and unicodedata.category(c) != unicodedata.category(chr(ord(c) + 1)))
]
CONTEXTS = ["a@b", " @1", "@@", "'@", "a'@", "@\n x", "A@a", "1@", "!@\n", "中@B"]
CATEGORIES = ("Lu", "Lt", "Ll", "Lm", "Lo", "M", "N", "P", "S")
CLASSES = [*(rf"\p{{{category}}}" for category in CATEGORIES), r"[^\S\n]"]
# Changed after Unicode 16, the version of the scanners: U+0295 went from Ll to Lo in Unicode 17.
CHANGED = {0x0295}
# Punctuation in Unicode 16 that is unknown to the older tables of Hugging Face's Punctuation step, and two
# code points that they still take for punctuation: a symbol and a mark today.
PUNCTUATION_NEWER_THAN_HUGGINGFACE = """
61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 10d6e 10ead 10f55-10f59 10f86-10f89
113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b 1145d 11660-1166c 116b9 1183b 11944-11946 119e2
11a3f-11a46 11a9a-11a9c 11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 11c70-11c71 11ef7-11ef8 11f43-11f4f
11fff 12ff1-12ff2 16d6d-16d6f 16e97-16e9a 16fe2 1e5ff 1e95e-1e95f
166d 111c9
"""
LANGUAGES = ["deu_Latn", "ell_Grek", "eng_Latn", "jpn_Jpan", "khm_Khmr", "kor_Hang", "rus_Cyrl", "tur_Latn"]
LANGUAGES += ["zho_Hans", "zho_Hant"]


def _text(shared: Path, language: str, n_characters: int) -> str:
    path = shared / "data" / "mono" / f"{language}.txt.zst"
    lines = pl.read_csv(path, separator="\x01", quote_char=None, has_header=False, n_rows=20_000)
    return "\n".join(line or "" for line in lines.to_series())[:n_characters]


def _in_contexts(characters: Iterable[str]) -> str:
    return "".join(context.replace("@", c) + "\n;" for c in characters for context in CONTEXTS)


def _huggingface(step: Any, text: str) -> list[str]:
    return [text[start:end] for _, (start, end) in step.pre_tokenize_str(text)]


def _isolated(pattern: str) -> Any:
    return pre_tokenizers.Split(Regex(pattern), "isolated")


@cache
def _members(pattern: str) -> frozenset[int]:
    """Return the code points that the Rust engine finds in a class that does not hold the line feed."""
    text = "\n".join(CHARACTERS)
    ends = set(Pretokenizer(f"regex:{pattern}").boundaries(text).tolist())
    members, position = set(), 0
    for character in CHARACTERS:
        end = position + len(character.encode())
        if end in ends and (position in ends or position == 0):
            members.add(ord(character))
        position = end + 1
    return frozenset(members)


def _listed(ranges: str) -> set[int]:
    points: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        points.update(range(int(first, 16), int(last or first, 16) + 1))
    return points


def _differences() -> set[int]:
    """Return the code points on whose class the two sets of Unicode tables disagree."""
    return {
        point
        for pattern in CLASSES
        for point in _members(pattern) ^ {ord(c) for c in CHARACTERS if reference._compiled(pattern).match(c)}
    }


def test_unicode_tables_differ_on_unassigned_code_points_only() -> None:
    unassigned = _members(r"\p{Cn}")
    assert len(unassigned) > 800_000
    assert _differences() - unassigned <= CHANGED


@pytest.mark.parametrize("spec", sorted(reference.PATTERNS))
def test_twin_around_every_change_of_class(spec: str) -> None:
    skipped = CHANGED | _members(r"\p{Cn}")
    text = _in_contexts(c for c in SAMPLE if ord(c) not in skipped)
    assert Pretokenizer(spec).split(text) == reference.split(spec, text.encode())


@pytest.mark.shared
@pytest.mark.parametrize(
    "spec", ["script", "digits:r2l3", *sorted(reference.SCRIPT_AWARE), *sorted(reference.PATTERNS)]
)
def test_twin_on_real_text(shared: Path, spec: str) -> None:
    for language in LANGUAGES:
        text = _text(shared, language, 20_000).encode()
        assert Pretokenizer(spec).split(text) == reference.split(spec, text), language


# Scripts that meet, and what is common to all of them at every place between two of them.
MIXED = ["Word", "слово", "漢", "カナ", "かな", "ไทย", "မြန်မာ", "ខ្មែរ", "ລາວ", "한글"]
MIXED += [
    " ",
    "  ",
    "\n",
    "!?",
    "1234567",
    "\u0301",
    "\u200d",
    "\uffff",
    "HTTPServer",
    "a_b",
    "don’t",
    "👍🏽",
    "🇩🇪",
    "3\ufe0f\u20e3",
]


@pytest.mark.parametrize("spec", [*sorted(reference.SCRIPT_AWARE), "camel_case"])
@given(
    parts=st.lists(st.sampled_from([*(part.encode() for part in MIXED), b"\xff", b"\xe6\xbc"]), max_size=12)
)
def test_twin_where_scripts_meet(spec: str, parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert Pretokenizer(spec).split(data) == reference.split(spec, data)


def _huggingface_steps() -> dict[str, Any]:
    steps: dict[str, Any] = {
        "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        "deepseek3": pre_tokenizers.Sequence([_isolated(each) for each in reference.PATTERNS["deepseek3"]]),
    }
    for spec in ("llama3", "qwen2", "qwen3_5", "o200k", "tekken", "whitespace", "bert", "camel_case"):
        steps[spec] = _isolated(reference.PATTERNS[spec][0])
    for behaviour in ("isolated", "contiguous", "merged_with_previous", "merged_with_next"):
        steps[f"regex-{behaviour}:[aeiou ]"] = pre_tokenizers.Split(Regex("[aeiou ]"), behaviour)
        steps[f"punctuation:{behaviour}"] = pre_tokenizers.Punctuation(behaviour)
    steps["digits"] = pre_tokenizers.Digits(individual_digits=False)
    steps["digits:1"] = pre_tokenizers.Digits(individual_digits=True)
    return steps


@pytest.mark.parametrize("spec", sorted(_huggingface_steps()))
def test_huggingface_around_every_change_of_class(spec: str) -> None:
    step, pretokenizer = _huggingface_steps()[spec], Pretokenizer(spec)
    skipped = _listed(PUNCTUATION_NEWER_THAN_HUGGINGFACE) if spec.startswith("punctuation") else set()
    sample = [c for c in SAMPLE if ord(c) not in skipped]
    for start in range(0, len(sample), 500):
        text = _in_contexts(sample[start : start + 500])
        assert [piece.decode() for piece in pretokenizer.split(text)] == _huggingface(step, text)


def test_huggingface_punctuation_is_older_by_exactly_the_listed_code_points() -> None:
    text = "\n".join(CHARACTERS)
    pieces = _huggingface(pre_tokenizers.Punctuation("isolated"), text)
    old = {ord(piece) for piece in pieces if len(piece) == 1 and piece != "\n"}
    new = _members(r"[\p{P}$+<=>^`|~]")
    assert old ^ new == _listed(PUNCTUATION_NEWER_THAN_HUGGINGFACE)


@pytest.mark.shared
@pytest.mark.parametrize("spec", sorted(_huggingface_steps()))
def test_huggingface_on_real_text(shared: Path, spec: str) -> None:
    step, pretokenizer = _huggingface_steps()[spec], Pretokenizer(spec)
    for language in LANGUAGES:
        text = _text(shared, language, 50_000)
        assert [piece.decode() for piece in pretokenizer.split(text)] == _huggingface(step, text), language


@pytest.mark.shared
def test_published_patterns_get_their_scanner(shared: Path) -> None:
    folder = shared / "data" / "tokenizers"
    deepseek = json.loads((folder / "deepseek" / "deepseek_v4_tokenizer.json").read_text())
    steps = deepseek["pre_tokenizer"]["pretokenizers"]
    patterns = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split"]
    assert Pretokenizer.from_regex(patterns).spec == "deepseek3"
    tekken = json.loads((folder / "mistral" / "tekken_240718.json").read_text())
    assert Pretokenizer.from_regex(tekken["config"]["pattern"]).spec == "tekken"


def test_tiktoken_patterns_get_their_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    openai_public = importlib.import_module("tiktoken_ext.openai_public")
    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
    monkeypatch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda *_, **__: {})
    scanners = {
        name: Pretokenizer.from_regex(make()["pat_str"]).spec
        for name, make in openai_public.ENCODING_CONSTRUCTORS.items()
        if name in ("gpt2", "r50k_base", "p50k_base", "cl100k_base", "o200k_base")
    }
    assert scanners == {
        "gpt2": "gpt2",
        "r50k_base": "gpt2",
        "p50k_base": "gpt2",
        "cl100k_base": "cl100k",
        "o200k_base": "o200k",
    }


def test_every_scanner_has_a_twin() -> None:
    covered = {*reference.PATTERNS, *reference.SCRIPT_AWARE, "script"}
    assert set(_rust.Pretokenizer.names()) <= covered
    assert {name for _, name in _rust.Pretokenizer.known_patterns()} <= covered
    assert set(names()) - covered == {
        "digits:r2l3",
        "punctuation:contiguous",
        "regex:PATTERN",
        "seq(digits:3, cl100k)",
    }
