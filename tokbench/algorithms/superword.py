"""Tokens that span words: SuperBPE, in two stages.

The first stage is plain BPE inside of ordinary pretokens. The second stage goes on from its merges on text that is
hardly cut, so that merges may join words. `second_stage` is that step for any first stage; `supertokens` shares it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tokbench.algorithm import About, Algorithm, Request, register
from tokbench.bpe import Training
from tokbench.counts import PretokenCounts, count
from tokbench.errors import ParameterError
from tokbench.merges import Merges
from tokbench.resume import Vetoes, merges_met
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from numpy.typing import NDArray

    from tokbench.checkpoint import Checkpoint
    from tokbench.tokenizer import Tokenizer
else:
    from tokbench.late import pl

_COMMON = ("min_frequency", "max_token_length", "tie_break", "weights", "alpha")
"""Settings of both stages."""
_FIRST = ("initial_alphabet", "limit_alphabet", "alphabet_order", "min_pretoken_count")
"""Settings of the first stage alone. Nearly every piece of the second occurs once: a cut-off would leave nothing."""
_SHARES = 10
"""One of so many parts of the vocabulary is left to the second stage unless it is said otherwise."""


@register
@dataclass(frozen=True)
class Superword(Algorithm):
    """Plain BPE up to a size, then BPE across words up to the vocabulary size."""

    transition: int | None = None
    second: str = "superbpe"
    max_words: int | None = 4
    forbidden: str | None = ": "
    keep_absent: bool = False

    checkpoints: ClassVar[str] = "counts and merges"
    about: ClassVar[About] = About(
        name="superword",
        aliases=("superbpe",),
        summary="two stages: plain BPE, then merges that join words (SuperBPE)",
        definition=(
            "Stage 1 is plain BPE with the pre-tokenizer of the run up to `transition` ids. Stage 2 cuts the text with "
            "`second`, which keeps lines and sentences whole but still splits numbers, runs of punctuation and extra "
            "spaces; it repeats the merges of stage 1 on these pieces in order, leftmost first, and goes on as plain "
            "BPE up to the vocabulary size. A merge of stage 1 whose pair is never adjacent there is dropped together "
            "with its token and reported, and the ids close up. A pair of stage 2 is discarded for ever when its token "
            "would have more than `max_words` words (runs of anything but the space) or would hold `forbidden`. "
            "Encoding is plain BPE inside of the pieces of `second`. With a transition equal to the vocabulary size "
            "nothing is left to the second stage, and the result is plain BPE."
        ),
        source="Liu, Hayase, Hofmann, Oh, Smith, Choi (COLM 2025), arXiv 2503.13423",
        export="Hugging Face tokenizer.json, exactly: one BPE model behind the second pre-tokenizer",
        parameters={
            "transition": "number of ids after stage 1; by default nine tenths of the vocabulary size",
            "second": "pre-tokenizer of stage 2 and of encoding; superbpe, lines, none, regex:PATTERN, …",
            "max_words": "most words in a token of stage 2; none for no limit",
            "forbidden": "text that no token of stage 2 holds; none for no such text",
            "keep_absent": "keep merges of stage 1 that never apply in stage 2",
        },
        pitfalls=(
            "Stage 2 reads the corpus again and holds 8 bytes for each token of stage 1, so it needs running text and "
            "not counts. min_pretoken_count applies to stage 1 only. Several sizes of one run share its transition. "
            "With start=, that tokenizer is stage 1, and counts of the second pre-tokenizer may be given instead of "
            "text."
        ),
    )

    reads_text: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.transition is not None and self.transition < 1:
            message = f"superword: transition must be at least 1, got {self.transition}"
            raise ParameterError(message)
        if self.max_words is not None and self.max_words < 1:
            message = f"superword: max_words must be at least 1, got {self.max_words}"
            raise ParameterError(message)
        if self.forbidden == "":
            message = "superword: forbidden must not be empty, every token would hold it; write none instead"
            raise ParameterError(message)

    def train(self, request: Request) -> Tokenizer:
        """Train both stages; with ``start`` only the second."""
        known = request.settings(self, *_COMMON, *_FIRST, "start")
        common = {name: known[name] for name in _COMMON if name in known}
        first = self._first_stage(request, known)
        if request.start is None and self._size(request) == request.vocab_size:
            return first
        return second_stage(
            first,
            self._second_counts(request),
            vocab_size=request.vocab_size,
            vetoes=vetoes(self.max_words, self.forbidden),
            keep_absent=self.keep_absent,
            allow_smaller=request.allow_smaller,
            checkpoint=_part(request, "second"),
            progress=request.progress,
            report={"algorithm": "superword", "first_pretokenizer": first.pretokenizer},
            **common,
        )

    def _size(self, request: Request) -> int:
        size = self.transition
        if size is None:
            # Stage 1 has room for the bytes: a small vocabulary is left to stage 2 altogether.
            least = 256 + len(request.special_tokens)
            size = max(request.vocab_size - request.vocab_size // _SHARES, min(request.vocab_size, least))
        if size > request.vocab_size:
            message = (
                f"superword: transition {size} is beyond the vocabulary size {request.vocab_size}; stage 1 ends at "
                f"the transition"
            )
            raise ParameterError(message)
        return size

    def _first_stage(self, request: Request, known: Mapping[str, Any]) -> BpeTokenizer:
        if request.start is None:
            # The text itself is read once more for stage 2: without it stage 1 would be in vain.
            request.corpus(self)
            return train(
                request.counts(),
                vocab_size=self._size(request),
                special_tokens=request.special_tokens,
                allow_smaller=request.allow_smaller,
                checkpoint=_part(request, "first"),
                progress=request.progress,
                **known,
            )
        given = [name for name in _FIRST if name in known]
        given += ["special_tokens"] if request.special_tokens else []
        given += ["pretokenizer"] if request.pretokenizer is not None else []
        given += ["transition"] if self.transition is not None else []
        if given:
            message = f"{given[0]}: belongs to stage 1, which start= brings; leave it out"
            raise ParameterError(message)
        if not isinstance(request.start, BpeTokenizer):
            message = f"start: {request.start.name} is no BPE tokenizer of ours, which stage 1 must be"
            raise ParameterError(message)
        return request.start

    def _second_counts(self, request: Request) -> PretokenCounts:
        if isinstance(request.source, PretokenCounts) and request.start is not None:
            if request.source.pretokenizer != self.second:
                message = (
                    f"source: the counts were made with {request.source.pretokenizer!r}, stage 2 needs those of "
                    f"{self.second!r}; count the corpus again or change second="
                )
                raise ParameterError(message)
            return request.source
        return count(
            request.corpus(self),
            self.second,
            threads=request.threads,
            checkpoint=_part(request, "second"),
            progress=request.progress,
            **request.counting,
        )


def _part(request: Request, stage: str) -> Checkpoint | None:
    """Return the work directory of a stage: each keeps its own merges, the second its own counts too."""
    return None if request.checkpoint is None else request.checkpoint.part(stage)


def vetoes(max_words: int | None, forbidden: str | None) -> Vetoes:
    """Return what a token that spans words must not be."""
    return Vetoes(max_words=max_words, forbidden=[] if forbidden is None else [forbidden.encode()])


def second_stage(
    first: BpeTokenizer,
    counts: PretokenCounts,
    *,
    vocab_size: int,
    vetoes: Vetoes,
    keep_absent: bool,
    report: Mapping[str, object],
    **settings: Any,
) -> BpeTokenizer:
    """Repeat the merges of `first` on `counts`, drop those that never apply, and go on under `vetoes`.

    The log holds both stages (column ``stage``). The settings report the dropped tokens and the size of stage 1.

    Raises:
        ParameterError, ExhaustedError: as `train`.
    """
    n_first = len(first.vocab)
    kept = None if keep_absent else merges_met(first, counts, progress=settings.get("progress"))
    base = first if kept is None or kept.all() else without(first, ~kept)
    more = train(counts, vocab_size=vocab_size, start=base, vetoes=vetoes, **settings)
    assert more.training is not None
    lost = [token for token in first.vocab.tokens.values() if token not in base.vocab]
    told = {
        "transition": n_first,
        "max_words": vetoes.max_words,
        "forbidden": [part.decode() for part in vetoes.forbidden],
        "keep_absent": keep_absent,
        "dropped": [token.decode("utf-8", "backslashreplace") for token in lost],
        **report,
    }
    log = _both_logs(base, more)
    return BpeTokenizer(
        more.model, name=more.name, training=Training({**more.training.settings, **told}, log)
    )


def without(base: BpeTokenizer, dropped: NDArray[np.bool_]) -> BpeTokenizer:
    """Return a tokenizer without some of its merges and the tokens that only these make; the ids close up.

    Example:
        >>> from tokbench.train import train
        >>> tokenizer = train(PretokenCounts.from_mapping({"eng": {b"ab": 3, b"yz": 2, b"x": 1}}), vocab_size=258)
        >>> [tokenizer.token_bytes(i) for i in (256, 257)]
        [b'ab', b'yz']
        >>> less = without(tokenizer, np.array([True, False]))
        >>> len(less.vocab), less.token_bytes(256)
        (257, b'yz')
    """
    model = base.model
    left, right, result = model.merge_columns
    old = model.vocab
    gone = set(result[dropped].tolist()) - set(result[~dropped].tolist())
    holes = np.zeros(old.n_ids, dtype=np.int64)
    holes[[i for i in gone if i not in old.special.values()]] = 1
    ids = (np.arange(old.n_ids) - np.cumsum(holes)).astype(np.uint32)
    fallback = old.byte_fallback
    vocab = Vocab(
        {int(ids[i]): token for i, token in old.tokens.items() if i not in gone},
        special={text: int(ids[i]) for text, i in old.special.items()},
        byte_fallback=None if fallback is None else [int(ids[i]) for i in fallback],
        unknown=old.unknown,
        partial=old.partial,
    )
    merges = Merges(ids[left[~dropped]], ids[right[~dropped]], ids[result[~dropped]])
    training = base.training
    if training is not None and training.log is not None and len(training.log) == len(dropped):
        training = Training(training.settings, _renumbered_log(training.log, ids, ~dropped))
    return BpeTokenizer(
        replace(model, vocab=vocab, merges=merges, added=()), name=base.name, training=training
    )


def _renumbered_log(log: pl.DataFrame, ids: NDArray[np.uint32], kept: NDArray[np.bool_]) -> pl.DataFrame:
    log = log.filter(pl.Series(kept))
    return log.with_columns(
        pl.Series("step", np.arange(1, len(log) + 1, dtype=np.uint32)),
        *(pl.Series(name, ids[log[name].to_numpy()]) for name in ("left", "right", "result")),
    )


def _both_logs(base: BpeTokenizer, more: BpeTokenizer) -> pl.DataFrame:
    """Return the steps of both stages; of the first only where its log is at hand and has the same groups."""
    assert more.training is not None
    assert more.training.log is not None
    second = more.training.log.with_columns(stage=pl.lit(2, pl.UInt8))
    first = None if base.training is None else base.training.log
    if first is None or first.columns != more.training.log.columns:
        return second
    return pl.concat([first.with_columns(stage=pl.lit(1, pl.UInt8)), second])
