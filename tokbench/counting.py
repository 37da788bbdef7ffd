"""What is counted and how, apart from what becomes of the result: a table, a file, or parts kept between runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.corpus import Texts
from tokbench.errors import ParameterError
from tokbench.memory import budget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokbench.corpus import Corpus
    from tokbench.reading import Source

    Progress = Callable[[str, int, int], None]

BLOCK_BYTES = 1 << 19
"""Text handed to a thread at a time."""


@dataclass(frozen=True)
class Counting:
    """The settings of a count; only ``groups`` to ``strict_utf8`` can decide its result.

    Raises:
        ParameterError: if ``threads`` or ``block_size`` is below 1, or the memory budget cannot be used.
    """

    groups: tuple[str, ...]
    pretokenizer: str
    strict_utf8: bool
    threads: int | None
    block_size: int = BLOCK_BYTES
    memory: int | str | None = None
    temporary: str | os.PathLike[str] | None = None

    def counter(self) -> _rust.Counter:
        """Make a counter that has seen nothing.

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
            list(self.groups), self.pretokenizer, wanted, self.strict_utf8, self.block_size, bound
        )

    def count(
        self, sources: Sequence[tuple[int, Source | Texts]], document: str, progress: Progress | None
    ) -> _rust.Counter:
        """Count sources, each given with the number of its group.

        Raises:
            CorpusError: if a file cannot be read or decompressed, a record or column is wrong, text is not UTF-8
                where it must be, or the disk is full.
        """
        counter = self.counter()
        native = [
            (group, source.path, source.format, source.field, source.compression, document)
            for group, source in sources
            if not isinstance(source, Texts) and source.is_native
        ]
        if native:
            counter.add_files(native, progress)
        for group, source in sources:
            if isinstance(source, Texts) or not source.is_native:
                done = 0
                for batch in source.batches(document):
                    name = f"{source.path}: documents from {done + 1}"
                    counter.add_documents(group, name, batch.data, batch.offsets.view(np.uint64), progress)
                    done += len(batch)
        return counter


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
