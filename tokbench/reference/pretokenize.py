"""The slow twin of the pre-tokenizers: the published patterns run by the package ``regex``, and plain loops.

Only the tests need ``regex`` (an engine and Unicode tables that share nothing with the Rust side). It may
carry a newer Unicode than the scanners: code points that were unassigned in theirs may differ, and nothing else.
"""

from __future__ import annotations

import importlib
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tokbench.errors import PluginError, PretokenizeError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SIGN = r"[^\r\n\p{L}\p{N}]?"
_SYMBOLS = r" ?[^\s\p{L}\p{N}]+"
_WHITE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_BERT = r"[\p{P}$+<=>^`|~]"

PATTERNS: dict[str, tuple[str, ...]] = {
    "gpt2": (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",),
    "cl100k": (
        rf"'(?i:[sdmt]|ll|ve|re)|{_SIGN}+\p{{L}}++|\p{{N}}{{1,3}}+|{_SYMBOLS}+[\r\n]*+|\s++\Z|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    "llama3": (rf"{_CONTRACTION}|{_SIGN}\p{{L}}+|\p{{N}}{{1,3}}|{_SYMBOLS}[\r\n]*|{_WHITE}",),
    "qwen2": (rf"{_CONTRACTION}|{_SIGN}\p{{L}}+|\p{{N}}|{_SYMBOLS}[\r\n]*|{_WHITE}",),
    "qwen3_5": (
        rf"{_CONTRACTION}|{_SIGN}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_WHITE}",
    ),
    "o200k": (
        "|".join(
            [
                rf"{_SIGN}{_UPPER}*{_LOWER}+{_CONTRACTION}?",
                rf"{_SIGN}{_UPPER}+{_LOWER}*{_CONTRACTION}?",
                rf"\p{{N}}{{1,3}}|{_SYMBOLS}[\r\n/]*|{_WHITE}",
            ]
        ),
    ),
    "tekken": (rf"{_SIGN}{_UPPER}*{_LOWER}+|{_SIGN}{_UPPER}+{_LOWER}*|\p{{N}}|{_SYMBOLS}[\r\n/]*|{_WHITE}",),
    "deepseek3": (
        r"\p{N}{1,3}",
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        "|".join(
            [
                r"[!-/:-@\[-`{-~][A-Za-z]+",
                r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
                rf" ?[\p{{P}}\p{{S}}]+[\r\n]*|{_WHITE}",
            ]
        ),
    ),
    "whitespace": (r" ?\S+|\s+(?!\S)|\s+",),
    "bert": (rf" ?[^\s\p{{P}}$+<=>^`|~]+| ?{_BERT}|\s+(?!\S)|\s+",),
    "superbpe": (r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S)",),
    "camel_case": (
        "|".join(
            [
                r" ?(?:\p{L}\p{M}*)+['\u2019](?:\p{L}\p{M}*)+",
                r"_(?:\p{Ll}\p{M}*)+",
                r" ?(?:\p{Lu}\p{M}*)+(?=\p{Lu}\p{M}*\p{Ll})",
                r" ?(?:\p{Lu}\p{M}*)?(?:\p{Ll}\p{M}*)+",
                r" ?(?:\p{Lu}\p{M}*)+",
                r" ?(?:[\p{Lt}\p{Lm}\p{Lo}]\p{M}*)+",
                r"(?:\p{N}\p{M}*){1,3}(?=(?:(?:\p{N}\p{M}*){3})*(?:\P{N}|\Z))",
                r"(?:[\p{P}\p{S}]\p{M}*)+|[^\S\r\n]*[\n\r]+|[^\S\r\n]+|(?:[\p{Z}\p{C}]\p{M}*)+|\p{M}+",
            ]
        ),
    ),
    "lines": (r"[^\n]*\n|[^\n]+",),
    "none": (r"(?s:.+)",),
    "digits": (r"\p{N}+",),
    "digits:1": (r"\p{N}",),
    "digits:3": (r"\p{N}{1,3}",),
    "punctuation": (_BERT,),
}

_EMOJI = r"\p{Extended_Pictographic}[\U0001F3FB-\U0001F3FF]?[\uFE0F\uFE0E]?"
_CAPITALS, _SMALL = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}\u200D]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}\u200D]"
_AFTER_APOSTROPHE = r"(?:['\u2019][\p{Ll}\p{Lm}\p{Lo}\p{M}]+)?"
_REST = "|".join(
    [
        r"[0-9#*]\uFE0F?\u20E3|[\U0001F1E6-\U0001F1FF]{2}",
        rf"{_EMOJI}(?:\u200D{_EMOJI})*",
        r" ?(?:[\p{S}\p{P}]\p{M}*){1,16}",
        r"[^\S\r\n]{0,16}[\r\n]{1,16}|[^\S\r\n]{1,16}(?![^\s\p{N}\p{C}\p{M}])|\s{1,16}",
        r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|\Z))|[\p{Z}\p{C}\p{M}]+",
    ]
)
SCRIPT_AWARE: dict[str, tuple[str, str]] = {
    "script_aware": (
        f" ?{_CAPITALS}*{_SMALL}+{_AFTER_APOSTROPHE}| ?{_CAPITALS}+{_SMALL}*{_AFTER_APOSTROPHE}|{_REST}",
        rf" ?\p{{L}}\p{{M}}*|{_REST}",
    ),
    "script_aware_o200k": (
        PATTERNS["o200k"][0],
        rf" ?\p{{L}}\p{{M}}*|\p{{N}}{{1,3}}|{_SYMBOLS}[\r\n/]*|{_WHITE}",
    ),
}
"""For each the pattern of words and the pattern of characters, for runs of `BY_CHARACTER`."""
BY_CHARACTER = ("Han", "Hiragana", "Katakana", "Thai", "Myanmar", "Khmer", "Lao")

# The scripts of the languages that the tests read; the Script property of Unicode's Scripts.txt.
_SCRIPTS = [
    *(
        "Common",
        "Inherited",
        "Unknown",
        "Latin",
        "Cyrillic",
        "Greek",
        "Armenian",
        "Georgian",
        "Hebrew",
        "Arabic",
    ),
    *("Ethiopic", "Devanagari", "Bengali", "Tamil", "Thai", "Khmer", "Lao", "Myanmar"),
    *("Tibetan", "Deseret"),
    *("Han", "Hiragana", "Katakana", "Hangul", "Bopomofo"),
]


def split(spec: str, data: bytes) -> list[bytes]:
    """Return the pieces of ``data`` for a specification without ``seq``.

    Raises :class:`~tokbench.errors.PretokenizeError` for a specification that has no twin.

    >>> split("digits:r2l3", b"1234 5")
    [b'1', b'234', b' ', b'5']
    """
    # Each invalid byte becomes one lone surrogate, and the other way round; patterns see U+FFFD in its place.
    text = data.decode("utf-8", "surrogateescape")
    shown = "".join("\ufffd" if "\udc80" <= character <= "\udcff" else character for character in text)
    ends = list(_ends(spec, shown))
    return [text[start:end].encode("utf-8", "surrogateescape") for start, end in pairwise([0, *ends])]


def _ends(spec: str, text: str) -> Iterator[int]:
    if spec == "script":
        return _script_ends(text)
    if spec in SCRIPT_AWARE:
        return _script_aware_ends(*SCRIPT_AWARE[spec], text)
    if spec.startswith("digits:r2l"):
        return _grouped_from_right(text, int(spec.removeprefix("digits:r2l")))
    if spec.startswith("regex:"):
        return _isolated((spec.removeprefix("regex:"),), text)
    if spec in PATTERNS:
        return _isolated(PATTERNS[spec], text)
    known = ", ".join(["regex:PATTERN", "digits:r2lN", "script", *SCRIPT_AWARE, *PATTERNS])
    message = f"pre-tokenizer {spec!r} has no twin; those that have one are {known}"
    raise PretokenizeError(message)


def _isolated(patterns: tuple[str, ...], text: str) -> Iterator[int]:
    """Yield the ends of matches and gaps of the first pattern, each cut by the patterns after it."""
    if not patterns:
        yield len(text)
        return
    borders = {0, len(text)}
    for match in _compiled(patterns[0]).finditer(text):
        borders.update(match.span())
    for start, end in pairwise(sorted(borders)):
        yield from (start + inner for inner in _isolated(patterns[1:], text[start:end]))


def _grouped_from_right(text: str, size: int) -> Iterator[int]:
    for number_or_gap_end in _isolated((r"\p{N}+",), text):
        digits = _compiled(r"\p{N}+\Z").search(text, 0, number_or_gap_end)
        if digits is not None:
            start, end = digits.span()
            first = (end - start) % size or size
            yield from range(start + first, end, size)
        yield number_or_gap_end


def _script_ends(text: str) -> Iterator[int]:
    run = None
    for position, character in enumerate(text):
        script = _script(character)
        if script in ("Common", "Inherited"):
            continue
        if run is not None and script != run:
            yield position
        run = script
    if text:
        yield len(text)


def _script_aware_ends(words: str, characters: str, text: str) -> Iterator[int]:
    """Yield the ends of the pieces of runs, each cut as a text of its own."""
    start, end, own = 0, 0, ""
    borders: list[tuple[int, str]] = []
    for position, character in enumerate(text):
        script = _script(character)
        if script == "Inherited":
            end = position + 1
        elif script not in ("Common", "Unknown"):
            if own not in ("", script):
                borders.append((end, own))
            own, end = script, position + 1
    for border, script in [*borders, (len(text), own)]:
        pattern = characters if script in BY_CHARACTER else words
        yield from (start + inner for inner in _isolated((pattern,), text[start:border]))
        start = border


@cache
def _script(character: str) -> str:
    for name in _SCRIPTS:
        if _compiled(rf"\p{{Script={name}}}").match(character):
            return name
    message = f"the twin knows no script of U+{ord(character):04X}; add it to the list"
    raise PretokenizeError(message)


@cache
def _compiled(pattern: str) -> Any:
    try:
        engine = importlib.import_module("regex")
    except ImportError as error:
        message = "the twin of the pre-tokenizers needs the package regex; install it with: pip install regex"
        raise PluginError(message) from error
    return engine.compile(pattern)
