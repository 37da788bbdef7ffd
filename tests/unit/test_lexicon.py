"""Readers of gold segmentations, lexicons and lexical-decision tables: every form, and what a wrong line says."""

from __future__ import annotations

import gzip
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from tokbench.errors import LexiconError, ParameterError
from tokbench.lexicon import GoldSet, Item, Lexicon, gold_sets, open_lexicon, read_decisions, read_items
from tokbench.lexicon import hunspell as dictionaries

FILES = {
    "list": (
        "walks\twalk|s\nunhappily\tun|happi|ly\t12\n",
        [("walks", "walk s", 1), ("unhappily", "un happi ly", 12)],
    ),
    "sigmorphon": (
        "mistrusts\tmis @@trust @@s\t110\nred\tred\t000\n",
        [("mistrusts", "mis trust s", 1), ("red", "red", 1)],
    ),
    "unimorph": (
        "walk\twalked\tV;PST\twalk|ed\ngo\twent\tV;PST\t-\n",
        [("walked", "walk ed", 1), ("went", "", 1)],
    ),
    "morphynet": (
        "read\treader\tV\tN\ter\tsuffix\nhappy\tunhappy\tJ\tJ\tun\tprefix\nrun\tstream\tV\tN\ter\tsuffix\n",
        [("reader", "read er", 1), ("unhappy", "un happy", 1), ("stream", "stream er", 1)],
    ),
    "morphscore": (
        ",full_word,pt1,rest\n0,aldiz,aldi,z\n1,yendirt,yendirt,\n",
        [("aldiz", "aldi z", 1), ("yendirt", "yendirt ", 1)],
    ),
    "table": ("stim,c1,c2\nmailbox,mail,box\n", [("mailbox", "mail box", 1)]),
}
V2 = (
    "wordform,lemma,stem,preceding_part,following_part,unique,word_freq_norm,data_split\n"
    "unlocked,lock,lock,un,ed,unique,0.5,train\n"
    "locks,lock,lock,,s,unique,0.25,dev\n"
    "went,go,went,,,unique,1,dev\n"
    "saw,saw,saw,,,ambiguous,1,dev\n"
    "4ths,4th,4th,,s,unique,1,dev\n"
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("form", FILES)
def test_every_form_is_told_and_read(tmp_path: Path, form: str) -> None:
    text, expected = FILES[form]
    path = write(tmp_path, "gold.csv" if "," in text.split("\n")[0] else "gold.tsv", text)
    wanted = [(word, parts.split(" ") if parts else [], weight) for word, parts, weight in expected]
    for given in ("auto", form):
        items = read_items(path, given)
        assert [(item.word, list(item.parts), item.weight) for item in items] == wanted
    packed = tmp_path / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert [item.word for item in read_items(packed, form)] == [word for word, *_ in wanted]


def test_morphscore_v2_leaves_out_what_its_package_does(tmp_path: Path) -> None:
    path = write(tmp_path, "english_data.csv", V2)
    assert [(i.word, i.parts, i.weight, i.split) for i in read_items(path)] == [
        ("unlocked", ("un", "lock", "ed"), 0.5, "train"),
        ("locks", ("lock", "s"), 0.25, "dev"),
    ]
    everything = read_items(path, "morphscore2_all")
    assert [item.word for item in everything] == ["unlocked", "locks", "went", "saw", "4ths"]


def test_a_table_of_any_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path, "lex.csv", "Word;Seg;N;Fold\nunhappily;{<un<(happi)>ly>};3;a\nbluish;blu+ish;1;b\n"
    )
    items = read_items(path, columns="word=word;parts=Seg;separator=+;weight=N;split=Fold")
    assert items == [
        Item("unhappily", ("un", "happi", "ly"), 2, 3.0, "a"),
        Item("bluish", ("blu", "ish"), 3, 1.0, "b"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        (
            "a.tsv",
            "walks\twalk|s\nbroken line\n",
            {},
            r"a\.tsv, line 2: expected word<TAB>seg\|ments, found 'broken line'",
        ),
        ("a.tsv", "walks\twalk|s\toften\n", {}, "line 1: the frequency 'often' is no number"),
        ("a.tsv", "walks\twalk|s\t-2\n", {}, "line 1: the frequency -2.0 is not a number of at least 0"),
        ("a.tsv", "one\n", {}, "line 1: cannot tell what form 'one' has; name it with form="),
        ("a.tsv", "", {"form": "list"}, "holds no words"),
        ("a.csv", "full_word,pt1,rest\na,b\n", {}, "line 2: 2 fields, but the header has 3 columns"),
        ("a.csv", "full_word,pt1,rest\n,b,c\n", {}, "line 2: expected a word in the column full_word"),
        ("a.csv", "x,y\na,b\n", {"columns": "word=x;parts=z"}, "no column 'z'; its columns: x, y"),
        ("a.csv", "x,y\na,b\n", {"columns": "word:x"}, "expected KEY=COLUMN"),
        ("a.csv", "x,y\na,b\n", {"form": "table"}, "a table needs columns="),
        ("a.tsv", "a\tb\n", {"form": "listt"}, "form='listt'; known: auto, list"),
        ("a.tsv", "a\tb\n", {"form": "list", "columns": "word=a"}, "columns= are for form=table"),
        ("a.tsv", "a\tb\tc\td\n", {"form": "morphynet"}, "line 1: expected source<TAB>target"),
    ],
)
def test_wrong_lines_are_named(
    tmp_path: Path, name: str, text: str, options: dict[str, str], message: str
) -> None:
    path = write(tmp_path, name, text)
    with pytest.raises(LexiconError, match=message):
        read_items(path, options.pop("form", "auto"), columns=options.get("columns"))


def test_files_that_are_not_text_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    with pytest.raises(LexiconError, match=r"a\.tsv: cannot be read"):
        read_items(path, "list")
    path.write_bytes(b"good\tg|ood\nb\xffd\tb|d\n")
    with pytest.raises(LexiconError, match=r"line 2: byte 12 is not UTF-8"):
        read_items(path, "list")
    path.write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(LexiconError, match="cannot be read"):
        read_items(path, "list")


def test_boundaries_are_bytes_and_what_cannot_be_placed_is_kept_apart() -> None:
    gold = GoldSet.of(
        "x", [Item("häuser", ("häus", "er"), 1), Item("hoping", ("hope", "ing"), 2), Item("went", (), 3)]
    )
    assert gold.cuts.tolist() == [5]
    assert [item.word for item in gold.unaligned] == ["hoping"]
    assert [item.word for item in gold.unsegmented] == ["went"]


def test_a_gold_set_in_another_normal_form_is_counted_and_brought_over_on_request() -> None:
    word = unicodedata.normalize("NFD", "häuser")
    given = [Item(word, (word[:-2], "er"), 1)]
    as_it_is = GoldSet.of("x", given)
    assert (as_it_is.not_nfc, as_it_is.cuts.tolist()) == (1, [6])
    composed = GoldSet.of("x", given, normalize="nfc")
    assert (composed.not_nfc, composed.cuts.tolist()) == (0, [5])
    assert as_it_is.fingerprint != composed.fingerprint
    with pytest.raises(ParameterError, match="normalize='nfz'; known: keep, nfc"):
        GoldSet.of("x", given, normalize="nfz")


def test_folders_and_lists_of_gold_sets(tmp_path: Path) -> None:
    folder = tmp_path / "sets"
    folder.mkdir()
    write(folder, "turkish_morph_data.csv", FILES["morphscore"][0])
    write(folder, "eng.segmentations", FILES["unimorph"][0])
    write(folder, "notes.md", "no gold")
    assert [gold.name for gold in gold_sets(folder)] == ["eng", "turkish"]
    listed = write(
        tmp_path,
        "suite.toml",
        '[[gold]]\nname = "compounds"\npath = "sets/ladec.csv"\n[[gold]]\npath = "sets/eng.segmentations"\n',
    )
    with pytest.raises(LexiconError, match=r"ladec\.csv: cannot be read"):
        gold_sets(listed)
    write(folder, "ladec.csv", FILES["table"][0])
    assert [(gold.name, len(gold)) for gold in gold_sets(listed)] == [("compounds", 1), ("eng", 1)]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LexiconError, match="holds no gold segmentation"):
        gold_sets(tmp_path / "empty")
    for text, message in (
        ("gold = 3", "expected tables"),
        ('[[gold]]\nfile = "a"', "number 1: .*file"),
        ("x = ", "Invalid value"),
        (
            '[[gold]]\npath = "sets/ladec.csv"\n[[gold]]\npath = "sets/ladec.csv"',
            "two gold sets are called 'ladec'",
        ),
    ):
        with pytest.raises(LexiconError, match=message):
            gold_sets(write(tmp_path, "wrong.toml", text))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "ab\ta|b\n")
    assert len(gold_sets(path)[0]) == 1
    write(tmp_path, "a.tsv", "ab\ta|b\nabc\tab|c\n")
    assert len(gold_sets(path)[0]) == 2


# -- lexicons ----------------------------------------------------------------------------------------------------------


def test_a_lexicon_ignores_case_as_its_language_does() -> None:
    turkish = Lexicon(words=["ırmak", "ilk"], case="turkish")
    assert turkish.is_word("IRMAK")
    assert turkish.is_word("İlk")
    assert not turkish.is_word("Irmak".lower())
    exact = Lexicon(words=["Haus"], case="exact")
    assert (exact.is_word("Haus"), exact.is_word("haus")) == (True, False)


def test_a_lexicon_reads_lists_json_dictionaries_and_segmentations(tmp_path: Path) -> None:
    words = write(tmp_path, "words.txt", "evler\nkitap\t17\n")
    roots = write(tmp_path, "roots.json", '{" ev": 7, "<unknown>": 1, "special_9": 9, "\\n": 3}')
    zemberek = write(tmp_path, "master.dict", "# remark\nkitap [P:Noun]\n")
    pieces = write(tmp_path, "seg.tsv", "evlerim\tev|ler|im\n")
    found = open_lexicon(f"{words};{pieces}", f"{roots};{zemberek};list:{pieces}", language="tur")
    assert found.words == {"evler", "kitap", "evlerim"}
    assert found.morphemes == {"ev", "kitap", "ler", "im"}
    assert (found.is_word("Evler"), found.is_pure("Evler"), found.is_pure("EV")) == (True, False, True)
    assert found.case == "turkish"


def test_a_folder_or_list_of_a_lexicon(tmp_path: Path) -> None:
    write(tmp_path, "turkish_tokenizer_ekler.json", '{"lar": 1, "ler": 1}')
    write(tmp_path, "zemberek_top-20K-words.txt", "evler\n")
    turkish = open_lexicon(str(tmp_path))
    assert (set(turkish.morphemes), set(turkish.words), turkish.case) == (
        {"lar", "ler"},
        {"evler"},
        "turkish",
    )
    write(tmp_path, "own.txt", "Haus\n")
    write(tmp_path, "lexicon.toml", 'words = ["words:own.txt"]\ncase = "exact"\n')
    german = open_lexicon(str(tmp_path))
    assert (set(german.words), german.case) == ({"Haus"}, "exact")
    write(tmp_path, "lexicon.toml", 'word = ["own.txt"]\n')
    with pytest.raises(LexiconError, match=r"lexicon\.toml: expected words="):
        open_lexicon(str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(LexiconError, match=r"neither lexicon.toml nor the files of the Turkish set-up"):
        open_lexicon(str(tmp_path / "empty"))
    with pytest.raises(LexiconError, match="tokbench ships none"):
        open_lexicon(None)
    with pytest.raises(LexiconError, match="case='upper'"):
        open_lexicon(str(tmp_path / "own.txt"), case="upper")
    with pytest.raises(LexiconError, match="line 1: Expecting"):
        open_lexicon(str(write(tmp_path, "bad.json", "{")))


AFF = "SET ISO8859-1\nSFX A Y 2\nSFX A 0 s .\nSFX A e \xe9e/B .\nPFX U Y 1\nPFX U 0 un .\n"


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    (tmp_path / "xx_XX.aff").write_bytes(AFF.encode("latin-1"))
    (tmp_path / "xx_XX.dic").write_bytes("3\nlock/AU\ncaf\xe9/A\nand\\/or\n".encode("latin-1"))
    return tmp_path / "xx_XX.dic"


def test_hunspell_entries_and_affixes_are_read_in_their_encoding(dictionary: Path) -> None:
    assert dictionaries.entries(dictionary) == {"lock", "café", "and/or"}
    assert dictionaries.affixes(dictionary) == {"s", "ée", "un"}
    parts = open_lexicon(None, f"{dictionary};{dictionary.with_suffix('.aff')}")
    assert parts.is_pure("un")
    assert parts.is_pure("lock")
    assert not parts.is_word("locks")
    dictionary.with_suffix(".aff").unlink()
    with pytest.raises(LexiconError, match=r"xx_XX\.aff: no such file; .* pair of files"):
        open_lexicon(str(dictionary))


def test_hunspell_recognises_derived_words(dictionary: Path) -> None:
    pytest.importorskip("hunspell", reason="chunspell reads Hunspell dictionaries")
    found = open_lexicon(str(dictionary))
    assert [found.is_word(word) for word in ("lock", "locks", "unlocks", "Locks", "cafés", "lox")] == [
        True, True, True, True, True, False,
    ]  # fmt: skip
    assert [found.is_pure(word) for word in ("lock", "locks", "lox")] == [True, False, False]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "word", "no_word"),
    [("tr_TR", "kitaplarımızdan", "xqzt"), ("hu_HU", "házaimban", "xqzt"), ("ru_RU", "домами", "ъъ")],
)
def test_real_hunspell_dictionaries(shared: Path, name: str, word: str, no_word: str) -> None:
    pytest.importorskip("hunspell", reason="chunspell reads Hunspell dictionaries")
    folder = shared / "data" / "lexicon" / "hunspell"
    found = open_lexicon(str(folder / f"{name}.dic"))
    assert (found.is_word(word), found.is_word(no_word)) == (True, False)
    assert len(dictionaries.affixes(folder / f"{name}.aff")) > 400


@pytest.mark.shared
def test_the_turkish_set_up(shared: Path) -> None:
    found = open_lexicon(str(shared / "data" / "lexicon" / "tur"), language="tur")
    assert (len(found.morphemes), len(found.words)) == (41903, 20003)
    assert found.not_nfc == 0
    assert all(map(found.is_pure, ("kitap", "lar", "Kitap")))


# -- lexical decision --------------------------------------------------------------------------------------------------

TABLE = (
    "spelling,lexicality,rt,accuracy,group\nhouse,W,512.5,0.99,a\nhoube,N,640,NA,a\nhouse,W,500.5,0.97,b\n"
)


def test_lexical_decisions(tmp_path: Path) -> None:
    path = write(tmp_path, "elp.csv", TABLE)
    with pytest.raises(LexiconError, match="line 4: the stimulus 'house' stands in line 2 already"):
        read_decisions(path)
    one = read_decisions(path, columns="where=group:a")
    assert one.words == ("house", "hoube")
    assert one.is_word.tolist() == [True, False]
    assert one.measures["rt"].tolist() == [512.5, 640.0]
    assert np.isnan(one.measures["accuracy"][1])
    both = read_decisions(path, columns="duplicates=mean")
    assert both.measures["rt"].tolist() == [506.5, 640.0]
    assert both.fingerprint != one.fingerprint


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("spelling,lexicality,rt\nhouse,X,1\n", None, "line 2: lexicality 'X' is neither W"),
        ("spelling,lexicality,rt\nhouse,W,fast\n", None, "line 2: rt 'fast' is no number"),
        ("spelling,lexicality,rt\n,W,1\n", None, "line 2: the stimulus is empty; .*empty=skip"),
        ("spelling,lexicality,rt\n,W,1\n", "empty=skip", "holds no stimuli"),
        ("text,rt\nhouse,1\n", None, "no column of stimuli; name it"),
        ("spelling,rt\nhouse,1\n", "where=rt", "expected where=COLUMN:VALUE"),
        ("spelling,rt\nhouse,1\n", "duplicates=first", "expected refuse or mean"),
        ("spelling,rt\nhouse,1\n", "rt=reaction", "no column 'reaction'; its columns: spelling, rt"),
    ],
)
def test_wrong_decision_tables(tmp_path: Path, text: str, columns: str | None, message: str) -> None:
    with pytest.raises(LexiconError, match=message):
        read_decisions(write(tmp_path, "t.csv", text), columns=columns)
