"""`splinter`: words as their root letters, then the letters that were put between them, each with its place.

Hebrew and Arabic weave a pattern of letters into a root, so that words of one root share no long substring. This step
takes letters out of a word, one by one, the most usual removal for its length first, until three letters are left; it
writes these and then the removals, last one first. So what words have in common stands together. The table of
removals is learned from the corpus. Law of every step: nothing is lost.

Source: Gazit, Shmidman, Shmidman, Pinter 2025, Splintering Nonconcatenative Languages (arXiv 2503.14433).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from tokbench.errors import ParameterError
from tokbench.steps.protocol import About, Step, register
from tokbench.steps.rewriting import Parts, Rewriting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tokbench.corpus import Corpus

Removal: TypeAlias = tuple[int, str]
"""Place and letter: a place below 0 counts from the end of the word that still has the letter."""
Table: TypeAlias = "Mapping[int, Mapping[Removal, int]]"
"""Word length → removals, the most frequent first, with their counts."""

ROOT = 3
"""Letters that are never removed."""
SCRIPTS: Mapping[str, str] = MappingProxyType(
    {
        "hebrew": "".join(map(chr, range(0x5D0, 0x5EB))),
        "arabic": "".join(map(chr, (*range(0x621, 0x63B), *range(0x641, 0x64B)))),
    }
)
FINAL: Mapping[str, str] = MappingProxyType(dict(zip("כמנפצ", "ךםןףץ", strict=True)))
"""Hebrew letters with another form at the end of a word."""
SYMBOLS = range(0xA000, 0xA48C)
"""Yi syllables: letters to every pre-tokenizer, and hardly ever in Hebrew or Arabic text. The last one escapes."""


@register
@dataclass(frozen=True)
class Splinter(Rewriting):
    """Root letters first, then the letters put between them.

    Raises:
        ParameterError: for an unknown script, a number below 1, or a table that is none.

    Example:
        >>> step = Splinter(table="4:0ו3,-1ת1")
        >>> [step.undo(step.apply(word.encode())).decode() for word in ("ושלם", "של", "x")]
        ['ושלם', 'של', 'x']
    """

    script: str = "hebrew"
    min_frequency: int = 10
    depth: int = 3
    width: int = 3
    table: str | None = None

    learned: ClassVar[tuple[str, ...]] = ("table",)
    about: ClassVar[About] = About(
        name="splinter",
        summary="for Hebrew and Arabic: root letters first, then those woven in (Splinter)",
        definition=(
            "A word is a longest run of letters of the script. While it has more than three letters and its length is "
            "in the table, one letter is removed: of all chains of up to `depth` removals, each among the first "
            "`width` of the table that fit, the one with the largest product of shares decides about the next removal. "
            "What is left is written letter by letter, then the removals, the last one first, each letter and each "
            "removal (place, letter) as one symbol. The table is learned in two passes over the words that occur at "
            "least min_frequency times: first every removal counts that leaves a word of the corpus, then for each "
            "word only the best of its first three by share × score of the word that is left. A final form in Hebrew "
            "is written as the letter; a word that this would lose something of stays as it is."
        ),
        source="Gazit et al. (2025), arXiv 2503.14433, github.com/MeLeLBGU/Splintering",
        parameters={
            "script": "hebrew or arabic",
            "min_frequency": "rarer words teach nothing",
            "depth": "removals that are looked ahead",
            "width": "removals that are tried for each word",
            "table": "what was learned, filled in by training: length:place letter count,… for every length",
        },
    )

    def __post_init__(self) -> None:
        if self.script not in SCRIPTS:
            message = f"step splinter: script={self.script!r} is not one of {', '.join(SCRIPTS)}"
            raise ParameterError(message)
        for name in ("min_frequency", "depth", "width"):
            if getattr(self, name) < 1:
                message = f"step splinter: {name} must be at least 1, got {getattr(self, name)}"
                raise ParameterError(message)
        if self.table is not None and self._n_symbols >= len(SYMBOLS):
            message = f"step splinter: {self._n_symbols} letters and removals, of which {len(SYMBOLS) - 1} are possible"
            raise ParameterError(message)

    def fitted(self, corpus: Corpus) -> Step:
        """Return the step with a table of the words of a corpus.

        Raises:
            ParameterError: when no word of four letters is frequent enough.
        """
        if self.is_fitted:
            return self
        from tokbench.counts import count

        letters = SCRIPTS[self.script]
        counts = count(corpus, f"regex:[{letters[0]}-{letters[-1]}]+").to_frame()
        words: Counter[str] = Counter()
        for pretoken, number in counts.select("pretoken", "count").iter_rows():
            word = pretoken.decode(errors="replace")
            if set(word) <= self.letters:
                words[word] += number
        table = learn(self._scores(words))
        if not table:
            message = (
                f"step splinter: the corpus holds no {self.script} word of four letters or more that occurs "
                f"{self.min_frequency} times and is another such word with one letter more; check script=, use more "
                f"text or let rarer words count"
            )
            raise ParameterError(message)
        return replace(self, table=spell_table(table))

    def is_fit_of(self, given: Step) -> bool:
        """Whether this is `given` with a table."""
        return self == given or (isinstance(given, Splinter) and replace(self, table=None) == given)

    @property
    def letters(self) -> frozenset[str]:
        """The letters of the script."""
        return frozenset(SCRIPTS[self.script])

    @property
    def symbols(self) -> frozenset[str]:
        """One for each letter that a word may consist of, and for each removal."""
        return frozenset(self._symbol_of.values())

    @property
    def escape(self) -> str:
        """The last Yi syllable."""
        return chr(SYMBOLS[-1])

    def write(self, word: str) -> Parts:
        """Return one part: the symbols of a word."""
        rest = self._without_final(word)
        removals: list[Removal] = []
        while (removal := self.next_removal(rest)) is not None:
            removals.append(removal)
            rest = without(rest, removal[0])
        items: list[str | Removal] = [*rest, *reversed(removals)]
        return (("".join(self._symbol_of[item] for item in items), word),)

    def read(self, written: str) -> str:
        """Return the word; letters that are not symbols end one and begin another."""
        done: list[str] = []
        word = ""
        for character in written:
            item = self._meaning_of.get(character)
            if item is None:
                done += [self._with_final(word), character]
                word = ""
            elif isinstance(item, tuple):
                place, letter = item
                at = min(max(place if place >= 0 else place + len(word) + 1, 0), len(word))
                word = word[:at] + letter + word[at:]
            else:
                word += item
        return "".join([*done, self._with_final(word)])

    def next_removal(self, word: str) -> Removal | None:
        """Return the removal that the best chain begins with; None where the word stays."""
        chains: list[tuple[str, Removal | None, float]] = [(word, None, 1.0)]
        for _ in range(min(self.depth, len(word) - ROOT)):
            chains = [
                (without(rest, removal[0]), first or removal, score * share)
                for rest, first, score in chains
                for removal, share in self._fitting(rest)
            ]
        # The first of equals; a chain that cannot go on does not count.
        return max(chains, key=lambda chain: chain[2])[1] if chains else None

    def _fitting(self, word: str) -> list[tuple[Removal, float]]:
        found = []
        for removal, share in self._shares.get(len(word), ()):
            if word[removal[0]] == removal[1]:
                found.append((removal, share))
                if len(found) == self.width:
                    break
        return found

    def _scores(self, words: Mapping[str, int]) -> dict[str, float]:
        """Return the words that are frequent enough, final forms as letters, with their shares of the most frequent."""
        kept: Counter[str] = Counter()
        for word, count in words.items():
            if count >= self.min_frequency and len(word) > 1:
                kept[self._without_final(word)] += count
        most = max(kept.values(), default=1)
        return {word: count / most for word, count in kept.items()}

    def _without_final(self, word: str) -> str:
        letter = self._letter_of.get(word[-1:])
        return word if letter is None else word[:-1] + letter

    def _with_final(self, word: str) -> str:
        form = FINAL.get(word[-1:]) if self.script == "hebrew" else None
        return word if form is None else word[:-1] + form

    @cached_property
    def _letter_of(self) -> Mapping[str, str]:
        return {form: letter for letter, form in FINAL.items()} if self.script == "hebrew" else {}

    @cached_property
    def _table(self) -> Table:
        return parse_table(self.table or "")

    @cached_property
    def _shares(self) -> Mapping[int, Sequence[tuple[Removal, float]]]:
        return {
            length: [(removal, count / sum(counts.values())) for removal, count in counts.items()]
            for length, counts in self._table.items()
        }

    @property
    def _n_symbols(self) -> int:
        return len(SCRIPTS[self.script]) + len(
            {removal for counts in self._table.values() for removal in counts}
        )

    @cached_property
    def _symbol_of(self) -> Mapping[str | Removal, str]:
        removals = sorted({removal for counts in self._table.values() for removal in counts})
        return {
            item: chr(code) for item, code in zip([*SCRIPTS[self.script], *removals], SYMBOLS, strict=False)
        }

    @cached_property
    def _meaning_of(self) -> Mapping[str, str | Removal]:
        return {symbol: item for item, symbol in self._symbol_of.items()}


def learn(scores: Mapping[str, float]) -> dict[int, dict[Removal, int]]:
    """Return the table of removals of scored words, in the two published passes.

    Example:
        >>> learn({"abc": 1.0, "xabc": 0.5, "abcx": 0.5})
        {4: {(-1, 'x'): 1, (0, 'x'): 1}}
    """
    by_length: dict[int, dict[str, float]] = {}
    for word, score in scores.items():
        by_length.setdefault(len(word), {})[word] = score
    lengths = [length for length in sorted(by_length) if length > ROOT]
    possible: dict[int, dict[Removal, int]] = {}
    for length in lengths:
        shorter = by_length.get(length - 1, {})
        possible[length] = _sorted(
            (place, word[place])
            for word in by_length[length]
            for place in range(-(length // 2), length // 2 + length % 2)
            if without(word, place) in shorter
        )
    table: dict[int, dict[Removal, int]] = {}
    for length in lengths:
        shorter, total = by_length.get(length - 1, {}), sum(possible[length].values())
        best: list[Removal] = []
        for word, score in by_length[length].items():
            candidates: list[tuple[float, Removal]] = []
            for removal, count in possible[length].items():
                rest = without(word, removal[0])
                if word[removal[0]] == removal[1] and rest in shorter:
                    candidates.append((count / total * shorter[rest], removal))
                    if len(candidates) == 3:
                        break
            if candidates:
                chosen = max(candidates, key=lambda candidate: candidate[0])
                best.append(chosen[1])
                by_length[length][word] = score * chosen[0]
        if best:
            table[length] = _sorted(best)
    return table


def without(word: str, place: int) -> str:
    """Return a word without the letter at a place.

    Example:
        >>> without("abc", 0), without("abc", -1)
        ('bc', 'ab')
    """
    return word[:place] + word[place + 1 :] if place != -1 else word[:-1]


def _sorted(removals: Iterable[Removal]) -> dict[Removal, int]:
    # Of equals the one whose published spelling, such as -1:a, comes first.
    counts = Counter(removals)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], f"{item[0][0]}:{item[0][1]}")))


def spell_table(table: Table) -> str:
    """Return a table as text, which `parse_table` reads back.

    Example:
        >>> spell_table({4: {(0, "x"): 3, (-1, "y"): 1}})
        '4:0x3,-1y1'
    """
    return " ".join(
        f"{length}:" + ",".join(f"{place}{letter}{count}" for (place, letter), count in counts.items())
        for length, counts in table.items()
    )


def parse_table(text: str) -> Table:
    """Return the table that a text spells.

    Raises:
        ParameterError: naming the part that is none.
    """
    return {int(length): dict(_entries(rest)) for length, rest in _rows(text)}


def _rows(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split():
        length, sign, rest = part.partition(":")
        if not (sign and length.isdecimal()):
            message = f"step splinter: table has a part {part[:40]!r}, expected length:place letter count,…"
            raise ParameterError(message)
        yield length, rest


def _entries(text: str) -> Iterator[tuple[Removal, int]]:
    for item in text.split(","):
        found = re.fullmatch(r"(-?\d+)(\D)(\d+)", item)
        if found is None or int(found[3]) < 1:
            message = f"step splinter: table has an entry {item[:40]!r}, expected place, letter and count"
            raise ParameterError(message)
        yield (int(found[1]), found[2]), int(found[3])
