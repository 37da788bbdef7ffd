"""Groups by a field of the records: what a row of each value says is what the documents of that value say alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import tokbench as tb
from tokbench.errors import CorpusError, MetricError, ParameterError
from tokbench.uncertainty.resampling import Intervals

ROWS = {
    "eng": [("the sea is calm", "prose"), ("a = b + 12", "code"), ("we walk home", "prose"), ("", "code")],
    "tur": [("deniz sakin", "prose"), ("x = 34", "code"), ("c == 5", "code"), ("eve yürüyoruz", "news")],
}
METRICS = [
    "tokens",
    "bytes_per_token",
    "fertility",
    "fertility_mean",
    "vocabulary_utilisation",
    "bigram_entropy",
    "segmentation_bits",
]


@pytest.fixture(scope="module")
def small() -> dict[str, tb.Tokenizer]:
    texts = [text for rows in ROWS.values() for text, _ in rows]
    counted = tb.count(tb.Corpus.from_texts({"all": texts}), "gpt2")
    return {"small": tb.train(counted, vocab_size=262), "large": tb.train(counted, vocab_size=275)}


def texts_of() -> dict[str, list[str]]:
    return {language: [text for text, _ in rows] for language, rows in ROWS.items()}


def held(*, parallel: bool = False) -> tb.Corpus:
    domains = {language: {"domain": [domain for _, domain in rows]} for language, rows in ROWS.items()}
    return tb.Corpus.from_texts(texts_of(), columns=domains, parallel=parallel)


def by_domain() -> tb.Corpus:
    domains: dict[str, list[str]] = {}
    for rows in ROWS.values():
        for text, domain in rows:
            domains.setdefault(domain, []).append(text)
    return tb.Corpus.from_texts(domains)


def written(kind: str, folder: Path) -> tb.Corpus:
    files = {}
    for language, rows in ROWS.items():
        path = folder / f"{language}.{kind}"
        table = pl.DataFrame({"text": [text for text, _ in rows], "domain": [domain for _, domain in rows]})
        if kind == "jsonl":
            lines = [json.dumps({"domain": domain, "text": text}) for text, domain in rows]
            path.write_text("\n".join(lines) + "\n")
        elif kind == "parquet":
            table.write_parquet(path)
        else:
            table.write_csv(path, separator="\t" if kind == "tsv" else ",")
        files[language] = str(path)
    return tb.Corpus.from_files(files)


@pytest.mark.parametrize("kind", ["memory", "jsonl", "parquet", "csv", "tsv"])
def test_a_group_has_the_values_of_its_documents_alone(
    small: dict[str, tb.Tokenizer], kind: str, tmp_path: Path
) -> None:
    corpus = held() if kind == "memory" else written(kind, tmp_path)
    found = tb.evaluate(small, corpus, metrics=METRICS, by=["domain", "language"])
    alone = tb.evaluate(small, by_domain(), metrics=METRICS)
    assert found.groupings == ["domain", "language"]
    for metric in alone.metrics:
        for name in small:
            for group in ("all", "macro", *alone.groups):
                by = "all" if group == "all" else "domain"
                mine = found.value(metric, tokenizer=name, group=group, by=by)
                theirs = alone.value(metric, tokenizer=name, group=group)
                assert mine == theirs or mine == pytest.approx(theirs, rel=1e-12)
    rows = found.filter(metric="tokens", tokenizer="small", by="domain").frame
    assert dict(zip(rows["group"], rows["n"], strict=True)) == {"prose": 3, "code": 4, "news": 1, "macro": 3}


def test_derived_metrics_compare_the_values(small: dict[str, tb.Tokenizer]) -> None:
    found = tb.evaluate(small, held(parallel=True), metrics="gini(per=byte)", by="domain")
    alone = tb.evaluate(small, by_domain(), metrics="gini(per=byte)")
    assert found.frame["value"].to_list() == alone.frame["value"].to_list()


def test_intervals_draw_the_lines_of_the_language(small: dict[str, tb.Tokenizer]) -> None:
    how = Intervals(replicates=50, blocks=2)
    metrics = ["tokens", "type_token_ratio"]
    found = tb.evaluate(small, held(parallel=True), metrics=metrics, by=["domain", "language"], intervals=how)
    rows = found.filter(metric="tokens", tokenizer="small", by="domain").frame
    of = {row["group"]: row for row in rows.iter_rows(named=True)}
    # A document of the group may be drawn or not: how many there are varies as well.
    assert of["news"]["low"] == 0
    assert of["news"]["high"] > of["news"]["value"]
    assert of["prose"]["low"] < of["prose"]["value"] < of["prose"]["high"]
    without = tb.evaluate(small, held(parallel=True), metrics=metrics, by=["domain", "language"])
    assert without.frame["value"].to_list() == found.frame["value"].to_list()


def test_values_are_signed(small: dict[str, tb.Tokenizer]) -> None:
    frame = tb.evaluate(small, held(), metrics="tokens", by="domain")
    columns = {language: {"domain": ["a", "b", "a", "b"]} for language in ROWS}
    other = tb.Corpus.from_texts(texts_of(), columns=columns)
    changed = tb.evaluate(small, other, metrics="tokens", by="domain")
    assert held().fingerprint == other.fingerprint
    assert "by:domain@" in frame.frame["signature"][0]
    assert not set(frame.frame["signature"]) & set(changed.frame["signature"])


def test_documents_of_groups_are_no_translations(small: dict[str, tb.Tokenizer]) -> None:
    with pytest.raises(MetricError, match="parity"):
        tb.evaluate(small, held(parallel=True), metrics="parity", by="domain")


def test_what_has_no_such_column_says_so(small: dict[str, tb.Tokenizer], tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="has no column genre"):
        tb.evaluate(small, held(), metrics="tokens", by="genre")
    with pytest.raises(CorpusError, match="genre"):
        tb.evaluate(small, written("parquet", tmp_path), metrics="tokens", by="genre")
    (tmp_path / "plain.txt").write_text("a")
    plain = tb.Corpus.from_files({"eng": str(tmp_path / "plain.txt")})
    with pytest.raises(MetricError, match="has no column domain"):
        tb.evaluate(small, plain, metrics="tokens", by="domain")
    with pytest.raises(CorpusError, match="2 documents, but 1 values"):
        tb.Corpus.from_texts({"eng": ["a", "b"]}, columns={"eng": {"domain": ["x"]}})
    path = tmp_path / "one.jsonl"
    path.write_text('{"text": "a", "domain": ""}\n')
    with pytest.raises(CorpusError, match="record 1: 'domain' is empty"):
        tb.evaluate(small, tb.Corpus.from_files({"eng": str(path)}), metrics="tokens", by="domain")
    cut = tb.Corpus.from_files({"eng": str(path)}, document="separator:;")
    with pytest.raises(ParameterError, match="read whole records"):
        tb.evaluate(small, cut, metrics="tokens", by="domain")


def test_the_command_line_groups_by_a_field(small: dict[str, tb.Tokenizer], tmp_path: Path) -> None:
    written("jsonl", tmp_path)
    small["small"].save(tmp_path / "tok")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tokbench", "eval", str(tmp_path / "tok"), "--corpus", f"eng={tmp_path}/eng.jsonl",
         "--by", "domain", "--metrics", "tokens", "--per-group"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "prose" in done.stdout
    assert "code" in done.stdout
