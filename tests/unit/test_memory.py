"""The memory budget: sizes, refusals, equal tables, a full disk, Ctrl-C, and what is left behind."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tokbench import memory
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count, count_texts, count_to_file
from tokbench.errors import CorpusError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path


def rare_words(n_words: int, seed: int) -> bytes:
    """Words most of which occur once, a few of them long, and one in three that is frequent."""
    draw = random.Random(seed)
    made = []
    for _ in range(n_words):
        number = draw.getrandbits(40)
        made.append(("the", "of", f"w{number:010x}", f"{number:010x}".translate(LETTERS) * 2)[number % 4])
    return " ".join(made).encode()


LETTERS = str.maketrans("0123456789", "ghijklmnop")


@pytest.mark.parametrize(
    ("written", "n_bytes"),
    [
        ("2GB", 2_000_000_000),
        ("2 gb", 2_000_000_000),
        ("1.5MiB", 1_572_864),
        ("64kib", 65_536),
        (" 10 KB ", 10_000),
        ("3TB", 3 * 10**12),
        ("12345", 12_345),
        ("7b", 7),
        (99, 99),
    ],
)
def test_sizes(written: int | str, n_bytes: int) -> None:
    assert memory.parse_bytes(written) == n_bytes


@pytest.mark.parametrize(
    "written", ["", "GB", "2 G", "-2GB", "1e9", "2,5GB", "٣GB", "0", "0.1b", 0, -1, True]
)
def test_what_is_no_size(written: int | str) -> None:
    with pytest.raises(ParameterError):
        memory.parse_bytes(written)


def test_refusals(tmp_path: Path) -> None:
    texts = {"x": ["one two"]}
    with pytest.raises(ParameterError, match="below the least budget"):
        count_texts(texts, memory=999_999)
    with pytest.raises(ParameterError, match="give memory as well"):
        count_texts(texts, temporary=tmp_path)
    with pytest.raises(ParameterError, match="is not a folder"):
        count_texts(texts, memory="2MB", temporary=tmp_path / "none")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_corpus_beyond_the_budget_counts_to_the_same_table(
    threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokbench.memory.LEAST", 1)
    files: dict[str, list[Path]] = {"eng": [], "tur": []}
    for number in range(6):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(rare_words(30_000, number))
        files["eng" if number % 2 else "tur"].append(path)
    assert sum(path.stat().st_size for paths in files.values() for path in paths) > 20 * 80_000
    free = count(files, "gpt2", threads=1)
    free.save(tmp_path / "free.parquet")
    folder = tmp_path / "runs"
    folder.mkdir()
    bound = count(files, "gpt2", threads=threads, memory="80KB", temporary=folder)
    assert bound.to_frame().equals(free.to_frame())
    written = count_to_file(
        files, tmp_path / "bound.parquet", "gpt2", threads=threads, memory="80KB", temporary=folder
    )
    assert written.n_runs >= 50
    assert (tmp_path / "bound.parquet").read_bytes() == (tmp_path / "free.parquet").read_bytes()
    assert (written.n_pretokens, written.total_count, written.total_bytes) == (
        len(free),
        free.total_count,
        free.total_bytes,
    )
    assert list(folder.iterdir()) == []
    assert PretokenCounts.load(tmp_path / "bound.parquet").to_frame().equals(free.to_frame())


def test_writing_keeps_what_is_there_until_it_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "counts.parquet"
    target.write_bytes(b"earlier")
    with pytest.raises(CorpusError):
        count_to_file({"x": tmp_path}, target, document="line", strict_utf8=True)
    with pytest.raises(CorpusError, match="does not exist"):
        count_to_file(Corpus.from_texts({"x": ["a"]}), tmp_path / "none" / "counts.parquet")
    assert target.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["counts.parquet"]


LIMITED = """
import resource, sys
from tokbench.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
@pytest.mark.parametrize("place", ["runs", "counts.parquet"])
def test_a_disk_without_room(place: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the same error of the same write."""
    folder = tmp_path / "runs"
    folder.mkdir()
    (tmp_path / "text.txt").write_bytes(rare_words(60_000, 1))
    options = ["--memory", "1MB", "--temporary", str(folder)] if place == "runs" else []
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "count", "-c", "text.txt", "--out", "counts.parquet", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert place in done.stderr
    assert "File too large" in done.stderr
    assert "make room" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "text.txt"]
    assert list(folder.iterdir()) == []


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from tokbench.count_files import write_parts
from tokbench.counts import PretokenCounts

table = PretokenCounts.from_mapping({"x": {b"a": 1, b"b": 2}}).native

def parts():
    yield table.rows(0, 1)
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    time.sleep(2)
    yield table.rows(1, 2)

try:
    write_parts(Path(sys.argv[1]) / "counts.parquet", parts(), {})
except KeyboardInterrupt:
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself SIGINT")
def test_ctrl_c_while_writing_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 7, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_counts_beyond_32_and_53_bits(tmp_path: Path) -> None:
    large = {b"low": (1 << 32) + 5, b"lower": (1 << 53) + 1, b"newest": (1 << 62) + 3}
    table = PretokenCounts.from_mapping({"eng": large, "deu": {b"low": (1 << 40) + 1}})
    table.save(tmp_path / "large.parquet")
    back = PretokenCounts.load(tmp_path / "large.parquet")
    cells = {(row[0], row[1]): row[2] for row in back.to_frame().iter_rows()}
    assert cells == {
        (b"low", "eng"): (1 << 32) + 5,
        (b"low", "deu"): (1 << 40) + 1,
        (b"lower", "eng"): (1 << 53) + 1,
        (b"newest", "eng"): (1 << 62) + 3,
    }
    assert back.total_count == sum(large.values()) + (1 << 40) + 1
    twice = PretokenCounts.merge(back, table)
    assert twice.total_count == 2 * back.total_count
    assert dict(twice.to_frame().filter(group="eng").select("pretoken", "count").iter_rows()) == {
        pretoken: 2 * number for pretoken, number in large.items()
    }
    with pytest.raises(CorpusError, match=r"2\^64"):
        PretokenCounts.merge(twice, twice, twice)


def test_training_compares_counts_above_53_bits_exactly() -> None:
    from tokbench.train import train

    # A double cannot tell these apart; the smaller ids must not win by a tie that is none.
    base = 1 << 53
    counts = PretokenCounts.from_mapping({"x": {b"ab": base, b"cd": base + 1}})
    log = train(counts, vocab_size=258).training
    assert log is not None
    assert log.log is not None
    assert log.log["token"].to_list() == [b"cd", b"ab"]
    assert log.log["count"].to_list() == [base + 1, base]
    assert log.log["tokens_x"].to_list() == [3 * base + 1, 2 * base + 1]
