"""Prompts: text, and control tokens between texts.

A control token (beginning of a turn, fill-in-the-middle sentinel, tool call) is an id, never its text: text that spells
one is text. It ends the text before it, which therefore stands as its encoding; text after it starts afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tokbench.encoding import text_bytes
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer

Prompt: TypeAlias = str | bytes | Sequence[str | bytes | int]
"""A text, or texts and the ids of control tokens in order."""


@dataclass(frozen=True)
class Opening:
    """A prompt taken apart: what is settled, and the bytes after it.

    Attributes:
        settled: tokens up to and with the last control token.
        data: the text after it.
    """

    settled: tuple[int, ...]
    data: bytes


def opening(prompt: Prompt, tokenizer: Tokenizer, *, vocab_size: int) -> Opening:
    """Take a prompt apart.

    Raises:
        ParameterError: for an id outside of 0 … `vocab_size` - 1.
    """
    if isinstance(prompt, (str, bytes)):
        return Opening((), text_bytes(prompt))
    settled: list[int] = []
    data = b""
    for part in prompt:
        if isinstance(part, (str, bytes)):
            data += text_bytes(part)
            continue
        if not 0 <= int(part) < vocab_size:
            message = f"prompt: no token with id {part}; the model has {vocab_size}"
            raise ParameterError(message)
        settled += tokenizer.encode(data).tolist() if data else []
        settled.append(int(part))
        data = b""
    return Opening(tuple(settled), data)


def fill_in_the_middle(
    prefix: str | bytes,
    suffix: str | bytes,
    *,
    before_prefix: int,
    before_suffix: int,
    before_middle: int,
    order: Literal["suffix_first", "prefix_first"] = "suffix_first",
) -> list[str | bytes | int]:
    """Return the prompt whose continuation is what stands between a prefix and a suffix (Bavarian et al. 2022).

    ``suffix_first``: ``PRE SUF suffix MID prefix`` (SPM): the middle goes on where the prefix ends, so a prefix that
    ends inside of a token is conditioned on by its bytes. ``prefix_first``: ``PRE prefix SUF suffix MID`` (PSM): the
    prefix stands as its encoding and the middle starts afresh behind the sentinel.
    """
    if order == "suffix_first":
        return [before_prefix, before_suffix, suffix, before_middle, prefix]
    if order == "prefix_first":
        return [before_prefix, prefix, before_suffix, suffix, before_middle]
    message = f"order: {order!r}; choose suffix_first or prefix_first"
    raise ParameterError(message)
