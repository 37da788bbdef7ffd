"""What a tokenizer says about itself: how it normalizes, and whether it means to lose white space.

A difference between text and decoding is a defect only where nothing declares it. Where the declaration cannot be
read (a precompiled map without the library that runs it) `Declared.opaque` says so, and checks answer unverifiable.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokbench.tokenizer import Tokenizer


@dataclass(frozen=True)
class Declared:
    """What a tokenizer declares.

    Attributes:
        name: of the normalizer; empty for none.
        normalize: the normalizer, with a space for ▁; None for none.
        folds_case: whether it lowercases.
        loses_spaces: whether decoding cannot know how much white space there was.
        adds_prefix: whether a space is put before the text, which decoding takes off again with the text's own.
        opaque: whether there is a normalizer that cannot be run here.
    """

    name: str = ""
    normalize: Callable[[str], str] | None = None
    folds_case: bool = False
    loses_spaces: bool = False
    adds_prefix: bool = False
    opaque: bool = False


def declared(tokenizer: Tokenizer) -> Declared:
    """Read the declarations of a tokenizer of any kind.

    Example:
        >>> declared(tokenizer).name  # doctest: +SKIP
        'nfc'
    """
    if isinstance(tokenizer, BpeTokenizer):
        model = tokenizer.model
        prefix = model.prefix_space
        if model.normalizer is None:
            return Declared(adds_prefix=prefix)
        form = cast(Literal["NFC", "NFD", "NFKC", "NFKD"], model.normalizer.upper())
        return Declared(model.normalizer, lambda text: unicodedata.normalize(form, text), adds_prefix=prefix)
    from tokbench.interop.declarations import foreign_declaration

    found = foreign_declaration(tokenizer)
    return Declared(**found)
