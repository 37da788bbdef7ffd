"""Superwords and scaffold: CPU seconds and peak memory, each job in a process of its own.

Usage: python tests/bench/superword.py FILE [--vocab-size 32000] [--job JOB …]

Jobs: ``plain`` (BPE, cl100k), ``scaffold`` (the same vocabulary size), ``scaffold-merges`` (plain BPE with as many
merges as Scaffold-BPE makes), ``superword`` (nine tenths, then superwords), ``supertokens``, ``none`` (r-grams: every
document is one pretoken, and the file is one document). The time of counting is given apart. ``encode`` is one
document of at most 10 MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

JOBS = ("plain", "scaffold", "scaffold-merges", "superword", "supertokens", "none")
ENCODED = 10_000_000


def work(job: str, path: Path, size: int, extra: int) -> dict[str, float]:
    """Do one job and report."""
    from tokbench.algorithm import ALGORITHMS, Request
    from tokbench.algorithms.scaffold import Scaffold
    from tokbench.corpus import Corpus
    from tokbench.counts import count
    from tokbench.train import train

    corpus = Corpus.from_files({"all": str(path)}, document="file" if job == "none" else "line+end")
    report: dict[str, float] = {}
    start = time.process_time()
    tokenizer = None
    if job in ("superword", "supertokens"):
        tokenizer = ALGORITHMS.parse(job).train(Request(source=corpus, vocab_size=size))
        report["train"] = time.process_time() - start
    else:
        counts = count(corpus, "none" if job == "none" else "cl100k")
        report["count"] = time.process_time() - start
        start = time.process_time()
        if job == "scaffold":
            model, _ = Scaffold().model(Request(source=counts, vocab_size=size))
            report["merges"] = len(model.merges)
        else:
            tokenizer = train(counts, vocab_size=size + (extra if job == "scaffold-merges" else 0))
        report["train"] = time.process_time() - start
    report["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if tokenizer is not None:
        with path.open("rb") as file:
            data = file.read(ENCODED)
        start = time.process_time()
        ids = tokenizer.encode(data)
        report["encode"] = time.process_time() - start
        report["bytes_per_token"] = len(data) / len(ids)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--job", action="append", choices=JOBS)
    parser.add_argument("--extra", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(work(given.job[0], given.file, given.vocab_size, given.extra)))
        return
    columns = ("count", "train", "peak_mb", "encode", "bytes_per_token", "merges")
    print("| job |", " | ".join(columns), "|")
    print("|---|" + "---:|" * len(columns))
    extra = 0
    for job in given.job or JOBS:
        command = [sys.executable, __file__, str(given.file), "--vocab-size", str(given.vocab_size)]
        command += ["--job", job, "--extra", str(extra), "--work"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        report = json.loads(output.splitlines()[-1])
        if job == "scaffold":
            extra = int(report["merges"]) - (given.vocab_size - 256)
        print(
            f"| {job} |", " | ".join(f"{report[name]:.2f}" if name in report else "" for name in columns), "|"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
