"""The figures of the README's section Scaling, from any folder of text files: growth, rate, shuffle, memory.

    python tests/bench/scaling.py FOLDER growth|rate|shuffle|memory [--pretokenizer cl100k]

FOLDER holds one file per language (.txt, also .gz or .zst). Lines are documents, shuffled with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import tokbench as tb
from tokbench.counts import count_texts
from tokbench.distributed import count_parts

SEED = 7


def read(folder: Path) -> dict[str, list[bytes]]:
    """Return the lines of each language, shuffled."""
    lines = {}
    for path in sorted(folder.glob("*.txt*")):
        corpus = tb.Corpus.from_files({"x": path}, document="line+end")
        lines[path.name.partition(".")[0]] = [document.data for document in corpus]
        random.Random(SEED).shuffle(lines[path.name.partition(".")[0]])
    return lines


def mixed(lines: dict[str, list[bytes]]) -> list[bytes]:
    """Return all lines in one random order."""
    whole = [line for language in lines.values() for line in language]
    random.Random(SEED).shuffle(whole)
    return whole


def unique(lines: list[bytes], shares: list[float], spec: str) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return bytes, counts and lengths of the unique pretokens of nested prefixes."""
    ends = np.cumsum([len(line) for line in lines])
    found = []
    for share in shares:
        stop = int(np.searchsorted(ends, share * ends[-1])) + 1
        table = count_texts({"x": lines[:stop]}, spec)
        _, offsets, _, _, counts = table.native.arrays()
        found.append((table.total_bytes, counts, np.diff(offsets)))
    return found


def heaps(found: list[tuple[int, np.ndarray, np.ndarray]]) -> str:
    """Fit log U = log K + beta log N by least squares."""
    beta, log_k = np.polyfit(np.log([row[0] for row in found]), np.log([len(row[1]) for row in found]), deg=1)
    return f"U = {np.exp(log_k):.3f} N^{beta:.3f}"


def growth(folder: Path, spec: str) -> None:
    """Print unique pretokens against bytes, Heaps' law, and what a cut-off keeps."""
    lines = read(folder)
    found = unique(mixed(lines), [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1], spec)
    for n_bytes, counts, _ in found:
        print(f"{n_bytes:>12,} bytes {len(counts):>10,} unique, {np.mean(counts == 1):.1%} of them once")
    print(f"all points: {heaps(found)}; last three: {heaps(found[-3:])}")
    n_bytes, counts, lengths = found[-1]
    for least in (1, 2, 5, 10, 20):
        kept = counts >= least
        print(
            f"at least {least:>2}: {kept.mean():.1%} of the unique pretokens, mean {lengths[kept].mean():.2f} bytes, "
            f"{(counts[kept] * lengths[kept]).sum() / n_bytes:.1%} of the text"
        )
    for language, own in lines.items():
        print(f"{language}: {heaps(unique(own, [1 / 8, 1 / 4, 1 / 2, 1], spec))}")


def rate(folder: Path, spec: str) -> None:
    """Print megabytes counted per second of CPU time by one thread, best of three."""
    lines = mixed(read(folder))
    with tempfile.TemporaryDirectory() as temporary:
        for path in shards(lines, Path(temporary)):
            seconds = []
            for _ in range(3):
                start = time.process_time()
                table = tb.count({"x": path}, spec, threads=1)
                seconds.append(time.process_time() - start)
            print(f"{path.suffix}: {table.total_bytes / 1e6 / min(seconds):.0f} MB/s")


def shards(lines: list[bytes], folder: Path) -> list[Path]:
    """Write the same lines as text, JSONL and Parquet."""
    paths = [folder / f"all.{kind}" for kind in ("txt", "jsonl", "parquet")]
    texts = [line.decode() for line in lines]
    paths[0].write_bytes(b"".join(lines))
    paths[1].write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts))
    pl.DataFrame({"text": texts}).write_parquet(paths[2], row_group_size=20_000)
    return paths


def shuffle(folder: Path, spec: str) -> None:
    """Print what Spark shuffles with 4, 16 and 64 files, one task each, read off its event log."""
    texts = [line.decode() for line in mixed(read(folder))]
    expected = count_texts({"x": texts}, spec).to_frame()
    for n_files in (4, 16, 64):
        with tempfile.TemporaryDirectory() as temporary:
            here = Path(temporary)
            (here / "log").mkdir()
            for number in range(n_files):
                pl.DataFrame({"text": texts[number::n_files]}).write_parquet(here / f"{number}.parquet")
            options = {
                "master": "local[2]",
                "spark.eventLog.enabled": "true",
                "spark.eventLog.dir": f"file://{here}/log",
                "spark.eventLog.compress": "false",
                "spark.ui.enabled": "false",
                "spark.ui.showConsoleProgress": "false",
            }
            corpus = tb.Corpus.from_files({"x": f"{here}/*.parquet"})
            made = count_parts("spark", corpus, here / "counts", spec, options=options)
            assert tb.PretokenCounts.load(here / "counts").to_frame().equals(expected)
            n_rows = n_bytes = n_spilled = nanoseconds = 0
            for log in (here / "log").rglob("events_*"):
                for line in log.read_text().splitlines():
                    event = json.loads(line)
                    if event["Event"] == "SparkListenerTaskEnd":
                        written = event["Task Metrics"]["Shuffle Write Metrics"]
                        n_rows += written["Shuffle Records Written"]
                        n_bytes += written["Shuffle Bytes Written"]
                        n_spilled += event["Task Metrics"]["Disk Bytes Spilled"]
                        # Of the JVM alone: the workers' Python is another process.
                        nanoseconds += event["Task Metrics"]["Executor CPU Time"]
        print(
            f"{n_files} files: {n_rows:,} rows, {n_bytes:,} bytes ({n_bytes / n_rows:.1f} a row, "
            f"{n_bytes / made.total('bytes'):.3f} a byte of text), {n_spilled:,} spilled, {nanoseconds / 1e9:.1f} s of the JVM's CPU"
        )


def memory(folder: Path, spec: str) -> None:
    """Print the peak memory of loading counts and training, in a process of its own for every size."""
    lines = mixed(read(folder))
    with tempfile.TemporaryDirectory() as temporary:
        for share in (4, 1):
            path = f"{temporary}/{share}.parquet"
            count_texts({"x": lines[::share]}, spec).save(path)
            for vocab_size in ("32000", "128000"):
                subprocess.run(
                    [sys.executable, __file__, path, "train", "--vocab-size", vocab_size], check=True
                )


def train(counts: Path, vocab_size: int) -> None:
    """Train in this process and print its peak memory."""
    table = tb.PretokenCounts.load(counts)
    loaded = peak()
    start = time.process_time()
    tb.train(table, vocab_size=vocab_size)
    seconds = time.process_time() - start
    print(
        f"{len(table):,} unique, {vocab_size} tokens: peak {peak():.0f} MB ({loaded:.0f} when loaded), {seconds:.2f} s"
    )


def peak() -> float:
    """Return the most megabytes this program has held; getrusage would count those of the process it came from."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=["growth", "rate", "shuffle", "memory", "train"])
    parser.add_argument("--pretokenizer", default="cl100k")
    parser.add_argument("--vocab-size", type=int, default=32_000, help="of train, which memory starts")
    given = parser.parse_args()
    if given.what == "train":
        train(given.folder, given.vocab_size)
    else:
        {"growth": growth, "rate": rate, "shuffle": shuffle, "memory": memory}[given.what](
            given.folder, given.pretokenizer
        )


if __name__ == "__main__":
    main()
