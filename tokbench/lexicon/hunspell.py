"""Hunspell dictionaries: whether a word is one of the language, by the Hunspell library itself.

A dictionary is a pair of files, ``xx_YY.aff`` and ``xx_YY.dic``. Recognition is the library's (compounding, conversion
tables, everything); roots and affixes, as lists of morphemes, are read from the two files' documented columns.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokbench.errors import LexiconError, PluginError

_OTHER_NAMES = {"microsoft-cp1251": "cp1251", "tis620-2533": "tis-620"}
_SLASH = re.compile(rb"(?<!\\)/")
"""Before the flags of an entry; flags need not be text of any encoding."""


class HunspellDictionary:
    """A dictionary behind two questions.

    Args:
        path: either of the two files.

    Raises:
        LexiconError: when one of the two files is missing.
        PluginError: when the library is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        affixes, entries = pair(Path(path))
        try:
            import hunspell
        except ImportError as error:
            message = "Hunspell dictionaries need the package chunspell: pip install 'tokbench[hunspell]'"
            raise PluginError(message) from error
        self.name = entries.stem
        self._dictionary: Any = hunspell.Hunspell(entries.stem, hunspell_data_dir=f"{affixes.parent}/")

    def accepts(self, word: str) -> bool:
        """Whether the word is spelled rightly."""
        return bool(self._dictionary.spell(word))

    def roots(self, word: str) -> tuple[str, ...]:
        """Return the entries that the word can be derived from, itself where it is one."""
        return tuple(self._dictionary.stem(word))


def pair(path: Path) -> tuple[Path, Path]:
    """Return the ``.aff`` and the ``.dic`` file of a dictionary.

    Raises:
        LexiconError: when one is missing.
    """
    found = path.with_suffix(".aff"), path.with_suffix(".dic")
    for file in found:
        if not file.is_file():
            message = (
                f"{file}: no such file; a Hunspell dictionary is a pair of files, .aff and .dic, of one name"
            )
            raise LexiconError(message)
    return found


@lru_cache(maxsize=16)
def _encoding(affixes: Path) -> str:
    found = re.search(rb"^SET\s+(\S+)", affixes.read_bytes(), re.MULTILINE)
    name = "latin-1" if found is None else found.group(1).decode("ascii", "replace")
    return _OTHER_NAMES.get(name.lower(), name)


def entries(path: Path) -> set[str]:
    """Return the words of the ``.dic`` file, without flags and fields.

    Raises:
        LexiconError: naming the line that cannot be decoded.
    """
    affixes, file = pair(path)
    name = _encoding(affixes)
    found = set()
    for number, line in enumerate(file.read_bytes().split(b"\n"), 1):
        if number > 1 and line.strip() and not line.startswith(b"\t"):
            word = _SLASH.split(line.split(b"\t")[0], maxsplit=1)[0].replace(b"\\/", b"/")
            found.add(_decoded(word.strip(), name, file, number))
    return found - {""}


def affixes(path: Path) -> set[str]:
    """Return the strings that the ``.aff`` file's rules ``SFX`` and ``PFX`` add.

    Raises:
        LexiconError: naming the line that cannot be decoded.
    """
    file, _ = pair(path)
    name = _encoding(file)
    found = set()
    for number, line in enumerate(file.read_bytes().split(b"\n"), 1):
        fields = line.split()
        # SFX flag strip add condition; the header of a block has a number of rules in the place of what is added.
        if len(fields) >= 4 and fields[0] in (b"SFX", b"PFX") and not fields[3].isdigit():
            added = _SLASH.split(fields[3], maxsplit=1)[0]
            if added != b"0":
                found.add(_decoded(added, name, file, number))
    return found - {""}


def _decoded(data: bytes, name: str, file: Path, line: int) -> str:
    try:
        return data.decode(name)
    except (UnicodeDecodeError, LookupError):
        message = f"{file}, line {line}: cannot be decoded as {name}, which the .aff file declares with SET"
        raise LexiconError(message) from None
