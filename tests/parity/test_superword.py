"""Two-stage training against its slow twin: inherited merges, constraints, the steps of stage 2."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.algorithms.superword import second_stage, vetoes, without
from tokbench.counts import PretokenCounts
from tokbench.reference import superword as twin
from tokbench.resume import merges_met, replayed
from tokbench.train import train

WORDS = st.dictionaries(
    st.text("ab: c", min_size=1, max_size=14).map(str.encode), st.integers(1, 9), min_size=1, max_size=10
)


@given(WORDS, WORDS, st.integers(0, 12), st.integers(1, 12), st.sampled_from([1, 2, None]), st.booleans())
def test_second_stage_equals_its_twin(
    first: dict[bytes, int],
    second: dict[bytes, int],
    n_first: int,
    n_more: int,
    max_words: int | None,
    keep: bool,
) -> None:
    base = train(PretokenCounts.from_mapping({"all": first}), vocab_size=256 + n_first, allow_smaller=True)
    assert base.merges is not None
    counts = PretokenCounts.from_mapping({"all": second})
    pretokens = sorted(second)
    symbols = {token[0]: i for i, token in base.vocab.tokens.items() if len(token) == 1}
    cut, met = twin.inherit([[symbols[byte] for byte in word] for word in pretokens], list(base.merges))
    assert merges_met(base, counts).tolist() == met
    ids, ends = replayed(base, counts)
    assert [ids[a:b].tolist() for a, b in pairwise(ends.tolist())] == cut

    kept = base if keep else without(base, ~np.array(met, dtype=np.bool_))
    assert kept.merges is not None
    size = len(kept.vocab) + n_more
    rows = list(kept.merges)
    symbols = {token[0]: i for i, token in kept.vocab.tokens.items() if len(token) == 1}
    cut, _ = twin.inherit([[symbols[byte] for byte in word] for word in pretokens], rows)
    slow = twin.go_on(
        zip(cut, (second[word] for word in pretokens), strict=True),
        dict(kept.vocab.tokens),
        vocab_size=size,
        max_words=max_words,
    )
    made = second_stage(
        base,
        counts,
        vocab_size=size,
        vetoes=vetoes(max_words, ": "),
        keep_absent=keep,
        allow_smaller=True,
        report={},
    )
    assert made.merges is not None
    assert list(made.merges) == [*rows, *(row[:3] for row in slow)]
    assert made.training is not None
    assert made.training.log is not None
    second_log = made.training.log.filter(made.training.log["stage"] == 2)
    assert second_log["count"].to_list() == [row[3] for row in slow]


@given(WORDS, st.integers(2, 6))
def test_token_length_stays_in_bytes(second: dict[bytes, int], limit: int) -> None:
    base = train(PretokenCounts.from_mapping({"all": {b"ab": 3, b" c": 2}}), vocab_size=258)
    counts = PretokenCounts.from_mapping({"all": second})
    made = train(counts, vocab_size=280, start=base, max_token_length=limit, allow_smaller=True)
    symbols = {token[0]: i for i, token in base.vocab.tokens.items() if len(token) == 1}
    pretokens = sorted(second)
    assert base.merges is not None
    cut, _ = twin.inherit([[symbols[byte] for byte in word] for word in pretokens], list(base.merges))
    slow = twin.go_on(
        zip(cut, (second[word] for word in pretokens), strict=True),
        dict(base.vocab.tokens),
        vocab_size=280,
        max_words=None,
        forbidden=(),
        max_token_length=limit,
    )
    assert made.merges is not None
    assert list(made.merges)[2:] == [row[:3] for row in slow]


@pytest.mark.parametrize("letters", [b"ab", b"abc d", b"ab\n 1"])
def test_long_pretokens_are_encoded_as_short_ones(letters: bytes) -> None:
    """Rank by rank and by heap: cutting where no merge crosses must not matter, nor must the length."""
    rng = np.random.default_rng(5)
    text = bytes(rng.choice(np.frombuffer(letters, np.uint8), 100_000))
    counts = PretokenCounts.from_mapping({"all": {text: 1}})
    tokenizer = train(counts, vocab_size=600)
    long = tokenizer.encode(text)
    assert tokenizer.decode(long) == text
    # The engine has merged the same text in another way.
    assert tokenizer.training is not None
    assert tokenizer.training.log is not None
    log = tokenizer.training.log
    assert len(long) == log["tokens_all"].to_list()[-1]
    assert long.tolist() == replayed(tokenizer, counts)[0].tolist()
    # A start that ends in a token which nothing follows is cut as the whole is.
    half = tokenizer.encode(text[:20_000]).tolist()
    agree = next(i for i, (a, b) in enumerate(zip(half, long.tolist(), strict=False)) if a != b)
    assert agree > len(half) - 20
