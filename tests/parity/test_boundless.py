"""BoundlessBPE: the engines and the slow twins take the same steps, in two passes and in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.algorithm import Request
from tokbench.algorithms.boundless import Boundless
from tokbench.algorithms.boundless_one_pass import BoundlessOnePass
from tokbench.corpus import Corpus
from tokbench.pretokenize import Pretokenizer
from tokbench.reference import boundless as twin
from tokbench.reference import picky
from tokbench.runs import count_runs

if TYPE_CHECKING:
    from tokbench.algorithms.operating import Finished

TEXTS = st.lists(
    st.lists(st.sampled_from(["so", "soso", "it", "is", "a", "é", "7", "its", "x."]), max_size=25).map(
        " ".join
    ),
    min_size=1,
    max_size=8,
)
PRETOKENIZER = "o200k"


def cut(texts: list[str]) -> list[list[bytes]]:
    split = Pretokenizer(PRETOKENIZER).split
    return [split(text) for text in texts]


def counts_of(documents: list[list[bytes]]) -> dict[bytes, int]:
    counts: dict[bytes, int] = {}
    for document in documents:
        for pretoken in document:
            counts[pretoken] = counts.get(pretoken, 0) + 1
    return counts


def request(texts: list[str], vocab_size: int) -> Request:
    return Request(
        source=Corpus.from_texts({"all": texts}),
        vocab_size=vocab_size,
        pretokenizer=PRETOKENIZER,
        allow_smaller=True,
    )


def check(found: Finished, expected: twin.Boundless) -> None:
    supers = [(row[1:], count) for operation, row, count in found.steps if operation == "super"]
    words = [(row, count) for operation, row, count in found.steps if operation != "super"]
    assert words == list(zip(expected.rows, expected.counts, strict=True))
    assert supers == list(zip(expected.supers, expected.super_counts, strict=True))
    assert list(found.inventory.tokens) == expected.vocabulary
    model = found.model()
    assert [model.vocab.token_bytes(i) for i in model.vocab] == expected.vocabulary
    assert found.log()["count"].to_list() == [count for _, _, count in found.steps]


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_runs_equal_a_walk_over_the_documents(texts: list[str]) -> None:
    documents = cut(texts)
    names = sorted({pretoken for document in documents for pretoken in document if twin.has_letter(pretoken)})
    runs = count_runs(Corpus.from_texts({"all": texts}), PRETOKENIZER, names)
    assert dict(runs) == twin.runs_of(documents, set(names).__contains__)
    assert list(dict(runs)) == sorted(dict(runs))


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.integers(0, 30), st.sampled_from([1.1, 0.9, 0.5]), st.sampled_from(["bytes", "present"]))
def test_two_passes_equal_the_twin(texts: list[str], more: int, tau: float, parts: str) -> None:
    documents = cut(texts)
    words = picky.train(counts_of(documents), vocab_size=256 + more, tau=tau, parts=parts)
    expected = twin.two_pass(words, documents, vocab_size=256 + more)
    found = Boundless(tau=tau, parts=parts).finish(request(texts, 256 + more))
    check(found, expected)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.integers(0, 20), st.integers(0, 10))
def test_superwords_behind_a_whole_word_model_equal_the_twin(
    texts: list[str], more: int, supers: int
) -> None:
    documents = cut(texts)
    words = picky.train(counts_of(documents), vocab_size=256 + more, tau=1.1)
    expected = twin.two_pass(words, documents, vocab_size=0, supers=supers)
    found = Boundless(supers=supers).finish(request(texts, 256 + more + supers))
    check(found, expected)


@settings(max_examples=80, deadline=None)
@given(
    TEXTS,
    st.integers(0, 30),
    st.sampled_from([1.1, 0.9, 0.5]),
    st.sampled_from(["supers", "words"]),
    st.sampled_from(["exact", "literal"]),
)
def test_one_pass_equals_the_twin(texts: list[str], more: int, tau: float, ties: str, rules: str) -> None:
    expected = twin.one_pass(
        cut(texts), vocab_size=256 + more, tau=tau, supers_first=ties == "supers", literal=rules == "literal"
    )
    found = BoundlessOnePass(tau=tau, ties=ties, rules=rules).finish(request(texts, 256 + more))
    check(found, expected)


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        ("letter", [" a", "1a", "a'b"], [" 1", "."]),
        ("words", [" a", "ab", "don't"], ["a", "1a", "(ab"]),
        ("regex:^ ", [" 1"], ["a"]),
    ],
)
def test_rules_of_admission(rule: str, inside: list[str], outside: list[str]) -> None:
    from tokbench.runs import admitted

    both = [text.encode() for text in inside + outside]
    assert admitted(rule, both) == both[: len(inside)]
