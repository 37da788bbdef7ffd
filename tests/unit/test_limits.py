"""Limits from outside: control groups read from a folder that stands for the machine, address space for real."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tokbench import limits
from tokbench.counts import PretokenCounts
from tokbench.memory import LEAST, budget

if TYPE_CHECKING:
    from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def machine(root: Path, cgroup: str, files: dict[str, str], resident_pages: int = 0) -> Path:
    """Make the files that a process on such a machine sees."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup, encoding="utf-8")
    (root / "proc/self/statm").write_text(f"1000 {resident_pages} 0 0 0 0 0\n", encoding="utf-8")
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return root


V1 = "9:name=systemd:/a\n4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n"


@pytest.mark.parametrize(
    ("cgroup", "files", "left"),
    [
        ("0::/work\n", {"work/memory.max": "1000000000"}, 1_000_000_000),
        ("0::/work\n", {"work/memory.max": "max", "work/memory.high": "700000000"}, 700_000_000),
        ("0::/work\n", {"work/memory.max": "max", "work/memory.high": "max"}, None),
        # The group above is tighter.
        (
            "0::/a/b\n",
            {"a/b/memory.max": "900", "a/b/memory.high": "800", "a/memory.max": "500", "memory.max": "max"},
            500,
        ),
        # In a container the own group is the mount.
        ("0::/\n", {"memory.max": "123456"}, 123_456),
        ("0::/not/visible\n", {"memory.max": "123456"}, 123_456),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "5000"}, 5000),
        (V1, {"memory/memory.limit_in_bytes": "6000"}, 6000),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "9223372036854771712"}, None),
        # The limit of another controller's folder is none of memory.
        ("3:cpu:/x\n", {"cpu/x/memory.limit_in_bytes": "5000"}, None),
        # Both versions at once.
        (
            V1,
            {"memory/docker/abc/memory.limit_in_bytes": "5000", "unified/memory.max": "4000"},
            4000,
        ),
        ("", {}, None),
        ("0::/work\n", {"work/memory.max": "rubbish"}, None),
    ],
)
def test_control_groups(cgroup: str, files: dict[str, str], left: int | None, tmp_path: Path) -> None:
    assert limits.cgroup_left(machine(tmp_path, cgroup, files)) == left


def test_what_is_held_already_is_taken_off(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/\n", {"memory.max": str(10 * PAGE)}, resident_pages=4)
    assert limits.cgroup_left(root) == 6 * PAGE
    (root / "proc/self/statm").write_text("1000 11 0", encoding="utf-8")
    assert limits.cgroup_left(root) == 0


def test_a_machine_without_control_groups(tmp_path: Path) -> None:
    assert limits.cgroup_left(tmp_path) is None


def test_the_default_budget_is_half_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for left, expected in ((None, None), (3_000_000_000, 1_500_000_000), (5, LEAST)):
        monkeypatch.setattr("tokbench.memory.memory_left", lambda left=left: left)
        made = budget(None, None)
        assert (None if made is None else made[0]) == expected
        given = budget("2MB", None)
        assert given is not None
        assert given[0] == 2_000_000


def test_counting_under_a_control_group_gives_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.test_memory import rare_words
    from tokbench.counts import count, count_to_file

    (tmp_path / "text.txt").write_bytes(rare_words(60_000, 3))
    free = count(tmp_path / "text.txt")
    root = machine(tmp_path / "root", "0::/\n", {"memory.max": "2000000"})
    monkeypatch.setattr("tokbench.memory.memory_left", lambda: limits.cgroup_left(root))
    written = count_to_file(tmp_path / "text.txt", tmp_path / "counts.parquet")
    assert written.n_runs > 0
    free.save(tmp_path / "free.parquet")
    assert (tmp_path / "counts.parquet").read_bytes() == (tmp_path / "free.parquet").read_bytes()


LIMITED = """
import resource, sys
import tokbench, tokbench.cli
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + int(sys.argv.pop(1)) * 1_000_000
resource.setrlimit(resource.RLIMIT_AS, (size, size))
tokbench.cli.main()
"""

COUNTED = """
import resource, sys
from tokbench.counts import count
from tokbench.errors import TokbenchError
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + int(sys.argv[1]) * 1_000_000
resource.setrlimit(resource.RLIMIT_AS, (size, size))
try:
    table = count("text.txt", "none", document="line", threads=2, memory=sys.argv[2] or None)
except (TokbenchError, MemoryError) as error:
    sys.exit(f"refused: {error!r}")
print(len(table), table.total_bytes)
"""

TRAINED = """
import resource, sys
import tokbench as tb
from tokbench.errors import TokbenchError
table = tb.PretokenCounts.load("counts.parquet")
tb.train(table, vocab_size=300)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + int(sys.argv[1]) * 1_000_000
resource.setrlimit(resource.RLIMIT_AS, (size, size))
try:
    tokenizer = tb.train(table, vocab_size=3000)
except (TokbenchError, MemoryError) as error:
    sys.exit(f"refused: {error!r}")
print(tokenizer.vocab_size)
"""


def limited(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "POLARS_MAX_THREADS": "2"},
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("memory", [[], ["--memory", "2MB"]])
def test_an_address_space_limit_works_or_is_explained(memory: list[str], tmp_path: Path) -> None:
    from tests.unit.test_memory import rare_words

    (tmp_path / "text.txt").write_bytes(rare_words(150_000, 1))
    command = ["count", "-c", "text.txt", "--out", "counts.parquet", *memory]
    refused = limited(LIMITED, tmp_path, "300", *command)
    assert refused.returncode == 1, refused.stderr
    assert "Traceback" not in refused.stderr
    assert "the limit on address space (ulimit -v) leaves" in refused.stderr
    assert "raise the limit by" in refused.stderr
    assert not (tmp_path / "counts.parquet").exists()
    train = ["train", "-c", "text.txt", "-V", "600", "-o", "run", *memory]
    refused = limited(LIMITED, tmp_path, "100", *train)
    assert refused.returncode == 1, refused.stderr
    assert "the limit on address space (ulimit -v) leaves" in refused.stderr
    done = limited(LIMITED, tmp_path, "1600", *command)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "counts.parquet").exists()
    done = limited(LIMITED, tmp_path, "1600", *train)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run").is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("memory", ["", "4MB"])
def test_an_allocation_that_is_refused_is_no_abort(memory: str, tmp_path: Path) -> None:
    """A table of 35 MB in ever smaller address spaces: counted or refused, never killed."""
    lines = "".join(f"{number:012}\n" for number in range(500_000))
    (tmp_path / "text.txt").write_text(lines, encoding="utf-8")
    outcomes = []
    for left in (900, 320, 220, 200):
        done = limited(COUNTED, tmp_path, str(left), memory)
        assert done.returncode in (0, 1), (left, done.stderr)
        if done.returncode:
            assert done.stderr.startswith("refused:"), (left, done.stderr)
        else:
            assert done.stdout.split() == ["500000", str(500_000 * 12)]
        outcomes.append(done.returncode)
    assert outcomes[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_training_is_refused_memory_without_an_abort(tmp_path: Path) -> None:
    """Words, pairs and their places in ever smaller address spaces: trained or refused, never killed."""
    words = {f"{number * 2_654_435_761 % 2**32:010}{number:07}".encode(): 1 for number in range(400_000)}
    PretokenCounts.from_mapping({"all": words}).save(tmp_path / "counts.parquet")
    outcomes = []
    for left in (800, 90, 60, 40, 20):
        done = limited(TRAINED, tmp_path, str(left))
        assert done.returncode in (0, 1), (left, done.stderr)
        if done.returncode:
            assert done.stderr.startswith("refused:"), (left, done.stderr)
            assert "out of memory" in done.stderr or "MemoryError" in done.stderr
        else:
            assert done.stdout == "3000\n"
        outcomes.append(done.returncode)
    assert outcomes[0] == 0
    assert outcomes[-1] == 1
