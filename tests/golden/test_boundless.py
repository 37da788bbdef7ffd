"""BoundlessBPE of the published program on the generated corpus: words, superwords, interleaving, encodings."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tokbench.algorithm import Request
from tokbench.algorithms.boundless import Boundless
from tokbench.algorithms.picky import Picky
from tokbench.corpus import Corpus
from tokbench.pretokenize import Pretokenizer
from tokbench.reference import boundless as twin
from tokbench.reference import picky
from tokbench.reference.bpe import printable

if TYPE_CHECKING:
    from pathlib import Path

    from tokbench.algorithms.operating import Finished, Row

pytestmark = pytest.mark.shared

SIZE = 4000
LANGUAGES = ("lat", "agg", "cyr", "han", "dev")
BYTE_OF = {printable(bytes([byte])): byte for byte in range(256)}


@dataclass(frozen=True)
class Published:
    """What a model file of the published program says."""

    vocabulary: list[bytes]
    words: list[tuple[bytes, bytes, int]]
    supers: list[tuple[bytes, bytes, int]]


def unprintable(text: str) -> bytes:
    return bytes(BYTE_OF[character] for character in text)


def read_model(path: Path) -> Published:
    lines = path.read_text("utf-8").split("\n")

    def merges(section: str) -> list[tuple[bytes, bytes, int]]:
        if section not in lines:
            return []
        first = lines.index(section) + 4
        rows = (line.split(" ") for line in lines[first : first + int(lines[first - 1])])
        return [(unprintable(row[1]), unprintable(row[2]), int(row[3])) for row in rows]

    vocabulary = [unprintable(line.split(" ")[1]) for line in lines[3 : 3 + int(lines[2])]]
    return Published(vocabulary, merges("words"), merges("superwords"))


@pytest.fixture(scope="module")
def corpus(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("generated")
    generator = shared / "golden" / "bpe" / "gen_corpus.py"
    subprocess.run([sys.executable, "-P", generator, folder], check=True, capture_output=True)
    return Corpus.from_files({"all": f"{folder / 'docs.jsonl'}:text"})


def request(corpus: Corpus) -> Request:
    return Request(source=corpus, vocab_size=SIZE, pretokenizer="o200k")


@pytest.fixture(scope="module")
def boundless(corpus: Corpus) -> Finished:
    return Boundless(alphabet="utf8").finish(request(corpus))


def counted(steps: list[tuple[str, Row, int]], operation: str) -> list[tuple[bytes, bytes, int]]:
    return [(row[1], row[2], count) for name, row, count in steps if name == operation]


def test_word_model(shared: Path, corpus: Corpus) -> None:
    expected = read_model(shared / "golden" / "bpe" / "word.model")
    found = Picky(tau=1.1, alphabet="utf8").finish(request(corpus))
    assert counted(list(found.steps), "merge") == expected.words
    assert list(found.inventory.tokens) == expected.vocabulary


def test_superwords_and_interleaving(shared: Path, boundless: Finished) -> None:
    expected = read_model(shared / "golden" / "bpe" / "boundless.model")
    assert counted(list(boundless.steps), "merge") == expected.words
    assert counted(list(boundless.steps), "super") == expected.supers
    assert list(boundless.inventory.tokens) == expected.vocabulary
    model = boundless.model()
    assert [model.vocab.token_bytes(i) for i in range(SIZE)] == expected.vocabulary
    assert model.supers is not None
    assert len(model.supers) == len(expected.supers)


@pytest.mark.parametrize("name", ["word", "boundless"])
def test_native_encodings_of_all_dev_files(shared: Path, corpus: Corpus, name: str) -> None:
    folder = shared / "golden" / "bpe"
    rule = Picky(tau=1.1, alphabet="utf8") if name == "word" else Boundless(alphabet="utf8")
    tokenizer = rule.train(request(corpus))
    expected = json.loads(gzip.decompress((folder / f"{name}.dev_ids.json.gz").read_bytes()))
    for language in LANGUAGES:
        lines = (folder / f"dev.{language}.txt").read_text("utf-8").split("\n")
        encoding = tokenizer.encode_batch(lines[: len(expected[language])])
        assert [row.tolist() for row in encoding] == expected[language]


@pytest.mark.parametrize("name", ["word", "boundless"])
def test_encodings_of_the_dev_files(shared: Path, name: str) -> None:
    folder = shared / "golden" / "bpe"
    published = read_model(folder / f"{name}.model")
    expected = json.loads(gzip.decompress((folder / f"{name}.dev_ids.json.gz").read_bytes()))
    number = {token: i for i, token in enumerate(published.vocabulary)}
    split = Pretokenizer("o200k").split
    rows = [("merge", left, right) for left, right, _ in published.words]
    supers = [(left, right) for left, right, _ in published.supers]

    @cache
    def cut(pretoken: bytes) -> list[bytes]:
        return picky.encode(pretoken, rows)

    for language in LANGUAGES:
        lines = (folder / f"dev.{language}.txt").read_text("utf-8").split("\n")
        for line, ids in zip(lines[:8], expected[language], strict=False):
            parts = [cut(pretoken) for pretoken in split(line)]
            assert [number[token] for token in twin.join(parts, supers)] == ids
