"""Work directories: what they keep, what they refuse, and that resuming changes nothing."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tokbench.checkpoint import Checkpoint
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.errors import CorpusError, ParameterError
from tokbench.objectives.plain import Plain
from tokbench.train import train

WORDS = [f"{stem}{ending}" for stem in ("low", "new", "wid", "old") for ending in ("", "er", "est", "ish")]


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Six packed files of different words."""
    paths = []
    for number in range(6):
        path = tmp_path / f"{number}.txt.gz"
        path.write_bytes(gzip.compress(" ".join(WORDS[number:] * (number + 3)).encode()))
        paths.append(path)
    return paths


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_truncated_shard_in_the_middle_keeps_the_work_before_it(shards: list[Path], tmp_path: Path) -> None:
    expected = count({"eng": shards[:2], "tur": shards[2:]}, "gpt2", threads=2)
    whole = shards[3].read_bytes()
    shards[3].write_bytes(whole[: len(whole) // 2])
    corpus = Corpus.from_files({"eng": shards[:2], "tur": shards[2:]})
    checkpoint = Checkpoint.begin(tmp_path / "work", every=10)
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"3\.txt\.gz.*truncated"):
            count(corpus, "gpt2", checkpoint=checkpoint)
        kept = [name for name in names(tmp_path / "work") if name.startswith("counts-")]
        assert kept
        ends = [int(name.split("-")[2].split(".")[0]) for name in kept]
        assert max(ends) == 3
    shards[3].write_bytes(whole)
    # A finished shard is not read again: one that is there but unreadable would show it.
    again = Checkpoint.resume(tmp_path / "work")
    table = count(corpus, "gpt2", checkpoint=again)
    assert table.to_frame().equals(expected.to_frame())
    assert "counts.parquet" in names(tmp_path / "work")
    assert count(corpus, "gpt2", checkpoint=again).to_frame().equals(expected.to_frame())


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_a_file_that_cannot_be_read_in_the_middle_keeps_the_work_before_it(
    shards: list[Path], tmp_path: Path
) -> None:
    # Reading a process's memory from address 0 is an input/output error, for root as well.
    broken = tmp_path / "2.txt"
    broken.symlink_to("/proc/self/mem")
    corpus = Corpus.from_files({"x": [*shards[:2], broken, *shards[3:]]})
    checkpoint = Checkpoint.begin(tmp_path / "work")
    for kept in (checkpoint, None):
        with pytest.raises(CorpusError, match=r"2\.txt: .*Input/output error"):
            count(corpus, "gpt2", checkpoint=kept)
    ends = [int(name.split("-")[2].split(".")[0]) for name in names(tmp_path / "work") if "counts-" in name]
    assert max(ends) == 2
    broken.unlink()
    broken.write_bytes(gzip.decompress(shards[2].read_bytes()))
    table = count(corpus, "gpt2", checkpoint=Checkpoint.resume(tmp_path / "work"))
    assert table.to_frame().equals(count({"x": shards}, "gpt2").to_frame())


def test_finished_sources_are_not_read_again(
    shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokbench.counting import Counting

    monkeypatch.setattr("tokbench.checkpoint.PORTION_BYTES", 1)
    counted: list[str] = []
    original = Counting.count

    def watched(self: Counting, sources, document, progress):  # type: ignore[no-untyped-def] # a spy
        counted.extend(source.path for _, source in sources)
        if len(counted) == 4:
            raise RuntimeError("killed here")
        return original(self, sources, document, progress)

    monkeypatch.setattr(Counting, "count", watched)
    corpus = Corpus.from_files({"x": shards})
    with pytest.raises(RuntimeError, match="killed"):
        count(corpus, "gpt2", checkpoint=Checkpoint.begin(tmp_path / "work", every=10))
    table = count(corpus, "gpt2", checkpoint=Checkpoint.resume(tmp_path / "work"))
    paths = [str(path) for path in shards]
    assert counted == [*paths[:4], *paths[3:]]
    assert table.to_frame().equals(original_table(corpus).to_frame())


def original_table(corpus: Corpus) -> PretokenCounts:
    from tokbench.counts import count_texts

    return count_texts({"x": [one.data for one in corpus.documents("x")]}, "gpt2")


def test_what_has_changed_is_refused(shards: list[Path], tmp_path: Path) -> None:
    corpus = Corpus.from_files({"x": shards})
    checkpoint = Checkpoint.begin(tmp_path / "work", every=10)
    count(corpus, "gpt2", checkpoint=checkpoint)
    with pytest.raises(ParameterError, match=r"pretokenizer of counting was \"gpt2\".*\"cl100k\" now"):
        count(corpus, "cl100k", checkpoint=checkpoint)
    with pytest.raises(ParameterError, match="strict_utf8 of counting"):
        count(corpus, "gpt2", strict_utf8=True, checkpoint=checkpoint)
    with pytest.raises(ParameterError, match="names of sources"):
        count(Corpus.from_files({"x": shards[:5]}), "gpt2", checkpoint=checkpoint)
    facts = shards[2].stat()
    os.utime(shards[2], ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    with pytest.raises(ParameterError, match=r"2\.txt\.gz has changed since it was counted"):
        count(corpus, "gpt2", checkpoint=checkpoint)
    with pytest.raises(ParameterError, match="holds an unfinished run"):
        Checkpoint.begin(tmp_path / "work", every=10)
    job = json.loads((tmp_path / "work" / "job.json").read_text(encoding="utf-8"))
    (tmp_path / "work" / "job.json").write_text(json.dumps({**job, "tokbench": "0.0.1"}), encoding="utf-8")
    with pytest.raises(ParameterError, match=r"was begun by tokbench 0\.0\.1"):
        Checkpoint.resume(tmp_path / "work")
    with pytest.raises(ParameterError, match="no unfinished run"):
        Checkpoint.resume(tmp_path / "elsewhere")
    with pytest.raises(ParameterError, match="at least 1"):
        Checkpoint.begin(tmp_path / "other", every=0)


@pytest.mark.parametrize("every", [1, 7, 1000])
@pytest.mark.parametrize("objective", [None, Plain()])
def test_training_in_steps_is_training_at_once(
    every: int, objective: Plain | None, shards: list[Path], tmp_path: Path
) -> None:
    corpus = Corpus.from_files({"eng": shards[:2], "tur": shards[2:]})
    once = train(corpus, vocab_size=290, objective=objective)
    checkpoint = Checkpoint.begin(tmp_path / "work", every=every)
    steps = train(corpus, vocab_size=290, objective=objective, checkpoint=checkpoint)
    assert once.training is not None
    assert steps.training is not None
    assert once.training.log is not None
    assert steps.training.log is not None
    assert steps.training.log.equals(once.training.log)
    assert steps.fingerprint == once.fingerprint
    kept = [np.load(path) for path in sorted((tmp_path / "work").glob("merges-*.npy"))]
    if every < 34:
        assert len(kept) == -(-34 // every) - (objective is not None and 34 % every > 0)
    again = train(
        corpus, vocab_size=290, objective=objective, checkpoint=Checkpoint.resume(tmp_path / "work")
    )
    assert again.fingerprint == once.fingerprint
    with pytest.raises(ParameterError, match="vocab_size of settings was 290"):
        train(corpus, vocab_size=291, objective=objective, checkpoint=checkpoint)
    checkpoint.finish()
    assert not (tmp_path / "work").exists()


def test_other_counts_or_merges_are_noticed(tmp_path: Path) -> None:
    counts = PretokenCounts.from_mapping({"x": {b"lower": 5, b"newest": 6}})
    checkpoint = Checkpoint.begin(tmp_path / "work", every=2)
    train(counts, vocab_size=260, checkpoint=checkpoint)
    other = PretokenCounts.from_mapping({"x": {b"lower": 5, b"newest": 7}})
    with pytest.raises(ParameterError, match="fingerprint of table"):
        train(other, vocab_size=260, checkpoint=checkpoint)
    path = tmp_path / "work" / "merges-000000002-000000004.npy"
    steps = np.load(path)
    steps[1, 3] += 1
    np.save(path, steps)
    with pytest.raises(ParameterError, match="merge 4 is another now"):
        train(counts, vocab_size=260, checkpoint=checkpoint)


def test_running_out_of_pairs_says_what_was_asked_for(tmp_path: Path) -> None:
    from tokbench.errors import ExhaustedError

    counts = PretokenCounts.from_mapping({"x": {b"ab": 5}})
    with pytest.raises(ExhaustedError, match="vocabulary size 400 asked for, 257 possible"):
        train(counts, vocab_size=400, checkpoint=Checkpoint.begin(tmp_path / "work", every=3))
    checkpoint = Checkpoint.begin(tmp_path / "other", every=3)
    assert train(counts, vocab_size=400, allow_smaller=True, checkpoint=checkpoint).vocab_size == 257
    with pytest.raises(ParameterError, match="at least 256"):
        train(counts, vocab_size=100, checkpoint=Checkpoint.begin(tmp_path / "third", every=3))


def test_beginning_removes_what_a_run_left_that_was_killed_while_beginning(tmp_path: Path) -> None:
    """Only what holds no work: anything else of such a name stays."""
    empty, made, other = (tmp_path / f".x.partial.{name}" for name in ("abcdefgh", "12345678", "notours_"))
    for folder in (empty, made, other):
        folder.mkdir()
    (made / "job.json").write_text("{}", encoding="utf-8")
    (other / "counts-0.parquet").write_bytes(b"")
    begun = Checkpoint.begin(tmp_path / ".x.partial")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.partial", other.name]
    begun.finish()
