"""The n-gram model as a model of a tokenizer: training, its file, wrong input, and bytes read from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import tokbench as tb
from tokbench.bytelm import ByteLM, TokenLM
from tokbench.bytelm.models import load_model
from tokbench.bytelm.ngram import NgramLM, train_ngram
from tokbench.corpora import open_corpus
from tokbench.encoding import Encoding
from tokbench.errors import CorpusError, ModelError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def text() -> Corpus:
    return open_corpus(["sample"], languages=["eng_Latn", "deu_Latn"])


@pytest.fixture(scope="module")
def tokenizer(text: Corpus) -> Tokenizer:
    return tb.train(tb.count(text, "gpt2"), vocab_size=600)


@pytest.fixture(scope="module")
def model(text: Corpus, tokenizer: Tokenizer) -> NgramLM:
    return train_ngram(text, tokenizer, order=3)


def test_it_is_a_token_model_whose_rows_sum_to_one(model: NgramLM, tokenizer: Tokenizer) -> None:
    assert isinstance(model, TokenLM)
    ids = tokenizer.encode("Everyone has the right to").tolist()
    contexts = [[model.bos_id, *ids[:at]] for at in range(len(ids))] + [[], [3], [model.bos_id, 3, 7]]
    rows = np.exp(model.logprobs(contexts))
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert (rows[:, model.bos_id] == 0).all()
    assert (rows[:, : model.eos_id + 1] > 0).all()
    assert model.logprobs([]).shape == (0, model.vocab_size)


def test_scores_are_sums_of_rows(model: NgramLM, tokenizer: Tokenizer) -> None:
    documents = ["A new sentence.", "", "und noch einer"]
    total = 0.0
    for document in documents:
        ids = [*tokenizer.encode(document).tolist(), model.eos_id]
        contexts = [[model.bos_id, *ids[:at]] for at in range(len(ids))]
        total -= model.logprobs(contexts)[np.arange(len(ids)), ids].sum() / np.log(2)
    found = model.score(documents, tokenizer)
    assert found.bits == pytest.approx(total, rel=1e-12)
    assert (found.n_documents, found.n_bytes) == (3, sum(map(len, documents)))
    assert found.bits_per_byte == pytest.approx(total / found.n_bytes)
    assert found.perplexity == pytest.approx(2 ** (total / (found.n_tokens + 3)))
    nothing = model.score([], tokenizer)
    assert nothing.bits_per_byte is None
    assert nothing.perplexity is None


def test_documents_do_not_see_each_other(tokenizer: Tokenizer) -> None:
    """Their order changes nothing, and no n-gram reaches over a border."""
    texts = ["the right", "to the", "right to the right"]
    one, other = train_ngram(texts, tokenizer, order=4), train_ngram(texts[::-1], tokenizer, order=4)
    assert np.array_equal(one.counts.tokens, other.counts.tokens)
    assert np.array_equal(one.counts.counts, other.counts.counts)
    assert np.array_equal(one.counts.first, other.counts.first)
    assert not one.counts.counts[one.bos_id]


def test_the_file_holds_the_model(model: NgramLM, tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "a.ngram"
    model.save(path)
    loaded, own = load_model(f"ngram:{path}", tokenizer)
    assert isinstance(loaded, NgramLM)
    assert own is tokenizer
    assert isinstance(loaded.counts.tokens.base, np.ndarray), "mapped, not read"
    contexts = [[model.bos_id], [model.bos_id, *tokenizer.encode("All human")]]
    assert np.array_equal(model.logprobs(contexts), loaded.logprobs(contexts))
    assert loaded.score(["All human"], tokenizer) == model.score(["All human"], tokenizer)
    again = tmp_path / "b.ngram"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "no n-gram model"),
        (lambda data: b"GGUF" + data[4:], "no n-gram model"),
        (lambda data: data[:40], "inside of its header"),
        (lambda data: data[:16] + b"?" + data[17:], "header cannot be read"),
        (lambda data: data[:-1], "bytes, but its header says"),
        (lambda data: data[:-70] + bytes([data[-70] ^ 1]) + data[-69:], "checksum"),
    ],
)
def test_a_damaged_file_is_refused(model: NgramLM, tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "a.ngram"
    model.save(path)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match=message):
        NgramLM.load(path)


def test_wrong_input(model: NgramLM, tokenizer: Tokenizer, text: Corpus, tmp_path: Path) -> None:
    other = tb.train(tb.count(text, "gpt2"), vocab_size=300)
    with pytest.raises(ModelError, match="another tokenizer"):
        model.score(["a"], other)
    with pytest.raises(ModelError, match="id outside of 0 to 601"):
        model.logprobs([[602]])
    with pytest.raises(ModelError, match="no ordinary token"):
        model.token_logprobs(Encoding(np.array([model.bos_id], np.uint32), np.array([0, 1], np.int64)))
    with pytest.raises(ParameterError, match="order: 0"):
        train_ngram(["a"], tokenizer, order=0)
    with pytest.raises(CorpusError, match="no documents"):
        train_ngram([], tokenizer)
    with pytest.raises(CorpusError, match="id 600"):
        train_ngram(Encoding(np.array([600], np.uint32), np.array([0, 1], np.int64)), tokenizer)
    with pytest.raises(ModelError, match="needs its tokenizer"):
        load_model(f"ngram:{tmp_path}/a.ngram")


def test_a_longer_order_fits_the_training_text_better(text: Corpus, tokenizer: Tokenizer) -> None:
    bits = [train_ngram(text, tokenizer, order=n).score(text, tokenizer).bits_per_byte for n in (1, 2, 3)]
    assert bits == sorted(bits, reverse=True)  # type: ignore[type-var]  # None only without text
    assert len(set(bits)) == 3


@pytest.mark.parametrize("semantics", ["valid", "all", "vct"])
def test_bytes_of_the_model(model: NgramLM, tokenizer: Tokenizer, semantics: str) -> None:
    """Distributions sum to 1; a text costs at most the bits of its own tokens, which are one of its covers."""
    lm = ByteLM(model, tokenizer, semantics=semantics)  # type: ignore[arg-type]  # one of the three
    for prompt in ("", "Everyone ha", "the ", "\u00fcb".encode()[:1]):
        found = lm.next_byte(prompt)
        assert found.probabilities.sum() == pytest.approx(1, abs=1e-12)
    text = "Everyone has"
    scored = lm.score(text, end=True)
    by_tokens = model.score([text], tokenizer).bits
    assert scored.cover_bits <= by_tokens + 1e-9
    if semantics == "valid":
        assert scored.cover_bits == pytest.approx(by_tokens, rel=1e-9), (
            "with its end, a text has one valid cover"
        )
