"""Equal vocabulary sizes by truncating merges, equal bytes by rarefaction."""

from __future__ import annotations

from pathlib import Path

import pytest

import tokbench as tb
from tokbench.equal_size import equal_size, truncate
from tokbench.errors import MetricError, VocabError
from tokbench.rarefaction import curve, rarefaction

TEXTS = {
    "eng": ["the sea is calm and the sea is wide", "we walk home", "a road goes on and on", "it rains"] * 3,
    "tur": ["deniz sakin ve deniz geniş", "eve yürüyoruz", "uzun bir yol", "yağmur"] * 2,
}
CORPUS = tb.Corpus.from_texts(TEXTS)


def test_a_truncated_tokenizer_is_what_shorter_training_gives() -> None:
    counts = tb.count(CORPUS, "gpt2")
    long = tb.train(counts, vocab_size=300, special_tokens=["<s>"])
    for size in (257, 270, 300):
        short = tb.train(counts, vocab_size=size, special_tokens=["<s>"])
        cut = truncate(long, size)
        assert cut.vocab_size == short.vocab_size == size
        for text in (*TEXTS["eng"], *TEXTS["tur"]):
            spelled = [cut.token_bytes(i) for i in cut.encode(text).tolist()]
            assert spelled == [short.token_bytes(i) for i in short.encode(text).tolist()]
    assert {each.vocab_size for each in equal_size({"a": long, "b": truncate(long, 280)}).values()} == {280}
    with pytest.raises(VocabError, match=r"can be cut to 257 … 300, not to 301"):
        truncate(long, 301)


def test_ranked_pairs_are_cut_by_rank(shared: Path) -> None:
    llama = tb.load(shared / "data/tokenizers/llama/llama3_tokenizer.model")
    cut = truncate(llama, 5000)
    assert cut.vocab_size == 5000
    text = "Tokenizers cut words; der Satz wird länger."
    assert cut.decode(cut.encode(text)).decode() == text
    assert len(cut.encode(text)) > len(llama.encode(text))


def test_other_models_are_refused(shared: Path) -> None:
    wordpiece = tb.load(shared / "data/tokenizers/minilm/tokenizer.json")
    with pytest.raises(VocabError, match="its tokens have no order of merges"):
        truncate(wordpiece, 1000)
    longest = tb.train(tb.count(CORPUS, "gpt2"), vocab_size=280).with_method("longest")
    with pytest.raises(VocabError, match="encodes by longest"):
        truncate(longest, 270)


def test_samples_of_equal_bytes_are_nested() -> None:
    tokenizer = tb.train(tb.count(CORPUS, "gpt2"), vocab_size=280)
    frame = rarefaction(
        tokenizer, CORPUS, [150, 60], metrics=["type_token_ratio", "tokens", "tokens_per_byte"]
    )
    found = curve(frame).filter(metric="tokens", by="language").sort("group", "bytes")
    assert found.select("group", "bytes").rows() == [
        ("eng", 60), ("eng", 150), ("macro", 60), ("macro", 150), ("tur", 60)
    ]  # fmt: skip
    sampled = curve(frame).filter(group="eng")
    by_size = {
        size: sampled.filter(metric="tokens", bytes=size)["value"].item()
        / sampled.filter(metric="tokens_per_byte", bytes=size)["value"].item()
        for size in (60, 150)
    }
    assert 20 < by_size[60] <= 60
    assert 100 < by_size[150] <= 150
    assert frame.frame.equals(rarefaction(tokenizer, CORPUS, [60, 150], metrics=frame.metrics).frame)
    assert frame.provenance["rarefaction"] == {"sizes": [60, 150], "seed": 0}
    with pytest.raises(MetricError, match="no language has 9,999 bytes of text; the most has eng: 228"):
        rarefaction(tokenizer, CORPUS, [9999])
