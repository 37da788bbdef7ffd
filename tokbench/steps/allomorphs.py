"""`allomorphs`: one symbol for all surface forms of a root or an affix, and a rule that says which form is meant.

Turkish writes one plural as ``lar`` or ``ler`` and one root as ``kitap`` or ``kitab``. Where the text around it tells
which form it is, a form is written as the symbol of its class; anywhere else it stays as it is. The rule is data,
learned from the corpus: from the last vowel and the last letter before the form and from what follows it to a form.
When a word is written, the rule is asked what it will say when the word is read; so nothing is ever lost.

Source: the vocabulary of roots and affixes of Bayram et al. 2025, Tokens with Meaning (arXiv 2508.14292), whose
decoder holds such rules for Turkish by hand.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from tokbench.errors import ParameterError
from tokbench.steps.protocol import About, Step, register
from tokbench.steps.rewriting import Parts, Rewriting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from tokbench.corpus import Corpus

Class: TypeAlias = tuple[str, ...]
"""The surface forms of a root or an affix."""

FIRST, LAST = 0xF0000, 0xFFFFD
"""A private plane: symbols from its beginning, the escape at its end."""
MOST = 0xE000
"""Classes at most."""
VOWELS = "aeiouyáéíóúýàèìòùâêîôûäëïöüåæøœıőűãõаеёиоуыэюяіїєαεηιουωάέήίόύώ"
NONE, END, CHANGED = "_", ".", "+"
"""In keys of the rule: no vowel or letter before the form; nothing after it; the symbol of a class, by its number."""


@register
@dataclass(frozen=True)
class Allomorphs(Rewriting):
    """Symbols for the classes of roots and affixes.

    Raises:
        ParameterError: for lists that hold anything but forms, or a form twice.

    Example:
        >>> step = Allomorphs(roots="kitap/kitab ev", affixes="lar/ler", rule="1 ap=0 ev=1")
        >>> step.forms
        (('kitap', 'kitab'), ('ev',), ('lar', 'ler'))
        >>> changed = step.apply("evler kitaplar kitapler".encode()).decode()
        >>> [f"{ord(character):X}" for character in changed if ord(character) > 255]
        ['F0001', 'F0002', 'F0000', 'F0002', 'F0000']
    """

    roots_file: str | None = None
    affixes_file: str | None = None
    min_class_count: int = 2
    vowels: str = VOWELS
    roots: str | None = None
    affixes: str | None = None
    rule: str | None = None

    learned: ClassVar[tuple[str, ...]] = ("rule",)
    about: ClassVar[About] = About(
        name="allomorphs",
        summary="one symbol for all forms of a root or affix, where the context tells which",
        definition=(
            "A word is a longest run of letters that occur in the lists. Of all ways to read it as a root and affixes "
            "behind it, followed by letters that belong to none, or as letters followed by affixes up to its end, the "
            "one counts that leaves the fewest letters over, then has the fewest parts, then the longest root. A form "
            "is written as the symbol of its class where the rule gives that form back from what stands before it in "
            "the word (its last vowel and last letter) and after it (the next class, or the next letter); otherwise "
            "it stays. The rule is learned from the corpus: for each class the most frequent form, and with each of "
            "these contexts where that makes a difference. Classes that occur less than min_class_count times are left "
            "out."
        ),
        source="own definition; the classes after Bayram et al. (2025), arXiv 2508.14292",
        parameters={
            "roots_file": "JSON object form → class, as turkish-tokenizer's kokler.json, or text with the forms of one "
            "class on each line; entries of anything but letters are left out",
            "affixes_file": "the same for affixes",
            "min_class_count": "rarer classes get no symbol",
            "vowels": "the letters that count as vowels",
            "roots": "the roots themselves, filled in by training: forms of a class joined by /, classes by a space",
            "affixes": "the affixes themselves",
            "rule": "what was learned, filled in by training",
        },
    )

    def __post_init__(self) -> None:
        if self.min_class_count < 1:
            message = f"step allomorphs: min_class_count must be at least 1, got {self.min_class_count}"
            raise ParameterError(message)
        for name, forms in (("roots", self.roots), ("affixes", self.affixes)):
            if self.rule is not None and forms is None:
                message = f"step allomorphs: rule is given without {name}; give both, or neither"
                raise ParameterError(message)
            if getattr(self, f"{name}_file") is not None and forms is not None:
                message = f"step allomorphs: {name} and {name}_file are the same thing; leave one out"
                raise ParameterError(message)
        if self.roots is not None and self.affixes is not None:
            for kind in ("roots", "affixes"):
                flat = [form for group in _classes(getattr(self, kind)) for form in group]
                twice = [form for form, n in Counter(flat).items() if n > 1]
                if twice or not all(form.isalpha() for form in flat):
                    wrong = twice or [form for form in flat if not form.isalpha()]
                    message = f"step allomorphs: {kind} must be different forms of letters, got {wrong[0]!r}"
                    raise ParameterError(message)
            if len(self.forms) > MOST:
                message = f"step allomorphs: {len(self.forms)} classes, of which {MOST} are possible"
                raise ParameterError(message)

    def fitted(self, corpus: Corpus) -> Step:
        """Return the step with its lists read, and a rule for them.

        Raises:
            ParameterError: naming the file that cannot be read or holds no forms, or when none occurs in the corpus.
        """
        if self.is_fitted:
            return self
        listed = replace(
            self,
            roots=self.roots if self.roots is not None else _spell(_read(self.roots_file)),
            affixes=self.affixes if self.affixes is not None else _spell(_read(self.affixes_file)),
            roots_file=None,
            affixes_file=None,
        )
        if not listed.forms:
            message = (
                "step allomorphs: no roots and no affixes; give roots_file=FILE, affixes_file=FILE or both"
            )
            raise ParameterError(message)
        from tokbench.counts import count

        alphabet = "".join(sorted(listed.letters)).replace("]", r"\]").replace("^", r"\^")
        counts = count(corpus, f"regex:[{alphabet}]+").to_frame()
        words: Counter[str] = Counter()
        for pretoken, number in counts.select("pretoken", "count").iter_rows():
            word = pretoken.decode(errors="replace")
            if set(word) <= listed.letters:
                words[word] += number
        return listed._learned(words)

    def is_fit_of(self, given: Step) -> bool:
        """Whether this is `given` with its lists and a rule."""
        if self == given:
            return True
        if not isinstance(given, Allomorphs) or given.rule is not None:
            return False
        return (given.min_class_count, given.vowels) == (self.min_class_count, self.vowels)

    def without(self, numbers: AbstractSet[int]) -> Allomorphs:
        """Return the step without some of its classes, to be fitted again."""
        n_roots = len(_classes(self.roots))
        kept = [number for number in range(len(self.forms)) if number not in numbers]
        return replace(
            self,
            roots=_spell(self.forms[number] for number in kept if number < n_roots),
            affixes=_spell(self.forms[number] for number in kept if number >= n_roots),
            rule=None,
        )

    @cached_property
    def forms(self) -> tuple[Class, ...]:
        """The classes by number: roots, then affixes."""
        return (*_classes(self.roots), *_classes(self.affixes))

    @cached_property
    def letters(self) -> frozenset[str]:
        """The letters of all forms."""
        return frozenset(letter for forms in self.forms for form in forms for letter in form)

    @cached_property
    def symbols(self) -> frozenset[str]:
        """One for each class."""
        return frozenset(chr(FIRST + number) for number in range(len(self.forms)))

    @property
    def escape(self) -> str:
        """The last character of the plane."""
        return chr(LAST)

    def write(self, word: str) -> Parts:
        """Return the parts of a word: symbols, and letters that stay."""
        parts: list[tuple[str, str]] = []
        after, end = END, len(word)
        # From the end on: what follows a form must be known when it is decided.
        for start, number in reversed(self.analysis(word)):
            form = word[start:end]
            if number is not None and self.choose(number, word[:start], after) == form:
                parts.append((chr(FIRST + number), form))
                after = f"{CHANGED}{number}"
            else:
                parts += [(letter, letter) for letter in reversed(form)]
                after = form[0]
            end = start
        return tuple(reversed(parts))

    def read(self, written: str) -> str:
        """Return the word, each symbol replaced by the form that the rule chooses."""
        word = ""
        for here, after in pairwise([*written, ""]):
            number = ord(here) - FIRST
            if 0 <= number < len(self.forms):
                code = ord(after) - FIRST if after else -1
                key = f"{CHANGED}{code}" if 0 <= code < len(self.forms) else after or END
                word += self.choose(number, word, key)
            else:
                word += here
        return word

    def choose(self, number: int, before: str, after: str) -> str:
        """Return the form of a class in its context: the callback of the decoder."""
        forms = self.forms[number]
        rule = self._rule.get(number)
        if rule is None:
            return forms[0]
        left = self._left(before)
        for key in (f"{left}>{after}", f">{after}", left, ""):
            if key in rule:
                return forms[rule[key]]
        return forms[0]

    def analysis(self, word: str) -> list[tuple[int, int | None]]:
        """Return where the parts of a word begin and the number of their class; None for letters of none."""
        n = len(word)
        reach = self._reach(word)
        best = (n, 1, 0)
        for size in range(min(n, self._longest_root), -1, -1):
            if size == 0 or word[:size] in self._roots:
                end, n_affixes, _ = reach[size]
                cost = (n - end, (size > 0) + n_affixes + (end < n), -size)
                best = min(best, cost)
        size = -best[2]
        start = next((at for at in range(2, n) if reach[at][0] == n), n)
        parts: list[tuple[int, int | None]]
        if (start, 1 + reach[start][1]) < best[:2]:
            parts, at = [(0, None)], start
        else:
            parts, at = [(0, self._roots[word[:size]])] if size else [], size
        while (step := reach[at][2]) > 0:
            parts.append((at, self._affixes[word[at : at + step]]))
            at += step
        return parts if at == n else [*parts, (at, None)]

    def _reach(self, word: str) -> list[tuple[int, int, int]]:
        """Return for each place how far affixes reach from there, in how many, and the length of the first."""
        n, longest, affixes = len(word), self._longest_affix, self._affixes
        reach = [(n, 0, 0)] * (n + 1)
        for at in range(n - 1, -1, -1):
            best = (at, 0, 0)
            for size in range(min(longest, n - at), 0, -1):
                if word[at : at + size] in affixes:
                    end, n_affixes, _ = reach[at + size]
                    if end > best[0] or (end == best[0] and n_affixes + 1 < best[1]):
                        best = end, n_affixes + 1, size
            reach[at] = best
        return reach

    def _left(self, before: str) -> str:
        vowel = next((letter for letter in reversed(before) if letter in self._vowels), NONE)
        return vowel + (before[-1:] or NONE)

    def _learned(self, words: Mapping[str, int]) -> Allomorphs:
        """Return the step with the classes that occur and a rule."""
        uses: Counter[int] = Counter()
        for word, count in words.items():
            for _, number in self.analysis(word):
                if number is not None:
                    uses[number] += count
        rare = {number for number in range(len(self.forms)) if uses[number] < self.min_class_count}
        if len(rare) == len(self.forms):
            message = (
                f"step allomorphs: no form of the lists occurs {self.min_class_count} times in the corpus; are the "
                f"lists for its language, in small letters? (put the step case before this one)"
            )
            raise ParameterError(message)
        fewer = self.without(rare)
        seen: dict[int, dict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
        for word, count in words.items():
            parts = fewer.analysis(word)
            ends = [start for start, _ in parts[1:]] + [len(word)]
            for place, ((start, number), end) in enumerate(zip(parts, ends, strict=True)):
                if number is None or len(fewer.forms[number]) == 1:
                    continue
                following = parts[place + 1][1] if place + 1 < len(parts) else None
                after = f"{CHANGED}{following}" if following is not None else word[end : end + 1] or END
                form = fewer.forms[number].index(word[start:end])
                left = fewer._left(word[:start])
                for key in (f"{left}>{after}", f">{after}", left, ""):
                    seen[number][key][form] += count
        return replace(
            fewer, rule=_spell_rule({number: _decisive(contexts) for number, contexts in seen.items()})
        )

    @cached_property
    def _roots(self) -> Mapping[str, int]:
        return {form: number for number, forms in enumerate(_classes(self.roots)) for form in forms}

    @cached_property
    def _affixes(self) -> Mapping[str, int]:
        n_roots = len(_classes(self.roots))
        return {
            form: n_roots + number for number, forms in enumerate(_classes(self.affixes)) for form in forms
        }

    @cached_property
    def _longest_root(self) -> int:
        return max(map(len, self._roots), default=0)

    @cached_property
    def _longest_affix(self) -> int:
        return max(map(len, self._affixes), default=0)

    @cached_property
    def _vowels(self) -> frozenset[str]:
        return frozenset(self.vowels)

    @cached_property
    def _rule(self) -> Mapping[int, Mapping[str, int]]:
        return _parse_rule(self.rule or "", self.forms)


def _decisive(contexts: Mapping[str, Counter[int]]) -> dict[str, int]:
    """Return the most frequent form of every context, without those that a less special context already gives."""
    best = {key: min(counts, key=lambda form: (-counts[form], form)) for key, counts in contexts.items()}
    kept: dict[str, int] = {}
    for key in sorted(best, key=lambda key: (key.count(">") and len(key.split(">")[0]), len(key), key)):
        left, _, after = key.partition(">")
        general = [""] if not left or not after else [f">{after}", left, ""]
        said = next((kept[other] for other in general if other in kept), 0)
        if best[key] != said:
            kept[key] = best[key]
    return kept


def _read(path: str | None) -> list[Class]:
    """Read a list of classes.

    Raises:
        ParameterError: naming the file.
    """
    if path is None:
        return []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        rows = json.loads(text) if text.lstrip().startswith("{") else None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{path}: cannot read the list of forms: {error}"
        raise ParameterError(message) from error
    by_class: dict[object, list[str]] = {}
    if rows is None:
        by_class = {number: line.split() for number, line in enumerate(text.splitlines())}
    else:
        for form, number in rows.items():
            by_class.setdefault(number, []).append(form.strip())
    seen: set[str] = set()
    found: list[Class] = []
    for forms in by_class.values():
        kept = [form for form in dict.fromkeys(forms) if form.isalpha() and form not in seen]
        seen.update(kept)
        if kept:
            found.append(tuple(kept))
    if not found:
        message = f"{path}: holds no forms; expected a JSON object form → class, or the forms of a class on each line"
        raise ParameterError(message)
    return found


def _spell(classes: Iterable[Class]) -> str:
    return " ".join("/".join(forms) for forms in classes)


def _classes(text: str | None) -> Sequence[Class]:
    return [tuple(forms.split("/")) for forms in (text or "").split()]


def _spell_rule(rule: Mapping[int, Mapping[str, int]]) -> str:
    return ";".join(
        " ".join([str(number), *(f"{key}={form}" for key, form in rule[number].items())])
        for number in sorted(rule)
        if rule[number]
    )


def _parse_rule(text: str, classes: Sequence[Class]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for row in filter(None, text.split(";")):
        number, *entries = row.split(" ")
        pairs = [re.fullmatch(r"([^=]*)=(\d+)", entry) for entry in entries]
        if not number.isdecimal() or int(number) >= len(classes) or not all(pairs):
            message = f"step allomorphs: rule has a part {row[:60]!r}, expected a class and context=form …"
            raise ParameterError(message)
        found[int(number)] = {pair[1]: int(pair[2]) for pair in pairs if pair is not None}
        if max(found[int(number)].values(), default=0) >= len(classes[int(number)]):
            message = f"step allomorphs: rule names a form that class {number} does not have"
            raise ParameterError(message)
    return found
