"""The n-gram metrics against their slow twins, on arbitrary documents, narrow keys and wide ones."""

from __future__ import annotations

from itertools import accumulate
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.measured import EncodedBatch, TextBatch
from tokbench.measurement import Stats, Undefined, collect
from tokbench.metrics.codes import CodeBits, held_out_bits
from tokbench.metrics.conditional import ConditionalEntropy
from tokbench.metrics.folds import held_out
from tokbench.metrics.ngrams import CORRECTIONS, Spectrum
from tokbench.metrics.successors import AccessorEfficiency, AccessorVariety, BigramEntropy, TrigramEntropy
from tokbench.reference import ngrams as slow

if TYPE_CHECKING:
    from typing import Any

    from tokbench.measurement import CorpusMetric, Value

DOCUMENTS = st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=8)
WIDE = 1 << 22
"""Ids of which three do not fit into one word."""


def batch_of(documents: list[list[int]], n_ids: int) -> EncodedBatch:
    """Tokens whose text is one byte each, so that equal documents are equal texts."""
    offsets = np.array([0, *accumulate(map(len, documents))], np.int64)
    ids = np.array([token for document in documents for token in document], np.uint32)
    places = np.arange(n_ids + 1)
    tokenizer: Any = SimpleNamespace(
        name="t", vocab_size=n_ids, unk_id=None, special_tokens={},
        token_arrays=lambda: (np.zeros(0, np.uint8), places),
    )  # fmt: skip
    encoded: Any = SimpleNamespace(ids=ids, offsets=offsets)
    return EncodedBatch(TextBatch(ids.astype(np.uint8), offsets), tokenizer, encoded, {})


def reduce(metric: CorpusMetric, documents: list[list[int]], n_ids: int = 5) -> Value:
    batch = batch_of(documents, n_ids)
    collected = {statistic: collect(batch, statistic) for statistic in metric.statistics()}
    stats = Stats(len(documents), n_ids, 0, None, collected, batch.tokenizer)
    return metric.reduce(stats)


def agree(found: Value, expected: float | None) -> None:
    if expected is None:
        assert isinstance(found, Undefined)
    else:
        assert found == pytest.approx(expected, abs=1e-9)


@given(DOCUMENTS, st.sampled_from([0, 1, 2, 3]), st.sampled_from(CORRECTIONS))
@settings(deadline=None)
def test_conditional_entropy(documents: list[list[int]], order: int, correction: str) -> None:
    found = reduce(ConditionalEntropy(order=order, correction=correction), documents)
    known = any(len(document) > order for document in documents)
    agree(found, slow.conditional_entropy(documents, order, correction) if known else None)


@given(DOCUMENTS, st.integers(1, 4))
@settings(deadline=None)
def test_successors(documents: list[list[int]], at_least: int) -> None:
    for order, metric in ((1, BigramEntropy), (2, TrigramEntropy)):
        agree(reduce(metric(at_least), documents), slow.successor_entropy(documents, order, at_least))
        agree(reduce(AccessorEfficiency(order=order), documents), slow.accessor_efficiency(documents, order))
    if any(len(document) > 1 for document in documents):
        for ends in (False, True):
            found = reduce(AccessorVariety(ends=ends), documents)
            agree(found, slow.accessor_variety(documents, ends=ends))


@given(DOCUMENTS)
@settings(deadline=None, max_examples=5)
def test_wide_keys(documents: list[list[int]]) -> None:
    for metric in (TrigramEntropy(1), ConditionalEntropy(order=2), AccessorEfficiency(order=2)):
        narrow, wide = reduce(metric, documents), reduce(metric, documents, WIDE)
        assert narrow == wide or narrow == pytest.approx(wide, abs=1e-12)


@given(DOCUMENTS.filter(any), st.sampled_from([0, 1]), st.booleans())
@settings(deadline=None)
def test_codes(documents: list[list[int]], order: int, ends: bool) -> None:
    metric = CodeBits(order=order, length="end" if ends else "ignored")
    n_bytes = sum(map(len, documents))
    agree(reduce(metric, documents), slow.code_bits(documents, order, ends=ends) / n_bytes)


@given(DOCUMENTS, st.sampled_from([0, 1]), st.booleans())
@settings(deadline=None)
def test_held_out_codes(documents: list[list[int]], order: int, ends: bool) -> None:
    metric = CodeBits(order=order, fit="held_out", length="end" if ends else "ignored")
    batch = batch_of(documents, 5)
    asked = held_out(batch.text)
    parts = [
        [each for each, held in zip(documents, asked, strict=True) if held == side] for side in (False, True)
    ]
    collected = {statistic: collect(batch, statistic) for statistic in metric.statistics()}
    stats = Stats(len(documents), 5, 0, None, collected, batch.tokenizer)
    if not all(any(part) for part in parts):
        assert isinstance(metric.reduce(stats), Undefined)
        return
    expected = slow.held_out_bits(parts[0], parts[1], order, n_ids=5, ends=ends)
    assert held_out_bits(stats, order, ends=ends) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30).filter(any), st.sampled_from(CORRECTIONS))
@settings(deadline=None)
def test_entropies(counts: list[int], correction: str) -> None:
    found = Spectrum.of(np.array(counts)).entropy(correction)
    assert found == pytest.approx(slow.entropy(counts, correction), abs=1e-7)
