"""The n-gram model against its slow twin, number by number."""

from __future__ import annotations

import numpy as np
import pytest

from tokbench.bytelm.ngram import NgramLM
from tokbench.bytelm.ngram_counts import count_ngrams
from tokbench.encoding import Encoding
from tokbench.reference.ngram import ReferenceNgram

N_IDS = 6
EOS, BOS = N_IDS, N_IDS + 1
NEVER = 5


def _documents(seed: int, n: int) -> list[list[int]]:
    """Documents of five ids with a liking for repetition, one of them empty."""
    random = np.random.default_rng(seed)
    made: list[list[int]] = [[]]
    for _ in range(n):
        document = [int(random.integers(5))]
        while random.random() > 0.1:
            document.append((document[-1] + 1) % 5 if random.random() < 0.6 else int(random.integers(5)))
        made.append(document)
    return made


def _encoding(documents: list[list[int]]) -> Encoding:
    offsets = np.cumsum([0, *map(len, documents)])
    return Encoding(
        np.array([i for row in documents for i in row], dtype=np.uint32), offsets.astype(np.int64)
    )


def _model(documents: list[list[int]], order: int, *, wide: bool) -> NgramLM:
    counts = count_ngrams(_encoding(documents), order=order, n_ids=N_IDS + 2, bos=BOS, eos=EOS)
    if wide:
        object.__setattr__(counts, "counts", counts.counts.astype(np.uint64))
    predicted = np.array([True] * 5 + [False, True, False])
    return NgramLM(counts, predicted, tokenizer="", n_tokens=0, n_documents=0)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize(("seed", "n"), [(1, 3), (2, 60)])
def test_rows_and_scores_are_those_of_the_twin(order: int, seed: int, n: int) -> None:
    documents = _documents(seed, n)
    model = _model(documents, order, wide=seed == 1)
    twin = ReferenceNgram(documents, order=order, predicted=[0, 1, 2, 3, 4, EOS], bos=BOS, eos=EOS)
    assert model.counts.discounts == pytest.approx(np.array(twin.discounts))
    contexts = [
        [],
        [BOS],
        [BOS, 0],
        [0],
        [NEVER],
        [0, NEVER, 1],
        [3, 4, 0, 1, 2],
        [BOS, *documents[1]],
        [EOS],
    ]
    rows = np.exp(model.logprobs(contexts))
    wanted = [[twin.probability(context, token) for token in range(N_IDS + 2)] for context in contexts]
    np.testing.assert_allclose(rows, wanted, rtol=1e-12, atol=0)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=0, atol=1e-12)
    new = _documents(seed + 10, 4)
    found = np.exp(model.token_logprobs(_encoding(new)))
    expected = [
        twin.probability([BOS, *document[:at]], token)
        for document in new
        for at, token in enumerate([*document, EOS])
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


def test_discounts_are_estimated_where_the_counts_define_them() -> None:
    """The second corpus above exercises both: estimated discounts and the fallback."""
    fallen = {order: _model(_documents(2, 60), order, wide=False).counts.fallen_back for order in (3, 5)}
    assert any(len(orders) < order for order, orders in fallen.items())
    assert any(orders for orders in fallen.values())
