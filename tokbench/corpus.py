"""A corpus: documents by language, re-iterable, with a fingerprint of their contents.

Invariant: iterating twice yields the same documents in the same order. Nothing is stripped, skipped or
normalised; an empty document stays a document, so that parallel documents keep their numbers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np

from tokbench.errors import CorpusError, ParameterError
from tokbench.reading import BATCH_BYTES, Batch, Source, pack, parse_sources
from tokbench.weights import FINEST, document_parts

__all__ = ["Batch", "Corpus", "Document", "Source", "Texts"]

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]
Item = str | bytes | tuple[str | bytes, int | float | Decimal | Fraction]
"""A document, or a document and its weight."""


@dataclass(frozen=True)
class Document:
    """One document: its bytes, its language, where it came from and how often counting counts it."""

    data: bytes
    language: str
    id: str
    weight: Fraction = Fraction(1)

    @property
    def text(self) -> str:
        """The document as text.

        Raises:
            CorpusError: naming the document and the byte offset where it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorpusError(f"{self.id}: byte {error.start} is not valid UTF-8 ({error.reason})") from error


@dataclass(frozen=True)
class Texts:
    """Documents held in memory, packed into batches."""

    name: str
    packed: tuple[Batch, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is said of the documents beside their text, such as their domain: a value for each of them."""

    @property
    def path(self) -> str:
        """What messages and document ids call it."""
        return self.name

    @property
    def has_weights(self) -> bool:
        """Whether a document has a weight."""
        return any(batch.weights is not None for batch in self.packed)

    def batches(self, document: str, weight: str | None = None) -> Iterator[Batch]:
        """Return the documents; they are whole whatever ``document`` says, and have weights of their own."""
        del document, weight
        yield from self.packed


@dataclass(frozen=True)
class Corpus:
    """Documents by language; made by ``from_files``, ``from_texts`` or ``parse``.

    ``metadata`` holds columns such as script or family for each language; ``document`` is the boundary rule;
    ``document_weight`` names the field of a record that says how often its documents count.

    Raises:
        CorpusError: if ``parallel`` and the languages do not have equally many documents, naming the counts; for a
            language whose name is empty or holds a line end or ``=``.
        ParameterError: for a ``document_weight`` where documents are not records of JSONL or Parquet.
    """

    parts: tuple[tuple[str, tuple[Source | Texts, ...]], ...]
    document: str = "file"
    parallel: bool = False
    name: str = "corpus"
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    document_weight: str | None = None

    def __post_init__(self) -> None:
        if self.document_weight is not None:
            for _, sources in self.parts:
                _check_records(sources, self.document_weight)
        seen = [language for language, _ in self.parts]
        check_names(seen)
        if len(set(seen)) != len(seen):
            raise CorpusError(f"a language is given twice: {', '.join(seen)}")
        unknown = sorted(set(self.metadata) - set(seen))
        if unknown:
            raise CorpusError(f"metadata for languages that the corpus does not have: {', '.join(unknown)}")
        if self.parallel and len(set(self.sizes.values())) > 1:
            counts = ", ".join(f"{language} {size}" for language, size in self.sizes.items())
            raise CorpusError(
                f"a parallel corpus needs equally many documents per language, but there are {counts}"
            )

    @classmethod
    def from_files(
        cls,
        files: Mapping[str, Paths],
        *,
        document: str | None = None,
        parallel: bool = False,
        name: str = "files",
        file_format: str | None = None,
        metadata: Mapping[str, Mapping[str, str]] | None = None,
        document_weight: str | None = None,
    ) -> Corpus:
        r"""Describe a corpus by its files: per language paths, ``path:field``, directories, globs or URIs.

        ``document`` says where a document ends: ``file`` (the whole file: every byte counts), ``line``
        (without its ``\n`` or ``\r\n``; empty lines are empty documents), ``line+end`` (with it),
        ``separator:XYZ`` (what stands between), ``record`` (JSONL, Parquet and CSV, where the record is the
        document under every rule; a separator cuts inside of it). The default is ``line`` for a parallel
        corpus and ``file`` otherwise. ``file_format`` overrides the file extension: ``text``, ``jsonl.gz`` ….

        ``document_weight`` names the field (column) that says how often counting and training count a record: a
        number of at least 0 with at most four decimals, exactly. Evaluation takes each document once.

        Raises:
            CorpusError: if a path, a directory's or a pattern's files do not exist.
            ParameterError: for an unknown boundary or format, and for records or weights of plain text.

        >>> Corpus.from_files({"eng": "pyproject.toml"}, document="line").languages
        ('eng',)
        """
        rule = document if document is not None else ("line" if parallel else "file")
        if rule not in ("file", "line", "line+end", "record") and not re.match(
            r"separator:.", rule, re.DOTALL
        ):
            raise ParameterError(
                f"document: {rule!r} is not a boundary; use file, line, line+end, record or separator:TEXT"
            )
        parts = []
        for language, paths in files.items():
            listed = [paths] if isinstance(paths, str | PathLike) else list(paths)
            sources = tuple(
                source for path in listed for source in parse_sources(str(path), file_format=file_format)
            )
            for source in sources:
                if rule == "record" and source.format == "text":
                    raise ParameterError(f"{source.path}: plain text has no records; use line or file")
            parts.append((language, sources))
        return cls(tuple(parts), rule, parallel, name, dict(metadata or {}), document_weight)

    @classmethod
    def from_texts(
        cls,
        texts: Mapping[str, Iterable[Item]],
        *,
        parallel: bool = False,
        name: str = "texts",
        metadata: Mapping[str, Mapping[str, str]] | None = None,
        columns: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    ) -> Corpus:
        """Hold documents given as str or bytes, or as pairs of these and a weight; an iterable is read once, now.

        ``columns`` holds, by language and name, a value for each document, such as its domain: `evaluate` groups by it.

        Raises:
            CorpusError: if an item is neither, or a str that UTF-8 cannot express (a lone surrogate), or a weight is
                no number of at least 0 with at most four decimals; if a column has more or fewer values than there
                are documents.

        >>> [document.id for document in Corpus.from_texts({"eng": ["one", b"two"]}).documents("eng")]
        ['eng:1', 'eng:2']
        """
        given = columns or {}
        parts = tuple(
            (language, (_held(language, items, given.get(language, {})),))
            for language, items in texts.items()
        )
        return cls(parts, "file", parallel, name, dict(metadata or {}))

    @classmethod
    def parse(
        cls,
        specs: Sequence[str],
        *,
        document: str | None = None,
        parallel: bool = False,
        name: str = "files",
        file_format: str | None = None,
        document_weight: str | None = None,
    ) -> Corpus:
        """Read command-line strings such as ``eng=a.txt``; a path without a language belongs to ``all``.

        The same language may be given several times; its files are read in the order given.

        Raises:
            CorpusError: as ``from_files``; if nothing is given.
        """
        if not specs:
            raise CorpusError("no corpus is given; write LANGUAGE=PATH, for example eng=english.txt")
        files: dict[str, list[str]] = {}
        for spec in specs:
            match = re.match(r"([\w.-]+)=(.+)", spec, re.DOTALL)
            language, path = (match[1], match[2]) if match and not Path(spec).exists() else ("all", spec)
            files.setdefault(language, []).append(path)
        return cls.from_files(
            files,
            document=document,
            parallel=parallel,
            name=name,
            file_format=file_format,
            document_weight=document_weight,
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in the order given."""
        return tuple(language for language, _ in self.parts)

    def sources(self, language: str) -> tuple[Source | Texts, ...]:
        """Return what a language is read from.

        Raises:
            CorpusError: if the corpus does not have the language.
        """
        for known, sources in self.parts:
            if known == language:
                return sources
        raise CorpusError(f"no language {language!r} in this corpus; it has {', '.join(self.languages)}")

    def select(self, languages: Iterable[str]) -> Corpus:
        """Keep some of the languages, in the order given.

        Raises:
            CorpusError: if the corpus does not have one of them, or one is named twice.

        >>> Corpus.from_texts({"eng": ["one"], "tur": ["bir"]}).select(["tur"]).languages
        ('tur',)
        """
        kept = list(languages)
        parts = tuple((language, self.sources(language)) for language in kept)
        metadata = {language: self.metadata[language] for language in kept if language in self.metadata}
        return replace(self, parts=parts, metadata=metadata)

    def batches(self, language: str) -> Iterator[Batch]:
        """Read the documents of a language in order, about 8 MB at a time.

        Raises:
            CorpusError: if a file cannot be read, naming file and place.
        """
        for source in self.sources(language):
            yield from source.batches(self.document, self.document_weight)

    def has_column(self, name: str) -> bool:
        """Whether every document comes with a value of this name, or from a record that may hold it.

        >>> Corpus.from_texts({"eng": ["one"]}, columns={"eng": {"domain": ["news"]}}).has_column("domain")
        True
        """
        return all(
            name in source.columns if isinstance(source, Texts) else source.format != "text"
            for _, sources in self.parts
            for source in sources
        )

    def column(self, language: str, name: str) -> Iterator[str]:
        """Read another field (column) of the records of a language: a text for each document, in order.

        Raises:
            CorpusError: if a file cannot be read or lacks the field, or a value is empty or no text, naming the place.
            ParameterError: where documents have no fields, or a separator cuts several documents out of a record.
        """
        if self.document.startswith("separator:"):
            raise ParameterError(
                f"column {name!r}: {self.document!r} cuts records into several documents; read whole records"
            )
        for source in self.sources(language):
            if not self.has_column(name):
                raise ParameterError(
                    f"{source.path}: its documents have no column {name!r}; only records have"
                )
            if isinstance(source, Texts):
                yield from source.columns[name]
                continue
            number = 0
            for batch in replace(source, field=name).batches("record"):
                for value in batch:
                    number += 1
                    if not value:
                        raise CorpusError(
                            f"{source.path}: record {number}: {name!r} is empty, expected a group"
                        )
                    yield value.decode("utf-8", "replace")

    def documents(self, language: str) -> Iterator[Document]:
        """Read the documents of a language one by one; the id is the file and the number in it, from 1."""
        for source in self.sources(language):
            number = 0
            for batch in source.batches(self.document, self.document_weight):
                weights = None if batch.weights is None else batch.weights.tolist()
                for at, data in enumerate(batch):
                    weight = Fraction(1) if weights is None else Fraction(weights[at], FINEST)
                    yield Document(data, language, f"{source.path}:{number + at + 1}", weight)
                number += len(batch)

    def __iter__(self) -> Iterator[Document]:
        """Read all documents, language by language."""
        for language in self.languages:
            yield from self.documents(language)

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Number of documents of each language (reads the corpus once)."""
        return {language: sum(map(len, self.batches(language))) for language in self.languages}

    @cached_property
    def n_bytes(self) -> Mapping[str, int]:
        """Number of bytes of each language's documents (reads the corpus once)."""
        return {
            language: sum(batch.data.size for batch in self.batches(language)) for language in self.languages
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the contents: 32 hexadecimal digits (reads the corpus once).

        BLAKE2b over, for each language in order, its name, the BLAKE2b of its documents' bytes one after
        another and the BLAKE2b of their lengths (64-bit little endian), and, where a weight is not 1, that of their
        weights in ten-thousandths. It does not depend on file names, formats, compression or how documents are
        spread over files.
        """
        whole = hashlib.blake2b(digest_size=16)
        for language in self.languages:
            data, lengths, weights = hashlib.blake2b(), hashlib.blake2b(), hashlib.blake2b()
            is_weighted = False
            for batch in self.batches(language):
                parts = np.full(len(batch), FINEST, np.uint64) if batch.weights is None else batch.weights
                is_weighted = is_weighted or bool((parts != FINEST).any())
                weights.update(parts.astype("<u8").data)
                data.update(np.ascontiguousarray(batch.data).data)
                lengths.update(np.diff(batch.offsets).astype("<i8").data)
            name = language.encode()
            whole.update(len(name).to_bytes(8, "little") + name + data.digest() + lengths.digest())
            if is_weighted:
                whole.update(weights.digest())
        return whole.hexdigest()


def _held(language: str, items: Iterable[Item], columns: Mapping[str, Sequence[str]]) -> Texts:
    made = Texts(
        language,
        tuple(batches_of(items, language)),
        {name: tuple(values) for name, values in columns.items()},
    )
    n = sum(map(len, made.packed))
    for name, values in made.columns.items():
        if len(values) != n:
            raise CorpusError(f"{language}: {n} documents, but {len(values)} values in the column {name!r}")
        if not all(isinstance(value, str) and value for value in values):
            raise CorpusError(f"{language}: the column {name!r} must hold text, no empty one")
    return made


def check_names(groups: Iterable[str]) -> None:
    """Refuse names of languages that files of counts and command lines could not tell apart.

    Raises:
        CorpusError: for a name that is empty or holds a line end or ``=``.
    """
    for group in groups:
        if not group or re.search(r"[\n\r=]", group):
            raise CorpusError(
                f"a language (group) is called {group!r}; names must not be empty nor hold a line end or '='"
            )


def _check_records(sources: Iterable[Source | Texts], weight: str) -> None:
    for source in sources:
        if isinstance(source, Texts):
            raise ParameterError(
                f"document_weight: texts in memory have no field {weight!r}; give pairs of text and weight instead"
            )
        if source.format == "text":
            raise ParameterError(
                f"document_weight: {source.path} is plain text and has no field {weight!r}; only records of JSONL, "
                "Parquet and CSV have fields"
            )


def batches_of(items: Iterable[Item], name: str) -> Iterator[Batch]:
    """Pack an iterable of documents (or of pairs of document and weight) into batches, consuming it as it goes.

    Raises:
        CorpusError: naming the item that is neither, or that UTF-8 cannot express.
    """
    if isinstance(items, str | bytes):
        raise CorpusError(
            f"{name}: expected an iterable of documents, got one {type(items).__name__}; put it in a list"
        )
    held: list[bytes] = []
    weights: list[int] = []
    size = 0
    for number, item in enumerate(items, start=1):
        if isinstance(item, tuple):
            item = _weighted(item, f"{name}:{number}", weights, len(held))
        if isinstance(item, str):
            try:
                data = item.encode("utf-8")
            except UnicodeEncodeError as error:
                raise CorpusError(
                    f"{name}:{number}: character {error.start} is a lone surrogate, not text"
                ) from error
        elif isinstance(item, bytes):
            data = item
        else:
            raise CorpusError(f"{name}:{number}: expected str or bytes, got {type(item).__name__}")
        held.append(data)
        size += len(data)
        if size >= BATCH_BYTES:
            yield _packed(held, weights)
            held, weights, size = [], [], 0
    if held:
        yield _packed(held, weights)


def _weighted(item: tuple[object, ...], name: str, weights: list[int], n_before: int) -> str | bytes:
    """Take the weight off an item; what came before without one weighs 1."""
    if len(item) != 2 or not isinstance(item[0], str | bytes) or isinstance(item[1], str | bytes):
        raise CorpusError(
            f"{name}: expected a document, or a pair of a document and its weight, got {item!r:.80}"
        )
    try:
        parts = document_parts(item[1])
    except ValueError as error:
        raise CorpusError(f"{name}: {error}") from None
    weights += [FINEST] * (n_before - len(weights))
    weights.append(parts)
    return item[0]


def _packed(documents: list[bytes], weights: list[int]) -> Batch:
    if not weights:
        return pack(documents)
    filled = weights + [FINEST] * (len(documents) - len(weights))
    return pack(documents, np.array(filled, dtype=np.uint64))
