"""Steps that learn from the corpus: fitted when training, held in the file, refused where they cannot learn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import tokbench as tb
from tokbench.algorithms.root_affix import surface_forms
from tokbench.corpus import Corpus
from tokbench.errors import ExhaustedError, NotRepresentableError, ParameterError
from tokbench.steps import Allomorphs, Splinter, parse, spell
from tokbench.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

HEBREW = ["הילד הלך לבית", "ילד הלך בבית", "הבית של הילד", "מהבית אל הבית והילד", "וילד מבית"] * 12
TURKISH = [
    "evler evlerde kitaplar kitaplarda",
    "kitabı okudum; evi gördüm",
    "kitabım ve evim",
    "Evler kitapler",
] * 4


@pytest.fixture
def lists(tmp_path: Path) -> tuple[str, str]:
    roots, affixes = tmp_path / "roots.json", tmp_path / "affixes.txt"
    roots.write_text(
        json.dumps({"<pad>": 0, " ev": 1, " kitap": 2, " kitab": 2, " dağ": 3}), encoding="utf-8"
    )
    affixes.write_text("lar ler\nda de ta te\nı i u ü\nım im\n", encoding="utf-8")
    return str(roots), str(affixes)


def test_splinter_is_fitted_in_training_and_held_in_the_file(tmp_path: Path) -> None:
    corpus = Corpus.from_texts({"heb": HEBREW})
    made = tb.train(corpus, vocab_size=290, steps=["splinter"])
    step = parse(made.steps[0])
    assert isinstance(step, Splinter)
    assert step.table is not None
    assert step.table.startswith("4:0ה")
    made.save(tmp_path / "mine.tokbench.json")
    again = Tokenizer.load(tmp_path / "mine.tokbench.json")
    assert again.steps == made.steps
    for text in [*HEBREW, "שלום עולם, HELLO ꀀ ꒋ", "ףא ך קליפ"]:
        assert again.encode(text).tolist() == made.encode(text).tolist()
        assert again.decode_text(again.encode(text)) == text
    # The stem stands together although a letter is put before it.
    assert step.apply("הילד".encode())[:9] == step.apply("ילד".encode())


def test_a_start_brings_what_its_step_has_learned() -> None:
    corpus = Corpus.from_texts({"heb": HEBREW})
    first = tb.train(corpus, vocab_size=280, steps=["splinter"])
    other = Corpus.from_texts({"heb": ["אבגד בגד אבג"] * 20 + HEBREW})
    more = tb.train(other, vocab_size=290, steps=["splinter"], start=first)
    assert more.steps == first.steps
    with pytest.raises(ParameterError, match="name the same ones"):
        tb.train(other, vocab_size=300, steps=["splinter(depth=2)"], start=first)


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("splinter(script=greek)", "is not one of hebrew, arabic"),
        ("splinter(depth=0)", "depth must be at least 1"),
        ("splinter(table=x)", "table has a part 'x'"),
        ('splinter(table="4:אב")', "table has an entry"),
        ("splinter", "holds no hebrew word of four letters"),
        ("splinter(script=arabic)", "check script="),
        ("allomorphs", "give roots_file=FILE"),
        ("allomorphs(affixes_file=nowhere.txt)", "nowhere.txt: cannot read"),
        ("allomorphs(affixes=xyz)", "no form of the lists occurs"),
        ('allomorphs(affixes="lar lar")', "different forms"),
        ("allomorphs(rule=x)", "rule is given without roots"),
        ('allomorphs(roots="",affixes=a,rule="0 x")', "rule has a part"),
        ('allomorphs(roots="",affixes=a,rule="0 x=3")', "does not have"),
        ("allomorphs(min_class_count=0)", "min_class_count must be at least 1"),
    ],
)
def test_what_cannot_be_learned_is_named(spelling: str, message: str) -> None:
    with pytest.raises(ParameterError) as raised:
        tb.train(Corpus.from_texts({"eng": ["the cat saw the dog"]}), vocab_size=260, steps=[spelling])
    assert message in str(raised.value)


def test_a_step_that_has_not_learned_refuses_to_work() -> None:
    with pytest.raises(ParameterError, match="has not learned from text yet"):
        Splinter().apply("שלום".encode())


def test_a_form_is_a_class_where_its_context_tells_it(lists: tuple[str, str]) -> None:
    step = Allomorphs(roots_file=lists[0], affixes_file=lists[1]).fitted(Corpus.from_texts({"tur": TURKISH}))
    assert isinstance(step, Allomorphs)
    assert parse(spell(step)) == step
    assert ("kitap", "kitab") in step.forms
    assert ("dağ",) not in step.forms
    symbol = {forms: chr(0xF0000 + number) for number, forms in enumerate(step.forms)}
    plural, book = symbol["lar", "ler"], symbol["kitap", "kitab"]
    assert step.apply(b"kitaplar evler").decode() == f"{book}{plural} {symbol['ev',]}{plural}"
    # Against the rule: what stands there stays, and comes back.
    assert step.apply(b"kitapler").decode() == f"{book}ler"
    for text in ("kitapler evlar", "kitabı kitapı", plural, f"{book}x"):
        assert step.undo(step.apply(text.encode())).decode() == text
    assert step.positions(b"evler.").tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 5, 6]


def test_root_affix_gives_classes_ids_of_their_own(lists: tuple[str, str], tmp_path: Path) -> None:
    corpus = Corpus.from_texts({"tur": TURKISH})
    spelling = f'root_affix(roots="{lists[0]}",affixes="{lists[1]}")'
    made = tb.train(
        corpus, vocab_size=280, algorithm=spelling, steps=["case(turkish=true)"], special_tokens=["<s>"]
    )
    assert made.vocab_size == 280
    ids = made.encode("Kitaplarda evler")
    shown = [surface_forms(made, i) or (made.token_bytes(i).decode(),) for i in ids.tolist()]
    assert shown == [
        ("\x11",),
        ("kitap", "kitab"),
        ("lar", "ler"),
        ("da", "de", "ta", "te"),
        (" ev",),
        ("lar", "ler"),
    ]
    made.save(tmp_path / "mine.tokbench.json")
    again = Tokenizer.load(tmp_path / "mine.tokbench.json")
    texts: list[str | bytes] = [
        *TURKISH,
        "KİTABIM! 123 <s>",
        "\U000f0000 \U000ffffd",
        b"\xff\xf3\xb0\x80",
        "",
    ]
    encoding = again.encode_batch(texts)
    assert encoding.ids.tolist() == made.encode_batch(texts).ids.tolist()
    assert again.decode_batch(encoding) == [t if isinstance(t, bytes) else t.encode() for t in texts]
    ids, spans = again.encode_with_offsets("Kitaplarda evler")
    assert b"".join(b"Kitaplarda evler"[a:b] for a, b in spans.tolist()) == b"Kitaplarda evler"
    with pytest.raises(NotRepresentableError, match="allomorphs"):
        made.save(tmp_path / "tokenizer.json")


def test_root_affix_says_what_it_lacks(lists: tuple[str, str]) -> None:
    corpus = Corpus.from_texts({"tur": TURKISH})
    with pytest.raises(ParameterError, match="give roots=FILE"):
        tb.train(corpus, vocab_size=290, algorithm="root_affix")
    spelling = f'root_affix(roots="{lists[0]}",affixes="{lists[1]}")'
    with pytest.raises(ExhaustedError, match=r"4000 asked for, \d+ possible: \d+ classes"):
        tb.train(corpus, vocab_size=4000, algorithm=spelling)
    assert tb.train(corpus, vocab_size=4000, algorithm=spelling, allow_smaller=True).vocab_size < 400
    with pytest.raises(ParameterError, match="vocab_size"):
        tb.train(corpus, vocab_size=260, algorithm=spelling)
