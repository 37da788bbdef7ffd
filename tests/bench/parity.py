"""Parity-aware training beside Hugging Face's `ParityBpeTrainer` and beside our own plain BPE.

    python tests/bench/parity.py --folder FLORES --languages 200 --merges 32000 --dev-lines 197

Every text file of the folder is one language; its last ``--dev-lines`` lines are the development set. Every side
runs in a process of its own, which reads, counts, trains and hands back its merges; wall and CPU seconds and peak
memory of that process are reported, interpreter start included. Merges must be equal, else nothing is timed and the
row says where they part. Then the merge phase alone (words laid out, pairs counted, merged) on the same training
counts: plain, and parity with and without the development set, in CPU seconds, the median of ``--runs``.

With ``--skip-peer`` Hugging Face's trainer, whose time grows with merges × development words, is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Merges = list[list[str]]
Lines = dict[str, list[str]]


@dataclass(frozen=True)
class Job:
    """What every side is asked to do."""

    folder: Path
    languages: int
    merges: int
    dev_lines: int
    variant: str

    def texts(self) -> tuple[Lines, Lines]:
        """Training and development lines by language."""
        sides: dict[str, list[str]] = {}
        for path in sorted(self.folder.glob("*.txt"))[: self.languages]:
            sides[path.stem] = path.read_text("utf-8").removesuffix("\n").split("\n")
        at = -self.dev_lines
        return {one: lines[:at] for one, lines in sides.items()}, {
            one: lines[at:] for one, lines in sides.items()
        }


def run_tokbench(job: Job) -> Merges:
    from tokbench.algorithm import ALGORITHMS, Request
    from tokbench.corpus import Corpus
    from tokbench.reference.bpe import printable

    train, dev = job.texts()
    made = ALGORITHMS.parse(f"parity(variant={job.variant})").train(
        Request(
            source=Corpus.from_texts(train),
            dev=Corpus.from_texts(dev, parallel=True),
            vocab_size=256 + job.merges,
            pretokenizer="gpt2",
            tie_break="lexmax",
            allow_smaller=True,
        )
    )
    assert made.merges is not None
    show = [printable(made.token_bytes(token)) for token in range(made.vocab_size)]
    return [[show[left], show[right]] for left, right, _ in made.merges]


def run_huggingface(job: Job) -> Merges:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from tokenizers.trainers import ParityBpeTrainer

    train, dev = job.texts()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = ParityBpeTrainer(
        num_merges=job.merges,
        min_frequency=2,
        variant=job.variant,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    trainer.train_from_iterator(
        tokenizer,
        [iter(lines) for lines in train.values()],
        dev_iterators=[iter(lines) for lines in dev.values()],
    )
    return [list(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


SIDES = {"tokbench": run_tokbench, "huggingface": run_huggingface}


@dataclass(frozen=True)
class Measured:
    """One finished side."""

    merges: Merges
    wall: float
    cpu: float
    peak_mb: float


def measure(side: str, job: Job) -> Measured:
    """Run one side in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "merges.json"
        command = [sys.executable, __file__, "--side", side, "--result", str(result)]
        for name, value in vars(job).items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        start = time.perf_counter()
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{side} failed with {process.returncode}")
        wall = time.perf_counter() - start
        merges = json.loads(result.read_text("utf-8"))
    return Measured(merges, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def merge_phase(job: Job, runs: int) -> dict[str, float]:
    """CPU seconds of the merge phase on the same counts."""
    from tokbench import _rust
    from tokbench.algorithms.parity import Parity
    from tokbench.algorithms.parity_run import Balanced
    from tokbench.counts import PretokenCounts, count_texts
    from tokbench.settings import Settings
    from tokbench.train import start

    train, dev = job.texts()
    counts, dev_counts = count_texts(train, "gpt2"), count_texts(dev, "gpt2")
    n_languages, size = len(train), 256 + job.merges
    settings = Settings(vocab_size=size, pretokenizer="gpt2", min_frequency=2, allow_smaller=True)

    def plain() -> float:
        begun = time.process_time()
        start(counts.native, settings).run_plain(size, allow_smaller=True)
        return time.process_time() - begun

    def parity(along: PretokenCounts | None) -> float:
        rule = _rust.Parity(
            first_column=0 if along is None else n_languages,
            weights=[1] * n_languages,
            ratio=None,
            global_merges=0,
            window=Parity(variant=job.variant).selection_window(n_languages),
            stop=False,
        )
        table = Balanced(counts, along, rule).table
        begun = time.process_time()
        n_silent = 0 if along is None else n_languages
        engine = start(table, settings, track_groups=True, silent_groups=n_silent, total_closed=True)
        engine.run_parity(rule, size)
        return time.process_time() - begun

    return {
        "plain": median(plain() for _ in range(runs)),
        "parity, training lengths": median(parity(None) for _ in range(runs)),
        "parity, development set": median(parity(dev_counts) for _ in range(runs)),
    }


def main() -> int:
    """Parse, run, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--languages", type=int, default=200)
    parser.add_argument("--merges", type=int, default=32_000)
    parser.add_argument("--dev-lines", type=int, default=197)
    parser.add_argument("--variant", choices=["base", "window"], default="base")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    job = Job(given.folder, given.languages, given.merges, given.dev_lines, given.variant)
    if given.side:
        given.result.write_text(json.dumps(SIDES[given.side](job)), encoding="utf-8")
        return 0
    mine = measure("tokbench", job)
    print(f"{job}\ntokbench     wall {mine.wall:8.2f}  CPU {mine.cpu:8.2f}  peak {mine.peak_mb:6,.0f} MB")
    unequal = False
    if not given.skip_peer:
        theirs = measure("huggingface", job)
        unequal = theirs.merges != mine.merges
        if unequal:
            pairs = zip(mine.merges, theirs.merges, strict=False)
            step = next((at for at, (one, two) in enumerate(pairs) if one != two), "the end")
            print(f"huggingface  differs at merge {step} of {len(mine.merges)} / {len(theirs.merges)}")
        else:
            print(
                f"huggingface  wall {theirs.wall:8.2f}  CPU {theirs.cpu:8.2f}  peak {theirs.peak_mb:6,.0f} MB"
                f"  {len(mine.merges):,} equal merges; CPU × {theirs.cpu / mine.cpu:.1f},"
                f" memory × {theirs.peak_mb / mine.peak_mb:.1f}"
            )
    phases = merge_phase(job, given.runs)
    for name, seconds in phases.items():
        print(f"merge phase  {name:<26} CPU {seconds:6.2f}  × {seconds / phases['plain']:.2f} of plain")
    return int(unequal)


if __name__ == "__main__":
    sys.exit(main())
