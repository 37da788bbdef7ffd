"""The seam for metrics: kinds of statistics, expansion, components, peers, metrics of the tokenizer by group."""

from __future__ import annotations

import doctest
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tokbench import keyed, measurement
from tokbench.errors import MetricError
from tokbench.measurement import (
    Cell,
    CorpusMetric,
    EncodedBatch,
    Keyed,
    MeanOfRatios,
    MeasuredTokenizer,
    Metric,
    Statistic,
    Stats,
    TextBatch,
    Uncounted,
    Undefined,
    Value,
    VocabMetric,
    bits_for,
    collect,
    count_keys,
    inspected,
    merge,
    pack_ngrams,
)
from tokbench.metrics.counting import Bytes, Tokens
from tokbench.plugin import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tokbench.measurement import Kind

TEXT = tb.Corpus.from_texts({"eng": ["the sea", "", "the"], "tur": ["deniz"]})


@pytest.fixture(scope="module")
def small() -> tb.Tokenizer:
    return tb.train(tb.count(TEXT, "gpt2"), vocab_size=260)


def rows(*documents: list[int]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    flat = [token for document in documents for token in document]
    return np.array(flat, np.uint32), np.cumsum([0, *map(len, documents)])


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=5), st.integers(1, 4), st.booleans())
@settings(deadline=None)
def test_ngrams_are_packed_exactly_and_stay_within_documents(
    documents: list[list[int]], n: int, wide: bool
) -> None:
    n_ids = 2**33 if wide else 10
    keys = pack_ngrams(*rows(*documents), n, n_ids)
    expected = [tuple(row[i : i + n]) for row in documents for i in range(len(row) - n + 1)]
    bits = bits_for(n_ids, n)
    if bits is None:
        assert [tuple(key) for key in keys.tolist()] == expected
    else:
        unpacked = [
            tuple(key >> bits * (n - 1 - i) & (1 << bits) - 1 for i in range(n)) for key in keys.tolist()
        ]
        assert unpacked == expected


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6), min_size=1, max_size=4)
)
@settings(deadline=None)
def test_merging_keys_equals_counting_all_at_once(batches: list[list[tuple[int, int]]]) -> None:
    @dataclass(frozen=True)
    class Pairs(Statistic):
        kind: ClassVar[Kind] = "keyed"

        def collect(self, batch: EncodedBatch) -> Keyed:
            raise NotImplementedError

    for width in (1, 2):
        parts = [np.array(batch, np.uint64).reshape(-1, 2)[:, :width] for batch in batches]
        parts = [part[:, 0] if width == 1 else part for part in parts]
        whole = count_keys(np.concatenate(parts))
        merged = merge(Pairs(), [count_keys(part) for part in parts])
        assert (
            merged.keys.tolist() == whole.keys.tolist() == np.unique(np.concatenate(parts), axis=0).tolist()
        )
        assert merged.counts.tolist() == whole.counts.tolist()
        assert merged.counts.sum() == sum(map(len, parts))


@given(
    st.lists(st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=3), min_size=1, max_size=4),
    st.integers(1, 3),
    st.sampled_from([0, 6, 1 << 23]),
    st.sampled_from([4, 1 << 30]),
)
@settings(deadline=None)
def test_ngrams_counted_late_equal_those_counted_at_once(
    batches: list[list[list[int]]], n: int, pending: int, n_ids: int
) -> None:
    def uncounted(rows: list[list[int]]) -> Uncounted:
        ids = np.array([token for row in rows for token in row], np.uint32)
        return Uncounted(((ids, np.cumsum([0, *map(len, rows)])),), n, n_ids)

    expected = uncounted([row for rows in batches for row in rows]).table()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyed, "PENDING", pending)
        found = keyed.add_keyed([uncounted(rows) for rows in batches]).table()
    assert found.keys.tolist() == expected.keys.tolist()
    assert found.counts.tolist() == expected.counts.tolist()


def test_histograms_grow_and_keep_columns() -> None:
    @dataclass(frozen=True)
    class Bins(Statistic):
        kind: ClassVar[Kind] = "histogram"
        columns: ClassVar[int] = 2

        def collect(self, batch: EncodedBatch) -> NDArray[np.int64]:
            raise NotImplementedError

    merged = merge(Bins(), [np.array([[1, 2]]), np.array([[1, 1], [5, 0]])])
    assert merged.tolist() == [[2, 3], [5, 0]]
    stats = Stats(1, 9, 0, None, {Bins(): merged})
    assert stats.totals(Bins()).tolist() == [7, 3]
    with pytest.raises(MetricError, match="2 columns"):
        stats.total(Bins())
    assert Stats(0, 9, 0, None, {Bins(): merge(Bins(), [])}).totals(Bins()).tolist() == [0, 0]


def test_a_mean_of_ratios_leaves_out_documents_without_one(small: tb.Tokenizer) -> None:
    @dataclass(frozen=True)
    class MeanBytes(MeanOfRatios):
        about = replace(describe("bytes_per_token"), name="mean_bytes")

        def terms(self) -> tuple[Statistic, Statistic]:
            return Bytes(), Tokens()

    frame = tb.evaluate(small, TEXT, metrics=[MeanBytes()])
    ratios = [len(text) / len(small.encode(text)) for text in ("the sea", "the")]
    assert frame.value("mean_bytes", group="eng") == pytest.approx(sum(ratios) / 2, abs=1e-12)
    assert frame.filter(group="eng").frame["aggregation"].item() == "mean_of_ratios"


def test_floats_of_documents_are_summed_once() -> None:
    stats = Stats(4, 9, 0, None, {Tokens(): np.array([1e16, 1.0, -1e16, 1.0])})
    assert stats.total(Tokens()) == 2


@dataclass(frozen=True)
class FirstBytes(Statistic):
    """How many documents begin with each byte."""

    kind: ClassVar[Kind] = "histogram"

    def collect(self, batch: EncodedBatch) -> NDArray[np.int64]:
        begins = batch.text.offsets[:-1][np.diff(batch.text.offsets) > 0]
        return np.bincount(batch.text.data[begins], minlength=1)


@dataclass(frozen=True)
class Beginning(CorpusMetric):
    byte: int | None = None
    absent: ClassVar[str] = "no document begins so"
    about = replace(describe("tokens"), name="beginning")

    def statistics(self) -> tuple[Statistic, ...]:
        return (FirstBytes(),)

    def components(self, stats: Stats) -> tuple[CorpusMetric, ...]:
        return tuple(replace(self, byte=int(byte)) for byte in np.flatnonzero(stats.documents(FirstBytes())))

    def reduce(self, stats: Stats) -> Value:
        assert self.byte is not None
        return float(stats.documents(FirstBytes())[self.byte])


def test_components_come_from_the_text(small: tb.Tokenizer) -> None:
    frame = tb.evaluate(small, TEXT, metrics=[Beginning()])
    assert frame.metrics == ["beginning(byte=116)", "beginning(byte=100)"]
    assert frame.value("beginning(byte=116)", group="eng") == 2
    assert frame.value("beginning(byte=116)", group="tur") is None
    assert frame.filter(metric="beginning(byte=116)", group="tur").frame["reason"].item() == Beginning.absent
    assert frame.filter(metric="beginning(byte=116)", group="macro").frame["n"].item() == 1
    assert frame.value("beginning(byte=100)") == 1


def test_an_open_parameter_expands() -> None:
    @dataclass(frozen=True)
    class Both(VocabMetric):
        which: str | None = None
        about = replace(describe("vocabulary_size"), name="both")

        def expand(self) -> tuple[Metric, ...]:
            return tuple(replace(self, which=name) for name in "ab") if self.which is None else (self,)

        def of(self, tokenizer: MeasuredTokenizer) -> Value:
            return 1.0 if self.which == "a" else Undefined("not a")

        def cells(self, tokenizer: MeasuredTokenizer) -> Iterable[Cell]:
            yield Cell("gold", self.of(tokenizer), "ratio_of_sums", 7)

    frame = tb.evaluate(tb.train(tb.count(TEXT, "gpt2"), vocab_size=257), TEXT, metrics=[Both()])
    assert frame.frame.select("metric", "group", "value", "n").rows() == [
        ("both(which=a)", "gold", 1.0, 7),
        ("both(which=b)", "gold", None, 7),
    ]


def test_a_statistic_reads_language_time_and_its_peers(small: tb.Tokenizer) -> None:
    seen: list[tuple[str, bool]] = []

    @dataclass(frozen=True)
    class Longer(Statistic):
        def collect(self, batch: EncodedBatch) -> Any:
            seen.append((batch.text.language, batch.seconds > 0))
            return np.abs(collect(batch, Tokens()) - collect(batch.peer("bytes"), Tokens()))

    @dataclass(frozen=True)
    class Difference(CorpusMetric):
        about = replace(describe("tokens"), name="difference")

        def statistics(self) -> tuple[Statistic, ...]:
            return (Longer(),)

        def reduce(self, stats: Stats) -> Value:
            return float(stats.total(Longer()))

    other = tb.train(tb.count(TEXT, "gpt2"), vocab_size=256)
    frame = tb.evaluate({"bytes": other, "small": small}, TEXT, metrics=[Difference()])
    assert frame.value("difference", tokenizer="bytes") == 0
    lengths = [len(text) - len(small.encode(text)) for text in ("the sea", "the", "deniz")]
    assert frame.value("difference", tokenizer="small") == sum(lengths) > 0
    assert seen == [("eng", True)] * 2 + [("tur", True)] * 2
    with pytest.raises(MetricError, match="'bytes' is not evaluated; evaluated: small"):
        tb.evaluate({"small": small}, TEXT, metrics=[Difference()])


def test_some_documents_of_a_batch(small: tb.Tokenizer) -> None:
    texts = ["the sea", "", "the", "sea"]
    data = np.frombuffer("".join(texts).encode(), np.uint8)
    batch = TextBatch(data, np.cumsum([0, *map(len, texts)]), language="eng")
    some = EncodedBatch(batch, small, small.encode_batch(batch), {}).select(np.array([3, 1, 0]))
    assert some.text.data.tobytes() == b"seathe sea"
    assert collect(some, Tokens()).tolist() == [len(small.encode(text)) for text in ("sea", "", "the sea")]
    assert some.text.language == "eng"


def test_statistics_remember_things_of_the_tokenizer(small: tb.Tokenizer) -> None:
    stats = Stats(0, 1, 0, None, {}, small)
    assert stats.remember("size", lambda tokenizer: tokenizer.vocab_size) == small.vocab_size
    assert stats.remember("size", lambda tokenizer: 0) == small.vocab_size
    with pytest.raises(MetricError, match="name no tokenizer"):
        Stats(0, 1, 0, None, {}).remember("size", lambda tokenizer: 0)


def test_a_metric_that_needs_a_whole_tokenizer_says_what_is_missing(small: tb.Tokenizer) -> None:
    assert inspected(small).decode(inspected(small).encode("sea")) == b"sea"

    class Part:
        name = "part"
        vocab_size = 1

    with pytest.raises(MetricError, match="part has no kind, vocab"):
        inspected(Part())  # type: ignore[arg-type]  # that is the test


def test_the_example_of_the_module_runs() -> None:
    assert doctest.testmod(measurement).failed == 0
