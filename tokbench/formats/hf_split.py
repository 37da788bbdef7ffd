"""The ``pre_tokenizer`` of a ``tokenizer.json`` ↔ our pre-tokenizer specification.

Regular expressions there are Oniguruma's in Ruby syntax, ours are Rust's. A pattern that we know by heart
maps to its scanner; another one is taken over only if both dialects read it alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokbench import _rust
from tokbench.errors import NotRepresentableError
from tokbench.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BEHAVIOURS = {
    "Isolated": "isolated",
    "Contiguous": "contiguous",
    "MergedWithPrevious": "merged_with_previous",
    "MergedWithNext": "merged_with_next",
}
# `$` ends a line there and the text here; `{1,3}+` repeats there and is possessive here; \\w differs by a few
# marks and joiners; case folding differs for characters that fold to two.
_DIALECT = re.compile(
    r"(?<!\\)[$^](?![^\[\]]*\])|\}\+|\\[wWbBhHRXzZAGkgKO]|\[:|&&|--|~~"
    r"|\\[pP][^{]|\\[pP]\{[^}]*[=:]|\\[uUx]|\(\?(?![:=!>]|<[=!])"
)

_DEEPSEEK = (
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    (
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
    ),
)
_CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
)


@dataclass(frozen=True)
class Split:
    """How a file cuts text: our specification, and whether symbols are bytes."""

    pretokenizer: str
    byte_level: bool
    prefix_space: bool


def read_split(step: Mapping[str, Any] | None) -> Split:
    """Return the specification of a ``pre_tokenizer`` entry.

    Raises:
        NotRepresentableError: for a step that we do not have, naming it.
    """
    steps = _flat(step)
    specs: list[str] = []
    patterns: list[str] = []
    byte_level = prefix_space = False
    for index, each in enumerate(steps):
        kind = each["type"]
        if byte_level:
            _refuse(f"{kind} follows ByteLevel")
        if kind == "ByteLevel":
            byte_level = True
            if each.get("add_prefix_space", True):
                if index:
                    _refuse("ByteLevel adds a prefix space to every piece of an earlier split")
                prefix_space = True
            if each.get("use_regex", True):
                specs.append("gpt2")
        elif kind == "Split":
            specs.append(_split(each, patterns))
        elif kind == "Digits":
            specs.append("digits:1" if each.get("individual_digits") else "digits")
        elif kind == "Punctuation" and each.get("behavior", "Isolated") in _BEHAVIOURS:
            specs.append(f"punctuation:{_BEHAVIOURS[each.get('behavior', 'Isolated')]}")
        else:
            _refuse(f"its pre-tokenizer has a step {kind}")
    if len(patterns) == len(specs) and patterns:
        return Split(Pretokenizer.from_regex(patterns).spec, byte_level, prefix_space)
    spec = Pretokenizer(specs).spec if specs else "none"
    return Split(spec, byte_level, prefix_space)


def _split(step: Mapping[str, Any], patterns: list[str]) -> str:
    behaviour = _BEHAVIOURS.get(step.get("behavior", ""))
    pattern = step["pattern"]
    if behaviour is None or step.get("invert") or "Regex" not in pattern:
        reason = (
            f"a Split with behavior {step.get('behavior')}, invert {step.get('invert')}, pattern {pattern}"
        )
        _refuse(reason)
    text = pattern["Regex"]
    known = {theirs for theirs, _ in _rust.Pretokenizer.known_patterns() if "$|" not in theirs}
    escaped = text.replace("\r", r"\r").replace("\n", r"\n")
    if behaviour == "isolated" and escaped == _CL100K:
        return "cl100k"
    if escaped not in known and escaped not in _DEEPSEEK and _DIALECT.search(text):
        _refuse(f"its pattern {text!r} may mean something else to another engine")
    if behaviour == "isolated":
        patterns.append(text)
        return Pretokenizer.from_regex(text).spec
    return f"regex-{behaviour}:{text}"


def _flat(step: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if step is None:
        return []
    if step["type"] == "Sequence":
        return [inner for each in step["pretokenizers"] for inner in _flat(each)]
    return [step]


def _refuse(reason: str) -> None:
    message = f"this tokenizer.json is not encoded natively: {reason}"
    raise NotRepresentableError(message)


def write_split(spec: str, *, byte_level: bool, prefix_space: bool) -> Mapping[str, Any] | None:
    """Return the ``pre_tokenizer`` entry of a specification.

    Raises:
        NotRepresentableError: for a scanner that no regular expression of that format equals.
    """
    steps: list[Mapping[str, Any]] = []
    parts = _parts(Pretokenizer(spec).spec)
    if byte_level and parts == ("gpt2",):
        return _byte_level(use_regex=True, prefix_space=prefix_space)
    if prefix_space and parts != ("none",):
        message = "a tokenizer.json cannot put one space before the text and then cut it otherwise than gpt2"
        raise NotRepresentableError(message)
    for part in parts:
        steps.extend(_written(part))
    if byte_level:
        steps.append(_byte_level(use_regex=False, prefix_space=prefix_space))
    if len(steps) > 1:
        return {"type": "Sequence", "pretokenizers": steps}
    return steps[0] if steps else None


def _parts(spec: str) -> tuple[str, ...]:
    if not spec.startswith("seq("):
        return (spec,)
    inner = spec.removeprefix("seq(").removesuffix(")")
    items = re.finditer(r"(regex(?:-\w+)?:)'((?:[^']|'')*)'|([^,' ][^,']*)", inner)
    return tuple(item[3] or item[1] + item[2].replace("''", "'") for item in items)


def _byte_level(*, use_regex: bool, prefix_space: bool) -> Mapping[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": prefix_space,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def _written(part: str) -> Sequence[Mapping[str, Any]]:
    if part == "none":
        return []
    if part == "deepseek3":
        return [_regex(pattern) for pattern in _DEEPSEEK]
    if part == "cl100k":
        return [_regex(_CL100K)]
    for prefix, written in _REGEX_PREFIXES.items():
        if part.startswith(prefix):
            pattern = part.removeprefix(prefix)
            if _DIALECT.search(pattern):
                message = (
                    f"a tokenizer.json cannot express the pre-tokenizer {part!r}: another engine reads its "
                    f"pattern otherwise"
                )
                raise NotRepresentableError(message)
            return [_regex(pattern, written)]
    if part == "digits":
        return [_regex(r"\p{N}+")]
    if part.startswith("digits:") and part.removeprefix("digits:").isdigit():
        return [_regex(rf"\p{{N}}{{1,{part.removeprefix('digits:')}}}")]
    if part == "lines":
        return [_regex(r"[^\n]*\n|[^\n]+")]
    candidates = [pattern for pattern, name in _rust.Pretokenizer.known_patterns() if name == part]
    if not candidates:
        message = (
            f"a tokenizer.json cannot express the pre-tokenizer {part!r}: no regular expression equals it"
        )
        raise NotRepresentableError(message)
    return [_regex(candidates[-1])]


_REGEX_PREFIXES = {"regex:": "Isolated", **{f"regex-{ours}:": theirs for theirs, ours in _BEHAVIOURS.items()}}


def _regex(pattern: str, behaviour: str = "Isolated") -> Mapping[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behaviour, "invert": False}
