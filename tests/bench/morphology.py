"""MorphScore's 33,123 gold words: our byte offsets against the published program, both in one run.

Run: python tests/bench/morphology.py FOLDER_OF_CSV TOKENIZER.tiktoken …

The published program encodes word by word with the transformers library and decodes id by id; here its loop runs on
the tokenizers package, which is faster than what it was published with. Parity first: its points must equal those of
``morphscore(version=v1_literal)``. CPU seconds of this process; numba's compiled kernels are on disk after the first run.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tokbench.interop.hf import export
from tokbench.lexicon import gold_sets
from tokbench.metrics import gold_words, morphology, morphscore
from tokbench.reference.morphology import morphscore_v1
from tokbench.tokenizer import BpeTokenizer, Tokenizer


def published(folder: Path, file: Path) -> tuple[float, int, int]:
    """Return mean of points, number of points and number of items of the published loop."""
    import tokenizers

    theirs = tokenizers.Tokenizer.from_file(str(file))
    points = []
    n_items = 0
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened):
                n_items += 1
                tokens = [theirs.decode([token]) for token in theirs.encode(row["full_word"]).ids]
                first, rest = row["pt1"], row["rest"]
                missing = morphscore.PANDAS_NULL & {first, rest}
                point = morphscore_v1(("\0", "\0") if missing else (first, rest), tokens)
                if point is not None:
                    points.append(point)
    return sum(points) / len(points), len(points), n_items


def main(folder: Path, files: list[Path]) -> None:
    began = time.process_time()
    gold_sets(folder)
    reading = time.process_time() - began
    print(f"read the gold words, once for all tokenizers: {reading:.3f} s CPU")
    warm = Tokenizer.load(files[0])
    list(morphscore.MorphScore(str(folder)).cells(warm))
    gold_words.memory(warm).clear()
    for file in files:
        tokenizer = Tokenizer.load(file)
        assert isinstance(tokenizer, BpeTokenizer)
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "tokenizer.json"
            export(tokenizer, copy)
            began = time.process_time()
            value, n, n_items = published(folder, copy)
            theirs = time.process_time() - began
        literal = morphscore.MorphScore(str(folder), version="v1_literal")
        found = next(cell for cell in literal.cells(tokenizer) if cell.group == "all")
        assert (found.value, found.n) == (value, n), "parity"
        gold_words.memory(tokenizer).clear()
        began = time.process_time()
        list(morphscore.MorphScore(str(folder)).cells(tokenizer))
        first = time.process_time() - began
        began = time.process_time()
        several: tuple[Callable[[str], morphology.OfGold], ...] = (
            morphology.BoundaryPrecision,
            morphology.BoundaryRecall,
            morphology.BoundaryF1,
            morphology.MorphemePreservation,
            morphology.OverSegmentation,
        )
        for metric in several:
            list(metric(str(folder)).cells(tokenizer))
        more = time.process_time() - began
        print(
            f"{file.stem}: {n_items:,} items; published loop {theirs:.2f} s, ours {first:.3f} s ({theirs / first:.0f} x; "
            f"{theirs / (first + reading):.1f} x with reading the files), five more metrics {more:.3f} s"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
