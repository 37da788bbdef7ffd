"""Every algorithm keeps in a work directory what it says it keeps, and a killed run ends alike; or it refuses."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import pytest

import tokbench as tb
from tokbench.algorithm import ALGORITHMS
from tokbench.checkpoint import Checkpoint
from tokbench.corpus import Corpus
from tokbench.errors import ParameterError

if TYPE_CHECKING:
    from pathlib import Path

SYLLABLES = ["ba", "ke", "lo", "mi", "nu", "so", "ta", "re"]
SIZE = 300
OPTIONS: dict[str, dict[str, Any]] = {
    "parity": {"algorithm": "parity(balance=train)"},
    "kl3m": {"algorithm": "kl3m(pad_to=300)", "min_frequency": 1},
    "superword": {"algorithm": "superword(transition=280)"},
}


class Killed(Exception):  # noqa: N818 - what happens to the process, no error of it
    """The run has ended."""


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    draw = random.Random(0)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(60)]
    lines = [" ".join(draw.choices(words, k=9)) for _ in range(80)]
    return Corpus.from_texts({"one": lines[:40], "two": lines[40:]})


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_a_killed_run_ends_alike_or_is_refused(name: str, corpus: Corpus, tmp_path: Path) -> None:
    options = {"algorithm": name, **OPTIONS.get(name, {})}
    checkpoint = Checkpoint.begin(tmp_path / "work", every=10)
    kept = ALGORITHMS.class_of(name).checkpoints
    if not kept:
        with pytest.raises(ParameterError, match="checkpoint: "):
            tb.train(corpus, vocab_size=SIZE, checkpoint=checkpoint, **options)
        return
    if name in ("unigram", "wordpiece"):
        options["allow_smaller"] = True
    whole = tb.train(corpus, vocab_size=SIZE, **options)

    def killing(phase: str, done: int, total: int) -> None:
        if phase.startswith("merging") and done > 0:
            raise Killed

    # An algorithm whose merging reports nothing runs to its end.
    with contextlib.suppress(Killed):
        tb.train(corpus, vocab_size=SIZE, checkpoint=checkpoint, progress=killing, **options)
    names = {path.name for path in (tmp_path / "work").rglob("*")}
    assert "counts.parquet" in names
    again = tb.train(corpus, vocab_size=SIZE, checkpoint=Checkpoint.resume(tmp_path / "work"), **options)
    assert again.fingerprint == whole.fingerprint
    names = {path.name for path in (tmp_path / "work").rglob("*")}
    assert ("merges" in kept) == any(path.startswith("merges-") for path in names)
    other = Corpus.from_texts({"one": ["other text"] * 30, "two": ["and more of it"] * 30})
    with pytest.raises(ParameterError, match=r"has changed|was .* when"):
        tb.train(other, vocab_size=SIZE, checkpoint=Checkpoint.resume(tmp_path / "work"), **options)
