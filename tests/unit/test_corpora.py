"""Cards, loaders and the built-in sample."""

from __future__ import annotations

import tomllib
import unicodedata
from pathlib import Path

import pytest

from tokbench import corpora
from tokbench.corpora.card import parse_card
from tokbench.errors import CorpusError, ParameterError

SAMPLES = Path(corpora.__file__).parent / "samples"


def _write_parallel(folder: Path, **lines: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in lines.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", corpora.names())
def test_every_card_is_complete(name: str) -> None:
    card = corpora.card(name)
    for field in ("title", "what", "obtain", "licence", "cite", "languages", "document"):
        assert getattr(card, field).strip(), field


def test_an_unknown_name_suggests_the_near_one() -> None:
    with pytest.raises(CorpusError, match="did you mean 'flores200'"):
        corpora.card("flores20")


def test_a_card_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(CorpusError, match="unknown key 'licences'"):
        parse_card("x", 'licences = "MIT"')


def test_the_sample_is_parallel_and_written_in_many_scripts() -> None:
    sample = corpora.load("sample")
    described = tomllib.loads((SAMPLES / "languages.toml").read_text(encoding="utf-8"))
    assert sample.parallel
    assert set(sample.languages) == set(described) == {path.stem for path in SAMPLES.glob("*.txt")}
    scripts = {columns["script"] for columns in described.values()}
    assert len(sample.languages) >= 20
    assert len(scripts) >= 8
    assert corpora.card("sample").languages == f"{len(described)} languages in {len(scripts)} scripts"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.txt")), ids=lambda path: path.stem)
def test_sample_lines_are_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.removesuffix("\n").split("\n")
    assert text.endswith("\n")
    assert len(lines) == len(set(lines)) == 120
    assert text == unicodedata.normalize("NFC", text)
    assert all(line == line.strip() and line and "\t" not in line for line in lines)


SCRIPT_OF: dict[str, str | tuple[str, ...]] = {
    "Latn": "LATIN", "Cyrl": "CYRILLIC", "Grek": "GREEK", "Geor": "GEORGIAN", "Arab": "ARABIC", "Hebr": "HEBREW",
    "Deva": "DEVANAGARI", "Beng": "BENGALI", "Taml": "TAMIL", "Thai": "THAI", "Hans": "CJK", "Hang": "HANGUL",
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.txt")), ids=lambda path: path.stem)
def test_sample_letters_are_of_the_languages_script(path: Path) -> None:
    letters = [char for char in path.read_text(encoding="utf-8") if char.isalpha()]
    own = [char for char in letters if unicodedata.name(char).startswith(SCRIPT_OF[path.stem[-4:]])]
    assert len(own) / len(letters) > 0.97


def test_sample_digits_agree_with_english_where_all_use_them() -> None:
    """A shifted line would show: a line whose English has a year or an address has the same digits."""
    english = (SAMPLES / "eng_Latn.txt").read_text(encoding="utf-8").split("\n")
    marked = [index for index, line in enumerate(english) if "1683" in line or "example.org" in line]
    assert len(marked) >= 2
    for path in SAMPLES.glob("*.txt"):
        lines = path.read_text(encoding="utf-8").split("\n")
        for index in marked:
            wanted = "1683" if "1683" in english[index] else "example.org"
            digits = "".join(
                str(unicodedata.digit(char)) if char.isdigit() else char for char in lines[index]
            )
            assert wanted in digits, (path.stem, index)


def test_flores_folder(tmp_path: Path) -> None:
    _write_parallel(tmp_path, eng_Latn__dev="one\ntwo\n", tur_Latn__dev="bir\niki\n", README="not text")
    opened = corpora.load("flores200", tmp_path)
    assert opened.languages == ("eng_Latn", "tur_Latn")
    assert opened.parallel
    assert opened.metadata["tur_Latn"]["script"] == "Latn"
    assert [document.text for document in opened.documents("tur_Latn")] == ["bir", "iki"]


def test_flores_with_lines_missing_is_not_parallel(tmp_path: Path) -> None:
    _write_parallel(tmp_path, eng_Latn__dev="one\ntwo\n", tur_Latn__dev="bir\n")
    with pytest.raises(CorpusError, match=r"eng_Latn.*2.*tur_Latn.*1"):
        corpora.load("flores200", tmp_path)


def test_flores_above_its_splits_names_them(tmp_path: Path) -> None:
    _write_parallel(tmp_path / "dev", eng_Latn__dev="one\n")
    with pytest.raises(CorpusError, match="folders dev"):
        corpora.load("flores200", tmp_path)


def test_two_files_for_one_language_are_refused(tmp_path: Path) -> None:
    _write_parallel(tmp_path, eng_Latn__dev="one\n", eng_Latn__txt="one\n")
    with pytest.raises(CorpusError, match="two files for eng_Latn"):
        corpora.load("flores200", tmp_path)


def test_ntrex_and_udhr(tmp_path: Path) -> None:
    _write_parallel(
        tmp_path / "ntrex",
        **{"newstest2019-src__eng__txt": "news\n", "newstest2019-ref__srp-Latn__txt": "vesti\n"},
    )
    assert corpora.load("ntrex", tmp_path / "ntrex").languages == ("srp-Latn", "eng")
    _write_parallel(tmp_path / "udhr", udhr_eng__txt="All human\nbeings\n", tur_Latn__txt="Bütün insanlar\n")
    declaration = corpora.load("udhr", tmp_path / "udhr")
    assert declaration.parallel
    assert [document.text for document in declaration.documents("eng")] == ["All human\nbeings\n"]


def test_hub_layout_from_a_local_folder(tmp_path: Path) -> None:
    _write_parallel(
        tmp_path / "flat",
        eng_Latn__jsonl='{"id": 1, "text": "one"}\n',
        tur_Latn__jsonl='{"id": 1, "text": "bir"}\n',
    )
    flat = corpora.load("flores_plus", tmp_path / "flat")
    assert [document.text for document in flat.documents("tur_Latn")] == ["bir"]


def test_hub_layout_as_parquet_behind_a_template(tmp_path: Path) -> None:
    import polars as pl

    for language in ("eng_Latn", "tur_Latn"):
        folder = tmp_path / language / "train"
        folder.mkdir(parents=True)
        pl.DataFrame({"text": [language, "ö"]}).write_parquet(folder / "000.parquet")
    opened = corpora.load("fineweb2", tmp_path, languages=["tur_Latn"])
    assert not opened.parallel
    assert [document.text for document in opened.documents("tur_Latn")] == ["tur_Latn", "ö"]


def test_a_remote_folder_cannot_be_listed() -> None:
    with pytest.raises(CorpusError, match="--languages"):
        corpora.load("fineweb2", "hf://datasets/HuggingFaceFW/fineweb-2/data")


def test_toml_mapping(tmp_path: Path) -> None:
    _write_parallel(tmp_path, a__txt="one\n", b__jsonl='{"body": {"text": "bir"}}\n')
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nparallel = true\ndocument = "line"\n'
        '[languages.eng]\nfiles = "a.txt"\nfamily = "Germanic"\n'
        '[languages.tur]\nfiles = ["b.jsonl:body.text"]\n',
        encoding="utf-8",
    )
    opened = corpora.open_corpus([str(tmp_path / "mine.toml")])
    assert opened.name == "mine"
    assert opened.metadata["eng"]["family"] == "Germanic"
    assert [document.text for document in opened.documents("tur")] == ["bir"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("languages = 3", "needs a table"),
        ("colour = 1", "unknown key 'colour'"),
        ("[languages.eng]\nscript = 'Latn'", "files is missing"),
        ("[languages.eng]\nfiles = 7", "string or a list"),
        ("[languages.eng", "mine.toml"),
    ],
)
def test_toml_mapping_errors(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=said):
        corpora.open_corpus([str(tmp_path / "mine.toml")])


def test_open_corpus_refuses_mixed_forms(tmp_path: Path) -> None:
    _write_parallel(tmp_path, a__txt="one\n")
    with pytest.raises(CorpusError, match="stands alone"):
        corpora.open_corpus(["sample", f"eng={tmp_path / 'a.txt'}"])
    with pytest.raises(CorpusError, match="says itself"):
        corpora.open_corpus(["sample"], document="file")
    with pytest.raises(CorpusError, match="no language 'xxx'"):
        corpora.open_corpus(["sample"], languages=["xxx"])
    with pytest.raises(CorpusError, match="no corpus given"):
        corpora.open_corpus([])
    with pytest.raises(CorpusError, match="takes no folder"):
        corpora.open_corpus([f"sample={tmp_path}"])


def test_pairs_repeat_a_language_and_choose(tmp_path: Path) -> None:
    _write_parallel(tmp_path, a__txt="one\n", b__txt="two\n", c__txt="bir\n")
    specs = [f"eng={tmp_path / 'a.txt'}", f"eng={tmp_path / 'b.txt'}", f"tur={tmp_path / 'c.txt'}"]
    both = corpora.open_corpus(specs, document="line")
    assert [document.text for document in both.documents("eng")] == ["one", "two"]
    assert corpora.open_corpus(specs, languages=["tur"]).languages == ("tur",)


def test_an_unknown_boundary_is_refused(tmp_path: Path) -> None:
    _write_parallel(tmp_path, a__txt="one\n")
    with pytest.raises(ParameterError, match="paragraph"):
        corpora.open_corpus([f"eng={tmp_path / 'a.txt'}"], document="paragraph")


@pytest.mark.shared
def test_real_flores_is_parallel(shared: Path) -> None:
    opened = corpora.load(
        "flores200",
        shared / "data" / "parallel" / "flores200_dev",
        languages=["eng_Latn", "tur_Latn", "zho_Hans"],
    )
    assert {len(list(opened.documents(language))) for language in opened.languages} == {997}
