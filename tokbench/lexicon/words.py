"""`Lexicon`: which strings are words of a language, and which are its roots and affixes.

Two lists, either may be missing: *words* (what a speaker accepts as a word; a Hunspell dictionary, a word list, the
words of a segmented lexicon) and *morphemes* (roots and affixes). A string is of the language when it is in one of
them; it is pure when it is a morpheme: in the list of morphemes or, where there is none, an entry that the dictionary
derives it from is the string itself.

Source: Bayram et al. 2025 (arXiv 2502.07057), who use a Turkish root and affix list and the ITU web service; here the
service is any dictionary, offline.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import LexiconError
from tokbench.lexicon import hunspell
from tokbench.lexicon.forms import CASES, is_nfc, lowering, normalizer
from tokbench.lexicon.gold import file_state
from tokbench.lexicon.items import FORMS, detect, read_items
from tokbench.lexicon.lines import lines, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SEPARATOR = ";"
KINDS = ("words", "json", "zemberek", "hunspell", *FORMS)
"""What a file may be: ``KIND:PATH`` says it where the name does not."""

TURKISH_WORDS = ("zemberek_top-20K-words.txt",)
TURKISH_MORPHEMES = (
    "turkish_tokenizer_kokler.json",
    "turkish_tokenizer_ekler.json",
    "starlang_suffixes.txt",
    "zemberek_master-dictionary.dict",
)
"""Files of a folder that make up the Turkish set-up: words; roots and affixes."""

_SPECIAL = re.compile(r"<[^<>]*>|special_\d+")


class Lexicon:
    """Words and morphemes of a language.

    Args:
        words: words, as written.
        morphemes: roots and affixes, as written.
        dictionaries: Hunspell dictionaries that also know words.
        case: ``exact``, ``lower`` or ``turkish``: the difference of letter case that lookups ignore.
        normalize: the normal form that entries and lookups are brought to.

    Example:
        >>> lexicon = Lexicon(words=["evler"], morphemes=["ev", "ler"], case="turkish")
        >>> lexicon.is_word("Evler"), lexicon.is_pure("evler"), lexicon.is_pure("ler"), lexicon.is_word("evl")
        (True, False, True, False)
    """

    def __init__(
        self,
        *,
        words: Iterable[str] = (),
        morphemes: Iterable[str] = (),
        dictionaries: Sequence[hunspell.HunspellDictionary] = (),
        case: str = "lower",
        normalize: str = "keep",
        fingerprint: str | None = None,
    ) -> None:
        lower, bring = lowering(case), normalizer(normalize)
        given = set(words)
        parts = set(morphemes)
        self.case, self.normalize = case, normalize
        self._lower, self._bring = lower, bring
        self.words = frozenset(map(self.fold, given))
        self.morphemes = frozenset(map(self.fold, parts))
        self.not_nfc = sum(not is_nfc(bring(text)) for text in given | parts)
        self.dictionaries = tuple(dictionaries)
        self._known: dict[str, tuple[bool, bool]] = {}
        digest = hashlib.sha256()
        for entry in (*sorted(self.words), "\0", *sorted(self.morphemes)):
            digest.update(entry.encode() + b"\n")
        self.fingerprint = digest.hexdigest() if fingerprint is None else fingerprint

    def fold(self, text: str) -> str:
        """Return the string as lookups compare it: in the normal form, without what `case` ignores."""
        return self._lower(self._bring(text))

    def is_word(self, text: str) -> bool:
        """Whether the string is of the language: a word or a morpheme."""
        return self._look_up(text)[0]

    def is_pure(self, text: str) -> bool:
        """Whether the string is a root or an affix."""
        return self._look_up(text)[1]

    def _look_up(self, text: str) -> tuple[bool, bool]:
        if text not in self._known:
            folded = self.fold(text)
            pure = folded in self.morphemes
            word = pure or folded in self.words
            if not word or not (pure or self.morphemes):
                word, pure = self._ask(text, folded, word=word, pure=pure)
            self._known[text] = word, pure
        return self._known[text]

    def _ask(self, text: str, folded: str, *, word: bool, pure: bool) -> tuple[bool, bool]:
        """Ask the dictionaries, for the string as written and without the difference of case."""
        spellings = [self._bring(text)]
        if self.case != "exact":
            spellings += [folded, folded[:1].upper() + folded[1:]]
        for spelling in dict.fromkeys(spellings):
            for dictionary in self.dictionaries:
                if dictionary.accepts(spelling):
                    word = True
                    if not self.morphemes and not pure:
                        pure = any(self.fold(root) == folded for root in dictionary.roots(spelling))
        return word, pure


def open_lexicon(
    lexicon: str | None,
    morphemes: str | None = None,
    *,
    language: str | None = None,
    case: str | None = None,
    normalize: str = "keep",
) -> Lexicon:
    """Read a lexicon.

    Args:
        lexicon: files with words, separated by ``;``; a folder with the Turkish files or with ``lexicon.toml``; or such
            a ``.toml`` file: lists ``words`` and ``morphemes`` of files relative to it, and optionally ``case``.
        morphemes: files with roots and affixes, separated by ``;``. Of a Hunspell dictionary, ``.dic`` gives the
            entries and ``.aff`` the strings that its rules add.
        language: ``tur`` and ``tur_Latn`` imply the Turkish letter case.
        case: ``exact``, ``lower`` or ``turkish``; None for what the language implies.
        normalize: normal form of entries and lookups.

    Raises:
        LexiconError: naming the file and line that is wrong.
        PluginError: when a Hunspell dictionary is named and the library is not installed.
    """
    if lexicon is None and morphemes is None:
        message = "a lexicon needs a file: pass lexicon= (words) or morphemes= (roots and affixes); tokbench ships none"
        raise LexiconError(message)
    words, parts, stated = _files(lexicon)
    parts += _split(morphemes)
    turkish = language is not None and language.split("_")[0] in ("tur", "tr")
    chosen = case or stated or ("turkish" if turkish else "lower")
    if chosen not in CASES:
        message = f"case={chosen!r}; known: {', '.join(CASES)}"
        raise LexiconError(message)
    states = tuple(file_state(_kind(name)[1]) for name in (*words, *parts))
    return _open(tuple(words), tuple(parts), chosen, normalize, states)


@lru_cache(maxsize=16)
def _open(
    words: tuple[str, ...],
    morphemes: tuple[str, ...],
    case: str,
    normalize: str,
    states: tuple[tuple[int, int], ...],
) -> Lexicon:
    del states  # part of the key: files that have changed are read again
    known: set[str] = set()
    parts: set[str] = set()
    dictionaries = []
    digest = hashlib.sha256(f"{case} {normalize}".encode())
    for name in words:
        kind, path = _kind(name)
        if kind == "hunspell":
            dictionaries.append(hunspell.HunspellDictionary(path))
            for file in hunspell.pair(path):
                digest.update(hashlib.sha256(file.read_bytes()).digest())
        else:
            known |= _entries(kind, path, morphemes=False)
    for name in morphemes:
        kind, path = _kind(name)
        parts |= _entries(kind, path, morphemes=True)
    lexicon = Lexicon(words=known, morphemes=parts, dictionaries=dictionaries, case=case, normalize=normalize)
    digest.update(lexicon.fingerprint.encode())
    lexicon.fingerprint = digest.hexdigest()
    return lexicon


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(SEPARATOR) if part.strip()]


def _files(lexicon: str | None) -> tuple[list[str], list[str], str | None]:
    """Return files of words, files of morphemes, and the letter case that a ``.toml`` file states."""
    path = Path(lexicon or "")
    if lexicon is None or not (path.is_dir() or path.suffix == ".toml"):
        return _split(lexicon), [], None
    if path.is_dir() and not (path / "lexicon.toml").is_file():
        words = [str(path / name) for name in TURKISH_WORDS if (path / name).is_file()]
        parts = [str(path / name) for name in TURKISH_MORPHEMES if (path / name).is_file()]
        if not parts:
            listed = ", ".join((*TURKISH_MORPHEMES, *TURKISH_WORDS))
            message = f"{path}: holds neither lexicon.toml nor the files of the Turkish set-up ({listed})"
            raise LexiconError(message)
        return words, parts, "turkish"
    file = path / "lexicon.toml" if path.is_dir() else path
    try:
        given = tomllib.loads(read_text(file))
    except tomllib.TOMLDecodeError as error:
        message = f"{file}: {error}"
        raise LexiconError(message) from error
    lists = {key: given.get(key, []) for key in ("words", "morphemes")}
    right = all(
        isinstance(names, list) and all(isinstance(n, str) for n in names) for names in lists.values()
    )
    odd = sorted(set(given) - {"words", "morphemes", "case"})
    if odd or not right or not (lists["words"] or lists["morphemes"]):
        message = f"{file}: expected words=[…] and morphemes=[…], lists of files, and case=; found {', '.join(given)}"
        raise LexiconError(message)
    resolved = {key: [_relative(file.parent, name) for name in names] for key, names in lists.items()}
    return resolved["words"], resolved["morphemes"], given.get("case")


def _relative(folder: Path, name: str) -> str:
    kind, colon, rest = name.partition(":")
    return f"{kind}:{folder / rest}" if colon and kind in KINDS else str(folder / name)


def _kind(name: str) -> tuple[str, Path]:
    """Split ``KIND:PATH``; without a kind, tell it from the file's name and first line."""
    kind, colon, rest = name.partition(":")
    if colon and kind in KINDS:
        return kind, Path(rest)
    path = Path(name)
    by_suffix = {".json": "json", ".dict": "zemberek", ".aff": "hunspell", ".dic": "hunspell"}
    if path.suffix in by_suffix:
        return by_suffix[path.suffix], path
    if path.suffix in (".csv", ".tsv", ".segmentations"):
        file_state(path)
        return detect(path), path
    return "words", path


def _entries(kind: str, path: Path, *, morphemes: bool) -> set[str]:
    if kind == "hunspell":
        return hunspell.affixes(path) if path.suffix == ".aff" else hunspell.entries(path)
    if kind == "json":
        found = _json(path)
    elif kind == "zemberek":
        found = [
            re.split(r"\s*\[", line, maxsplit=1)[0] for _, line in lines(path) if not line.startswith("#")
        ]
    elif kind == "words":
        found = [line.split("\t")[0] for _, line in lines(path)]
    else:
        items = read_items(path, kind)
        found = [part for item in items for part in (item.parts if morphemes else (item.word,))]
    return {text.strip() for text in found if text.strip() and not _SPECIAL.fullmatch(text.strip())}


def _json(path: Path) -> list[str]:
    try:
        given = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        message = f"{path}, line {error.lineno}: {error.msg}"
        raise LexiconError(message) from error
    found = list(given) if isinstance(given, dict | list) else []
    if not found or not all(isinstance(text, str) for text in found):
        message = f"{path}: expected a JSON object whose keys, or an array whose elements, are words"
        raise LexiconError(message)
    return found
