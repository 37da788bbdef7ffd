"""Compression-aware BPE against plain BPE at equal vocabulary size: tokens and coded bytes of text not trained on.

    python tests/bench/compression.py TRAIN_DIR HELD_OUT_DIR [SHIFTED_DIR …] --vocab-size 8000,32000 \
        --algorithm compression --algorithm 'compression(code=order0)'

A directory holds one text file per language, ``<language>.txt``. Each row gives, for one text, the change of tokens and
of coded bytes against plain BPE in per cent: below zero is better.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import tokbench as tb
from tokbench.codes import CODES, compare_codes


def _corpus(folder: Path, languages: list[str] | None) -> tb.Corpus:
    files = {path.stem: str(path) for path in sorted(folder.glob("*.txt"))}
    chosen = {name: path for name, path in files.items() if languages is None or name in languages}
    return tb.Corpus.from_files(chosen, document="line")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--vocab-size", default="8000")
    parser.add_argument("--algorithm", action="append")
    parser.add_argument("--languages", help="comma-separated; all by default")
    given = parser.parse_args()
    languages = given.languages.split(",") if given.languages else None
    train = _corpus(given.train, languages)
    texts = {folder.name: _corpus(folder, list(train.languages)) for folder in given.texts}
    counts = tb.count(train, "cl100k")
    print("V", "algorithm", "text", "tokens", *CODES, "CPU s", sep="\t")
    for size in map(int, given.vocab_size.split(",")):
        plain = tb.train(counts, vocab_size=size)
        for algorithm in given.algorithm or ["compression"]:
            start = time.process_time()
            made = tb.train(train, vocab_size=size, algorithm=algorithm)
            spent = time.process_time() - start
            for name, corpus in texts.items():
                frame = compare_codes([plain, made], corpus)
                changes = [100 * (frame[code][1] / frame[code][0] - 1) for code in ("tokens", *CODES)]
                print(
                    size, algorithm, name, *(f"{change:+.2f}" for change in changes), f"{spent:.1f}", sep="\t"
                )


if __name__ == "__main__":
    main()
