"""The encoders of all inference methods against their slow twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.bpe import EMPTY_MERGES, BpeModel
from tokbench.errors import NotEncodableError
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.pretokenize import Pretokenizer
from tokbench.reference.encode import encode_by_merges, encode_longest
from tokbench.reference.replay import replayed
from tokbench.reference.scaffold import demolished
from tokbench.reference.segment import best_path, longest_first, longest_suffix
from tokbench.reference.supers import merged_runs
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Callable

BYTES = [bytes([byte]) for byte in range(256)]
texts = st.one_of(st.text("ab cé中", max_size=40).map(str.encode), st.binary(max_size=24))


@st.composite
def vocabularies(draw: st.DrawFn, *, partial: bool = False) -> Vocab:
    """Bytes (or only some) and random longer tokens of a small alphabet, broken characters among them."""
    longer = draw(st.sets(st.text("ab cé中", min_size=1, max_size=5).map(str.encode), max_size=25))
    broken = draw(st.sets(st.binary(min_size=2, max_size=3), max_size=4))
    alphabet = [b"a", b"b"] if partial else BYTES
    tokens = [*alphabet, *sorted({token for token in longer | broken if len(token) > 1})]
    order = draw(st.permutations(tokens)) if partial else tokens
    return Vocab(list(order), partial=partial)


def pieces(vocab: Vocab, width: int | None = None) -> dict[bytes, int]:
    ids = {token: i for i, token in vocab.tokens.items()}
    return {
        token: i for token, i in ids.items() if width is None or len(token) <= max(width, 1) or one(token)
    }


def one(token: bytes) -> bool:
    """Whether a token is one character, which a width never takes away."""
    try:
        return len(token.decode()) == 1
    except UnicodeDecodeError:
        return False


def longest(pretoken: bytes, ids: dict[bytes, int]) -> list[int] | None:
    try:
        return encode_longest(pretoken, Vocab({i: token for token, i in ids.items()}, partial=True))
    except NotEncodableError:
        return None


TWINS: dict[str, Callable[[bytes, dict[bytes, int]], list[int] | None]] = {
    "longest": longest,
    "longest_suffix": longest_suffix,
    "longest_first": longest_first,
    "fewest": best_path,
}


@pytest.mark.parametrize("method", TWINS)
@given(vocab=vocabularies(), text=texts, width=st.none() | st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_methods_over_a_vocabulary(method: str, vocab: Vocab, text: bytes, width: int | None) -> None:
    model = BpeModel(vocab, EMPTY_MERGES, "gpt2", method=method, width=width)  # type: ignore[arg-type]  # one of the names
    expected: list[int] = []
    for pretoken in Pretokenizer("gpt2").split(text):
        expected += TWINS[method](pretoken, pieces(vocab, width)) or []
    assert BpeTokenizer(model, name=method).encode(text).tolist() == expected


@pytest.mark.parametrize("method", ["longest_suffix", "longest_first", "fewest"])
@given(vocab=vocabularies(partial=True), text=st.text("ab c", max_size=14).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_vocabularies_without_all_bytes(method: str, vocab: Vocab, text: bytes) -> None:
    tokenizer = BpeTokenizer(BpeModel(vocab, EMPTY_MERGES, "none", method=method), name="partial")  # type: ignore[arg-type]  # one of the names
    expected = TWINS[method](text, pieces(vocab))
    if expected is None:
        with pytest.raises(NotEncodableError, match="byte"):
            tokenizer.encode(text)
    else:
        assert tokenizer.encode(text).tolist() == expected


@given(vocab=vocabularies(), text=texts, data=st.data())
@settings(max_examples=150, deadline=None)
def test_unigram(vocab: Vocab, text: bytes, data: st.DataObject) -> None:
    steps = st.sampled_from([-1.0, -2.0, -2.5, -8.0])
    scores = data.draw(st.lists(steps, min_size=len(vocab), max_size=len(vocab)))
    model = BpeModel(vocab, EMPTY_MERGES, "none", method="unigram", scores=tuple(scores))
    expected = best_path(text, pieces(vocab), lambda token: scores[token]) or []
    assert BpeTokenizer(model, name="unigram").encode(text).tolist() == expected


@pytest.mark.parametrize("seed", range(6))
def test_documents_longer_than_the_window(seed: int) -> None:
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(b"aab", np.uint8)
    words = {rng.choice(letters, rng.integers(2, 9)).tobytes() for _ in range(30)}
    vocab = Vocab([*BYTES, *sorted(words)])
    text = rng.choice(letters, 400_000).tobytes()
    if seed == 0:  # every place ties with every other: the paths do not meet for long
        vocab, text = Vocab([*BYTES, b"aa", b"aaa"]), b"a" * 200_000
    scores = rng.normal(-3, 1, len(vocab)) if seed % 2 else np.full(len(vocab), -1.0)
    model = BpeModel(vocab, EMPTY_MERGES, "none", method="unigram", scores=tuple(scores))
    found = BpeTokenizer(model, name="long").encode(text)
    value, ids = np.full(len(text) + 1, -np.inf), pieces(vocab)
    value[0], last = 0.0, np.zeros(len(text) + 1, dtype=np.int64)
    for end in range(1, len(text) + 1):
        for width in range(min(9, end), 0, -1):
            token = ids.get(text[end - width : end])
            if token is not None and value[end - width] + scores[token] > value[end]:
                value[end], last[end] = value[end - width] + scores[token], token
    expected, end = [], len(text)
    while end:
        expected.append(int(last[end]))
        end -= len(vocab.token_bytes(expected[-1]))
    assert found.tolist() == expected[::-1]


@st.composite
def operation_lists(draw: st.DrawFn) -> tuple[Vocab, Operations]:
    """Merges and deletions as a training could have made them; a deleted token may come again."""
    spelled = {byte: bytes([byte]) for byte in b"ab c"}
    alive = set(spelled)
    rows: list[tuple[object, ...]] = []
    parts: dict[int, tuple[int, int]] = {}
    for _ in range(draw(st.integers(0, 25))):
        removable = sorted(alive - set(b"ab c"))
        if removable and draw(st.integers(0, 3)) == 0:
            token = draw(st.sampled_from(removable))
            alive.discard(token)
            whole = draw(st.booleans())
            rows.append(("delete", token, *(list(spelled[token]) if whole else parts[token])))
            continue
        left, right = draw(st.sampled_from(sorted(alive))), draw(st.sampled_from(sorted(alive)))
        token = next(
            (i for i, known in spelled.items() if known == spelled[left] + spelled[right]),
            256 + len(spelled),
        )
        spelled[token] = spelled[left] + spelled[right]
        parts[token] = left, right
        alive.add(token)
        rows.append(("merge", left, right, token))
    operations = Operations(rows)
    tokens = dict(enumerate(BYTES)) | {i: t for i, t in spelled.items() if i not in operations.deleted}
    return Vocab(tokens), operations


@given(operation_lists(), texts)
@settings(max_examples=300, deadline=None)
def test_replay(made: tuple[Vocab, Operations], text: bytes) -> None:
    vocab, operations = made
    tokenizer = BpeTokenizer(BpeModel(vocab, operations, "gpt2", method="replay"), name="replay")
    expected: list[int] = []
    for pretoken in Pretokenizer("gpt2").split(text):
        expected += replayed(operations, list(pretoken))
    found = tokenizer.encode(text).tolist()
    assert found == expected
    assert not operations.deleted & set(found)
    assert tokenizer.decode(found) == text


def test_replay_of_a_long_pretoken() -> None:
    rows = [("merge", 97, 97, 256), ("merge", 256, 98, 257), ("delete", 256, 97, 97), ("merge", 97, 98, 258)]
    operations = Operations([*rows, ("merge", 97, 97, 256)])
    vocab = Vocab([*BYTES, b"aa", b"aab", b"ab"])
    tokenizer = BpeTokenizer(BpeModel(vocab, operations, "none", method="replay"), name="long")
    text = np.random.default_rng(5).choice(np.frombuffer(b"aaab", np.uint8), 20_000).tobytes()
    assert tokenizer.encode(text).tolist() == replayed(operations, list(text))


@st.composite
def merge_lists(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Merges over a few bytes; a token may be made twice."""
    spelled = {byte: bytes([byte]) for byte in b"ab c"}
    steps: list[tuple[int, int, int]] = []
    for _ in range(draw(st.integers(1, 20))):
        left, right = draw(st.sampled_from(sorted(spelled))), draw(st.sampled_from(sorted(spelled)))
        token = next(
            (i for i, t in spelled.items() if t == spelled[left] + spelled[right]), 256 + len(spelled)
        )
        spelled[token] = spelled[left] + spelled[right]
        steps.append((left, right, token))
    return steps


def spellings(steps: list[tuple[int, int, int]]) -> dict[int, bytes]:
    tokens = dict(enumerate(BYTES))
    for left, right, result in steps:
        tokens[result] = tokens[left] + tokens[right]
    return tokens


@given(merge_lists(), texts, st.data(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_scaffold(steps: list[tuple[int, int, int]], text: bytes, data: st.DataObject, kept: bool) -> None:
    tokens = spellings(steps)
    merges = sound(steps)
    made = sorted({result for _, _, result in merges})
    scaffold = data.draw(st.sets(st.sampled_from(made)))
    vocab = Vocab({i: token for i, token in tokens.items() if kept or i not in scaffold})
    model = BpeModel(vocab, Merges.from_steps(merges), "gpt2", scaffold=tuple(scaffold))
    tokenizer = BpeTokenizer(model, name="scaffold")
    full = Vocab(tokens)
    expected = [
        part
        for pretoken in Pretokenizer("gpt2").split(text)
        for token in encode_by_merges(pretoken, full, merges)
        for part in demolished(token, scaffold, merges)
    ]
    found = tokenizer.encode(text).tolist()
    assert found == expected
    assert not scaffold & set(found)
    assert tokenizer.decode(found) == text
    ids, spans = tokenizer.encode_with_offsets(text)
    assert ids.tolist() == found
    assert b"".join(text[start:end] for start, end in spans.tolist()) == text


def sound(steps: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Leave out what would use a token before its first merge."""
    first: dict[int, int] = {}
    for row, (_, _, result) in enumerate(steps):
        first.setdefault(result, row)
    return [s for row, s in enumerate(steps) if all(first.get(i, -1) < row for i in s[:2])]


@given(
    st.lists(st.integers(0, 8), max_size=40),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=8),
)
@settings(max_examples=200, deadline=None)
def test_supers(picks: list[int], pairs: list[tuple[int, int]]) -> None:
    words = [b"a", b" a", b" b", b" ab", b"ab", b"\n", b" c", b" ba", b"1"]
    base = [(97, 98, 256), (32, 97, 257), (32, 98, 258), (32, 256, 259)]
    tokens = dict(enumerate(BYTES)) | {256: b"ab", 257: b" a", 258: b" b", 259: b" ab"}
    candidates = [97, 256, 257, 258, 259, 49]
    supers = []
    for left, right in pairs:
        a, b = candidates[left % len(candidates)], candidates[right % len(candidates)]
        spelled = tokens[a] + tokens[b]
        token = next((i for i, t in tokens.items() if t == spelled), len(tokens))
        tokens[token] = spelled
        candidates.append(token)
        supers.append((a, b, token))
    supers = sound(supers)
    text = b"".join(words[pick] for pick in picks)
    model = BpeModel(Vocab(tokens), Merges.from_steps(base), "gpt2", supers=Merges.from_steps(supers))
    tokenizer = BpeTokenizer(model, name="supers")
    split = Pretokenizer("gpt2").split(text)
    expected = merged_runs([encode_by_merges(pretoken, Vocab(tokens), base) for pretoken in split], supers)
    assert tokenizer.encode(text).tolist() == expected
    ids, spans = tokenizer.encode_with_offsets(text)
    assert ids.tolist() == expected
    assert [text[start:end] for start, end in spans.tolist()] == [tokens[i] for i in expected]


def test_runs_across_the_cuts_of_a_large_document() -> None:
    rng = np.random.default_rng(9)
    words = [b" a", b" b", b" ab", b" c", b" ac", b" x1,", b"\n"]
    text = b"".join(
        words[i] for i in rng.choice(len(words), 1_200_000, p=[0.4, 0.3, 0.19, 0.1, 0.005, 0.004, 0.001])
    )
    base = [(97, 98, 256), (32, 97, 257), (32, 98, 258), (32, 256, 259), (32, 99, 260)]
    supers = [(257, 258, 261), (261, 257, 262), (262, 262, 263), (259, 260, 264)]
    tokens = [*BYTES, b"ab", b" a", b" b", b" ab", b" c", b" a b", b" a b a", b" a b a a b a", b" ab c"]
    merges, joined = Merges.from_steps(base), Merges.from_steps(supers)
    tokenizer = BpeTokenizer(BpeModel(Vocab(tokens), merges, "gpt2", supers=joined), name="runs")
    one = tokenizer.encode_batch([text, text[:77]], threads=1)
    two = tokenizer.encode_batch([text, text[:77]], threads=2)
    assert np.array_equal(one.ids, two.ids)
    assert one[0].tolist() == tokenizer.encode_with_offsets(text)[0].tolist()
    assert tokenizer.decode_batch(two) == [text, text[:77]]
