"""Readers of gold segmentations: one `Item` for each word of a file, whatever the file's form.

==============  =====================================================================================================
form            a line or row
==============  =====================================================================================================
list            ``word<TAB>seg|ments``, optionally a third field: how often the word occurs
sigmorphon      ``word<TAB>morph @@morph<TAB>category`` (SIGMORPHON 2022 shared task on morpheme segmentation)
unimorph        ``lemma<TAB>form<TAB>features<TAB>seg|ments`` (UniMorph segmentations, MorphyNet inflectional); ``-``
                where there is none
morphynet       ``source<TAB>target<TAB>pos<TAB>pos<TAB>affix<TAB>prefix|suffix`` (MorphyNet derivational)
morphscore      a table with the columns full_word, pt1, rest (MorphScore v1)
morphscore2     a table with wordform, preceding_part, stem, following_part; rows that are not ``unique``, whose stem is
                not the lemma, or with a digit are left out, as MorphScore v2 does by default; ``morphscore2_all``
                keeps them
table           a table whose columns are named: ``word=stim;parts=c1+c2`` (LADEC), ``word=Word;parts=MorphoLexSegm``
                (MorphoLex' notation is recognised), ``word=w;parts=seg;separator=|;weight=freq;split=fold``
==============  =====================================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import LexiconError
from tokbench.lexicon.lines import Table, lines, number, settings, tab_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NO_SEGMENTATION = frozenset({"", "-", "—", "–"})
COLUMNS = ("word", "parts", "separator", "weight", "split")
_KNOWN_TABLES = {
    ("stim", "c1", "c2"): "word=stim;parts=c1+c2",
    ("Word", "MorphoLexSegm"): "word=Word;parts=MorphoLexSegm",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A word and its morphemes as the file gives them; no morphemes where the file gives none.

    Attributes:
        word: the word.
        parts: morphemes in order; they need not spell the word.
        line: where it stands in the file.
        weight: how often the word occurs, 1 where the file does not say.
        split: the part of the data it belongs to, empty where the file does not say.
    """

    word: str
    parts: tuple[str, ...]
    line: int
    weight: float = 1.0
    split: str = ""


def read_items(path: str | Path, form: str = "auto", *, columns: str | None = None) -> list[Item]:
    r"""Read a gold segmentation.

    Args:
        path: the file; ``.gz`` too.
        form: one of `FORMS`; ``auto`` tells it from the first line.
        columns: for ``table``: ``word=COLUMN;parts=COLUMN`` or ``parts=C1+C2``; optionally ``separator``, ``weight``,
            ``split``.

    Raises:
        LexiconError: naming file and line of what is not as the form says, or when the form cannot be told.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "gold.tsv"
        >>> _ = path.write_text("unhappily\tun|happi|ly\n")
        >>> read_items(path)[0].parts
        ('un', 'happi', 'ly')
    """
    given = Path(path)
    if form == "auto":
        form = "table" if columns is not None else detect(given)
    if form not in FORMS:
        message = f"form={form!r}; known: auto, {', '.join(FORMS)}"
        raise LexiconError(message)
    if columns is not None and form != "table":
        message = f"{given}: columns= are for form=table, not {form}"
        raise LexiconError(message)
    items = list(_table(given, columns) if form == "table" else FORMS[form](given))
    if not items:
        message = f"{given}: holds no words (read as {form})"
        raise LexiconError(message)
    return items


def detect(path: Path) -> str:
    """Tell the form of a file from its first line.

    Raises:
        LexiconError: when it cannot be told.
    """
    first = next(lines(path), (1, ""))[1]
    if Path(path).suffix in (".csv", ".tsv", ".txt", ".gz", ".segmentations") or "\t" in first:
        table = Table(path) if first else None
        if table is not None:
            if table.find("full_word") is not None and table.find("pt1") is not None:
                return "morphscore"
            if table.find("wordform") is not None and table.find("stem") is not None:
                return "morphscore2"
            if _known_columns(table) is not None:
                return "table"
    fields = first.split("\t")
    if " @@" in first or (len(fields) == 3 and re.fullmatch(r"[01]{3}", fields[2].strip())):
        return "sigmorphon"
    forms = {2: "list", 3: "list", 4: "unimorph", 6: "morphynet"}
    if len(fields) in forms:
        return forms[len(fields)]
    message = (
        f"{path}, line 1: cannot tell what form {first[:60]!r} has; name it with form= ({', '.join(FORMS)}), "
        f"and for a table its columns, for example columns=word=stim;parts=c1+c2"
    )
    raise LexiconError(message)


def _known_columns(table: Table) -> str | None:
    return next(
        (text for names, text in _KNOWN_TABLES.items() if all(table.find(n) is not None for n in names)), None
    )


def _fault(path: Path, line: int, expected: str, fields: Sequence[str]) -> LexiconError:
    return LexiconError(f"{path}, line {line}: expected {expected}, found {' | '.join(fields)[:80]!r}")


def _list(path: Path) -> Iterator[Item]:
    for line, fields in tab_rows(path):
        if len(fields) not in (2, 3) or not fields[0]:
            raise _fault(path, line, "word<TAB>seg|ments", fields)
        weight = number(path, line, fields[2], "the frequency") if len(fields) == 3 else 1.0
        yield Item(fields[0], _split(fields[1], "|"), line, _weight(path, line, weight))


def _sigmorphon(path: Path) -> Iterator[Item]:
    for line, fields in tab_rows(path):
        if len(fields) not in (2, 3) or not fields[0]:
            raise _fault(path, line, "word<TAB>morph @@morph<TAB>category", fields)
        yield Item(fields[0], _split(fields[1], " @@"), line)


def _unimorph(path: Path) -> Iterator[Item]:
    for line, fields in tab_rows(path):
        if len(fields) != 4 or not fields[1]:
            raise _fault(path, line, "lemma<TAB>form<TAB>features<TAB>seg|ments", fields)
        yield Item(fields[1], _split(fields[3], "|"), line)


def _morphynet(path: Path) -> Iterator[Item]:
    for line, fields in tab_rows(path):
        if len(fields) != 6 or fields[5] not in ("prefix", "suffix") or not fields[1]:
            raise _fault(
                path, line, "source<TAB>target<TAB>pos<TAB>pos<TAB>affix<TAB>prefix or suffix", fields
            )
        word, affix = fields[1], fields[4].strip("-")
        is_prefix = fields[5] == "prefix"
        parts = (affix, word.removeprefix(affix)) if is_prefix else (word.removesuffix(affix), affix)
        # An affix that the word does not begin or end with gives parts that do not spell it: left out and counted.
        yield Item(word, parts if affix and all(parts) else (), line)


def _morphscore(path: Path) -> Iterator[Item]:
    table = Table(path)
    word, first, rest = (table.place(name) for name in ("full_word", "pt1", "rest"))
    for line, row in table.rows():
        if not row[word]:
            raise _fault(path, line, "a word in the column full_word", row)
        yield Item(row[word], (row[first], row[rest]), line)


def _morphscore2(path: Path, *, everything: bool = False) -> Iterator[Item]:
    table = Table(path)
    word, before, stem, after = (
        table.place(name) for name in ("wordform", "preceding_part", "stem", "following_part")
    )
    unique, lemma, weight, split = (
        table.find(name) for name in ("unique", "lemma", "word_freq_norm", "data_split")
    )
    for line, row in table.rows():
        if not row[word].strip():
            raise _fault(path, line, "a word in the column wordform", row)
        left_out = (
            (unique is not None and row[unique] != "unique")
            or (lemma is not None and row[stem] != row[lemma])
            or any(character.isdigit() for character in row[word])
        )
        if left_out and not everything:
            continue
        parts = tuple(row[place] for place in (before, stem, after) if row[place])
        often = 1.0 if weight is None else number(path, line, row[weight], "word_freq_norm")
        yield Item(row[word], parts, line, _weight(path, line, often), "" if split is None else row[split])


def _table(path: Path, columns: str | None) -> Iterator[Item]:
    table = Table(path)
    chosen = settings(str(path), columns or _known_columns(table), COLUMNS)
    if "word" not in chosen or "parts" not in chosen:
        message = (
            f"{path}: a table needs columns=word=COLUMN;parts=COLUMN or parts=C1+C2; "
            f"its columns: {', '.join(filter(None, table.columns))}"
        )
        raise LexiconError(message)
    word = table.place(chosen["word"])
    places = [table.place(name) for name in chosen["parts"].split("+")]
    weight = table.place(chosen["weight"]) if "weight" in chosen else None
    split = table.place(chosen["split"]) if "split" in chosen else None
    separator = chosen.get("separator", "|")
    for line, row in table.rows():
        if not row[word].strip():
            raise _fault(path, line, f"a word in the column {chosen['word']}", row)
        if len(places) == 1:
            parts = _split(row[places[0]], separator)
        else:
            parts = tuple(row[place] for place in places if row[place] not in NO_SEGMENTATION)
        often = 1.0 if weight is None else number(path, line, row[weight], f"the {chosen['weight']}")
        yield Item(row[word], parts, line, _weight(path, line, often), "" if split is None else row[split])


def _split(text: str, separator: str) -> tuple[str, ...]:
    """Cut a segmentation at its separator; MorphoLex' ``{<un<(happi)>ly>}`` by its brackets."""
    if text.strip() in NO_SEGMENTATION:
        return ()
    if text.startswith("{") and text.endswith("}"):
        return tuple(filter(None, re.split(r"[{}()<>]+", text)))
    return tuple(text.split(separator))


def _weight(path: Path, line: int, weight: float) -> float:
    if not 0 <= weight < float("inf"):
        message = f"{path}, line {line}: the frequency {weight} is not a number of at least 0"
        raise LexiconError(message)
    return weight


def _table_as_known(path: Path) -> Iterator[Item]:
    return _table(path, None)


def _morphscore2_all(path: Path) -> Iterator[Item]:
    return _morphscore2(path, everything=True)


FORMS: dict[str, Callable[[Path], Iterator[Item]]] = {
    "list": _list,
    "sigmorphon": _sigmorphon,
    "unimorph": _unimorph,
    "morphynet": _morphynet,
    "morphscore": _morphscore,
    "morphscore2": _morphscore2,
    "morphscore2_all": _morphscore2_all,
    "table": _table_as_known,
}
"""Forms of files and their readers."""
