"""A card says of a corpus what it is, where it is obtained, its licence, languages, layout, parallel or not.

Cards are TOML files in ``corpora/cards/``, one per corpus. Nothing is downloaded because of a card: it
tells a person where to get the text, and a loader how the files lie once they have it.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from tokbench.errors import CorpusError

LAYOUTS = ("sample", "probes", "directory", "pattern", "template")
"""How files lie: inside the package (two); one file per language; a file-name pattern; a URI per language."""


@dataclass(frozen=True)
class Card:
    """What is known about one corpus.

    ``layout`` names the loader; ``pattern`` (regular expression with a group ``language``) or ``template``
    (with ``{language}``) belongs to it. ``document`` is the document boundary, ``field`` the text column.
    """

    name: str
    title: str
    what: str
    obtain: str
    licence: str
    cite: str
    languages: str
    parallel: bool
    layout: str
    document: str
    pattern: str = ""
    template: str = ""
    field: str = ""

    def __post_init__(self) -> None:
        """Check the layout's name and that it has what it needs."""
        if self.layout not in LAYOUTS:
            raise CorpusError(f"card {self.name}: layout {self.layout!r} is none of {', '.join(LAYOUTS)}")
        if self.layout in ("directory", "pattern") and not self.pattern:
            raise CorpusError(f"card {self.name}: layout {self.layout!r} needs a pattern")
        if self.layout == "template" and "{language}" not in self.template:
            raise CorpusError(f"card {self.name}: the template must hold {{language}}")


def parse_card(name: str, text: str) -> Card:
    """Read one card from TOML text.

    Raises:
        CorpusError: a key is missing or unknown, or the text is not TOML.

    """
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"card {name}: {error}") from error
    known = {field.name for field in fields(Card)} - {"name"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise CorpusError(f"card {name}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    try:
        return Card(name=name, **table)
    except TypeError as error:
        raise CorpusError(f"card {name}: {error}") from error


def names() -> tuple[str, ...]:
    """List the names of all cards, sorted.

    Example:
        >>> "sample" in names()
        True

    """
    folder = files("tokbench.corpora") / "cards"
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def card(name: str) -> Card:
    """Return the card of one corpus.

    Raises:
        CorpusError: no such card; the message suggests near names.

    Example:
        >>> card("sample").parallel
        True

    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise CorpusError(f"no corpus named {name!r}{hint} (known: {', '.join(known)})")
    text = (files("tokbench.corpora") / "cards" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_card(name, text)
