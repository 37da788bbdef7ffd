"""Laws of PickyBPE and BoundlessBPE: degenerate settings, what every result satisfies, encodings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.algorithm import Request
from tokbench.algorithms.boundless import Boundless, Filling, Second, floor_of
from tokbench.algorithms.boundless_one_pass import BoundlessOnePass
from tokbench.algorithms.picky import Picky, settings_of, train_words
from tokbench.corpus import Corpus
from tokbench.counts import count
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.pretokenize import Pretokenizer
from tokbench.reference import boundless as twin
from tokbench.reference import bpe, picky
from tokbench.runs import admitted, count_runs

if TYPE_CHECKING:
    from pathlib import Path

    from tokbench.algorithms.operating import Finished

TEXT = st.text("ab é7.'\n", max_size=60)
TEXTS = st.lists(TEXT, min_size=1, max_size=6)
MORE = st.integers(0, 40)
TAU = st.sampled_from([0.3, 0.6, 0.9, 1.0])


def request(texts: list[str], vocab_size: int, **options: object) -> Request:
    source = Corpus.from_texts({"all": texts})
    return Request(source=source, vocab_size=vocab_size, allow_smaller=True, **options)  # type: ignore[arg-type]


def encoded(found: Finished, text: str) -> list[bytes]:
    pretokens = Pretokenizer(found.pretokenizer).split(text)
    rows = [("delete", row[1], *found._parts(row)) if row[0] == "delete" else row for row in found.kept]
    return twin.encode(pretokens, rows, found.supers)


def plain_without_overlaps(words: dict[bytes, int], n_merges: int) -> list[tuple[bytes, bytes, int]]:
    """Plain BPE whose pairs count as often as they can be merged: recounted from the words before every merge."""
    split = {word: [bytes([byte]) for byte in word] for word in words}
    made: set[bytes] = set()
    steps = []
    while len(made) < n_merges:
        pairs: dict[tuple[bytes, bytes], int] = {}
        for word, tokens in split.items():
            for pair in set(pairwise(tokens)):
                joined = picky.merged(tokens, *pair)
                pairs[pair] = pairs.get(pair, 0) + words[word] * (len(tokens) - len(joined))
        if not pairs:
            break
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        steps.append((left, right, pairs[left, right]))
        made.add(left + right)
        split = {word: picky.merged(tokens, left, right) for word, tokens in split.items()}
    return steps


@settings(max_examples=60, deadline=None)
@given(TEXTS, MORE)
def test_picky_above_one_is_plain_without_overlaps(texts: list[str], more: int) -> None:
    asked = request(texts, 256 + more)
    found = Picky(tau=1.1).finish(asked)
    words: dict[bytes, int] = {}
    for text in texts:
        for pretoken in Pretokenizer("o200k").split(text):
            words[pretoken] = words.get(pretoken, 0) + 1
    assert all(operation == "merge" for operation, _, _ in found.steps)
    assert [(row[1], row[2], count) for _, row, count in found.steps] == plain_without_overlaps(words, more)
    with_overlaps = Picky(tau=1.1, overlap=True).finish(request(texts, 256 + more))
    plain = bpe.train({"all": words}, vocab_size=256 + more, alphabet_order="byte", tie_break="lexmin")
    steps = [(plain.tokens[left], plain.tokens[right]) for left, right, _ in plain.merges]
    assert [(row[1], row[2]) for _, row, _ in with_overlaps.steps] == steps


@settings(max_examples=60, deadline=None)
@given(TEXTS, MORE, TAU, st.sampled_from(["bytes", "pair", "present"]), TEXT)
def test_deleted_tokens_never_appear(texts: list[str], more: int, tau: float, parts: str, text: str) -> None:
    found = Picky(tau=tau, parts=parts).finish(request([*texts, "abab abab ab"], 256 + more))
    for sample in (text, *texts):
        tokens = encoded(found, sample)
        assert b"".join(tokens) == sample.encode()
        assert all(token in found.inventory for token in tokens)
    model = found.model()
    assert len(model.vocab) == len(found.inventory)
    assert model.hidden.isdisjoint(model.vocab)


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.integers(0, 30), TAU, st.sampled_from([1, 3]))
def test_runs_cut_at_the_floor_give_the_same_superwords(
    texts: list[str], more: int, tau: float, threads: int
) -> None:
    texts = [f"{text} so so ab 7 so so ab" for text in texts]
    counts = count(Corpus.from_texts({"all": texts}), "o200k")
    size = 256 + more
    asked = replace(request(texts, size), source=counts)
    wanted = settings_of(Picky(), asked, counts, alphabet="bytes")
    made = []
    for cut in (True, False):
        words = train_words(counts, wanted, Picky(tau=tau), n_tokens=size, request=asked)
        floor = floor_of(words, size) if cut else None
        corpus = Corpus.from_texts({"all": texts})
        runs = count_runs(corpus, "o200k", admitted("letter", words.whole()), floor=floor, threads=threads)
        filling = Filling(words, Second(runs, wanted, asked))
        while len(filling.inventory) < size and filling.step():
            pass
        made.append((filling.steps, filling.supers, list(filling.inventory.tokens)))
    assert made[0] == made[1]


def test_a_memory_budget_changes_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokbench.memory.LEAST", 1)
    corpus = Corpus.from_texts({"all": [f"a b c{'d' * (number % 7)} a b\n" * 3 for number in range(3000)]})
    names = [b"a", b" a", b" b", b" c", *(b" c" + b"d" * number for number in range(7))]
    whole = count_runs(corpus, "o200k", sorted(set(names)))
    bounded = count_runs(corpus, "o200k", sorted(set(names)), memory=1, temporary=tmp_path, threads=2)
    assert dict(bounded) == dict(whole)
    assert list(bounded) == list(whole)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=60, deadline=None)
@given(TEXTS, MORE, TAU, st.booleans(), TEXT)
def test_superwords(texts: list[str], more: int, tau: float, one_pass: bool, text: str) -> None:
    rule: BoundlessOnePass | Boundless = BoundlessOnePass(tau=tau) if one_pass else Boundless(tau=tau)
    found = rule.finish(request(texts, 256 + more))
    counts = [count for operation, _, count in found.steps if operation == "super"]
    assert one_pass or all(a >= b for a, b in pairwise(counts))
    assert len(found.inventory) <= 256 + more
    made = set()
    for operation, row, _ in found.steps:
        if operation == "super":
            assert all(part in made or twin.has_letter(part) for part in row[1:])
            made.add(row[1] + row[2])
    for sample in (text, *texts):
        tokens = encoded(found, sample)
        assert b"".join(tokens) == sample.encode()
        assert all(token in found.inventory for token in tokens)


@settings(max_examples=40, deadline=None)
@given(TEXTS, MORE, TAU, st.sampled_from(["bytes", "pair", "present"]), TEXT)
def test_native_encoding_equals_the_twin(
    texts: list[str], more: int, tau: float, parts: str, text: str
) -> None:
    rules: list[Picky | Boundless | BoundlessOnePass] = [
        Picky(tau=tau, parts=parts),
        BoundlessOnePass(tau=tau),
        Boundless(tau=tau),
    ]
    for rule in rules:
        found = rule.finish(request([*texts, "abab abab ab"], 256 + more))
        tokenizer = found.tokenizer("made")
        ids = tokenizer.encode(text).tolist()
        assert tokenizer.decode(ids) == text.encode()
        if len(found.reachable) == len(found.supers):
            assert [tokenizer.token_bytes(i) for i in ids] == encoded(found, text)


@settings(max_examples=40, deadline=None)
@given(TEXTS, MORE, TAU)
def test_nothing_eligible_leaves_the_word_model(texts: list[str], more: int, tau: float) -> None:
    words = Picky(tau=tau).finish(request(texts, 256 + more))
    for rule in (
        Boundless(tau=tau, could_merge="regex:nowhere"),
        Boundless(tau=tau, supers=0),
        BoundlessOnePass(tau=tau, could_merge="regex:nowhere"),
    ):
        found = rule.finish(request(texts, 256 + more))
        assert list(found.kept) == list(words.kept)
        assert list(found.inventory.tokens) == list(words.inventory.tokens)
        assert not found.supers


@settings(max_examples=30, deadline=None)
@given(TEXTS, MORE)
def test_word_rows_are_a_prefix_of_the_word_model(texts: list[str], more: int) -> None:
    words = Picky(tau=0.9).finish(request(texts, 256 + more))
    found = Boundless(tau=0.9).finish(request(texts, 256 + more))
    assert list(words.kept)[: len(found.kept)] == list(found.kept)


@settings(max_examples=30, deadline=None)
@given(TEXTS, MORE, st.randoms())
def test_order_of_documents_and_threads_do_not_matter(texts: list[str], more: int, random: object) -> None:
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for rule in (Boundless(tau=0.9), BoundlessOnePass(tau=0.9)):
        one = rule.finish(request(texts, 256 + more, threads=1))
        other = rule.finish(request(shuffled, 256 + more, threads=3))
        assert (list(one.kept), list(one.supers), one.steps) == (
            list(other.kept),
            list(other.supers),
            other.steps,
        )


def test_special_tokens_come_first_and_deleted_tokens_last() -> None:
    texts = ["crystal crystal crystals crystalline"] * 9
    found = Picky(tau=0.6).finish(request(texts, 280, special_tokens=("<end>",)))
    model = found.model()
    assert model.vocab.special == {"<end>": 0}
    assert model.vocab.token_bytes(1) == b"\x00"
    assert len(model.vocab) == len(found.inventory) + 1
    deleted = {row[1] for row in found.kept if row[0] == "delete"} - set(found.inventory.tokens)
    assert deleted
    assert all(found.number[token] >= len(model.vocab) for token in deleted)


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in (
        lambda: Picky(tau=0.0),
        lambda: Picky(tau=float("nan")),
        lambda: Picky(parts="halves"),
        lambda: Picky(test="above"),
        lambda: Boundless(could_merge="letters"),
        lambda: Boundless(could_merge="regex:("),
        lambda: Boundless(parts="pair"),
        lambda: Boundless(supers=-1),
        lambda: BoundlessOnePass(ties="both"),
        lambda: Picky().finish(request(["a b"], 255)),
        lambda: BoundlessOnePass().finish(request(["a b"], 255)),
        lambda: Boundless().finish(request(["a b"], 300, limit_alphabet=3)),
    ):
        with pytest.raises(ParameterError):
            wrong()
    for rule in (Picky(), Boundless(), BoundlessOnePass()):
        source = Corpus.from_texts({"all": ["so so it is"]})
        with pytest.raises(ExhaustedError, match="possible"):
            rule.finish(Request(source=source, vocab_size=5000))
