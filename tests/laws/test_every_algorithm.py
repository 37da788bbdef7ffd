"""What every registered algorithm must satisfy: a case here, round trip of any bytes, ids that do not depend on how
the text was handed over. An algorithm without a case fails."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.algorithm import ALGORITHMS
from tokbench.corpus import Corpus
from tokbench.training import train

if TYPE_CHECKING:
    from pathlib import Path

    from tokbench.tokenizer import Tokenizer


@dataclass(frozen=True)
class Case:
    """How an algorithm is asked for."""

    spelling: str
    size: int = 300
    options: dict[str, Any] = field(default_factory=dict)
    any_bytes: bool = True
    """Whether bytes that are no UTF-8 come back too; text always does."""


CASES = {
    "boundless": [
        Case("boundless"),
        Case("boundless(tau=1.1,could_merge=words)"),
        Case("boundless(supers=9)", 420),
    ],
    "boundless_one_pass": [Case("boundless_one_pass(tau=0.6)")],
    "bpe": [Case("bpe"), Case("bpe", 420, {"unit": "character", "byte_fallback": True})],
    "compression": [Case("compression"), Case("compression(code=order0)"), Case("compression(code=lz78)")],
    "kl3m": [Case("kl3m(pad_to=300)", options={"min_frequency": 2})],
    "lib": [Case("lib(epochs=30,article=20)", 270)],
    "parity": [
        Case("parity"),
        Case("parity(variant=window,window=7,alpha=1.2,hybrid=9)"),
        Case("parity(balance=train)"),
        Case('parity(ratio="one=1,two=1.4")'),
    ],
    "pathpiece": [Case("pathpiece(initial_size=400)", 290)],
    "picky": [Case("picky(tau=0.6)"), Case("picky(tau=0.6,parts=present,test=exceed)")],
    "root_affix": [Case("root_affix(affixes=AFFIXES)")],
    "sage": [Case("sage(rounds=2,epochs=1,initial_size=320)", 290)],
    "scaffold": [Case("scaffold")],
    "sentencepiece": [
        Case(
            "sentencepiece(normalization=identity,remove_extra_whitespace=false,dummy_prefix=false)",
            320,
            {"byte_fallback": True},
            any_bytes=False,
        )
    ],
    "supertokens": [Case("supertokens(split=0.5)")],
    "superword": [Case("superword(transition=280)")],
    "unigram": [Case("unigram", 280)],
    "wordpiece": [Case("wordpiece")],
}
EVERY = [case for cases in CASES.values() for case in cases]
IDS = [case.spelling for case in EVERY]

LANGUAGES = ("one", "two")


def texts() -> dict[str, list[str]]:
    draw = random.Random(4)
    stems = ["".join(draw.choices(["ba", "ke", "lo", "mi", "nu", "so", "é", "ш"], k=3)) for _ in range(40)]
    words = [stem + ending for stem in stems for ending in ("", "ler", "lar", "da", "de")]
    lines = [" ".join(draw.choices(words, k=8)) + draw.choice([".", "!", " 12"]) for _ in range(120)]
    return {"one": lines[:60], "two": lines[60:]}


TEXTS = texts()


def files(folder: Path, languages: tuple[str, ...], draw: random.Random | None = None) -> Corpus:
    """The text as four files of a language, in another order when there is a draw."""
    listed: dict[str, list[str]] = {}
    for language in languages:
        lines = TEXTS[language]
        for number in range(4):
            path = folder / f"{language}{number}.txt"
            part = lines[15 * number : 15 * number + 15]
            path.write_text("".join(f"{line}\n" for line in part), encoding="utf-8")
            listed.setdefault(language, []).append(str(path))
        if draw is not None:
            draw.shuffle(listed[language])
    return Corpus.from_files(dict(listed), document="line")


def made(case: Case, source: Corpus, folder: Path, threads: int) -> Tokenizer:
    affixes = folder / "affixes.txt"
    affixes.write_text("ler lar\nda de\n", encoding="utf-8")
    options = dict(case.options)
    if case.spelling.startswith("parity") and "ratio" not in case.spelling and "balance" not in case.spelling:
        dev = {language: lines[:9] for language, lines in TEXTS.items()}
        options["dev"] = Corpus.from_texts(dev, parallel=True)
    spelling = case.spelling.replace("AFFIXES", str(affixes))
    return train(source, vocab_size=case.size, algorithm=spelling, threads=threads, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Tokenizer]:
    folder = tmp_path_factory.mktemp("text")
    source = files(folder, LANGUAGES)
    return [made(case, source, folder, 1) for case in EVERY]


def test_every_registered_algorithm_has_a_case() -> None:
    assert sorted(CASES) == ALGORITHMS.names()
    for name, cases in CASES.items():
        assert {ALGORITHMS.parse(case.spelling).about.name for case in cases} == {name}


@pytest.mark.parametrize("number", range(len(EVERY)), ids=IDS)
def test_neither_files_nor_threads_change_an_id(
    trained: list[Tokenizer], number: int, tmp_path: Path
) -> None:
    case, tokenizer = EVERY[number], trained[number]
    # Of languages that are equally badly off parity serves the first: their order is a part of its definition.
    languages = LANGUAGES if case.spelling.startswith("parity") else LANGUAGES[::-1]
    other = made(case, files(tmp_path, languages, random.Random(number)), tmp_path, 3)
    assert other.vocab.tokens == tokenizer.vocab.tokens
    for line in TEXTS["one"][:20]:
        assert other.encode(line).tolist() == tokenizer.encode(line).tolist()
    if "AFFIXES" not in case.spelling:  # the names of its files are part of it
        assert other.fingerprint == tokenizer.fingerprint


PARTS = ["bakelo", "ler", " ", "é", "ш", "\n", "12", "!", "中", "\u0301", "<unk>"]
TEXT = st.lists(st.sampled_from(PARTS), max_size=20).map(lambda parts: "".join(parts).encode())


@pytest.mark.parametrize("number", range(len(EVERY)), ids=IDS)
@settings(max_examples=60)
@given(data=st.one_of(st.binary(max_size=60), TEXT))
def test_any_bytes_come_back(trained: list[Tokenizer], number: int, data: bytes) -> None:
    tokenizer = trained[number]
    if not EVERY[number].any_bytes:
        data = data.decode("utf-8", "ignore").encode()
    ids = tokenizer.encode(data)
    assert tokenizer.decode(ids) == data
    assert ids.size == 0 or int(ids.max()) < tokenizer.vocab_size
