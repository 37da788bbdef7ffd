"""Time PickyBPE against plain BPE, and BoundlessBPE in two passes and one, each phase by itself.

    python tests/bench/boundless.py --file TEXT [--file MORE.jsonl:text] --vocab-size 32000 [--plain]

Wall and CPU seconds and text per second; counting is shown apart, because all need it. Plain BPE runs in the same
process on the same counts with the same ties. For the size of published results: two passes take fastboundlessbpe's
Rust trainer about 603 s per GB (its paper; that trainer is in no package registry).

With ``--plain`` both passes run once more in `boundless_plain.rs`, which is our own plain program for the published
procedure with the published data structures, compiled by ``rustc -O``: it starts from the same counted pretokens and
runs, its merges, deletions and superwords must be equal, else nothing is compared. Its time is without reading.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tokbench import _rust
from tokbench.algorithm import Request
from tokbench.algorithms.boundless import Boundless, Filling, Second, floor_of
from tokbench.algorithms.boundless_one_pass import BoundlessOnePass
from tokbench.algorithms.picky import Picky, settings_of, train_words
from tokbench.corpus import Corpus
from tokbench.runs import admitted, count_runs
from tokbench.train import start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokbench.algorithms.operating import Row
    from tokbench.algorithms.picky import Words
    from tokbench.counts import PretokenCounts
    from tokbench.runs import Runs

PUBLISHED_MB_PER_S = 1000 / 603
"""fastboundlessbpe's Rust trainer, both passes, from its paper."""


class Clock:
    """Seconds by phase, printed as they come."""

    def __init__(self, megabytes: float) -> None:
        self.megabytes = megabytes
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name], self.cpu[name] = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{name:34} {self.wall[name]:8.2f} s wall {self.cpu[name]:8.2f} s CPU   peak so far {peak:,.0f} MB"
        )


def plain(counts: PretokenCounts, request: Request, rule: Picky) -> None:
    """Train plain BPE with the ties of `rule` on its counts."""
    wanted = replace(settings_of(rule, request, counts, alphabet=rule.alphabet), objective="plain")
    engine = start(counts.native, wanted)
    engine.run_plain(request.vocab_size, allow_smaller=False)


def beside_plain(
    counts: PretokenCounts, words: Words, runs: Runs, filling: Filling, size: int, tau: float
) -> tuple[float, float]:
    """CPU seconds and peak megabytes of the plain program on the same input.

    Raises:
        SystemExit: when its merges, deletions or superwords are not ours.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "boundless_plain"
        source = Path(__file__).with_name("boundless_plain.rs")
        subprocess.run(["rustc", "-O", "--edition", "2024", "-o", program, source], check=True)
        table = counts.to_frame().group_by("pretoken", maintain_order=True).agg(pl.col("count").sum())
        rows = zip(table["pretoken"], table["count"], strict=True)
        (folder / "words").write_text("".join(f"{count} {word.hex()}\n" for word, count in rows))
        spelled = (f"{count} {' '.join(part.hex() for part in run)}\n" for run, count in runs)
        (folder / "runs").write_text("".join(spelled))
        command = [str(program), str(folder / "words"), str(folder / "runs"), str(size), str(tau)]
        reading, _ = _used([*command, "load"], folder / "nothing")
        both, peak = _used(command, folder / "rows")
        theirs, _, filled = (folder / "rows").read_text().partition("filled\n")
    ours = [_shown(row[0], row, count) for row, count in zip(words.rows, words.counts.tolist(), strict=True)]
    if theirs.splitlines() != ours:
        raise SystemExit("the plain program makes other words")
    if filled.splitlines() != [_shown(*step) for step in filling.steps]:
        raise SystemExit("the plain program makes other superwords")
    return both - reading, peak


def _shown(operation: str, row: Row, count: int) -> str:
    if operation == "delete":
        return f"delete {row[1].hex()}"
    return f"{operation} {row[1].hex()} {row[2].hex()} {count}"


def _used(command: list[str], out: Path) -> tuple[float, float]:
    with out.open("w") as file:
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", action="append", required=True, help="plain text, or JSONL as FILE:FIELD")
    parser.add_argument("--document", default="line")
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--pretokenizer", default="o200k")
    parser.add_argument("--tau", type=float, nargs="*", default=[0.9, 0.6])
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--one-pass", action="store_true")
    parser.add_argument(
        "--cut", action="store_true", help="cut runs where no superword can join, as with --memory"
    )
    parser.add_argument("--plain", action="store_true", help="run our plain program for both passes, too")
    given = parser.parse_args()
    corpus = Corpus.from_files({"all": given.file}, document=given.document)
    request = Request(
        source=corpus,
        vocab_size=given.vocab_size,
        pretokenizer=given.pretokenizer,
        threads=given.threads,
    )
    counts = request.counts()
    clock = Clock(counts.total_bytes / 1e6)
    print(f"{clock.megabytes:.1f} MB, {len(counts):,} pretokens, {_rust.BUILD_PROFILE} build")
    with clock.phase("counting"):
        request.counts()
    counted = replace(request, source=counts)
    with clock.phase("plain"):
        plain(counts, counted, Picky())
    for tau in given.tau:
        name = f"picky tau={tau}"
        rule = Picky(tau=tau)
        with clock.phase(name):
            wanted = settings_of(rule, counted, counts, alphabet="bytes")
            words = train_words(counts, wanted, rule, n_tokens=given.vocab_size, request=counted)
        n_deleted = sum(row[0] == "delete" for row in words.rows)
        ratio = clock.cpu[name] / clock.cpu["plain"]
        print(f"    {len(words.rows):,} rows, {n_deleted:,} deletions, {ratio:.2f} × plain by CPU")
    rule = Picky(tau=Boundless().tau)
    wanted = settings_of(rule, counted, counts, alphabet="bytes")
    with clock.phase("boundless: words"):
        words = train_words(counts, wanted, rule, n_tokens=given.vocab_size, request=counted)
    with clock.phase("boundless: runs"):
        names = admitted("letter", words.whole())
        floor = floor_of(words, given.vocab_size)
        cut = floor if given.cut else None
        runs = count_runs(corpus, counts.pretokenizer, names, floor=cut, threads=given.threads)
    with clock.phase("boundless: superwords"):
        filling = Filling(words, Second(runs, wanted, request, floor=floor))
        while len(filling.inventory) < given.vocab_size and filling.step():
            pass
    parts = ["counting", *(name for name in clock.wall if name.startswith("boundless"))]
    wall, cpu = (sum(times[name] for name in parts) for times in (clock.wall, clock.cpu))
    speed = clock.megabytes / wall
    print(
        f"    {len(runs):,} runs, {len(filling.supers):,} superwords; counting and both passes {wall:.2f} s wall, "
        f"{cpu:.2f} s CPU: {speed:.1f} MB/s, {speed / PUBLISHED_MB_PER_S:.0f} × the published trainer"
    )
    if given.plain:
        seconds, peak = beside_plain(counts, words, runs, filling, given.vocab_size, rule.tau)
        passes = clock.cpu["boundless: words"] + clock.cpu["boundless: superwords"]
        print(
            f"{'the same passes, plainly':34} {'':17}{seconds:8.2f} s CPU   peak {peak:,.0f} MB\n"
            f"    equal words and superwords; both passes of ours {passes:.2f} s CPU: {seconds / passes:.0f} × faster"
        )
    if given.one_pass:
        with clock.phase("boundless in one pass"):
            found = BoundlessOnePass().finish(request)
        print(f"    {len(found.kept):,} rows, {len(found.supers):,} superwords")


if __name__ == "__main__":
    main()
