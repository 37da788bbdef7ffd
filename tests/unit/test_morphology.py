"""The morphology metrics: the worked examples of their definitions, and the words that cannot be scored."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tokbench as tb
from tokbench.errors import MetricError
from tokbench.lexicon import gold_sets
from tokbench.measurement import Undefined, VocabMetric
from tokbench.metrics.drilldown import gold_table, split_words
from tokbench.metrics.gold_words import cut_words
from tokbench.metrics.morphology import (
    BoundaryF1,
    BoundaryPrecision,
    BoundaryRecall,
    GoldWords,
    MorphemePreservation,
    OverSegmentation,
)
from tokbench.metrics.morphscore import MorphScore
from tokbench.plugin import parse
from tokbench.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

OF_GOLD = (
    "boundary_precision",
    "boundary_recall",
    "boundary_f1",
    "morpheme_preservation",
    "over_segmentation",
)


class Rows:
    def __init__(self, ids: list[list[int]]) -> None:
        self.ids = np.array([token for row in ids for token in row], np.uint32)
        self.offsets = np.array([0, *accumulate(map(len, ids))], np.int64)


class Cutter:
    """A lossless tokenizer that cuts each text that it knows at the bars."""

    lossless = True
    steps = ()
    special_tokens: Mapping[str, int] = {}
    fingerprint = "f" * 32
    unk_id: int | None = None

    def __init__(self, *texts: str, name: str = "cutter", unk: str | None = None) -> None:
        self.name = name
        self._cut = {text.replace("|", "").encode(): text.encode().split(b"|") for text in texts}
        pieces = dict.fromkeys(piece for cut in self._cut.values() for piece in cut)
        self._ids = {piece: at for at, piece in enumerate(pieces)}
        self.vocab_size = len(self._ids)
        self.unk_id = None if unk is None else self._ids[unk.encode()]

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        data = np.frombuffer(b"".join(self._ids), np.uint8)
        return data, np.array([0, *accumulate(map(len, self._ids))], np.int64)

    def encode_batch(self, texts: Any, *, threads: int | None = None) -> Rows:
        del threads
        bounds = zip(texts.offsets[:-1].tolist(), texts.offsets[1:].tolist(), strict=True)
        found = [texts.data[begin:end].tobytes() for begin, end in bounds]
        return Rows([[self._ids[piece] for piece in self._cut[text]] for text in found])

    def encode_with_offsets(self, text: bytes) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        raise AssertionError(text)


def gold(folder: Path, *words: str) -> str:
    path = folder / "gold.tsv"
    lines = [word if "\t" in word else f"{word.replace('|', '')}\t{word}" for word in words]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def values(metric: VocabMetric, tokenizer: Any) -> dict[str, Any]:
    return {cell.group: cell.value for cell in metric.cells(tokenizer)}


def value(metric: VocabMetric, tokenizer: Any) -> Any:
    found = metric.of(tokenizer)
    assert values(metric, tokenizer)["all"] == found
    return found


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("un|ha|ppi|ly", (2 / 3, 1.0, 0.8, 2 / 3, 1 / 3)),
        ("un|happ|ily", (0.5, 0.5, 0.5, 1 / 3, 0.0)),
        ("un|happi|ly", (1.0, 1.0, 1.0, 1.0, 0.0)),
        ("unhappily", ("no word of the gold set is cut", 0.0, 0.0, 0.0, 0.0)),
        ("u|n|h|a|p|p|i|l|y", (2 / 8, 1.0, 0.4, 0.0, 2.0)),
    ],
)
def test_unhappily(tmp_path: Path, tokens: str, expected: tuple[float | str, ...]) -> None:
    path = gold(tmp_path, "un|happi|ly")
    for name, wanted in zip(OF_GOLD, expected, strict=True):
        for mean in ("micro", "macro"):
            metric = parse(f'{name}(gold="{path}",mean={mean})')
            assert isinstance(metric, VocabMetric)
            found = value(metric, Cutter(tokens))
            assert found == (
                Undefined(wanted) if isinstance(wanted, str) else pytest.approx(wanted, abs=1e-12)
            )


def test_micro_pools_counts_and_macro_averages_words(tmp_path: Path) -> None:
    path = gold(tmp_path, "un|happi|ly", "walk|s", "red")
    tokenizer = Cutter("un|happ|ily", "walk|s", "r|ed")
    assert value(BoundaryPrecision(path), tokenizer) == pytest.approx(2 / 4)
    assert value(BoundaryPrecision(path, mean="macro"), tokenizer) == pytest.approx((0.5 + 1 + 0) / 3)
    # red has no gold boundary and takes no part in recall.
    assert value(BoundaryRecall(path), tokenizer) == pytest.approx(2 / 3)
    assert value(BoundaryRecall(path, mean="macro"), tokenizer) == pytest.approx((0.5 + 1) / 2)
    assert value(BoundaryF1(path, mean="macro"), tokenizer) == pytest.approx((0.5 + 1 + 0) / 3)
    assert value(MorphemePreservation(path), tokenizer) == pytest.approx((1 + 2 + 0) / (3 + 2 + 1))
    assert value(OverSegmentation(path), tokenizer) == pytest.approx((0 + 0 + 1) / 6)
    cell = next(cell for cell in BoundaryRecall(path).cells(tokenizer) if cell.group == "all")
    assert cell.n == 2
    assert cell.items is not None
    assert cell.items.tolist() == [[1, 2], [1, 1], [0, 0]]


def test_words_kept_whole_and_words_by_frequency(tmp_path: Path) -> None:
    path = gold(tmp_path, "walks\twalk|s\t3", "reds\tred|s\t1", "bed\tbed\t6")
    tokenizer = Cutter("walk|s", "reds", "bed")
    assert value(BoundaryRecall(path), tokenizer) == 0.5
    assert value(BoundaryRecall(path, weight="frequency"), tokenizer) == 0.75
    assert value(BoundaryRecall(path, single="exclude"), tokenizer) == 1.0
    # bed is one morpheme and one token: preserved.
    assert value(MorphemePreservation(path, weight="frequency"), tokenizer) == pytest.approx(12 / 14)
    nothing = BoundaryRecall(path, single="exclude")
    assert value(nothing, Cutter("walks", "reds", "bed")) == Undefined(
        "no word of the gold set has a morpheme boundary"
    )


def test_words_whose_morphemes_are_tokens(tmp_path: Path) -> None:
    path = gold(tmp_path, "un|lock", "re|lock")
    tokenizer = Cutter("un|lock", "r|elock")
    assert value(BoundaryF1(path), tokenizer) == 0.5
    assert value(BoundaryF1(path, morphemes="in_vocabulary"), tokenizer) == 1.0


def test_the_space_before_the_word(tmp_path: Path) -> None:
    path = gold(tmp_path, "un|lock")
    for spelled in (" un|lock", " |un|lock", " un|lo|ck"):
        tokenizer = Cutter("un|lock", spelled)
        assert value(BoundaryRecall(path, space="prefixed"), tokenizer) == 1.0
    assert value(BoundaryPrecision(path, space="prefixed"), Cutter(" |un|lock")) == 1.0
    assert value(OverSegmentation(path, space="prefixed"), Cutter(" |un|lock")) == 0.0


def test_every_word_is_accounted_for(tmp_path: Path) -> None:
    path = gold(tmp_path, "walk|s", "hoping\thope|ing", "went\t-", "red", "ca\N{COMBINING CEDILLA}|s")
    tokenizer = Cutter("walk|s", "re|d", "ca\N{COMBINING CEDILLA}|s", unk="re")
    found = {one.part: value(one, tokenizer) for one in GoldWords(path).expand()}
    assert found == {
        "words": 3,
        "without_boundary": 1,
        "kept_whole": 0,
        "with_unknown": 1,
        "unaligned": 1,
        "unsegmented": 1,
        "not_nfc": 0,
    }
    decomposed = gold(tmp_path, "e\N{COMBINING ACUTE ACCENT}t|s")
    assert value(GoldWords(decomposed, part="not_nfc"), Cutter("e\N{COMBINING ACUTE ACCENT}t|s")) == 1
    assert value(GoldWords(decomposed, part="not_nfc", normalize="nfc"), Cutter("ét|s")) == 0


def test_several_sets_are_pooled_and_averaged(tmp_path: Path) -> None:
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / "a.tsv").write_text("walks\twalk|s\nreds\tred|s\nbeds\tbed|s\n", encoding="utf-8")
    (folder / "b.tsv").write_text("ups\tup|s\n", encoding="utf-8")
    tokenizer = Cutter("walk|s", "red|s", "bed|s", "ups")
    assert values(BoundaryRecall(str(folder)), tokenizer) == {"a": 1.0, "b": 0.0, "all": 0.75, "macro": 0.5}
    (folder / "all.tsv").write_text("ups\tup|s\n", encoding="utf-8")
    with pytest.raises(MetricError, match="cannot be called 'all'"):
        values(BoundaryRecall(str(folder)), tokenizer)


def test_splits(tmp_path: Path) -> None:
    path = tmp_path / "english_data.csv"
    path.write_text(
        "wordform,stem,preceding_part,following_part,data_split,word_freq_norm\n"
        "walks,walk,,s,train,1\nreds,red,,s,dev,2\n",
        encoding="utf-8",
    )
    tokenizer = Cutter("walk|s", "r|eds")
    each = BoundaryRecall(str(path), split="each").expand()
    assert [(one.split, value(one, tokenizer)) for one in each] == [("train", 1.0), ("dev", 0.0)]
    with pytest.raises(MetricError, match="no split 'test'; it has train, dev"):
        BoundaryRecall(str(path), split="test").expand()
    with pytest.raises(MetricError, match="has no splits"):
        BoundaryRecall(gold(tmp_path, "a|b"), split="each").expand()


def test_morphscore_v1(tmp_path: Path) -> None:
    path = gold(tmp_path, "aldi|z")
    assert value(MorphScore(path), Cutter("al|diz")) == 0.0
    assert value(MorphScore(path), Cutter("aldi|z")) == 1.0
    assert value(MorphScore(path), Cutter("aldiz")) == Undefined("no word with a gold boundary takes part")
    both = gold(tmp_path, "aldi|z", "samráð|s", "un|happi|ly")
    # A word kept whole and a word of two boundaries take no part.
    assert value(MorphScore(both), Cutter("aldi|z", "samráðs", "un|happi|ly")) == 1.0
    assert value(MorphScore(both, single="include"), Cutter("aldi|z", "samráðs", "un|happi|ly")) == 0.5


def test_morphscore_v2(tmp_path: Path) -> None:
    path = gold(tmp_path, "unlocked\tun|lock|ed\t3", "walks\twalk|s\t1", "red\tred\t9")
    tokenizer = Cutter("un|loc|ked", "wa|lk|s", "re|d")
    parts = {one.part: one for one in MorphScore(path, version="v2").expand()}
    assert value(parts["recall"], tokenizer) == pytest.approx((0.5 + 1) / 2)
    assert value(parts["precision"], tokenizer) == pytest.approx((1 / 2 + 1 / 2) / 2)
    published = MorphScore(path, version="v2", part="precision", end="include")
    assert value(published, tokenizer) == pytest.approx((1 / 3 + 1 / 3) / 2)
    weighted = MorphScore(path, version="v2", part="recall", weight="frequency")
    assert value(weighted, tokenizer) == pytest.approx((3 * 0.5 + 1) / 4)
    # un, s are both token and morpheme: precision 2/6, recall 2/5, pooled; 1/3, 1/3 and 1/3, 1/2, averaged.
    assert value(parts["micro_f1"], tokenizer) == pytest.approx(2 * 2 / (6 + 5))
    recall = (1 / 3 + 1 / 2) / 2
    assert value(parts["macro_f1"], tokenizer) == pytest.approx(2 * (1 / 3) * recall / (1 / 3 + recall))
    whole = MorphScore(path, version="v2", part="recall", single="include")
    assert value(whole, Cutter("un|loc|ked", "walks", "red")) == pytest.approx((0.5 + 1) / 2)
    assert value(
        MorphScore(path, version="v2", part="macro_f1"), Cutter("unlocked", "walks", "red")
    ) == Undefined("no word with a gold boundary takes part")


def test_the_published_morphscore_misses_split_characters_and_byte_offsets_do_not(tmp_path: Path) -> None:
    byte_level = tb.train(tb.count(tb.Corpus.from_texts({"kor": ["한 몸"]}), "gpt2"), vocab_size=256)
    path = gold(tmp_path, "한|몸", "a|b")
    assert values(MorphScore(path, version="v1_literal"), byte_level)["all"] == 0.5
    assert value(MorphScore(path), byte_level) == 1.0
    missing = gold(tmp_path, "nana\tnan|a")
    assert value(MorphScore(missing, version="v1_literal"), Cutter("nan|a")) == 0.0
    assert value(MorphScore(missing), Cutter("nan|a")) == 1.0


def test_without_gold_nothing_is_measured() -> None:
    for name in (*OF_GOLD, "gold_words", "morphscore"):
        metric = parse(name)
        assert isinstance(metric, VocabMetric)
        for one in metric.expand():
            assert isinstance(one, VocabMetric)
            (cell,) = one.cells(Cutter("a"))
            assert isinstance(cell.value, Undefined)
            assert "pass gold=" in cell.value.reason
            assert isinstance(one.of(Cutter("a")), Undefined)


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("boundary_f1(space=none)", "space='none'; known: bare"),
        ("boundary_f1(space=left)", "space='left'; known: bare, prefixed"),
        ("boundary_f1(single=no)", "single='no'; known: include, exclude"),
        ("boundary_f1(mean=median)", "mean='median'; known: micro, macro"),
        ("boundary_f1(normalize=nfz)", "normalize='nfz'"),
        ("morphscore(version=v3)", "version='v3'; known: v1, v1_literal, v2"),
        ("morphscore(part=recall)", "part and end belong to version=v2"),
        ("morphscore(version=v2,part=score)", "part='score'; known: recall"),
        ("morphscore(version=v1_literal,space=prefixed)", "encodes bare words"),
        ("gold_words(part=all)", "part='all'; known: words"),
    ],
)
def test_wrong_parameters_are_named(spelling: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        parse(spelling)


def wordpiece(folder: Path) -> Tokenizer:
    """A WordPiece with ## and an unknown token, whose post-processor would add [CLS] and [SEP]."""
    vocab = ["[UNK]", "[CLS]", "[SEP]", "un", "##happi", "##ly", "walk", "##s", "red"]
    template = {
        "type": "BertProcessing",
        "sep": ["[SEP]", 2],
        "cls": ["[CLS]", 1],
    }
    document: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: at for at, token in enumerate(vocab)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    return Tokenizer.load(folder / "tokenizer.json")


def test_word_pieces_and_added_tokens(tmp_path: Path) -> None:
    tokenizer = wordpiece(tmp_path)
    path = gold(tmp_path, "un|happi|ly", "walk|s", "re|d", "x|s")
    for space in ("bare", "prefixed"):
        assert value(BoundaryRecall(path, space=space), tokenizer) == pytest.approx(3 / 5)
        assert value(BoundaryPrecision(path, space=space), tokenizer) == 1.0
        assert value(MorphemePreservation(path, space=space), tokenizer) == pytest.approx(5 / 9)
    assert value(GoldWords(path, part="with_unknown"), tokenizer) == 1
    assert value(GoldWords(path, part="kept_whole"), tokenizer) == 2


@pytest.mark.shared
@pytest.mark.parametrize("name", ["llama/llama2_tokenizer.model", "llama/llama2_wordllama_tokenizer.json"])
def test_dummy_prefix_and_byte_fallback(shared: Path, name: str) -> None:
    tokenizer = Tokenizer.load(shared / "data" / "tokenizers" / name)
    words = ["unhappily", "ꙮa", "unhappꙮily", "", "naïve"]
    data = "".join(words).encode()
    offsets = np.array([0, *accumulate(len(word.encode()) for word in words)])
    for space in ("bare", "prefixed"):
        cut = cut_words(tokenizer, np.frombuffer(data, np.uint8), offsets, space=space)
        found = [cut.cuts[a:b].tolist() for a, b in zip(cut.cut_rows[:-1], cut.cut_rows[1:], strict=True)]
        assert found == [[3, 6], [1, 2, 3], [3, 6, 7, 8, 9], [], [2, 4]]
        assert cut.pieces.tolist() == [3, 4, 6, 0, 3]


# -- drilling down -----------------------------------------------------------------------------------------------------


def test_the_words_that_are_split_most() -> None:
    corpus = tb.Corpus.from_texts({"eng": ["the unhappy the", "the unhappy unhappy red"]})
    tokenizer = Cutter("t|he| un|hap|py| t|he", "t|he| un|hap|py| un|hap|py| red")
    frame = split_words(tokenizer, corpus)
    assert frame.select("word", "count", "tokens", "excess", "pieces").rows() == [
        ("unhappy", 3, 3.0, 6, "un|hap|py"),
        ("the", 3, 2.0, 3, "t|he"),
        ("red", 1, 1.0, 0, "red"),
    ]
    assert frame["share"].to_list() == pytest.approx([6 / 9, 3 / 9, 0])
    assert split_words([tokenizer], corpus, top=1)["word"].to_list() == ["unhappy"]
    with pytest.raises(MetricError, match="two tokenizers have the same name"):
        split_words([tokenizer, tokenizer], corpus)
    with pytest.raises(MetricError, match="no word definition 'lines'"):
        split_words(tokenizer, corpus, word="lines")


def test_split_words_add_up_to_fertility() -> None:
    corpus = tb.Corpus.from_texts({"eng": ["one two two", "", "three  two"], "deu": ["eins zwei"]})
    tokenizer = tb.train(tb.count(corpus, "gpt2"), vocab_size=262)
    frame = split_words(tokenizer, corpus)
    whole = tb.evaluate(tokenizer, corpus, metrics=["strr"])
    by_word = frame.group_by("language", maintain_order=True).agg("count", "tokens")
    for language, counts, tokens in by_word.rows():
        kept = sum(n for n, mean in zip(counts, tokens, strict=True) if mean == 1)
        assert kept / sum(counts) == whole.value("strr", group=language)


def test_the_gold_table_shows_every_word(tmp_path: Path) -> None:
    path = gold(tmp_path, "un|happi|ly", "red", "hoping\thope|ing")
    frame = gold_table(Cutter("un|ha|ppi|ly", "red"), path)
    assert frame.select(
        "word", "morphemes", "pieces", "right", "precision", "recall", "f1", "line"
    ).rows() == [
        ("unhappily", "un|happi|ly", "un|ha|ppi|ly", 2, 2 / 3, 1.0, 0.8, 1),
        ("red", "red", "red", 0, None, None, None, 2),
        ("hoping", "hope|ing", None, None, None, None, None, 3),
    ]
    assert frame["reason"].to_list() == [None, None, "its morphemes do not spell it"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "published", "corrected"),
    [
        (
            "gpt2",
            {"english": 0.1846, "turkish": 0.6862, "korean": 0.0, "japanese": 0.0230},
            {"korean": 0.9980},
        ),
        ("o200k_base", {"korean": 0.8948, "japanese": 0.9290}, {"korean": 0.9766, "japanese": 0.9690}),
    ],
)
def test_published_morphscores_are_repeated(
    shared: Path, name: str, published: dict[str, float], corrected: dict[str, float]
) -> None:
    tokenizer = Tokenizer.load(shared / "data" / "tokenizers" / "openai" / f"{name}.tiktoken")
    folder = str(shared / "data" / "morph" / "morphscore")
    assert sum(len(one.items) + len(one.unaligned) for one in gold_sets(folder)) == 33123
    literal = values(MorphScore(folder, version="v1_literal"), tokenizer)
    assert {language: round(literal[language], 4) for language in published} == published
    mended = values(MorphScore(folder), tokenizer)
    assert {language: round(mended[language], 4) for language in corrected} == corrected
    assert mended["english"] == literal["english"]
