"""The steps that learn against their twins: the published search of splinter, every reading of a word."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.reference import allomorphs as slow_allomorphs
from tokbench.reference import splinter as slow_splinter
from tokbench.steps import Allomorphs, Splinter
from tokbench.steps.splinter import learn, spell_table

LETTERS = "אבגדה"
words = st.text(LETTERS, min_size=2, max_size=7)
scores = st.dictionaries(words, st.integers(1, 9), min_size=1, max_size=60).map(
    lambda counts: {word: count / 9 for word, count in counts.items()}
)


def _around(core: dict[str, float]) -> dict[str, float]:
    """Add words with one letter more, so that something can be removed."""
    return core | {word + letter: score / 2 for word, score in core.items() for letter in LETTERS[:2]}


@given(scores.map(_around))
@settings(max_examples=150, deadline=None)
def test_splinter_learns_what_the_published_passes_learn(given_scores: dict[str, float]) -> None:
    table = learn(given_scores)
    shares = {
        length: {f"{place}:{letter}": n / sum(row.values()) for (place, letter), n in row.items()}
        for length, row in table.items()
    }
    expected = slow_splinter.table_of(given_scores)
    assert shares == expected
    assert [list(row) for row in shares.values()] == [list(row) for row in expected.values()]


@given(scores.map(_around), st.lists(words, max_size=8), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_splinter_removes_what_the_published_search_removes(
    given_scores: dict[str, float], more: list[str], depth: int, width: int
) -> None:
    step = Splinter(table=spell_table(learn(given_scores)) or None, depth=depth, width=width)
    if not step.is_fitted:
        return
    expected = slow_splinter.table_of(given_scores)
    for word in [*list(given_scores)[:6], *more]:
        rest, removals = word, []
        while (removal := step.next_removal(rest)) is not None:
            removals.append(f"{removal[0]}:{removal[1]}")
            place = removal[0] % len(rest)
            rest = rest[:place] + rest[place + 1 :]
        assert (rest, removals) == slow_splinter.removals_of(word, expected, depth=depth, width=width)
        assert slow_splinter.word_of(rest, removals) == word


forms = st.text("abe", min_size=1, max_size=3)


@st.composite
def lists(draw: Any) -> tuple[list[list[str]], list[list[str]]]:
    made: list[list[list[str]]] = []
    for most in (4, 4):
        flat = draw(st.lists(forms, max_size=most + 2, unique=True))
        classes: list[list[str]] = []
        for form in flat:
            if classes and draw(st.integers(0, 1)):
                classes[-1].append(form)
            else:
                classes.append([form])
        made.append(classes)
    return made[0], made[1]


@given(lists(), st.lists(st.text("abe", min_size=1, max_size=7), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_allomorphs_reads_words_and_symbols_as_its_twin(
    classes: tuple[list[list[str]], list[list[str]]], text: list[str]
) -> None:
    roots, affixes = classes
    if not roots and not affixes:
        return
    spelled = [" ".join("/".join(forms) for forms in part) for part in classes]
    bare = Allomorphs(roots=spelled[0], affixes=spelled[1], rule="", min_class_count=1)
    step = bare
    if any(number is not None for word in text for _, number in bare.analysis(word)):
        from tokbench.corpus import Corpus

        fitted = Allomorphs(roots=spelled[0], affixes=spelled[1], min_class_count=1).fitted(
            Corpus.from_texts({"x": [" ".join(text)]})
        )
        assert isinstance(fitted, Allomorphs)
        step = fitted
    n_roots = len(step.roots.split()) if step.roots else 0
    for word in text:
        starts = step.analysis(word)
        ends = [start for start, _ in starts[1:]] + [len(word)]
        own = [(word[start:end], number) for (start, number), end in zip(starts, ends, strict=True)]
        expected = slow_allomorphs.analysis(word, step.forms[:n_roots], step.forms[n_roots:])
        assert own == expected
        written = "".join(new for new, _ in step.write(word))
        items = [ord(c) - 0xF0000 if ord(c) >= 0xF0000 else c for c in written]

        def choose(number: int, before: str, after: str | int | None) -> str:
            key = f"+{after}" if isinstance(after, int) else after or "."
            return step.choose(number, before, key)

        assert slow_allomorphs.read(items, step.forms, choose) == word == step.read(written)
