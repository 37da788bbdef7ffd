"""Merges and scaffold of an existing Scaffold-BPE on the generated corpus, as frozen in the shared folder."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from tokbench.algorithm import Request
from tokbench.algorithms.scaffold import Scaffold
from tokbench.counts import PretokenCounts
from tokbench.reference.scaffold import encode
from tokbench.train import train

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def counts(shared: Path) -> PretokenCounts:
    with gzip.open(shared / "golden" / "bpe" / "gpt4_counts.json.gz", "rt") as file:
        column = {bytes.fromhex(pretoken): count for pretoken, count in json.load(file)}
    return PretokenCounts.from_mapping({"all": column}, pretokenizer="cl100k")


@pytest.mark.shared
def test_scaffold_merges_and_set(shared: Path, counts: PretokenCounts) -> None:
    expected = json.loads((shared / "golden" / "bpe" / "scaffold4000.json").read_text("utf-8"))
    model, training = Scaffold().model(Request(source=counts, vocab_size=4000, alphabet_order="byte"))
    spelled = {**dict(model.vocab.tokens), **model.transient}
    assert [[spelled[a].hex(), spelled[b].hex()] for a, b, _ in model.merges] == expected["merges"]
    assert {spelled[i].hex() for i in model.scaffold} == set(expected["scaffold"])
    assert len(model.vocab) == 4000
    assert training.log is not None
    assert training.log["readmitted"].list.len().sum() > 100

    # The merges are plain BPE's, continued.
    plain = train(counts, vocab_size=256 + len(expected["merges"]), alphabet_order="byte")
    assert plain.merges is not None
    assert [[plain.token_bytes(a).hex(), plain.token_bytes(b).hex()] for a, b, _ in plain.merges] == expected[
        "merges"
    ]

    # Fewer tokens than plain BPE of the same size, none of them scaffold.
    equal = train(counts, vocab_size=4000, alphabet_order="byte")
    assert equal.merges is not None
    symbols = {token[0]: i for i, token in model.vocab.tokens.items() if len(token) == 1}
    steps = list(model.merges)
    sample = [pretoken for pretoken in counts.to_frame()["pretoken"].to_list() if len(pretoken) > 6][::200]
    mine = []
    for pretoken in sample:
        ids = encode([symbols[byte] for byte in pretoken], steps, set(model.scaffold))
        assert b"".join(spelled[i] for i in ids) == pretoken
        assert max(ids) < 4000
        mine.append(len(ids))
    assert sum(mine) < sum(len(equal.encode(pretoken)) for pretoken in sample)
