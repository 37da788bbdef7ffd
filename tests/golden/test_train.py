"""Merges of Hugging Face's trainer on the generated corpus, as frozen in the shared folder."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tokbench import _rust
from tokbench.reference.bpe import printable
from tokbench.settings import Settings
from tokbench.train import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.shared
def test_hugging_face_merges(shared: Path) -> None:
    folder = shared / "golden" / "bpe"
    with gzip.open(folder / "gpt4_counts.json.gz", "rt") as file:
        column = {bytes.fromhex(pretoken): count for pretoken, count in json.load(file)}
    pretokens = sorted(column)
    counts = _rust.PretokenCounts(
        ["all"],
        np.frombuffer(b"".join(pretokens), dtype=np.uint8),
        np.cumsum([0, *map(len, pretokens)], dtype=np.uint64),
        np.arange(len(pretokens) + 1, dtype=np.uint64),
        np.zeros(len(pretokens), dtype=np.uint32),
        np.array([column[pretoken] for pretoken in pretokens], dtype=np.uint64),
    )
    expected = [tuple(line.split(" ")) for line in (folder / "bpe_hf.txt").read_text("utf-8").splitlines()]
    expected = [line for line in expected if len(line) == 2 and line[0] != "#version:"]
    # Its alphabet is what occurs, so the number of merges, not of ids, is what the file fixes.
    seen = {bytes([byte]) for pretoken in pretokens for byte in pretoken}
    wanted = Settings(vocab_size=len(seen) + len(expected), pretokenizer="cl100k", initial_alphabet="seen")
    training = run(counts, wanted)
    show = [printable(training.vocab.token_bytes(token_id)) for token_id in training.vocab]
    assert [(show[left], show[right]) for left, right, _ in training.merges] == expected
