"""Edge cases, checked by hand: no text, one language, unknown only, special tokens around, byte fallback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tokenizers
from tokenizers import models, pre_tokenizers, processors

import tokbench as tb
from tokbench.measurement import Cell, MeasuredTokenizer, Value, VocabMetric
from tokbench.plugin import describe
from tokbench.uncertainty.resampling import Intervals

HOW = Intervals(replicates=40, blocks=2)


def evaluate(
    tokenizer: tb.Tokenizer, texts: dict[str, list[str]], *, parallel: bool = False
) -> tb.MetricFrame:
    return tb.evaluate(
        tokenizer, tb.Corpus.from_texts(texts, parallel=parallel), intervals=HOW, by="language"
    )


@pytest.fixture(scope="module")
def small() -> tb.Tokenizer:
    return tb.train(tb.count(tb.Corpus.from_texts({"eng": ["the sea the sea"]}), "gpt2"), vocab_size=260)


@pytest.mark.parametrize("documents", [[], [""], ["", "", ""]])
def test_no_text_has_reasons_instead_of_numbers(small: tb.Tokenizer, documents: list[str]) -> None:
    frame = evaluate(small, {"eng": documents, "tur": documents}, parallel=True)
    values = {
        row["metric"].partition("(")[0]: row for row in frame.filter(group="all").frame.iter_rows(named=True)
    }
    for name in ("bytes_per_token", "fertility", "strr", "renyi_efficiency", "gini", "cost_ratio"):
        assert values[name]["value"] is None
        assert values[name]["reason"]
        assert values[name]["low"] is values[name]["high"] is None
    assert values["tokens"]["value"] == (0 if documents else None)
    assert values["tokens_per_line"]["value"] == (0 if documents else None)
    assert frame.value("parity", group="macro") is None


def test_one_language_and_one_document(small: tb.Tokenizer) -> None:
    frame = evaluate(small, {"tur": ["deniz"]}, parallel=True)
    row = frame.filter(metric="tokens", group="tur").frame.row(0, named=True)
    assert row["value"] == row["low"] == row["high"] == len(small.encode("deniz"))
    assert frame.value("parity(reference=tur)", group="tur") == 1
    reason = frame.filter(metric="gini").frame["reason"].item()
    assert reason == "1 groups with a cost, at least 2 needed"


def load(made: tokenizers.Tokenizer, folder: Path) -> tb.Tokenizer:
    made.save(str(folder / "tokenizer.json"))
    return tb.load(folder / "tokenizer.json")


def test_text_that_is_unknown_only(tmp_path: Path) -> None:
    made = tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    frame = evaluate(load(made, tmp_path), {"eng": ["zz zz", "zz"]})
    assert frame.value("unk_rate") == 1
    assert frame.value("tokens") == 3
    assert frame.value("renyi_efficiency") == 0
    assert frame.value("vocabulary_utilisation") == 0.5
    interval = frame.filter(metric="unk_rate", group="all").frame.select("low", "high").row(0)
    assert interval == (1, 1)


def test_tokens_that_a_tokenizer_puts_around_a_text_are_not_counted(tmp_path: Path) -> None:
    made = tokenizers.Tokenizer(
        models.WordPiece({"[UNK]": 0, "a": 1, "<s>": 2, "</s>": 3}, unk_token="[UNK]")
    )
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["<s>", "</s>"])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    assert len(made.encode("a a").ids) == 4
    frame = evaluate(load(made, tmp_path), {"eng": ["a a", "a"]})
    assert frame.value("tokens") == 3
    assert frame.value("tokens", group="eng") == 3
    assert frame.value("tokens_per_line") == 1.5


def test_byte_fallback_counts_its_tokens(tmp_path: Path) -> None:
    vocab = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"a": 256, "b": 257, "ab": 258}
    made = tokenizers.Tokenizer(models.BPE(vocab, [("a", "b")], byte_fallback=True))
    frame = evaluate(load(made, tmp_path), {"eng": ["abé"]})
    assert frame.value("tokens") == 3
    assert frame.value("bytes_per_token") == pytest.approx(4 / 3, abs=1e-12)
    assert frame.value("unk_rate") is None


def test_items_of_a_metric_of_the_tokenizer_have_paired_intervals(small: tb.Tokenizer) -> None:
    class Gold(VocabMetric):
        about = describe("vocabulary_size")

        def of(self, tokenizer: MeasuredTokenizer) -> Value:
            raise NotImplementedError

        def cells(self, tokenizer: MeasuredTokenizer) -> list[Cell]:
            hits = np.array([1.0, 0, 1, 1, 0, 1]) if tokenizer.vocab_size > 259 else np.zeros(6)
            items = np.stack([hits, np.ones(6)], axis=1)
            return [Cell("gold", float(hits.mean()), "ratio_of_sums", 6, items)]

    from dataclasses import dataclass

    other = tb.train(tb.count(tb.Corpus.from_texts({"eng": ["the sea"]}), "gpt2"), vocab_size=256)
    frame = tb.evaluate(
        {"none": other, "some": small},
        tb.Corpus.from_texts({"eng": ["a"]}),
        metrics=[dataclass(frozen=True)(Gold)()],
        intervals=True,
        baseline="none",
    ).frame
    some = frame.row(1, named=True)
    assert some["group"] == "gold"
    assert some["low"] < 4 / 6 < some["high"]
    assert some["difference"] == pytest.approx(4 / 6)
    assert frame.row(0, named=True)["low"] == frame.row(0, named=True)["high"] == 0
    assert some["p_adjusted"] < 0.05
