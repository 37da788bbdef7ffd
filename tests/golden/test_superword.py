"""SuperBPE on the generated corpus: the figures of an independent implementation."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tokbench.algorithm import ALGORITHMS, Request
from tokbench.corpus import Corpus
from tokbench.counts import count
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.shared
def test_superbpe_figures(shared: Path, tmp_path: Path) -> None:
    script = shared / "golden" / "bpe" / "gen_corpus.py"
    subprocess.run([sys.executable, "-P", str(script), str(tmp_path)], check=True, capture_output=True)
    corpus = Corpus.from_files({"all": tmp_path / "train.all.txt"}, document="line")
    made = ALGORITHMS.parse("superword(transition=3000)").train(Request(source=corpus, vocab_size=4000))
    assert isinstance(made, BpeTokenizer)
    assert made.training is not None
    assert made.training.log is not None
    assert made.training.settings["dropped"] == []
    new = made.training.log.filter(made.training.log["stage"] == 2)["token"].to_list()
    assert len(new) == 1000
    assert sum(b" " in token[1:] for token in new) == 279
    dev = [
        line
        for path in sorted(tmp_path.glob("dev.*.txt"))
        for line in path.read_text("utf-8").split("\n")
        if line
    ]
    assert len(dev) == 2000
    assert len(made.encode_batch(dev).ids) == 52_127
    plain = train(count(corpus, "cl100k"), vocab_size=4000)
    assert len(plain.encode_batch(dev).ids) == 55_757
