"""Sampled encodings against their slow twins, which draw the same random numbers; and what p = 0 and p = 1 mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench import sampling
from tokbench.bpe import EMPTY_MERGES, BpeModel
from tokbench.errors import NotRepresentableError, ParameterError, VocabError
from tokbench.merges import Merges
from tokbench.pretokenize import Pretokenizer
from tokbench.reference.encode import encode_by_merges
from tokbench.reference.sampling import (
    Draws,
    fewest_at_random,
    merge_with_dropout,
    path_at_random,
    split_at_random,
)
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

BYTES = [bytes([byte]) for byte in range(256)]
STEPS = [
    (97, 98, 256),
    (256, 256, 257),
    (32, 97, 258),
    (258, 98, 259),
    (257, 256, 260),
    (98, 98, 261),
    (261, 97, 262),
]
TOKENS = [*BYTES, b"ab", b"abab", b" a", b" ab", b"ababab", b"bb", b"bba"]
VOCAB = Vocab(TOKENS, special={"<ab>": 300})
IDS = {token: i for i, token in enumerate(TOKENS)}
SCORES = tuple(-1.0 - (7 * i % 11) / 4 for i in range(301))
BASE = BpeTokenizer(BpeModel(VOCAB, Merges.from_steps(STEPS), "gpt2", scores=SCORES), name="base")
texts = st.one_of(st.text("ab ", max_size=60).map(str.encode), st.binary(max_size=30))
seeds = st.integers(0, 2**64 - 1)
shares = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])


def pretokens(text: bytes) -> list[tuple[int, bytes]]:
    split = Pretokenizer("gpt2").split(text)
    starts = np.cumsum([0, *map(len, split)])
    return list(zip(starts.tolist(), split, strict=False))


@given(texts, seeds, shares)
@settings(max_examples=200, deadline=None)
def test_dropout(text: bytes, seed: int, p: float) -> None:
    table = {(left, right): (rank, result) for rank, (left, right, result) in enumerate(STEPS)}
    expected: list[int] = []
    for place, pretoken in pretokens(text):
        expected += merge_with_dropout(list(pretoken), table, p, Draws(seed, text, place))
    found = sampling.bpe_dropout(BASE, p=p, seed=seed).encode(text)
    assert found.tolist() == expected
    assert BASE.decode(found) == text
    if p == 0:
        assert expected == BASE.encode(text).tolist()
    if p == 1:
        assert expected == list(text)


@given(texts, seeds, shares)
@settings(max_examples=200, deadline=None)
def test_stochastok(text: bytes, seed: int, p: float) -> None:
    tokenizer = sampling.stochastok(BASE, p=p, seed=seed)
    plain = BASE.encode(text).tolist()
    expected = split_at_random(plain, dict(VOCAB.tokens), p, Draws(seed, text))
    found, spans = tokenizer.encode_with_offsets(text)
    assert found.tolist() == expected
    assert tokenizer.decode(found) == text
    assert [text[a:b] for a, b in spans.tolist()] == [TOKENS[i] for i in expected]
    assert len(expected) <= len(plain) + int(p * len(plain))
    if p == 0:
        assert expected == plain


@given(texts, seeds)
@settings(max_examples=150, deadline=None)
def test_fewest_at_random(text: bytes, seed: int) -> None:
    tokenizer = sampling.fewest_random(BASE, seed=seed)
    expected: list[int] = []
    for place, pretoken in pretokens(text):
        expected += fewest_at_random(pretoken, IDS, Draws(seed, text, place)) or []
    assert tokenizer.encode(text).tolist() == expected
    assert len(expected) == len(BASE.with_method("fewest").encode(text))


@given(texts, seeds, st.sampled_from([0.0, 0.3, 1.0, 200.0]))
@settings(max_examples=150, deadline=None)
def test_paths_at_random(text: bytes, seed: int, alpha: float) -> None:
    tokenizer = sampling.unigram_random(BASE, alpha=alpha, seed=seed)
    expected: list[int] = []
    for place, pretoken in pretokens(text):
        draws = Draws(seed, text, place)
        expected += path_at_random(pretoken, IDS, lambda token: SCORES[token], alpha, draws) or []
    assert tokenizer.encode(text).tolist() == expected
    assert tokenizer.decode(expected) == text


def test_paths_have_the_frequencies_of_their_scores() -> None:
    # "abab": ab|ab, abab, a|b|ab, ab|a|b, a|b|a|b
    scores = tuple({256: -1.0, 257: -2.5}.get(i, -2.0) for i in range(301))
    model = BpeModel(VOCAB, EMPTY_MERGES, "none", method="unigram", scores=scores)
    base = BpeTokenizer(model, name="paths")
    n = 4000
    drawn = Counter(
        tuple(sampling.unigram_random(base, seed=seed).encode("abab").tolist()) for seed in range(n)
    )
    weights = {
        (256, 256): -2.0,
        (257,): -2.5,
        (97, 98, 256): -5.0,
        (256, 97, 98): -5.0,
        (97, 98, 97, 98): -8.0,
    }
    total = sum(np.exp(list(weights.values())))
    for path, score in weights.items():
        share = np.exp(score) / total
        assert abs(drawn[path] / n - share) < 4 * np.sqrt(share * (1 - share) / n), path


@given(
    st.lists(texts, max_size=8),
    seeds,
    st.sampled_from(["dropout(p=0.5)", "stochastok(p=0.5)", "fewest_random"]),
)
@settings(max_examples=60, deadline=None)
def test_neither_threads_nor_batches_nor_order_change_a_draw(
    documents: list[bytes], seed: int, spelling: str
) -> None:
    tokenizer = BASE.with_method(spelling)
    assert isinstance(tokenizer, sampling.SampledTokenizer)
    tokenizer.seed = seed
    one = [row.tolist() for row in tokenizer.encode_batch(documents, threads=1)]
    assert [row.tolist() for row in tokenizer.encode_batch(documents, threads=3)] == one
    assert [row.tolist() for row in tokenizer.encode_batch(documents[::-1])] == one[::-1]
    assert [tokenizer.encode(document).tolist() for document in documents] == one


def test_more_dropout_is_more_tokens_and_another_seed_another_draw() -> None:
    text = b"ab abab ababab bba ab" * 40
    lengths = [
        np.mean([len(sampling.bpe_dropout(BASE, p=p, seed=seed).encode(text)) for seed in range(10)])
        for p in (0.0, 0.1, 0.3, 0.6, 1.0)
    ]
    assert lengths == sorted(lengths)
    drawn = {tuple(sampling.bpe_dropout(BASE, p=0.3, seed=seed).encode(text).tolist()) for seed in range(5)}
    assert len(drawn) == 5


def test_special_tokens_are_cut_out_and_stay_whole() -> None:
    tokenizer = sampling.stochastok(BASE, p=1.0)
    found = tokenizer.encode("ab<ab>ab", allowed_special="all").tolist()
    assert found.count(300) == 1
    assert sampling.bpe_dropout(BASE, p=1.0).encode("a<ab>", allowed_special={"<ab>"}).tolist() == [97, 300]


def test_wrong_parameters_are_named() -> None:
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: sampling.bpe_dropout(BASE, p=1.5), "p: 1.5"),
        (lambda: sampling.stochastok(BASE, p=-0.1), "p: -0.1"),
        (lambda: sampling.unigram_random(BASE, alpha=-1.0), "alpha"),
        (lambda: sampling.bpe_dropout(BASE, seed=-1), "seed: -1"),
        (lambda: sampling.bpe_dropout(BASE.with_method("longest")), "'longest'"),
        (lambda: BASE.with_method("dropout(q=1)"), "no parameter 'q'"),
        (lambda: BASE.with_method("longset"), "did you mean longest"),
    ]
    for call, message in calls:
        with pytest.raises(ParameterError, match=message):
            call()
    bare = BpeTokenizer(BpeModel(VOCAB, EMPTY_MERGES, "none"), name="bare")
    with pytest.raises(VocabError, match="needs scores"):
        sampling.unigram_random(bare)
    with pytest.raises(NotRepresentableError, match="save the base"):
        sampling.stochastok(BASE).save("x.tokbench.json")


def test_whole_words_hold_without_dropout_only() -> None:
    vocab = Vocab([*BYTES, b"xyz"])
    tokenizer = BpeTokenizer(BpeModel(vocab, EMPTY_MERGES, "none", whole_words=True), name="whole")
    assert sampling.bpe_dropout(tokenizer, p=0.0).encode("xyz").tolist() == [256]
    assert sampling.bpe_dropout(tokenizer, p=0.5).encode("xyz").tolist() == list(b"xyz")
    assert encode_by_merges(b"xyz", vocab, []) == list(b"xyz")
