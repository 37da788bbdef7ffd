"""Weights of documents: what is refused, with file and record, and what they change elsewhere."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from tokbench.checkpoint import Checkpoint
from tokbench.corpora import from_toml
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count, count_texts
from tokbench.errors import CorpusError, ParameterError
from tokbench.reading import Batch
from tokbench.weights import document_parts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("weight", "parts"),
    [
        (1, 10_000),
        (0, 0),
        (0.1, 1_000),
        (1e-4, 1),
        (Fraction(5, 2), 25_000),
        (Decimal("0.125"), 1_250),
        (np.float32(0.1), 1_000),
        (np.int64(3), 30_000),
        (1 << 50, (1 << 50) * 10_000),
    ],
)
def test_weights_are_exact(weight: object, parts: int) -> None:
    assert document_parts(weight) == parts


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (-1, "negative"),
        (-0.0001, "negative"),
        (float("nan"), "no finite number"),
        (float("inf"), "no finite number"),
        (True, "no finite number"),
        (None, "no finite number"),
        (0.00001, "four decimals"),
        (Fraction(1, 3), "four decimals"),
        (1 << 60, "too large"),
    ],
)
def test_what_is_no_weight(weight: Any, match: str) -> None:
    with pytest.raises(CorpusError, match=rf"x:2: the weight .*{match}"):
        Corpus.from_texts({"x": ["one", ("two", weight)]})


@pytest.mark.parametrize("item", [("one", "two"), ("one",), ("one", 1, 2), (1, "one")])
def test_a_pair_is_a_document_and_a_number(item: Any) -> None:
    with pytest.raises(CorpusError, match="x:1: expected a document, or a pair"):
        count_texts({"x": [item]})


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("-1", 'the weight -1 in the field "w" is negative'),
        ("-0.5", "is negative"),
        ("0.12345", "has more than four decimals"),
        ("1e30", "is too large"),
        ("NaN", "expected value"),
        ('"2"', 'invalid type: string "2", expected a weight in the field "w"'),
        ("null", "invalid type: null"),
        ("true", "invalid type: boolean"),
        ("[1]", "invalid type: sequence"),
    ],
)
def test_a_wrong_weight_names_file_and_line(value: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "one", "w": 1}}\n\n{{"text": "two", "w": {value}}}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"a\.jsonl: line 3: .*{match}"):
        count(path, document_weight="w")


def test_a_missing_weight_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one", "w": 1}\n{"text": "two", "v": 2}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r'a\.jsonl: line 2: no field "w"; this record has text, v'):
        count(path, document_weight="w")


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ([1.0, None], "row 2: column 'w' is null"),
        ([1.0, float("nan")], "row 2: column 'w': the weight 'NaN' is no finite number"),
        ([1.0, -2.5], "row 2: column 'w': the weight -2.5 is negative"),
        ([1.0, 0.00001], "row 2: column 'w': the weight .* four decimals"),
        (["1", "2"], "column 'w' holds String, expected weights"),
        ([True, False], "column 'w' holds Boolean, expected weights"),
    ],
)
def test_a_wrong_column_names_file_and_row(weights: list[Any], match: str, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": ["one", "two"], "w": weights}).write_parquet(path)
    with pytest.raises(CorpusError, match=rf"a\.parquet: {match}"):
        count(path, document_weight="w")
    with pytest.raises(CorpusError, match=r"a\.parquet: no column 'v'; this file has text, w"):
        count(path, document_weight="v")


@pytest.mark.parametrize("kind", [pl.Int32, pl.UInt8, pl.Float32, pl.Float64, pl.Decimal(10, 3)])
def test_every_kind_of_number(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    is_whole = kind in (pl.Int32, pl.UInt8)
    values = [2, 3, 2] if is_whole else [0.1, 2.5, 0.1]
    frame = pl.DataFrame({"text": ["a", "b", "c"], "w": values}).with_columns(pl.col("w").cast(kind))
    frame.write_parquet(path)
    table = count(path, "none", document_weight="w")
    assert table.document_scale == (1 if is_whole else 10)
    assert table.to_frame()["count"].to_list() == ([2, 3, 2] if is_whole else [1, 25, 1])


def test_only_records_have_fields(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"a\.txt is plain text and has no field 'w'"):
        count(tmp_path / "a.txt", document_weight="w")
    with pytest.raises(ParameterError, match="texts in memory have no field 'w'"):
        count(Corpus.from_texts({"x": ["one"]}), document_weight="w")
    with pytest.raises(CorpusError, match="2 documents has 1 weights"):
        Batch(np.zeros(2, np.uint8), np.array([0, 1, 2]), np.array([1], dtype=np.uint64))


def test_strict_utf8_names_the_document(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "one", "w": 1}\n{"text": "t\xffo", "w": 0}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl: document 2: byte 1 is not valid UTF-8"):
        count(path, document_weight="w", strict_utf8=True)
    assert count(path, document_weight="w").total_bytes == 3


def test_counts_that_could_leave_64_bits_are_refused() -> None:
    with pytest.raises(CorpusError, match="weights are too large"):
        count_texts({"x": [("aa", 10**15), ("b" * 10_000, 10**15), ("c", 0.5)]})
    table = count_texts({"x": [("ab", (1 << 50) + 1), ("ab", 1 << 50)]}, "none")
    assert table.to_frame()["count"].to_list() == [(1 << 51) + 1]


def test_a_separator_keeps_the_weight_of_its_record(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a|b|", "w": 3}\n{"text": "b", "w": 2}\n', encoding="utf-8")
    pl.DataFrame({"text": ["a|b|", "b"], "w": [3, 2]}).write_parquet(tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        table = count(tmp_path / name, "none", document="separator:|", document_weight="w")
        assert dict(table.to_frame().select("pretoken", "count").iter_rows()) == {b"a": 3, b"b": 5}


def test_toml_and_checkpoints_know_the_field(tmp_path: Path) -> None:
    for number, weight in enumerate((0.5, 3, 0.25)):
        line = f'{{"text": "one two {number}", "w": {weight}}}\n'
        (tmp_path / f"{number}.jsonl").write_text(line, encoding="utf-8")
    described = tmp_path / "mine.toml"
    described.write_text('document_weight = "w"\n[languages.eng]\nfiles = ["*.jsonl"]\n', encoding="utf-8")
    corpus = from_toml(described)
    table = count(corpus, "gpt2")
    assert table.document_scale == 4
    work = Checkpoint.begin(tmp_path / "work", every=1)
    kept = count(corpus, "gpt2", checkpoint=work)
    assert kept.to_frame().equals(table.to_frame())
    assert kept.document_scale == 4
    plain = Corpus.from_files({"eng": tmp_path / "*.jsonl"})
    with pytest.raises(ParameterError, match='document_weight of counting was "w"'):
        count(plain, "gpt2", checkpoint=work)
    assert corpus.fingerprint != plain.fingerprint


def test_extension_behind_a_normalizer_weighs_as_well() -> None:
    from dataclasses import replace

    from tokbench.extend import extend
    from tokbench.tokenizer import BpeTokenizer
    from tokbench.train import train

    base = train(PretokenCounts.from_mapping({"x": {b"low": 5}}, pretokenizer="gpt2"), vocab_size=257)
    base = BpeTokenizer(replace(base.model, normalizer="nfc"), name="nfc")
    corpus = Corpus.from_texts({"x": [("NEW", 0.5), ("ol", 4)]})
    made = extend(base, corpus, add=1)
    assert made.token_bytes(257) == b"ol"
    assert made.training is not None
    assert made.training.settings["tokens_before"] == {"x": 9.5}
