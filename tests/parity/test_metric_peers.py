"""Metrics against tokenization-scorer and TokLens, where they are installed: same tokenizer, same text, same values.

Qtok measures vocabularies without text and has no metric of length, words, cost or information to compare with.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tokbench as tb
from tokbench.metrics.information import renyi_bits

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

TEXTS = {
    "one": "pick @@ed pick @@l @@ed pick @@les",
    "two": "pick @@e @@d pick @@l @@e @@d pick @@l @@e @@s",
    "zipf": " ".join(f"t{rank}" for rank in range(1, 200) for _ in range(2000 // rank)),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("power", [0.5, 2.0, 2.5, 3.0])
def test_renyi_is_that_of_tokenization_scorer(
    name: str, power: float, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = pytest.importorskip("tokenization_scorer")
    counts = np.array(list(Counter(TEXTS[name].split()).values()))
    entropy = renyi_bits(counts, power)
    observed = np.log2(len(counts))
    lines = [TEXTS[name]]
    assert scorer.score(lines, metric="renyi_efficiency", power=power) == pytest.approx(
        entropy / observed, abs=1e-9
    )
    assert scorer.score(lines, metric="shannon_entropy") == pytest.approx(renyi_bits(counts, 1), abs=1e-9)
    capsys.readouterr()


@pytest.mark.parametrize("name", TEXTS)
def test_shannon_efficiency_is_that_of_tokenization_scorer(name: str) -> None:
    scorer = pytest.importorskip("tokenization_scorer")
    counts = np.array(list(Counter(TEXTS[name].split()).values()))
    # Its shannon_efficiency of one iterable, not renyi_efficiency(power=1): that reads its generator twice.
    expected = scorer.metrics.get_metric("shannon_efficiency")([TEXTS[name].split()])
    assert expected == pytest.approx(renyi_bits(counts, 1) / np.log2(len(counts)), abs=1e-9)


ENGLISH = "the cat sat on the mat and the dog's dog sat too, on 12 mats"
TURKISH = "kedi paspasın üstünde oturdu, köpek de öyle; 12 paspas"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[tb.Tokenizer, Any]]:
    """Two tokenizers of ours and the same two as the tokenizers package reads them."""
    library = pytest.importorskip("tokenizers")
    found = {}
    for size in (280, 300):
        made = tb.train(tb.count(tb.Corpus.from_texts({"x": [ENGLISH, TURKISH]}), "gpt2"), vocab_size=size)
        path: Path = tmp_path_factory.mktemp(str(size)) / "tokenizer.json"
        made.save(path)
        found[str(size)] = (made, library.Tokenizer.from_file(str(path)))
    return found


def test_toklens(pair: dict[str, tuple[tb.Tokenizer, Any]]) -> None:
    toklens = pytest.importorskip("toklens.metrics")
    corpus = tb.Corpus.from_texts({"eng": [ENGLISH], "tur": [TURKISH]}, parallel=True)
    frame = tb.evaluate(
        {name: ours for name, (ours, _) in pair.items()},
        corpus,
        metrics=[
            "isolated_fertility", "isolated_strr", "characters_per_token", "bytes_per_token",
            "nsl(reference=280)", "parity(reference=eng)", "vocabulary_overlap(against=280)",
        ],
    )  # fmt: skip
    for name, (_, theirs) in pair.items():
        for language, text in (("eng", ENGLISH), ("tur", TURKISH)):
            base = len(pair["280"][1].encode(text, add_special_tokens=False).ids)
            expected = {
                "isolated_fertility(word=python_split,over=occurrences,space=false)": toklens.compute_fertility,
                "isolated_strr(word=python_split,over=occurrences,space=false)": toklens.compute_strr,
                "characters_per_token": toklens.compute_cpt,
                "bytes_per_token": toklens.compute_compression_ratio,
                # Without a reference length it divides by characters, which is not NSL.
                "nsl(reference=280)": lambda it, text, base=base: toklens.compute_nsl(it, text, base),
                "parity(reference=eng)": lambda it, text: toklens.compute_parity(it, text, ENGLISH),
            }
            for metric, theirs_is in expected.items():
                value = frame.value(metric, tokenizer=name, group=language)
                assert value == pytest.approx(theirs_is(theirs, text), abs=1e-9), metric
    overlap = toklens.compute_vocab_overlap(pair["300"][1], pair["280"][1])
    shown = {
        show: frame.value(f"vocabulary_overlap(show={show},against=280)", tokenizer="300")
        for show in ("shared", "only_here", "only_there")
    }
    # Both vocabularies are spelled in one alphabet and have no special tokens: spellings differ where bytes do.
    assert list(shown.values()) == [overlap["overlap"], overlap["only_a"], overlap["only_b"]]


@pytest.mark.parametrize(
    ("metric", "theirs"),
    [("percentile_frequency", "percentile_freq"), ("bits", "bits"), ("renyi_entropy(alpha=3)", "renyi_entropy"),
     ("shannon_efficiency(vocabulary=observed)", "shannon_efficiency"), ("tokens", "seq_len")],
)  # fmt: skip
def test_tokenization_scorer(
    pair: dict[str, tuple[tb.Tokenizer, Any]], metric: str, theirs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = pytest.importorskip("tokenization_scorer")
    ours, other = pair["300"]
    texts = [ENGLISH, TURKISH, ENGLISH]
    lines = [[str(token) for token in other.encode(text, add_special_tokens=False).ids] for text in texts]
    value = tb.evaluate(ours, tb.Corpus.from_texts({"x": texts}), metrics=[metric]).value(metric)
    expected = scorer.metrics.get_metric(theirs)(lines)
    # Its sequence length is negated, so that higher is better.
    assert value == pytest.approx(-expected if metric == "tokens" else expected, abs=1e-9)
    capsys.readouterr()
