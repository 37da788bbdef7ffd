"""Weights of languages: how many people speak or write each, from a table that the user can replace.

The table that comes with the package is `speakers.toml`; its head says where the figures are from. A language that
the table does not hold has no weight, and a weighted value over it is undefined and says so: weights are not guessed.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_table(package_file: str, path: str | None, section: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the entries of a section of a TOML table: the package's own, or the user's.

    Raises:
        MetricError: naming the file, when it cannot be read, or has no such section of tables.
    """
    return _read(package_file, path, section)


@cache
def _read(package_file: str, path: str | None, section: str) -> Mapping[str, Mapping[str, Any]]:
    where = path or package_file
    try:
        if path is None:
            text = resources.files("tokbench.metrics").joinpath(package_file).read_text(encoding="utf-8")
        else:
            text = Path(path).read_text(encoding="utf-8")
        entries = tomllib.loads(text).get(section)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{where}: cannot read the table: {error}"
        raise MetricError(message) from error
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        message = f"{where}: expected a section [{section}] whose entries are tables, such as name = {{ … }}"
        raise MetricError(message)
    return entries


def weights(languages: tuple[str, ...], column: str, table: str | None = None) -> dict[str, float | None]:
    """Return the weight of each language, None where the table has none.

    A language is looked up by its whole name (``zho_Hant``), by what stands before ``_`` or ``-`` (``zho``), and by
    the tag of the table's entries (``zh``).

    Raises:
        MetricError: when no entry has the column, or a weight is no positive number.

    Example:
        >>> weights(("eng_Latn", "xxx"), "speakers")["xxx"] is None
        True
    """
    entries = read_table("speakers.toml", table, "languages")
    columns = sorted({name for entry in entries.values() for name in entry if name != "tag"})
    if column not in columns:
        message = f"{table or 'speakers.toml'}: no column {column!r}; columns: {', '.join(columns)}"
        raise MetricError(message)
    by_tag = {str(entry["tag"]): entry for entry in entries.values() if "tag" in entry}
    found: dict[str, float | None] = {}
    for language in languages:
        short = language.replace("-", "_").split("_")[0]
        entry = entries.get(language) or entries.get(short) or by_tag.get(language) or by_tag.get(short) or {}
        weight = entry.get(column)
        if weight is not None and (
            isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0
        ):
            message = (
                f"{table or 'speakers.toml'}: {column} of {language} is {weight!r}, not a positive number"
            )
            raise MetricError(message)
        found[language] = None if weight is None else float(weight)
    return found
