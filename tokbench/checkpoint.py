"""Work in progress on disk: what a killed run leaves behind, and from which it ends with the same result.

A work directory holds ``job.json`` (version and arguments), one JSON file for each decision that must not change
between runs, the counts of the sources that are finished (``counts-FIRST-END.parquet``: sources FIRST to END, END
exclusive), the finished table ``counts.parquet``, and the merges so far (``merges-FIRST-END.npy``). Every file is
written under another name, synchronised and renamed, so that each is whole or absent.

Counting is what takes hours, and its finished sources are never read again. The merges are made again on resuming
(a run is deterministic and merging takes seconds) and compared with those on disk.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench import _rust
from tokbench.corpus import Texts
from tokbench.count_files import PART_ROWS, Written, file_metadata, parts_of, write_parts
from tokbench.count_sum import add_files, totals_of
from tokbench.counting import sources_of
from tokbench.counts import PretokenCounts
from tokbench.errors import CorpusError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.counting import Counting
    from tokbench.reading import Source

    Progress = Callable[[str, int, int], None]

JOB_FORMAT = 1
PORTION_BYTES = 256_000_000
"""Files are counted together up to this size, and their counts then kept, unless another size is asked for."""


@dataclass(frozen=True)
class Checkpoint:
    """A work directory, made by ``begin`` or found again by ``resume``.

    Merges are kept every ``every`` steps, counts every ``portion_bytes`` of finished files.
    """

    directory: Path
    every: int
    job: Mapping[str, Any]
    portion_bytes: int | None = None

    @classmethod
    def begin(
        cls,
        directory: str | os.PathLike[str],
        *,
        every: int = 1000,
        portion_bytes: int | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Checkpoint:
        """Make a work directory; ``arguments`` are kept for whoever resumes.

        Raises:
            ParameterError: if there is one already, its parent does not exist, or a number is below 1.
        """
        target = Path(directory)
        if every < 1 or (portion_bytes is not None and portion_bytes < 1):
            raise ParameterError(
                f"checkpoint every {every} merges, every {portion_bytes} bytes; expected at least 1"
            )
        if (target / "job.json").exists():
            raise ParameterError(
                f"{target} holds an unfinished run; resume it, or delete this directory to start again"
            )
        if not target.parent.is_dir():
            raise ParameterError(f"{target}: the folder {target.parent} does not exist; create it first")
        job = {
            "format": JOB_FORMAT,
            "tokbench": _rust.__version__,
            "every": every,
            "portion_bytes": portion_bytes,
            "id": os.urandom(8).hex(),
            "arguments": dict(arguments or {}),
        }
        _sweep(target)
        fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        _write(fresh / "job.json", _json(job))
        # Over an empty directory, which a run leaves that is killed at its very end.
        fresh.replace(target)
        return cls(target, every, job, portion_bytes)

    @classmethod
    def resume(cls, directory: str | os.PathLike[str]) -> Checkpoint:
        """Find a work directory again.

        Raises:
            ParameterError: if there is none, or another version of tokbench made it.
        """
        target = Path(directory)
        try:
            job = json.loads((target / "job.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ParameterError(
                f"{target}: there is no unfinished run here; it is finished, or was begun without checkpoints"
            ) from None
        if (job["format"], job["tokbench"]) != (JOB_FORMAT, _rust.__version__):
            raise ParameterError(
                f"{target} was begun by tokbench {job['tokbench']}, this is {_rust.__version__}; finish it with that "
                "version, or delete the directory and start again"
            )
        for left in (*target.glob(".*"), *target.glob("fresh.*")):
            # Files that were being written when the run was killed.
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        return cls(target, job["every"], job, job.get("portion_bytes"))

    def part(self, name: str) -> Checkpoint:
        """Return a work directory inside of this one, for a second corpus of the same run."""
        inside = self.directory / name
        inside.mkdir(exist_ok=True)
        return Checkpoint(inside, self.every, self.job, self.portion_bytes)

    def agree(self, name: str, facts: Mapping[str, object]) -> None:
        """Keep ``facts`` the first time; after that require them to be the same.

        Raises:
            ParameterError: naming what differs.
        """
        path = self.directory / f"{name}.json"
        now = json.loads(_json(facts))
        if not path.exists():
            _write(path, _json(facts))
            return
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for key in sorted({*earlier, *now}):
            if earlier.get(key) != now.get(key):
                raise ParameterError(
                    f"{key} of {name} was {_short(earlier.get(key))} when {self.directory} was begun and is "
                    f"{_short(now.get(key))} now; restore it, or delete the directory to start again"
                )

    def finish(self) -> None:
        """Remove the work directory, what identifies it last."""
        for path in self.directory.iterdir():
            if path.name != "job.json":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.directory / "job.json").unlink()
        self.directory.rmdir()

    # Counting

    def count(
        self, corpus: Corpus, counting: Counting, document: str, progress: Progress | None
    ) -> PretokenCounts:
        """Count a corpus in portions of whole sources, each of which is kept; take those that are there.

        Raises:
            CorpusError: as `count`; what was finished before stays.
            ParameterError: if settings, or sources already counted, have changed.
        """
        return PretokenCounts.load(self._count_whole(corpus, counting, document, None, progress))

    def count_to_file(
        self,
        corpus: Corpus,
        counting: Counting,
        document: str,
        target: Path,
        fingerprint: str | None,
        *,
        progress: Progress | None,
    ) -> Written:
        """Count as `count` does and write the table, which is never held whole.

        Raises:
            CorpusError, ParameterError: as `count`; CorpusError if the file cannot be written.
        """
        whole = self._count_whole(corpus, counting, document, fingerprint, progress)
        spec, scale, n_pretokens, total_count, total_bytes = totals_of(whole, counting.groups)
        partial: Path | None = None
        try:
            opened, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=self.directory)
            os.close(opened)
            partial = Path(name)
            shutil.copyfile(whole, partial)
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            shutil.copymode(whole, partial)
            partial.replace(target)
        except OSError as error:
            raise CorpusError(
                f"{target}: cannot write the counts: {error}; make room there or name another file"
            ) from error
        return Written(target, spec, counting.groups, n_pretokens, total_count, total_bytes, 0, scale)

    def _count_whole(
        self,
        corpus: Corpus,
        counting: Counting,
        document: str,
        fingerprint: str | None,
        progress: Progress | None,
    ) -> Path:
        """Count what is not counted yet and return the file of the whole table."""
        spec = counting.counter().pretokenizer
        self.agree(
            "counting",
            {
                "pretokenizer": spec,
                "groups": counting.groups,
                "document": document,
                "strict_utf8": counting.strict_utf8,
                "document_weight": counting.document_weight,
            },
        )
        sources = sources_of(corpus)
        self.agree("sources", {"names": [[group, source.path] for group, source in sources]})
        done = self._finished(sources)
        whole = self.directory / "counts.parquet"
        if whole.exists():
            return whole
        while done < len(sources):
            end = _portion(sources, done, self.portion_bytes or PORTION_BYTES)
            try:
                self._count_portion(sources, done, end, counting, document, progress)
            except CorpusError:
                if end - done == 1:
                    raise
                # One source is to blame: those before it are kept.
                for only in range(done, end):
                    self._count_portion(sources, only, only + 1, counting, document, progress)
            done = end
            self._compact(counting.groups, spec)
        found = [path for _, _, path in self._portions()]
        add_files(found, whole, groups=counting.groups, pretokenizer=spec, fingerprint=fingerprint)
        for path in found:
            path.unlink()
        return whole

    def _count_portion(
        self,
        sources: list[tuple[int, Source | Texts]],
        first: int,
        end: int,
        counting: Counting,
        document: str,
        progress: Progress | None,
    ) -> None:
        # What the sources are before they are read: one that changes meanwhile is noticed on resuming.
        facts = [_identity(source) for _, source in sources[first:end]]
        counted = counting.count(sources[first:end], document, progress)
        if [_identity(source) for _, source in sources[first:end]] != facts:
            raise CorpusError(f"a file among {_names(sources[first:end])} changed while it was counted")
        for start, _, path in _ranges(self.directory, "identity", "json"):
            if start >= first:
                # Of a portion that was not finished, and may have been cut otherwise.
                path.unlink()
        _write(self.directory / f"identity-{first:09}-{end:09}.json", _json(facts))
        _, parts = counted.parts(PART_ROWS, progress)
        write_parts(
            self.directory / f"counts-{first:09}-{end:09}.parquet",
            parts,
            file_metadata(counting.groups, counted.pretokenizer, None, counted.scale),
        )

    def _portions(self) -> list[tuple[int, int, Path]]:
        """List the tables of finished sources in order, after removing those that a larger one holds."""
        found = _ranges(self.directory, "counts", "parquet")
        kept: list[tuple[int, int, Path]] = []
        for first, end, path in found:
            if kept and end <= kept[-1][1]:
                path.unlink()
            else:
                kept.append((first, end, path))
        return kept

    def _finished(self, sources: list[tuple[int, Source | Texts]]) -> int:
        """Return how many sources are counted, after checking that they are still what they were."""
        if (self.directory / "counts.parquet").exists():
            done = len(sources)
        else:
            done = max((end for _, end, _ in self._portions()), default=0)
        for first, end, path in _ranges(self.directory, "identity", "json"):
            if end > done:
                continue
            earlier = json.loads(path.read_text(encoding="utf-8"))
            for (_, source), facts in zip(sources[first:end], earlier, strict=True):
                if _identity(source) != facts:
                    raise ParameterError(
                        f"{source.path} has changed since it was counted ({facts} then, {_identity(source)} now); "
                        f"restore it, or delete {self.directory} to start again"
                    )
        return done

    def _compact(self, groups: Sequence[str], spec: str) -> None:
        """Merge tables of about the same size, so that a few dozen stay however many sources there are."""
        while len(found := self._portions()) > 1:
            (first, _, one), (_, end, two) = found[-2:]
            if one.stat().st_size > 2 * two.stat().st_size:
                return
            target = self.directory / f"counts-{first:09}-{end:09}.parquet"
            add_files([one, two], target, groups=groups, pretokenizer=spec)
            for path in (one, two):
                path.unlink()

    # Merging

    def check_counts(self, table: _rust.PretokenCounts) -> None:
        """Require the table that is trained on to be the same in every run.

        Raises:
            ParameterError: if it is another.
        """
        digest = hashlib.blake2b(json.dumps(table.groups).encode(), digest_size=16)
        for part in parts_of(table):
            for column in part.arrays():
                digest.update(np.ascontiguousarray(column).data)
        self.agree("table", {"fingerprint": digest.hexdigest()})

    def record(self, done: int, steps: NDArray[np.uint64]) -> None:
        """Keep merge steps (left, right, result, count), the first of which is number ``done``.

        Raises:
            ParameterError: if one that was kept before was another.
        """
        end = done + len(steps)
        known = done
        for first, stop, path in _ranges(self.directory, "merges", "npy"):
            low, high = max(first, done), min(stop, end)
            if low < high:
                earlier = np.load(path)[low - first : high - first]
                differing = np.flatnonzero((earlier != steps[low - done : high - done]).any(axis=1))
                if len(differing):
                    raise ParameterError(
                        f"{path}: merge {low + int(differing[0]) + 1} is another now; the machine or the program is "
                        f"not the same: delete {self.directory} and start again"
                    )
                known = max(known, high)
        if known < end:
            target = self.directory / f"merges-{known:09}-{end:09}.npy"
            partial = self.directory / f".{target.name}"
            with partial.open("wb") as file:
                np.save(file, steps[known - done :])
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)


def _ranges(directory: Path, kind: str, suffix: str) -> list[tuple[int, int, Path]]:
    """List the files ``kind-FIRST-END.suffix`` by first number, the longer of two first."""
    found = []
    for path in directory.glob(f"{kind}-*.{suffix}"):
        match = re.fullmatch(rf"{kind}-([0-9]+)-([0-9]+)\.{suffix}", path.name)
        if match is not None:
            found.append((int(match[1]), int(match[2]), path))
    return sorted(found, key=lambda row: (row[0], -row[1]))


def _portion(sources: list[tuple[int, Source | Texts]], first: int, n_bytes: int) -> int:
    """Where the portion that starts at ``first`` ends."""
    end, size = first, 0
    while end < len(sources) and (end == first or size < n_bytes):
        size += _identity(sources[end][1]).get("bytes", 0)
        end += 1
    return end


def _identity(source: Source | Texts) -> dict[str, Any]:
    """Tell a source from what it may become: size and time of a file, a hash of texts.

    Behind a URI it is the URI alone.
    """
    if isinstance(source, Texts):
        digest = hashlib.blake2b(digest_size=16)
        size = 0
        for batch in source.packed:
            digest.update(np.ascontiguousarray(batch.offsets).data)
            digest.update(np.ascontiguousarray(batch.data).data)
            size += len(batch.data)
        return {"bytes": size, "hash": digest.hexdigest()}
    if source.is_remote:
        return {"uri": source.path}
    try:
        facts = Path(source.path).stat()
    except FileNotFoundError:
        return {"missing": True}
    return {"bytes": facts.st_size, "modified_ns": facts.st_mtime_ns}


def _names(sources: list[tuple[int, Source | Texts]]) -> str:
    names = [source.path for _, source in sources]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=list) + "\n").encode()


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "…"


def _sweep(target: Path) -> None:
    """Remove what is left of runs that were killed while they made this work directory: it holds no work."""
    for left in target.parent.glob(f"{glob.escape(target.name)}.????????"):
        if left.is_dir() and all(path.name.startswith((".", "job.json")) for path in left.iterdir()):
            shutil.rmtree(left)


def _write(target: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    partial = target.with_name(f".{target.name}")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)
