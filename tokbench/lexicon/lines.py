"""Lines and rows of a file of words, with their numbers, so that every complaint names file and line."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import LexiconError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOM = b"\xef\xbb\xbf"


def read_text(path: str | Path) -> str:
    """Return a file's text: UTF-8, without a byte order mark; ``.gz`` is unpacked.

    Raises:
        LexiconError: when it cannot be read, or naming the line that is not UTF-8.
    """
    given = Path(path)
    try:
        data = given.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        message = f"{given}: cannot be read: {reason}"
        raise LexiconError(message) from error
    data = data.removeprefix(BOM)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = (
            f"{given}, line {line}: byte {error.start} is not UTF-8; convert the file first (iconv -t utf-8)"
        )
        raise LexiconError(message) from None


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield number and content of every line that is not empty."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        content = line.removesuffix("\r")
        if content.strip():
            yield number, content


def tab_rows(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number and tab-separated fields of every line that is not empty."""
    for number, line in lines(path):
        yield number, [field.strip() for field in line.split("\t")]


class Table:
    """Rows under a header, separated by tabs, semicolons or commas, whichever the header has most of.

    Raises:
        LexiconError: when the file is empty or a row has another number of fields than the header.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._text = read_text(path)
        first = self._text.split("\n", 1)[0].removesuffix("\r")
        if not first.strip():
            message = f"{self.path}, line 1: expected a header that names the columns"
            raise LexiconError(message)
        self._delimiter = max("\t;,", key=first.count)
        self.columns: list[str] = [
            name.strip() for name in next(csv.reader([first], delimiter=self._delimiter))
        ]

    def place(self, column: str) -> int:
        """Return the position of a column; names are compared without case.

        Raises:
            LexiconError: when there is none, naming those that there are.
        """
        found = self.find(column)
        if found is None:
            message = (
                f"{self.path}: no column {column!r}; its columns: {', '.join(filter(None, self.columns))}"
            )
            raise LexiconError(message)
        return found

    def find(self, *names: str) -> int | None:
        """Return the position of the first of these columns that there is."""
        lowered = [column.lower() for column in self.columns]
        return next((lowered.index(name.lower()) for name in names if name.lower() in lowered), None)

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield line number and fields of every row."""
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter)
        next(reader)
        begin = reader.line_num + 1
        try:
            for row in reader:
                number, begin = begin, reader.line_num + 1
                if not row:
                    continue
                if len(row) != len(self.columns):
                    message = (
                        f"{self.path}, line {number}: {len(row)} fields, but the header has "
                        f"{len(self.columns)} columns"
                    )
                    raise LexiconError(message)
                yield number, row
        except csv.Error as error:
            message = f"{self.path}, line {reader.line_num}: {error}"
            raise LexiconError(message) from error


def settings(path: str, text: str | None, known: Sequence[str]) -> dict[str, str]:
    """Read ``word=Word;parts=c1+c2`` into a mapping.

    Raises:
        LexiconError: for another form, or a key that is not known.

    Example:
        >>> settings("f", "word=stim;parts=c1+c2", ["word", "parts"])
        {'word': 'stim', 'parts': 'c1+c2'}
    """
    found: dict[str, str] = {}
    for part in (text or "").split(";"):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals or key.strip() not in known or key.strip() in found or not value:
            message = f"{path}: columns={text!r}: expected KEY=COLUMN;…, each once, of {', '.join(known)}"
            raise LexiconError(message)
        found[key.strip()] = value.strip() if key.strip() != "separator" else value
    return found


def number(path: Path, line: int, text: str, what: str) -> float:
    """Read a number.

    Raises:
        LexiconError: naming file and line.
    """
    try:
        return float(text)
    except ValueError:
        message = f"{path}, line {line}: {what} {text!r} is no number"
        raise LexiconError(message) from None
