"""Scaffold-BPE behind the interface of all algorithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.algorithm import About, Algorithm, Request, register
from tokbench.bpe import BpeModel, Training
from tokbench.merges import Merges
from tokbench.settings import Settings
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import prepared, start, vocab_of
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from tokbench.tokenizer import Tokenizer
else:
    from tokbench.late import pl


@register
@dataclass(frozen=True)
class Scaffold(Algorithm):
    """Plain BPE whose rare intermediate tokens are hidden: merged through, but never shown."""

    checkpoints: ClassVar[str] = "counts and merges"
    about: ClassVar[About] = About(
        name="scaffold",
        summary="BPE that hides rare parts of frequent tokens (Scaffold-BPE)",
        definition=(
            "One queue holds pairs by their count and scaffold tokens by their frequency, of equals tokens before "
            "pairs, then the smaller ids. A pair at its head is merged, as in plain BPE; then each part of it that "
            "occurs less often than what is at the head now becomes scaffold, unless it is of the alphabet. A scaffold "
            "token at the head becomes an ordinary token again. So the merges are plain BPE's, only more of them. The "
            "vocabulary size counts what is not scaffold: special tokens, the alphabet (256 bytes) and ordinary merge "
            "results; these have the ids from 0 on without gaps, scaffold tokens the ids behind them, which no "
            "encoding holds. Encoding merges as plain BPE with all merges, then takes every scaffold token apart into "
            "the parts of its merge, and these again. The log names with each merge the tokens that became scaffold "
            "and those that were re-admitted after it."
        ),
        source="Lian, Xiong, Niu, Mo, Su, Lin, Chen, Liu, Han, Ding (AAAI 2025), arXiv 2404.17808",
        export="our own format exactly; tokenizer.json and tiktoken cannot take tokens apart again",
        pitfalls="A pair or scaffold token below min_frequency is not in the queue.",
    )

    def train(self, request: Request) -> Tokenizer:
        """Train; settings of the alphabet, of ties and limits, of weights and cut-offs are known."""
        model, training = self.model(request)
        return BpeTokenizer(model, name="trained", training=training)

    def model(self, request: Request) -> tuple[BpeModel, Training]:
        """Return what `train` wraps into a tokenizer."""
        known = request.settings(
            self,
            "min_frequency",
            "max_token_length",
            "initial_alphabet",
            "limit_alphabet",
            "alphabet_order",
            "tie_break",
            "min_pretoken_count",
            "weights",
            "alpha",
        )
        counts, cut_off = prepared(
            request.counts(),
            min_pretoken_count=known.pop("min_pretoken_count", 1),
            weights=known.pop("weights", None),
            alpha=known.pop("alpha", None),
        )
        alphabet = known.pop("initial_alphabet", "bytes")
        settings = Settings(
            vocab_size=request.vocab_size,
            pretokenizer=counts.pretokenizer,
            special_tokens=tuple(request.special_tokens),
            initial_alphabet=alphabet if isinstance(alphabet, str) else tuple(alphabet),
            objective="scaffold",
            allow_smaller=request.allow_smaller,
            weights=None if counts.weights is None else counts.weights.as_dict(),
            weight_scale=1 if counts.weights is None else counts.weights.scale,
            **known,
        )
        if request.checkpoint is not None:
            request.checkpoint.agree("settings", settings.as_dict())
            request.checkpoint.check_counts(counts.native)
        engine = start(counts.native, settings, progress=request.progress)
        merges, scaffolded, readmitted = engine.run_scaffold(
            settings.vocab_size, allow_smaller=settings.allow_smaller, progress=request.progress
        )
        if request.checkpoint is not None:
            columns = [column.astype(np.uint64) for column in merges[:4]]
            request.checkpoint.record(0, np.stack(columns, axis=1))
        made = vocab_of(engine, settings)
        hidden = _hidden(scaffolded, readmitted)
        ids, n_shown = _renumbered(made.n_ids, hidden)
        left, right, result = (ids[column] for column in merges[:3])
        vocab = Vocab(
            {int(ids[i]): token for i, token in made.tokens.items() if i not in hidden},
            special=made.special,
            partial=made.partial,
        )
        log = pl.DataFrame(
            {
                "step": np.arange(1, len(left) + 1, dtype=np.uint32),
                "left": left,
                "right": right,
                "result": result,
                "token": pl.Series([made.token_bytes(i) for i in merges[2].tolist()], dtype=pl.Binary),
                "count": merges[3],
                "scaffolded": _lists(ids, *scaffolded),
                "readmitted": _lists(ids, *readmitted),
                **{f"tokens_{group}": merges[4][:, index] for index, group in enumerate(counts.groups)},
            }
        )
        report = {"algorithm": "scaffold", "scaffold_tokens": len(hidden), **cut_off}
        model = BpeModel(
            vocab,
            Merges(left, right, result),
            counts.pretokenizer,
            scaffold=tuple(range(n_shown, n_shown + len(hidden))),
        )
        return model, Training(settings.as_dict() | report, log)


def _hidden(
    scaffolded: tuple[NDArray[np.uint32], NDArray[np.uint64]],
    readmitted: tuple[NDArray[np.uint32], NDArray[np.uint64]],
) -> frozenset[int]:
    """Return what is scaffold in the end: a token may come and go several times."""
    times = np.zeros(int(max(scaffolded[0], default=0)) + 1, dtype=np.int64)
    np.add.at(times, scaffolded[0], 1)
    np.subtract.at(times, readmitted[0], 1)
    return frozenset(np.flatnonzero(times).tolist())


def _renumbered(n_ids: int, hidden: frozenset[int]) -> tuple[NDArray[np.uint32], int]:
    """Return the new id of each id, those of hidden tokens behind all others, and the number of the others."""
    is_hidden = np.zeros(n_ids, dtype=np.bool_)
    is_hidden[list(hidden)] = True
    ids = np.empty(n_ids, dtype=np.uint32)
    ids[np.argsort(is_hidden, kind="stable")] = np.arange(n_ids, dtype=np.uint32)
    return ids, n_ids - len(hidden)


def _lists(ids: NDArray[np.uint32], flat: NDArray[np.uint32], ends: NDArray[np.uint64]) -> pl.Series:
    """Return one list of new ids per merge."""
    n_rows = len(ends)
    rows = np.repeat(np.arange(n_rows, dtype=np.uint32), np.diff(ends, prepend=np.uint64(0)).astype(np.int64))
    made = pl.DataFrame({"row": rows, "ids": ids[flat]}).group_by("row", maintain_order=True).agg("ids")
    every = pl.DataFrame({"row": np.arange(n_rows, dtype=np.uint32)})
    empty = pl.lit([], dtype=pl.List(pl.UInt32))
    return (
        every.join(made, on="row", how="left", maintain_order="left")["ids"]
        .to_frame()
        .select(pl.col("ids").fill_null(empty))["ids"]
    )
