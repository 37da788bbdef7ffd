"""Files of counts added up in a stream, and a count that is killed at each of its steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokbench import count_sum
from tokbench.checkpoint import Checkpoint
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count, count_to_file
from tokbench.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable

columns = st.dictionaries(st.binary(min_size=1, max_size=2), st.integers(1, 1 << 60), max_size=12)
tables = st.lists(st.tuples(columns, columns), max_size=4)


@given(parts=tables, n_rows=st.integers(1, 7), part_rows=st.integers(1, 5))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sum_of_files_is_the_file_of_the_sum(
    parts: list[tuple[dict[bytes, int], dict[bytes, int]]],
    n_rows: int,
    part_rows: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = []
    empty = PretokenCounts.from_mapping({"eng": {}, "tur": {}})
    made = [PretokenCounts.from_mapping({"eng": eng, "tur": tur}) for eng, tur in parts]
    for number, table in enumerate(made):
        paths.append(tmp_path / f"{number}.parquet")
        table.save(paths[-1])
    PretokenCounts.merge(empty, *made).save(tmp_path / "whole.parquet")
    with monkeypatch.context() as patch:
        patch.setattr(count_sum, "ROW_GROUP", n_rows)
        count_sum.add_files(paths, tmp_path / "sum.parquet", groups=("eng", "tur"), pretokenizer="none")
        spec, scale, n_pretokens, total, n_bytes = count_sum.totals_of(
            tmp_path / "whole.parquet", ("eng", "tur")
        )
    whole = PretokenCounts.load(tmp_path / "whole.parquet")
    assert (tmp_path / "sum.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert (spec, scale) == ("none", 1)
    assert (n_pretokens, total, n_bytes) == (len(whole), whole.total_count, whole.total_bytes)
    with monkeypatch.context() as patch:
        patch.setattr(count_sum, "PART_ROWS", part_rows)
        patch.setattr(count_sum, "ROW_GROUP", n_rows)
        count_sum.add_files(paths, tmp_path / "sum.parquet", groups=("eng", "tur"), pretokenizer="none")
    assert PretokenCounts.load(tmp_path / "sum.parquet").to_frame().equals(whole.to_frame())


def test_different_units_and_sums_that_are_too_large(tmp_path: Path) -> None:
    one = count(Corpus.from_texts({"x": [("a", 0.5), ("b", 2)]}), "none")
    other = count(Corpus.from_texts({"x": [("a", 0.25)]}), "none")
    paths = [tmp_path / "one.parquet", tmp_path / "other.parquet"]
    one.save(paths[0])
    other.save(paths[1])
    count_sum.add_files(paths, tmp_path / "sum.parquet", groups=("x",), pretokenizer="none")
    whole = PretokenCounts.load(tmp_path / "sum.parquet")
    assert whole.document_scale == 4
    assert whole.to_frame()["count"].to_list() == [3, 8]
    PretokenCounts.from_mapping({"x": {b"a": (1 << 64) - 1}}).save(paths[0])
    with pytest.raises(CorpusError, match=r"2\^64"):
        count_sum.add_files(paths[:1] * 2, tmp_path / "sum.parquet", groups=("x",), pretokenizer="none")


class KilledError(BaseException):
    """Stands for SIGKILL: nothing that touches the disk works after it."""


@pytest.mark.parametrize("weight", [None, "w"])
def test_killed_at_each_step(weight: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        lines = [
            f'{{"text": "word{number % 3} same {n}", "w": {1 + n % 2 / 2}}}\n' for n in range(number, 20)
        ]
        (tmp_path / f"{number}.jsonl").write_text("".join(lines), encoding="utf-8")
    corpus = Corpus.from_files({"x": tmp_path / "*.jsonl"}, document_weight=weight)
    whole = tmp_path / "whole.parquet"
    expected = count_to_file(corpus, whole, "gpt2")
    last = 0
    for fatal in range(1000):
        work, target = tmp_path / "work", tmp_path / "counts.parquet"
        target.unlink(missing_ok=True)
        steps = 0

        def fragile(original: Callable[..., Any]) -> Callable[..., Any]:
            def call(path: Path, *arguments: Any, **options: Any) -> Any:
                nonlocal steps
                if tmp_path not in path.parents:
                    return original(path, *arguments, **options)
                steps += 1
                if steps > fatal:  # noqa: B023 - called within this round only
                    raise KilledError
                return original(path, *arguments, **options)

            return call

        finished = False
        with monkeypatch.context() as patch:
            for name in ("replace", "unlink", "rmdir"):
                patch.setattr(Path, name, fragile(getattr(Path, name)))
            try:
                checkpoint = Checkpoint.begin(work, portion_bytes=1)
                count_to_file(corpus, target, "gpt2", checkpoint=checkpoint)
                checkpoint.finish()
                finished = True
            except KilledError:
                pass
        last = fatal
        if finished:
            break
        if (work / "job.json").exists():
            checkpoint = Checkpoint.resume(work)
        else:
            checkpoint = Checkpoint.begin(work, portion_bytes=1)
        written = count_to_file(corpus, target, "gpt2", checkpoint=checkpoint)
        checkpoint.finish()
        assert not work.exists()
        assert target.read_bytes() == whole.read_bytes(), f"killed before step {fatal}"
        assert (written.n_pretokens, written.total_count, written.total_bytes, written.document_scale) == (
            expected.n_pretokens,
            expected.total_count,
            expected.total_bytes,
            expected.document_scale,
        )
        for left in tmp_path.glob("work.*"):
            # A work directory that was being made.
            (left / "job.json").unlink(missing_ok=True)
            (left / ".job.json").unlink(missing_ok=True)
            left.rmdir()
    assert last > 15
