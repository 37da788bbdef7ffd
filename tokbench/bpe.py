"""`BpeModel`: everything that decides how a BPE tokenizer encodes, as one frozen value.

The order in which it acts: special and added tokens are cut out of the text; what lies between is normalized,
gets its prefix space, is cut into pretokens; a pretoken becomes tokens by the model's method, scaffold tokens fall
back into their parts, and runs of pretokens that are one token each are merged further. File formats read and write
this value; the encoder is built from it.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from tokbench import _rust
from tokbench.errors import VocabError
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.steps import Chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import polars as pl
    from numpy.typing import ArrayLike, NDArray

    from tokbench.segmenters import Segmenter
    from tokbench.vocab import Vocab

Unit = Literal["byte", "character"]
Method = Literal["merges", "replay", "longest", "longest_suffix", "longest_first", "fewest", "unigram", "lib"]
Normalization = Literal["nfc", "nfd", "nfkc", "nfkd"]


@dataclass(frozen=True)
class AddedToken:
    """A string that becomes one id before anything else looks at the text.

    Attributes:
        text: what it matches.
        token_id: what it becomes.
        special: matched only where the caller allows it; otherwise always.
        normalized: matched in the normalized text instead of the text as given.
        lstrip: swallows the white space before it.
        rstrip: swallows the white space after it.
    """

    text: str
    token_id: int
    special: bool = True
    normalized: bool = False
    lstrip: bool = False
    rstrip: bool = False


@dataclass(frozen=True)
class Training:
    """How a tokenizer came about: the settings, and the log where the run is still at hand."""

    settings: Mapping[str, object]
    made: pl.DataFrame | Callable[[], pl.DataFrame] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def log(self) -> pl.DataFrame | None:
        """What happened in each step; drawn up when it is first asked for, where `made` says how."""
        return self.made() if callable(self.made) else self.made


@dataclass(frozen=True, eq=False)
class RankedPairs:
    """Merges in rank order of which some use a token that only a later one makes.

    Vocabularies that were extended by hand (Llama 3, Qwen) encode like this. Training never produces such an
    order, so these are no `Merges`.
    """

    left: NDArray[np.uint32]
    right: NDArray[np.uint32]
    result: NDArray[np.uint32]

    def __len__(self) -> int:
        """Count the merges."""
        return len(self.left)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yield (left, right, result) by rank."""
        return iter(zip(self.left.tolist(), self.right.tolist(), self.result.tolist(), strict=True))


def merge_list(left: ArrayLike, right: ArrayLike, result: ArrayLike) -> Merges | RankedPairs:
    """Return `Merges`, or `RankedPairs` where a merge uses a token before it is made.

    Example:
        >>> len(merge_list([0, 2], [1, 1], [2, 3])), type(merge_list([3, 0], [1, 1], [2, 3])).__name__
        (2, 'RankedPairs')
    """
    columns = [np.ascontiguousarray(column, dtype=np.uint32) for column in (left, right, result)]
    try:
        return Merges(*columns)
    except VocabError:
        return RankedPairs(*columns)


@dataclass(frozen=True)
class BpeModel:
    """A BPE tokenizer as data.

    Attributes:
        vocab: id ↔ bytes. All `added` tokens are among its special tokens.
        merges: the steps in rank order, or operations in order; methods that do not merge leave them aside.
        pretokenizer: the specification of the pre-tokenizer.
        unit: what a pretoken is spelled in before merging.
        method: how a pretoken becomes tokens. ``merges``: lowest rank first. ``replay``: all operations in order.
            ``longest``, ``longest_suffix``: the longest token that fits, from the left or from the right.
            ``longest_first``: the longest token anywhere, the leftmost of equals; then the same left and right of
            it. ``fewest``: the fewest tokens; at every place the widest last token of equals. ``unigram``: the
            highest sum of `scores`; of equals as ``fewest``. ``lib``: of an ordered lexicon the longest unit that
            fits, or the second longest where reading on from it is better (see `tokbench.algorithms.lib`).
        whole_words: whether a pretoken that is a token becomes it without merging; for methods that merge.
        fuse_unknown: whether neighbouring unknown characters share one unknown token.
        normalizer: Unicode normalization (of Unicode 11, as Hugging Face's) before encoding.
        prefix_space: whether text that does not start with a space gets one.
        added: tokens that are cut out first; by default all special tokens of the vocabulary but the unknown.
        supers: merges of whole pretokens, lowest rank first, over longest runs of pretokens that became one token.
        scaffold: tokens that fall into the parts of their merge (the fewest parts, of equals the first merge's)
            once their pretoken is merged.
        scores: one number per id for ``unigram``, natural logarithms of probabilities; the higher the better.
            Those of ids that no text reaches by its bytes do not matter. For ``lib`` the rank of each unit, 0 for the
            best, and a negative number for a token that is no unit.
        width: longest token, in bytes, that a method which does not merge looks for; None for all tokens.
        steps: reversible changes of the text between special tokens before everything else, as `tokbench.steps`
            spells them. `encoder` does not do them; a tokenizer does.
        segmenter: what cuts pretokens into morphemes, which no token crosses; a tokenizer does that too.

    An id that a merge makes and the vocabulary does not have is *transient*: it exists only while a pretoken is
    encoded. It must be scaffold, or deleted in the end.

    Raises:
        VocabError: when an added token is not a special token of the vocabulary, a transient id would stay,
            or method, scores, scaffold and operations contradict each other.
    """

    vocab: Vocab
    merges: Merges | RankedPairs | Operations
    pretokenizer: str
    unit: Unit = "byte"
    method: Method = "merges"
    whole_words: bool = False
    fuse_unknown: bool = False
    normalizer: Normalization | None = None
    prefix_space: bool = False
    added: tuple[AddedToken, ...] = field(default=())
    supers: Merges | None = None
    scaffold: tuple[int, ...] = ()
    scores: tuple[float, ...] | None = None
    width: int | None = None
    steps: tuple[str, ...] = ()
    segmenter: Segmenter | None = None

    def __post_init__(self) -> None:
        if not self.added:
            made = (AddedToken(text, token_id) for text, token_id in self.vocab.special.items())
            object.__setattr__(self, "added", tuple(made))
        for token in self.added:
            if self.vocab.special.get(token.text) != token.token_id:
                message = (
                    f"added token {token.text!r} has id {token.token_id}, "
                    f"but the vocabulary's special tokens give it {self.vocab.special.get(token.text)}"
                )
                raise VocabError(message)
        object.__setattr__(self, "scaffold", tuple(sorted({int(token) for token in self.scaffold})))
        if self.supers is not None and not len(self.supers):
            object.__setattr__(self, "supers", None)
        if isinstance(self.merges, Operations) and self.method != "replay" and not self.merges.has_deletions:
            object.__setattr__(self, "merges", self.merges.merges)
        if isinstance(self.merges, Merges) and self.method == "replay":
            object.__setattr__(self, "merges", Operations(("merge", *step) for step in self.merges))
        if self.scores is not None:
            object.__setattr__(self, "scores", tuple(float(score) for score in self.scores))
        if self.steps:
            object.__setattr__(self, "steps", Chain(self.steps).spelled)
            _check_around(self, "steps")
        if self.segmenter is not None:
            _check_around(self, "segmenter")
        _check_method(self)
        _check_transient(self)

    @cached_property
    def transient(self) -> Mapping[int, bytes]:
        """Bytes of the ids that exist only while a pretoken is encoded."""
        if not self.scaffold and not isinstance(self.merges, Operations):
            return {}
        known = {token_id: self.vocab.token_bytes(token_id) for token_id in self.vocab}
        if isinstance(self.merges, Operations):
            return self.merges.spelled(known)
        made: dict[int, bytes] = {}
        for left, right, result in self.merges:
            if result not in known:
                made[result] = b"".join(known.get(part) or made.get(part, b"") for part in (left, right))
        return made

    @property
    def hidden(self) -> frozenset[int]:
        """Ids that no encoding holds although the vocabulary or a merge names them: scaffold and deleted tokens."""
        deleted = self.merges.deleted if isinstance(self.merges, Operations) else frozenset()
        return frozenset(self.scaffold) | deleted

    @property
    def merge_columns(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
        """Left, right and result of all merges in order; deletions are left out."""
        merges = self.merges.merges if isinstance(self.merges, Operations) else self.merges
        return merges.left, merges.right, merges.result

    @property
    def lossless(self) -> bool:
        """Whether decoding returns every encoded byte: no unknown token, normalizer or prefix space."""
        changes = self.normalizer is not None or self.prefix_space or self.vocab.unknown is not None
        return not changes and not any(token.lstrip or token.rstrip for token in self.added)

    @property
    def unlisted(self) -> list[int]:
        """Ids that no text reaches by its bytes: special tokens and byte-fallback tokens."""
        special = (i for i in self.vocab.special.values() if i not in self.vocab.tokens)
        return [*special, *(self.vocab.byte_fallback or ()), *sorted({*self.transient, *self.hidden})]

    @property
    def ranked(self) -> BpeModel:
        """The model itself, or, where that is the same, with merges by rank instead of a replay."""
        if self.method == "replay" and isinstance(self.merges, Operations) and self.merges.by_rank:
            return replace(self, method="merges", merges=self.merges.merges)
        return self

    def encoder(self) -> _rust.BpeEncoder:
        """Build the encoder.

        Raises:
            VocabError: naming a merge that uses an unknown id.
            PretokenizeError: when the pre-tokenizer cannot be used.
        """
        if self.ranked is not self:
            return self.ranked.encoder()
        arena, offsets = self._arrays()
        fallback = self.vocab.byte_fallback
        return _rust.BpeEncoder(
            arena,
            offsets,
            self.merge_columns if self.method == "merges" else None,
            operations=self.merges.arrays() if isinstance(self.merges, Operations) else None,
            method=self.method,
            supers=None if self.supers is None else (self.supers.left, self.supers.right, self.supers.result),
            scaffold=list(self.scaffold),
            transient=list(self.transient),
            scores=None if self.scores is None else np.array(self.scores, dtype=np.float64),
            width=self.width,
            unlisted=self.unlisted,
            pretokenizer=self.pretokenizer,
            characters=self.unit == "character",
            byte_fallback=None if fallback is None else list(fallback),
            unknown=self.vocab.unknown_id,
            fuse_unknown=self.fuse_unknown,
            whole_words=self.whole_words and self.method in ("merges", "replay"),
            normalizer=self.normalizer,
            prefix_space=self.prefix_space,
            added=[
                (
                    token.text.encode(),
                    token.token_id,
                    token.special,
                    token.normalized,
                    token.lstrip,
                    token.rstrip,
                )
                for token in self.added
            ],
        )

    def _arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the bytes of all ids, transient ones included."""
        if not self.transient:
            return self.vocab.arrays()
        spelled = {token_id: self.vocab.token_bytes(token_id) for token_id in self.vocab}
        spelled.update(self.transient)
        offsets = np.zeros(max(spelled) + 2, dtype=np.int64)
        for token_id, token in spelled.items():
            offsets[token_id + 1] = len(token)
        np.cumsum(offsets, out=offsets)
        joined = b"".join(spelled[token_id] for token_id in sorted(spelled))
        return np.frombuffer(joined, dtype=np.uint8), offsets

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides an encoding, in hexadecimal."""
        digest = hashlib.sha256()
        steps = (
            [repr(self.merges.rows)]
            if isinstance(self.merges, Operations)
            else [array.tobytes().hex() for array in self.merge_columns]
        )
        for part in (
            *(f"{token_id}:{token.hex()}" for token_id, token in self.vocab.tokens.items()),
            *steps,
            repr([*self.vocab.special.items(), self.vocab.byte_fallback, self.vocab.unknown]),
            repr((self.pretokenizer, self.unit, self.method, self.whole_words, self.fuse_unknown)),
            repr((self.normalizer, self.prefix_space, self.added)),
            *self._later_parts(),
        ):
            digest.update(part.encode())
            digest.update(b"\n")
        return digest.hexdigest()

    def _later_parts(self) -> Iterator[str]:
        """Yield what came after the first fingerprints; nothing where unused, so that those stay as they are."""
        supers = None if self.supers is None else list(self.supers)
        for name, value, unused in (
            ("supers", supers, None),
            ("scaffold", self.scaffold, ()),
            ("scores", self.scores, None),
            ("width", self.width, None),
            ("steps", self.steps, ()),
            ("segmenter", None if self.segmenter is None else self.segmenter.as_list(), None),
        ):
            if value != unused:
                yield f"{name}:{value!r}"

    def replaced(self, *, pretokenizer: str) -> BpeModel:
        """Return the same model with another pre-tokenizer."""
        return replace(self, pretokenizer=pretokenizer)


def _check_around(model: BpeModel, what: str) -> None:
    """Refuse what would look for something in the text as given that the steps have changed, or the other way round."""
    if model.normalizer is not None or model.prefix_space:
        message = f"{what}: a normalizer or prefix space beside it is not known; neither can be taken back"
        raise VocabError(message)
    for token in model.added:
        if not token.special or token.normalized or token.lstrip or token.rstrip:
            message = f"{what}: {token.text!r} is matched in all text or with what stands beside it; make it special"
            raise VocabError(message)
        if token.token_id in model.vocab.tokens:
            message = f"{what}: special token {token.text!r} shares id {token.token_id} with ordinary text; rename it"
            raise VocabError(message)
    if what == "segmenter" and model.supers is not None:
        message = (
            "segmenter: supers merge pretokens that are one token, pieces of a pretoken are not pretokens"
        )
        raise VocabError(message)


def _check_method(model: BpeModel) -> None:
    replay = isinstance(model.merges, Operations)
    if model.method == "merges" and replay:
        message = (
            "method 'merges' takes merges by rank; operations that delete are encoded by method 'replay'"
        )
        raise VocabError(message)
    if model.method == "replay" and not replay:
        message = "method 'replay' takes operations in order; these merges use tokens before they are made"
        raise VocabError(message)
    if model.method not in get_args(Method):
        message = f"method {model.method!r} is not known; there are {', '.join(get_args(Method))}"
        raise VocabError(message)
    if model.scores is None and model.method in ("unigram", "lib"):
        message = f"method {model.method!r} needs scores, one for each id"
        raise VocabError(message)
    if model.scores is not None:
        if len(model.scores) != model.vocab.n_ids:
            message = f"scores: {len(model.scores)} given, the vocabulary has {model.vocab.n_ids} ids"
            raise VocabError(message)
        bad = [i for i, score in enumerate(model.scores) if not math.isfinite(score)]
        if bad:
            message = f"scores: that of id {bad[0]} is {model.scores[bad[0]]}"
            raise VocabError(message)
    if model.width is not None and model.width < 1:
        message = f"width: {model.width}; at least one byte is needed"
        raise VocabError(message)
    for left, right, result in model.supers or ():
        for token in (left, right, result):
            if token not in model.vocab.tokens:
                message = f"supers: ({left}, {right}, {result}) uses id {token}, which is no ordinary token"
                raise VocabError(message)


def _check_transient(model: BpeModel) -> None:
    hidden = model.hidden
    for token in model.transient:
        if token not in hidden:
            message = f"a merge makes id {token}, which the vocabulary lacks and nothing takes away again"
            raise VocabError(message)
    made = set(model.merge_columns[2].tolist()) if model.scaffold else set()
    for token in model.scaffold:
        if token not in made:
            message = f"scaffold: no merge makes id {token}, so it has no parts to fall into"
            raise VocabError(message)


def merges_of_ranks(vocab: Vocab) -> Merges | RankedPairs:
    """Return the merge list of a vocabulary whose ids are tiktoken ranks.

    tiktoken gives a pair the rank of the bytes it makes. Only one pair can then ever make a given token: the
    last pair of the token's own encoding.

    Raises:
        VocabError: when one of the 256 bytes has no token.

    Example:
        >>> from tokbench.vocab import Vocab
        >>> list(merges_of_ranks(Vocab([bytes([b]) for b in range(256)] + [b"ab", b"abc"])))
        [(97, 98, 256), (256, 99, 257)]
    """
    arena, offsets = vocab.arrays()
    special = [token_id for token_id in vocab.special.values() if token_id not in vocab.tokens]
    left, right, result = _rust.BpeEncoder.merges_of_ranks(arena, offsets, special)
    return merge_list(left, right, result)


EMPTY_MERGES = Merges(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint32))
