"""Slow twin of parity-aware BPE, as its definition reads (Foroutan et al. 2025, arXiv 2508.04796, algorithm 1).

Every step counts the pairs of every language from scratch, segments the development set anew by one pass over all
its words, and looks for the language that is worst off. No state survives a step but words and selections.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tokbench.reference.bpe import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass
class Run:
    """The merges as byte strings, who was served, and the tokens of every language after each step."""

    merges: list[tuple[bytes, bytes]] = field(default_factory=list)
    served: list[str | None] = field(default_factory=list)
    lengths: list[dict[str, int]] = field(default_factory=list)
    dev_lengths: list[dict[str, int]] = field(default_factory=list)
    exhausted: dict[str, int] = field(default_factory=dict)


@dataclass
class _Text:
    """Words as tuples of tokens with their counts."""

    words: dict[tuple[bytes, ...], int]

    @classmethod
    def of(cls, column: Mapping[bytes, int]) -> _Text:
        return cls({tuple(bytes([byte]) for byte in pretoken): count for pretoken, count in column.items()})

    def length(self) -> int:
        return sum(len(word) * count for word, count in self.words.items())

    def pairs(self) -> Counter[tuple[bytes, bytes]]:
        found: Counter[tuple[bytes, bytes]] = Counter()
        for word, count in self.words.items():
            for pair in pairwise(word):
                found[pair] += count
        return found

    def merge(self, pair: tuple[bytes, bytes]) -> None:
        self.words = {_merged(word, pair): count for word, count in self.words.items()}


def _merged(word: tuple[bytes, ...], pair: tuple[bytes, bytes]) -> tuple[bytes, ...]:
    joined: list[bytes] = []
    at = 0
    while at < len(word):
        if word[at : at + 2] == pair:
            joined.append(pair[0] + pair[1])
            at += 2
        else:
            joined.append(word[at])
            at += 1
    return tuple(joined)


def train(
    counts: Mapping[str, Mapping[bytes, int]],
    *,
    n_merges: int,
    dev: Mapping[str, Mapping[bytes, int]] | None = None,
    ratio: Sequence[float] | None = None,
    weights: Mapping[str, int] | None = None,
    global_merges: int = 0,
    window: int | None = None,
    alpha: float = 2.0,
    count_all_as_language: bool = False,
    min_frequency: int = 2,
    stop_when_exhausted: bool = False,
    tie_break: str = "lexmax",
) -> Run:
    """Make up to `n_merges` merges; without `dev` and `ratio` the training lengths are balanced.

    `window` is W, None for the base variant; `count_all_as_language` divides alpha by one more when there are
    global merges, as the published script does.

    >>> counts = {"a": {b"xx": 3, b"xy": 5}, "b": {b"yyyy": 1}}
    >>> train(counts, n_merges=2, dev={"a": {b"xxxx": 9}, "b": {b"y": 1}}).merges
    [(b'x', b'y'), (b'x', b'x')]
    """
    run = Run()
    languages = list(counts)
    texts = {language: _Text.of(column) for language, column in counts.items()}
    dev_texts = {language: _Text.of(column) for language, column in (dev or {}).items()}
    initial = {language: text.length() for language, text in texts.items()}
    n_columns = len(languages) + (1 if count_all_as_language and global_merges else 0)
    recent: list[str] = []

    def distress(language: str) -> float:
        if ratio is not None:
            target = ratio[languages.index(language)]
            return -((initial[language] / texts[language].length()) / target)
        measured = dev_texts if dev is not None else texts
        return measured[language].length() * (weights or {}).get(language, 1)

    while len(run.merges) < n_merges:
        served: str | None = None
        if len(run.merges) < global_merges:
            column: Counter[tuple[bytes, bytes]] = Counter()
            for text in texts.values():
                column.update(text.pairs())
        else:
            left = [language for language in languages if language not in run.exhausted]
            if not left:
                break
            ranked = sorted(left, key=distress, reverse=True)
            served = ranked[0]
            if window is not None:
                for served in ranked:
                    if recent.count(served) / window <= alpha / n_columns:
                        break
                recent = [*recent, served][-window:]
            column = texts[served].pairs()
        best = max(column.values(), default=0)
        if best < max(1, min_frequency):
            if served is None:
                break
            run.exhausted[served] = len(run.merges)
            if stop_when_exhausted:
                break
            continue
        pair = _first([pair for pair, count in column.items() if count == best], tie_break)
        for text in (*texts.values(), *dev_texts.values()):
            text.merge(pair)
        run.merges.append(pair)
        run.served.append(served)
        run.lengths.append({language: text.length() for language, text in texts.items()})
        run.dev_lengths.append({language: text.length() for language, text in dev_texts.items()})
    return run


def _first(pairs: list[tuple[bytes, bytes]], tie_break: str) -> tuple[bytes, bytes]:
    if tie_break == "lexmin":
        return min(pairs)
    assert tie_break == "lexmax", "the order of ids is not known here"
    return max(pairs, key=lambda pair: (printable(pair[0]), printable(pair[1])))
