"""What is counted and how, apart from what becomes of the result: a table, a file, or parts kept between runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from tokbench import _rust
from tokbench.corpus import Texts, check_names
from tokbench.errors import ParameterError
from tokbench.memory import budget
from tokbench.reading import pack
from tokbench.weighing import HELD_BYTES, Columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tokbench.corpus import Corpus
    from tokbench.reading import Batch, Source

    Progress = Callable[[str, int, int], None]

BLOCK_BYTES = 1 << 19
"""Text handed to a thread at a time."""


@dataclass(frozen=True)
class Counting:
    """The settings of a count; ``threads`` to ``temporary`` never decide its result.

    ``document_weight`` names the field of weights; ``prepare`` changes every document before it is cut.

    Raises:
        CorpusError: for a group whose name is empty or holds a line end or ``=``.
        ParameterError: if ``threads`` or ``block_size`` is below 1, or the memory budget cannot be used.
    """

    groups: tuple[str, ...]
    pretokenizer: str
    strict_utf8: bool
    threads: int | None
    block_size: int = BLOCK_BYTES
    memory: int | str | None = None
    temporary: str | os.PathLike[str] | None = None
    document_weight: str | None = None
    prepare: Callable[[bytes], bytes] | None = None

    def __post_init__(self) -> None:
        check_names(self.groups)

    def counter(
        self, groups: Sequence[str] | None = None, *, strict_utf8: bool | None = None
    ) -> _rust.Counter:
        """Make a counter that has seen nothing; its groups and strictness are those of the settings unless given.

        Raises:
            PretokenizeError: for an unknown pre-tokenizer.
        """
        wanted = self.threads if self.threads is not None else available_threads()
        if wanted < 1 or self.block_size < 1:
            raise ParameterError(
                f"threads is {wanted} and block_size {self.block_size}; both must be at least 1"
            )
        bound = budget(self.memory, self.temporary)
        return _rust.Counter(
            list(self.groups if groups is None else groups),
            self.pretokenizer,
            wanted,
            self.strict_utf8 if strict_utf8 is None else strict_utf8,
            self.block_size,
            bound,
        )

    def count(
        self, sources: Sequence[tuple[int, Source | Texts]], document: str, progress: Progress | None
    ) -> Counted:
        """Count sources, each given with the number of its group.

        Raises:
            CorpusError: if a file cannot be read or decompressed, a record or column is wrong, text is not UTF-8
                where it must be, or the disk is full.
        """
        if self.document_weight is not None or any(_has_weights(source) for _, source in sources):
            return self.weigh(
                (
                    (group, source.path, batch)
                    for group, source in sources
                    for batch in self._batches(source, document)
                ),
                progress,
            )
        counter = self.counter()
        native = [
            (group, source.path, source.format, source.field, source.compression, document)
            for group, source in sources
            if self.is_direct(source)
        ]
        if native:
            counter.add_files(native, progress)
        for group, source in sources:
            if not self.is_direct(source):
                done = 0
                for batch in self._batches(source, document):
                    name = f"{source.path}: documents from {done + 1}"
                    counter.add_documents(group, name, batch.data, batch.offsets.view(np.uint64), progress)
                    done += len(batch)
        return Counted(counter)

    def is_direct(self, source: Source | Texts) -> TypeGuard[Source]:
        """Whether the counter reads a source by itself."""
        return not isinstance(source, Texts) and source.is_native and self.prepare is None

    def _batches(self, source: Source | Texts, document: str) -> Iterator[Batch]:
        for batch in source.batches(document, self.document_weight):
            if self.prepare is None:
                yield batch
            else:
                yield pack([self.prepare(data) for data in batch], batch.weights)

    def weigh(self, batches: Iterable[tuple[int, str, Batch]], progress: Progress | None) -> Counted:
        """Count batches with weights, each given with the number of its group and what it is read from.

        Raises:
            CorpusError: as `count`; if the weights are so large that a count may reach 2⁶⁴.
        """
        bound = budget(self.memory, self.temporary)
        columns = Columns(
            self.groups, self.strict_utf8, HELD_BYTES if bound is None else min(HELD_BYTES, bound[0] // 8)
        )
        counter = self.counter(columns.names, strict_utf8=False)

        def take(column: int, batch: Batch) -> None:
            counter.add_documents(column, "documents", batch.data, batch.offsets.view(np.uint64), progress)

        done: dict[tuple[int, str], int] = {}
        for group, name, batch in batches:
            before = done.get((group, name), 0)
            columns.add(group, name, before, batch, take)
            done[group, name] = before + len(batch)
        columns.flush(take)
        return Counted(counter, columns)


@dataclass(frozen=True)
class Counted:
    """A counter that has seen everything; with weights, its columns are still to be added up."""

    counter: _rust.Counter
    columns: Columns | None = None

    @property
    def pretokenizer(self) -> str:
        """The canonical specification."""
        return self.counter.pretokenizer

    @property
    def scale(self) -> int:
        """The counts are in units of one over this."""
        return 1 if self.columns is None else self.columns.scale

    def table(self, progress: Progress | None = None) -> _rust.PretokenCounts:
        """Return the whole table."""
        return self._combined(self.counter.finish(progress))

    def parts(
        self, n_rows: int, progress: Progress | None = None
    ) -> tuple[int, Iterator[_rust.PretokenCounts]]:
        """Return the number of runs that were put aside, and the table in parts of at most ``n_rows`` rows."""
        stream = self.counter.finish_stream(progress)
        return stream.n_runs, self._parts(stream, n_rows, progress)

    def _parts(
        self, stream: _rust.CountStream, n_rows: int, progress: Progress | None
    ) -> Iterator[_rust.PretokenCounts]:
        while (part := stream.next_table(n_rows, progress)) is not None:
            yield self._combined(part)

    def _combined(self, table: _rust.PretokenCounts) -> _rust.PretokenCounts:
        return table if self.columns is None else self.columns.combined(table)


def _has_weights(source: Source | Texts) -> bool:
    return isinstance(source, Texts) and source.has_weights


def sources_of(corpus: Corpus) -> list[tuple[int, Source | Texts]]:
    """Return every source of a corpus with the number of its language."""
    return [
        (group, source)
        for group, language in enumerate(corpus.languages)
        for source in corpus.sources(language)
    ]


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
