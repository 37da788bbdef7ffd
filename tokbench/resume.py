"""`Start`: an existing tokenizer as the start of a training run.

A run needs to know what each id spells and into which ids each pretoken is cut now. Two starts exist:

* `continued`: the state that training had after the tokenizer's last merge, found by repeating its merges. So
  training to n and on to N is training to N.
* `encoded`: what the tokenizer makes of text, found by encoding. This is the start of an extension, and the
  only one for vocabularies whose ids are ranks (tiktoken), which were not trained as they encode.

Invariant: the ids of a segmentation spell their pretoken, but for dropped and unknown symbols.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from tokbench import _rust
from tokbench.bpe import BpeModel, merge_list
from tokbench.errors import ParameterError
from tokbench.merges import Merges
from tokbench.steps import shown
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tokbench.counts import PretokenCounts

Progress = "Callable[[str, int, int], None]"
Segments = tuple["NDArray[np.uint32]", "NDArray[np.int64]"]


@dataclass(frozen=True)
class Vetoes:
    """What must not be merged: the pairs of a segmentation, byte strings, what exists already, too many words.

    ``max_words`` bounds the words of a token (runs of anything but U+0020), ``forbidden`` are byte strings that may
    not occur in one. A vetoed pair is vetoed for ever.
    """

    pairs: Segments | None = None
    spellings: Sequence[bytes] = ()
    existing: bool = False
    max_words: int | None = None
    forbidden: Sequence[bytes] = ()


class _Common(TypedDict):
    unit: str
    arena: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    ordinary: NDArray[np.bool_]
    lenders: list[int]
    first_id: int
    max_words: int | None
    forbidden: list[bytes]
    tie_break: str
    max_token_length: int | None
    min_frequency: int
    expected_merges: int
    first_floor: int | None
    track_groups: bool
    progress: Callable[[str, int, int], None] | None


@dataclass(frozen=True)
class Start:
    """A model, how it cuts the pretokens to train on, and the id that the first new token gets.

    Without ``segments`` the pretokens are cut by repeating the model's merges, as its training left them, while they
    are laid out.
    """

    model: BpeModel
    segments: Segments | None
    first_id: int
    vetoes: Vetoes = Vetoes()
    lends: bool = False
    """Whether a merge that spells a printable special token takes over its id, as in a first training."""
    drops: bool = False
    """Whether symbols without a token vanish, as in a training with a limited alphabet."""

    def engine(
        self,
        counts: _rust.PretokenCounts,
        *,
        tie_break: str,
        max_token_length: int | None,
        min_frequency: int,
        expected_merges: int,
        track_groups: bool,
        progress: Callable[[str, int, int], None] | None,
    ) -> _rust.Engine:
        """Make the engine: words laid out as they are cut, pairs counted, nothing merged yet.

        Raises:
            ParameterError: when `first_id` is taken.
        """
        arena, offsets, ordinary = _spelled(self.model.vocab)
        common = _Common(
            unit=self.model.unit,
            arena=arena,
            offsets=offsets,
            ordinary=ordinary,
            lenders=_lenders(self.model) if self.lends else [],
            first_id=self.first_id,
            max_words=self.vetoes.max_words,
            forbidden=list(self.vetoes.forbidden),
            tie_break=tie_break,
            max_token_length=max_token_length,
            min_frequency=min_frequency,
            expected_merges=expected_merges,
            first_floor=None,
            track_groups=track_groups,
            progress=progress,
        )
        if self.segments is None:
            fallback = self.model.vocab.byte_fallback
            return _rust.Engine.proceed(
                counts,
                merges=self.model.merge_columns,
                fallback=None if fallback is None else fallback[0],
                unknown=self.model.vocab.unknown_id,
                whole_words=self.model.whole_words,
                drop=self.drops,
                **common,
            )
        return _rust.Engine.resume(
            counts,
            segments=self.segments,
            vetoed_pairs=self.vetoes.pairs,
            vetoed_spellings=list(self.vetoes.spellings),
            veto_existing=self.vetoes.existing,
            **common,
        )

    def grown(self, made: Mapping[int, bytes], merges: Merges) -> BpeModel:
        """Return the model with new tokens, and with new merges behind all others."""
        old = self.model.vocab
        vocab = Vocab(
            {**old.tokens, **made},
            special=old.special,
            byte_fallback=old.byte_fallback,
            unknown=old.unknown,
            partial=old.partial,
        )
        left, right, result = self.model.merge_columns
        joined = merge_list(
            np.concatenate([left, merges.left]),
            np.concatenate([right, merges.right]),
            np.concatenate([result, merges.result]),
        )
        return replace(self.model, vocab=vocab, merges=joined)


def model_of(base: Tokenizer, *, what: str) -> BpeModel:
    """Return the model of a tokenizer that merging can go on from.

    Raises:
        ParameterError: for anything but a BPE tokenizer that is encoded natively, saying what it is.
    """
    if not isinstance(base, BpeTokenizer):
        message = (
            f"{what}: {base.name} is a {base.kind} tokenizer of another library, whose pre-tokenizer or merges "
            f"are not known here; a byte-level BPE tokenizer is needed"
        )
        raise ParameterError(message)
    if base.model.method != "merges":
        message = (
            f"{what}: {base.name} encodes by the method {base.model.method!r}; it has no merges to go on from"
        )
        raise ParameterError(message)
    if base.model.steps:
        message = (
            f"{what}: {base.name} changes text by {', '.join(map(shown, base.model.steps))}, which the text to go on "
            f"with has not been; name the same steps to tokbench.train, which does that"
        )
        raise ParameterError(message)
    if base.model.segmenter is not None:
        message = f"{what}: {base.name} cuts words into morphemes, which the text to go on with has not been"
        raise ParameterError(message)
    if base.model.supers is not None or base.model.scaffold:
        message = f"{what}: {base.name} has supers or scaffold tokens, which merging cannot go on from"
        raise ParameterError(message)
    return base.model


def continued(base: Tokenizer, *, vetoes: Vetoes = Vetoes()) -> Start:
    """Start where the training of `base` ended, on any counts; their pre-tokenizer may be another one.

    Symbols that `base` has no token for are an error when the engine is made, unless its own alphabet was limited
    when it was trained; then they vanish as they did there.

    Raises:
        ParameterError: for a tokenizer that training cannot have made (normalizer, ranks, …); extend it instead.
    """
    model = model_of(base, what="start")
    reason = _untrained(model)
    if reason:
        message = f"start: {base.name} {reason}, which no training here produces; use extend"
        raise ParameterError(message)
    return Start(model, None, model.vocab.n_ids, vetoes, lends=True, drops=_drops(base, model))


def replayed(
    base: Tokenizer,
    counts: PretokenCounts,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> Segments:
    """Cut every pretoken as the training of `base` has left it, its merges repeated once each, in order.

    Raises:
        ParameterError: as `continued`.
        NotEncodableError: when a pretoken holds a symbol without a token.
    """
    return _rust.Engine.replay(counts.native, **_past(base), progress=progress)


def merges_met(
    base: Tokenizer,
    counts: PretokenCounts,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> NDArray[np.bool_]:
    """Say of each merge of `base` whether its pair stands anywhere in the pretokens before it is repeated on them.

    Raises:
        ParameterError, NotEncodableError: as `replayed`.
    """
    return _rust.Engine.merges_met(counts.native, **_past(base), progress=progress)


class _Past(TypedDict):
    unit: str
    arena: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    ordinary: NDArray[np.bool_]
    merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]
    fallback: int | None
    unknown: int | None
    whole_words: bool
    drop: bool


def _past(base: Tokenizer) -> _Past:
    start = continued(base)
    model = start.model
    arena, offsets, ordinary = _spelled(model.vocab)
    fallback = model.vocab.byte_fallback
    return _Past(
        unit=model.unit,
        arena=arena,
        offsets=offsets,
        ordinary=ordinary,
        merges=model.merge_columns,
        fallback=None if fallback is None else fallback[0],
        unknown=model.vocab.unknown_id,
        whole_words=model.whole_words,
        drop=start.drops,
    )


def _drops(base: Tokenizer, model: BpeModel) -> bool:
    training = getattr(base, "training", None)
    limited = training is not None and training.settings.get("limit_alphabet") is not None
    return limited and model.vocab.byte_fallback is None and model.vocab.unknown is None


def encoded(base: Tokenizer, counts: PretokenCounts, *, threads: int = 1) -> Segments:
    """Cut every pretoken as `base` encodes it.

    Raises:
        NotEncodableError: naming a pretoken without tokens.
    """
    model = model_of(base, what="base")
    arena, ends = counts.native.arrays()[:2]
    return encode_pretokens(model, arena, ends.astype(np.int64), threads=threads)


def encode_pretokens(
    model: BpeModel, arena: NDArray[np.uint8], ends: NDArray[np.int64], *, threads: int = 1
) -> Segments:
    """Encode byte strings that are pretokens already: what stands before the merges is left out."""
    special = tuple(token for token in model.added if token.special)
    alone = replace(model, pretokenizer="none", normalizer=None, prefix_space=False, added=special)
    return alone.encoder().encode_batch(arena, ends, None, threads)


def _untrained(model: BpeModel) -> str | None:
    if not isinstance(model.merges, Merges):
        return "uses tokens in merges before they are made"
    if model.normalizer or model.prefix_space:
        return "changes the text before encoding"
    if any(not token.special for token in model.added):
        return "cuts added tokens out of all text"
    fallback = model.vocab.byte_fallback
    if fallback is not None and fallback != tuple(range(fallback[0], fallback[0] + 256)):
        return "has byte-fallback ids that are not consecutive"
    return None


def _spelled(vocab: Vocab) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    arena, offsets = vocab.arrays()
    ordinary = np.zeros(vocab.n_ids, dtype=np.bool_)
    ordinary[list(vocab.tokens)] = True
    return arena, offsets, ordinary


def _lenders(model: BpeModel) -> list[int]:
    """Return the special tokens whose spelling a merge may take over, by the engine's rule for a first training."""
    printable = model.unit == "character"
    return [
        token_id
        for text, token_id in model.vocab.special.items()
        if printable or all("!" <= character <= "~" for character in text)
    ]
