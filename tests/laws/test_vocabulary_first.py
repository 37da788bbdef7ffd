"""Laws of the algorithms that are not BPE: size, round trip, order of the input, threads, saving."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.algorithm import ALGORITHMS
from tokbench.algorithms.lib import LessIsBetter
from tokbench.algorithms.lib import learn as learn_units
from tokbench.algorithms.sage import sample_lines
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.training import train

WORDS = [
    "lower",
    "newer",
    "wider",
    "slower",
    "low",
    "new",
    "wide",
    "widest",
    "newest",
    "geniş",
    "yeni",
    "新しい",
    "新聞",
    "aaaa",
    "aaab",
]
RANDOM = np.random.default_rng(11)
WORDS += ["".join(RANDOM.choice(list("abdeiklmnorstuşğ"), size=RANDOM.integers(3, 9))) for _ in range(120)]
TEXTS = {
    language: [" ".join(RANDOM.choice(WORDS, size=7)) + "\n" for _ in range(60)]
    for language in ("eng", "jpn", "tur")
}
CORPUS = Corpus.from_texts(TEXTS)
NATIVE = {
    "pathpiece": 290,
    "pathpiece(initial=ngrams,rounds=none)": 290,
    "pathpiece(initial=unigram,initial_size=320)": 290,
    "sage(rounds=3,epochs=1,initial_size=330)": 300,
    "sage(schedule=330/310/300,embeddings_schedule=310,epochs=1)": 300,
    "lib(epochs=40,article=20)": 280,
    "unigram": 290,
    "wordpiece": 290,
}
SPECIAL = ["<s>", "</s>"]


@pytest.fixture(scope="module")
def trained() -> dict[str, Tokenizer]:
    return {
        spelling: train(CORPUS, vocab_size=size, algorithm=spelling, special_tokens=SPECIAL)
        for spelling, size in NATIVE.items()
    }


@pytest.mark.parametrize("spelling", NATIVE)
def test_size_special_tokens_and_round_trip(trained: dict[str, Tokenizer], spelling: str) -> None:
    tokenizer = trained[spelling]
    assert tokenizer.vocab_size == NATIVE[spelling]
    assert dict(tokenizer.special_tokens) == {"<s>": 0, "</s>": 1}
    assert tokenizer.lossless
    assert {bytes([byte]) for byte in range(256)} <= set(tokenizer.vocab.tokens.values())
    texts: list[str | bytes] = [line for lines in TEXTS.values() for line in lines[:5]]
    for text in (*texts, b"", bytes(range(256)), b"\xff<s>\x00"):
        data = text.encode() if isinstance(text, str) else text
        assert tokenizer.decode(tokenizer.encode(data)) == data
    assert tokenizer.encode("<s>", allowed_special="all").tolist() == [0]
    assert isinstance(tokenizer, BpeTokenizer)
    assert tokenizer.training is not None
    assert tokenizer.training.settings["algorithm"] == ALGORITHMS.spell(ALGORITHMS.parse(spelling))


@pytest.mark.parametrize("spelling", NATIVE)
def test_neither_order_nor_threads_matter(trained: dict[str, Tokenizer], spelling: str) -> None:
    turned = Corpus.from_texts({language: TEXTS[language][::-1] for language in reversed(TEXTS)})
    again = train(turned, vocab_size=NATIVE[spelling], algorithm=spelling, special_tokens=SPECIAL, threads=1)
    assert again.fingerprint == trained[spelling].fingerprint
    more = train(CORPUS, vocab_size=NATIVE[spelling], algorithm=spelling, special_tokens=SPECIAL, threads=5)
    assert more.fingerprint == trained[spelling].fingerprint


@pytest.mark.parametrize("spelling", NATIVE)
def test_our_format_keeps_it(trained: dict[str, Tokenizer], spelling: str, tmp_path: Path) -> None:
    path = tmp_path / "made.tokbench.json"
    trained[spelling].save(path)
    loaded = Tokenizer.load(path)
    assert loaded.fingerprint == trained[spelling].fingerprint
    assert loaded.kind == trained[spelling].kind


@settings(deadline=None, max_examples=40)
@given(data=st.binary(max_size=40))
def test_round_trip_of_any_bytes(trained: dict[str, Tokenizer], data: bytes) -> None:
    for tokenizer in trained.values():
        ids, spans = tokenizer.encode_with_offsets(data)
        assert tokenizer.decode(ids) == data
        assert [data[a:b] for a, b in spans.tolist()] == [tokenizer.token_bytes(i) for i in ids.tolist()]


def test_pathpiece_counts_what_its_tokenizer_makes(trained: dict[str, Tokenizer]) -> None:
    """The log's last row is the length of the text under the tokenizer, and lengths never fall on the way."""
    tokenizer = trained["pathpiece"]
    assert isinstance(tokenizer, BpeTokenizer)
    assert tokenizer.training is not None
    log = tokenizer.training.log
    assert log is not None
    for language, lines in TEXTS.items():
        assert log[f"tokens_{language}"][-1] == sum(len(tokenizer.encode(line)) for line in lines)
        assert log[f"tokens_{language}"].is_sorted()


def test_pathpiece_takes_the_fewest_tokens(trained: dict[str, Tokenizer]) -> None:
    tokenizer = trained["pathpiece"]
    text = "".join(line for lines in TEXTS.values() for line in lines)
    assert len(tokenizer.encode(text)) <= len(tokenizer.with_method("longest").encode(text))
    plain = train(CORPUS, vocab_size=290, special_tokens=SPECIAL)
    assert len(plain.with_method("fewest").encode(text)) <= len(plain.encode(text))
    assert len(tokenizer.encode(text)) <= len(plain.encode(text))


def test_unused_tokens_go_first_and_change_nothing() -> None:
    counts = count(CORPUS, "cl100k")
    from tokbench.algorithms.pathpiece import prune
    from tokbench.algorithms.tokens import BYTES

    used = [b"lower", b" new", b"est"]
    unused = [b"qqq", b"lowerq", b"zz"]
    kept, log = prune(counts, [*BYTES, *used, *unused], size=259, rounds=1, threads=2)
    assert kept == [*BYTES, *used]
    assert log["token"].to_list() == unused[::-1]
    assert set(log["cost"]) == {0}


def test_sage_sizes_and_subsets() -> None:
    algorithm = "sage(schedule=340/320/300,epochs=1)"
    tokenizer = train(CORPUS, vocab_size=300, algorithm=algorithm)
    assert isinstance(tokenizer, BpeTokenizer)
    assert tokenizer.training is not None
    log = tokenizer.training.log
    assert log is not None
    assert log.group_by("step", maintain_order=True).last()["size"].to_list() == [320, 300]
    assert log["token"].n_unique() == len(log) == 40
    assert not {*log["token"]} & {*tokenizer.vocab.tokens.values()}
    assert all((row["loss"] is None) == (row["uses"] == 0) for row in log.iter_rows(named=True))


def test_lib_lexicon() -> None:
    lines = sample_lines(CORPUS, seed=0, limit=10**6)
    units = learn_units(LessIsBetter(epochs=60, article=30, max_length=6), lines, seed=3)
    assert len(set(units)) == len(units) > 40
    assert all(len(unit.decode()) <= 6 for unit in units)
    sizes = [
        len(learn_units(LessIsBetter(epochs=epochs, article=30, memory_in=0, memory_out=0.3), lines, seed=3))
        for epochs in (1, 5, 20, 60)
    ]
    assert all(later <= earlier for earlier, later in pairwise(sizes))


def test_seeds_differ() -> None:
    made = [
        train(
            CORPUS, vocab_size=300, algorithm="sage(rounds=2,epochs=1,initial_size=340)", seed=seed
        ).fingerprint
        for seed in (0, 1)
    ]
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("spelling", "options", "said"),
    [
        ("pathpiece", {"vocab_size": 200}, "at least 256"),
        ("pathpiece(initial=magic)", {"vocab_size": 300}, "'magic' is not one of"),
        ("pathpiece(rounds=0)", {"vocab_size": 300}, "rounds: must be at least 1"),
        ("pathpiece", {"vocab_size": 300, "max_token_length": 65}, "between 2 and 64"),
        ("pathpiece", {"vocab_size": 300, "seed": 3}, "seed: means nothing"),
        ("sage(schedule=400/300)", {"vocab_size": 290}, "must descend to vocab_size, 290"),
        ("sage(schedule=many)", {"vocab_size": 290}, "is not a list of sizes"),
        ("sage(rate=0)", {"vocab_size": 290}, "rate"),
        ("lib(memory_in=2)", {"vocab_size": 290}, "memory_in: must be between 0 and 1"),
        ("lib", {"vocab_size": 290, "pretokenizer": "gpt2"}, "whole lines"),
        ("unigram(shrinking_factor=1)", {"vocab_size": 290}, "shrinking_factor"),
        ("wordpiece(lowercase=true)", {"vocab_size": 290}, "without a prefix"),
        ("wordpiece(prefix=##)", {"vocab_size": 20}, "vocab_size: must be at least"),
        ("sentencepiece(model_type=best)", {"vocab_size": 290}, "'best' is not one of"),
        ("sentencepiece", {"vocab_size": 290, "pretokenizer": "gpt2"}, "cuts the text itself"),
    ],
)
def test_wrong_settings_are_named(spelling: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        train(CORPUS, algorithm=spelling, **options)  # type: ignore[arg-type]  # the rows are wrong on purpose


@pytest.mark.parametrize("spelling", [*NATIVE, "sentencepiece", "wordpiece(prefix=##)"])
def test_too_little_text_is_an_error_that_says_so(spelling: str) -> None:
    if spelling.startswith("sage(schedule"):
        spelling = "sage(epochs=1)"
    with pytest.raises(ExhaustedError, match=r"possible|too high|allow_smaller"):
        train(CORPUS, vocab_size=9000, algorithm=spelling)


@pytest.mark.parametrize("spelling", ["sage", "lib", "sentencepiece", "wordpiece(prefix=##)"])
def test_running_text_is_needed(spelling: str) -> None:
    assert ALGORITHMS.parse(spelling).reads_text
    assert not ALGORITHMS.parse("wordpiece").reads_text
    counts = PretokenCounts.from_mapping({"eng": {b"low": 1}})
    with pytest.raises(ParameterError, match="running text"):
        train(counts, vocab_size=300, algorithm=spelling)
