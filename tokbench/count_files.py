"""Count tables as rows and as Parquet: one row per pretoken and group, written part by part.

A table is never held twice: it goes out in parts of some ten thousand pretokens.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.errors import CorpusError
from tokbench.late import LateMapping
from tokbench.limits import check_address_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray
else:
    from tokbench.late import pl

PART_ROWS = 1 << 15
"""Pretokens in a part: what is held as Python objects at a time."""

ROW_GROUP = 1 << 17
"""Rows that Parquet packs at a time; twice as many take 10 MB more and save 0.2 % of the file."""

SCHEMA = LateMapping(lambda: {"pretoken": pl.Binary(), "group": pl.String(), "count": pl.UInt64()})


def local_path(path: str | os.PathLike[str]) -> Path | None:
    """Return the file that a path or a ``file:///`` URI names, None for another URI."""
    name = str(path)
    if name.startswith("file:///"):
        return Path(name.removeprefix("file://"))
    return None if "://" in name else Path(name)


FORMAT_VERSION = "1"


@dataclass(frozen=True)
class Dropped:
    """What ``filter`` left out: distinct pretokens, their occurrences and their bytes."""

    pretokens: int
    count: int
    bytes: int


@dataclass(frozen=True)
class Written:
    """What a file of counts holds: distinct pretokens, their occurrences and their bytes.

    ``n_runs`` is the number of sorted runs that were put aside to keep to the memory budget. Counts and bytes of
    weighted documents are in units of one over ``document_scale``.
    """

    path: Path | str
    pretokenizer: str
    groups: tuple[str, ...]
    n_pretokens: int
    total_count: int
    total_bytes: int
    n_runs: int
    document_scale: int = 1


def multiplied(table: _rust.PretokenCounts, factors: Sequence[int], scale: int) -> _rust.PretokenCounts:
    """Multiply the counts of each group; ``scale`` is for the message.

    Raises:
        CorpusError: when a count reaches 2⁶⁴.
    """
    arena, offsets, row_starts, group_ids, counts = table.arrays()
    largest = np.array([((1 << 64) - 1) // factor for factor in factors], dtype=np.uint64)
    if (counts > largest[group_ids]).any():
        raise CorpusError(f"a weighted count reaches 2^64 (scale {scale}); use smaller weights")
    by_cell = np.array(factors, dtype=np.uint64)[group_ids]
    return _rust.PretokenCounts(table.groups, arena, offsets, row_starts, group_ids, counts * by_cell)


def file_metadata(
    groups: Sequence[str], pretokenizer: str, fingerprint: str | None, document_scale: int
) -> dict[str, str]:
    """Return what a file of counts says about itself."""
    metadata = {
        "tokbench_format": FORMAT_VERSION,
        "tokbench_pretokenizer": pretokenizer,
        "tokbench_groups": "\n".join(groups),
    }
    if document_scale != 1:
        metadata["tokbench_document_scale"] = str(document_scale)
    return metadata if fingerprint is None else {**metadata, "tokbench_corpus": fingerprint}


def ends_of(lengths: Sequence[int]) -> NDArray[np.uint64]:
    """Return where each of the lengths ends, from 0."""
    ends = np.zeros(len(lengths) + 1, dtype=np.uint64)
    np.cumsum(lengths, out=ends[1:], dtype=np.uint64)
    return ends


def parts_of(table: _rust.PretokenCounts) -> Iterator[_rust.PretokenCounts]:
    """Cut a table into the parts in which it is written."""
    for start in range(0, len(table), PART_ROWS):
        yield table.rows(start, start + PART_ROWS)


def frame_of(table: _rust.PretokenCounts) -> pl.DataFrame:
    """Return one row per pretoken and group, sorted by both."""
    arena, offsets, row_starts, group_ids, counts = table.arrays()
    data = arena.tobytes()
    pretokens = pl.Series([data[a:b] for a, b in pairwise(offsets.tolist())], dtype=pl.Binary)
    rows = np.repeat(
        np.arange(len(pretokens), dtype=np.uint32), (row_starts[1:] - row_starts[:-1]).view(np.int64)
    )
    names = pl.Series(table.groups, dtype=pl.String)
    return pl.DataFrame(
        {
            "pretoken": pretokens.gather(rows),
            "group": names.gather(group_ids),
            "count": pl.Series(counts, dtype=pl.UInt64),
        },
        schema=dict(SCHEMA),
    )


def table_of(frame: pl.DataFrame, groups: Sequence[str]) -> _rust.PretokenCounts:
    """Turn rows back into the sparse table, whose constructor checks the invariants.

    Raises:
        CorpusError: for a group that is not among ``groups``, or rows that break an invariant.
    """
    unknown = frame.filter(~pl.col("group").is_in(groups)).get_column("group").unique().sort().to_list()
    if unknown:
        raise CorpusError(f"has groups that its metadata does not name: {', '.join(unknown)}")
    if frame.is_empty():
        nothing = np.zeros(1, dtype=np.uint64)
        return _rust.PretokenCounts(
            list(groups),
            nothing[:0].astype(np.uint8),
            nothing,
            nothing,
            nothing[:0].astype(np.uint32),
            nothing[:0],
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
        list(groups), arena, offsets, row_starts, ids.to_numpy(), frame.get_column("count").to_numpy()
    )


def write_parts(target: Path, parts: Iterable[_rust.PretokenCounts], metadata: Mapping[str, str]) -> None:
    """Write Parquet part by part; the file appears under its name only when it is complete.

    Raises:
        CorpusError: naming the file, if it cannot be written.
    """

    def rows(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del columns, predicate, n_rows, batch_size  # nothing is selected before a sink
        yield from map(frame_of, parts)

    from polars.io.plugins import register_io_source

    check_address_space(streamed=True)
    partial: Path | None = None
    try:
        opened, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(opened)
        partial = Path(name)
        register_io_source(rows, schema=dict(SCHEMA)).sink_parquet(
            partial,
            metadata=dict(metadata),
            row_group_size=ROW_GROUP,
            maintain_order=True,
            sync_on_close="all",
        )
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(target)
        partial = None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorpusError(
            f"{target}: cannot write the counts: {error}; make room there or name another file"
        ) from error
    finally:
        if partial is not None:
            try:
                partial.unlink(missing_ok=True)
            except KeyboardInterrupt:
                # polars raises Ctrl-C by itself, and Python's own notice of it arrives only now.
                partial.unlink(missing_ok=True)
                raise
