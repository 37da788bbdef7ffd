"""From a card and a folder to a :class:`~tokbench.corpus.Corpus`: one function per layout.

Every layout ends in a mapping language → files, which ``Corpus.from_files`` reads; a parallel corpus is
checked there for equal document counts. Nothing is guessed: an empty folder, a missing language or two
files for one language are errors that name what was found.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench.corpora.card import Card, card, names
from tokbench.corpus import Corpus
from tokbench.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Sources = dict[str, list[str]]


def _choose(found: Sequence[str], wanted: Sequence[str] | None, where: str) -> list[str]:
    if wanted is None:
        return list(found)
    missing = [language for language in wanted if language not in found]
    if missing:
        some = ", ".join(found[:12]) + (" …" if len(found) > 12 else "")
        raise CorpusError(f"{where}: no language {missing[0]!r}; there are {len(found)}: {some}")
    return list(wanted)


def _scripts(languages: Sequence[str], known: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Add the script that a FLORES-like code ends in, where nothing better is known."""
    described: dict[str, dict[str, str]] = {}
    for language in languages:
        columns = dict(known.get(language, {}))
        code = re.fullmatch(r"[a-z]{2,3}[_-]([A-Z][a-z]{3})(?:[_-].*)?", language)
        if code and "script" not in columns:
            columns["script"] = code.group(1)
        if columns:
            described[language] = columns
    return described


def sample(languages: Sequence[str] | None = None) -> Corpus:
    """Load the built-in parallel sample (120 lines per language).

    Raises:
        CorpusError: a language that the sample does not have.

    Example:
        >>> sample(["eng_Latn"]).languages
        ('eng_Latn',)

    """
    folder = files("tokbench.corpora") / "samples"
    described: dict[str, dict[str, str]] = tomllib.loads(
        (folder / "languages.toml").read_text(encoding="utf-8")
    )
    chosen = _choose(list(described), languages, "sample")
    texts = {
        language: (folder / f"{language}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        for language in chosen
    }
    metadata = {language: described[language] for language in chosen}
    return Corpus.from_texts(texts, parallel=True, name="sample", metadata=metadata)


def probes(languages: Sequence[str] | None = None) -> Corpus:
    """Load the built-in numbers, formulas and programs; documents are separated by a line of ``%%``.

    Raises:
        CorpusError: a group that the probes do not have.

    Example:
        >>> probes(["math"]).metadata["math"]["domain"]
        'math'

    """
    folder = files("tokbench.corpora") / "probes"
    described: dict[str, dict[str, str]] = tomllib.loads(
        (folder / "languages.toml").read_text(encoding="utf-8")
    )
    chosen = _choose(list(described), languages, "probes")
    texts = {
        group: (folder / f"{group}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n%%\n")
        for group in chosen
    }
    return Corpus.from_texts(texts, name="probes", metadata={group: described[group] for group in chosen})


def _match_files(which: Card, folder: Path) -> Sources:
    if not folder.is_dir():
        raise CorpusError(f"{which.name}: {folder} is not a folder; {which.obtain}")
    pattern = re.compile(which.pattern)
    found: Sources = {}
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        language = match.group("language")
        if language in found:
            raise CorpusError(f"{which.name}: two files for {language}: {found[language][0]} and {path}")
        found[language] = [str(path)]
    if not found:
        inside = [path.name for path in sorted(folder.iterdir()) if path.is_dir()]
        hint = f"; it has the folders {', '.join(inside[:6])}: name one of them" if inside else ""
        raise CorpusError(f"{which.name}: {folder} holds no file named like {which.pattern}{hint}")
    return found


def _fill_template(which: Card, root: str, languages: Sequence[str] | None) -> Sources:
    remote = "://" in root
    if not remote and not Path(root).is_dir():
        raise CorpusError(f"{which.name}: {root} is not a folder; {which.obtain}")
    if not remote and which.pattern:
        flat = re.compile(which.pattern)
        by_name: Sources = {}
        for path in sorted(Path(root).iterdir()):
            match = flat.fullmatch(path.name)
            if match and path.is_file():
                by_name.setdefault(match.group("language"), []).append(f"{path}:{which.field}")
            elif match and path.is_dir():
                source = which.template.format(root=root, language=path.name)
                by_name.setdefault(match.group("language"), []).append(f"{source}:{which.field}")
        if by_name:
            return by_name
        raise CorpusError(f"{which.name}: {root} holds nothing named like {which.pattern}")
    if languages is None:
        raise CorpusError(
            f"{which.name}: {root} cannot be listed from here; name the languages, "
            "for example --languages eng_Latn,tur_Latn"
        )
    suffix = f":{which.field}" if which.field else ""
    return {
        language: [which.template.format(root=root, language=language) + suffix] for language in languages
    }


def load(name: str, root: str | Path | None = None, *, languages: Sequence[str] | None = None) -> Corpus:
    """Load the corpus of a card from the folder (or URI) where its files lie.

    Args:
        name: the card's name, see :func:`tokbench.corpora.names`.
        root: folder or URI; not needed for ``sample``.
        languages: the languages to keep, in this order; all that are found when ``None``.

    Raises:
        CorpusError: unknown name, no such folder, no matching file, a language that is not there, or a
            parallel corpus whose languages differ in their number of documents.

    Example:
        >>> load("sample", languages=["eng_Latn", "tur_Latn"]).parallel
        True

    """
    which = card(name)
    if which.layout in ("sample", "probes"):
        if root is not None:
            raise CorpusError(f"{name} is part of the package and takes no folder")
        return sample(languages) if which.layout == "sample" else probes(languages)
    if root is None:
        raise CorpusError(f"{name} is not part of the package: {which.obtain}")
    base = str(root).rstrip("/")
    found = (
        _fill_template(which, base, languages)
        if which.layout == "template"
        else _match_files(which, Path(base))
    )
    chosen = _choose(list(found), languages, f"{name} in {base}")
    return Corpus.from_files(
        {language: found[language] for language in chosen},
        document=which.document,
        parallel=which.parallel,
        name=name,
        metadata=_scripts(chosen, {}),
    )


def _as_list(value: object, where: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return list(value)
    raise CorpusError(f"{where}: files must be a string or a list of strings, got {value!r}")


def from_toml(path: str | Path, *, languages: Sequence[str] | None = None) -> Corpus:
    """Load a corpus described by a small TOML file; relative paths start at that file's folder.

    The file has the keys ``name``, ``parallel``, ``document``, ``document_weight`` (as ``Corpus.from_files`` takes
    them) and a table ``languages.CODE`` per language with ``files`` (one source or a list) and any further columns
    such as ``script`` or ``family``.

    Raises:
        CorpusError: the file is missing, not TOML, or has unknown or missing keys.

    """
    described = Path(path)
    try:
        table: dict[str, Any] = tomllib.loads(described.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CorpusError(f"{described}: {error}") from error
    known = ("name", "parallel", "document", "document_weight", "languages")
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise CorpusError(f"{described}: unknown key {unknown[0]!r}; known are {', '.join(known)}")
    entries = table.get("languages")
    if not isinstance(entries, dict) or not entries:
        raise CorpusError(f"{described}: needs a table [languages.CODE] with files = [...] for each language")
    sources: Sources = {}
    metadata: dict[str, dict[str, str]] = {}
    for language, entry in entries.items():
        where = f"{described}: languages.{language}"
        if not isinstance(entry, dict) or "files" not in entry:
            raise CorpusError(f"{where}: files is missing")
        sources[language] = [
            given if "://" in given or Path(given).is_absolute() else str(described.parent / given)
            for given in _as_list(entry["files"], where)
        ]
        metadata[language] = {key: str(value) for key, value in entry.items() if key != "files"}
    chosen = _choose(list(sources), languages, str(described))
    return Corpus.from_files(
        {language: sources[language] for language in chosen},
        document=str(table["document"]) if "document" in table else None,
        parallel=bool(table.get("parallel", False)),
        name=str(table.get("name", described.stem)),
        metadata=_scripts(chosen, metadata),
        document_weight=str(table["document_weight"]) if "document_weight" in table else None,
    )


def _is_whole(spec: str) -> bool:
    name, equals, _ = spec.partition("=")
    return name in names() or (not equals and spec.endswith(".toml"))


def open_corpus(
    specs: Sequence[str],
    *,
    languages: Sequence[str] | None = None,
    parallel: bool | None = None,
    document: str | None = None,
) -> Corpus:
    """Open what ``--corpus`` names: a card, a card's folder, a TOML file, or ``LANGUAGE=SOURCE`` pairs.

    ``sample`` · ``flores200=DIR`` · ``mine.toml`` · ``eng=a.txt`` ``tur=b.jsonl:text`` (repeat a language to
    add files) · ``a.txt`` (its language is called ``all``).

    Raises:
        CorpusError: nothing given, forms mixed that cannot be, or whatever the loader finds wrong.

    Example:
        >>> open_corpus(["sample"], languages=["eng_Latn"]).name
        'sample'

    """
    if not specs:
        raise CorpusError("no corpus given; 'sample' is built in, or give LANGUAGE=FILE")
    if any(map(_is_whole, specs)):
        if len(specs) > 1:
            raise CorpusError(
                "a named corpus or a TOML file stands alone; "
                "describe a mixture in one TOML file or as LANGUAGE=FILE pairs"
            )
        if parallel is not None or document is not None:
            raise CorpusError("a named corpus says itself whether it is parallel and what a document is")
        name, _, root = specs[0].partition("=")
        if name in names():
            return load(name, root or None, languages=languages)
        return from_toml(specs[0], languages=languages)
    corpus = Corpus.parse(list(specs), parallel=bool(parallel), document=document)
    if languages is None:
        return corpus
    return corpus.select(_choose(corpus.languages, languages, "corpus"))
