"""Corpora: what is a document, what is found, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tokbench.corpus import Batch, Corpus
from tokbench.errors import CorpusError, ParameterError
from tokbench.reading import parse_sources

if TYPE_CHECKING:
    from pathlib import Path


def test_reiterable_and_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"one\r\n\r\n two \r\nthree")
    corpus = Corpus.parse(
        [f"zul={tmp_path}/b.txt", f"eng={tmp_path}/b.txt", f"zul={tmp_path}/b.txt"], document="line"
    )
    assert corpus.languages == ("zul", "eng")
    first = list(corpus)
    assert first == list(corpus)
    assert [one.data for one in corpus.documents("eng")] == [b"one", b"", b" two ", b"three"]
    assert first[3].id == f"{tmp_path}/b.txt:4"
    assert dict(corpus.sizes) == {"zul": 8, "eng": 4}
    with pytest.raises(CorpusError, match="no language 'deu' in this corpus; it has zul, eng"):
        list(corpus.documents("deu"))


def test_batches_hold_the_documents(tmp_path: Path) -> None:
    lines = [b"%d" % n * (n % 50) for n in range(60_000)]
    (tmp_path / "a.txt").write_bytes(b"\n".join(lines) + b"\n")
    corpus = Corpus.from_files({"x": tmp_path / "a.txt"}, document="line")
    batches = list(corpus.batches("x"))
    assert [one for batch in batches for one in batch] == lines
    assert sum(len(batch) for batch in batches) == len(lines)
    assert batches[0].data.dtype == np.uint8
    assert batches[0].offsets.dtype == np.int64
    assert corpus.fingerprint == Corpus.from_texts({"x": lines}).fingerprint


def test_parallel_corpora_must_be_parallel(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n\nthree\n")
    (tmp_path / "b.txt").write_bytes(b"bir\niki\n")
    with pytest.raises(CorpusError, match=r"equally many documents per language, but there are eng 3, tur 2"):
        Corpus.from_files({"eng": tmp_path / "a.txt", "tur": tmp_path / "b.txt"}, parallel=True)
    good = Corpus.from_texts({"eng": ["one", ""], "tur": ["bir", "iki"]}, parallel=True)
    assert good.parallel
    assert [len(list(good.documents(language))) for language in good.languages] == [2, 2]


def test_text_is_strict() -> None:
    corpus = Corpus.from_texts({"eng": ["fine", b"bad \xff"]})
    documents = list(corpus)
    assert documents[0].text == "fine"
    with pytest.raises(CorpusError, match=r"eng:2: byte 4 is not valid UTF-8"):
        _ = documents[1].text


def test_items_must_be_text() -> None:
    with pytest.raises(CorpusError, match="eng:2: expected str or bytes, got int"):
        Corpus.from_texts({"eng": ["a", 5]})  # type: ignore[list-item]  # the mistake under test
    with pytest.raises(CorpusError, match="expected an iterable of documents, got one str"):
        Corpus.from_texts({"eng": "abc"})
    with pytest.raises(CorpusError, match="eng:1: character 1 is a lone surrogate"):
        Corpus.from_texts({"eng": ["a\ud800"]})


def test_specifications(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b:c.jsonl", "x=1.txt", "[odd].txt"):
        (tmp_path / name).touch()
    assert parse_sources(f"{tmp_path}/a.jsonl:deep.field")[0].field == "deep.field"
    assert parse_sources(f"{tmp_path}/a.jsonl")[0].field == "text"
    assert parse_sources(f"{tmp_path}/b:c.jsonl")[0].field == "text"
    assert parse_sources(f"{tmp_path}/b:c.jsonl:body")[0].field == "body"
    assert parse_sources(f"{tmp_path}/[odd].txt")[0].path.endswith("[odd].txt")
    assert parse_sources("hf://datasets/a/b@main/x.parquet:t")[0].path == "hf://datasets/a/b@main/x.parquet"
    assert Corpus.parse([f"{tmp_path}/x=1.txt"]).languages == ("all",)
    assert [source.format for source in parse_sources(str(tmp_path))] == ["text", "jsonl", "jsonl", "text"]
    with pytest.raises(ParameterError, match="'lines' is not a boundary"):
        Corpus.from_files({"x": tmp_path / "a.jsonl"}, document="lines")
    with pytest.raises(ParameterError, match="'separator:' is not a boundary"):
        Corpus.from_files({"x": tmp_path / "a.jsonl"}, document="separator:")
    with pytest.raises(CorpusError, match="metadata for languages that the corpus does not have: deu"):
        Corpus.from_texts({"eng": []}, metadata={"deu": {"script": "Latin"}})


def test_a_batch_checks_its_offsets() -> None:
    with pytest.raises(CorpusError, match="must ascend from 0"):
        Batch(np.zeros(3, dtype=np.uint8), np.array([0, 2], dtype=np.int64))
