"""Lexical-decision tables: strings that people judged to be words or not, how fast, and how often rightly.

Source: the British, Dutch and French Lexicon Projects and the English one (ELP), as tables of stimuli.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import LexiconError
from tokbench.lexicon.gold import file_state
from tokbench.lexicon.lines import Table, number, settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = ("word", "lexicality", "rt", "accuracy", "where", "duplicates", "empty")
_USUAL = {
    "word": ("spelling", "stimulus", "word", "string"),
    "lexicality": ("lexicality", "type"),
    "rt": ("rt", "rt.mean", "rtlexdec", "reaction_time", "i_mean_rt"),
    "accuracy": ("accuracy", "acc", "i_mean_accuracy"),
}
_WORDS = frozenset({"w", "word", "1", "true"})
_NON_WORDS = frozenset({"n", "nw", "nonword", "non-word", "pseudoword", "0", "false"})
_MISSING = frozenset({"", "na", "nan", "null", "#"})


@dataclass(frozen=True, eq=False)
class DecisionTable:
    """Stimuli and how people judged them.

    Attributes:
        path: the file.
        words: the stimuli; a string that is both a word and a non-word is two.
        is_word: whether each is a word.
        measures: ``rt`` and ``accuracy``, NaN where missing; a measure without a column is absent.
        fingerprint: hash of all that.
    """

    path: str
    words: tuple[str, ...]
    is_word: NDArray[np.bool_]
    measures: dict[str, NDArray[np.float64]]
    fingerprint: str

    def __len__(self) -> int:
        """Count the stimuli."""
        return len(self.words)


def read_decisions(path: str | Path, *, columns: str | None = None) -> DecisionTable:
    """Read a lexical-decision table.

    Args:
        path: comma-, semicolon- or tab-separated, with a header.
        columns: ``word=COLUMN;lexicality=COLUMN;rt=COLUMN;accuracy=COLUMN`` where the columns have unusual names;
            ``where=COLUMN:VALUE,COLUMN:VALUE`` to keep only some rows; ``duplicates=mean`` to average the rows of one
            stimulus; ``empty=skip`` to leave out rows without a stimulus. Without a lexicality column every stimulus
            is a word.

    Raises:
        LexiconError: naming file and line of what is wrong; when a stimulus occurs twice and nothing says what then.
    """
    return _read(str(path), columns, file_state(Path(path)))


@dataclass(slots=True)
class _Stimulus:
    """The rows of one stimulus so far."""

    line: int
    values: dict[str, list[float]]


@lru_cache(maxsize=16)
def _read(path: str, columns: str | None, state: tuple[int, int]) -> DecisionTable:
    del state  # part of the key: a file that has changed is read again
    table = Table(path)
    chosen = settings(path, columns, COLUMNS)
    places = {
        key: table.place(chosen[key]) if key in chosen else table.find(*usual)
        for key, usual in _USUAL.items()
    }
    at, lexicality = places["word"], places["lexicality"]
    if at is None:
        message = (
            f"{path}: no column of stimuli; name it: columns=word=COLUMN (it has {', '.join(table.columns)})"
        )
        raise LexiconError(message)
    duplicates = _choice(path, chosen, "duplicates", "mean")
    empty = _choice(path, chosen, "empty", "skip")
    conditions = _conditions(table, chosen.get("where"))
    measured = {key: place for key in ("rt", "accuracy") if (place := places[key]) is not None}
    seen: dict[tuple[str, bool], _Stimulus] = {}
    for line, row in table.rows():
        if any(row[place] != value for place, value in conditions):
            continue
        word = row[at].strip()
        if not word and empty == "skip":
            continue
        if not word:
            message = (
                f"{path}, line {line}: the stimulus is empty; leave such rows out with columns=empty=skip"
            )
            raise LexiconError(message)
        is_word = lexicality is None or _lexicality(path, line, row[lexicality])
        found = seen.setdefault((word, is_word), _Stimulus(line, {key: [] for key in measured}))
        if found.line != line and duplicates == "refuse":
            message = (
                f"{path}, line {line}: the stimulus {word!r} stands in line {found.line} already; keep one kind of "
                f"row with columns=where=COLUMN:VALUE, or average them with duplicates=mean"
            )
            raise LexiconError(message)
        for key, place in measured.items():
            text = row[place].strip()
            if text.lower() not in _MISSING:
                found.values[key].append(number(Path(path), line, text, key))
    if not seen:
        message = f"{path}: holds no stimuli{' where ' + chosen['where'] if conditions else ''}"
        raise LexiconError(message)
    lexical = np.array([is_word for _, is_word in seen], bool)
    words = tuple(word for word, _ in seen)
    measures = {
        key: np.array([fmean(s.values[key]) if s.values[key] else np.nan for s in seen.values()], np.float64)
        for key in measured
    }
    digest = hashlib.sha256("\0".join(words).encode() + lexical.tobytes())
    for key, values in sorted(measures.items()):
        digest.update(key.encode() + values.tobytes())
    return DecisionTable(path, words, lexical, measures, digest.hexdigest())


def _choice(path: str, chosen: dict[str, str], key: str, other: str) -> str:
    found = chosen.get(key, "refuse")
    if found not in ("refuse", other):
        message = f"{path}: columns={key}={found}: expected refuse or {other}"
        raise LexiconError(message)
    return found


def _conditions(table: Table, text: str | None) -> list[tuple[int, str]]:
    found = []
    for part in (text or "").split(","):
        column, colon, value = part.partition(":")
        if part and not colon:
            message = f"{table.path}: columns=where={text}: expected where=COLUMN:VALUE,…"
            raise LexiconError(message)
        if part:
            found.append((table.place(column.strip()), value.strip()))
    return found


def _lexicality(path: str, line: int, text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _WORDS or lowered in _NON_WORDS:
        return lowered in _WORDS
    message = f"{path}, line {line}: lexicality {text!r} is neither W (word) nor N (non-word)"
    raise LexiconError(message)
