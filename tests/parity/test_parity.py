"""Parity-aware training: native loop, Python objective, slow twin and Hugging Face make the same choices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.trainers import ParityBpeTrainer

from tokbench import _rust
from tokbench.algorithms.parity_run import ALL, Balanced
from tokbench.counts import PretokenCounts
from tokbench.objectives.parity import ParityAware
from tokbench.objectives.state import EngineState
from tokbench.reference import parity as twin
from tokbench.reference.bpe import printable
from tokbench.settings import Settings
from tokbench.train import start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Counts = dict[str, dict[bytes, int]]
Chosen = list[tuple[int, int, int | None, list[int]]]

LANGUAGES = ("eng", "tur", "zho", "hin")
PIECES = st.sampled_from([b"a", b"b", b"c", b"aa", b"aaaa", b"abab", "é".encode(), b"\xff"])
COLUMNS = st.dictionaries(
    st.lists(PIECES, min_size=1, max_size=6).map(b"".join), st.integers(1, 9), min_size=1, max_size=7
)


@st.composite
def texts(draw: st.DrawFn) -> tuple[Counts, Counts]:
    """Training and development counts of the same languages."""
    languages = LANGUAGES[: draw(st.integers(1, 4))]
    return {one: draw(COLUMNS) for one in languages}, {one: draw(COLUMNS) for one in languages}


@dataclass(frozen=True)
class Case:
    """One combination of options: as the loop and the objective take them, and as the twin takes the rest."""

    rule: dict[str, Any]
    alpha: float
    as_language: bool

    @property
    def has_dev(self) -> bool:
        return bool(self.rule["first_column"] > 0)


@st.composite
def cases(draw: st.DrawFn, n_languages: int) -> Case:
    measured = draw(st.sampled_from(["dev", "ratio", "train"]))
    first = draw(st.sampled_from([0, 0, 1, 3]))
    alpha, as_language = draw(st.sampled_from([0.3, 1.0, 1.5, 2.0, 9.0])), draw(st.booleans())
    n_columns = n_languages + (1 if as_language and first else 0)
    window = draw(st.none() | st.tuples(st.integers(1, 7), st.just(alpha / n_columns)))
    targets = st.lists(st.sampled_from([0.5, 1.0, 1.3, 3.0]), min_size=n_languages, max_size=n_languages)
    weights = st.lists(st.integers(1, 3), min_size=n_languages, max_size=n_languages)
    rule = {
        "first_column": n_languages if measured == "dev" else 0,
        "weights": draw(weights) if measured != "ratio" else [1] * n_languages,
        "ratio": draw(targets) if measured == "ratio" else None,
        "global_merges": first,
        "window": window,
        "stop": draw(st.booleans()),
    }
    return Case(rule, alpha, as_language)


def balanced(train: Counts, dev: Counts | None, rule: dict[str, Any]) -> Balanced:
    made = None if dev is None else PretokenCounts.from_mapping(dev)
    return Balanced(PretokenCounts.from_mapping(train), made, _rust.Parity(**rule), rule["ratio"])


def wanted(n_merges: int, **options: Any) -> Settings:
    given_options: dict[str, Any] = {"min_frequency": 2, "tie_break": "lexmax", **options}
    return Settings(vocab_size=256 + n_merges, pretokenizer="none", allow_smaller=True, **given_options)


def engine_of(run: Balanced, options: Settings, first_floor: int | None = None) -> _rust.Engine:
    n_silent = 0 if run.dev is None else len(run.dev.groups)
    return start(
        run.table,
        options,
        track_groups=True,
        silent_groups=n_silent,
        total_closed=not run.rule.global_merges,
        first_floor=first_floor,
    )


def native(run: Balanced, options: Settings, first_floor: int | None = None) -> Chosen:
    engine = engine_of(run, options, first_floor)
    left, right, _, _, lengths, served = engine.run_parity(run.rule, options.vocab_size)
    engine.verify()
    columns = (left.tolist(), right.tolist(), served.tolist(), lengths.tolist())
    return [(a, b, None if who == ALL else who, row) for a, b, who, row in zip(*columns, strict=True)]


def driven(
    run: Balanced, options: Settings, objective: ParityAware, first_floor: int | None = None
) -> Chosen:
    engine = engine_of(run, options, first_floor)
    state = EngineState(engine)
    steps: Chosen = []
    engine.verify()
    while engine.n_ids < options.vocab_size and (step := objective.choose(state)) is not None:
        engine.merge(step.left, step.right)
        engine.verify()
        steps.append((step.left, step.right, objective.served[len(steps)], engine.lengths().tolist()))
    return steps


@settings(deadline=None, max_examples=200)
@given(texts(), st.integers(0, 25), st.sampled_from([0, 2, 3]), st.sampled_from([None, 1, 4, 30]), st.data())
def test_loop_objective_and_twin_choose_alike(
    both: tuple[Counts, Counts], n_merges: int, least: int, floor: int | None, data: st.DataObject
) -> None:
    train, case = both[0], data.draw(cases(len(both[0])))
    rule, dev = case.rule, both[1] if case.has_dev else None
    options = wanted(n_merges, min_frequency=least)
    run = balanced(train, dev, rule)
    steps = native(run, options, floor)
    objective = ParityAware(len(train), **rule)
    assert driven(balanced(train, dev, rule), options, objective, floor) == steps
    assert dict(run.rule.exhausted()) == objective.exhausted
    slow = twin.train(
        train,
        n_merges=n_merges,
        dev=dev,
        ratio=rule["ratio"],
        weights=dict(zip(train, rule["weights"], strict=True)),
        global_merges=rule["global_merges"],
        window=None if rule["window"] is None else rule["window"][0],
        alpha=case.alpha,
        count_all_as_language=case.as_language,
        min_frequency=least,
        stop_when_exhausted=rule["stop"],
    )
    names = [*train]
    engine = engine_of(balanced(train, dev, rule), options)
    spelled = [engine.token_bytes(token) for token in range(256)]
    for left, right, _, _ in steps:
        spelled.append(spelled[left] + spelled[right])
    assert [(spelled[left], spelled[right]) for left, right, _, _ in steps] == slow.merges
    assert [None if who is None else names[who] for _, _, who, _ in steps] == slow.served
    rows = [
        [*lengths.values(), *dev_lengths.values()]
        for lengths, dev_lengths in zip(slow.lengths, slow.dev_lengths, strict=True)
    ]
    assert [row for *_, row in steps] == rows
    assert {names[who]: step for who, step in run.rule.exhausted()} == slow.exhausted


WORDS = st.lists(st.text("abcd", min_size=1, max_size=7), min_size=1, max_size=12)


def theirs(train: list[list[str]], dev: list[list[str]] | None, **options: Any) -> list[tuple[str, str]]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = ParityBpeTrainer(
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        **{name: value for name, value in options.items() if name != "ratio"},
    )
    iterators = None if dev is None else [iter(lines) for lines in dev]
    trainer.train_from_iterator(
        tokenizer, [iter(lines) for lines in train], dev_iterators=iterators, ratio=options.get("ratio")
    )
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


def balanced_as_theirs(
    train: list[list[str]], dev: list[list[str]] | None, **options: Any
) -> tuple[dict[str, Any], Balanced]:
    """The rule by their options, and a run of it."""

    def counted(sides: list[list[str]]) -> Counts:
        pre = pre_tokenizers.ByteLevel(add_prefix_space=False)
        columns: Counts = {}
        for number, lines in enumerate(sides):
            column = columns.setdefault(str(number), {})
            for line in lines:
                for piece, (first, last) in pre.pre_tokenize_str(line):
                    del piece
                    data = line[first:last].encode()
                    column[data] = column.get(data, 0) + 1
        return columns

    n_languages = len(train)
    rule: dict[str, Any] = {
        "first_column": 0 if dev is None else n_languages,
        "weights": [1] * n_languages,
        "ratio": options.get("ratio"),
        "global_merges": options.get("global_merges", 0),
        "window": (options["window_size"], options["alpha"] / n_languages)
        if "window_size" in options
        else None,
        "stop": False,
    }
    return rule, balanced(counted(train), None if dev is None else counted(dev), rule)


def ours(train: list[list[str]], dev: list[list[str]] | None, **options: Any) -> list[tuple[str, str]]:
    _, made = balanced_as_theirs(train, dev, **options)
    tokenizer = made.train(wanted(options["num_merges"], min_frequency=options["min_frequency"]), {})
    assert tokenizer.merges is not None
    show = [printable(tokenizer.token_bytes(token)) for token in range(tokenizer.vocab_size)]
    return [(show[left], show[right]) for left, right, _ in tokenizer.merges]


class Watched(ParityAware):
    """Notes the first step at which their trainer is in trouble.

    That is when every language that still has pairs has had its share of the window, and another one has none left.
    Their selection then falls back on language 0 whether it has pairs or not: it goes on looking for ever, or gives
    selections to a language without pairs. Ours serves the language that is best off, as before one ran out.
    """

    trouble: int | None = None

    def _select(self, lengths: Sequence[int]) -> int | None:
        assert self.window is not None
        size, share = self.window
        left = [one for one in range(self.n_languages) if one not in self.exhausted]
        all_had = left and all(self._recent.count(one) / size > share for one in left)
        if self.trouble is None and self.exhausted and all_had:
            self.trouble = len(self.served)
        return super()._select(lengths)


def comparable(train: list[list[str]], dev: list[list[str]] | None, **options: Any) -> int:
    """The merges after which the two trainers part, or all of them."""
    n_merges: int = options["num_merges"]
    if "window_size" not in options:
        return n_merges
    rule, run = balanced_as_theirs(train, dev, **options)
    watched = Watched(len(train), **rule)
    driven(run, wanted(n_merges, min_frequency=options["min_frequency"]), watched)
    return n_merges if watched.trouble is None else watched.trouble


@settings(deadline=None, max_examples=250)
@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5),
    st.integers(0, 25),
    st.sampled_from([0, 2, 3]),
    st.sampled_from([0, 2]),
    st.sampled_from(["dev", "ratio", "train"]),
    st.none() | st.tuples(st.sampled_from([1, 2, 3, 10, 100]), st.sampled_from([0.3, 1.0, 1.2, 2.0, 9.0])),
)
def test_hugging_face_makes_the_same_merges(
    sides: list[tuple[list[str], list[str]]],
    n_merges: int,
    least: int,
    first: int,
    measured: str,
    window: tuple[int, float] | None,
) -> None:
    train, dev = [side[0] for side in sides], [side[1] for side in sides]
    options: dict[str, Any] = {"num_merges": n_merges, "min_frequency": least, "global_merges": first}
    if measured == "ratio":
        options["ratio"] = [1.0 + 0.3 * number for number in range(len(train))]
    if window is not None:
        options |= {"variant": "window", "window_size": window[0], "alpha": window[1]}
    side = dev if measured == "dev" else None
    options["num_merges"] = comparable(train, side, **options)
    assert ours(train, side, **options) == theirs(train, side, **options)


def test_a_language_that_ran_out_is_not_served_again() -> None:
    """Their trainer never returns from this: both languages left have had more than alpha / 4 of the window."""
    no_pair_twice = "ZYXWVUTSRQPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba"
    train = [[no_pair_twice], ["xyxyxyxy"] * 2, ["pqpqpqpq"] * 2, [no_pair_twice]]
    options: dict[str, Any] = {"num_merges": 6, "min_frequency": 2, "variant": "window", "window_size": 2}
    assert comparable(train, None, **options, alpha=1.0) == 2
    assert ours(train, None, **options, alpha=1.0)[:3] == [("x", "y"), ("p", "q"), ("pq", "pq")]
    assert comparable(train, None, **options, alpha=4.0) == 6


@pytest.mark.shared
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variant": "window", "window_size": 100, "alpha": 2.0},
        {"variant": "window", "window_size": 10, "alpha": 1.3, "global_merges": 150},
        {"ratio": [1.0, 1.1, 0.8, 2.0, 1.0, 1.5, 1.2, 3.0]},
        {"ratio": [1.0] * 8, "variant": "window", "window_size": 30, "alpha": 1.5, "global_merges": 50},
        {"balance": "train"},
    ],
)
def test_hugging_face_on_real_text(shared: Path, options: dict[str, Any]) -> None:
    files = sorted((shared / "data" / "parallel" / "flores200_dev").glob("*.txt"))[3::27][:8]
    lines = [path.read_text("utf-8").splitlines() for path in files]
    train = [side[: 60 + 20 * number] for number, side in enumerate(lines)]
    dev = None if "ratio" in options or "balance" in options else [side[800:880] for side in lines]
    common = {"num_merges": 600, "min_frequency": 2, **options}
    common.pop("balance", None)
    assert ours(train, dev, **common) == theirs(train, dev, **common)
