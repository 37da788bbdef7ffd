"""Merges of the published parity-aware trainer on the generated corpus, as frozen in the shared folder."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tokenizers import pre_tokenizers

from tests.parity.test_train import unprintable
from tokbench import _rust
from tokbench.algorithms.parity import Parity
from tokbench.algorithms.parity_run import Balanced
from tokbench.counts import PretokenCounts
from tokbench.reference.bpe import printable
from tokbench.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = ("lat", "agg", "cyr", "han", "dev")
FINAL = {
    "base": (12929, 12934, 12920, 12919, 12917),
    "window": (11895, 14050, 11904, 11904, 11904),
    "hybrid": (11117, 13282, 13276, 13281, 13277),
}
"""Tokens of the development sets after 2,000 merges (reference-behaviour.md, 3.3)."""


@pytest.fixture(scope="module")
def tables(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[PretokenCounts, PretokenCounts]:
    folder = tmp_path_factory.mktemp("corpus")
    script = shared / "golden" / "bpe" / "gen_corpus.py"
    subprocess.run([sys.executable, "-P", str(script), str(folder)], check=True)
    pre = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(use_regex=False, add_prefix_space=True)]
    )

    def counted(kind: str) -> PretokenCounts:
        columns: dict[str, Counter[bytes]] = {}
        for language in LANGUAGES:
            columns[language] = Counter()
            text = (folder / f"{kind}.{language}.txt").read_text("utf-8")
            for line in text.removesuffix("\n").split("\n"):
                columns[language].update(unprintable(piece) for piece, _ in pre.pre_tokenize_str(line))
        return PretokenCounts.from_mapping(columns)

    return counted("train"), counted("dev")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("base", Parity()),
        ("window", Parity(variant="window", window=100, alpha=2.0)),
        ("hybrid", Parity(hybrid=1000)),
    ],
)
def test_published_merges(
    shared: Path, tables: tuple[PretokenCounts, PretokenCounts], name: str, algorithm: Parity
) -> None:
    train, dev = tables
    rule = _rust.Parity(
        first_column=5,
        weights=[1] * 5,
        ratio=None,
        global_merges=algorithm.hybrid,
        window=algorithm.selection_window(5),
        stop=True,
    )
    settings = Settings(vocab_size=256 + 2000, pretokenizer="none", min_frequency=2, tie_break="lexmax")
    made = Balanced(train, dev, rule).train(settings, {})
    assert made.training is not None
    assert made.training.log is not None
    last = made.training.log[-1]
    assert tuple(last[f"dev_{language}"].item() for language in LANGUAGES) == FINAL[name]
    path = shared / "golden" / "bpe" / f"pa_{name}.txt"
    if path.exists():
        expected = [tuple(line.split(" ")) for line in path.read_text("utf-8").splitlines()[1:]]
        show = [printable(made.token_bytes(token_id)) for token_id in range(made.vocab_size)]
        assert made.merges is not None
        assert [(show[left], show[right]) for left, right, _ in made.merges] == expected
