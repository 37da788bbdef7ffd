"""Counting past one machine: a corpus becomes tasks, an existing engine runs them and adds up what they find.

The plan does not depend on the engine. A task is a list of whole files; the compiled counter that counts here
makes its tables, and since addition is associative their sum is the local table whatever the number of tasks,
workers and repetitions of tasks whose worker died. An engine supplies processes, a shuffle that spills, and retries.

Invariant: a directory of parts appears under its name (behind a URI: gets its manifest) only when it is complete.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import asdict, dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tokbench import _rust
from tokbench.corpus import Texts
from tokbench.count_files import FORMAT_VERSION, local_path, table_of
from tokbench.counting import BLOCK_BYTES
from tokbench.counts import PretokenCounts
from tokbench.errors import CorpusError, ParameterError, PluginError
from tokbench.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import polars as pl

    from tokbench.corpus import Corpus, Source
else:
    from tokbench.late import pl

ENTRY_POINTS = "tokbench.engines"
"""Other packages add an engine here: its name, and a class without arguments that keeps to ``Engine``."""

TASK_BYTES = 256 << 20
"""Files are put together to tasks of about this size. A larger task repeats fewer pretokens in the shuffle (the
vocabulary grows slower than the text), a smaller one is repeated faster after a failure."""

LEAST_TASKS = 64
"""A small corpus is cut finer than ``TASK_BYTES``, to about this many tasks, so that all workers have work."""

FLUSH_BYTES = 2 << 30
"""A task hands on its table after this much text, which bounds its memory however large its files are."""

LARGEST_COUNT = (1 << 63) - 1
"""Engines add signed 64-bit integers; a larger sum is an error, never a wrapped number."""

_OVER = "engines add signed 64-bit integers; count here, or in portions that 'tokbench train --counts DIR' adds up"

MANIFEST = "_manifest.parquet"


@dataclass(frozen=True)
class Shard:
    """One file of a task: its group, how to read it, and its size on storage."""

    group_id: int
    source: Source
    n_bytes: int


@dataclass(frozen=True)
class Job:
    """All that a worker has to know; pickled to it."""

    groups: tuple[str, ...]
    pretokenizer: str
    document: str
    strict_utf8: bool
    tasks: tuple[tuple[Shard, ...], ...]
    version: str


@dataclass(frozen=True)
class Part:
    """One file of a directory of counts: what it holds, and what was left out of it as too rare."""

    name: str
    pretokens: int
    count: int
    bytes: int
    dropped_pretokens: int
    dropped_count: int
    dropped_bytes: int


@dataclass(frozen=True)
class Parts:
    """A complete directory of counts, in which every pretoken stands in exactly one part."""

    directory: str
    groups: tuple[str, ...]
    pretokenizer: str
    parts: tuple[Part, ...]

    def total(self, column: str) -> int:
        """Sum one field of ``Part`` over the parts."""
        return sum(getattr(part, column) for part in self.parts)


class Engine(Protocol):
    """What an engine has to do, with options whose names and meaning are its own."""

    def collect(self, job: Job, options: Mapping[str, str]) -> pl.DataFrame:
        """Run all tasks and return their sum: the columns pretoken, group_id and count, in any order."""
        ...

    def write(self, job: Job, writer: PartWriter, options: Mapping[str, str]) -> list[Part]:
        """Run all tasks and have the workers write their sum, every pretoken wholly in one part."""
        ...


def engines() -> list[str]:
    """Return the names of the engines known here, installed or not, sorted."""
    return sorted({"spark", *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def count_on(
    engine: str,
    corpus: Corpus,
    pretokenizer: str = "cl100k",
    *,
    document: str | None = None,
    strict_utf8: bool = False,
    task_bytes: int = TASK_BYTES,
    options: Mapping[str, str] | None = None,
) -> PretokenCounts:
    """Count on an engine what ``tokbench.counts.count`` counts here, to the same table.

    The table passes through this process; ``count_parts`` leaves it where the workers write.

    Raises:
        CorpusError: as ``count``; for a count above 2⁶³ - 1; for documents that are held in memory.
        ParameterError: for an unknown engine or option.
        PluginError: if the engine is not installed, or fails for another reason than the corpus.
    """
    runner = _engine(engine)
    job = plan(corpus, pretokenizer, document=document, strict_utf8=strict_utf8, task_bytes=task_bytes)
    summed = runner.collect(job, options or {})
    return to_table(summed.sort("pretoken", "group_id"), job.groups, job.pretokenizer)


def count_parts(
    engine: str,
    corpus: Corpus,
    directory: str | Path,
    pretokenizer: str = "cl100k",
    *,
    document: str | None = None,
    strict_utf8: bool = False,
    min_pretoken_count: int = 1,
    task_bytes: int = TASK_BYTES,
    options: Mapping[str, str] | None = None,
) -> Parts:
    """Count on an engine whose workers write the table as a directory of Parquet files, read by ``load_parts``.

    All workers must reach ``directory``: a shared file system or a URI. Pretokens that occur fewer than
    ``min_pretoken_count`` times over all groups are left out, and how many is said in the result.

    Raises:
        CorpusError: as ``count_on``; if the directory exists (behind a URI: is complete) or cannot be written.
        ParameterError: as ``count_on``; if ``min_pretoken_count`` is below 1.
        PluginError: as ``count_on``.
    """
    if min_pretoken_count < 1:
        raise ParameterError(f"min_pretoken_count is {min_pretoken_count}, expected at least 1")
    runner = _engine(engine)
    job = plan(corpus, pretokenizer, document=document, strict_utf8=strict_utf8, task_bytes=task_bytes)
    final = local_path(directory)
    if final is None:
        target = str(directory)
        _refuse_complete(target)
        parts = runner.write(
            job, PartWriter(target, job.groups, job.pretokenizer, min_pretoken_count), options or {}
        )
        return _finished(Parts(target, job.groups, job.pretokenizer, tuple(parts)), target)
    final = final.absolute()
    if final.exists():
        raise CorpusError(f"{final}: exists; name a new directory, or remove this one first")
    hidden = final.with_name(f".{final.name}.{uuid.uuid4().hex}")
    try:
        hidden.mkdir(parents=True)
        parts = runner.write(
            job, PartWriter(str(hidden), job.groups, job.pretokenizer, min_pretoken_count), options or {}
        )
        known = {part.name for part in parts}
        # A worker killed while it wrote leaves its temporary file.
        for file in hidden.iterdir():
            if file.name not in known:
                file.unlink()
        made = _finished(Parts(str(final), job.groups, job.pretokenizer, tuple(parts)), str(hidden))
        hidden.rename(final)
    except OSError as error:
        raise CorpusError(f"{final}: cannot write the counts: {error}") from error
    finally:
        if hidden.exists():
            shutil.rmtree(hidden)
    return made


def load_parts(directory: str | Path) -> PretokenCounts:
    """Read a directory of counts as one table: what ``count_parts`` wrote, or files that ``save`` wrote.

    With a manifest exactly its parts are read and held to its totals; without one, all ``*.parquet`` in it are
    added up in the order of their names.

    Raises:
        CorpusError: if there is nothing, a part is missing, changed or damaged, or the pre-tokenizers differ.
    """
    local = local_path(directory)
    where = str(local or directory)
    listing = f"{where.rstrip('/')}/{MANIFEST}"
    if local is None or Path(listing).exists():
        return _load_listed(where, listing)
    files = sorted(file for file in local.glob("*.parquet") if file.name[0] not in "._")
    if not files:
        raise CorpusError(f"{where}: no *.parquet in this directory; write one with tokbench count")
    return PretokenCounts.merge(*map(PretokenCounts.load, files))


def plan(
    corpus: Corpus,
    pretokenizer: str,
    *,
    document: str | None = None,
    strict_utf8: bool = False,
    task_bytes: int = TASK_BYTES,
) -> Job:
    """Divide the files of a corpus into tasks of about ``task_bytes`` on storage, each of one group.

    Raises:
        CorpusError: if the corpus holds documents in memory, or storage cannot be listed.
        ParameterError: if ``task_bytes`` is below 1, or documents are weighted, which engines do not count.
        PretokenizeError: for an unknown pre-tokenizer.
    """
    if task_bytes < 1:
        raise ParameterError(f"task_bytes is {task_bytes}, expected at least 1")
    if corpus.document_weight is not None:
        raise ParameterError(
            f"document_weight: an engine counts each document once, not {corpus.document_weight!r} times; count here"
        )
    shards = [
        shard
        for group_id, language in enumerate(corpus.languages)
        for source in corpus.sources(language)
        for shard in _shards(group_id, source)
    ]
    most = min(task_bytes, max(1, sum(shard.n_bytes for shard in shards) // LEAST_TASKS))
    tasks: list[tuple[Shard, ...]] = []
    held: list[Shard] = []
    size = 0
    for shard in shards:
        if held and (size + shard.n_bytes > most or shard.group_id != held[0].group_id):
            tasks.append(tuple(held))
            held, size = [], 0
        held.append(shard)
        size += shard.n_bytes
    if held:
        tasks.append(tuple(held))
    rule = document if document is not None else corpus.document
    canonical = Pretokenizer(pretokenizer).spec
    return Job(corpus.languages, canonical, rule, strict_utf8, tuple(tasks), _rust.__version__)


def count_task(job: Job, index: int) -> Iterator[_rust.PretokenCounts]:
    """Count one task, on a worker, by one thread; the tables it yields are to be added up.

    Raises:
        CorpusError: as ``tokbench.counts.count``.
        PluginError: if this worker's tokbench is not the one that planned the job.
    """
    if job.version != _rust.__version__:
        raise PluginError(
            f"this worker has tokbench {_rust.__version__}, the job was planned by {job.version}; "
            "install the same version on every worker"
        )
    counter, held = _new_counter(job), 0
    for shard in job.tasks[index]:
        source = shard.source
        if source.format == "text" and job.document == "file":
            # One document, which the compiled reader takes in blocks.
            file = (shard.group_id, source.path, source.format, None, source.compression, job.document)
            counter.add_files([file])
            held += max(1, shard.n_bytes)
            continue
        done = 0
        for batch in source.batches(job.document):
            name = f"{source.path}: documents from {done + 1}"
            counter.add_documents(shard.group_id, name, batch.data, batch.offsets.view(np.uint64))
            done += len(batch)
            held += len(batch.data)
            if held >= FLUSH_BYTES:
                yield counter.finish()
                counter, held = _new_counter(job), 0
    if held:
        yield counter.finish()


@dataclass(frozen=True)
class PartWriter:
    """Writes one part of a directory of counts, on a worker; writing a part twice leaves the same file."""

    directory: str
    groups: tuple[str, ...]
    pretokenizer: str
    min_pretoken_count: int

    def write(self, number: int, rows: pl.DataFrame) -> Part:
        """Write sorted rows (pretoken, group_id, count), which hold all groups of their pretokens.

        Raises:
            CorpusError: if the file cannot be written.
        """
        whole = to_table(rows, self.groups, self.pretokenizer)
        kept, dropped = whole.filter(min_count=self.min_pretoken_count)
        name = f"part-{number:05d}.parquet"
        kept.save(f"{self.directory.rstrip('/')}/{name}")
        return Part(
            name,
            len(kept),
            kept.total_count,
            kept.total_bytes,
            dropped.pretokens,
            dropped.count,
            dropped.bytes,
        )


def to_table(rows: pl.DataFrame, groups: tuple[str, ...], pretokenizer: str) -> PretokenCounts:
    """Turn sorted rows with group ids into a table.

    Raises:
        CorpusError: for a null count, which is how engines report a sum above 2⁶³ - 1.
    """
    broken = rows.filter(pl.col("count").is_null())
    if len(broken):
        pretoken, group_id = broken.row(0)[:2]
        raise CorpusError(f"group {groups[group_id]}: {pretoken!r} occurs more than 2^63 - 1 times: {_OVER}")
    names = pl.Series(groups, dtype=pl.String)
    frame = rows.select(
        "pretoken",
        names.gather(rows.get_column("group_id")).alias("group"),
        pl.col("count").cast(pl.UInt64),
    )
    return PretokenCounts(table_of(frame, groups), pretokenizer)


def _new_counter(job: Job) -> _rust.Counter:
    return _rust.Counter(list(job.groups), job.pretokenizer, 1, job.strict_utf8, BLOCK_BYTES)


def _shards(group_id: int, source: Source | Texts) -> Iterable[Shard]:
    if isinstance(source, Texts):
        raise CorpusError(
            f"{source.path}: an engine counts files, these documents are in this process's memory; "
            "write them to files, or count without an engine"
        )
    if source.is_remote:
        from tokbench.interop.storage import list_files

        for path, n_bytes in list_files(source.path):
            yield Shard(group_id, replace(source, path=path), n_bytes)
        return
    local = Path(source.path).absolute()
    try:
        yield Shard(group_id, replace(source, path=str(local)), local.stat().st_size)
    except OSError as error:
        raise CorpusError(f"{local}: {error.strerror or error}") from error


def _finished(made: Parts, directory: str) -> Parts:
    """Write the manifest, which says that the directory is complete."""
    rows = [asdict(part) for part in made.parts]
    numbers = {name: pl.UInt64 for name in Part.__dataclass_fields__ if name != "name"}
    metadata = {
        "tokbench_format": FORMAT_VERSION,
        "tokbench_pretokenizer": made.pretokenizer,
        "tokbench_groups": "\n".join(made.groups),
    }
    path = f"{directory.rstrip('/')}/{MANIFEST}"
    try:
        pl.DataFrame(rows, schema={"name": pl.String, **numbers}).write_parquet(path, metadata=metadata)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorpusError(f"{path}: cannot write the manifest: {error}") from error
    return made


def _load_listed(directory: str, listing: str) -> PretokenCounts:
    try:
        metadata = pl.read_parquet_metadata(listing)
        rows = pl.read_parquet(listing, glob=False).rows(named=True)
        parts = [Part(**row) for row in rows]
        groups, spec = metadata["tokbench_groups"].split("\n"), metadata["tokbench_pretokenizer"]
    except (OSError, pl.exceptions.PolarsError, TypeError, KeyError) as error:
        raise CorpusError(f"{listing}: cannot read the manifest of these counts: {error}") from error
    tables = []
    for part in parts:
        table = PretokenCounts.load(f"{directory.rstrip('/')}/{part.name}")
        found = (len(table), table.total_count, table.total_bytes)
        if found != (part.pretokens, part.count, part.bytes):
            raise CorpusError(
                f"{directory}/{part.name}: holds {found} pretokens, occurrences and bytes, the manifest says "
                f"{(part.pretokens, part.count, part.bytes)}; count again"
            )
        tables.append(table)
    return PretokenCounts.merge(
        PretokenCounts.from_mapping({name: {} for name in groups if name}, pretokenizer=spec), *tables
    )


def _refuse_complete(uri: str) -> None:
    """Refuse a directory in object storage that has its manifest; parts of a run that failed are written over."""
    listing = f"{uri.rstrip('/')}/{MANIFEST}"
    try:
        pl.read_parquet_metadata(listing)
    except FileNotFoundError:
        return
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorpusError(f"{listing}: cannot tell whether there are counts already: {error}") from error
    raise CorpusError(f"{uri}: holds counts already; name a new directory, or remove this one first")


def _engine(name: str) -> Engine:
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == name:
            try:
                made: Engine = entry.load()()
            except Exception as error:
                raise PluginError(f"engine {name} = {entry.value} cannot be loaded: {error}") from error
            return made
    if name != "spark":
        raise ParameterError(f"no engine {name!r}; engines: {', '.join(engines())}")
    from tokbench.interop.spark import Spark

    return Spark()
