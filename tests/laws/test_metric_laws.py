"""Laws of the metrics: statistics are additive, values stay in their range, spellings are inverse."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tokbench import plugin
from tokbench.measurement import CorpusMetric, Derived, EncodedBatch, Statistic, TextBatch, merge
from tokbench.metrics.counting import Bytes, Characters, Lines, Tokens, Types, Unknowns, WholeWords, Words
from tokbench.metrics.fairness import Parity, gini
from tokbench.metrics.information import RenyiEfficiency, renyi_bits
from tokbench.metrics.nsl import NormalizedSequenceLength
from tokbench.uncertainty.resampling import Intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

STATISTICS: list[Statistic] = [
    Tokens(), Bytes(), Characters(), Lines(), Types(), Unknowns(),
    *(kind(definition) for kind in (Words, WholeWords) for definition in ("python_split", "uax29", "hf_whitespace")),
]  # fmt: skip


class ByteTokens:
    """One token for each byte; the byte 63 (?) counts as unknown."""

    name, fingerprint, vocab_size, unk_id, lossless, steps = "bytes", "f" * 32, 256, 63, True, ()
    special_tokens: dict[str, int] = {}  # noqa: RUF012 - never written

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return np.arange(256).astype(np.uint8), np.arange(257)

    def encode_batch(self, texts: TextBatch, *, threads: int | None = None) -> Ids:
        del threads
        return Ids(texts.data.astype(np.uint32), texts.offsets)

    def encode_with_offsets(self, text: bytes) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        starts = np.arange(len(text))
        return np.frombuffer(text, np.uint8).astype(np.uint32), np.stack([starts, starts + 1], 1)


class Ids:
    def __init__(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> None:
        self.ids, self.offsets = ids, offsets


def encoded(documents: list[bytes]) -> EncodedBatch:
    offsets = np.array([0, *accumulate(map(len, documents))], np.int64)
    text = TextBatch(np.frombuffer(b"".join(documents), np.uint8), offsets)
    return EncodedBatch(text, ByteTokens(), ByteTokens().encode_batch(text), {})


@pytest.mark.parametrize("statistic", STATISTICS, ids=repr)
@given(
    documents=st.lists(
        st.one_of(
            st.binary(max_size=9), st.text(max_size=9).map(lambda text: text.encode("utf-8", "replace"))
        ),
        max_size=6,
    ),
    data=st.data(),
)
@settings(deadline=None, max_examples=40)
def test_a_statistic_is_additive(statistic: Statistic, documents: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(documents)))
    whole = statistic.collect(encoded(documents))
    assert isinstance(whole, np.ndarray)
    parts = [statistic.collect(encoded(part)) for part in (documents[:cut], documents[cut:])]
    assert merge(statistic, parts).tolist() == whole.tolist()
    if statistic.kind == "documents":
        assert len(whole) == len(documents)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50).filter(any), st.floats(0, 60))
def test_renyi_entropy_is_between_zero_and_the_log_of_the_types(counts: list[int], alpha: float) -> None:
    bits = renyi_bits(np.array(counts), alpha)
    assert -1e-9 <= bits <= math.log2(sum(count > 0 for count in counts)) + 1e-6


@given(st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=50), st.floats(1e-3, 1e3))
def test_gini_is_in_its_range_and_free_of_scale(costs: list[float], factor: float) -> None:
    value = gini(costs)
    assert -1e-12 <= value <= 1 - 1 / len(costs) + 1e-12
    assert gini([cost * factor for cost in costs]) == pytest.approx(value, abs=1e-9)
    assert gini([costs[0]] * len(costs)) == pytest.approx(0, abs=1e-12)


@given(
    st.one_of(
        st.builds(Parity, st.one_of(st.none(), st.text())),
        st.builds(NormalizedSequenceLength, st.one_of(st.none(), st.text())),
        st.builds(RenyiEfficiency, st.floats(0, allow_nan=False), st.sampled_from(["declared", "observed"])),
    )
)
def test_parsing_inverts_spelling(metric: Parity | NormalizedSequenceLength | RenyiEfficiency) -> None:
    assert plugin.parse(plugin.spell(metric)) == metric


TEXTS = {
    "eng": [
        "the sea is calm",
        "we walk home, 12 of us",
        "",
        "a long road goes on and on",
        "no",
        "it rains again",
    ],
    "tur": ["deniz sakin", "eve yürüyoruz, 12 kişi", "", "uzun bir yol gider de gider", "yok", "yağmur yine"],
    "ell": ["η θάλασσα ήρεμη", "πάμε σπίτι, 12 από εμάς", "", "ο δρόμος συνεχίζει", "όχι", "βρέχει πάλι"],
}


def test_resamples_at_once_equal_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every metric of ours that offers a fast way over resamples: the same intervals as by the definition."""
    corpus = tb.Corpus.from_texts(TEXTS, parallel=True, metadata={name: {"half": name[0]} for name in TEXTS})
    tokenizers = {str(size): tb.train(tb.count(corpus, "gpt2"), vocab_size=size) for size in (256, 280)}
    asked = [metric for metric in plugin.selected(["all"]) if isinstance(metric, CorpusMetric | Derived)]

    def measured() -> tb.MetricFrame:
        return tb.evaluate(
            tokenizers, corpus, metrics=asked, by=["language", "half"], baseline="256",
            intervals=Intervals(replicates=30, blocks=3),
        )  # fmt: skip

    at_once = measured()
    for name in plugin.names():
        made = plugin.metric_class(name)
        for way in ("reduce_many", "of_many"):
            if hasattr(made, way):
                monkeypatch.setattr(made, way, lambda self, *rest: None)
        if issubclass(made, CorpusMetric):
            monkeypatch.setattr(made, "reads_ids", True)
    monkeypatch.setattr(Types, "collect_blocks", lambda self, *rest: None)
    slowly = measured()
    numbers = [column for column, kind in slowly.frame.schema.items() if kind.is_float()]
    assert at_once.frame.drop(numbers).equals(slowly.frame.drop(numbers))
    assert at_once.frame["low"].count() > len(at_once) / 2
    for column in numbers:
        one, other = at_once.frame[column], slowly.frame[column]
        assert one.is_null().to_list() == other.is_null().to_list(), column
        assert one.drop_nulls().to_list() == pytest.approx(other.drop_nulls().to_list(), rel=1e-9, abs=1e-12)
