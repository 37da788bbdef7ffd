"""Makes one large text out of a folder of real ones, for the measurements of training.

    python tests/bench/mixed_text.py FOLDER... --megabytes 1000 --out mixed.txt

First every file below the folders (plain or compressed, sorted by path), unchanged. If that is not enough, more
rounds over the same lines: each round in another order (seeded), and a quarter of its lines, drawn at random, through
a cipher of that round, which exchanges letters: pairs of ASCII consonants with each other, pairs of ASCII vowels, and
in other scripts the last bytes 0xA0 … 0xBF of a character two by two. So three quarters of a round are words
that have been there before and the rest are new ones with the lengths and frequencies of real ones; repeating a text
would add none. With a quarter, distinct pretokens grow about as in real text, with the power 0.65 of its length.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from tokbench import Corpus

SHARE = 0.25


def cipher(draw: random.Random) -> bytes:
    """Return a table for ``bytes.translate`` that keeps UTF-8 valid, and letters letters."""
    table = bytearray(range(256))
    for letters in (b"bcdfghjklmnpqrstvwxz", b"aeiouy", bytes(range(0xA0, 0xC0))):
        shuffled = list(letters)
        draw.shuffle(shuffled)
        for one, other in zip(shuffled[::2], shuffled[1::2], strict=True):
            table[one], table[other] = other, one
            if one < 0x80:
                table[one - 32], table[other - 32] = other - 32, one - 32
    return bytes(table)


def main() -> int:
    """Write the text; say what it consists of."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    files = [
        path
        for folder in given.folders
        for path in sorted(folder.rglob("*.txt*"))
        if path.is_file() and path.suffix in {".txt", ".gz", ".zst"}
    ]
    wanted = given.megabytes * 1_000_000
    corpus = Corpus.from_files({"all": [str(path) for path in files]}, document="line+end")
    lines = [document.data for document in corpus]
    draw = random.Random(given.seed)
    written = n_rounds = 0
    with given.out.open("wb") as out:
        while written < wanted:
            table = cipher(draw)
            if n_rounds:
                draw.shuffle(lines)
            for line in lines:
                if written + len(line) > wanted:
                    break
                changed = n_rounds and draw.random() < SHARE
                out.write(line.translate(table) if changed else line)
                written += len(line)
            else:
                n_rounds += 1
                continue
            break
    print(f"{written:,} bytes: {len(files)} files, {n_rounds} whole rounds over {len(lines):,} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
