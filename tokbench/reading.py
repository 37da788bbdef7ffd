"""From what a person writes to the files that are meant, and from a file to batches of documents.

A source is written ``path`` or ``path:field``; an existing path always wins over a colon's second meaning.
The format follows from the file name (``.jsonl``, ``.parquet``, ``.csv``, ``.tsv``, anything else is plain text;
``.gz`` and ``.zst`` on top) unless it is named. Text and JSONL are read in Rust, which gets the lines of JSONL behind
a URI from polars; Parquet and CSV are read by polars.
"""

from __future__ import annotations

import difflib
import glob
import io
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.errors import CorpusError, ParameterError
from tokbench.weights import EXPECTED, document_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl
    from numpy.typing import NDArray
    from polars._typing import PolarsDataType
else:
    from tokbench.late import pl

BATCH_BYTES = 8 << 20
"""Batches hold about this many bytes of text (more where one document is longer)."""

DEFAULT_FIELD = "text"
"""The field or column read from JSONL, Parquet and CSV where none is named."""

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_FORMATS = {
    ".txt": "text",
    ".text": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
}
_SEPARATORS = {"csv": ",", "tsv": "\t"}
_PARQUET_ROWS = 8192


@dataclass(frozen=True)
class Batch:
    """Documents back to back: document ``i`` is ``data[offsets[i]:offsets[i + 1]]``.

    ``weights`` are in ten-thousandths (see ``tokbench.weights``); without them every document weighs 1.

    Raises:
        CorpusError: if the offsets do not ascend from 0 to the length of the data, or there is not one weight for
            each document.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    weights: NDArray[np.uint64] | None = None

    def __post_init__(self) -> None:
        offsets = self.offsets
        if (
            len(offsets) == 0
            or offsets[0] != 0
            or offsets[-1] != len(self.data)
            or (np.diff(offsets) < 0).any()
        ):
            raise CorpusError("the offsets of a batch must ascend from 0 to the length of its data")
        if self.weights is not None and len(self.weights) != len(self):
            raise CorpusError(f"a batch of {len(self)} documents has {len(self.weights)} weights")

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[bytes]:
        """Yield the documents one by one."""
        data = self.data.tobytes()
        starts = self.offsets.tolist()
        for start, end in pairwise(starts):
            yield data[start:end]


@dataclass(frozen=True)
class Source:
    """One file (or URI that polars can scan) of a corpus.

    ``format`` is ``text``, ``jsonl``, ``parquet``, ``csv`` or ``tsv``; ``compression`` is ``none``, ``gzip`` or
    ``zstd``; ``field`` is the field path or column of the structured formats.
    """

    path: str
    format: str
    compression: str
    field: str | None

    @property
    def is_remote(self) -> bool:
        """Whether polars has to fetch it."""
        return "://" in self.path

    @property
    def is_native(self) -> bool:
        """Whether the compiled reader takes it."""
        return self.format in ("text", "jsonl") and not self.is_remote

    def batches(self, document: str, weight: str | None = None) -> Iterator[Batch]:
        """Read the documents that ``document`` delimits (see ``Corpus.from_files``), in order.

        ``weight`` names the field of a record that says how often its documents count.

        Raises:
            CorpusError: if the file cannot be read, naming file and line, row, byte or column.
        """
        if self.is_native:
            reader = _rust.DocumentReader(
                self.path, self.format, self.field, self.compression, document, BATCH_BYTES, weight
            )
            while (batch := reader.next_batch()) is not None:
                yield Batch(*batch)
            return
        for whole in _scan(self, weight):
            if document.startswith("separator:"):
                yield split_batch(whole, document)
            else:
                yield whole


def split_batch(batch: Batch, document: str) -> Batch:
    """Cut every document of a batch at a separator."""
    separator = document.removeprefix("separator:").encode()
    pieces: list[bytes] = []
    n_pieces: list[int] = []
    for text in batch:
        parts = text.split(separator)
        if parts[-1] == b"":
            parts.pop()
        pieces.extend(parts)
        n_pieces.append(len(parts))
    return pack(pieces, None if batch.weights is None else np.repeat(batch.weights, n_pieces))


def pack(documents: list[bytes], weights: NDArray[np.uint64] | None = None) -> Batch:
    """Put documents back to back."""
    offsets = np.zeros(len(documents) + 1, dtype=np.int64)
    np.cumsum([len(data) for data in documents], out=offsets[1:])
    return Batch(np.frombuffer(b"".join(documents), dtype=np.uint8), offsets, weights)


def parse_sources(spec: str, *, file_format: str | None = None) -> tuple[Source, ...]:
    """Find the files that ``path``, ``path:field``, a directory, a glob or a URI stands for, sorted by path.

    A directory stands for the files below it with a known extension (hidden ones left out), a glob for all
    files that match it. ``file_format`` overrides the extension: ``text``, ``jsonl.gz``, ``parquet`` ….

    Raises:
        CorpusError: if nothing is found, naming the nearest existing path.
        ParameterError: for an unknown format, or a field of plain text.

    >>> parse_sources("s3://bucket/part-*.parquet:body")[0].field
    'body'
    """
    if "://" in spec:
        path, field = _split_uri(spec)
        return (_source(path, field, file_format),)
    found, field = _find(spec)
    if found is None:
        raise CorpusError(_missing(spec))
    return tuple(_source(path, field, file_format) for path in _expand(found, file_format))


def _split_uri(spec: str) -> tuple[str, str | None]:
    scheme, _, rest = spec.partition("://")
    directory, slash, name = rest.rpartition("/")
    name, colon, field = name.partition(":")
    return f"{scheme}://{directory}{slash}{name}", field if colon else None


def _find(spec: str) -> tuple[str | None, str | None]:
    """Split a local specification into an existing path or matching glob and a field."""
    if _exists(spec):
        return spec, None
    for colon in reversed([match.start() for match in re.finditer(":", spec)]):
        path, field = spec[:colon], spec[colon + 1 :]
        is_drive = colon == 1 and spec[:1].isalpha() and field[:1] in ("/", "\\")
        if path and field and not is_drive and _exists(path):
            return path, field
    return None, None


def _exists(path: str) -> bool:
    return Path(path).exists() or (glob.has_magic(path) and bool(_matches(path)))


def _matches(pattern: str) -> list[str]:
    # Path.glob cannot take an absolute pattern.
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - the reason is above


def _expand(path: str, file_format: str | None) -> list[str]:
    if Path(path).is_dir():
        below = sorted(
            file
            for file in Path(path).rglob("*")
            if file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
            and (file_format is not None or _known(file.name))
        )
        if not below:
            endings = " ".join(_FORMATS)
            raise CorpusError(
                f"{path}: no file below this directory ends in one of {endings} (or these with .gz, .zst); "
                "name the files with a glob, or the format"
            )
        return [str(file) for file in below]
    if Path(path).exists():
        return [path]
    files = sorted(match for match in _matches(path) if Path(match).is_file())
    if not files:
        raise CorpusError(f"{path}: this pattern matches directories but no file")
    return files


def _missing(spec: str) -> str:
    if glob.has_magic(spec):
        return f"{spec}: no file matches this pattern"
    path = Path(spec)
    here = path.parent
    while not here.is_dir() and here != here.parent:
        path, here = here, here.parent
    name = path.name.split(":")[0]
    near = difflib.get_close_matches(name, [entry.name for entry in here.iterdir()], n=1, cutoff=0.5)
    hint = f"; did you mean {here / near[0]}?" if near else f"; {here} has no name like {name}"
    return f"{spec}: no such file or directory{hint}"


def _known(name: str) -> bool:
    path = Path(name)
    if path.suffix in _COMPRESSIONS:
        path = path.with_suffix("")
    return path.suffix in _FORMATS


def _source(path: str, field: str | None, file_format: str | None) -> Source:
    if file_format is None:
        name = Path(path.rpartition("/")[2])
        compression = _COMPRESSIONS.get(name.suffix, "none")
        kind = _FORMATS.get((name.with_suffix("") if compression != "none" else name).suffix, "text")
    else:
        kind, _, packed = file_format.partition(".")
        ending = f".{packed}" if packed else ""
        if kind not in _FORMATS.values() or (ending and ending not in _COMPRESSIONS):
            raise ParameterError(
                f"file_format {file_format!r} is not one of text, jsonl, parquet, csv, tsv, optionally with "
                ".gz or .zst"
            )
        compression = _COMPRESSIONS.get(ending, "none")
    if kind == "text" and field is not None:
        raise ParameterError(
            f"{path}: plain text has no field {field!r}; name the format if it is jsonl, parquet, csv or tsv"
        )
    if kind == "text" and "://" in path:
        raise CorpusError(f"{path}: only Parquet, JSONL and CSV are read from a URI; fetch plain text first")
    if kind == "parquet" and compression != "none":
        raise CorpusError(f"{path}: Parquet is compressed inside; unpack the {compression} around it first")
    return Source(path, kind, compression, None if kind == "text" else field or DEFAULT_FIELD)


def _scan(source: Source, weight: str | None) -> Iterator[Batch]:
    """Read through polars, one document per row or record, and its weight where it is named."""
    field = source.field or DEFAULT_FIELD
    path = source.path
    # A glob character in the name of an existing file is part of the name.
    has_pattern = "://" in path
    try:
        if source.format == "jsonl":
            yield from _records(path, field, weight)
        elif source.format == "parquet":
            yield from _rows(pl.scan_parquet(path, glob=has_pattern), path, field, weight)
        else:
            yield from _table(source, field, weight, has_pattern=has_pattern)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CorpusError(f"{path}: {error}") from error


def _table(source: Source, field: str, weight: str | None, *, has_pattern: bool) -> Iterator[Batch]:
    """Read delimited text with a header; a cell that is empty, or that a short row lacks, is an empty document."""
    path = source.path
    try:
        frame = pl.scan_csv(
            path,
            separator=_SEPARATORS[source.format],
            infer_schema=False,
            empty_string_is_null=False,
            glob=has_pattern,
        )
        # Through all columns: polars leaves those unread that nobody asks for, and cells too many among them.
        if f"{field}_duplicated_0" in frame.collect_schema():
            raise CorpusError(f"{path}: two columns are called {field!r}; rename one in the header")
        whole = frame.map_batches(lambda read: read, projection_pushdown=False, streamable=True)
        yield from _rows(whole, path, field, weight, is_spelled=True)
    except pl.exceptions.NoDataError as error:
        raise CorpusError(f"{path}: is empty, expected a header that names the columns") from error
    except pl.exceptions.ComputeError as error:
        found = str(error).splitlines()[0]
        raise CorpusError(
            f"{path}: {found}; expected {source.format.upper()} in UTF-8: a header, in each row as many cells, "
            "and around a cell with quotes, separators or line ends quotes, those inside doubled"
        ) from error


def _rows(
    frame: pl.LazyFrame, path: str, field: str, weight: str | None, *, is_spelled: bool = False
) -> Iterator[Batch]:
    schema = frame.collect_schema()
    columns = [_text_column(*_column(schema, field, path), field, path).alias("text")]
    if weight is not None:
        columns.append(_column(schema, weight, path)[0].alias("weight"))
    row = 0
    for part in frame.select(columns).collect_batches(chunk_size=_PARQUET_ROWS, maintain_order=True):
        column = part.get_column("text")
        if column.null_count():
            where = row + int(column.is_null().arg_max() or 0)
            raise CorpusError(f"{path}: row {where + 1}: column {field!r} is null, expected text")
        weights = (
            None
            if weight is None
            else _parts(part.get_column("weight"), path, weight, row, is_spelled=is_spelled)
        )
        row += len(column)
        yield from _slices(column, weights, path)


def _records(uri: str, field: str, weight: str | None) -> Iterator[Batch]:
    """Let polars fetch the lines and Rust take them apart: polars would turn numbers and objects into text."""
    lines = pl.scan_lines(uri, name="line", include_file_paths="path")
    path, row = "", 0
    for part in lines.collect_batches(chunk_size=_PARQUET_ROWS, maintain_order=True):
        for piece in part.partition_by("path", maintain_order=True):
            if path != piece.item(0, "path"):
                path, row = piece.item(0, "path"), 0
            for batch in _slices(piece.get_column("line"), None, path):
                texts = Batch(*_rust.json_texts(path, row + 1, field, batch.data, batch.offsets, weight))
                row += len(batch)
                if len(texts):
                    yield texts
    if not path and glob.has_magic(uri):
        # polars takes a pattern without files for no lines at all.
        raise CorpusError(f"{uri}: no file matches this pattern, or all that do are empty")


def _column(schema: pl.Schema, field: str, path: str) -> tuple[pl.Expr, PolarsDataType]:
    """Select a column by name, or a field of a struct column by its dotted path; also return its type."""
    if field in schema:
        return pl.col(field), schema[field]
    head, *rest = field.split(".")
    if head not in schema:
        raise CorpusError(f"{path}: no column {field!r}; this file has {', '.join(schema)}")
    expression: pl.Expr = pl.col(head)
    kind: PolarsDataType = schema[head]
    for name in rest:
        inner = {part.name: part.dtype for part in kind.fields} if isinstance(kind, pl.Struct) else {}
        if name not in inner:
            raise CorpusError(f"{path}: no column {field!r}; {head} has {', '.join(inner) or 'no fields'}")
        expression, kind = expression.struct.field(name), inner[name]
    return expression, kind


def _text_column(expression: pl.Expr, kind: PolarsDataType, field: str, path: str) -> pl.Expr:
    if kind not in (pl.String, pl.Binary):
        raise CorpusError(f"{path}: column {field!r} holds {kind}, expected String or Binary")
    return expression


def _parts(column: pl.Series, path: str, field: str, row: int, *, is_spelled: bool) -> NDArray[np.uint64]:
    """Read weights, which may be text where `is_spelled`; ``row`` is the number of rows before."""
    if not column.dtype.is_numeric() and not is_spelled:
        raise CorpusError(f"{path}: column {field!r} holds {column.dtype}, expected weights: {EXPECTED}")
    if column.null_count():
        where = row + int(column.is_null().arg_max() or 0)
        raise CorpusError(f"{path}: row {where + 1}: column {field!r} is null, expected a weight: {EXPECTED}")
    texts = column.cast(pl.String)
    known = texts.unique(maintain_order=True)
    parts = []
    for text in known.to_list():
        try:
            parts.append(document_parts(text))
        except ValueError as error:
            where = row + int((texts == text).arg_max() or 0)
            raise CorpusError(f"{path}: row {where + 1}: column {field!r}: {error}") from None
    spread = texts.replace_strict(known, pl.Series(parts, dtype=pl.UInt64), return_dtype=pl.UInt64)
    return spread.to_numpy()


def _slices(column: pl.Series, weights: NDArray[np.uint64] | None, path: str) -> Iterator[Batch]:
    """Cut a column into batches of bounded size."""
    sizes = column.str.len_bytes() if column.dtype == pl.String else column.bin.size()
    ends = np.cumsum(sizes.to_numpy().astype(np.int64))
    start = 0
    while start < len(column):
        base = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + BATCH_BYTES, side="right")))
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), ends[start:stop] - base])
        data = _bytes(column[start:stop])
        if len(data) != offsets[-1]:
            raise CorpusError(
                f"{path}: {len(data)} bytes of text came out of a column of {offsets[-1]} bytes"
            )
        yield Batch(data, offsets, None if weights is None else weights[start:stop])
        start = stop


def _bytes(column: pl.Series) -> NDArray[np.uint8]:
    """Return the bytes of all rows, one after another, without a Python object per row."""
    if column.dtype == pl.Binary:
        digits = _bytes(column.bin.encode("hex")).tobytes()
        return np.frombuffer(bytes.fromhex(digits.decode("ascii")), dtype=np.uint8)
    buffer = io.BytesIO()
    # An unquoted table of one column without line ends is the concatenation of its rows.
    column.to_frame().write_csv(buffer, include_header=False, quote_style="never", line_terminator="")
    return np.frombuffer(buffer.getvalue(), dtype=np.uint8)
