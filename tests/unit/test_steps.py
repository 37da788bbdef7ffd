"""Reversible steps: what they write, how they are trained with, saved, refused and measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import tokbench as tb
from tokbench.bpe import AddedToken, BpeModel
from tokbench.corpus import Corpus, Texts
from tokbench.counts import PretokenCounts, count
from tokbench.errors import NotRepresentableError, ParameterError, VocabError
from tokbench.evaluate import evaluate
from tokbench.merges import Merges
from tokbench.steps import STEPS, Case, Chain, parse
from tokbench.steps.changed import changed
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = Case(capital="^", capitals="~")
TEXTS = ["The cat saw the dog. THE DOG SAW The Cat.", "Cats and dogs; the cat, the dog and the iPad."]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("the cat", "the cat"),
        ("The Cat", "^the^ cat"),
        ("I am", "^i am"),
        ("see NATO  NOW", "see~ nato ~ now"),
        ("HTTPServer iPhone aBC ABc", "~http^server i^phone a~bc^ a^bc"),
        ('"Quote" (A)', '"^quote" (^a)'),
        ("Straße STRAßE", "^straße~ straß^e"),
        ("İstanbul IĞDIR", "İstanbul~ iğdir"),
        ("x ^ ~Y", "x ^^ ^~^y"),
    ],
)
def test_case_writes(text: str, written: str) -> None:
    assert SHOWN.apply(text.encode()).decode() == written
    assert SHOWN.undo(written.encode()).decode() == text


def test_case_pairs_the_turkish_i() -> None:
    step = Case(capital="^", capitals="~", turkish=True)
    assert step.apply("İstanbul IĞDIR".encode()).decode() == "^istanbul~ ığdır"
    assert step.undo("^istanbul~ ığdır".encode()).decode() == "İstanbul IĞDIR"


@pytest.mark.parametrize("written", ["a^", "^", "~ ", "^ 1", "~~", "^-a", "^^^"])
def test_undo_takes_what_no_text_becomes(written: str) -> None:
    assert SHOWN.undo(written.encode()).decode().count("a") == written.count("a")


def test_positions_put_a_marker_in_front_of_the_space() -> None:
    assert SHOWN.apply(b"a Bc") == b"a^ bc"
    assert SHOWN.positions(b"a Bc").tolist() == [0, 1, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("caps", "no step 'caps'; did you mean case"),
        ("case(captial=^)", "no parameter 'captial'; did you mean capital"),
        ("case(capital=ab)", "capital='ab' is not one character"),
        ("case(capital=U+D800)", "is not one character"),
        ("case(capital=x)", "is a letter or a space"),
        ("case(capital=^,capitals=^)", "both markers"),
    ],
)
def test_wrong_steps_are_named(spelling: str, message: str) -> None:
    with pytest.raises(ParameterError) as raised:
        Chain([spelling])
    assert message in str(raised.value)


def test_every_parameter_is_described() -> None:
    assert set(STEPS.class_of("case").about.parameters) == set(STEPS.parameters("case"))
    assert parse("case") == Case()


def _trained(**more: object) -> BpeTokenizer:
    corpus = Corpus.from_texts({"eng": TEXTS})
    trained = tb.train(corpus, vocab_size=270, pretokenizer="gpt2", steps=["case"], **more)  # type: ignore[arg-type]
    assert isinstance(trained, BpeTokenizer)
    return trained


def test_training_sees_changed_text_and_gives_back_text(tmp_path: Path) -> None:
    trained = _trained(special_tokens=["<End>"])
    assert trained.model.steps == ("case(capital=U+0011,capitals=U+0012,turkish=false)",)
    assert trained.training is not None
    assert trained.training.settings["steps"] == list(trained.model.steps)
    assert not [token for token in trained.vocab.tokens.values() if len(token) > 1 and token != token.lower()]
    text = "The Cat<End>AND The<End>"
    ids = trained.encode(text, allowed_special="all")
    assert trained.decode_text(ids) == text
    assert ids.tolist().count(trained.special_tokens["<End>"]) == 2
    plain = [trained.token_bytes(i) for i in trained.encode(" the")]
    assert [trained.token_bytes(i) for i in trained.encode(" The")] == [b"\x11", *plain]
    path = tmp_path / "a.tokbench.json"
    trained.save(path)
    again = Tokenizer.load(path)
    assert again.fingerprint == trained.fingerprint
    assert again.encode(text).tolist() == trained.encode(text).tolist()
    assert again.fingerprint != BpeTokenizer(replace(trained.model, steps=()), name="x").fingerprint


def test_other_formats_are_refused_with_the_reason(tmp_path: Path) -> None:
    trained = _trained()
    for name in ("tokenizer.json", "a.tiktoken"):
        with pytest.raises(NotRepresentableError, match=r"changes the text.* of \d+ fuzz texts"):
            trained.save(tmp_path / name)
        assert not (tmp_path / name).exists()


def test_training_goes_on_with_the_same_steps_only() -> None:
    first = _trained()
    corpus = Corpus.from_texts({"eng": TEXTS})
    more = tb.train(corpus, vocab_size=274, start=first, steps=["case"])
    assert isinstance(more, BpeTokenizer)
    assert more.model.steps == first.model.steps
    whole = tb.train(corpus, vocab_size=274, pretokenizer="gpt2", steps=["case"])
    assert more.fingerprint == whole.fingerprint
    with pytest.raises(ParameterError, match=r"trained with the steps case.*now there are none"):
        tb.train(corpus, vocab_size=274, start=first)
    with pytest.raises(ParameterError, match="changes text by case"):
        tb.extend(first, corpus, add=4)


def test_steps_need_the_text() -> None:
    counts = PretokenCounts.from_mapping({"eng": {b"The": 3}})
    with pytest.raises(ParameterError, match="give the corpus itself"):
        tb.train(counts, vocab_size=257, steps=["case"])
    with pytest.raises(ParameterError, match="give a list of steps"):
        tb.train(Corpus.from_texts({"eng": TEXTS}), vocab_size=257, steps="case")


def test_a_changed_corpus_is_a_corpus(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"One\nTWO\r\n\nthree")
    corpus = Corpus.from_files({"eng": file}, document="line")
    small = changed(corpus, ["case(capital=^,capitals=~)"])
    assert [document.data for document in small] == [b"^one", b"~two", b"", b"three"]
    assert (
        count(small, "none").fingerprint
        == count(Corpus.from_texts({"eng": [d.data for d in small]}), "none").fingerprint
    )
    source = small.sources("eng")[0]
    assert isinstance(source, Texts)
    assert [bytes(batch.data) for batch in source.packed] == [b"^one~twothree"]


def test_steps_refuse_what_they_would_break() -> None:
    vocab = Vocab([bytes([b]) for b in range(256)], special={"<e>": 256})
    merges = Merges.from_steps([])
    with pytest.raises(VocabError, match="normalizer or prefix space"):
        BpeModel(vocab, merges, "none", steps=("case",), prefix_space=True)
    with pytest.raises(VocabError, match="'<e>' is matched in all text"):
        BpeModel(vocab, merges, "none", steps=("case",), added=(AddedToken("<e>", 256, special=False),))
    lent = Vocab([bytes([b]) for b in range(256)] + [b"<e>"], special={"<e>": 256})
    with pytest.raises(VocabError, match="shares id 256"):
        BpeModel(lent, merges, "none", steps=("case",))


def test_metrics_read_spans_of_the_text_as_given() -> None:
    corpus = Corpus.from_texts({"eng": ["The Cat AND a dog"]})
    frame = evaluate([_trained()], corpus, metrics=["fertility", "bytes_per_token"])
    values = dict(zip(frame.frame["metric"], frame.frame["value"], strict=True))
    ids, spans = _trained().encode_with_offsets("The Cat AND a dog")
    assert values["bytes_per_token"] == pytest.approx(17 / len(ids))
    assert spans[-1, 1] == 17
