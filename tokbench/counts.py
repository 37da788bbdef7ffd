"""Pretoken counts: how often every pretoken occurs in every language, the only input of training.

Invariant: pretokens are non-empty and ascend as bytes; Σ length · count = bytes of the corpus. Saved as Parquet
with the columns ``pretoken`` (binary), ``group`` (string) and ``count`` (64-bit), sorted by pretoken and group.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tokbench import _rust
from tokbench.corpus import Corpus, Paths, Texts, batches_of
from tokbench.errors import CorpusError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Progress = Callable[[str, int, int], None]
"""Called with phase, finished units and total units (0 where unknown)."""

FORMAT_VERSION = "1"
_SCHEMA = {"pretoken": pl.Binary(), "group": pl.String(), "count": pl.UInt64()}


@dataclass(frozen=True)
class PretokenCounts:
    """A sorted, sparse table pretoken × group → count, held by the compiled extension.

    ``pretokenizer`` is the specification that made the pretokens; ``corpus_fingerprint`` is that of the corpus,
    where it was known when the table was made.
    """

    native: _rust.PretokenCounts
    pretokenizer: str
    corpus_fingerprint: str | None = None

    @classmethod
    def from_mapping(
        cls, counts: Mapping[str, Mapping[bytes, int]], *, pretokenizer: str = "none"
    ) -> PretokenCounts:
        """Build a table from group → pretoken → count; a group may be empty.

        Raises:
            CorpusError: for an empty pretoken, or a count that is not in 1 … 2⁶⁴ - 1.

        >>> len(PretokenCounts.from_mapping({"eng": {b"the": 3}, "deu": {b"the": 1}}))
        1
        """
        cells: dict[bytes, list[tuple[int, int]]] = {}
        for group_id, (group, column) in enumerate(counts.items()):
            for pretoken, count in column.items():
                if not pretoken or not 0 < count < 1 << 64:
                    raise CorpusError(
                        f"group {group}: pretoken {pretoken!r} with count {count}; pretokens must not be empty "
                        "and counts lie in 1 … 2^64 - 1"
                    )
                cells.setdefault(pretoken, []).append((group_id, count))
        pretokens = sorted(cells)
        rows = [cells[pretoken] for pretoken in pretokens]
        native = _rust.PretokenCounts(
            list(counts),
            np.frombuffer(b"".join(pretokens), dtype=np.uint8),
            _ends([len(pretoken) for pretoken in pretokens]),
            _ends([len(row) for row in rows]),
            np.array([group_id for row in rows for group_id, _ in row], dtype=np.uint32),
            np.array([count for row in rows for _, count in row], dtype=np.uint64),
        )
        return cls(native, pretokenizer)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, groups: Sequence[str], pretokenizer: str) -> PretokenCounts:
        """Take back what ``to_frame`` returned; ``groups`` gives the group ids and may name empty groups.

        Raises:
            CorpusError: if the rows are not sorted and unique, or name a group that ``groups`` does not.
        """
        return cls(_from_frame(frame, list(groups)), pretokenizer)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups (languages), by group id."""
        return tuple(self.native.groups)

    def __len__(self) -> int:
        """Return the number of distinct pretokens."""
        return len(self.native)

    @property
    def total_count(self) -> int:
        """Number of pretokens counted."""
        return sum(self.native.totals()[0])

    @property
    def total_bytes(self) -> int:
        """Number of bytes counted: Σ length · count."""
        return sum(self.native.totals()[1])

    def totals(self) -> pl.DataFrame:
        """Pretokens and bytes counted in each group: the columns group, count and bytes."""
        counts, sizes = self.native.totals()
        return pl.DataFrame(
            {"group": self.groups, "count": counts, "bytes": sizes},
            schema={"group": pl.String, "count": pl.UInt64, "bytes": pl.UInt64},
        )

    def to_frame(self) -> pl.DataFrame:
        """Return the table in its Parquet form: one row per pretoken and group, sorted by both."""
        arena, offsets, row_starts, group_ids, counts = self.native.arrays()
        data = arena.tobytes()
        starts = offsets.tolist()
        pretokens = pl.Series([data[a:b] for a, b in pairwise(starts)], dtype=pl.Binary)
        rows = np.repeat(
            np.arange(len(pretokens), dtype=np.uint32), (row_starts[1:] - row_starts[:-1]).view(np.int64)
        )
        names = pl.Series(self.groups, dtype=pl.String)
        return pl.DataFrame(
            {
                "pretoken": pretokens.gather(rows),
                "group": names.gather(group_ids),
                "count": pl.Series(counts, dtype=pl.UInt64),
            }
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write Parquet to a path or URI; the file appears under its name only when it is complete.

        Raises:
            CorpusError: if it cannot be written.
        """
        metadata = {
            "tokbench_format": FORMAT_VERSION,
            "tokbench_pretokenizer": self.pretokenizer,
            "tokbench_groups": "\n".join(self.groups),
        }
        if self.corpus_fingerprint is not None:
            metadata["tokbench_corpus"] = self.corpus_fingerprint
        frame = self.to_frame()
        partial = None
        target = Path(path)
        try:
            if "://" in str(path):
                # Object storage shows a file only once it is complete.
                frame.write_parquet(str(path), metadata=metadata)
                return
            handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            os.close(handle)
            partial = Path(name)
            frame.write_parquet(partial, metadata=metadata, mkdir=False)
            umask = os.umask(0)
            os.umask(umask)
            partial.chmod(0o666 & ~umask)
            partial.replace(target)
            partial = None
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CorpusError(f"{path}: cannot write the counts: {error}") from error
        finally:
            if partial is not None:
                partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PretokenCounts:
        """Read what ``save`` wrote, from a path or URI; a directory as ``tokbench.distributed.load_parts`` does.

        Raises:
            CorpusError: if the file is missing, is not such a table, or breaks an invariant.
        """
        name = str(path)
        if Path(path).is_dir() or ("://" in name and not name.endswith(".parquet")):
            from tokbench.distributed import load_parts

            return load_parts(name)
        try:
            metadata = pl.read_parquet_metadata(name)
            frame = pl.read_parquet(name, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CorpusError(f"{path}: cannot read the counts: {error}") from error
        version = metadata.get("tokbench_format")
        if version is None:
            raise CorpusError(f"{path}: is Parquet, but not a table of pretoken counts (write one with save)")
        if version != FORMAT_VERSION:
            raise CorpusError(f"{path}: has format {version}, this tokbench reads format {FORMAT_VERSION}")
        if dict(frame.schema) != _SCHEMA:
            raise CorpusError(f"{path}: has the columns {dict(frame.schema)}, expected {_SCHEMA}")
        if frame.null_count().sum_horizontal().item():
            raise CorpusError(f"{path}: holds null values")
        groups = metadata["tokbench_groups"].split("\n") if metadata["tokbench_groups"] else []
        try:
            native = _from_frame(frame, groups)
        except CorpusError as error:
            raise CorpusError(f"{path}: {error}") from error
        return cls(native, metadata["tokbench_pretokenizer"], metadata.get("tokbench_corpus"))

    def filter(self, *, min_count: int) -> tuple[PretokenCounts, Dropped]:
        """Leave out pretokens that occur fewer than ``min_count`` times over all groups, and say what was left out.

        Raises:
            ParameterError: if ``min_count`` is below 1.
        """
        if min_count < 1:
            raise ParameterError(f"min_count is {min_count}, expected at least 1")
        kept = self.native.at_least(min_count)
        left = PretokenCounts(kept, self.pretokenizer, None)
        dropped = Dropped(
            len(self) - len(left), self.total_count - left.total_count, self.total_bytes - left.total_bytes
        )
        return left, dropped

    @classmethod
    def merge(cls, *tables: PretokenCounts) -> PretokenCounts:
        """Add tables of the same pre-tokenizer, as if their corpora had been counted together.

        Groups come in the order in which they are first met.

        Raises:
            CorpusError: if the pre-tokenizers differ, or nothing is given.
        """
        specs = sorted({table.pretokenizer for table in tables})
        if len(specs) != 1:
            raise CorpusError(
                f"tables of {len(specs)} pre-tokenizers cannot be added: {', '.join(specs) or 'no table given'}"
            )
        groups = list(dict.fromkeys(group for table in tables for group in table.groups))
        return cls(_rust.PretokenCounts.merge(groups, [table.native for table in tables]), specs[0])


@dataclass(frozen=True)
class Dropped:
    """What ``filter`` left out: distinct pretokens, their occurrences and their bytes."""

    pretokens: int
    count: int
    bytes: int


def _ends(lengths: Sequence[int]) -> NDArray[np.uint64]:
    ends = np.zeros(len(lengths) + 1, dtype=np.uint64)
    np.cumsum(lengths, out=ends[1:], dtype=np.uint64)
    return ends


def _from_frame(frame: pl.DataFrame, groups: list[str]) -> _rust.PretokenCounts:
    """Turn the Parquet form back into the sparse table, whose constructor checks the invariants."""
    unknown = frame.filter(~pl.col("group").is_in(groups)).get_column("group").unique().sort().to_list()
    if unknown:
        raise CorpusError(f"has groups that its metadata does not name: {', '.join(unknown)}")
    if frame.is_empty():
        nothing = np.zeros(1, dtype=np.uint64)
        return _rust.PretokenCounts(
            groups, nothing[:0].astype(np.uint8), nothing, nothing, nothing[:0].astype(np.uint32), nothing[:0]
        )
    ids = frame.get_column("group").replace_strict(groups, list(range(len(groups))), return_dtype=pl.UInt32)
    pretokens = frame.get_column("pretoken")
    starts = np.flatnonzero((pretokens != pretokens.shift(1)).fill_null(value=True).to_numpy())
    unique = pretokens.gather(starts)
    arena = np.frombuffer(b"".join(unique.to_list()), dtype=np.uint8)
    row_starts = np.append(starts, len(frame)).astype(np.uint64)
    offsets = np.zeros(len(unique) + 1, dtype=np.uint64)
    np.cumsum(unique.bin.size().to_numpy(), out=offsets[1:], dtype=np.uint64)
    return _rust.PretokenCounts(
        groups, arena, offsets, row_starts, ids.to_numpy(), frame.get_column("count").to_numpy()
    )


def count(
    corpus: Corpus | Mapping[str, Paths] | Paths,
    pretokenizer: str = "cl100k",
    *,
    document: str | None = None,
    threads: int | None = None,
    strict_utf8: bool = False,
    progress: Progress | None = None,
    block_size: int = 1 << 19,
    engine: str | None = None,
    engine_options: Mapping[str, str] | None = None,
) -> PretokenCounts:
    """Count the pretokens of a corpus, of files by language, or of files without a language (group ``all``).

    Pretokens do not cross documents. ``document`` overrides the corpus's own rule (see ``Corpus.from_files``); for
    paths the default is ``file``, under which every byte is counted: Σ length · count = size of the text. Bytes
    that are not UTF-8 are counted as they are unless ``strict_utf8``. The result does not depend on ``threads``,
    ``block_size`` (text handed to a thread at a time) or the order of the files. With an ``engine`` the files are
    counted by its workers, with its own progress display, to the same table: ``tokbench.distributed.count_on``.

    Raises:
        CorpusError: if a file cannot be read or decompressed, a record or column is wrong, or (``strict_utf8``)
            text is not UTF-8, naming file and line or byte.
        PretokenizeError: for an unknown pre-tokenizer.
        ParameterError: if ``threads`` or ``block_size`` is below 1.

    >>> table = count(Corpus.from_texts({"eng": ["a b a"]}), "gpt2")
    >>> table.total_bytes
    5
    """
    opened = _opened(corpus, document)
    if engine is not None:
        from tokbench.distributed import count_on

        return count_on(
            engine, opened, pretokenizer, document=document, strict_utf8=strict_utf8, options=engine_options
        )
    if engine_options:
        raise ParameterError(f"engine_options without an engine: {', '.join(engine_options)}")
    rule = document if document is not None else opened.document
    counter = _counter(opened.languages, pretokenizer, threads, block_size, strict_utf8=strict_utf8)
    native = [
        (group, source.path, source.format, source.field, source.compression, rule)
        for group, language in enumerate(opened.languages)
        for source in opened.sources(language)
        if not isinstance(source, Texts) and source.is_native
    ]
    if native:
        counter.add_files(native, progress)
    for group, language in enumerate(opened.languages):
        for source in opened.sources(language):
            if isinstance(source, Texts) or not source.is_native:
                done = 0
                for batch in source.batches(rule):
                    name = f"{source.path}: documents from {done + 1}"
                    counter.add_documents(group, name, batch.data, batch.offsets.view(np.uint64), progress)
                    done += len(batch)
    # Only where it has been computed anyhow: it would mean reading everything once more.
    fingerprint = opened.__dict__.get("fingerprint") if rule == opened.document else None
    return PretokenCounts(counter.finish(progress), counter.pretokenizer, fingerprint)


def count_texts(
    texts: Mapping[str, Iterable[str | bytes]],
    pretokenizer: str = "cl100k",
    *,
    threads: int | None = None,
    strict_utf8: bool = False,
    progress: Progress | None = None,
) -> PretokenCounts:
    """Count documents that iterables yield, by language, without keeping them: each is consumed once.

    Raises:
        CorpusError: for an item that is neither str nor bytes; (``strict_utf8``) for bytes that are not UTF-8.

    >>> count_texts({"eng": (word for word in ["one", "two"])}, "none").total_count
    2
    """
    counter = _counter(tuple(texts), pretokenizer, threads, 1 << 19, strict_utf8=strict_utf8)
    for group, (language, items) in enumerate(texts.items()):
        for batch in batches_of(items, language):
            counter.add_documents(group, language, batch.data, batch.offsets.view(np.uint64), progress)
    return PretokenCounts(counter.finish(progress), counter.pretokenizer)


def _opened(corpus: Corpus | Mapping[str, Paths] | Paths, document: str | None) -> Corpus:
    if isinstance(corpus, Corpus):
        return corpus
    files = corpus if isinstance(corpus, Mapping) else {"all": corpus}
    return Corpus.from_files(files, document=document)


def _counter(
    groups: Sequence[str], pretokenizer: str, threads: int | None, block_size: int, *, strict_utf8: bool
) -> _rust.Counter:
    wanted = threads if threads is not None else available_threads()
    if wanted < 1 or block_size < 1:
        raise ParameterError(f"threads is {wanted} and block_size {block_size}; both must be at least 1")
    return _rust.Counter(list(groups), pretokenizer, wanted, strict_utf8, block_size)


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
