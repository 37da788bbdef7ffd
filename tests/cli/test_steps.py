"""Reversible steps, weighted terms and morphemes from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

TEXT = "The cat saw the dog. THE DOG SAW The Cat.\nCats and dogs; the cat, the dog and the iPad.\n"


def test_train_encode_and_decode_with_a_step(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    arguments = ["train", "-c", "eng=text.txt", "-V", "262,265", "--step", "case"]
    said = run(*arguments, "-o", "mine").stderr
    assert "no huggingface file" in said
    assert "changes the text by case" in said
    for size in ("v262", "v265"):
        made = Tokenizer.load(tmp_path / "mine" / size)
        assert made.steps == ("case(capital=U+0011,capitals=U+0012,turkish=false)",)
        assert made.decode(made.encode(TEXT)) == TEXT.encode()
    ids = run("encode", "mine/v265", stdin="THE iPad\n").stdout
    assert run("decode", "mine/v265", stdin=ids).stdout.strip() == "THE iPad"
    more = ["train", "-c", "eng=text.txt", "-V", "268", "--start", "mine/v265"]
    assert "name the same ones" in run(*more, "-o", "more", status=1).stderr
    run(*more, "-o", "more", "--step", "case")
    assert Tokenizer.load(tmp_path / "more").steps == made.steps
    assert "did you mean case" in run(*arguments, "--step", "caze", "-o", "wrong", status=1).stderr


def test_terms_that_weigh_more_become_tokens(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "terms.tsv").write_text("iPad\t50\n", encoding="utf-8")
    arguments = ["train", "-c", "eng=text.txt", "-V", "260"]
    run(*arguments, "-o", "plain")
    run(*arguments, "--term-weights", "terms.tsv", "-o", "weighed")
    assert b" iPad" not in Tokenizer.load(tmp_path / "plain").vocab
    assert b" iPad" in Tokenizer.load(tmp_path / "weighed").vocab
    (tmp_path / "terms.tsv").write_text("iPad 50\n", encoding="utf-8")
    said = run(*arguments, "--term-weights", "terms.tsv", "-o", "wrong", status=1).stderr
    assert "terms.tsv:1: expected term<TAB>weight" in said.replace("\n", " ")


def test_no_token_crosses_a_morpheme(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("evler evlerde kitaplar kitaplarda " * 3, encoding="utf-8")
    (tmp_path / "tr.dic").write_text("3\nev/AB\nkitap/A\tpo:noun\nler\n", encoding="utf-8")
    run("train", "-c", "tur=text.txt", "-V", "280", "--allow-smaller", "--morphemes", "tr.dic", "-o", "mine")
    mine = Tokenizer.load(tmp_path / "mine")
    words = [mine.token_bytes(i) for i in mine.encode(" kitaplarda evler")]
    assert words == [b" kitap", b"larda", b" ev", b"ler"]
    (tmp_path / "tr.dic").write_text("ev\n", encoding="utf-8")
    said = run(
        "train", "-c", "tur=text.txt", "-V", "264", "--morphemes", "tr.dic", "-o", "wrong", status=1
    ).stderr
    assert "starts with its number of words" in said.replace("\n", " ")
