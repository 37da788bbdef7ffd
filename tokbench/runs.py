"""Runs: maximal sequences of at least two consecutive pretokens of a document that all are admitted.

Superwords are merged out of runs, so a run never crosses a document's end or a pretoken that is not admitted.
Source: Schmidt et al. 2025, BoundlessBPE (arXiv 2504.00178), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench import _rust
from tokbench.counting import available_threads
from tokbench.memory import budget

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from tokbench.corpus import Corpus

    Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Runs:
    """Counted runs, sorted; run i consists of the pretokens ``names[ids[offsets[i]:offsets[i + 1]]]``."""

    names: tuple[bytes, ...]
    ids: NDArray[np.uint32]
    offsets: NDArray[np.uint64]
    counts: NDArray[np.uint64]

    def __len__(self) -> int:
        """Count the different runs."""
        return len(self.counts)

    def __iter__(self) -> Iterator[tuple[tuple[bytes, ...], int]]:
        """Yield each run and its count."""
        ends = self.offsets.tolist()
        for index, count in enumerate(self.counts.tolist()):
            yield tuple(self.names[i] for i in self.ids[ends[index] : ends[index + 1]].tolist()), count

    @property
    def arrays(self) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]]:
        """Ids, offsets and counts, as the engine takes them."""
        return self.ids, self.offsets, self.counts


def admitted(rule: str, pretokens: Iterable[bytes]) -> list[bytes]:
    r"""Return the pretokens that may become part of a superword: valid UTF-8, and `rule` is found in them.

    Rules: ``letter`` (a letter anywhere), ``words`` (only letters with their marks, spaces, underscores and
    apostrophes, and a letter behind the first character), ``regex:PATTERN``.

    Raises:
        ParameterError: for an unknown rule or a pattern that does not compile.

    Example:
        >>> admitted("letter", [b" low", b" 12", b"\xff"])
        [b' low']
    """
    listed = list(pretokens)
    return [name for name, fits in zip(listed, _rust.admitted(rule, listed), strict=True) if fits]


def rules() -> dict[str, str]:
    """Return the named rules of admission and their patterns."""
    return dict(_rust.admission_rules())


def count_runs(
    corpus: Corpus,
    pretokenizer: str,
    names: Iterable[bytes],
    *,
    floor: int | None = None,
    threads: int | None = None,
    memory: int | str | None = None,
    temporary: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Count the runs of pretokens `names` in all documents of a corpus, all languages together.

    With `floor` runs are cut between pretokens that are neighbours at most so often. No merge of pairs that are more
    frequent than that can tell the difference, and what is left repeats more often and takes less memory; the text
    is read once more for it. `memory` bounds the tables while they are made ("2GB"; see ``tokbench.memory``); what
    exceeds it goes to temporary files. The finished runs are in memory, as training needs them.

    Raises:
        CorpusError: when a file cannot be read, or a temporary file not be written.
        ParameterError: for a memory that is too little or no size.
        PretokenizeError: for an unknown pre-tokenizer.

    Example:
        >>> from tokbench.corpus import Corpus
        >>> list(count_runs(Corpus.from_texts({"eng": ["so so 1 so so"]}), "whitespace", [b" so", b"so"]))
        [((b' so', b' so'), 1), ((b'so', b' so'), 1)]
    """
    listed = tuple(names)
    counter = _rust.RunCounter(
        _rust.Pretokenizer(pretokenizer), list(listed), floor=floor, memory=budget(memory, temporary)
    )
    wanted = available_threads() if threads is None else threads
    done = 0
    for read in (counter.add,) if floor is None else (counter.note, counter.add):
        for language in corpus.languages:
            for batch in corpus.batches(language):
                read(batch.data, batch.offsets, wanted)
                done += len(batch.data)
                if progress is not None:
                    progress("counting", done, 0)
    return Runs(listed, *counter.finish(wanted, progress))
