"""Counting on Apache Spark: one ``mapInArrow`` over tasks, one shuffle by pretoken, one aggregation.

The rows of a task are unique already (that is the compiled counter's work), so the table is shuffled before any
aggregation: ``repartition("pretoken").groupBy("pretoken", "group_id")`` is planned as one exchange and one hash
aggregate, which spills. Only DataFrame operations are used, no RDDs and nothing of the JVM, so that a session of any
kind will do. Retries, lost shuffle blocks and speculation are Spark's, and repetition is harmless: tasks are pure.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tokbench import _rust, errors
from tokbench.distributed import LARGEST_COUNT, Part, count_task
from tokbench.errors import CorpusError, ParameterError, PluginError, TokbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tokbench.distributed import Job, PartWriter

INSTALL = "pip install 'tokbench[distributed]'"
INSTALL_JAVA = (
    "a Java runtime, 17 or later (Debian: apt-get install default-jre-headless; else set JAVA_HOME)"
)

ROWS = "pretoken binary, group_id int, count long"
BATCH_ROWS = 1 << 16
BATCH_BYTES = 32 << 20
"""The JVM holds one Arrow batch per task; a batch ends at the first of the two limits."""

LARGEST_PRETOKEN = (1 << 31) - 64
"""A row of Spark is one JVM array."""


SHOWN_LINES = 30
"""Lines of a failure of Spark that a message repeats: enough for a traceback of Python."""


class Spark:
    """The engine ``spark``; options: ``master``, and any ``spark.…`` setting.

    Where the process has a Spark session, that session is used and keeps running (options are then refused:
    configure the session). Otherwise one is made and stopped again.
    """

    def collect(self, job: Job, options: Mapping[str, str]) -> pl.DataFrame:
        """Return the summed rows; they pass through this process's JVM and memory."""
        if not job.tasks:
            return _nothing()
        with _session(options) as session, _translated():
            return _frame([_counted(session, job).toArrow()])

    def write(self, job: Job, writer: PartWriter, options: Mapping[str, str]) -> list[Part]:
        """Have every reduce task sort its rows and write them as one part."""
        if not job.tasks:
            return []
        fields = Part.__dataclass_fields__
        schema = ", ".join(f"{name} {'string' if name == 'name' else 'long'}" for name in fields)
        with _session(options) as session, _translated():
            ordered = _counted(session, job).sortWithinPartitions("pretoken", "group_id")
            rows = ordered.mapInArrow(_part_mapper(writer), schema).collect()
            return sorted((Part(*row) for row in rows), key=lambda part: part.name)


def _counted(session: Any, job: Job) -> Any:
    numbers = session.range(0, len(job.tasks), 1, len(job.tasks))
    return summed(numbers.mapInArrow(_task_mapper(job), ROWS))


def summed(rows: Any) -> Any:
    """Add up the rows (``ROWS``) of all tasks, all groups of a pretoken in one partition; null above 2⁶³ - 1."""
    from pyspark.sql import functions

    # Not sum, which wraps outside of ANSI mode, and in it fails without naming the pretoken.
    total = functions.try_sum("count").alias("count")
    return rows.repartition("pretoken").groupBy("pretoken", "group_id").agg(total)


def _task_mapper(job: Job) -> Callable[[Iterator[Any]], Iterator[Any]]:
    def count(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            for index in batch.column(0).to_pylist():
                for table in count_task(job, index):
                    yield from arrow_batches(table)

    return count


def _part_mapper(writer: PartWriter) -> Callable[[Iterator[Any]], Iterator[Any]]:
    def write(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow
        from pyspark import TaskContext

        context = TaskContext.get()
        if context is None:
            raise PluginError(
                "this Spark does not tell a worker its partition, which names the part to write"
            )
        held = list(batches)
        if not any(batch.num_rows for batch in held):
            return
        part = writer.write(context.partitionId(), _frame([pyarrow.Table.from_batches(held)]))
        names = Part.__dataclass_fields__
        yield pyarrow.RecordBatch.from_pydict({name: [getattr(part, name)] for name in names})

    return write


def arrow_batches(
    table: _rust.PretokenCounts, *, rows: int = BATCH_ROWS, n_bytes: int = BATCH_BYTES
) -> Iterator[Any]:
    """Cut a table into Arrow batches of the columns pretoken, group_id and count (``ROWS``), without copying.

    Raises:
        CorpusError: for a count above 2⁶³ - 1 or a pretoken that a row of the engine cannot hold.
    """
    import numpy as np
    import pyarrow

    arena, offsets, row_starts, group_ids, counts = table.arrays()
    lengths = np.diff(offsets)
    if len(counts) and int(counts.max()) > LARGEST_COUNT:
        raise CorpusError(
            f"a count of {int(counts.max())} is above {LARGEST_COUNT}, the engine's largest integer"
        )
    if len(lengths) and int(lengths.max()) > LARGEST_PRETOKEN:
        raise CorpusError(
            f"a pretoken has {int(lengths.max())} bytes, a row of Spark holds {LARGEST_PRETOKEN}; "
            "choose a pre-tokenizer or document boundary that makes shorter ones"
        )
    pretokens = pyarrow.LargeBinaryArray.from_buffers(
        pyarrow.large_binary(),
        len(lengths),
        [None, pyarrow.py_buffer(offsets.view(np.int64)), pyarrow.py_buffer(arena)],
    )
    owners = np.repeat(np.arange(len(lengths)), np.diff(row_starts).astype(np.int64))
    ends = np.cumsum(lengths[owners], dtype=np.int64)
    start = 0
    while start < len(owners):
        before = int(ends[start - 1]) if start else 0
        fitting = int(np.searchsorted(ends, before + n_bytes, side="right"))
        stop = min(max(start + 1, fitting), start + rows)
        yield pyarrow.RecordBatch.from_arrays(
            [
                pretokens.take(pyarrow.array(owners[start:stop])).cast(pyarrow.binary()),
                pyarrow.array(group_ids[start:stop].astype(np.int32)),
                pyarrow.array(counts[start:stop].astype(np.int64)),
            ],
            names=["pretoken", "group_id", "count"],
        )
        start = stop


def _frame(tables: list[Any]) -> pl.DataFrame:
    made = pl.concat([pl.DataFrame(pl.from_arrow(table)) for table in tables])
    return made.select("pretoken", "group_id", "count")


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={"pretoken": pl.Binary, "group_id": pl.Int32, "count": pl.Int64})


@contextmanager
def _session(options: Mapping[str, str]) -> Iterator[Any]:
    """Yield the session of this process, or one of our own for the time of the block."""
    unknown = sorted(name for name in options if name != "master" and not name.startswith("spark."))
    if unknown:
        raise ParameterError(
            f"spark has no option {', '.join(unknown)}; use master=URL and settings that begin with 'spark.'"
        )
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise PluginError(f"the engine spark needs pyspark: {INSTALL}") from error
    running = SparkSession.getActiveSession()
    if running is not None:
        if options:
            raise ParameterError(
                f"this process has a Spark session; set {', '.join(sorted(options))} where that is made"
            )
        yield running
        return
    builder = SparkSession.builder.appName("tokbench count")
    settings = {
        # The table may be larger than Spark's default limit of 1 GB for what a driver collects.
        "spark.driver.maxResultSize": "0",
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
        **options,
    }
    master = settings.pop("master", None)
    if master is not None:
        builder = builder.master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    # Workers on this machine need this Python, where tokbench is; what the caller has set is kept.
    chosen = os.environ.get("PYSPARK_PYTHON")
    elsewhere = {"PYSPARK_GATEWAY_PORT", "SPARK_HOME", "SPARK_CONF_DIR"} & set(os.environ)
    if chosen is None and (not elsewhere if master is None else master.startswith("local")):
        os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        session = _started(builder, master)
    finally:
        if chosen is None:
            os.environ.pop("PYSPARK_PYTHON", None)
    try:
        yield session
    finally:
        session.stop()


def _started(builder: Any, master: str | None) -> Any:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return builder.getOrCreate()
    except (PySparkException, Py4JError, OSError) as error:
        home = os.environ.get("JAVA_HOME")
        if not (Path(home, "bin", "java").exists() if home else shutil.which("java")):
            where = f"JAVA_HOME={home} holds no bin/java" if home else "there is no java on the PATH"
            raise PluginError(f"Spark needs {INSTALL_JAVA}; {where}") from error
        at = "" if master is None else f" with master={master}"
        raise PluginError(
            f"Spark does not start{at}, its log may say why: {_short(str(error), 2)}"
        ) from error


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what a worker raised as what it was, and any other failure of Spark as ``PluginError``."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        text = str(error)
        found = re.search(
            r"^(?:\S*: )?tokbench\.errors\.(\w+): (.*?)(?=\n\s*\n|\n\tat |\Z)", text, re.M | re.S
        )
        kind = getattr(errors, found[1], None) if found else None
        if found and isinstance(kind, type) and issubclass(kind, TokbenchError):
            raise kind(found[2].strip()) from error
        if lacking := re.search(
            r"^\S*(?:Import|ModuleNotFound|Attribute)Error: .*\btokbench\b.*", text, re.M
        ):
            raise PluginError(
                f"a worker's Python has no tokbench {_rust.__version__}; install it on every worker, or name another "
                f"Python with PYSPARK_PYTHON ({lacking[0]})"
            ) from error
        raise PluginError(f"Spark failed: {_short(text, SHOWN_LINES)}") from error


def _short(text: str, n_lines: int) -> str:
    """Leave out the frames of the JVM, which the exception's cause keeps."""
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith(("\tat ", "\t..."))]
    return "\n".join(kept[:n_lines])
