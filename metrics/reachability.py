"""Reachability: which tokens text can produce, each with a witness or a proof.

A token is *reachable* when some text's encoding holds it; the witness is such a text and is checked by encoding it.
Where none is found there may be a proof that there is none:

* merges: BPE by rank is local. If an encoding holds token t, all merges inside t's span happened in the order in which
  they happen to t's bytes alone, because those across the span's edges never did. So if merging t's bytes alone gives
  anything but t, no text gives t. (Not so where pretokens may become tokens without merging, where tokens are deleted
  again, or for tokens that merge whole pretokens.)
* scores: best paths of a Unigram model are local too. If t's own piece has a better path, replacing t by it betters
  every path through t.
* normalizer: normalized text holds no piece that normalization would change (normal forms are closed under taking
  substrings, Unicode Standard Annex 15).
* pretokenizer: pre-tokenizers that look at single characters (BERT's, at punctuation) cut such a piece everywhere.
* utf8: no well-formed text has these bytes. fallback: a byte's only character has a token of its own. hidden: the
  model takes these tokens apart again.

Tokens with neither are *unverified*, not unreachable. Source: section I1 of the metric catalogue (the categories of
Land and Bartolo 2024 decode and encode again, which accuses tokens that need a context).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError, NotEncodableError
from tokbench.measurement import About, MeasuredTokenizer, Undefined, Value, VocabMetric
from tokbench.metrics.contexts import TEXT_CONTEXTS, completions, could_be_text, is_text
from tokbench.plugin import register
from tokbench.tokenizer import BpeTokenizer, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

REACHABLE, SPECIAL, BYTES_ONLY, UNREACHABLE, UNVERIFIED, HOLE = range(6)
VERDICTS = ("reachable", "special", "bytes_only", "unreachable", "unverified", "hole")
"""By id: has a witness; made only where the caller allows it; made only from bytes that are no text; proved; neither;
no token has this id."""


@dataclass(frozen=True, eq=False)
class Reachability:
    """What is known of every id.

    Attributes:
        verdicts: index into `VERDICTS` by id.
        witnesses: text whose encoding holds the token; of other reachable tokens their own bytes are one.
        reasons: for unreachable ids the kind of proof, for unverified ones what was tried.
    """

    verdicts: NDArray[np.int8]
    witnesses: Mapping[int, bytes] = field(repr=False)
    reasons: Mapping[int, str] = field(repr=False)
    _own: Mapping[int, bytes] = field(repr=False)

    def counts(self) -> dict[str, int]:
        """Count the ids by verdict."""
        found = np.bincount(self.verdicts, minlength=len(VERDICTS)).tolist()
        return dict(zip(VERDICTS, found, strict=True))

    def ids(self, verdict: str) -> list[int]:
        """Return the ids with a verdict."""
        return np.flatnonzero(self.verdicts == VERDICTS.index(verdict)).tolist()

    def witness(self, token_id: int) -> bytes | None:
        """Return a text whose encoding holds the token, None where none is known."""
        if self.verdicts[token_id] not in (REACHABLE, BYTES_ONLY):
            return None
        return self.witnesses.get(token_id, self._own[token_id])

    def proofs(self) -> dict[str, int]:
        """Count the unreachable ids by kind of proof."""
        found = Counter(self.reasons[token_id] for token_id in self.ids("unreachable"))
        return dict(sorted(found.items()))


def reachability(tokenizer: Tokenizer) -> Reachability:
    """Find a witness or a proof for every id.

    Example:
        >>> reachability(tokenizer).counts()  # doctest: +SKIP
        {'reachable': 50256, 'special': 1, 'bytes_only': 0, 'unreachable': 0, 'unverified': 0, 'hole': 0}
    """
    return _Search(tokenizer).run()


def reachable_ids(tokenizer: MeasuredTokenizer) -> NDArray[np.bool_]:
    """Return for each id whether some text is known to yield it: a lower bound; special tokens never count.

    Raises:
        MetricError: for a tokenizer of another package, whose model cannot be asked.
    """
    if not isinstance(tokenizer, Tokenizer):
        message = (
            f"tokenizer {tokenizer.name}: vocabulary=reachable asks the model which tokens text can produce; "
            f"pass a tokbench.Tokenizer"
        )
        raise MetricError(message)
    found: NDArray[np.bool_] = reachability(tokenizer).verdicts == REACHABLE
    return found


class _Flat:
    """Texts back to back, as `encode_batch` takes them."""

    def __init__(self, data: NDArray[np.uint8], offsets: Ints) -> None:
        self.data, self.offsets = data, offsets


class _Search:
    """One pass over the vocabulary; `open` are the ids without a verdict."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.native = isinstance(tokenizer, BpeTokenizer)
        self.arena, self.places = tokenizer.token_arrays()
        flat = self.arena.tobytes()
        self.own = {i: flat[self.places[i] : self.places[i + 1]] for i in tokenizer.vocab}
        n_ids = len(self.places) - 1
        self.verdicts = np.full(n_ids, UNVERIFIED, np.int8)
        known = np.zeros(n_ids, bool)
        known[list(tokenizer.vocab)] = True
        self.verdicts[~known] = HOLE
        aside = {
            *tokenizer.special_tokens.values(),
            *([] if tokenizer.unk_id is None else [tokenizer.unk_id]),
        }
        self.verdicts[sorted(aside)] = SPECIAL
        self.witnesses: dict[int, bytes] = {}
        self.reasons: dict[int, str] = {}

    @property
    def open(self) -> list[int]:
        return np.flatnonzero(self.verdicts == UNVERIFIED).tolist()

    def run(self) -> Reachability:
        self._by_own_bytes()
        self._by_fallback()
        self._by_proof()
        self._by_context()
        self._by_completion()
        self._say_what_was_tried()
        return Reachability(self.verdicts, self.witnesses, self.reasons, self.own)

    # -- witnesses -------------------------------------------------------------------------------------------------

    def _by_own_bytes(self) -> None:
        """Encode the whole vocabulary at once."""
        opened = np.array(self.open, np.int64)
        if self.native:
            lengths = np.diff(self.places)[opened]
            offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
            at = np.arange(offsets[-1]) + np.repeat(self.places[opened] - offsets[:-1], lengths)
            try:
                held = self._held(_Flat(self.arena[at], offsets), opened)
            except NotEncodableError:
                held = self._each([self.own[i] for i in opened.tolist()], opened)
            for token_id in opened[held].tolist():
                self.verdicts[token_id] = REACHABLE if is_text(self.own[token_id]) else BYTES_ONLY
            return
        texts = [i for i in opened.tolist() if is_text(self.own[i])]
        self._try([(i, self.own[i]) for i in texts])

    def _by_fallback(self) -> None:
        """Spell the characters without a token that hold each fallback byte."""
        vocab = self.tokenizer.vocab
        pieces = set(vocab.tokens.values())
        spelled: dict[int, int] = {}
        if vocab.byte_fallback is not None:
            spelled = {token_id: byte for byte, token_id in enumerate(vocab.byte_fallback)}
        else:
            for token_id, piece in vocab.tokens.items():
                if len(piece) == 6 and piece.startswith(b"<0x") and len(self.own[token_id]) == 1:
                    spelled[token_id] = self.own[token_id][0]
        for token_id, byte in spelled.items():
            if self.verdicts[token_id] not in (UNVERIFIED, BYTES_ONLY):
                continue
            if byte < 0x80 and (bytes([byte]) in pieces or (byte == 0x20 and "▁".encode() in pieces)):
                self._prove(token_id, "fallback")
                continue
            texts = [text for text in completions(bytes([byte]), 4000) if text not in pieces][:64]
            self._try([(token_id, text) for text in texts])

    def _by_context(self) -> None:
        """Put text before and behind."""
        for before, behind in TEXT_CONTEXTS:
            opened = [i for i in self.open if is_text(self.own[i])]
            if not opened:
                return
            self._try([(i, before + self.own[i] + behind) for i in opened])

    def _by_completion(self) -> None:
        """Complete the characters of which a token holds a part, with more and more characters."""
        for n in (4, 64, 2000):
            opened = [
                i
                for i in np.flatnonzero(
                    (self.verdicts == UNVERIFIED) | (self.verdicts == BYTES_ONLY)
                ).tolist()
                if not is_text(self.own[i]) and could_be_text(self.own[i])
            ]
            for before in (b"", b" ", "а".encode(), "ا".encode(), b"a"):
                pairs = [(i, before + text) for i in opened for text in completions(self.own[i], n)]
                self._try(pairs)
                opened = [i for i in opened if self.verdicts[i] != REACHABLE]

    def _try(self, pairs: Sequence[tuple[int, bytes]]) -> None:
        """Encode texts that may each hold a token, and note the first witness of each."""
        if not pairs:
            return
        wanted = np.array([token_id for token_id, _ in pairs], np.int64)
        texts = [text for _, text in pairs]
        try:
            held = self._held(texts, wanted)
        except NotEncodableError:
            held = self._each(texts, wanted)
        for place in np.flatnonzero(held).tolist():
            token_id, text = pairs[place]
            if self.verdicts[token_id] in (UNVERIFIED, BYTES_ONLY):
                self.verdicts[token_id] = REACHABLE
                if text != self.own[token_id]:
                    self.witnesses[token_id] = text

    def _held(self, texts: _Flat | Sequence[bytes], wanted: Ints) -> NDArray[np.bool_]:
        encoding = self.tokenizer.encode_batch(texts)
        hits = encoding.ids == np.repeat(wanted, encoding.lengths)
        counted = np.concatenate([np.zeros(1, np.int64), np.cumsum(hits)])
        found: NDArray[np.bool_] = np.diff(counted[encoding.offsets]) > 0
        return found

    def _each(self, texts: Iterable[bytes], wanted: Ints) -> NDArray[np.bool_]:
        """Encode one by one where some text cannot be encoded at all."""
        held = []
        for token_id, text in zip(wanted.tolist(), texts, strict=True):
            try:
                held.append(token_id in self.tokenizer.encode(text))
            except NotEncodableError:
                held.append(False)
        return np.array(held, bool)

    # -- proofs ----------------------------------------------------------------------------------------------------

    def _by_proof(self) -> None:
        if isinstance(self.tokenizer, BpeTokenizer):
            for token_id in self.tokenizer.model.hidden & set(self.open):
                self._prove(token_id, "hidden")
        for token_id in self.open:
            if not could_be_text(self.own[token_id]):
                self._prove(token_id, "utf8")
        for token_id, reason in _proofs(self.tokenizer, self.open).items():
            self._prove(token_id, reason)

    def _say_what_was_tried(self) -> None:
        tried = f"no witness in {len(TEXT_CONTEXTS)} contexts"
        for token_id in self.open:
            text = is_text(self.own[token_id])
            self.reasons[token_id] = tried if text else "no witness among characters that hold these bytes"

    def _prove(self, token_id: int, reason: str) -> None:
        self.verdicts[token_id] = UNREACHABLE
        self.reasons[token_id] = reason


def _proofs(tokenizer: Tokenizer, opened: Sequence[int]) -> dict[int, str]:
    """Prove what the model's own rules exclude."""
    if not opened:
        return {}
    if isinstance(tokenizer, BpeTokenizer):
        from tokbench.metrics.reachability_proofs import native_proofs

        return native_proofs(tokenizer, opened)
    from tokbench.interop.model_alone import foreign_proofs

    return foreign_proofs(tokenizer, opened)


@register
@dataclass(frozen=True)
class ReachableShare(VocabMetric):
    """Share of the ordinary tokens that some text produces."""

    about: ClassVar[About] = About(
        name="reachable_share",
        title="reachable vocabulary",
        formula="tokens with a witness text / tokens, special ones aside",
        unit="share",
        range="0 … 1; 1 = no entry is dead by construction",
        direction="higher",
        source="Land and Bartolo 2024 (unreachable tokens); witnesses and proofs are ours",
        pitfalls="Tokens without a witness may still be reachable in a context that was not tried: "
        "tokbench eval --health counts proved and unverified ones apart. Seconds for large vocabularies.",
    )

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        """Count the witnesses."""
        if not isinstance(tokenizer, Tokenizer):
            return Undefined("only a tokbench.Tokenizer can be asked")
        counts = reachability(tokenizer).counts()
        ordinary = sum(counts.values()) - counts["special"] - counts["hole"]
        return counts["reachable"] / ordinary if ordinary else Undefined("no ordinary tokens")
