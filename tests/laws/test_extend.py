"""Laws of going on from a tokenizer: n then N is N; a size of a sweep is its own run; old ids stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.counts import PretokenCounts
from tokbench.errors import ExhaustedError
from tokbench.extend import extend
from tokbench.reference import extend as twin
from tokbench.resume import Start, Vetoes, encoded, replayed
from tokbench.sweep import sweep
from tokbench.train import train

if TYPE_CHECKING:
    from tokbench.tokenizer import BpeTokenizer

PIECES = st.sampled_from([b"a", b"b", b"c", b"aa", b"abab", b"ab", "é".encode(), b"\xff", b" "])
PRETOKENS = st.lists(PIECES, min_size=1, max_size=8).map(b"".join)
COLUMNS = st.dictionaries(PRETOKENS, st.integers(1, 9), min_size=1, max_size=8)
TABLES = st.dictionaries(st.sampled_from(["eng", "tur", "zho"]), COLUMNS, min_size=1, max_size=3).map(
    PretokenCounts.from_mapping
)


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "tie_break": draw(st.sampled_from(["ids", "lexmax", "lexmin"])),
        "max_token_length": draw(st.sampled_from([None, 2, 3, 5])),
        "min_frequency": draw(st.sampled_from([1, 2, 5])),
        "allow_smaller": True,
    }
    first = draw(st.sampled_from(["bytes", "seen", "limited", "fallback", "unknown"]))
    begin: dict[str, Any] = {"special_tokens": draw(st.sampled_from([(), ("<end>", "ab"), ("a", "aab")]))}
    if first == "seen":
        begin |= {"initial_alphabet": "seen"}
    elif first == "limited":
        begin |= {"initial_alphabet": "seen", "limit_alphabet": 2}
    elif first == "fallback":
        begin |= {"unit": "character", "byte_fallback": True, "character_coverage": 0.8}
    elif first == "unknown":
        begin |= {"unit": "character", "unknown": "<unk>", "character_coverage": 0.8}
    return {"begin": begin, "always": chosen}


def grown(counts: PretokenCounts, size: int, choice: dict[str, Any]) -> BpeTokenizer:
    return train(counts, vocab_size=size, **choice["begin"], **choice["always"])


def n_first(counts: PretokenCounts, choice: dict[str, Any]) -> int:
    """How many ids there are before the first merge."""
    frequent = {**choice["always"], "min_frequency": 10**6}
    return train(counts, vocab_size=1000, **choice["begin"], **frequent).vocab.n_ids


@settings(deadline=None, max_examples=40)
@given(TABLES, options(), st.integers(0, 8), st.integers(0, 8))
def test_training_to_n_and_on_is_training_at_once(
    counts: PretokenCounts, choice: dict[str, Any], small: int, more: int
) -> None:
    size = n_first(counts, choice) + small
    at_once = grown(counts, size + more, choice)
    half = grown(counts, size, choice)
    on = train(counts, vocab_size=size + more, start=half, **choice["always"])
    assert on.fingerprint == at_once.fingerprint
    assert on.vocab == at_once.vocab
    assert half.training is not None
    assert half.training.log is not None
    assert on.training is not None
    assert on.training.log is not None
    assert at_once.training is not None
    assert at_once.training.log is not None
    assert half.training.log.vstack(on.training.log).equals(at_once.training.log)


@settings(deadline=None, max_examples=20)
@given(TABLES, options(), st.lists(st.integers(0, 12), min_size=1, max_size=3))
def test_every_size_of_a_sweep_is_its_own_run(
    counts: PretokenCounts, choice: dict[str, Any], steps: list[int]
) -> None:
    first = n_first(counts, choice)
    made = sweep(counts, vocab_sizes=[first + step for step in steps], **choice["begin"], **choice["always"])
    for size, tokenizer in made.items():
        alone = grown(counts, size, choice)
        assert tokenizer.fingerprint == alone.fingerprint
        assert tokenizer.training is not None
        assert alone.training is not None
        assert tokenizer.training.settings == alone.training.settings
        assert tokenizer.training.log is not None
        assert alone.training.log is not None
        assert tokenizer.training.log.equals(alone.training.log)


@settings(deadline=None, max_examples=40)
@given(TABLES, TABLES, st.integers(0, 8))
def test_both_segmentations_equal_their_twins(first: PretokenCounts, counts: PretokenCounts, n: int) -> None:
    base = train(first, vocab_size=256 + n, allow_smaller=True)
    assert base.merges is not None
    rows = list(base.merges)
    pretokens = counts.to_frame()["pretoken"].unique(maintain_order=True).to_list()
    starts = {
        "replayed": (replayed(base, counts), twin.replayed),
        "encoded": (encoded(base, counts), twin.encoded),
    }
    for (ids, ends), slow in starts.values():
        for row, pretoken in enumerate(pretokens):
            symbols = [base.vocab.id_of(bytes([byte])) for byte in pretoken]
            assert ids[ends[row] : ends[row + 1]].tolist() == slow(symbols, rows)


@settings(deadline=None, max_examples=50)
@given(TABLES, TABLES, TABLES, st.integers(0, 8), st.integers(1, 8), st.booleans(), st.data())
def test_extension_equals_its_twin_and_keeps_its_promises(
    first: PretokenCounts,
    counts: PretokenCounts,
    held: PretokenCounts,
    n: int,
    add: int,
    freeze: bool,
    data: st.DataObject,
) -> None:
    base = train(first, vocab_size=257 + n, special_tokens=("bab",), allow_smaller=True)
    protect = data.draw(st.sampled_from([None, held]))
    limit = data.draw(st.sampled_from([None, 3]))
    first_id = base.vocab.n_ids + data.draw(st.integers(0, 5))
    ids, ends = encoded(base, counts)
    frame = (
        counts.to_frame()
        .group_by("pretoken", maintain_order=True)
        .agg(pl.col("count").sum())
        .sort("pretoken")
    )
    words = [
        (ids[ends[row] : ends[row + 1]].tolist(), total) for row, total in enumerate(frame["count"].to_list())
    ]
    protected: list[list[int]] = []
    if protect is not None:
        held_ids, held_ends = encoded(base, protect)
        protected = [held_ids[held_ends[i] : held_ends[i + 1]].tolist() for i in range(len(protect))]
    slow = twin.extend(
        words,
        base.vocab.tokens,
        add=add,
        first_id=first_id,
        freeze=freeze,
        protected=protected,
        vetoed=[b"bab"],
        max_token_length=limit,
    )
    try:
        more = extend(
            base,
            counts,
            add=add,
            freeze=freeze,
            protect=protect,
            first_id=first_id,
            max_token_length=limit,
            allow_smaller=True,
        )
    except ExhaustedError:
        assert not any(result >= first_id for _, _, result, _ in slow)
        return
    assert more.training is not None
    assert more.training.log is not None
    log = more.training.log.select("left", "right", "result", "count")
    assert log.rows() == slow
    for token_id, token in base.vocab.tokens.items():
        assert more.token_bytes(token_id) == token
    if protect is not None:
        (mine, mine_ends), (theirs, their_ends) = encoded(more, held), encoded(base, held)
        assert np.array_equal(mine, theirs)
        assert np.array_equal(mine_ends, their_ends)
    if freeze:
        parts = {result: (left, right) for left, right, result, _ in slow}

        def old(token_id: int) -> list[int]:
            return [i for part in parts[token_id] for i in old(part)] if token_id in parts else [token_id]

        for document in (b"abab ab\xffcc", b"aabbaabcab", b"caaaaab a"):
            mine_ids = more.encode(document).tolist()
            assert [i for token_id in mine_ids for i in old(token_id)] == base.encode(document).tolist()


@settings(deadline=None, max_examples=20)
@given(TABLES, st.integers(1, 4))
def test_a_resumed_engine_recounts_to_the_same(counts: PretokenCounts, n: int) -> None:
    base = train(counts, vocab_size=256 + n, allow_smaller=True)
    for segments in (replayed(base, counts), encoded(base, counts)):
        begin = Start(base.model, segments, base.vocab.n_ids + 2, Vetoes(existing=True))
        engine = begin.engine(
            counts.native,
            tie_break="ids",
            max_token_length=None,
            min_frequency=1,
            expected_merges=4,
            track_groups=True,
            progress=None,
        )
        engine.verify()
        for _ in range(4):
            best = engine.best()
            if best is None:
                break
            engine.merge(best[0], best[1])
            engine.verify()
