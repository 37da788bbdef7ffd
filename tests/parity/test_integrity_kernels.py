"""The kernels of integrity, numbers, code, characters and segmentations against their slow twins."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokbench.metrics import (
    character_kernels,
    code_kernels,
    digit_kernels,
    span_kernels,
    trie_kernels,
    utf8_kernels,
)
from tokbench.metrics.ambiguity import segmentations, trie_of
from tokbench.metrics.numbers import zeros_of
from tokbench.reference import characters as slow_characters
from tokbench.reference import code as slow_code
from tokbench.reference import digits as slow_digits
from tokbench.reference import segmentations as slow_segmentations
from tokbench.reference import spans as slow_spans
from tokbench.reference import utf8 as slow_utf8

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

EXAMPLES = settings(deadline=None, max_examples=150)
BYTES = st.sampled_from(
    [
        b"a", b" ", b"  ", b"\n", "é".encode(), "你".encode(), "👍".encode(), b"\xc3", b"\xe4\xbd", b"\xa9",
        b"\xf0\x9f", b"\xff", b"\xed\xa0\x80", b"\xe0\x80", b"\xf4\x90",
    ]
)  # fmt: skip
TOKENS = st.lists(st.lists(BYTES, min_size=1, max_size=3).map(b"".join), min_size=1, max_size=6)
TOKEN_ROWS = st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=4)


def pack(documents: Sequence[bytes]) -> tuple[NDArray[np.uint8], Ints]:
    offsets = np.array([0, *accumulate(map(len, documents))], np.int64)
    return np.frombuffer(b"".join(documents), np.uint8), offsets


def pack_rows(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.uint32], Ints]:
    flat = np.array([token for row in rows for token in row], np.uint32)
    return flat, np.array([0, *accumulate(map(len, rows))], np.int64)


def pack_spans(spans: Sequence[tuple[int, int]]) -> tuple[Ints, Ints, Ints]:
    starts, ends = (np.array([span[side] for span in spans], np.int64) for side in (0, 1))
    return starts, ends, np.array([0, len(spans)], np.int64)


def cut_places(data: bytes) -> st.SearchStrategy[list[int]]:
    return st.sets(st.integers(1, max(len(data), 1)), max_size=10).map(
        lambda cuts: sorted(cut for cut in cuts if cut <= len(data))
    )


@given(TOKENS, TOKEN_ROWS)
@example([b"caf\xc3", b"\xa9"], [[0, 1], []])
@example([b"\xe4", b"\xbd", b"a", b"\xa0"], [[0, 1, 2], [0, 1, 3], [1], [0, 0, 1, 3]])
@EXAMPLES
def test_utf8(tokens: list[bytes], rows: list[list[int]]) -> None:
    arena, places = pack(tokens)
    classes = utf8_kernels.classify_tokens(arena, places)
    assert classes.tolist() == [slow_utf8.classify_tokens(token) for token in tokens]
    rows = [[token % len(tokens) for token in row] for row in rows]
    ids, offsets = pack_rows(rows)
    expected = [slow_utf8.count_split_characters([tokens[token] for token in row]) for row in rows]
    assert utf8_kernels.count_split_characters(ids, offsets, arena, places).tolist() == expected
    counted = utf8_kernels.count_classes(ids, offsets, classes, 4).tolist()
    assert counted == [slow_utf8.count_classes([int(classes[token]) for token in row], 4) for row in rows]


@given(TOKENS, TOKEN_ROWS, st.sampled_from(["same", "space", "cut", "other"]))
@EXAMPLES
def test_spell_documents(tokens: list[bytes], rows: list[list[int]], change: str) -> None:
    arena, places = pack(tokens)
    rows = [[token % len(tokens) for token in row] for row in rows]
    spelled = [b"".join(tokens[token] for token in row) for row in rows]
    changes = {"same": 0, "space": 1, "cut": -1, "other": 0}
    documents = [
        each[1:] if changes[change] == 1 else each[: len(each) + min(changes[change], 0)] for each in spelled
    ]
    if change == "other":
        documents = [each[::-1] for each in documents]
    data, offsets = pack(documents)
    ids, row_offsets = pack_rows(rows)
    ends, found = span_kernels.spell_documents(data, offsets, ids, row_offsets, arena, places)
    for document, row in enumerate(rows):
        expected, kind = slow_spans.spell_documents(documents[document], [tokens[token] for token in row])
        assert found[document] == kind
        own = ends[row_offsets[document] : row_offsets[document + 1]] - offsets[document]
        assert own.tolist() == expected or not kind


@given(st.lists(st.integers(0, 20), unique=True), st.sets(st.integers(0, 20)))
@EXAMPLES
def test_cuts_in_spans(edges: list[int], cuts: set[int]) -> None:
    ordered = sorted(edges)
    spans = list(zip(ordered[::2], ordered[1::2], strict=False))
    given_cuts = np.array(sorted(cuts), np.int64)
    firsts, counts = span_kernels.cuts_in_spans(given_cuts, np.array([0, len(cuts)]), *pack_spans(spans))
    expected = slow_spans.cuts_in_spans(sorted(cuts), spans)
    assert [
        given_cuts[first : first + count].tolist() for first, count in zip(firsts, counts, strict=True)
    ] == expected


@given(st.lists(st.lists(st.integers(-9, 9))))
@EXAMPLES
def test_add_by_row(rows: list[list[int]]) -> None:
    flat = np.array([value for row in rows for value in row], np.int64)
    offsets = np.array([0, *accumulate(map(len, rows))], np.int64)
    expected = slow_spans.add_by_row(flat.tolist(), offsets.tolist())
    assert span_kernels.add_by_row(flat, offsets).tolist() == expected


DIGIT_TEXT = st.lists(
    st.sampled_from(["1", "23", "4567", "890", "٣٤", "१", "𝟗", "½", "a", " ", "é", "\udce4", "\udcd9"]),
    max_size=9,
).map(lambda parts: "".join(parts).encode("utf-8", "surrogateescape"))


@given(st.lists(DIGIT_TEXT, max_size=3), st.booleans(), st.data())
@EXAMPLES
def test_digits(documents: list[bytes], ascii_only: bool, data: st.DataObject) -> None:
    flat, offsets = pack(documents)
    zeros = zeros_of("ascii" if ascii_only else "unicode")
    starts, ends, lengths, rows = digit_kernels.find_digits(flat, offsets, zeros)
    expected = [slow_digits.find_digits(document, ascii_only=ascii_only) for document in documents]
    runs = list(zip(starts.tolist(), ends.tolist(), lengths.tolist(), strict=True))
    found = [
        [(start - offsets[d], end - offsets[d], n) for start, end, n in runs[rows[d] : rows[d + 1]]]
        for d in range(len(documents))
    ]
    assert found == expected
    cuts = np.array(data.draw(cut_places(flat.tobytes())), np.int64)
    firsts = np.searchsorted(cuts, starts, "right")
    counts = np.searchsorted(cuts, ends, "left") - firsts
    table = digit_kernels.cut_digits(flat, starts, ends, lengths, cuts, firsts, counts)
    for run in range(len(starts)):
        text = flat[starts[run] : ends[run]].tobytes().decode()
        own = (cuts[firsts[run] : firsts[run] + counts[run]] - starts[run]).tolist()
        hits, label, places = slow_digits.cut_digits(text, own)
        assert (table[run, 0], slow_digits.LABELS[table[run, 1]]) == (hits, label)
        if places is not None:
            assert table[run, 2] == sum(1 << (place - 1) for place in places)
        else:
            assert table[run, 2] & digit_kernels.BROKEN


OPERATORS = [b"**", b">=", b"->", b"+", b"*", b">", b"=", "×".encode()]
CODE = st.lists(
    st.sampled_from(["x", "y1", "+", "*", ">", "=", "-", " ", "  ", "\n", "\t", "×", "é", "\r\n"]),
    max_size=14,
).map(lambda parts: "".join(parts).encode())


@given(CODE, st.data())
@EXAMPLES
def test_code(document: bytes, data: st.DataObject) -> None:
    flat, offsets = pack([document])
    arena, places = pack(OPERATORS)
    starts, ends, which, rows = code_kernels.find_operators(flat, offsets, arena, places)
    assert rows.tolist() == [0, len(starts)]
    spans = slow_code.find_operators(document, OPERATORS)
    assert list(zip(starts.tolist(), ends.tolist(), which.tolist(), strict=True)) == spans
    cuts = data.draw(cut_places(document))
    given_cuts, cut_rows = np.array(cuts, np.int64), np.array([0, len(cuts)])
    edges = code_kernels.meet_edges(flat, offsets, given_cuts, cut_rows, starts, ends, rows)
    pairs = [span[:2] for span in spans]
    assert edges.tolist() == slow_code.meet_edges(document, cuts, pairs)
    crossing = code_kernels.count_crossings(flat, offsets, given_cuts, cut_rows, starts, ends, rows)
    assert crossing.tolist() == [list(slow_code.count_crossings(document, cuts, pairs))]
    table = code_kernels.count_indentation(flat, offsets, given_cuts, cut_rows, 32, 32)
    found = {(int(a), int(b)): int(table[a, b]) for a, b in zip(*np.nonzero(table), strict=True)}
    assert found == dict(slow_code.count_indentation(document, cuts))


@given(st.lists(st.sampled_from(["a", "é", "你", "👍"]), min_size=1, max_size=9), st.data())
@EXAMPLES
def test_characters(letters: list[str], data: st.DataObject) -> None:
    word = "".join(letters)
    flat, _ = pack([word.encode()])
    cuts = data.draw(cut_places(word.encode()))
    given_cuts = np.array(cuts, np.int64)
    starts, ends, rows = pack_spans([(0, len(flat))])
    inside = [cut for cut in cuts if cut < len(flat)]
    firsts, counts = np.array([0]), np.array([len(inside)])
    pieces = character_kernels.measure_pieces(flat, starts, ends, rows, given_cuts, firsts, counts)
    assert pieces.tolist() == [list(slow_characters.measure_pieces(word, inside))]
    gaps = character_kernels.count_gaps(flat, starts, ends, given_cuts, firsts, counts, 9)
    own = gaps[len(word) * 10 : len(word) * 10 + len(word)]
    assert own[1:].tolist() == [[1, int(cut)] for cut in slow_characters.count_gaps(word, inside)]
    assert gaps[:, 0].sum() == len(word) - 1


@given(
    st.lists(
        st.tuples(st.text("ab ", min_size=1, max_size=3).map(str.encode), st.integers(0, 2)),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.text("ab ", max_size=12).map(str.encode), max_size=3),
    st.integers(0, 1),
)
@example([(b"a", 0), (b"aa", 0), (b"a", 2), (b"a", 2)], [b"aaa", b"a" * 900, b""], 0)
@EXAMPLES
def test_segmentations(tokens: list[tuple[bytes, int]], texts: list[bytes], n_spaces: int) -> None:
    arena, places = pack([token for token, _ in tokens])
    lanes = np.array([lane for _, lane in tokens])
    trie = trie_of(arena, places, np.arange(len(tokens)), lanes, 3)
    data, offsets = pack(texts)
    found = trie_kernels.log_segmentations(data, offsets, n_spaces, *trie)
    for lane in range(3):
        mine = [token for token, owner in tokens if owner == lane]
        assert slow_segmentations.build_trie(mine).total() == trie[2][:, lane].sum()
        for value, text in zip(found[:, lane].tolist(), texts, strict=True):
            expected = slow_segmentations.log_segmentations(b" " * n_spaces + text, mine)
            assert math.isclose(value, expected, rel_tol=1e-12, abs_tol=1e-9)


def test_a_trie_grows() -> None:
    tokens = [number.to_bytes(3, "big") for number in range(5000)]
    arena, places = pack(tokens)
    slots, rows = trie_kernels.build_trie(arena, places[:-1], places[1:])
    assert (slots >= 0).sum() == len(rows) - 1 == len({token[:n] for token in tokens for n in (1, 2, 3)})
    trie = trie_of(arena, places, np.arange(5000), np.zeros(5000, np.int64), 1)
    data, offsets = pack([b"".join(tokens[::7]), tokens[3] + b"x"])
    assert trie_kernels.log_segmentations(data, offsets, 0, *trie).tolist() == [[0], [-math.inf]]


@given(st.lists(st.binary(max_size=4), max_size=30))
@example([b"", b"a", b"", b"ab", b"a"])
@EXAMPLES
def test_number_spans(spans: list[bytes]) -> None:
    data, offsets = pack(spans)
    which, firsts = span_kernels.number_spans(data, offsets[:-1], offsets[1:])
    assert (which.tolist(), firsts.tolist()) == slow_spans.number_spans(spans)


def test_the_exact_count_is_the_twins() -> None:
    class Tokens:
        special_tokens: dict[str, int] = {}  # noqa: RUF012 - never written
        unk_id = None

        def token_arrays(self) -> tuple[NDArray[np.uint8], Ints]:
            return pack([b"a", b"aa", b"ab", b"a"])

    tokens: Any = Tokens()
    expected = slow_segmentations.segmentations(b"aaab", [b"a", b"aa", b"ab", b"a"])
    assert segmentations(tokens, "aaab") == expected


def test_every_kernel_has_a_twin() -> None:
    import ast
    import inspect

    pairs: list[tuple[ModuleType, ModuleType]] = [
        (span_kernels, slow_spans),
        (utf8_kernels, slow_utf8),
        (digit_kernels, slow_digits),
        (code_kernels, slow_code),
        (character_kernels, slow_characters),
        (trie_kernels, slow_segmentations),
    ]
    for fast, slow in pairs:
        for node in ast.parse(inspect.getsource(fast)).body:
            if isinstance(node, ast.FunctionDef):
                assert callable(getattr(slow, node.name)), node.name
