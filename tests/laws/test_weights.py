"""Weighting a document is repeating it: the same table, whatever the weights, threads, budget or order."""

from __future__ import annotations

import json
import math
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count, count_texts, count_to_file
from tokbench.train import train

texts = st.text(st.sampled_from("ab c,dé日\n"), max_size=40)
weights = st.one_of(
    st.integers(0, 7),
    st.sampled_from([0.5, 0.25, 1.5, 2.0, 0.1]),
    st.integers(0, 300).map(lambda parts: Fraction(parts, 100)),
)
weighted = st.lists(st.tuples(texts, weights), max_size=14)


def repeated(items: list[tuple[str, int | float | Fraction]], scale: int) -> list[str]:
    """Write every document as often as its weight says, in units of 1/scale."""
    return [text for text, weight in items for _ in range(int(Fraction(str(weight)) * scale))]


def scale_of(*columns: list[tuple[str, int | float | Fraction]]) -> int:
    return math.lcm(*(Fraction(str(weight)).denominator for items in columns for _, weight in items))


@given(
    eng=weighted,
    tur=weighted,
    threads=st.integers(1, 3),
    n_direct=st.integers(0, 3),
    held=st.integers(1, 200),
    n_bytes=st.none() | st.integers(1, 4000),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_weight_is_a_number_of_repetitions(
    eng: list[tuple[str, int | float | Fraction]],
    tur: list[tuple[str, int | float | Fraction]],
    threads: int,
    n_direct: int,
    held: int,
    n_bytes: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tokbench.memory.LEAST", 1)
    monkeypatch.setattr("tokbench.weighing.DIRECT", n_direct)
    monkeypatch.setattr("tokbench.weighing.WIDTH", n_direct + 64)
    monkeypatch.setattr("tokbench.counting.HELD_BYTES", held)
    scale = scale_of(eng, tur)
    expected = count(Corpus.from_texts({"eng": repeated(eng, scale), "tur": repeated(tur, scale)}), "gpt2")
    corpus = Corpus.from_texts({"eng": eng, "tur": tur})
    table = count(corpus, "gpt2", threads=threads, memory=n_bytes)
    assert table.groups == ("eng", "tur")
    assert table.to_frame().equals(expected.to_frame())
    streamed = count_texts({"eng": iter(eng), "tur": iter(tur)}, "gpt2", threads=threads, memory=n_bytes)
    assert streamed.to_frame().equals(expected.to_frame())
    assert {table.document_scale, streamed.document_scale} <= {scale}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.parquet"
        written = count_to_file(corpus, path, "gpt2", threads=threads, memory=n_bytes)
        back = PretokenCounts.load(path)
        table.save(Path(folder) / "saved.parquet")
        assert path.read_bytes() == (Path(folder) / "saved.parquet").read_bytes()
    assert back.to_frame().equals(expected.to_frame())
    assert back.document_scale == written.document_scale == table.document_scale
    assert written.total_bytes == expected.total_bytes


@given(first=weighted, second=weighted)
@settings(deadline=None, max_examples=30)
def test_tables_of_different_units_add_up(
    first: list[tuple[str, int | float | Fraction]], second: list[tuple[str, int | float | Fraction]]
) -> None:
    together = count(Corpus.from_texts({"x": first + second}), "gpt2")
    merged = PretokenCounts.merge(
        *(count(Corpus.from_texts({"x": items}), "gpt2") for items in (first, second))
    )
    assert merged.to_frame().equals(together.to_frame())
    assert merged.document_scale == together.document_scale


@given(items=st.lists(st.tuples(texts, weights), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_files_and_texts_agree(items: list[tuple[str, int | float | Fraction]]) -> None:
    import polars as pl

    held = count(Corpus.from_texts({"x": items}), "gpt2").to_frame()
    rows = [{"text": text, "meta": {"w": float(weight)}} for text, weight in items]
    with tempfile.TemporaryDirectory() as folder:
        lines, table = Path(folder) / "x.jsonl", Path(folder) / "x.parquet"
        lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        pl.DataFrame(rows, schema={"text": pl.String, "meta": pl.Struct({"w": pl.Float64})}).write_parquet(
            table
        )
        for path in (lines, table):
            corpus = Corpus.from_files({"x": path}, document_weight="meta.w")
            assert [(one.text, one.weight) for one in corpus.documents("x")] == [
                (text, Fraction(str(weight))) for text, weight in items
            ]
            assert count(corpus, "gpt2").to_frame().equals(held)
            assert count({"x": path}, "gpt2", document_weight="meta.w").to_frame().equals(held)
            assert corpus.fingerprint == Corpus.from_texts({"x": items}).fingerprint


def test_training_on_weighted_documents_is_training_on_copies() -> None:
    items: list[tuple[str, int | float | Fraction]] = [
        ("low lower lowest", 2.5),
        ("newest widest", 1),
        ("old older new", 0.5),
        ("never", 0),
    ]
    copies = count(Corpus.from_texts({"x": repeated(items, 2)}), "gpt2")
    table = count(Corpus.from_texts({"x": items}), "gpt2")
    options = {"vocab_size": 262, "min_frequency": 2, "allow_smaller": True}
    ours = train(table, **options)  # type: ignore[arg-type] # one dictionary of several types
    theirs = train(copies, **{**options, "min_frequency": 4})  # type: ignore[arg-type] # as above
    assert ours.fingerprint == theirs.fingerprint
    assert ours.training is not None
    assert ours.training.settings["weight_scale"] == 2
    kept, dropped = table.filter(min_count=2)
    expected, lost = copies.filter(min_count=4)
    assert kept.to_frame().equals(expected.to_frame())
    assert dropped == lost
    by_group = table.weighted({"x": 1.5})
    assert (by_group.scale, by_group.document_scale) == (4, 2)
    assert by_group.to_frame()["count"].to_list() == [3 * number for number in table.to_frame()["count"]]
