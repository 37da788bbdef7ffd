"""Counting in Rust against a dictionary in Python: same table whatever threads, blocks, formats and order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count, count_texts
from tokbench.pretokenize import Pretokenizer
from tokbench.reference import count as reference

if TYPE_CHECKING:
    from pathlib import Path

SPECS = ["gpt2", "cl100k", "o200k", "whitespace", "lines", "none", "seq(digits:3, gpt2)", r"regex:\w+|\W"]


def columns(table: PretokenCounts) -> dict[str, dict[bytes, int]]:
    found: dict[str, dict[bytes, int]] = {}
    for pretoken, group, number in table.to_frame().iter_rows():
        found.setdefault(group, {})[pretoken] = number
    return found


def messy(n_bytes: int, seed: int) -> bytes:
    """Words, digits, white space, several scripts, NULs and bytes that are no UTF-8."""
    draw = random.Random(seed)
    parts = [
        *(b"the", b" the", b" a", b"\n", b"\r\n", b"  ", b"\t", b"123456", b"'ll", b"...", b"\x00", b"\xff"),
        *("straße".encode(), " ағаш".encode(), "日本語の文章はとても長い".encode(), "\u00a0".encode()),
        *("👩\u200d💻".encode(), "हिन्दी ".encode(), b" supercalifragilisticexpialidocious", b"\xe4\xb8"),
        *(b"fifteen_letters", b" sixteen letters"),
    ]
    made = bytearray()
    while len(made) < n_bytes:
        made += draw.choice(parts)
        if draw.random() < 0.02:
            made += draw.randbytes(draw.randrange(20))
    return bytes(made)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("document", ["file", "line", "line+end", "separator:the", "separator:\n\n"])
def test_equals_the_dictionary(spec: str, document: str, tmp_path: Path) -> None:
    texts = {"eng": messy(90_000, 1), "tur": messy(30_000, 2)}
    for language, data in texts.items():
        (tmp_path / f"{language}.txt").write_bytes(data)
    corpus = Corpus.from_files({name: tmp_path / f"{name}.txt" for name in texts}, document=document)
    for language, data in texts.items():
        expected = reference.split_documents(data, document)
        assert [one.data for one in corpus.documents(language)] == expected
    expected_table = reference.count(corpus, Pretokenizer(spec).split)
    made = [
        count(corpus, spec, threads=threads, block_size=block_size)
        for threads, block_size in ((1, 1 << 19), (2, 1024), (7, 5000))
    ]
    assert columns(made[0]) == expected_table
    rows = made[0].to_frame()
    assert all(table.to_frame().equals(rows) for table in made[1:])
    assert made[0].total_bytes == sum(len(one.data) for one in corpus)


@pytest.mark.parametrize("spec", ["gpt2", "o200k", "none"])
def test_documents_in_memory_equal_files(spec: str, tmp_path: Path) -> None:
    data = messy(60_000, 3)
    (tmp_path / "a.txt").write_bytes(data)
    lines = reference.split_documents(data, "line")
    from_file = count({"x": tmp_path / "a.txt"}, spec, document="line", threads=2)
    held = Corpus.from_texts({"x": lines})
    for block_size in (1, 700, 1 << 19):
        assert count(held, spec, threads=3, block_size=block_size).to_frame().equals(from_file.to_frame())
    assert count_texts({"x": iter(lines)}, spec, threads=2).to_frame().equals(from_file.to_frame())
    one = Corpus.from_texts({"x": [data]})
    whole = count(tmp_path / "a.txt", spec, threads=1).to_frame()
    assert count(one, spec, threads=3, block_size=300).to_frame().drop("group").equals(whole.drop("group"))


def test_order_of_files_does_not_matter(tmp_path: Path) -> None:
    paths = []
    for number in range(9):
        paths.append(tmp_path / f"{number}.txt")
        paths[-1].write_bytes(messy(4000 * (number % 3), number))
    forth = count({"x": paths}, "gpt2", threads=3, block_size=1024)
    back = count({"x": paths[::-1]}, "gpt2", threads=2)
    assert forth.to_frame().equals(back.to_frame())


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    data = messy(10_000_000, 5).replace(b"\n", b" ").replace(b"\r", b" ")
    (tmp_path / "long.txt").write_bytes(data)
    made = count(tmp_path / "long.txt", "cl100k", document="line", threads=2)
    pieces: dict[bytes, int] = {}
    for piece in Pretokenizer("cl100k").split(data):
        pieces[piece] = pieces.get(piece, 0) + 1
    assert columns(made) == {"all": pieces}


@pytest.mark.shared
@pytest.mark.parametrize("spec", ["gpt2", "cl100k", "o200k", "deepseek3"])
def test_real_text(spec: str, shared: Path) -> None:
    names = ["eng_Latn", "zho_Hans", "khm_Khmr", "ukr_Cyrl"]
    corpus = Corpus.from_files({name: shared / f"data/parallel/flores200_dev/{name}.txt" for name in names})
    expected = reference.count(corpus, Pretokenizer(spec).split)
    assert columns(count(corpus, spec, threads=2, block_size=4096)) == expected
