"""Laws of parity-aware training: where it must be plain BPE, what never rises, what does not depend on what."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.algorithm import ALGORITHMS, Request
from tokbench.corpus import Corpus
from tokbench.counts import count
from tokbench.train import train as train_plain

if TYPE_CHECKING:
    import polars as pl

    from tokbench.tokenizer import Tokenizer

Lines = dict[str, list[str]]

LINE = st.lists(st.text("abcé", min_size=1, max_size=6), min_size=1, max_size=5).map(" ".join)


@st.composite
def texts(draw: st.DrawFn, least: int = 1) -> tuple[Lines, Lines]:
    languages = ("eng", "tur", "zho", "hin")[: draw(st.integers(least, 4))]
    n_dev = draw(st.integers(1, 5))
    train = {one: draw(st.lists(LINE, min_size=1, max_size=8)) for one in languages}
    return train, {one: draw(st.lists(LINE, min_size=n_dev, max_size=n_dev)) for one in languages}


def parity(spelling: str, train: Lines, dev: Lines | None, n_merges: int, **given_settings: Any) -> Tokenizer:
    request = Request(
        source=count(Corpus.from_texts(train), "gpt2"),
        vocab_size=256 + n_merges,
        allow_smaller=True,
        dev=None if dev is None else Corpus.from_texts(dev, parallel=True),
        **given_settings,
    )
    return ALGORITHMS.parse(spelling).train(request)


def plain(train: Lines, n_merges: int) -> list[tuple[int, int, int]]:
    counts = count(Corpus.from_texts(train), "gpt2")
    made = train_plain(counts, vocab_size=256 + n_merges, min_frequency=2, allow_smaller=True)
    return merges(made)


def merges(tokenizer: Tokenizer) -> list[tuple[int, int, int]]:
    assert tokenizer.merges is not None
    return list(tokenizer.merges)


def log(tokenizer: Tokenizer) -> pl.DataFrame:
    training = getattr(tokenizer, "training", None)
    assert training is not None
    assert training.log is not None
    frame: pl.DataFrame = training.log
    return frame


N_MERGES = st.integers(0, 30)


@settings(deadline=None, max_examples=40)
@given(texts(), N_MERGES)
def test_one_language_is_plain(both: tuple[Lines, Lines], n_merges: int) -> None:
    train, dev = ({"eng": side["eng"]} for side in both)
    for spelling in ("parity", "parity(variant=window,window=3,alpha=0.5)", "parity(hybrid=2)"):
        assert merges(parity(spelling, train, dev, n_merges)) == plain(train, n_merges)
    assert merges(parity("parity(ratio=7)", train, None, n_merges)) == plain(train, n_merges)


@settings(deadline=None, max_examples=40)
@given(texts(2), N_MERGES)
def test_degenerate_settings(both: tuple[Lines, Lines], n_merges: int) -> None:
    train, dev = both
    assert merges(parity(f"parity(hybrid={n_merges})", train, dev, n_merges)) == plain(train, n_merges)
    base = log(parity("parity", train, dev, n_merges))
    for spelling in (
        f"parity(variant=window,window=2,alpha={len(train)})",
        "parity(variant=window,window=1000000)",
    ):
        assert log(parity(spelling, train, dev, n_merges)).equals(base)
    same = dict.fromkeys(train, train["eng"]), dict.fromkeys(train, dev["eng"])
    assert merges(parity("parity", *same, n_merges)) == plain({"eng": train["eng"]}, n_merges)


@settings(deadline=None, max_examples=60)
@given(texts(), N_MERGES, st.sampled_from(["parity", "parity(variant=window,window=4,alpha=1.2)"]))
def test_development_lengths_fall(both: tuple[Lines, Lines], n_merges: int, spelling: str) -> None:
    train, dev = both
    made = parity(spelling, train, dev, n_merges)
    before = {one: sum(len(line.encode()) for line in lines) for one, lines in dev.items()}
    for row in log(made).iter_rows(named=True):
        after = {one: row[f"dev_{one}"] for one in dev}
        assert all(after[one] <= before[one] for one in dev)
        if spelling == "parity":
            assert made.training is not None
            stopped: Any = made.training.settings["exhausted"]
            active = [one for one in dev if stopped.get(one, n_merges) >= row["step"]]
            assert row["served"] == max(active, key=lambda one: before[one])
        before = after
    for one, lines in dev.items():
        # The development set was segmented as the tokenizer encodes it.
        assert sum(len(made.encode(line)) for line in lines) == before[one]
        assert all(made.decode(made.encode(line)) == line.encode() for line in lines)


@settings(deadline=None, max_examples=40)
@given(
    texts(),
    st.integers(0, 15),
    st.integers(0, 15),
    st.sampled_from(["parity", "parity(hybrid=4)", "parity(variant=window,window=5)", "ratio"]),
)
def test_a_smaller_run_is_a_prefix(both: tuple[Lines, Lines], small: int, more: int, spelling: str) -> None:
    train, dev = both
    if spelling == "ratio":
        targets = ",".join(f"{one}={1 + number / 4}" for number, one in enumerate(train))
        runs = [parity(f'parity(ratio="{targets}")', train, None, n) for n in (small, small + more)]
    else:
        runs = [parity(spelling, train, dev, n) for n in (small, small + more)]
    assert log(runs[1]).head(small).equals(log(runs[0]))


@settings(deadline=None, max_examples=30)
@given(texts(2), st.integers(0, 2**32))
def test_threads_and_order_change_nothing(both: tuple[Lines, Lines], seed: int) -> None:
    train, dev = both
    draw = random.Random(seed)
    shuffled = {one: draw.sample(lines, len(lines)) for one, lines in train.items()}
    order = draw.sample(range(len(dev["eng"])), len(dev["eng"]))
    dev_shuffled = {one: [lines[at] for at in order] for one, lines in reversed(dev.items())}
    results = [
        ALGORITHMS.parse("parity(hybrid=2)").train(
            Request(
                source=Corpus.from_texts(one),
                dev=Corpus.from_texts(two, parallel=True),
                vocab_size=280,
                allow_smaller=True,
                threads=threads,
                pretokenizer="gpt2",
            )
        )
        for one, two, threads in ((train, dev, 1), (shuffled, dev_shuffled, 4))
    ]
    assert log(results[0]).equals(log(results[1]))
    assert results[0].fingerprint == results[1].fingerprint
