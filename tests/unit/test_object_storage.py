"""Corpora and counts behind ``s3://``, against a stand-in on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.conftest import BUCKET
from tokbench import distributed, run
from tokbench.cli.application import app
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count, count_to_file
from tokbench.distributed import Job, Part, PartWriter, count_parts, count_task
from tokbench.errors import CorpusError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

URI = f"s3://{BUCKET}"
TEXTS = {f"p{n}": [f"one two {n} three " * 30, "", "ağaç 家 naïve\n" * (n + 9)] for n in range(3)}


class OnePart:
    """An engine that counts here and writes one part."""

    def collect(self, job: Job, options: Mapping[str, str]) -> pl.DataFrame:
        raise NotImplementedError

    def write(self, job: Job, writer: PartWriter, options: Mapping[str, str]) -> list[Part]:
        assert not options
        tables = [
            PretokenCounts(table, "gpt2") for n in range(len(job.tasks)) for table in count_task(job, n)
        ]
        rows = PretokenCounts.merge(*tables).to_frame()
        groups = [job.groups.index(group) for group in rows["group"]]
        return [writer.write(0, rows.select("pretoken", pl.Series("group_id", groups), "count"))]


@pytest.fixture
def local(storage: Any, tmp_path: Path) -> list[str]:
    """The same documents here and there, as Parquet and JSONL."""
    for name, documents in TEXTS.items():
        pl.DataFrame({"body": documents}).write_parquet(tmp_path / f"{name}.parquet")
        lines = "".join(json.dumps({"body": one}, ensure_ascii=False) + "\n" for one in documents)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        for kind in ("parquet", "jsonl"):
            storage.upload_file(str(tmp_path / f"{name}.{kind}"), BUCKET, f"raw/{name}.{kind}")
    return [f"{tmp_path}/{name}.jsonl:body" for name in TEXTS]


def test_a_corpus_in_object_storage(local: list[str]) -> None:
    expected = count({"x": local}, "gpt2").to_frame()
    for spec in (f"{URI}/raw/p*.parquet:body", f"{URI}/raw/p*.jsonl:body"):
        corpus = Corpus.from_files({"x": spec})
        assert count(corpus, "gpt2").to_frame().equals(expected), spec
        assert [one.text for one in corpus] == [one for part in TEXTS.values() for one in part]
    for kind in ("parquet", "jsonl"):
        with pytest.raises(CorpusError, match=f"{URI}/raw/none.{kind}"):
            count(f"{URI}/raw/none.{kind}:body", "gpt2")


def test_a_record_is_refused_by_file_and_line(storage: Any) -> None:
    good, bad = b'{"text": "a"}\n\n' * 200, b'{"text": "a"}\n{"text": 5}\n'
    storage.put_object(Bucket=BUCKET, Key="bad/1.jsonl", Body=good)
    storage.put_object(Bucket=BUCKET, Key="bad/2.jsonl", Body=good + bad)
    with pytest.raises(
        CorpusError, match=r"bad/2\.jsonl: line 402: .*integer `5`, expected a string in the field"
    ):
        count(f"{URI}/bad/*.jsonl", "gpt2")


def test_counts_in_object_storage(local: list[str], storage: Any) -> None:
    expected = count({"x": local}, "gpt2")
    expected.save(f"{URI}/saved/counts.parquet")
    written = count_to_file({"x": local}, f"{URI}/written/counts.parquet", "gpt2")
    assert (written.path, written.n_pretokens) == (f"{URI}/written/counts.parquet", len(expected))
    for name in ("saved", "written"):
        made = PretokenCounts.load(f"{URI}/{name}/counts.parquet")
        assert made.to_frame().equals(expected.to_frame())
        assert made.groups == expected.groups
    with pytest.raises(ParameterError, match="to a local file; copy that one"):
        count_to_file({"x": local}, f"{URI}/no.parquet", "gpt2", memory="1GB")
    with pytest.raises(CorpusError, match=r"s3://absent/counts\.parquet: cannot write the counts"):
        expected.save("s3://absent/counts.parquet")
    assert "Contents" not in storage.list_objects(Bucket=BUCKET, Prefix="no.parquet")


def test_training_from_counts_in_object_storage(
    local: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "_engine", lambda _: OnePart())
    monkeypatch.chdir(tmp_path)
    where = f"{URI}/counts"
    here = [piece for spec in local for piece in ("-c", f"x={spec}")]
    for options in (["counts.parquet"], [f"{where}.parquet"], [where, "--engine", "y"]):
        done = CliRunner().invoke(app, ["count", *here, "-p", "gpt2", "--out", *options])
        assert done.exit_code == 0, done.output
    made = set()
    for number, counts in enumerate(("counts.parquet", f"{where}.parquet", where, f"{where}/")):
        done = CliRunner().invoke(app, ["train", "--counts", counts, "-V", "280", "-o", f"made{number}"])
        assert done.exit_code == 0, done.output
        facts = json.loads((tmp_path / f"made{number}" / "run.json").read_text())
        assert facts["arguments"]["counts"] == counts
        made.add((tmp_path / f"made{number}" / "tokenizer.json").read_bytes())
    begun = ["train", "--counts", f"{where}.parquet", "-V", "280", "-o", "resumed", "--checkpoint-every", "5"]
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_run", lambda *_, **__: 1 / 0)
        assert CliRunner().invoke(app, begun).exit_code == 1
    done = CliRunner().invoke(app, ["train", "--resume", "resumed"])
    assert done.exit_code == 0, done.output
    made.add((tmp_path / "resumed" / "tokenizer.json").read_bytes())
    assert len(made) == 1
    with pytest.raises(CorpusError, match="holds counts already"):
        count_parts("y", Corpus.from_files({"x": local}), where, "gpt2")
