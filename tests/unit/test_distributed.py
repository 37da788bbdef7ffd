"""The plan, the directory of parts and the engine's seam, with an engine that runs in this process."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import polars as pl
import pytest
from typer.testing import CliRunner

from tokbench import distributed
from tokbench.cli.application import app
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.distributed import (
    Job,
    Part,
    PartWriter,
    count_on,
    count_parts,
    count_task,
    engines,
    load_parts,
    plan,
)
from tokbench.errors import CorpusError, ParameterError, PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class InProcess:
    """Runs all tasks here, one after another, and divides the sum into parts by the first byte."""

    def collect(self, job: Job, options: Mapping[str, str]) -> pl.DataFrame:
        assert not options
        rows = [
            pl.DataFrame({"pretoken": data, "group_id": groups, "count": counts})
            for index in range(len(job.tasks))
            for table in count_task(job, index)
            for data, groups, counts in [self._columns(table)]
        ]
        return pl.concat(rows).group_by("pretoken", "group_id").agg(pl.col("count").sum())

    def write(self, job: Job, writer: PartWriter, options: Mapping[str, str]) -> list[Part]:
        rows = self.collect(job, options).sort("pretoken", "group_id")
        odd = pl.Series([data[0] % 2 for data in rows["pretoken"]])
        return [writer.write(number, rows.filter(odd == number)) for number in (0, 1)]

    @staticmethod
    def _columns(table: object) -> tuple[pl.Series, list[int], list[int]]:
        frame = PretokenCounts(table, "none").to_frame()  # type: ignore[arg-type]  # the extension's class
        names = list(table.groups)  # type: ignore[attr-defined]  # as above
        return frame["pretoken"], [names.index(one) for one in frame["group"]], frame["count"].to_list()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def engine(name: str) -> InProcess:
        assert name == "here"
        return InProcess()

    monkeypatch.setattr(distributed, "_engine", engine)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for number in range(5):
        text = f"one two {number} \u00fc three\n\nfour" * (number + 1)
        (tmp_path / f"a{number}.txt").write_bytes(text.encode() + b"\xff\x00")
        (tmp_path / f"b{number}.jsonl").write_text('{"text": "two threes"}\n{"text": ""}\n' * number)
    pl.DataFrame({"body": ["two", "drei vier"] * 9}).write_parquet(tmp_path / "c.parquet")
    return Corpus.from_files(
        {
            "eng": str(tmp_path / "a*.txt"),
            "tur": str(tmp_path / "b*.jsonl"),
            "deu": f"{tmp_path}/c.parquet:body",
        }
    )


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("document", [None, "line", "separator:three"])
@pytest.mark.parametrize("task_bytes", [1, 100, 1 << 30])
def test_any_plan_gives_the_local_table(
    corpus: Corpus, document: str | None, task_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "LEAST_TASKS", 1)
    monkeypatch.setattr(distributed, "FLUSH_BYTES", 40)
    expected = count(corpus, "gpt2", document=document)
    made = count_on("here", corpus, "gpt2", document=document, task_bytes=task_bytes)
    assert made.to_frame().equals(expected.to_frame())
    assert (made.groups, made.pretokenizer) == (expected.groups, expected.pretokenizer)
    n_tasks = len(plan(corpus, "gpt2", task_bytes=task_bytes).tasks)
    assert n_tasks == {1: 11, 1 << 30: 3}.get(task_bytes, n_tasks)


def test_a_task_hands_on_its_table_when_it_has_read_enough(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = plan(corpus, "gpt2")
    whole = [len(list(count_task(job, index))) for index in range(len(job.tasks))]
    monkeypatch.setattr(distributed, "FLUSH_BYTES", 1)
    cut = [
        len(list(count_task(plan(corpus, "gpt2", document="line"), index))) for index in range(len(job.tasks))
    ]
    assert max(whole) == 1
    assert sum(cut) >= sum(whole)


@pytest.mark.usefixtures("in_process")
def test_a_directory_of_parts(corpus: Corpus, tmp_path: Path) -> None:
    expected = count(corpus, "gpt2")
    made = count_parts("here", corpus, tmp_path / "deep" / "counts", "gpt2")
    assert PretokenCounts.load(tmp_path / "deep" / "counts").to_frame().equals(expected.to_frame())
    assert (made.total("pretokens"), made.total("bytes")) == (len(expected), expected.total_bytes)
    assert sorted(file.name for file in (tmp_path / "deep" / "counts").iterdir()) == [
        "_manifest.parquet",
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["counts"]
    with pytest.raises(CorpusError, match="counts: exists"):
        count_parts("here", corpus, tmp_path / "deep" / "counts", "gpt2")


@pytest.mark.usefixtures("in_process")
def test_rare_pretokens_are_left_out_and_reported(corpus: Corpus, tmp_path: Path) -> None:
    kept, dropped = count(corpus, "gpt2").filter(min_count=3)
    made = count_parts("here", corpus, tmp_path / "counts", "gpt2", min_pretoken_count=3)
    assert load_parts(tmp_path / "counts").to_frame().equals(kept.to_frame())
    told = tuple(made.total(f"dropped_{name}") for name in ("pretokens", "count", "bytes"))
    assert told == (dropped.pretokens, dropped.count, dropped.bytes)
    assert dropped.pretokens > 0
    with pytest.raises(ParameterError, match="min_pretoken_count is 0"):
        count_parts("here", corpus, tmp_path / "other", "gpt2", min_pretoken_count=0)


@pytest.mark.usefixtures("in_process")
def test_damaged_directories_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    count_parts("here", corpus, tmp_path / "counts", "gpt2")
    part = tmp_path / "counts" / "part-00001.parquet"
    held = part.read_bytes()
    PretokenCounts.from_mapping({"eng": {b"x": 1}}, pretokenizer="gpt2").save(part)
    with pytest.raises(CorpusError, match=r"part-00001\.parquet: holds \(1, 1, 1\) .* the manifest says"):
        load_parts(tmp_path / "counts")
    part.unlink()
    with pytest.raises(CorpusError, match=r"part-00001\.parquet: cannot read"):
        load_parts(tmp_path / "counts")
    part.write_bytes(held)
    (tmp_path / "counts" / "_manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorpusError, match=r"_manifest\.parquet: cannot read the manifest"):
        load_parts(tmp_path / "counts")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"empty: no \*\.parquet in this directory"):
        PretokenCounts.load(tmp_path / "empty")


@pytest.mark.usefixtures("in_process")
def test_a_failed_run_leaves_nothing(corpus: Corpus, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CorpusError, match="not valid UTF-8"):
        count_parts("here", corpus, tmp_path / "counts", "gpt2", strict_utf8=True)
    assert sorted(tmp_path.iterdir()) == before


def test_tables_saved_one_by_one_are_added_up(tmp_path: Path) -> None:
    one = PretokenCounts.from_mapping({"eng": {b"a": 1, b"b": 1 << 63}}, pretokenizer="none")
    two = PretokenCounts.from_mapping({"tur": {b"a": 2}, "eng": {b"a": 5}}, pretokenizer="none")
    one.save(tmp_path / "1.parquet")
    two.save(tmp_path / "2.parquet")
    (tmp_path / "_ignored.parquet").write_bytes(b"")
    made = PretokenCounts.load(tmp_path)
    assert made.to_frame().equals(PretokenCounts.merge(one, two).to_frame())
    PretokenCounts.from_mapping({"eng": {b"a": 1}}, pretokenizer="lines").save(tmp_path / "3.parquet")
    with pytest.raises(CorpusError, match="2 pre-tokenizers"):
        PretokenCounts.load(tmp_path)


def test_a_sum_that_the_engine_cannot_hold_is_an_error() -> None:
    rows = pl.DataFrame(
        {"pretoken": [b"a", b"b"], "group_id": [0, 1], "count": [1, None]},
        schema_overrides={"count": pl.Int64},
    )
    with pytest.raises(CorpusError, match=r"group tur: b'b' occurs more than 2\^63 - 1 times"):
        distributed.to_table(rows, ("eng", "tur"), "none")


def test_arrow_batches_hold_the_table() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow comes with tokbench[distributed]")
    from tokbench.interop.spark import arrow_batches

    cells = {
        bytes([a, b]) * (1 + a % 3): a * 256 + b + 1 for a in range(0, 256, 5) for b in range(0, 256, 51)
    }
    table = PretokenCounts.from_mapping({"eng": cells, "tur": dict.fromkeys(list(cells)[::2], 1), "deu": {}})
    for rows, n_bytes in ((1 << 16, 1 << 20), (7, 1 << 20), (1 << 16, 10), (1, 1)):
        batches = list(arrow_batches(table.native, rows=rows, n_bytes=n_bytes))
        assert all(batch.num_rows <= rows for batch in batches)
        frame = pl.concat([pl.DataFrame(pl.from_arrow(batch)) for batch in batches])
        assert distributed.to_table(frame, table.groups, "none").to_frame().equals(table.to_frame())
    assert list(arrow_batches(PretokenCounts.from_mapping({"eng": {}}).native)) == []
    largest = PretokenCounts.from_mapping({"eng": {b"a": (1 << 63) - 1}})
    assert next(arrow_batches(largest.native)).column(2).to_pylist() == [(1 << 63) - 1]
    with pytest.raises(CorpusError, match="9223372036854775808 is above"):
        list(arrow_batches(PretokenCounts.from_mapping({"eng": {b"a": 1 << 63}}).native))


def test_files_behind_a_uri_are_listed(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow comes with tokbench[distributed]")
    from tokbench.interop.storage import list_files

    for name in ("a1.jsonl", "a2.jsonl", "b1.jsonl", "deep/er/a3.jsonl", "sp ace%20.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "x"}\n')

    def names(pattern: str) -> list[str]:
        return [
            path.removeprefix(f"file://{tmp_path}/") for path, _ in list_files(f"file://{tmp_path}/{pattern}")
        ]

    assert names("a*.jsonl") == ["a1.jsonl", "a2.jsonl"]
    assert names("**/a*.jsonl") == ["a1.jsonl", "a2.jsonl", "deep/er/a3.jsonl"]
    assert names("*/*/a?.jsonl") == ["deep/er/a3.jsonl"]
    assert names("[!a]1.jsonl") == ["b1.jsonl"]
    assert names("sp ace%20.jsonl") == ["sp ace%20.jsonl"]
    assert list_files(f"file://{tmp_path}/a1.jsonl")[0][1] == 14
    for missing in ("z*.jsonl", "z.jsonl"):
        with pytest.raises(CorpusError, match="no file"):
            names(missing)
    with pytest.raises(CorpusError, match="cannot list"):
        list_files("nothing://bucket/x.jsonl")
    job = plan(Corpus.from_files({"x": f"file://{tmp_path}/**/a*.jsonl"}), "gpt2")
    assert len(job.tasks) == 3


def test_what_cannot_be_counted_elsewhere_is_named(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="documents are in this process's memory"):
        count(Corpus.from_texts({"x": ["a"]}), engine="spark")
    with pytest.raises(ParameterError, match="no engine 'sparc'; engines: spark"):
        count(corpus, engine="sparc")
    with pytest.raises(ParameterError, match="engine_options without an engine: master"):
        count(corpus, engine_options={"master": "local"})
    with pytest.raises(ParameterError, match=r"spark has no option mster; use master=URL"):
        count(corpus, engine="spark", engine_options={"mster": "local"})
    with pytest.raises(ParameterError, match="task_bytes is 0"):
        plan(corpus, "gpt2", task_bytes=0)
    job = plan(corpus, "gpt2")
    stale = Job(job.groups, job.pretokenizer, job.document, job.strict_utf8, job.tasks, "0.0.0")
    with pytest.raises(PluginError, match=r"the job was planned by 0\.0\.0"):
        list(count_task(stale, 0))
    (tmp_path / "a0.txt").unlink()
    with pytest.raises(CorpusError, match=r"a0\.txt: No such file"):
        plan(corpus, "gpt2")
    assert engines() == ["spark"]


def test_without_pyspark_the_command_to_install_it_is_said(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(PluginError, match=r"needs pyspark: pip install 'tokbench\[distributed\]'"):
        count(corpus, engine="spark")


def test_importing_tokbench_does_not_import_an_engine() -> None:
    program = "import sys, tokbench, tokbench.distributed, tokbench.interop.spark, tokbench.interop.storage\n"
    program += "print({'pyspark', 'pyarrow', 'py4j', 'boto3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.usefixtures("in_process")
def test_the_command_line(corpus: Corpus, tmp_path: Path) -> None:
    del corpus
    start = ["count", "-c", f"eng={tmp_path}/a*.txt", "-p", "gpt2", "--engine", "here", "--json"]
    made = CliRunner().invoke(app, [*start, "--out", str(tmp_path / "counts"), "--min-pretoken-count", "2"])
    assert made.exit_code == 0, made.output
    single = CliRunner().invoke(
        app, [*start, "--out", str(tmp_path / "one.parquet"), "--min-pretoken-count", "2"]
    )
    assert single.exit_code == 0, single.output
    assert (
        load_parts(tmp_path / "counts")
        .to_frame()
        .equals(PretokenCounts.load(tmp_path / "one.parquet").to_frame())
    )
    assert '"dropped"' in made.stdout
    for wrong, message in (
        (["--threads", "2"], "--threads: only for counting here"),
        (["-E", "x"], "is not KEY=VALUE"),
    ):
        done = CliRunner().invoke(app, [*start, "--out", str(tmp_path / "no"), *wrong])
        assert message in str(done.exception)
