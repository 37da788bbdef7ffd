"""Extension, continuation, sweeps, weights: what they record, write and refuse."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tokbench.bpe import AddedToken, BpeModel
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts
from tokbench.errors import CorpusError, ExhaustedError, NotEncodableError, ParameterError, VocabError
from tokbench.extend import extend
from tokbench.merges import Merges
from tokbench.run import write_run, write_runs
from tokbench.sweep import cut, sweep
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.train import train
from tokbench.vocab import Vocab
from tokbench.weights import Weights

if TYPE_CHECKING:
    from pathlib import Path

ENGLISH = PretokenCounts.from_mapping(
    {"eng": {b"low": 5, b"lower": 2, b"newest": 6, b"widest": 3}, "deu": {b"neu": 4, b"neuer": 1}}
)
TURKISH = PretokenCounts.from_mapping({"tur": {b"yol": 9, b"yollar": 5, b"low": 7, b"lows": 1}})
BYTES = [bytes([byte]) for byte in range(256)]


@pytest.fixture(scope="module")
def base() -> BpeTokenizer:
    return train(ENGLISH, vocab_size=264, special_tokens=["<end>"])


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_settings_tell_what_was_added(base: BpeTokenizer) -> None:
    more = extend(base, TURKISH, add=3, first_id=300)
    assert more.training is not None
    told = more.training.settings
    assert (told["first_id"], told["last_id"], told["freeze"], told["add"]) == (300, 302, True, 3)
    assert told["start"] == base.fingerprint
    assert more.training.log is not None
    assert told["tokens_after"] == {"tur": more.training.log["tokens_tur"].to_list()[-1]}
    before = {
        "tur": sum(
            len(base.encode(word)) * n for word, n in ((b"yol", 9), (b"yollar", 5), (b"low", 7), (b"lows", 1))
        )
    }
    assert told["tokens_before"] == before
    assert more.vocab.special == base.vocab.special
    assert more.training.log["step"].to_list()[0] == len(base.model.merges) + 1


def test_a_corpus_is_counted_with_the_bases_pretokenizer() -> None:
    texts = Corpus.from_texts({"eng": ["the lower roads", "the low road 12345"]})
    base = train(texts, vocab_size=262, pretokenizer="gpt2")
    more = extend(base, Corpus.from_texts({"tur": ["yol yollar yolcu yol"]}), add=4)
    assert more.pretokenizer == base.pretokenizer
    assert b" yol" in more.vocab
    assert not any(b" " in more.token_bytes(i)[1:] for i in more.vocab)


def test_a_normalizer_acts_before_counting(base: BpeTokenizer) -> None:
    model = BpeModel(Vocab(BYTES), Merges([], [], []), "gpt2", normalizer="nfc", prefix_space=True)
    composing = BpeTokenizer(model, name="composing")
    more = extend(composing, Corpus.from_texts({"x": ["e\u0301", "e\u0301"]}), add=2)
    assert " é".encode() in more.vocab
    assert more.encode("e\u0301").tolist() == [more.vocab.id_of(" é".encode())]
    with pytest.raises(ParameterError, match="give the corpus"):
        extend(composing, PretokenCounts.from_mapping({"x": {b"ab": 2}}, pretokenizer="gpt2"), add=1)
    with pytest.raises(ParameterError, match="changes the text"):
        train(PretokenCounts.from_mapping({"x": {b"ab": 2}}), vocab_size=300, start=composing)


def test_protected_text_keeps_its_ids(base: BpeTokenizer) -> None:
    held = Corpus.from_texts({"eng": ["lows", "yol"]})
    free = extend(base, TURKISH, add=3)
    kept = extend(base, TURKISH, add=3, protect=held)
    for text in ("lows", "yol"):
        assert kept.encode(text).tolist() == base.encode(text).tolist()
    assert len(free.encode("yol")) == 1
    assert len(kept.encode("yollar")) < len(base.encode("yollar"))
    assert kept.training is not None
    assert kept.training.settings["protect"] == held.name


def test_whole_word_bases_never_gain_a_protected_pretoken() -> None:
    # "ab" + "c" is what the text teaches; the protected "abc" is cut otherwise and would be looked up whole.
    vocab = Vocab([*BYTES, b"ab", b"bc", b"xab"])
    merges = Merges([98, 97, 120], [99, 98, 256], [257, 256, 258])
    base = BpeTokenizer(BpeModel(vocab, merges, "none", whole_words=True), name="whole")
    counts = PretokenCounts.from_mapping({"x": {b"abc": 9}})
    protect = PretokenCounts.from_mapping({"x": {b"abc": 1, b"q": 1}})
    with pytest.raises(ExhaustedError):
        extend(base, counts, add=1, protect=protect)
    more = extend(base, counts, add=1)
    assert more.encode("abc").tolist() == [259]


def test_unfrozen_merges_may_reach_old_tokens_again() -> None:
    # The base has "abc" by (a, bc) only and leaves "ab c" apart where b was taken first.
    vocab = Vocab([*BYTES, b"ab", b"bc", b"abc"])
    merges = Merges([97, 98, 97], [98, 99, 257], [256, 257, 258])
    base = BpeTokenizer(BpeModel(vocab, merges, "none"), name="twice")
    counts = PretokenCounts.from_mapping({"x": {b"abc": 5, b"abcd": 3}})
    assert base.encode("abc").tolist() == [256, 99]
    frozen = extend(base, counts, add=1)
    assert frozen.encode("abc").tolist() == [256, 99]
    free = extend(base, counts, add=1, freeze=False)
    assert free.encode("abc").tolist() == [258]
    assert free.encode("abcd").tolist() == [259]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"add": 0}, "add: must be at least 1"),
        ({"add": 1, "first_id": 3}, "first_id: 3 is taken"),
        ({"add": 1, "tie_break": "none"}, "tie_break"),
        ({"add": 1, "weights": {"eng": 2}}, "no group 'eng'"),
        ({"add": 1, "min_pretoken_count": 0}, "min_pretoken_count|min_count"),
    ],
)
def test_wrong_parameters(base: BpeTokenizer, change: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        extend(base, TURKISH, **change)  # type: ignore[arg-type]  # deliberately wrong


def test_wrong_bases(base: BpeTokenizer) -> None:
    longest = BpeTokenizer(BpeModel(Vocab(BYTES), Merges([], [], []), "none", method="longest"), name="rwkv")
    with pytest.raises(ParameterError, match="rwkv encodes by the method 'longest'"):
        extend(longest, TURKISH, add=1)
    characters = train(TURKISH, vocab_size=12, unit="character")
    with pytest.raises(ParameterError, match="merges characters, not bytes"):
        extend(characters, TURKISH, add=1)
    counted = PretokenCounts.from_mapping({"x": {b"ab": 2}}, pretokenizer="gpt2")
    with pytest.raises(ParameterError, match="'gpt2', but trained has 'none'"):
        extend(base, counted, add=1)
    split = BpeModel(
        Vocab(BYTES, special={"<t>": 256}),
        Merges([], [], []),
        "none",
        added=(AddedToken("<t>", 256, special=False),),
    )
    with pytest.raises(ParameterError, match="added tokens"):
        train(TURKISH, vocab_size=300, start=BpeTokenizer(split, name="split"))


def test_a_base_without_a_pretokenizer_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.tiktoken"
    BpeTokenizer(BpeModel(Vocab(BYTES), Merges([], [], []), "none"), name="mine").save(file)
    with pytest.raises(VocabError, match="pass pretokenizer="):
        Tokenizer.load(file)


def test_too_little_text(base: BpeTokenizer) -> None:
    with pytest.raises(ExhaustedError, match=r"500 new tokens asked for, \d+ possible"):
        extend(base, TURKISH, add=500)
    assert len(extend(base, TURKISH, add=500, allow_smaller=True).vocab) < len(base.vocab) + 20


def test_start_takes_the_alphabet_from_the_base(base: BpeTokenizer) -> None:
    with pytest.raises(ParameterError, match="special_tokens: belongs to the tokenizer"):
        train(ENGLISH, vocab_size=270, start=base, special_tokens=["<x>"])
    with pytest.raises(ParameterError, match="vocab_size: must be at least 264"):
        train(ENGLISH, vocab_size=263, start=base)
    with pytest.raises(ExhaustedError):
        train(ENGLISH, vocab_size=9999, start=base)


def test_a_second_stage_may_have_another_pretokenizer() -> None:
    texts = Corpus.from_texts({"eng": ["by the way by the way by the sea"]})
    words = train(texts, vocab_size=262, pretokenizer="gpt2")
    lines = train(texts, vocab_size=268, pretokenizer="none", start=words)
    assert lines.pretokenizer == "none"
    assert any(b" " in lines.token_bytes(i)[1:] for i in range(262, 268))
    assert list(lines.model.merges)[: len(words.model.merges)] == list(words.model.merges)


def test_symbols_that_the_base_lacks_are_named() -> None:
    base = train(TURKISH, vocab_size=12, unit="character")
    with pytest.raises(NotEncodableError, match='"zzz" holds a symbol'):
        train(PretokenCounts.from_mapping({"x": {b"zzz": 1}}), vocab_size=13, start=base)


def test_run_directories_of_a_sweep_are_those_of_single_runs(tmp_path: Path) -> None:
    made = sweep(ENGLISH, vocab_sizes=[262, 258, 266], special_tokens=["<end>"])
    assert list(made) == [258, 262, 266]
    arguments = {"corpus": ["x"]}
    refused = write_runs(tmp_path / "sizes", made, formats=["huggingface", "tiktoken"], arguments=arguments)
    for size in made:
        alone = train(ENGLISH, vocab_size=size, special_tokens=["<end>"])
        given = {**arguments, "vocab_size": size}
        single = tmp_path / f"single{size}"
        assert (
            write_run(single, alone, formats=["huggingface", "tiktoken"], arguments=given).keys()
            == refused.keys()
        )
        assert files(single) == files(tmp_path / "sizes" / f"v{size}")


def test_going_on_writes_the_same_files(tmp_path: Path, base: BpeTokenizer) -> None:
    base.save(tmp_path / "base.tokbench.json")
    loaded = Tokenizer.load(tmp_path / "base.tokbench.json")
    on, once = (
        train(ENGLISH, vocab_size=270, start=loaded),
        train(ENGLISH, vocab_size=270, special_tokens=["<end>"]),
    )
    for name, tokenizer in (("on", on), ("once", once)):
        tokenizer.save(tmp_path / name, format="huggingface")
        tokenizer.save(tmp_path / f"{name}.tokbench.json")
    assert files(tmp_path / "on") == files(tmp_path / "once")
    first, second = (json.loads((tmp_path / f"{name}.tokbench.json").read_text()) for name in ("on", "once"))
    assert first.pop("training") != second.pop("training")
    assert first == second


def test_only_a_fresh_training_can_be_cut(tmp_path: Path, base: BpeTokenizer) -> None:
    base.save(tmp_path / "base.tokbench.json")
    loaded = Tokenizer.load(tmp_path / "base.tokbench.json")
    assert isinstance(loaded, BpeTokenizer)
    with pytest.raises(ParameterError, match="just been trained"):
        cut(loaded, vocab_size=260)
    with pytest.raises(ParameterError, match="must be at least 257"):
        cut(base, vocab_size=200)
    with pytest.raises(ParameterError, match="at least one size"):
        sweep(ENGLISH, vocab_sizes=[])


def test_weights_are_exact_fractions() -> None:
    weights = Weights.of({"tur": 0.1, "deu": "2.5"}, ["eng", "tur", "deu"])
    assert weights == Weights({"eng": 10, "tur": 1, "deu": 25}, 10)
    assert weights.as_dict() == {"eng": "1", "tur": "1/10", "deu": "5/2"}
    assert Weights.of({"tur": 3.0}, ["tur"]).scale == 1
    for wrong in (0, -1, 0.00001, "many", float("nan")):
        with pytest.raises(ParameterError, match="weight: tur"):
            Weights.of({"tur": wrong}, ["tur"])


def test_temperature_reaches_its_shares() -> None:
    sizes = {"eng": 8000, "tur": 1000, "khm": 10, "none": 0}
    for alpha in (0.0, 0.3, 0.7, 1.0):
        weights = Weights.temperature(sizes, alpha)
        weighed = {
            group: sizes[group] * Fraction(part, weights.scale) for group, part in weights.parts.items()
        }
        whole = sum(size**alpha for size in sizes.values() if size)
        for group, size in sizes.items():
            share = size**alpha / whole if size else 0.0
            assert float(weighed[group] / sum(weighed.values())) == pytest.approx(share, rel=2e-3)
    assert Weights.temperature(sizes, 1.0) == Weights(dict.fromkeys(sizes, 1), 1)
    with pytest.raises(ParameterError, match="alpha: must lie"):
        Weights.temperature(sizes, 1.5)


def test_weighted_counts_train_like_repeated_text(tmp_path: Path) -> None:
    twice = PretokenCounts.merge(ENGLISH, ENGLISH, TURKISH)
    joined = PretokenCounts.merge(ENGLISH, TURKISH)
    halves = train(joined, vocab_size=268, weights={"tur": 0.5})
    assert halves.model.merges == train(twice, vocab_size=268).model.merges
    assert halves.training is not None
    assert halves.training.settings["weights"] == {"eng": "1", "deu": "1", "tur": "1/2"}
    assert halves.training.settings["weight_scale"] == 2
    weighted = joined.weighted({"tur": 0.5})
    weighted.save(tmp_path / "counts.parquet")
    assert PretokenCounts.load(tmp_path / "counts.parquet").weights == weighted.weights
    assert (
        train(PretokenCounts.load(tmp_path / "counts.parquet"), vocab_size=268).fingerprint
        == halves.fingerprint
    )
    # A pair's minimum is in units of the text: half a text of 9 is 4.5.
    assert train(
        joined, vocab_size=400, weights={"tur": 0.5, "eng": 1.0}, min_frequency=5, allow_smaller=True
    ).training


def test_weighting_refuses() -> None:
    with pytest.raises(ParameterError, match="either weights by group or alpha"):
        ENGLISH.weighted()
    with pytest.raises(ParameterError, match="this table is weighted"):
        ENGLISH.weighted({"eng": 2}).weighted(alpha=0.5)
    with pytest.raises(ParameterError, match="this table is weighted"):
        ENGLISH.weighted({"eng": 2}).filter(min_count=2)
    huge = PretokenCounts.from_mapping({"x": {b"ab": 2**63}})
    with pytest.raises(CorpusError, match="reaches 2\\^64"):
        huge.weighted({"x": 2})


def test_what_is_cut_off_is_reported() -> None:
    made = train(TURKISH, vocab_size=258, min_pretoken_count=5)
    assert made.training is not None
    assert made.training.settings["cut_off"] == {"pretokens": 1, "count": 1, "bytes": 4}
    assert made.training.settings["min_pretoken_count"] == 5
    plain = train(TURKISH, vocab_size=258)
    assert plain.training is not None
    assert "cut_off" not in plain.training.settings
