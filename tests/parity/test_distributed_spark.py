"""A Spark cluster of two worker processes gives the local table: over every format, object storage, dying workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.conftest import BUCKET
from tokbench.cli.application import app
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.distributed import LEAST_TASKS, count_parts, load_parts, plan
from tokbench.errors import CorpusError, ParameterError, PluginError
from tokbench.interop.spark import Spark

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("java") is None and "JAVA_HOME" not in os.environ, reason="Spark needs a Java runtime"
    ),
    # Spark's own Python code calls what newer versions of its dependencies deprecate.
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
]

WORDS = ["the", "Haus", "ev", "дім", "家", "naïve", "42", "  ", "\n", "l'eau", "हिन्दी", "\x00", "🙂"]


def text(seed: int, n_words: int) -> str:
    """Repeat some words and mint others, differently for every seed."""
    state, words = seed + 1, []
    for _ in range(n_words):
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        draw = state >> 40
        words.append(WORDS[draw % len(WORDS)] if draw % 3 else f" w{draw % 5000:x}")
    return "".join(words)


@pytest.fixture(scope="module")
def spark(storage: Any) -> Iterator[Any]:
    """A session on two executor processes; the workers inherit this environment, and with it the storage."""
    del storage
    sql = pytest.importorskip("pyspark.sql", reason="pyspark comes with tokbench[distributed]")
    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = sql.SparkSession.builder.master("local-cluster[2,1,1024]").appName("tokbench tests")
        for name, value in {
            "spark.driver.extraJavaOptions": quick,
            "spark.executor.extraJavaOptions": quick,
            "spark.sql.shuffle.partitions": "4",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three groups in three formats, one of them with bytes that are not UTF-8."""
    folder = tmp_path_factory.mktemp("corpus")
    for number in range(3):
        (folder / f"a{number}.txt").write_bytes(text(number, 3000).encode() + b"\xff\xfe\x00 \x80")
        lines = [json.dumps({"text": text(10 * number + k, 90)}, ensure_ascii=k % 2 == 0) for k in range(20)]
        (folder / f"b{number}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        pl.DataFrame({"body": [text(99 * number + k, 90) for k in range(20)]}).write_parquet(
            folder / f"c{number}.parquet"
        )
    return Corpus.from_files(
        {
            "eng": f"{folder}/a*.txt",
            "tur": f"{folder}/b*.jsonl",
            "deu": f"{folder}/c*.parquet:body",
            "nil": [],
        }
    )


def executors(session: Any) -> list[int]:
    """Return the process ids of the executors of a session."""
    wanted = session.sparkContext.applicationId
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if wanted in command and any(part.endswith("CoarseGrainedExecutorBackend") for part in command):
                found.append(int(entry.name))
    return sorted(found)


def children(parent: int) -> list[int]:
    done = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in done.stdout.split()]


def test_the_table_is_the_local_one(spark: Any, corpus: Corpus) -> None:
    expected = count(corpus, "cl100k")
    made = count(corpus, "cl100k", engine="spark")
    assert made.to_frame().equals(expected.to_frame())
    assert (made.groups, made.pretokenizer) == (expected.groups, expected.pretokenizer)
    assert len(executors(spark)) == 2
    with pytest.raises(
        ParameterError, match="this process has a Spark session; set master where that is made"
    ):
        count(corpus, engine="spark", engine_options={"master": "local[2]"})


def test_the_command_line_writes_parts_that_train_reads(spark: Any, corpus: Corpus, tmp_path: Path) -> None:
    del spark
    specs = [
        piece
        for language in corpus.languages
        for source in corpus.sources(language)
        for piece in ("-c", f"{language}={source.path}{':body' if source.path.endswith('parquet') else ''}")
    ]
    expected, dropped = count(corpus, "gpt2").filter(min_count=2)
    done = CliRunner().invoke(
        app,
        [
            *("count", *specs, "--document", "file", "-p", "gpt2", "--engine", "spark", "--json"),
            *("--min-pretoken-count", "2", "-o", f"{tmp_path}/counts"),
        ],
    )
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["dropped"]["unique_pretokens"] == dropped.pretokens
    assert facts["unique_pretokens"] == len(expected)
    assert load_parts(tmp_path / "counts").to_frame().equals(expected.to_frame())
    pieces = [pl.read_parquet(file) for file in sorted((tmp_path / "counts").glob("part-*.parquet"))]
    assert len(pieces) >= 1
    assert pl.concat(pieces).sort("pretoken", maintain_order=True).equals(expected.to_frame())
    expected.save(tmp_path / "counts.parquet")
    for counts in ("counts", "counts.parquet"):
        trained = ["train", "--counts", f"{tmp_path}/{counts}", "-V", "500", "-o", f"{tmp_path}/of-{counts}"]
        assert CliRunner().invoke(app, trained).exit_code == 0
    names = [tmp_path / f"of-{counts}" / "tokenizer.json" for counts in ("counts", "counts.parquet")]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_killed_workers_change_nothing(spark: Any, tmp_path: Path) -> None:
    """One executor and one Python worker of the other die while tasks run, finished tasks' shuffle blocks with them."""
    n_tasks = LEAST_TASKS
    for number in range(n_tasks):
        (tmp_path / f"{number}.txt").write_text(text(number, 15_000))
    corpus = Corpus.from_files({"x": f"{tmp_path}/*.txt"}, document="line")
    spec = r"regex:\s?\w+|[^\w\s]+|\s"
    assert len(plan(corpus, spec).tasks) >= n_tasks // 2
    tracker = spark.sparkContext.statusTracker()
    seen: list[tuple[str, int, int]] = []
    over = threading.Event()

    def running(least: int) -> Any:
        """Wait for a stage in which at least so many tasks are done and some are not."""
        while not over.wait(0.02):
            for stage in map(tracker.getStageInfo, tracker.getActiveStageIds()):
                if stage is not None and least <= stage.numCompletedTasks < stage.numTasks - 8:
                    return stage
        return None

    def kill() -> None:
        stage = running(6)
        if stage is None:
            return
        victims = executors(spark)
        os.kill(victims[0], signal.SIGKILL)
        seen.append(("executor", stage.numCompletedTasks, stage.numTasks))
        while not over.wait(0.02):
            # The daemon's children are the workers.
            workers = [pid for daemon in children(victims[1]) for pid in children(daemon)]
            if workers and (stage := running(0)) is not None:
                os.kill(workers[0], signal.SIGKILL)
                seen.append(("worker", stage.numCompletedTasks, stage.numTasks))
                return

    before = executors(spark)
    assert len(before) == 2
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        count_parts("spark", corpus, tmp_path / "counts", spec)
    finally:
        over.set()
        killer.join()
    assert [what for what, _, _ in seen] == ["executor", "worker"], seen
    assert before[0] not in executors(spark)
    assert load_parts(tmp_path / "counts").to_frame().equals(count(corpus, spec).to_frame())
    # The cluster has started another executor, or is about to.
    patience = time.monotonic() + 60
    while len(executors(spark)) < 2 and time.monotonic() < patience:
        time.sleep(0.1)
    assert len(executors(spark)) == 2


def test_what_a_worker_refuses_is_raised_here(spark: Any, tmp_path: Path) -> None:
    del spark
    (tmp_path / "a.txt").write_bytes(b"one \xff")
    corpus = Corpus.from_files({"x": tmp_path / "a.txt"})
    with pytest.raises(CorpusError, match=r"a\.txt: byte 4 is not valid UTF-8$"):
        count_parts("spark", corpus, tmp_path / "counts", strict_utf8=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    stale = replace(plan(corpus, "gpt2"), version="0.0.0")
    with pytest.raises(
        PluginError, match=r"the job was planned by 0\.0\.0; install the same version on every w"
    ):
        Spark().collect(stale, {})


def test_without_java_it_is_said_what_to_install(tmp_path: Path) -> None:
    """In a process of its own, since this one has a session, which would be used."""
    pytest.importorskip("pyspark.sql", reason="pyspark comes with tokbench[distributed]")
    (tmp_path / "a.txt").write_text("one two")
    program = "import tokbench as tb; tb.count({'x': 'a.txt'}, engine='spark')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "JAVA_HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PluginError: Spark needs a Java runtime, 17 or later (Debian: apt-get install" in done.stderr


def test_a_sum_above_63_bits_is_an_error_and_not_a_wrapped_number(spark: Any) -> None:
    from tokbench.distributed import to_table
    from tokbench.interop.spark import ROWS, summed

    largest = (1 << 63) - 1
    rows = [(b"\xff", 0, largest - 1), (b"\xff", 0, 1), (b"a", 0, largest), (b"o", 0, largest), (b"o", 0, 1)]
    given = spark.createDataFrame([(bytearray(pretoken), *rest) for pretoken, *rest in rows], ROWS)
    frame = pl.DataFrame(pl.from_arrow(summed(given).toArrow())).sort("pretoken")
    table = to_table(frame.filter(pl.col("pretoken") != b"o"), ("x",), "none")
    assert table.to_frame().rows() == [(b"a", "x", largest), (b"\xff", "x", largest)]
    with pytest.raises(CorpusError, match=r"group x: b'o' occurs more than 2\^63 - 1 times"):
        to_table(frame, ("x",), "none")


def test_object_storage_on_the_cluster(spark: Any, storage: Any, corpus: Corpus) -> None:
    del spark
    held = {}
    for language in ("tur", "deu"):
        for source in corpus.sources(language):
            name = Path(source.path).name
            storage.upload_file(source.path, BUCKET, f"{language}/{name}")
        held[language] = corpus.sources(language)
    local = Corpus((("tur", held["tur"]), ("deu", held["deu"])))
    expected = count(local, "gpt2").to_frame()
    remote = Corpus.from_files(
        {"tur": f"s3://{BUCKET}/tur/*.jsonl", "deu": f"s3://{BUCKET}/deu/c*.parquet:body"}
    )
    assert len(plan(remote, "gpt2").tasks) == 6
    made = count_parts("spark", remote, f"s3://{BUCKET}/counts", "gpt2")
    with pytest.raises(CorpusError, match=r"shards/counts/: holds counts already"):
        count_parts("spark", remote, f"s3://{BUCKET}/counts/", "gpt2")
    assert PretokenCounts.load(f"s3://{BUCKET}/counts").to_frame().equals(expected)
    assert made.total("pretokens") == expected["pretoken"].n_unique()
    with pytest.raises(CorpusError, match="no file matches"):
        count(Corpus.from_files({"x": f"s3://{BUCKET}/none/*.parquet"}), engine="spark")
