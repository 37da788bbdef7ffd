"""Pretoken counts: how often every pretoken occurs in every language, the only input of training.

Invariant: pretokens are non-empty and ascend as bytes; Σ length · count = bytes of the corpus. Saved as Parquet
with the columns ``pretoken`` (binary), ``group`` (string) and ``count`` (64-bit), sorted by pretoken and group.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.corpus import Corpus, Item, Paths, batches_of, check_names
from tokbench.count_files import (
    FORMAT_VERSION,
    PART_ROWS,
    SCHEMA,
    Dropped,
    Written,
    ends_of,
    file_metadata,
    frame_of,
    local_path,
    multiplied,
    parts_of,
    table_of,
    write_parts,
)
from tokbench.counting import BLOCK_BYTES, Counted, Counting, sources_of
from tokbench.errors import CorpusError, ParameterError
from tokbench.limits import check_address_space
from tokbench.segmenters import pieces
from tokbench.weights import Number, TermWeights, Weights, exact

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import polars as pl

    from tokbench.checkpoint import Checkpoint
    from tokbench.segmenters import Segmenter
else:
    from tokbench.late import pl

Progress = Callable[[str, int, int], None]
"""Called with phase, finished units and total units (0 where unknown)."""


@dataclass(frozen=True)
class PretokenCounts:
    """A sorted, sparse table pretoken × group → count, held by the compiled extension.

    ``pretokenizer`` is the specification that made the pretokens; ``corpus_fingerprint`` is that of the corpus,
    where it was known when the table was made. Where documents were weighted the counts are in units of one over
    ``document_scale``; of a table whose groups are weighted, one over `scale`.

    Raises:
        CorpusError: for a group whose name is empty or holds a line end or ``=``.
    """

    native: _rust.PretokenCounts
    pretokenizer: str
    corpus_fingerprint: str | None = None
    weights: Weights | None = None
    document_scale: int = 1

    def __post_init__(self) -> None:
        check_names(self.native.groups)

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
            ends_of([len(pretoken) for pretoken in pretokens]),
            ends_of([len(row) for row in rows]),
            np.array([group_id for row in rows for group_id, _ in row], dtype=np.uint32),
            np.array([count for row in rows for _, count in row], dtype=np.uint64),
        )
        return cls(native, pretokenizer)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups (languages), by group id."""
        return tuple(self.native.groups)

    @property
    def scale(self) -> int:
        """The counts are in units of one over this; 1 where nothing is weighted, or by whole numbers."""
        return self.document_scale * (1 if self.weights is None else self.weights.scale)

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
        return frame_of(self.native)

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE2b over group names, pre-tokenizer and all cells, in hexadecimal: the same table, the same digits."""
        digest = hashlib.blake2b(digest_size=16)
        scale = () if self.document_scale == 1 else (f"scale {self.document_scale}",)
        for text in (*self.groups, self.pretokenizer, *scale):
            digest.update(len(text.encode()).to_bytes(8, "little") + text.encode())
        for array in self.native.arrays():
            digest.update(array.data)
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write Parquet to a path or URI; the file appears under its name only when it is complete.

        Raises:
            CorpusError: if it cannot be written.
        """
        if (local := local_path(path)) is not None:
            write_parts(local, parts_of(self.native), self._metadata())
            return
        try:
            # Object storage shows a file only when it is complete.
            self.to_frame().write_parquet(str(path), metadata=self._metadata())
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CorpusError(f"{path}: cannot write the counts: {error}") from error

    def _metadata(self) -> dict[str, str]:
        metadata = file_metadata(self.groups, self.pretokenizer, self.corpus_fingerprint, self.document_scale)
        if self.weights is not None:
            metadata["tokbench_weights"] = json.dumps([self.weights.parts, self.weights.scale])
        return metadata

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PretokenCounts:
        """Read what ``save`` wrote, from a path or URI; a directory as ``tokbench.distributed.load_parts`` does.

        Raises:
            CorpusError: if the file is missing, is not such a table, or breaks an invariant.
        """
        local = local_path(path)
        check_address_space(streamed=False, n_bytes=_frame_bytes(local))
        name = str(local or path)
        if local.is_dir() if local is not None else not name.endswith(".parquet"):
            from tokbench.distributed import load_parts

            return load_parts(name)
        try:
            metadata = pl.read_parquet_metadata(name)
            frame = pl.read_parquet(name, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            message = (
                f"{path}: cannot read the counts; expected what `tokbench count` writes (Parquet): {error}"
            )
            raise CorpusError(message) from error
        version = metadata.get("tokbench_format")
        if version is None:
            raise CorpusError(f"{path}: is Parquet, but not a table of pretoken counts (write one with save)")
        if version != FORMAT_VERSION:
            raise CorpusError(f"{path}: has format {version}, this tokbench reads format {FORMAT_VERSION}")
        if dict(frame.schema) != SCHEMA:
            raise CorpusError(f"{path}: has the columns {dict(frame.schema)}, expected {SCHEMA}")
        if frame.null_count().sum_horizontal().item():
            raise CorpusError(f"{path}: holds null values")
        groups = metadata["tokbench_groups"].split("\n") if metadata["tokbench_groups"] else []
        try:
            native = table_of(frame, groups)
        except CorpusError as error:
            raise CorpusError(f"{path}: {error}") from error
        weights = (
            Weights(*json.loads(metadata["tokbench_weights"])) if "tokbench_weights" in metadata else None
        )
        scale = int(metadata.get("tokbench_document_scale", "1"))
        return cls(native, metadata["tokbench_pretokenizer"], metadata.get("tokbench_corpus"), weights, scale)

    def filter(self, *, min_count: int) -> tuple[PretokenCounts, Dropped]:
        """Leave out pretokens that occur fewer than ``min_count`` times over all groups, and say what was left out.

        Where documents are weighted an occurrence counts as often as its document.

        Raises:
            ParameterError: if ``min_count`` is below 1.
        """
        if min_count < 1:
            raise ParameterError(f"min_count is {min_count}, expected at least 1")
        self._check_unweighted("cut pretokens off")
        kept = self.native.at_least(min_count * self.document_scale)
        left = PretokenCounts(kept, self.pretokenizer, document_scale=self.document_scale)
        dropped = Dropped(
            len(self) - len(left), self.total_count - left.total_count, self.total_bytes - left.total_bytes
        )
        return left, dropped

    def weighted(
        self, weights: Mapping[str, Number] | None = None, *, alpha: float | None = None
    ) -> PretokenCounts:
        """Multiply each group's counts: by its weight (1 where none is given), or towards equal shares.

        `alpha` draws the groups' shares of the bytes towards each other, ``n^alpha / Σ n^alpha``: 1 leaves them,
        0 makes them equal. The weighted counts are exact integers in units of one over `scale`
        (see ``tokbench.weights``), so nothing about training becomes inexact.

        Raises:
            ParameterError: for an unknown group, a weight that is not positive or has more than four decimals,
                both or neither of the two arguments, or a table that is weighted already.
            CorpusError: when a weighted count reaches 2⁶⁴.

        >>> table = PretokenCounts.from_mapping({"eng": {b"a": 4}, "tur": {b"a": 1}})
        >>> table.weighted({"tur": 2.5}).to_frame()["count"].to_list()
        [8, 5]
        """
        self._check_unweighted("weight the counts")
        if (weights is None) == (alpha is None):
            raise ParameterError("give either weights by group or alpha")
        if alpha is not None:
            made = Weights.temperature(dict(zip(self.groups, self.native.totals()[1], strict=True)), alpha)
        else:
            made = Weights.of(weights or {}, self.groups)
        native = multiplied(self.native, [made.parts[group] for group in self.groups], made.scale)
        return replace(self, native=native, weights=made)

    def reweighted(
        self, weights: Mapping[str, Number] | Mapping[bytes, Number] | Callable[[bytes], Number]
    ) -> PretokenCounts:
        """Multiply each pretoken's counts by its own weight, so that chosen words decide more of the merges.

        Of a mapping from terms to weights a pretoken takes the weight of the term that it is, one leading space aside
        (`tokbench.weights.TermWeights`); a callable is asked for every pretoken. The counts stay exact integers: the
        table is in units of one over the new ``weights.scale``, which carries on an earlier weighting. Weights of 1
        leave the table as it is.

        Raises:
            ParameterError: for a weight that is not positive or has more than four decimals.
            CorpusError: when a weighted count reaches 2⁶⁴.

        >>> table = PretokenCounts.from_mapping({"eng": {b" ion": 4, b" on": 3}}).reweighted({"ion": 1.5})
        >>> table.to_frame()["count"].to_list(), table.weights.scale
        ([12, 6], 2)
        """
        weigh = TermWeights.of(weights) if isinstance(weights, Mapping) else weights
        arena, offsets, row_starts, group_ids, counts = self.native.arrays()
        data, ends = arena.tobytes(), offsets.tolist()
        known: dict[Number, Fraction] = {}
        fractions = []
        for begin, end in pairwise(ends):
            pretoken = data[begin:end]
            value = weigh(pretoken)
            if value not in known:
                known[value] = exact(repr(pretoken), value)
            fractions.append(known[value])
        scale = math.lcm(*(weight.denominator for weight in known.values()))
        if scale == 1 and set(known.values()) <= {Fraction(1)}:
            return self
        parts = np.repeat(
            np.array([int(weight * scale) for weight in fractions], dtype=np.uint64),
            np.diff(row_starts).astype(np.intp),
        )
        if (counts > np.uint64((1 << 64) - 1) // parts).any():
            raise CorpusError(f"a weighted count reaches 2^64 (scale {scale}); use smaller weights")
        native = _rust.PretokenCounts(
            list(self.groups), arena, offsets, row_starts, group_ids, counts * parts
        )
        before = self.weights or Weights(dict.fromkeys(self.groups, 1), 1)
        made = Weights({group: part * scale for group, part in before.parts.items()}, before.scale * scale)
        return replace(self, native=native, weights=made)

    def segmented(self, segmenter: Segmenter) -> PretokenCounts:
        """Count pieces of pretokens instead: what is trained on them makes no token across a cut.

        Σ length · count stays the same. The pre-tokenizer's specification is kept; the segmenter is not part of it.

        >>> from tokbench.segmenters import Lexicon
        >>> table = PretokenCounts.from_mapping({"tur": {b" evler": 2, b" ev": 1}})
        >>> table.segmented(Lexicon(("ev", "ler"))).to_frame().select("pretoken", "count").rows()
        [(b' ev', 3), (b'ler', 2)]
        """
        cells: dict[str, dict[bytes, int]] = {group: {} for group in self.groups}
        for pretoken, group, number in self.to_frame().iter_rows():
            column = cells[group]
            for piece in pieces(segmenter, pretoken):
                column[piece] = column.get(piece, 0) + number
        made = PretokenCounts.from_mapping(cells, pretokenizer=self.pretokenizer)
        return replace(self, native=made.native, corpus_fingerprint=None)

    def _check_unweighted(self, verb: str) -> None:
        if self.weights is not None:
            raise ParameterError(f"{verb} before weighting; this table is weighted: {self.weights.as_dict()}")

    @classmethod
    def merge(cls, *tables: PretokenCounts) -> PretokenCounts:
        """Add tables of the same pre-tokenizer, as if their corpora had been counted together.

        Groups come in the order in which they are first met. Tables of weighted documents are brought to the same
        units.

        Raises:
            CorpusError: if the pre-tokenizers differ, or nothing is given.
        """
        specs = sorted({table.pretokenizer for table in tables})
        if len(specs) != 1:
            raise CorpusError(
                f"tables of {len(specs)} pre-tokenizers cannot be added: {', '.join(specs) or 'no table given'}"
            )
        for table in tables:
            table._check_unweighted("add tables")
        groups = list(dict.fromkeys(group for table in tables for group in table.groups))
        scale = math.lcm(*(table.document_scale for table in tables))
        natives = [
            table.native
            if table.document_scale == scale
            else multiplied(table.native, [scale // table.document_scale] * len(table.groups), scale)
            for table in tables
        ]
        return cls(_rust.PretokenCounts.merge(groups, natives), specs[0], document_scale=scale)


def count(
    corpus: Corpus | Mapping[str, Paths] | Paths,
    pretokenizer: str = "cl100k",
    *,
    document: str | None = None,
    threads: int | None = None,
    strict_utf8: bool = False,
    memory: int | str | None = None,
    temporary: str | os.PathLike[str] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    block_size: int = BLOCK_BYTES,
    document_weight: str | None = None,
    engine: str | None = None,
    engine_options: Mapping[str, str] | None = None,
) -> PretokenCounts:
    """Count the pretokens of a corpus, of files by language, or of files without a language (group ``all``).

    Pretokens do not cross documents. ``document`` overrides the corpus's own rule (see ``Corpus.from_files``); for
    paths the default is ``file``, under which every byte is counted: Σ length · count = size of the text. Bytes
    that are not UTF-8 are counted as they are unless ``strict_utf8``. The result does not depend on ``threads``,
    ``block_size`` (text handed to a thread at a time), ``memory`` or the order of the files.

    ``memory`` ("2GB", a number of bytes) bounds what counting allocates (see ``tokbench.memory``); what exceeds it
    goes to a nameless file in ``temporary``, by default the system's folder for such files. The table that is
    returned comes on top; ``count_to_file`` avoids it. ``checkpoint`` keeps the counts of finished sources.

    ``document_weight`` names the field of a record that says how often it counts (see ``Corpus.from_files``), in
    place of the corpus's own; the counts are then exact integers in units of one over ``document_scale``.

    With an ``engine`` its workers count the files, to the same table (``tokbench.distributed.count_on``); threads,
    memory and progress are then the engine's own matter.

    Raises:
        CorpusError: if a file cannot be read or decompressed, a record or column is wrong, the disk is full, or
            (``strict_utf8``) text is not UTF-8, naming file and line or byte; if a weight is missing, not a number,
            negative or has more than four decimals, naming file and line or row.
        PretokenizeError: for an unknown pre-tokenizer.
        ParameterError: if ``threads`` or ``block_size`` is below 1, or ``memory`` is too little or no size.

    >>> table = count(Corpus.from_texts({"eng": ["a b a"]}), "gpt2")
    >>> table.total_bytes
    5
    """
    opened = _opened(corpus, document, document_weight)
    if engine is not None:
        from tokbench.distributed import count_on

        given = {"threads": threads, "memory": memory, "temporary": temporary, "checkpoint": checkpoint}
        if wrong := [name for name, value in given.items() if value is not None]:
            raise ParameterError(f"{', '.join(wrong)}: only for counting here; configure the engine instead")
        return count_on(
            engine, opened, pretokenizer, document=document, strict_utf8=strict_utf8, options=engine_options
        )
    if engine_options:
        raise ParameterError(f"engine_options without an engine: {', '.join(engine_options)}")
    rule = document if document is not None else opened.document
    counting = Counting(
        opened.languages,
        pretokenizer,
        strict_utf8,
        threads,
        block_size,
        memory,
        temporary,
        opened.document_weight,
    )
    if checkpoint is not None:
        return checkpoint.count(opened, counting, rule, progress)
    counted = counting.count(sources_of(opened), rule, progress)
    return replace(table_of_counter(counted, progress), corpus_fingerprint=_fingerprint(opened, rule))


def count_to_file(
    corpus: Corpus | Mapping[str, Paths] | Paths,
    path: str | os.PathLike[str],
    pretokenizer: str = "cl100k",
    *,
    document: str | None = None,
    threads: int | None = None,
    strict_utf8: bool = False,
    memory: int | str | None = None,
    temporary: str | os.PathLike[str] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    document_weight: str | None = None,
) -> Written:
    """Count as ``count`` and write the table as ``save`` does, byte for byte, without ever holding it whole.

    With ``memory`` the whole process keeps to that budget, besides the interpreter itself. Behind a URI the table
    is written at once, so it is held, and there is no budget. ``checkpoint`` keeps the counts of finished sources.

    Raises:
        CorpusError, PretokenizeError, ParameterError: as ``count``; CorpusError if the file cannot be written.
    """
    opened = _opened(corpus, document, document_weight)
    rule = document if document is not None else opened.document
    counting = Counting(
        opened.languages,
        pretokenizer,
        strict_utf8,
        threads,
        memory=memory,
        temporary=temporary,
        document_weight=opened.document_weight,
    )
    check_address_space(streamed=True)
    target = local_path(path)
    if target is None:
        given = {"memory": memory, "checkpoint": checkpoint}
        if wrong := [name for name, value in given.items() if value is not None]:
            raise ParameterError(
                f"{path}: with {' and '.join(wrong)} the table is written part by part, to a local file; copy that one"
            )
        counted = counting.count(sources_of(opened), rule, progress)
        table = replace(table_of_counter(counted, progress), corpus_fingerprint=_fingerprint(opened, rule))
        table.save(path)
        totals = (len(table), table.total_count, table.total_bytes)
        return Written(str(path), table.pretokenizer, table.groups, *totals, 0, table.document_scale)
    if not target.parent.is_dir():
        raise CorpusError(f"{target}: the folder {target.parent} does not exist; create it first")
    if checkpoint is not None:
        return checkpoint.count_to_file(
            opened, counting, rule, target, _fingerprint(opened, rule), progress=progress
        )
    counted = counting.count(sources_of(opened), rule, progress)
    n_runs, stream = counted.parts(PART_ROWS, progress)
    n_pretokens = total_count = total_bytes = 0

    def parts() -> Iterator[_rust.PretokenCounts]:
        nonlocal n_pretokens, total_count, total_bytes
        for part in stream:
            counts, sizes = part.totals()
            n_pretokens, total_count, total_bytes = (
                n_pretokens + len(part),
                total_count + sum(counts),
                total_bytes + sum(sizes),
            )
            yield part

    facts = (opened.languages, counted.pretokenizer, _fingerprint(opened, rule), counted.scale)
    write_parts(target, parts(), file_metadata(*facts))
    return Written(
        target,
        counted.pretokenizer,
        opened.languages,
        n_pretokens,
        total_count,
        total_bytes,
        n_runs,
        counted.scale,
    )


def count_texts(
    texts: Mapping[str, Iterable[Item]],
    pretokenizer: str = "cl100k",
    *,
    threads: int | None = None,
    strict_utf8: bool = False,
    memory: int | str | None = None,
    temporary: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> PretokenCounts:
    """Count documents that iterables yield, by language, without keeping them: each is consumed once.

    An item is str or bytes, or a pair of that and its weight (as in ``Corpus.from_texts``).

    Raises:
        CorpusError: for an item that is neither; (``strict_utf8``) for bytes that are not UTF-8; for a wrong weight.
        ParameterError: as ``count``.

    >>> count_texts({"eng": (word for word in ["one", "two"])}, "none").total_count
    2
    """
    counting = Counting(tuple(texts), pretokenizer, strict_utf8, threads, memory=memory, temporary=temporary)
    batches = (
        (group, language, batch)
        for group, (language, items) in enumerate(texts.items())
        for batch in batches_of(items, language)
    )
    counter = counting.counter()
    for group, language, batch in batches:
        if batch.weights is not None:
            # From the first weight on: what came before weighs 1 and is added.
            counted = counting.weigh(chain([(group, language, batch)], batches), progress)
            before = PretokenCounts(counter.finish(progress), counter.pretokenizer)
            return PretokenCounts.merge(before, table_of_counter(counted, progress))
        counter.add_documents(group, language, batch.data, batch.offsets.view(np.uint64), progress)
    return table_of_counter(Counted(counter), progress)


def table_of_counter(counted: Counted, progress: Progress | None) -> PretokenCounts:
    """Return the table of a counter that has seen everything."""
    return PretokenCounts(counted.table(progress), counted.pretokenizer, document_scale=counted.scale)


def _frame_bytes(path: Path | None) -> int:
    """Estimate what a table takes that is read from a local file: Parquet of pretokens holds about a tenth of it."""
    return 10 * path.stat().st_size if path is not None and path.is_file() else 0


def _opened(
    corpus: Corpus | Mapping[str, Paths] | Paths, document: str | None, document_weight: str | None
) -> Corpus:
    if isinstance(corpus, Corpus):
        return corpus if document_weight is None else replace(corpus, document_weight=document_weight)
    files = corpus if isinstance(corpus, Mapping) else {"all": corpus}
    return Corpus.from_files(files, document=document, document_weight=document_weight)


def _fingerprint(corpus: Corpus, document: str) -> str | None:
    """Return the corpus's fingerprint where it has been computed anyhow: else it would mean reading all again."""
    return corpus.__dict__.get("fingerprint") if document == corpus.document else None
