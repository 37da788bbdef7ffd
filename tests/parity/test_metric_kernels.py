"""Every metric kernel against its slow twin, on arbitrary bytes and on real text."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokbench import _rust, reference
from tokbench.compiled import kernel
from tokbench.metrics import kernels, kernels_plain
from tokbench.metrics.fairness import gini
from tokbench.metrics.inequality import weighted_gini
from tokbench.metrics.information import renyi_bits
from tokbench.metrics.token_length import quantile_of_histogram
from tokbench.reference import metrics as slow

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANGUAGES = ["eng_Latn", "tha_Thai", "jpn_Jpan", "hin_Deva", "arb_Arab", "bod_Tibt", "kor_Hang", "khm_Khmr"]
SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace()]
BOUNDARY_BYTES = st.sampled_from(
    [
        bytes([byte])
        for byte in (
            0,
            9,
            0x1C,
            0x20,
            0x7F,
            0x80,
            0xA0,
            0xC0,
            0xC2,
            0xE0,
            0xE1,
            0xE2,
            0xE3,
            0xED,
            0xEF,
            0xF0,
            0xF4,
            0xF5,
            0xFF,
        )
    ]
)
PIECES = st.one_of(
    BOUNDARY_BYTES,
    st.sampled_from(SPACES).map(str.encode),
    st.characters(exclude_categories=["Cs"]).map(str.encode),
    st.characters(exclude_categories=["Cs"]).map(lambda character: character.encode()[:-1]),
    st.sampled_from(
        [b"\xe2\x80", b"\xc2", b"\xe3\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\n", b"ab"]
    ),
)
DOCUMENTS = st.lists(st.lists(PIECES, max_size=12).map(b"".join), max_size=5)


def pack(documents: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.frombuffer(b"".join(documents), np.uint8), np.array(
        [0, *accumulate(map(len, documents))], np.int64
    )


def rows_of(
    offsets: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], rows: NDArray[np.int64]
) -> list[list[tuple[int, int]]]:
    return [
        [
            (int(starts[word] - offsets[document]), int(ends[word] - offsets[document]))
            for word in range(rows[document], rows[document + 1])
        ]
        for document in range(len(offsets) - 1)
    ]


def check(documents: list[bytes]) -> None:
    data, offsets = pack(documents)
    assert kernels.count_characters(data, offsets).tolist() == [
        slow.count_characters(each) for each in documents
    ]
    assert kernels.count_lines(data, offsets).tolist() == [slow.count_lines(each) for each in documents]
    marks = kernels.mark_characters(data, offsets).tolist()
    assert marks == [mark for each in documents for mark in slow.mark_characters(each)]
    assert kernels.hash_documents(data, offsets).tolist() == [slow.hash_documents(each) for each in documents]
    found = rows_of(offsets, *kernels.split_words(data, offsets))
    assert found == [slow.split_words(each) for each in documents]


@given(DOCUMENTS)
@example([b"", b"\xe2", b"\x80\x80", b""])
@settings(max_examples=300, deadline=None)
def test_text_kernels(documents: list[bytes]) -> None:
    check(documents)


def test_every_code_point_and_every_pair_of_bytes() -> None:
    check([chr(code).encode() for code in range(0x110000) if not 0xD800 <= code < 0xE000][:0x3100])
    check([bytes([first, second]) for first in range(256) for second in range(0, 256, 3)])


def test_every_code_point_beside_letters() -> None:
    text = "".join(f"a{chr(code)}" for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    data, offsets = pack([text.encode()])
    assert kernels.count_characters(data, offsets).tolist() == [len(text)]
    _, _, rows = kernels.split_words(data, offsets)
    assert rows.tolist() == [0, len(text.split())]


@pytest.mark.shared
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_kernels_on_real_text(shared: Path, language: str) -> None:
    path = shared / "data" / "parallel" / "flores200_dev" / f"{language}.txt"
    check(path.read_bytes().split(b"\n")[:150])


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8), st.sets(st.integers(0, 12)))
@settings(deadline=None)
def test_whole_words(pairs: list[tuple[int, int]], cuts: set[int]) -> None:
    ordered = sorted({value for pair in pairs for value in pair})
    spans = list(zip(ordered[::2], ordered[1::2], strict=False))
    starts, ends = (np.array([span[side] for span in spans], np.int64) for side in (0, 1))
    given_cuts = np.array(sorted(cuts), np.int64)
    found = kernels.count_whole_words(
        given_cuts, np.array([0, len(cuts)]), starts, ends, np.array([0, len(spans)])
    )
    assert found.tolist() == [slow.count_whole_words(sorted(cuts), spans)]


@given(st.lists(st.lists(st.integers(0, 9)), max_size=4))
@settings(deadline=None)
def test_id_kernels(documents: list[list[int]]) -> None:
    ids = np.array([token_id for document in documents for token_id in document], np.uint32)
    offsets = np.array([0, *accumulate(map(len, documents))], np.int64)
    assert kernels.count_types(ids, 7).tolist() == slow.count_types(ids.tolist(), 7)
    assert kernels.count_id(ids, offsets, 3).tolist() == [
        slow.count_id(document, 3) for document in documents
    ]


@given(st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=5), st.data())
@settings(deadline=None)
def test_documents_with_their_own_id(documents: list[list[int]], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.integers(0, 4), min_size=len(documents), max_size=len(documents)))
    ids = np.array([token_id for document in documents for token_id in document], np.uint32)
    offsets = np.array([0, *accumulate(map(len, documents))], np.int64)
    found = kernels.documents_with(ids, offsets, np.array(wanted, np.int64))
    assert found.tolist() == slow.documents_with(documents, wanted)


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12))))
@settings(deadline=None)
def test_scripts_of_spans(scripts: list[int], pairs: list[tuple[int, int]]) -> None:
    spans = [(min(pair), min(max(pair), len(scripts))) for pair in pairs]
    plain = [False, True, False, True]
    starts, ends = (np.array([span[side] for span in spans], np.int64) for side in (0, 1))
    found = kernels.script_of_spans(np.array(scripts, np.uint8), starts, ends, np.array(plain))
    assert found.tolist() == slow.script_of_spans(scripts, spans, plain)


@given(st.lists(st.tuples(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6)), min_size=1, max_size=20))
@settings(deadline=None)
def test_weighted_gini(pairs: list[tuple[float, float]]) -> None:
    costs, weights = ([pair[side] for pair in pairs] for side in (0, 1))
    assert weighted_gini(costs, weights) == pytest.approx(slow.weighted_gini(costs, weights), abs=1e-9)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any), st.floats(0, 1))
@settings(deadline=None)
def test_quantiles_of_histograms(counts: list[int], quantile: float) -> None:
    found = quantile_of_histogram(np.array(counts), quantile)
    assert found == slow.quantile_of_histogram(counts, quantile)


def test_kernels_take_read_only_arrays() -> None:
    data, offsets = pack([b"a b"])
    offsets.flags.writeable = False
    assert not data.flags.writeable
    assert kernels.count_characters(data, offsets).tolist() == [3]


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any),
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5, 3.0, float("inf")]),
)
@settings(deadline=None)
def test_renyi(counts: list[int], alpha: float) -> None:
    assert renyi_bits(np.array(counts), alpha) == pytest.approx(slow.renyi_bits(counts, alpha), abs=1e-9)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=40))
def test_gini(costs: list[float]) -> None:
    assert gini(costs) == pytest.approx(slow.gini(costs), abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("language", LANGUAGES)
def test_hf_whitespace_words_are_those_of_the_library(shared: Path, language: str) -> None:
    whitespace = pytest.importorskip("tokenizers.pre_tokenizers").Whitespace()
    path = shared / "data" / "parallel" / "flores200_dev" / f"{language}.txt"
    documents = path.read_bytes().split(b"\n")[:200]
    data, offsets = pack(documents)
    starts, ends, rows = _rust.word_spans(data, offsets, "hf_whitespace")
    for document, spans in zip(documents, rows_of(offsets, starts, ends, rows), strict=True):
        expected = [piece for piece, _ in whitespace.pre_tokenize_str(document.decode())]
        assert [document[start:end].decode() for start, end in spans] == expected


@given(DOCUMENTS)
@settings(deadline=None)
def test_word_spans_stay_inside_of_their_documents(documents: list[bytes]) -> None:
    data, offsets = pack(documents)
    for definition in ("uax29", "hf_whitespace"):
        starts, ends, rows = _rust.word_spans(data, offsets, definition)
        flat = np.stack([starts, ends], 1).ravel()
        assert (np.diff(flat) >= 0).all()
        assert (ends > starts).all()
        for document in range(len(documents)):
            inside = slice(rows[document], rows[document + 1])
            assert (starts[inside] >= offsets[document]).all()
            assert (ends[inside] <= offsets[document + 1]).all()


def test_every_kernel_has_a_twin_and_a_case_here() -> None:
    tree = ast.parse(inspect.getsource(kernels))
    decorated = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and "kernel" in "".join(map(ast.dump, node.decorator_list))
    }
    assert len(decorated) >= 6
    here = Path(__file__).read_text(encoding="utf-8")
    for name in decorated:
        assert callable(getattr(reference.metrics, name))
        assert f"kernels.{name}(" in here
        assert f"slow.{name}(" in here


def test_without_a_cache_directory_a_kernel_is_compiled_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numba

    compile_now = numba.njit

    def refuse(*arguments: Any, cache: bool = False, **options: Any) -> Any:
        if cache:
            message = "cannot cache function: no locator available"
            raise RuntimeError(message)
        return compile_now(*arguments, **options)

    monkeypatch.setattr(numba, "njit", refuse)

    @kernel("int64(int64)")
    def double(number: int) -> int:
        return number * 2

    with pytest.warns(RuntimeWarning, match=r"double .*NUMBA_CACHE_DIR"):
        assert double(21) == 42
    assert double(4) == 8


@given(DOCUMENTS, st.integers(0, 3), st.data())
@settings(deadline=None, max_examples=150)
def test_plain_forms_equal_their_kernels(documents: list[bytes], size: int, data: st.DataObject) -> None:
    """The kernels are compiled here, since this process has imported numba; the plain forms are called by name."""
    import numba

    assert numba
    text, offsets = pack(documents)
    characters = kernels_plain.count_characters(text, offsets)
    assert characters is None or characters.tolist() == kernels.count_characters(text, offsets).tolist()
    valid = all(document.decode(errors="ignore").encode() == document for document in documents)
    assert (characters is not None) == valid
    assert kernels_plain.count_lines(text, offsets).tolist() == kernels.count_lines(text, offsets).tolist()
    words = kernels.split_words(text, offsets)
    for mine, theirs in zip(kernels_plain.split_words(text, offsets), words, strict=True):
        assert mine.tolist() == theirs.tolist()
    cuts, cut_rows, at = [], [0], 0
    for document in documents:
        ends = data.draw(st.sets(st.integers(0, len(document)), max_size=4))
        cuts += sorted(at + end for end in ends)
        cut_rows.append(len(cuts))
        at += len(document)
    arguments = (np.array(cuts, np.int64), np.array(cut_rows), *words)
    assert (
        kernels_plain.count_whole_words(*arguments).tolist() == kernels.count_whole_words(*arguments).tolist()
    )
    ids = text.astype(np.uint32)
    assert kernels_plain.count_types(ids, size).tolist() == kernels.count_types(ids, size).tolist()
    assert kernels_plain.count_id(ids, offsets, 32).tolist() == kernels.count_id(ids, offsets, 32).tolist()


def test_plain_forms_serve_until_numba_is_worth_its_import() -> None:
    code = """
import sys, numpy as np
from tokbench import compiled
from tokbench.metrics import kernels, kernels_plain
compiled.PLAIN_LIMIT = 10
ids = np.arange(6, dtype=np.uint32)
assert kernels.count_types(ids, 3).tolist() == [1, 1, 1, 3] and "numba" not in sys.modules
assert kernels.count_types(ids, 3).tolist() == [1, 1, 1, 3] and "numba" not in sys.modules
assert kernels.count_types(ids, 3).tolist() == [1, 1, 1, 3] and "numba" in sys.modules
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True, timeout=300)
