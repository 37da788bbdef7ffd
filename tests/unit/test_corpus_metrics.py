"""Worked examples and edge cases of the metrics of length, words, cost, vocabulary use and information."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

import tokbench as tb
from tokbench.bpe import BpeModel
from tokbench.errors import MetricError
from tokbench.merges import Merges
from tokbench.metrics.inequality import weighted_gini
from tokbench.metrics.languages import weights
from tokbench.metrics.markov import MarkovSource
from tokbench.metrics.ngrams import Spectrum
from tokbench.metrics.overlap import compare
from tokbench.metrics.reachability import reachable_ids
from tokbench.metrics.token_tax import relative, training_flops
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tokbench.frame import MetricFrame


@dataclass(frozen=True)
class Rows:
    """Ids of documents back to back."""

    ids: NDArray[np.uint32]
    offsets: NDArray[np.int64]


class Spelled:
    """A tokenizer that cuts a text where its spelling has a bar, and before nothing else; "?" is unknown."""

    lossless = True
    steps = ()
    special_tokens: Mapping[str, int] = {"<end>": 99}

    def __init__(self, *spellings: str, vocab_size: int = 100, name: str = "spelled", unk: str = "") -> None:
        self.name, self.vocab_size, self.fingerprint = name, vocab_size, "f" * 32
        self._pieces = {text.replace("|", "").encode(): text.split("|") for text in spellings}
        self._ids: dict[str, int] = {}
        for pieces in self._pieces.values():
            for piece in pieces:
                self._ids.setdefault("?" if piece == unk else piece, len(self._ids))
        self.unk_id = self._ids.get("?")
        self._unk = unk
        self.lossless = not unk

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        tokens = [piece.encode() for piece in self._ids]
        ends = np.array([0, *accumulate(map(len, tokens))], np.int64)
        return np.frombuffer(b"".join(tokens), np.uint8), ends

    def encode_batch(self, texts: object, *, threads: int | None = None) -> Rows:
        del threads
        data, offsets = texts.data, texts.offsets  # type: ignore[attr-defined]  # flat text
        documents = [data[begin:end].tobytes() for begin, end in pairwise(offsets)]
        ids = [self.encode_with_offsets(document)[0] for document in documents]
        return Rows(
            np.concatenate([np.zeros(0, np.uint32), *ids]),
            np.array([0, *accumulate(map(len, ids))], np.int64),
        )

    def encode_with_offsets(self, text: bytes) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        pieces = self._pieces[text] if text else []
        ends = list(accumulate(len(piece.encode()) for piece in pieces))
        ids = np.array([self._ids["?" if piece == self._unk else piece] for piece in pieces], np.uint32)
        return ids, np.array([*zip([0, *ends], ends, strict=False)], np.int64).reshape(-1, 2)


def corpus(texts: Mapping[str, Sequence[str]], *, parallel: bool = False) -> tb.Corpus:
    return tb.Corpus.from_texts(texts, parallel=parallel)


def measure(metric: str, *spellings: str, **options: object) -> MetricFrame:
    texts = {"eng": [spelling.replace("|", "") for spelling in spellings]}
    return tb.evaluate(Spelled(*spellings, **options), corpus(texts), metrics=[metric])  # type: ignore[arg-type]  # of Spelled


def value(metric: str, *spellings: str, **options: object) -> float | None:
    return measure(metric, *spellings, **options).value(metric)


def longest(*tokens: str, name: str = "longest") -> BpeTokenizer:
    """A tokenizer that takes the longest of some tokens, or a byte."""
    vocab = Vocab([bytes([byte]) for byte in range(256)] + [token.encode() for token in tokens])
    return BpeTokenizer(BpeModel(vocab, Merges([], [], []), "none", method="longest"), name=name)


PICK = "pick|@ed|pick|@l|@ed|pick|@les"
ABABAC = "a|b|a|b|a|c"
H0 = -(3 / 6 * math.log2(3 / 6) + 2 / 6 * math.log2(2 / 6) + 1 / 6 * math.log2(1 / 6))
H1 = 3 / 5 * -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
BC = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))


@pytest.mark.parametrize(
    ("metric", "spellings", "expected"),
    [
        ("lines_per_token", ("a|\n|b", "c"), 3 / 4),
        ("graphemes_per_token", ("e\u0301a|b",), 3 / 2),
        ("tokens_per_grapheme", ("e\u0301a|b",), 2 / 3),
        ("bytes_per_token_mean", ("ab|cd", "abc"), (2 + 3) / 2),
        ("characters_per_token_mean", ("na|ïve", "", "x"), (2.5 + 1) / 2),
        ("fertility_mean", ("un|happ|ily| ran", "x"), (2 + 1) / 2),
        ("character_weighted_length", ("ab|cdef|ghi",), 29 / 9),
        ("character_weighted_length(length_in=byte)", ("é|a",), 5 / 3),
        ("token_length(q=0.5)", ("ab|cdef|ghi",), 3),
        ("token_length(q=1,length_in=character)", ("ïï|a",), 2),
        ("token_length_share(length=4)", ("ab|cdef|ghi",), 1 / 3),
        ("vocabulary_token_length", ("ab|cdef|ghi",), 3),
        ("vocabulary_token_length(q=1)", ("ab|cdef|ghi",), 4),
        ("average_token_rank", (ABABAC,), 10 / 6),
        ("token_rank_quantile(q=0.5,relative=false)", (ABABAC,), 1),
        ("token_rank_quantile(q=0.8)", (ABABAC,), 2 / 3),
        ("percentile_frequency", (PICK,), 6 / 7),
        ("percentile_frequency", ("a|a",), 0),
        ("bits", (PICK,), -14),
        ("conditional_entropy(order=0)", (ABABAC,), H0),
        ("conditional_entropy", (ABABAC,), H1),
        ("conditional_entropy(per=byte)", ("aa|b|aa|b|aa|c",), H1 * 6 / 9),
        ("conditional_entropy(order=2)", (ABABAC,), 1 / 2),
        ("capacity_utilisation(vocabulary=observed)", (ABABAC,), H0 / math.log2(3)),
        ("capacity_utilisation(per=byte)", (ABABAC,), H0 / 8),
        ("bigram_entropy", (ABABAC,), BC),
        ("bigram_entropy(at_least=1)", (ABABAC,), 3 / 5 * BC),
        ("accessor_variety", (ABABAC,), 3 / 2),
        ("accessor_variety(ends=true)", (ABABAC,), 4 / 3),
        ("accessor_efficiency", (ABABAC,), BC / 2 / math.log2(3)),
        ("context_coverage", (ABABAC,), 1 / 2),
        ("context_coverage(over=tokens)", (ABABAC,), 3 / 5),
        ("sample_coverage", (ABABAC,), 5 / 6),
        ("code_bits(length=ignored)", (ABABAC,), H0),
        ("code_bits(order=1,length=ignored)", (ABABAC,), H1 * 5 / 6),
        ("trigram_entropy", ("a|b|c", "a|b|d", "a|b|d"), BC),
    ],
)  # fmt: skip
def test_worked_example(metric: str, spellings: tuple[str, ...], expected: float) -> None:
    assert value(metric, *spellings) == pytest.approx(expected, abs=1e-12)


def test_figures_of_the_catalogue() -> None:
    assert value("conditional_entropy(order=0)", ABABAC) == pytest.approx(1.4591, abs=5e-5)
    assert value("conditional_entropy", ABABAC) == pytest.approx(0.5510, abs=5e-5)
    assert value("capacity_utilisation", ABABAC, vocab_size=8) == pytest.approx(0.4864, abs=5e-5)
    assert value("bigram_entropy", ABABAC) == pytest.approx(0.9183, abs=5e-5)
    source = MarkovSource.switching(stay=0.9)
    assert source.entropy_rate == pytest.approx(0.4690, abs=5e-5)
    assert [source.block_rate(n) for n in (1, 2, 3)] == pytest.approx([1, 0.7345, 0.6460], abs=5e-5)
    assert source.entropy_rate == pytest.approx(-0.9 * math.log2(0.9) - 0.1 * math.log2(0.1), abs=1e-12)


def test_no_ngram_crosses_a_border() -> None:
    assert value("conditional_entropy", "a|b", "a|b") == 0
    assert value("accessor_variety", "a|b", "a|c") == 2


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("graphemes_per_token", "no tokens"),
        ("lines_per_token", "no tokens"),
        ("fertility_mean", "no document has words"),
        ("isolated_fertility", "no words"),
        ("isolated_strr(over=types)", "no words"),
        ("segmentation_difference(method=longest)", "no words"),
        ("character_weighted_length", "no text in any token"),
        ("token_length(q=0.5)", "no tokens"),
        ("average_token_rank", "no tokens"),
        ("percentile_frequency", "no tokens"),
        ("bits", "no tokens"),
        ("conditional_entropy(order=0)", "no tokens"),
        ("conditional_entropy", "no document of at least 2 tokens"),
        ("bigram_entropy", "no document of at least 2 tokens"),
        ("trigram_entropy", "no document of at least 3 tokens"),
        ("accessor_variety", "no document of at least 2 tokens"),
        ("sample_coverage(n=3)", "no document of at least 3 tokens"),
        ("code_bits(order=1)", "no tokens"),
        ("model_cost(item=kv_cache_bytes)", "no tokens"),
        ("encoding_speed(show=median,repeats=1)", "nothing to encode"),
        ("entropy_gap", "no rate: pass the entropy rate of the source, rate=…"),
        ("lorenz", "0 groups with a cost, at least 2 needed"),
        ("cost_cov", "0 groups with a cost, at least 2 needed"),
        ("weighted_gini", "0 groups with a cost, at least 2 needed"),
    ],
)
def test_empty_text_is_null_with_a_reason(metric: str, reason: str) -> None:
    parallel = metric in {"lorenz", "cost_cov", "weighted_gini"}
    frame = tb.evaluate(longest(), corpus({"eng": [""]}, parallel=parallel), metrics=[metric])
    assert frame.frame["value"].null_count() == len(frame)
    assert set(frame.frame["reason"]) == {reason}


def test_words_in_isolation_by_occurrence_and_by_type() -> None:
    tokenizer = longest("the", " the", "cat")
    text = corpus({"eng": ["the the cat dog", "the"]})
    metrics = ["isolated_fertility", "isolated_strr", "isolated_pcw"]
    each = tb.evaluate(tokenizer, text, metrics=metrics)
    assert [each.value(name) for name in metrics] == pytest.approx([7 / 5, 4 / 5, 1 / 5])
    types = tb.evaluate(tokenizer, text, metrics=[f"{name}(over=types)" for name in metrics])
    assert [types.value(name) for name in metrics] == pytest.approx([5 / 3, 2 / 3, 1 / 3])
    spaced = tb.evaluate(tokenizer, text, metrics=["isolated_strr(space=true)"])
    assert spaced.value("isolated_strr") == pytest.approx(3 / 5)


@pytest.mark.parametrize(
    ("definition", "text", "expected"),
    [
        ("python_split", "can't 3.5!", 2),
        ("hf_whitespace", "can't 3.5!", 7),
        ("uax29", "can't 3.5!", 2),
        ("icu", "can't 3.5!", 2),
        ("regex:[a-z]+", "can't 3.5!", 2),
        ("regex:(?<=3)[.]", "can't 3.5!", 1),
    ],
)
def test_every_word_definition_has_its_number(definition: str, text: str, expected: int) -> None:
    frame = tb.evaluate(longest(), corpus({"eng": [text]}), metrics=[f'fertility(word="{definition}")'])
    assert frame.value(frame.metrics[0]) == pytest.approx(len(text) / expected)


def test_dictionaries_cut_what_is_not_written_apart() -> None:
    text = corpus({"jpn": ["私は東京に住んでいます"], "tha": ["ภาษาไทยง่ายมาก"]})
    frame = tb.evaluate(longest(), text, metrics=["fertility(word=icu)"])
    assert frame.value("fertility", group="jpn") == pytest.approx(33 / 8)
    assert frame.value("fertility", group="tha") == pytest.approx(42 / 4)


@pytest.mark.parametrize(("library", "package", "language", "text", "words"), [
    ("jieba", "jieba", "zho_Hans", "我来到北京清华大学。", 4),
    ("pythainlp", "pythainlp", "tha_Thai", "ภาษาไทยง่ายมาก", 3),
    ("icu4c", "icu4py", "jpn_Jpan", "私は東京に住んでいます。", 8),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_library_segmenters(library: str, package: str, language: str, text: str, words: int) -> None:
    pytest.importorskip(package)
    frame = tb.evaluate(longest(), corpus({language: [text]}), metrics=[f"fertility(word={library})"])
    assert frame.value("fertility", group=language) == pytest.approx(len(text.encode()) / words)


def test_a_segmenter_that_changes_the_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from tokbench.metrics import segmentation

    monkeypatch.setattr(segmentation, "_SEGMENTERS", dict(segmentation._SEGMENTERS))
    segmentation.register_segmenter("loud", lambda text, _: text.upper().split(), about="wrong")
    with pytest.raises(MetricError, match=r"loud returned 'AB' for document 0 of eng"):
        tb.evaluate(longest(), corpus({"eng": ["ab"]}), metrics=["fertility(word=loud)"])
    with pytest.raises(MetricError, match="already"):
        segmentation.register_segmenter("icu", lambda text, _: [text], about="taken")


def test_two_methods_and_two_tokenizers_of_one_size_differ_where_they_cut() -> None:
    first, second = longest("ab", "abc", name="first"), longest("bc", "xyz", name="second")
    text = corpus({"eng": ["abc abc ab x"]})
    against = tb.evaluate([first, second], text, metrics=["segmentation_difference"])
    assert against.value("segmentation_difference", tokenizer="second") == pytest.approx(3 / 4)
    assert against.value("segmentation_difference", tokenizer="first") == 0
    spread = longest("ab", "bcd", "abc", "cdx")
    words = corpus({"eng": ["abcd ab", "abcdx"]})
    method = tb.evaluate(spread, words, metrics=["segmentation_difference(method=longest_suffix)"])
    assert method.value("segmentation_difference") == pytest.approx(2 / 3)
    smaller = longest("ab", name="smaller")
    unequal = tb.evaluate([first, smaller], text, metrics=["segmentation_difference"])
    assert unequal.value("segmentation_difference", tokenizer="smaller") is None


def test_encoding_speed_is_measured_and_says_so() -> None:
    metrics = ["encoding_speed(repeats=3)", "encoding_speed(per=token,show=median,repeats=1)"]
    frame = tb.evaluate(longest(), corpus({"eng": ["abc " * 500]}), metrics=metrics)
    rates = frame.filter(group="all").frame
    assert (rates["value"] > 0).all()
    assert rates["unit"].to_list() == ["MB/s"] * 4 + ["tokens/s"]
    assert rates["signature"].str.contains("agg:timed").all()


COSTS = {"eng": ["ab"], "tur": ["abcd"], "deu": ["abcdef"]}


def test_costs_of_languages() -> None:
    frame = tb.evaluate(
        longest(),
        corpus(COSTS, parallel=True),
        metrics=["lorenz", "cost_cov", "gini", "token_tax(reference=eng)"],
    )
    points = [frame.value("lorenz(per=document)", group=group) or 0.0 for group in COSTS]
    assert points == pytest.approx([1 / 6, 3 / 6, 1])
    assert frame.value("cost_cov(per=document)") == pytest.approx(2 / 4)
    area = 1 / 3 * (points[0] / 2 + (points[0] + points[1]) / 2 + (points[1] + 1) / 2)
    assert frame.value("gini(per=document)") == pytest.approx(1 - 2 * area)
    taxes = {
        item: frame.value(f"token_tax(reference=eng,item={item})", group="tur")
        for item in ("api_cost", "context", "attention_flops", "dense_flops", "kv_cache")
    }
    assert taxes == {"api_cost": 2, "context": 0.5, "attention_flops": 4, "dense_flops": 2, "kv_cache": 2}
    assert relative("context", 2.0) == 0.5


def test_people_weigh_languages(tmp_path: Path) -> None:
    table = tmp_path / "people.toml"
    table.write_text("[languages]\neng = { people = 3 }\ntur = { people = 1 }\ndeu = { people = 1 }\n")
    spelled = f'weights=people,table="{table}"'
    metrics = [f"weighted_gini({spelled})", f"weighted_parity({spelled},reference=eng)"]
    frame = tb.evaluate(longest(), corpus(COSTS, parallel=True), metrics=metrics)
    assert frame.value(frame.metrics[0]) == pytest.approx(weighted_gini([2, 4, 6], [3, 1, 1]))
    assert frame.value(frame.metrics[1]) == pytest.approx((2 + 3) / 2)
    assert weighted_gini([1, 2, 3], [7, 7, 7]) == pytest.approx(8 / 36)
    unknown = corpus({"eng": ["a"], "nowhere": ["ab"]}, parallel=True)
    lacking = tb.evaluate(longest(), unknown, metrics=["weighted_gini"])
    assert "no speakers of nowhere" in lacking.frame["reason"].item()
    with pytest.raises(MetricError, match=r"no column 'friends'; columns: people"):
        tb.evaluate(longest(), unknown, metrics=[f'weighted_gini(weights=friends,table="{table}")'])


def test_flores_languages_have_speakers() -> None:
    found = weights(("eng_Latn", "zho_Hans", "arb_Arab", "tur_Latn", "en"), "speakers")
    assert all(weight is not None and weight > 5e7 for weight in found.values())
    assert found["eng_Latn"] == found["en"]


def test_premiums_of_pairs_sentences_and_validated_languages() -> None:
    text = {"eng": ["ab", "a"], "tur": ["abcd", "ab?"]}
    plain = corpus(text, parallel=True)
    frame = tb.evaluate(longest(), plain, metrics=["parity_matrix", "sentence_premium(reference=eng)"])
    assert frame.value("parity(reference=tur)", group="eng") == pytest.approx(3 / 7)
    assert frame.value("parity(reference=eng)", group="tur") == pytest.approx(7 / 3)
    assert frame.value("sentence_premium(reference=eng,q=0.5)", group="tur") == pytest.approx(2.5)
    unknown = Spelled("a|b", "a", "a|b|c|d", "a|b|?", unk="?", name="unknown")
    checked = tb.evaluate(unknown, plain, metrics=["validated_parity", "validated_parity(unk_limit=0.2)"])
    rows = checked.filter(group="tur").frame
    assert rows["value"].to_list() == [None, pytest.approx(7 / 3)]
    assert rows["reason"][0] == "14.3% of the tokens of tur are unknown, above 10.0%"


def test_documents_that_are_not_parallel_are_refused() -> None:
    for metric in ("sentence_premium", "validated_parity", "token_tax", "weighted_parity", "parity_matrix"):
        with pytest.raises(MetricError, match="parallel"):
            tb.evaluate(longest(), corpus({"eng": ["a"], "tur": ["b"]}), metrics=[metric])


def test_one_language_has_no_spread() -> None:
    frame = tb.evaluate(
        longest(), corpus({"eng": ["ab"]}, parallel=True), metrics=["lorenz", "weighted_parity"]
    )
    assert frame.frame["value"].null_count() == len(frame)


def test_models_cost_what_their_shape_says(tmp_path: Path) -> None:
    table = tmp_path / "models.toml"
    table.write_text(
        "[models.tiny]\nparameters = 10\nlayers = 2\nwidth = 4\ncontext = 100\nprice_input = 5\n"
    )
    frame = tb.evaluate(
        longest(), corpus({"eng": ["abcd", "ab"]}), metrics=[f'model_cost(model=tiny,table="{table}")']
    )
    found = {name.split("item=")[1].split(",")[0]: frame.value(name) for name in frame.metrics}
    assert found == pytest.approx(
        {"price": 0.015, "documents_in_context": 100 / 3, "training_flops": 6 * 10 * 3 + 6 * 2 * 4 * 9}
    )
    assert training_flops(2.0, {"parameters": 1, "layers": 1, "width": 1}) == 12 + 24
    asked = tb.evaluate(
        longest(), corpus({"eng": ["ab"]}), metrics=["model_cost(model=gpt-4o,item=kv_cache_bytes)"]
    )
    assert asked.frame["reason"][0].startswith("the table has no layers, kv_heads")
    with pytest.raises(MetricError, match="no model 'gpt-9'"):
        tb.evaluate(longest(), corpus({"eng": ["ab"]}), metrics=["model_cost(model=gpt-9)"])


def test_unknown_tokens_by_characters_and_script() -> None:
    spelling = "ab|;|жю|ж|!"
    unknown = Spelled(spelling, unk="жю", name="unknown")
    metrics = ["unk_characters", "unk_by_script", "unk_by_script(over=characters)"]
    frame = tb.evaluate(unknown, corpus({"eng": [spelling.replace("|", "")]}), metrics=metrics)
    assert frame.value("unk_characters") == pytest.approx(2 / 7)
    assert frame.value("unk_by_script(script=Cyrl,over=tokens)") == pytest.approx(1 / 2)
    assert frame.value("unk_by_script(script=Cyrl,over=characters)") == pytest.approx(2 / 3)
    assert frame.value("unk_by_script(script=Latn,over=tokens)") == 0
    only = Spelled("зю", unk="зю", name="only")
    alone = tb.evaluate(only, corpus({"rus": ["зю"]}), metrics=[*metrics, "unk_rate"])
    assert set(alone.filter(group="all").frame["value"]) == {1.0}


def test_overlap_is_that_of_the_bytes() -> None:
    frame = tb.evaluate(
        [longest("ab", "cd", name="one"), longest("ab", "xyz", "q r", name="two")],
        corpus({"eng": ["ab"]}),
        metrics=["vocabulary_overlap"],
    )
    shown = {
        name.split("show=")[1].split(",")[0]: frame.value(name, tokenizer="two") for name in frame.metrics
    }
    assert shown == pytest.approx(
        {"jaccard": 257 / 260, "shared": 257, "only_here": 2, "only_there": 1, "contained": 257 / 259}
    )
    assert compare(frozenset({b"a"}), frozenset({b"a"}), "jaccard") == 1


def test_unreachable_entries_are_left_out_of_reachable_v() -> None:
    # No merge makes abc, and only the letters a and b ever join.
    vocab = Vocab([bytes([byte]) for byte in range(256)] + [b"ab", b"abc"])
    tokenizer = BpeTokenizer(BpeModel(vocab, Merges([97], [98], [256]), "none"), name="merges")
    # ab, and all bytes but the 13 that no UTF-8 has: C0, C1, F5 … FF.
    assert reachable_ids(tokenizer).sum() == 1 + 256 - 13
    assert not reachable_ids(tokenizer)[[0xC0, 0xC1, 0xF5, 0xFF, 257]].any()
    frame = tb.evaluate(
        tokenizer, corpus({"eng": ["ab"]}), metrics=["vocabulary_utilisation(vocabulary=reachable)"]
    )
    assert frame.value("vocabulary_utilisation") == pytest.approx(1 / 244)
    with pytest.raises(MetricError, match=r"pass a tokbench\.Tokenizer"):
        reachable_ids(Spelled("a"))


def test_byte_fallback_splits_characters_into_lengths_of_zero() -> None:
    frame = tb.evaluate(
        longest(), corpus({"rus": ["жa"]}), metrics=["token_length_share", "character_weighted_length"]
    )
    assert frame.value("token_length_share(length=0,length_in=character)") == pytest.approx(1 / 3)
    assert frame.value("character_weighted_length") == 1


def test_corrections_raise_the_entropy_of_a_small_sample() -> None:
    generator = np.random.default_rng(3)
    counts = np.bincount(generator.integers(0, 64, 100), minlength=64)
    plain, miller, chao = (
        Spectrum.of(counts).entropy(correction) for correction in ("plug_in", "miller_madow", "chao_shen")
    )
    assert plain < miller < 6.1
    assert abs(chao - 6) < abs(plain - 6)


def test_a_unigram_code_of_blocks_nears_the_rate_of_the_source() -> None:
    source = MarkovSource.switching(stay=0.9)
    text = corpus({"x": source.sample(4000, seed=5, documents=5)})
    pairs = [first + second for first in "ab" for second in "ab"]
    tokenizers = [longest(name="characters"), longest(*pairs, name="pairs")]
    spelled = f"entropy_gap(rate={source.entropy_rate!r})"
    frame = tb.evaluate(tokenizers, text, metrics=[spelled, "code_bits(fit=held_out,per=character)"])
    gaps = [frame.value(frame.metrics[0], tokenizer=name) for name in ("characters", "pairs")]
    expected = [source.block_rate(n) - source.entropy_rate for n in (1, 2)]
    assert gaps == pytest.approx(expected, abs=0.02)
    held_out = frame.filter(metric=frame.metrics[1], group="all").frame["value"].to_list()
    assert held_out[0] is None or held_out[0] > 0.9


def test_sources_of_any_order_have_exact_rates() -> None:
    source = MarkovSource.random("abc", order=2, seed=1)
    assert source.contexts()[:4] == ["aa", "ab", "ac", "ba"]
    rates = [source.block_rate(n) for n in range(1, 8)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > source.entropy_rate
    assert source.block_entropy(3) - source.block_entropy(2) == pytest.approx(source.entropy_rate)
    text = corpus({"x": source.sample(30_000, seed=2)})
    found = tb.evaluate(longest(), text, metrics=["conditional_entropy(order=2)"]).value(
        "conditional_entropy"
    )
    assert found == pytest.approx(source.entropy_rate, abs=0.02)
    with pytest.raises(MetricError, match="distribution"):
        MarkovSource("ab", np.array([[0.5, 0.6], [0.5, 0.5]]))
    with pytest.raises(MetricError, match="several stationary"):
        MarkovSource("ab", np.eye(2))


@pytest.mark.parametrize(
    "metric",
    [
        "conditional_entropy(order=9)",
        "conditional_entropy(correction=none)",
        "code_bits(order=2)",
        "capacity_utilisation(vocabulary=all)",
        "bigram_entropy(at_least=0)",
        "token_length(q=2)",
        "token_length(length_in=word)",
        "isolated_strr(over=words)",
        "percentile_frequency(low=0.9,high=0.1)",
        "encoding_speed(repeats=0)",
        "segmentation_difference(method=longest,against=longest)",
        "segmentation_difference(against=nobody)",
        "vocabulary_overlap(against=nobody)",
        "token_tax(item=latency)",
        "sentence_premium(q=-1)",
        "unk_by_script(script=Latin)",
        'fertility(word="regex:(")',
        "weighted_gini(table=/nowhere.toml)",
    ],
)
def test_parameters_out_of_range_are_refused(metric: str) -> None:
    with pytest.raises(MetricError):
        tb.evaluate(longest(), corpus({"eng": ["ab"]}, parallel=True), metrics=[metric])


def test_values_do_not_depend_on_batches_or_threads() -> None:
    source = MarkovSource.random("abcd", order=1, seed=4).sample(50, seed=1, documents=40)
    metrics = [
        "code_bits(order=1,fit=held_out)",
        "conditional_entropy(order=3)",
        "trigram_entropy",
        "isolated_strr(over=types)",
    ]
    one = tb.evaluate(longest("ab", "bc"), corpus({"x": source}), metrics=metrics, threads=1)
    two = tb.evaluate(longest("ab", "bc"), corpus({"x": source[::-1]}), metrics=metrics, threads=2)
    values = [frame.frame.filter(pl.col("group") == "x")["value"].to_list() for frame in (one, two)]
    assert values[0] == values[1]
    assert None not in values[0]
