"""What holds for every count table, whatever was counted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count

if TYPE_CHECKING:
    import os
    import random

    import pytest

documents = st.lists(st.binary(max_size=60) | st.text(max_size=30).map(str.encode), max_size=12)
specs = st.sampled_from(["gpt2", "cl100k", "o200k", "bert", "script", "none"])


@given(eng=documents, tur=documents, spec=specs, threads=st.integers(1, 7), block_size=st.integers(1, 99))
@settings(deadline=None, max_examples=60)
def test_bytes_are_conserved(
    eng: list[bytes], tur: list[bytes], spec: str, threads: int, block_size: int
) -> None:
    corpus = Corpus.from_texts({"eng": eng, "tur": tur})
    table = count(corpus, spec, threads=threads, block_size=block_size)
    frame = table.to_frame()
    pretokens = frame["pretoken"].to_list()
    assert table.total_bytes == sum(map(len, eng)) + sum(map(len, tur))
    assert pretokens == sorted(pretokens)
    assert len(set(zip(pretokens, frame["group"], strict=True))) == len(frame)
    assert table.totals()["bytes"].to_list() == [sum(map(len, eng)), sum(map(len, tur))]


@given(
    eng=documents,
    tur=documents,
    spec=specs,
    threads=st.sampled_from([1, 2, 16]),
    block_size=st.integers(1, 99),
    n_bytes=st.integers(1, 4000),
    order=st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_threads_blocks_budget_and_order_do_not_matter(
    eng: list[bytes],
    tur: list[bytes],
    spec: str,
    threads: int,
    block_size: int,
    n_bytes: int,
    order: random.Random,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tokbench.memory.LEAST", 1)
    expected = count(Corpus.from_texts({"eng": eng, "tur": tur}), spec, threads=1).to_frame()
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, list[str | os.PathLike[str]]] = {"eng": [], "tur": []}
        for language, texts in (("eng", eng), ("tur", tur)):
            for number, text in enumerate(texts):
                path = Path(folder) / f"{language}{number}.txt"
                path.write_bytes(text)
                files[language].append(path)
            order.shuffle(files[language])
        made = count(files, spec, threads=threads, block_size=block_size, memory=n_bytes)
        assert made.to_frame().equals(expected)


@given(eng=documents, tur=documents, spec=specs)
@settings(deadline=None, max_examples=40)
def test_parquet_gives_the_same_table_back(eng: list[bytes], tur: list[bytes], spec: str) -> None:
    table = count(Corpus.from_texts({"eng": eng, "tur": tur}), spec, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.parquet"
        table.save(path)
        back = PretokenCounts.load(path)
        assert [file.name for file in Path(folder).iterdir()] == ["counts.parquet"]
    assert back.groups == table.groups
    assert back.pretokenizer == table.pretokenizer == spec
    assert back.to_frame().equals(table.to_frame())


@given(first=documents, second=documents, spec=specs)
@settings(deadline=None, max_examples=40)
def test_merging_tables_is_counting_together(first: list[bytes], second: list[bytes], spec: str) -> None:
    together = count(Corpus.from_texts({"x": first + second, "y": second}), spec, threads=1)
    one = count(Corpus.from_texts({"x": first}), spec, threads=1)
    other = count(Corpus.from_texts({"y": second, "x": second}), spec, threads=1)
    merged = PretokenCounts.merge(one, other)
    assert merged.groups == ("x", "y")
    assert merged.to_frame().equals(together.to_frame())


@given(texts=documents, min_count=st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_filter_reports_what_it_drops(texts: list[bytes], min_count: int) -> None:
    table = count(Corpus.from_texts({"x": texts}), "cl100k", threads=1)
    kept, dropped = table.filter(min_count=min_count)
    assert (kept.to_frame()["count"] >= min_count).all()
    assert kept.total_bytes + dropped.bytes == table.total_bytes
    assert kept.total_count + dropped.count == table.total_count
    assert len(kept) + dropped.pretokens == len(table)


@given(st.lists(documents, min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_the_fingerprint_follows_the_documents(parts: list[list[bytes]]) -> None:
    corpus = Corpus.from_texts({str(number): texts for number, texts in enumerate(parts)})
    again = Corpus.from_texts({str(number): iter(texts) for number, texts in enumerate(parts)})
    assert corpus.fingerprint == again.fingerprint
    longer = Corpus.from_texts({**dict(enumerate_texts(parts)), "0": [*parts[0], b""]})
    assert longer.fingerprint != corpus.fingerprint


def enumerate_texts(parts: list[list[bytes]]) -> list[tuple[str, list[bytes]]]:
    return [(str(number), texts) for number, texts in enumerate(parts)]
