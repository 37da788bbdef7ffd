"""Time PickyBPE against plain BPE, and BoundlessBPE in two passes and one, each phase by itself.

    python tests/bench/boundless.py --file TEXT [--file MORE.jsonl:text] --vocab-size 32000

Wall and CPU seconds and text per second; counting is shown apart, because all need it. Plain BPE runs in the same
process on the same counts with the same ties. For the size of published results: two passes take fastboundlessbpe's
Rust trainer about 603 s per GB (its paper).
"""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench import _rust
from tokbench.algorithm import Request
from tokbench.algorithms.boundless import Boundless, Filling, Second
from tokbench.algorithms.boundless_one_pass import BoundlessOnePass
from tokbench.algorithms.picky import Picky, settings_of, train_words
from tokbench.corpus import Corpus
from tokbench.runs import admitted, count_runs
from tokbench.train import start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokbench.counts import PretokenCounts

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
        runs = count_runs(corpus, counts.pretokenizer, names, threads=given.threads)
    with clock.phase("boundless: superwords"):
        filling = Filling(words, Second(runs, wanted, request, floor=int(words.counts[-1])))
        while len(filling.inventory) < given.vocab_size and filling.step():
            pass
    parts = ["counting", *(name for name in clock.wall if name.startswith("boundless"))]
    wall, cpu = (sum(times[name] for name in parts) for times in (clock.wall, clock.cpu))
    speed = clock.megabytes / wall
    print(
        f"    {len(runs):,} runs, {len(filling.supers):,} superwords; counting and both passes {wall:.2f} s wall, "
        f"{cpu:.2f} s CPU: {speed:.1f} MB/s, {speed / PUBLISHED_MB_PER_S:.0f} × the published trainer"
    )
    if given.one_pass:
        with clock.phase("boundless in one pass"):
            found = BoundlessOnePass().finish(request)
        print(f"    {len(found.kept):,} rows, {len(found.supers):,} superwords")


if __name__ == "__main__":
    main()
