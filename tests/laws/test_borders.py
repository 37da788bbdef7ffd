"""The automaton of borders allows exactly what some continuation makes: all short texts over small alphabets."""

from __future__ import annotations

from itertools import chain, product

import pytest

from tokbench import _rust
from tokbench.errors import PretokenizeError
from tokbench.pretokenize import Pretokenizer

WORDS = [b"a", b" ", b"'", b"s", b"1", b"\n"]
SPACES = [b"a", b" ", b"\r", b"\n", b".", b"/"]
CASES = [b"a", b"B", b"'", b"L", b"\xcc\x81", b" "]
BYTES = [b"a", b"\xc3", b"\xa9", b"1", b"\xe2", b" "]
NUMBERS = [b"1", b"a", b"\xd9\xa3", b" "]
SIGNS = [b"a", b"!", b"\xe4\xb8\x80", b"1", b" ", b"\xe3\x80\x87"]
SCRIPTS = [b"a", b"\xd0\xb4", b"1", b"\xcc\x81", b"\xce\xb1"]

OTHERS = [
    *(bytes([byte]) for byte in b"aAs1 \t\r\n.'/\x01\x80\x91\xb1\xff"),
    *(character.encode() for character in "中\u0301α"),
]
"""What a continuation may need besides: bytes, and characters that complete none."""

NAMED = [
    "gpt2", "cl100k", "o200k", "llama3", "qwen2", "qwen3_5", "tekken", "deepseek3", "whitespace", "bert", "superbpe",
]  # fmt: skip
CASES_OF: list[tuple[str, list[bytes], int]] = [
    *((spec, alphabet, 5) for spec in NAMED for alphabet in (WORDS, SPACES)),
    *((spec, CASES, 5) for spec in ("o200k", "tekken", "cl100k", "qwen3_5")),
    *((spec, BYTES, 5) for spec in ("gpt2", "cl100k", "o200k", "deepseek3", "lines", "none", "script")),
    *((spec, NUMBERS, 6) for spec in ("digits", "digits:1", "digits:3", "digits:r2l2", "digits:r2l3", "cl100k")),
    *((spec, SIGNS, 5) for spec in ("bert", "punctuation", "deepseek3", "superbpe")),
    *((f"punctuation:{kind}", SIGNS, 5) for kind in ("contiguous", "merged_with_previous", "merged_with_next")),
    ("script", SCRIPTS, 5),
    ("lines", SPACES, 5),
    ("seq(digits:r2l2, gpt2)", WORDS, 5),
    ("seq(punctuation, whitespace, digits:1)", WORDS, 5),
    (r"regex:'(?:[sdmt]|ll)(?!\w)|\b\w+\b|\s+(?=\S)", WORDS, 5),
    (r"regex:(?>a+|a+s)s|.", WORDS, 5),
    (r"regex:(?<![a1])[as]+?(?=s|$)|(?m:^) +", WORDS, 5),
    (r"regex:(?:a|s)*+1|'*", WORDS, 5),
    (r"regex-merged_with_next: +(?! )|\n+", WORDS, 5),
]  # fmt: skip
KNOWN_PREFIX = 3


def _realized(spec: str, alphabet: list[bytes], length: int) -> dict[bytes, set[tuple[int, ...]]]:
    """For every prefix of units, the border sets (positions up to and with its end) that some text makes."""
    pretokenizer = Pretokenizer(spec)
    found: dict[bytes, set[tuple[int, ...]]] = {}
    for n in range(1, length + 1):
        for units in product(alphabet, repeat=n):
            text = b"".join(units)
            ends = pretokenizer.boundaries(text).tolist()
            for known in range(1, min(n, KNOWN_PREFIX) + 1):
                prefix = b"".join(units[:known])
                found.setdefault(prefix, set()).add(tuple(end for end in ends if end <= len(prefix)))
    return found


def _realized_by_longer(spec: str, prefix: bytes, alphabet: list[bytes]) -> set[tuple[int, ...]]:
    pretokenizer = Pretokenizer(spec)
    longer = (units for n in range(3, 5) for units in product(alphabet, repeat=n))
    other = (units for n in range(1, 4) for units in product(OTHERS, repeat=n))
    texts = (prefix + b"".join(units) for units in chain(longer, other))
    return {
        tuple(end for end in pretokenizer.boundaries(text).tolist() if end <= len(prefix)) for text in texts
    }


def _allowed(borders: _rust.Borders, prefix: bytes) -> set[tuple[int, ...]]:
    states: list[tuple[int, tuple[int, ...]]] = [(borders.start, ())]
    for at, byte in enumerate(prefix):
        next_states = []
        for state, ends in states:
            for border in (False, True):
                after = borders.walk(state, bytes([byte]), border)
                if after is not None:
                    next_states.append((after, (*ends, at + 1) if border else ends))
        states = next_states
    return {ends for _, ends in states}


@pytest.mark.parametrize(
    ("spec", "alphabet", "length"), CASES_OF, ids=[f"{s}-{a[-1]!r}" for s, a, _ in CASES_OF]
)
def test_exactly_what_some_continuation_makes(spec: str, alphabet: list[bytes], length: int) -> None:
    borders = _rust.Borders(spec)
    for prefix, realized in _realized(spec, alphabet, length).items():
        allowed = _allowed(borders, prefix)
        assert realized <= allowed, f"{prefix!r}: a text is cut at {realized - allowed}"
        missing = allowed - realized
        if missing:
            missing -= _realized_by_longer(spec, prefix, alphabet)
        assert not missing, f"{prefix!r}: no text is cut at {missing}"


@pytest.mark.parametrize("spec", ["gpt2", "o200k", "deepseek3", "digits:r2l3", "seq(digits:r2l3, cl100k)"])
def test_a_whole_text_ends_where_its_borders_are(spec: str) -> None:
    borders, pretokenizer = _rust.Borders(spec), Pretokenizer(spec)
    for text in [b"It's  1234567 o'clock\r\n\r\n ", "né à Ærø, 中文 12".encode(), b"\xe2\x80 x\xff"]:
        state: int | None = borders.start
        for piece in pretokenizer.split(text):
            assert state is not None
            state = borders.walk(state, piece, True)
        assert state is not None
        assert borders.may_end(state)


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?<=ab)c", r"a\Kb"])
def test_what_no_automaton_follows_is_refused(pattern: str) -> None:
    with pytest.raises(PretokenizeError):
        _rust.Borders(f"regex:{pattern}")
