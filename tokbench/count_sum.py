"""Adding files of counts up in a stream: however large they are, a part of each is in memory.

All files are sorted by pretoken. Of every file one part is at hand; what lies below the smallest of their last
pretokens is complete and can be added up and written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench import _rust
from tokbench.count_files import PART_ROWS, ROW_GROUP, file_metadata, multiplied, table_of, write_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl
else:
    from tokbench.late import pl


def add_files(
    paths: Sequence[Path],
    target: Path,
    *,
    groups: Sequence[str],
    pretokenizer: str,
    fingerprint: str | None = None,
) -> None:
    """Write the sum of files that `PretokenCounts.save` wrote, all of these groups and this pre-tokenizer.

    The file is that which `save` writes of the sum, byte for byte; of no file it is that of an empty table.

    Raises:
        CorpusError: if a sum reaches 2⁶⁴, or the file cannot be written.
    """
    scales = [int(pl.read_parquet_metadata(path).get("tokbench_document_scale", "1")) for path in paths]
    scale = math.lcm(*scales)
    files = [_Reader(path, scale // own) for path, own in zip(paths, scales, strict=True)]
    parts = _even(_sums(files, groups), groups)
    write_parts(target, parts, file_metadata(groups, pretokenizer, fingerprint, scale))


def totals_of(path: Path, groups: Sequence[str]) -> tuple[str, int, int, int, int]:
    """Return the pre-tokenizer and the scale of a file, and its distinct pretokens, their occurrences and bytes."""
    metadata = pl.read_parquet_metadata(path)
    n_pretokens = total_count = total_bytes = 0
    for table in _sums([_Reader(path, 1)], groups):
        counts, sizes = table.totals()
        n_pretokens += len(table)
        total_count += sum(counts)
        total_bytes += sum(sizes)
    scale = int(metadata.get("tokbench_document_scale", "1"))
    return metadata["tokbench_pretokenizer"], scale, n_pretokens, total_count, total_bytes


@dataclass
class _Reader:
    """One file: the rows at hand, and where the next ones start."""

    path: Path
    factor: int
    held: pl.DataFrame | None = None
    start: int = 0
    ended: bool = False

    def read(self) -> None:
        """Put the next rows behind those at hand."""
        rows = pl.scan_parquet(self.path, glob=False).slice(self.start, ROW_GROUP).collect()
        self.start += len(rows)
        self.ended = len(rows) < ROW_GROUP
        self.held = rows if self.held is None or self.held.is_empty() else pl.concat([self.held, rows])

    def last(self) -> bytes | None:
        """Return the pretoken that more rows may follow for, None where no row follows."""
        if self.ended or self.held is None:
            return None
        pretoken: bytes = self.held.get_column("pretoken")[-1]
        return pretoken

    def take(self, bound: bytes | None, groups: Sequence[str]) -> _rust.PretokenCounts | None:
        """Hand out the rows below a bound (all for None)."""
        if self.held is None or self.held.is_empty():
            return None
        if bound is None:
            taken, self.held = self.held, None
        else:
            n_below = int(self.held.get_column("pretoken").search_sorted(bound, side="left"))
            taken, self.held = self.held[:n_below], self.held[n_below:]
        if taken.is_empty():
            return None
        table = table_of(taken, groups)
        return table if self.factor == 1 else multiplied(table, [self.factor] * len(groups), self.factor)


def _sums(files: Sequence[_Reader], groups: Sequence[str]) -> Iterator[_rust.PretokenCounts]:
    while True:
        for file in files:
            if not file.ended and (file.held is None or file.held.is_empty()):
                file.read()
        bounds = [last for file in files if (last := file.last()) is not None]
        bound = min(bounds, default=None)
        tables = [table for file in files if (table := file.take(bound, groups)) is not None]
        if tables:
            yield _rust.PretokenCounts.merge(list(groups), tables)
        elif bound is None:
            return
        else:
            # All rows at hand belong to one pretoken.
            for file in files:
                if file.last() == bound:
                    file.read()


def _even(tables: Iterator[_rust.PretokenCounts], groups: Sequence[str]) -> Iterator[_rust.PretokenCounts]:
    """Cut a stream of tables into the parts that `save` writes."""
    rest: _rust.PretokenCounts | None = None
    for table in tables:
        whole = table if rest is None else _rust.PretokenCounts.merge(list(groups), [rest, table])
        start = 0
        while len(whole) - start >= PART_ROWS:
            yield whole.rows(start, start + PART_ROWS)
            start += PART_ROWS
        rest = whole.rows(start, len(whole))
    if rest is not None and len(rest):
        yield rest
