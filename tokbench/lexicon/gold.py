"""`GoldSet`: words with the byte positions of their morpheme boundaries, and how many words have none and why.

Invariant: the morphemes of a word spell it exactly; a boundary is a byte position strictly inside of the word. A word
whose morphemes do not spell it (``hope|ing`` for hoping) has no boundary that could be placed without inventing one: it
is kept apart and counted. So are words for which the source gives no segmentation.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import LexiconError
from tokbench.lexicon.forms import is_nfc, normalizer
from tokbench.lexicon.items import read_items
from tokbench.lexicon.lines import read_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.lexicon.items import Item

    Ints = NDArray[np.int64]

SUFFIXES = (".csv", ".tsv", ".txt", ".segmentations", ".gz")
"""Files of a folder that are taken for gold sets."""
_ENDINGS = (
    "_morph_data",
    "_data",
    ".segmentations",
    ".segmentation",
    ".word",
    ".inflectional.v1",
    ".derivational.v1",
)


@dataclass(frozen=True, eq=False)
class GoldSet:
    """Words and their gold boundaries.

    Attributes:
        name: what reports call it.
        items: the words whose morphemes spell them, in the order of the file.
        data: their bytes back to back.
        offsets: word `w` is ``data[offsets[w]:offsets[w + 1]]``.
        cuts: boundaries as byte positions in the word, rising.
        rows: word `w` has ``cuts[rows[w]:rows[w + 1]]``.
        unaligned: words whose morphemes do not spell them.
        unsegmented: words without any segmentation.
        not_nfc: how many of the words are not in the normal form NFC.
        fingerprint: hash of words, boundaries, weights and splits.

    Example:
        >>> from tokbench.lexicon.items import Item
        >>> gold = GoldSet.of("eng", [Item("unhappily", ("un", "happi", "ly"), 1), Item("hoping", ("hope", "ing"), 2)])
        >>> len(gold), gold.cuts.tolist(), [item.word for item in gold.unaligned]
        (1, [2, 7], ['hoping'])
    """

    name: str
    items: tuple[Item, ...]
    data: NDArray[np.uint8]
    offsets: Ints
    cuts: Ints
    rows: Ints
    unaligned: tuple[Item, ...]
    unsegmented: tuple[Item, ...]
    not_nfc: int
    fingerprint: str

    def __len__(self) -> int:
        """Count the words whose morphemes spell them."""
        return len(self.items)

    @property
    def weights(self) -> NDArray[np.float64]:
        """How often each word occurs."""
        return np.array([item.weight for item in self.items], np.float64)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the parts of the data, in the order of appearance."""
        return tuple(dict.fromkeys(item.split for item in self.items if item.split))

    @classmethod
    def of(cls, name: str, items: Sequence[Item], *, normalize: str = "keep") -> GoldSet:
        """Build a gold set; words and morphemes are first brought to the normal form."""
        bring = normalizer(normalize)
        kept: list[Item] = []
        unaligned: list[Item] = []
        unsegmented: list[Item] = []
        words: list[bytes] = []
        cuts: list[int] = []
        rows = [0]
        digest = hashlib.sha256()
        for item in items:
            word = bring(item.word).encode()
            parts = [bring(part).encode() for part in item.parts if part]
            digest.update(b"\0".join([word, *parts, f"{item.weight!r} {item.split}".encode(), b"\n"]))
            if not parts:
                unsegmented.append(item)
            elif b"".join(parts) != word:
                unaligned.append(item)
            else:
                kept.append(item)
                words.append(word)
                cuts += list(accumulate(map(len, parts[:-1])))
                rows.append(len(cuts))
        return cls(
            name,
            tuple(kept),
            np.frombuffer(b"".join(words), np.uint8),
            np.array([0, *accumulate(map(len, words))], np.int64),
            np.array(cuts, np.int64),
            np.array(rows, np.int64),
            tuple(unaligned),
            tuple(unsegmented),
            sum(not is_nfc(bring(item.word)) for item in items),
            digest.hexdigest(),
        )


def gold_sets(
    source: str | Path, form: str = "auto", *, columns: str | None = None, normalize: str = "keep"
) -> tuple[GoldSet, ...]:
    """Read one or several gold sets.

    Args:
        source: a file; a folder, every file of which is a set; or a ``.toml`` file of tables ``[[gold]]`` with
            ``path`` (relative to it) and optionally ``name``, ``form`` and ``columns``.
        form: see `tokbench.lexicon.items`.
        columns: for tables.
        normalize: ``keep``, ``nfc``, ``nfd``, ``nfkc`` or ``nfkd``.

    Raises:
        LexiconError: naming the file and line that is wrong, or two sets of one name.
    """
    path = Path(source)
    normalizer(normalize)
    if path.suffix == ".toml":
        wanted = _listed(path, form, columns)
    elif path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        if not files:
            message = f"{path}: holds no gold segmentation ({', '.join(SUFFIXES)})"
            raise LexiconError(message)
        wanted = [(_name(file), file, form, columns) for file in files]
    else:
        wanted = [(_name(path), path, form, columns)]
    names = [name for name, *_ in wanted]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        message = (
            f"{path}: two gold sets are called {twice!r}; name them in a .toml file ([[gold]] name=, path=)"
        )
        raise LexiconError(message)
    return tuple(
        _load(name, str(file), form, columns, normalize, file_state(file))
        for name, file, form, columns in wanted
    )


def _listed(path: Path, form: str, columns: str | None) -> list[tuple[str, Path, str, str | None]]:
    try:
        given = tomllib.loads(read_text(path)).get("gold")
    except tomllib.TOMLDecodeError as error:
        message = f"{path}: {error}"
        raise LexiconError(message) from error
    known = {"name", "path", "form", "columns"}
    if not isinstance(given, list) or not given:
        message = f"{path}: expected tables [[gold]] with path= and optionally name=, form=, columns="
        raise LexiconError(message)
    wanted = []
    for place, table in enumerate(given, 1):
        odd = sorted(set(table) - known) if isinstance(table, dict) else ["it is no table"]
        if odd or not all(isinstance(value, str) for value in table.values()) or "path" not in table:
            message = f"{path}: [[gold]] number {place}: expected strings path, name, form, columns; {', '.join(odd)}"
            raise LexiconError(message.rstrip("; "))
        file = path.parent / table["path"]
        wanted.append(
            (table.get("name", _name(file)), file, table.get("form", form), table.get("columns", columns))
        )
    return wanted


def _name(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    for suffix in (".csv", ".tsv", ".txt", *_ENDINGS):
        name = name.removesuffix(suffix)
    return name


def file_state(path: Path) -> tuple[int, int]:
    """Return what changes when a file does: time and size."""
    try:
        found = path.stat()
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise LexiconError(message) from error
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _load(
    name: str, path: str, form: str, columns: str | None, normalize: str, state: tuple[int, int]
) -> GoldSet:
    del state  # part of the key: a file that has changed is read again
    return GoldSet.of(name, read_items(path, form, columns=columns), normalize=normalize)
