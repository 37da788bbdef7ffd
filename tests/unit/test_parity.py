"""The algorithm `parity`: what it refuses, what its log says, how it is resumed after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tokbench.algorithm import ALGORITHMS, Request
from tokbench.algorithms.parity import Parity, ratio_of
from tokbench.checkpoint import Checkpoint
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.errors import CorpusError, ExhaustedError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path

    from tokbench.bpe import Training
    from tokbench.tokenizer import Tokenizer

TRAIN = {"eng": ["low lower lowest newer new"] * 3, "tur": ["göl gölün gölde yeni yenisi"] * 2}
DEV = {"eng": ["lower lakes", "new"], "tur": ["göllerde", "yeni"]}


def train(spelling: str = "parity", dev: Corpus | None = None, **given: Any) -> Tokenizer:
    request = {"source": count(Corpus.from_texts(TRAIN), "gpt2"), "vocab_size": 266, **given}
    return ALGORITHMS.parse(spelling).train(Request(dev=dev, **request))


def training(tokenizer: Tokenizer) -> Training:
    made = getattr(tokenizer, "training", None)
    assert made is not None
    return made  # type: ignore[no-any-return] # a trained tokenizer has it


DEV_CORPUS = Corpus.from_texts(DEV, parallel=True)


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("parity(window=0)", "window: must hold at least 1"),
        ("parity(alpha=0)", "alpha: must be above 0, got 0"),
        ("parity(alpha=-2)", "alpha: must be above 0"),
        ("parity(alpha=inf)", "alpha: must be above 0"),
        ("parity(hybrid=-1)", "hybrid: must be at least 0"),
        ("parity(variant=windows)", "variant: 'windows' is not one of base, window"),
        ("parity(on_exhausted=go)", "on_exhausted: 'go' is not one of continue, stop"),
        ("parity(threshold=all)", "threshold: 'all' is not one of languages, columns"),
        ("parity(balance=test)", "balance: 'test' is not one of dev, ratio, train"),
        ('parity(ratio="1,x")', "ratio: 'x' is not a number"),
        ('parity(ratio="1,0")', "ratio: targets must be above 0"),
        ('parity(ratio="eng=1,2")', "name every language or none"),
        ('parity(ratio="eng=1,eng=2")', "eng is given twice"),
        ("parity(windows=3)", "did you mean window"),
    ],
)
def test_parameters_out_of_range(spelling: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        ALGORITHMS.parse(spelling)


@pytest.mark.parametrize(
    ("spelling", "dev", "message"),
    [
        ("parity", None, "needs a parallel development set, or ratio"),
        ("parity(balance=dev)", None, "needs a development set"),
        ("parity(balance=ratio)", None, "needs ratio"),
        ("parity(balance=train)", DEV_CORPUS, "balance=train: but dev is given"),
        ("parity(balance=dev,ratio=1)", None, "balance=dev: but ratio is given"),
        ("parity(ratio=1)", DEV_CORPUS, "leave it or the development set out"),
        ("parity(ratio=1)", None, "1 targets for 2 languages"),
        ('parity(ratio="eng=1,deu=2")', None, "deu, tur only on one side"),
        ("parity", Corpus.from_texts({"eng": ["a"]}), "tur of the training text is missing"),
        (
            "parity",
            Corpus.from_texts({**DEV, "deu": ["a", "b"]}),
            "deu of the development set has no training",
        ),
        ("parity", Corpus.from_texts({"eng": ["a", "b"], "tur": ["", ""]}), "tur has no text"),
    ],
)
def test_what_does_not_fit_together(spelling: str, dev: Corpus | None, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        train(spelling, dev)


def test_a_development_set_that_is_not_parallel(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="eng 2, tur 1"):
        train("parity", Corpus.from_texts({"eng": ["a", "b"], "tur": ["c"]}))
    for language, lines in {"eng": "a\nb\n", "tur": "c\n"}.items():
        (tmp_path / f"{language}.txt").write_text(lines, encoding="utf-8")
    files = {language: tmp_path / f"{language}.txt" for language in TRAIN}
    # One document each, but not the same number of lines.
    with pytest.raises(CorpusError, match="eng 2, tur 1"):
        train("parity", Corpus.from_files(files))
    (tmp_path / "tur.txt").write_text("c\nd\n", encoding="utf-8")
    assert train("parity", Corpus.from_files(files)).vocab_size == 266


def test_settings_that_mean_nothing_here_and_text_that_is_missing() -> None:
    with pytest.raises(ParameterError, match="seed: means nothing to the algorithm parity"):
        train("parity", DEV_CORPUS, seed=3)
    empty = PretokenCounts.from_mapping({"eng": {b"ab": 3}, "tur": {}})
    with pytest.raises(ParameterError, match="no training text for tur"):
        train("parity", DEV_CORPUS, source=empty)
    with pytest.raises(ParameterError, match="vocab_size: must be at least 256"):
        train("parity", DEV_CORPUS, vocab_size=100)


def test_running_out_of_pairs_is_reported() -> None:
    counts = PretokenCounts.from_mapping({"eng": {b"ab": 9, b"abab": 5}, "tur": {b"xy": 2}})
    dev = Corpus.from_texts({"eng": ["ab"], "tur": ["xyxyxyxyxy"]}, parallel=True)
    with pytest.raises(ExhaustedError, match="300 asked for, 259 possible: no pair is left"):
        train("parity", dev, source=counts, vocab_size=300)
    made = train("parity", dev, source=counts, vocab_size=300, allow_smaller=True)
    facts = training(made).settings
    assert facts["exhausted"] == {"tur": 1, "eng": 3}
    stopped = train("parity(on_exhausted=stop)", dev, source=counts, vocab_size=300, allow_smaller=True)
    assert stopped.vocab_size == 257
    assert training(stopped).settings["exhausted"] == {"tur": 1}
    with pytest.raises(ExhaustedError, match="in the text of tur"):
        train("parity(on_exhausted=stop)", dev, source=counts, vocab_size=300)
    # Two is the least unless it is said otherwise.
    once = PretokenCounts.from_mapping({"eng": {b"abc": 1}, "tur": {b"xy": 1}})
    assert train("parity", dev, source=once, vocab_size=300, allow_smaller=True).vocab_size == 256
    least = {"min_frequency": 1, "allow_smaller": True}
    assert train("parity", dev, source=once, vocab_size=300, **least).vocab_size == 259


def test_the_log_says_who_was_served() -> None:
    made = train("parity(hybrid=2)", DEV_CORPUS)
    log, facts = training(made).log, training(made).settings
    assert log is not None
    assert log.columns[-5:] == ["served", "tokens_eng", "tokens_tur", "dev_eng", "dev_tur"]
    assert log["served"].to_list()[:3] == [None, None, "tur"]
    assert facts["objective"] == ALGORITHMS.spell(Parity(hybrid=2))
    assert facts["min_frequency"] == 2
    assert ALGORITHMS.class_of("parity").about.parameters.keys() == {
        "variant", "window", "alpha", "threshold", "hybrid", "ratio", "balance", "on_exhausted",
    }  # fmt: skip


def test_the_literal_threshold_counts_the_concatenation_as_a_language() -> None:
    assert Parity(variant="window").selection_window(5) == (100, 2 / 5)
    assert Parity(variant="window", hybrid=3).selection_window(5) == (100, 2 / 5)
    assert Parity(variant="window", hybrid=3, threshold="columns").selection_window(5) == (100, 2 / 6)
    assert Parity(variant="window", threshold="columns").selection_window(5) == (100, 2 / 5)
    assert Parity().selection_window(5) is None
    assert ratio_of("1,2", ["eng", "tur"]) == [1.0, 2.0]


def test_a_weight_favours_a_language() -> None:
    def served(**given: Any) -> list[str]:
        log = training(train("parity", DEV_CORPUS, **given)).log
        assert log is not None
        return log["served"].to_list()

    assert served(weights={"eng": 100}) == ["eng"] * 10
    assert served(weights={"tur": 100}) == ["tur"] * 10
    assert served(alpha=0.3) == served()


def test_progress_names_the_language_and_the_premium() -> None:
    seen: list[tuple[str, int, int]] = []
    train("parity", DEV_CORPUS, progress=lambda *row: seen.append(row))
    phase, done, total = seen[-1]
    assert phase.startswith("merging: ")
    assert "worst/best 1." in phase
    assert (done, total) == (10, 10)


def test_training_in_steps_is_training_at_once(tmp_path: Path) -> None:
    once = train("parity(variant=window,window=3)", DEV_CORPUS)
    checkpoint = Checkpoint.begin(tmp_path / "work", every=3)
    steps = train("parity(variant=window,window=3)", DEV_CORPUS, checkpoint=checkpoint)
    assert training(steps).log is not None
    assert training(steps).log.equals(training(once).log)  # type: ignore[union-attr, arg-type] # both are there
    assert steps.fingerprint == once.fingerprint
    assert len(list((tmp_path / "work").glob("merges-*.npy"))) == 4
    with pytest.raises(ParameterError, match="objective of settings"):
        train("parity(variant=window,window=4)", DEV_CORPUS, checkpoint=Checkpoint.resume(tmp_path / "work"))
    other = Corpus.from_texts({**DEV, "tur": ["göl", "yeniler"]}, parallel=True)
    with pytest.raises(ParameterError, match="dev_pretokens of settings"):
        train("parity(variant=window,window=3)", other, checkpoint=Checkpoint.resume(tmp_path / "work"))


PROGRAM = """
import random, sys
from pathlib import Path
from tokbench.algorithm import ALGORITHMS, Request
from tokbench.checkpoint import Checkpoint
from tokbench.corpus import Corpus

draw = random.Random(1)
def lines(letters, n):
    return [" ".join("".join(draw.choices(letters, k=draw.randrange(1, 12))) for _ in range(20)) for _ in range(n)]
train = {"eng": lines("abcdefgh", 1200), "tur": lines("ijklmnop", 800)}
dev = {"eng": lines("abcdefgh", 50), "tur": lines("ijklmnop", 50)}
work = Path(sys.argv[1])
checkpoint = Checkpoint.resume(work) if work.exists() else Checkpoint.begin(work, every=50)
request = Request(
    source=Corpus.from_texts(train),
    dev=Corpus.from_texts(dev, parallel=True),
    vocab_size=1400,
    checkpoint=checkpoint,
)
print("begun", flush=True)
made = ALGORITHMS.parse("parity(hybrid=200,variant=window)").train(request)
made.training.log.write_parquet(sys.argv[2])
print(made.fingerprint)
"""


def test_a_killed_run_ends_with_the_same_result(tmp_path: Path) -> None:
    def begin(work: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-c", PROGRAM, str(tmp_path / work), str(tmp_path / f"{work}.log")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})

    expected, _ = begin("whole").communicate(timeout=300)
    for _ in range(2):
        process = begin("mine")
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        deadline = time.monotonic() + 60
        known = len(list((tmp_path / "mine").glob("merges-*")))
        while process.poll() is None and time.monotonic() < deadline:
            if len(list((tmp_path / "mine").glob("merges-*"))) > known:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
    result, _ = begin("mine").communicate(timeout=300)
    assert result == expected
    assert (tmp_path / "mine.log").read_bytes() == (tmp_path / "whole.log").read_bytes()
