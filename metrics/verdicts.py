"""What a lexicon says of each token: of the language, a root or affix, or neither.

A token is judged once, when it is first seen in a text: a dictionary is not asked about a vocabulary of 200,000.
"""

from __future__ import annotations

import importlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import LexiconError, MeasurementWarning, MetricError
from tokbench.lexicon import Lexicon, open_lexicon
from tokbench.lexicon.forms import is_nfc
from tokbench.lexicon.lines import read_text
from tokbench.metrics.gold_words import memory, token_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from tokbench.measurement import MeasuredTokenizer

    Surfaces = Callable[[int], Iterable[str]]

LANG, PURE, COUNTED, OTHER_FORM, JUDGED = 1, 2, 4, 8, 16
"""Bits of a verdict."""

CIRCULAR = 0.5
"""Share of the list in the vocabulary from which a warning is given. Measured on the Turkish set-up (41,903 entries):
0.04 to 0.10 for GPT-2, cl100k, o200k, Qwen, Llama 2 and DeepSeek vocabularies, 0.11 for a BPE of 32,000 trained on
Turkish; on an English list of 76,741 at most 0.23. TurkishTokenizer, built from roots and affixes that are in the
set-up: 0.54, and 1.00 of those two lists."""

LEAST_ENTRIES = 5000
"""Shorter lists overlap by themselves: affixes are short, and frequent words are tokens anyway."""


@dataclass(frozen=True)
class Source:
    """Everything that decides a verdict: the lexicon and how tokens are looked up in it."""

    lexicon: str | None
    morphemes: str | None
    language: str | None
    case: str | None
    normalize: str
    nonwords: str
    surface: str | None

    def open(self) -> Lexicon:
        """Read the lexicon; each file once."""
        return open_lexicon(
            self.lexicon, self.morphemes, language=self.language, case=self.case, normalize=self.normalize
        )

    def speaks(self, language: str | None) -> bool:
        """Whether the lexicon is for a language: equal codes, or ``tur`` for ``tur_Latn``."""
        if self.language is None or language is None:
            return True
        return self.language == language or self.language == language.split("_")[0]


class Verdicts:
    """The verdicts on one tokenizer's ids so far.

    Args:
        tokenizer: whose ids.
        source: where to look up.
    """

    def __init__(self, tokenizer: MeasuredTokenizer, source: Source) -> None:
        self.name = tokenizer.name
        self._source = source
        self._lexicon = source.open()
        self._table = token_table(tokenizer)
        self._special = frozenset(tokenizer.special_tokens.values())
        self._surfaces = _surfaces(source.surface, tokenizer, self._table)
        self._codes = np.zeros(len(self._table), np.uint8)
        self._nfc: Lexicon | None = None
        self._warned = False
        self._warn_if_circular()

    def of(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the verdict on each id, judging those that are new."""
        new = np.unique(ids)
        new = new[(self._codes[new] & JUDGED) == 0]
        for token in new.tolist():
            self._codes[token] = self._judge(token)
        if len(new):
            self._warn_if_other_form()
        found: NDArray[np.uint8] = self._codes[ids]
        return found

    def forms(self, token: int) -> list[str]:
        """Return the surface forms of an id; none for a part of a character."""
        return list(self._surfaces(token))

    def overlap(self) -> tuple[int, int, int]:
        """Return entries of the list, tokens with a letter, and how many of the former are among the latter."""
        listed = self._lexicon.morphemes or self._lexicon.words
        spelled = {
            self._lexicon.fold(form.strip())
            for token in range(len(self._table))
            if token not in self._special
            for form in self._surfaces(token)
            if _has_letter(form)
        }
        return len(listed), len(spelled), len(listed & spelled)

    def _judge(self, token: int) -> int:
        forms = self.forms(token)
        if not forms:
            return JUDGED | COUNTED
        if self._source.nonwords == "skip" and not any(map(_has_letter, forms)):
            return JUDGED
        code = JUDGED | COUNTED
        for form in forms:
            parts = form.split()
            if not parts:
                continue
            if all(map(self._lexicon.is_word, parts)):
                code |= LANG
                if all(map(self._lexicon.is_pure, parts)):
                    code |= PURE
            elif (self._lexicon.not_nfc or not is_nfc(form)) and all(map(self._in_nfc.is_word, parts)):
                code |= OTHER_FORM
        return code & ~OTHER_FORM if code & LANG else code

    @property
    def _in_nfc(self) -> Lexicon:
        """The lists, but not the dictionaries, in NFC: made where lexicon or text is in another form."""
        if self._nfc is None:
            own = self._lexicon
            self._nfc = Lexicon(words=own.words, morphemes=own.morphemes, case=own.case, normalize="nfc")
        return self._nfc

    def _warn_if_other_form(self) -> None:
        missed = np.flatnonzero(self._codes & OTHER_FORM)
        if len(missed) and not self._warned:
            self._warned = True
            form = next(iter(self.forms(int(missed[0]))))
            message = (
                f"{self.name}: tokens such as {form!r} are in the lexicon, but in another Unicode normal form; "
                f"pass normalize=nfc (lexicon_other_form says how many)"
            )
            warnings.warn(message, MeasurementWarning, stacklevel=2)

    def _warn_if_circular(self) -> None:
        listed, _, shared = self.overlap()
        if listed >= LEAST_ENTRIES and shared / listed >= CIRCULAR:
            message = (
                f"{self.name}: {shared:,} of the lexicon's {listed:,} entries are tokens of its vocabulary: it was "
                f"probably built from this list, and then lang_share and pure_share measure their own source"
            )
            warnings.warn(message, MeasurementWarning, stacklevel=2)


def verdicts_of(tokenizer: MeasuredTokenizer, source: Source) -> Verdicts:
    """Return the verdicts on a tokenizer, kept for as long as it lives and the files stay as they are.

    Raises:
        LexiconError: when the lexicon cannot be read.
        MetricError: when the surface forms cannot be had.
    """
    kept = memory(tokenizer)
    key = ("verdicts", source, source.open().fingerprint)
    if key not in kept:
        kept[key] = Verdicts(tokenizer, source)
    found: Verdicts = kept[key]
    return found


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def _surfaces(surface: str | None, tokenizer: MeasuredTokenizer, table: list[bytes]) -> Surfaces:
    """Return the function from id to surface forms that `surface` names."""
    if surface is None:

        def own(token: int) -> list[str]:
            try:
                return [table[token].decode()]
            except UnicodeDecodeError:
                return []

        return own
    if surface.endswith(".json"):
        forms: dict[int, list[str]] = {}
        for name in surface.split(";"):
            for text, token in _classes(name.strip()):
                forms.setdefault(token, []).append(text)
        return lambda token: forms.get(token, [])
    module, colon, name = surface.partition(":")
    try:
        function: Any = getattr(importlib.import_module(module), name) if colon else None
    except (ImportError, AttributeError) as error:
        message = f"surface={surface!r}: cannot be imported: {error}"
        raise MetricError(message) from error
    if not callable(function):
        message = (
            f"surface={surface!r}: expected FILE.json or MODULE:FUNCTION, a function of tokenizer and id"
        )
        raise MetricError(message)

    def named(token: int) -> list[str]:
        given = function(tokenizer, token)
        found = [given] if isinstance(given, str) else list(given)
        if not all(isinstance(form, str) for form in found):
            message = f"surface={surface!r}: returned {found!r} for id {token}; expected strings"
            raise MetricError(message)
        return found

    return named


def _classes(name: str) -> list[tuple[str, int]]:
    """Read a JSON object from surface form to id, several forms to one id."""
    try:
        given = json.loads(read_text(Path(name)))
    except json.JSONDecodeError as error:
        message = f"{name}, line {error.lineno}: {error.msg}"
        raise LexiconError(message) from error
    if not isinstance(given, dict) or not all(isinstance(token, int) for token in given.values()):
        message = f"{name}: expected a JSON object from surface form to id"
        raise LexiconError(message)
    return list(given.items())
