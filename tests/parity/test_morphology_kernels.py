"""The kernels of the morphology metrics against their slow twins, and MorphScore against its published algorithm."""

from __future__ import annotations

import ast
import inspect
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.lexicon import gold_sets
from tokbench.metrics import morphology_kernels as fast
from tokbench.metrics.morphscore import PANDAS_NULL, literal_points
from tokbench.reference import morphology as slow
from tokbench.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

POSITIONS = st.sets(st.integers(1, 12)).map(sorted)


def pack(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    flat = np.array([value for row in rows for value in row], np.int64)
    return flat, np.array([0, *accumulate(map(len, rows))], np.int64)


@given(st.lists(st.tuples(POSITIONS, POSITIONS), max_size=6))
@settings(deadline=None)
def test_compare_boundaries(words: list[tuple[list[int], list[int]]]) -> None:
    right, kept = fast.compare_boundaries(
        *pack([cuts for cuts, _ in words]), *pack([gold for _, gold in words])
    )
    expected = [slow.compare_boundaries(cuts, gold) for cuts, gold in words]
    assert list(zip(right.tolist(), kept.tolist(), strict=True)) == expected


@given(st.lists(st.tuples(POSITIONS, st.sets(st.integers(0, 12)).map(sorted)), max_size=4))
@settings(deadline=None)
def test_count_pieces(documents: list[tuple[list[int], list[int]]]) -> None:
    spans = [list(zip(edges[::2], edges[1::2], strict=False)) for _, edges in documents]
    shift = 20
    cuts, cut_rows = pack([[cut + shift * at for cut in row] for at, (row, _) in enumerate(documents)])
    starts, rows = pack([[start + shift * at for start, _ in row] for at, row in enumerate(spans)])
    ends, _ = pack([[end + shift * at for _, end in row] for at, row in enumerate(spans)])
    expected = [
        n for (row, _), each in zip(documents, spans, strict=True) for n in slow.count_pieces(row, each)
    ]
    assert fast.count_pieces(cuts, cut_rows, starts, ends, rows).tolist() == expected


def test_every_kernel_has_a_twin_and_a_case_here() -> None:
    tree = ast.parse(inspect.getsource(fast))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert len(names) >= 2
    here = Path(__file__).read_text(encoding="utf-8")
    for name in names:
        assert callable(getattr(slow, name))
        assert f"fast.{name}(" in here
        assert f"slow.{name}(" in here


@pytest.mark.shared
@pytest.mark.parametrize("name", ["openai/gpt2.tiktoken", "llama/llama2_tokenizer.model"])
def test_the_literal_morphscore_is_the_published_algorithm(shared: Path, name: str) -> None:
    tokenizer = Tokenizer.load(shared / "data" / "tokenizers" / name)
    for language in ("turkish", "korean", "gujarati", "zulu"):
        path = shared / "data" / "morph" / "morphscore" / f"{language}_morph_data.csv"
        (gold,) = gold_sets(path)
        expected: list[int] = []
        for item in (*gold.items, *gold.unaligned)[:400]:
            decoded = [
                tokenizer.token_bytes(token).decode(errors="replace") for token in tokenizer.encode(item.word)
            ]
            tokens = decoded if tokenizer.lossless else [text.removeprefix(" ") for text in decoded]
            # pandas reads such a morpheme as a missing value, a number, which equals no text.
            first, rest = item.parts
            parts = ("\0", "\0") if PANDAS_NULL & {first, rest} else (first, rest)
            point = slow.morphscore_v1(parts, tokens)
            if point is not None:
                expected.append(point)
        points = literal_points(tokenizer, gold)[: min(400, len(gold.items) + len(gold.unaligned))]
        assert points[points[:, 1] == 1, 0].tolist() == expected
