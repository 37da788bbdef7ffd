"""The run behind parity-aware training: one table of both texts, the native loop, its log and its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench import _rust
from tokbench.bpe import Training
from tokbench.errors import ExhaustedError
from tokbench.merges import Merges
from tokbench.tokenizer import Tokenizer
from tokbench.train import start, vocab_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from tokbench.checkpoint import Checkpoint
    from tokbench.counts import PretokenCounts
    from tokbench.settings import Settings
    from tokbench.train import Progress
    from tokbench.vocab import Vocab

    Columns = tuple[
        NDArray[np.uint32],
        NDArray[np.uint32],
        NDArray[np.uint32],
        NDArray[np.uint64],
        NDArray[np.uint64],
        NDArray[np.uint32],
    ]
    """Left, right, result, count, all lengths after the step, and the language that it served."""
else:
    from tokbench.late import pl

ALL = 0xFFFF_FFFF
"""Stands for all languages together among those served."""
SHOWN_EVERY = 256
"""Steps between two reports of progress."""


@dataclass(frozen=True)
class Balanced:
    """A run: training counts, development counts of the same groups, and the rule."""

    counts: PretokenCounts
    dev: PretokenCounts | None
    rule: _rust.Parity
    ratio: Sequence[float] | None = None

    @property
    def table(self) -> _rust.PretokenCounts:
        """Both count tables as one: a column per language, then one per language of the development set."""
        if self.dev is None:
            return self.counts.native
        # No group has such a name: the two columns of a language stay apart.
        silent = [f"\0{group}" for group in self.dev.groups]
        renamed = _rust.PretokenCounts(silent, *self.dev.native.arrays())
        return _rust.PretokenCounts.merge([*self.counts.groups, *silent], [self.counts.native, renamed])

    def train(
        self,
        settings: Settings,
        report: Mapping[str, object],
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> Tokenizer:
        """Carry the run out and wrap the result.

        Raises:
            ExhaustedError: when there are not enough pairs, unless a smaller vocabulary is allowed.
        """
        table = self.table
        facts = {
            **settings.as_dict(),
            "dev_pretokens": None if self.dev is None else self.dev.fingerprint,
            "ratio": None if self.ratio is None else dict(zip(self.counts.groups, self.ratio, strict=True)),
        }
        if checkpoint is not None:
            checkpoint.agree("settings", facts)
            checkpoint.check_counts(table)
        engine = start(
            table,
            settings,
            track_groups=True,
            silent_groups=0 if self.dev is None else len(self.dev.groups),
            total_closed=not self.rule.global_merges,
            progress=progress,
        )
        columns = self._merge(engine, settings, checkpoint, progress)
        groups = self.counts.groups
        exhausted = {groups[language]: step for language, step in self.rule.exhausted()}
        if engine.n_ids < settings.vocab_size and not settings.allow_smaller:
            raise ExhaustedError(
                f"vocabulary size {settings.vocab_size} asked for, {engine.n_ids} possible: no pair is left that "
                f"occurs at least {settings.min_frequency} times in "
                f"{'the text of ' + next(iter(exhausted)) if len(exhausted) == 1 else 'any language to be served'}; "
                f"use more text, a smaller vocab_size or min_frequency, or allow_smaller"
            )
        vocab = vocab_of(engine, settings)
        log = self._log(*columns, vocab=vocab)
        training = Training({**facts, **report, "exhausted": exhausted}, log)
        return Tokenizer.from_training(
            vocab,
            Merges(*columns[:3]),
            pretokenizer=settings.pretokenizer,
            unit="character" if settings.unit == "character" else "byte",
            training=training,
        )

    def _merge(
        self,
        engine: _rust.Engine,
        settings: Settings,
        checkpoint: Checkpoint | None,
        progress: Progress | None,
    ) -> Columns:
        """Merge until the vocabulary is full or nothing is left, in portions where somebody wants to know."""
        first, size, n_steps = engine.n_ids, settings.vocab_size, 0
        every = size if checkpoint is None else checkpoint.every
        if progress is not None:
            every = min(every, SHOWN_EVERY)
        parts: list[Columns] = []
        while not parts or engine.n_ids < size:
            goal = min(engine.n_ids + every, size)
            part = engine.run_parity(self.rule, goal)
            parts.append(part)
            if checkpoint is not None:
                steps = [column.astype(np.uint64) for column in (*part[:4], part[5])]
                checkpoint.record(n_steps, np.stack(steps, axis=1))
            n_steps += len(part[0])
            if progress is not None and len(part[0]):
                progress(f"merging: {self._state(part)}", engine.n_ids - first, size - first)
            if engine.n_ids < goal:
                break
        if len(parts) == 1:
            return parts[0]
        left, right, result, counts, lengths, served = (
            np.concatenate(columns) for columns in zip(*parts, strict=True)
        )
        return left, right, result, counts, lengths, served

    def _state(self, part: Columns) -> str:
        """Say whom the last step served, and how much longer the longest language is than the shortest."""
        groups = self.counts.groups
        language = int(part[5][-1])
        served = "all languages" if language == ALL else groups[language]
        measured = part[4][-1][-len(groups) :]
        return f"{served}, worst/best {measured.max() / measured.min():.2f}"

    def _log(
        self,
        left: NDArray[np.uint32],
        right: NDArray[np.uint32],
        result: NDArray[np.uint32],
        counts: NDArray[np.uint64],
        lengths: NDArray[np.uint64],
        served: NDArray[np.uint32],
        *,
        vocab: Vocab,
    ) -> pl.DataFrame:
        groups = self.counts.groups
        spelled = [vocab.token_bytes(token_id) for token_id in result.tolist()]
        columns = [f"tokens_{group}" for group in groups]
        if self.dev is not None:
            columns += [f"dev_{group}" for group in groups]
        return pl.DataFrame(
            {
                "step": np.arange(1, len(left) + 1, dtype=np.uint32),
                "left": left,
                "right": right,
                "result": result,
                "token": pl.Series(spelled, dtype=pl.Binary),
                "count": counts,
                "served": pl.Series(
                    [None if language == ALL else groups[language] for language in served.tolist()],
                    dtype=pl.String,
                ),
                **{name: lengths[:, index] for index, name in enumerate(columns)},
            }
        )
