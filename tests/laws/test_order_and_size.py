"""Training does not see how the text came: order, cuts, threads, formats; nor does it mind how large counts are."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

import pytest

from tokbench.counts import PretokenCounts, count, count_to_file
from tokbench.reference import bpe
from tokbench.train import train

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

STEMS = ["low", "new", "wid", "old", "göz", "yol", "日本", "strasse", "🙂", "12", "don't", "  "]
ENDINGS = ["", "er", "est", "ish", "lar", "語", ".", "…"]


def documents(seed: int, n: int = 600) -> list[str]:
    """Lines of words that occur in very different numbers."""
    draw = random.Random(seed)
    words = [stem + ending for stem in STEMS for ending in ENDINGS]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [" ".join(draw.choices(words, weights, k=draw.randrange(1, 30))) for _ in range(n)]


def shards(lines: list[str], folder: Path, draw: random.Random) -> list[str]:
    """Spread lines over files of different sizes, some packed, in a random order."""
    folder.mkdir()
    draw.shuffle(lines)
    paths, start = [], 0
    while start < len(lines):
        end = start + draw.randrange(1, 200)
        data = "".join(line + "\n" for line in lines[start:end]).encode()
        path = folder / f"{draw.getrandbits(40):x}.txt{draw.choice(['', '.gz'])}"
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        paths.append(str(path))
        start = end
    draw.shuffle(paths)
    return paths


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_merges_however_the_text_comes(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokbench.memory.LEAST", 1)
    draw = random.Random(seed)
    texts = {"eng": documents(seed), "tur": documents(seed + 100, 200)}
    seen: list[tuple[str, pl.DataFrame]] = []
    files_seen: list[bytes] = []
    for number, threads in enumerate((1, 2, 16, 2)):
        files = {
            language: shards(lines, tmp_path / f"{number}{language}", draw)
            for language, lines in texts.items()
        }
        memory = None if number % 2 else draw.randrange(10_000, 100_000)
        block_size = draw.choice([50, 1000, 1 << 19])
        table = count(files, "o200k", document="line", threads=threads, block_size=block_size, memory=memory)
        path = tmp_path / f"{number}.parquet"
        count_to_file(files, path, "o200k", document="line", threads=threads, memory=memory)
        for source in (table, PretokenCounts.load(path)):
            made = train(source, vocab_size=390)
            assert made.training is not None
            log = made.training.log
            assert log is not None
            seen.append((made.fingerprint, log))
            assert made.fingerprint == seen[0][0]
            assert log.equals(seen[0][1])
        files_seen.append(path.read_bytes())
        assert files_seen[-1] == files_seen[0]
    # Other text, other merges: the comparison above can fail.
    other = train(
        count({"eng": files["tur"], "tur": files["eng"][:1]}, "o200k", document="line"), vocab_size=390
    )
    assert other.fingerprint != seen[0][0]


@pytest.mark.parametrize("factor", [1, (1 << 32) + 1, (1 << 53) + 1])
def test_counts_of_any_size_train_to_the_merges_of_the_slow_twin(factor: int) -> None:
    """The counts differ in their lowest bits only, where a double or 32 bits would see ties or wrap."""
    draw = random.Random(factor)
    # Few enough words that the text stays below 2⁶⁴ bytes.
    words = draw.sample([(stem + ending).encode() for stem in STEMS for ending in ENDINGS], 20)
    columns = {
        language: {word: factor * draw.randrange(1, 4) + draw.randrange(4) for word in sorted(words)}
        for language in ("eng", "tur")
    }
    assert max(columns["eng"].values()) > factor
    expected = bpe.train(
        columns, vocab_size=290, initial_alphabet=[bytes([byte]) for byte in range(256)], special_tokens=()
    )
    made = train(PretokenCounts.from_mapping(columns), vocab_size=290)
    assert made.merges is not None
    assert list(made.merges) == expected.merges
    assert made.training is not None
    log = made.training.log
    assert log is not None
    assert log["count"].to_list() == expected.counts
    for language in columns:
        assert log[f"tokens_{language}"].to_list() == [row[language] for row in expected.lengths]
    # The totals that are compared lie where a double no longer tells neighbours apart.
    assert factor < 1 << 53 or any(float(number) != number for number in expected.counts)
