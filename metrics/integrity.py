"""Reconstruction: does decoding return the text, how far off is it, and why.

Source: section G1 of the metric catalogue. Every document is encoded without special tokens and decoded by the
tokenizer itself. Only documents that come back changed are compared character by character.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.encoding import Encoding
from tokbench.errors import MetricError, TokbenchError
from tokbench.measurement import (
    About,
    EncodedBatch,
    RatioOfSums,
    Statistic,
    TextBatch,
    inspected,
)
from tokbench.metrics.columns import column
from tokbench.metrics.comparison import CAUSES, cause_of, edit_distance, kept_white_space, white_space
from tokbench.metrics.counting import Characters
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tokbench.measurement import InspectedTokenizer

    Ints = NDArray[np.int64]

NO_DOCUMENTS = "no documents"
(DOCUMENTS, EXACT, FAILED, DISTANCE, SPACES, INDENTS, NEWLINES, TABS) = range(8)
KEPT, CAUSE = 4, 12
"""Columns: white space, four later what is kept of it, then documents by cause."""


def decoded(batch: EncodedBatch) -> list[bytes | None]:
    """Return what each document decodes to, None where decoding raises; once per batch."""

    def decode(encoded: EncodedBatch) -> list[bytes | None]:
        tokenizer = inspected(encoded.tokenizer)
        try:
            return list(tokenizer.decode_batch(Encoding(encoded.ids, encoded.offsets)))
        except (TokbenchError, ValueError, RuntimeError):
            # One bad document fails the batch: find it.
            return [_decode_one(tokenizer, encoded.ids[a:b]) for a, b in pairwise(encoded.offsets)]

    return batch.once("decoded", decode)


def _decode_one(tokenizer: InspectedTokenizer, ids: NDArray[np.uint32]) -> bytes | None:
    try:
        return tokenizer.decode(ids)
    except (TokbenchError, ValueError, RuntimeError):
        return None


def _white_space(text: TextBatch) -> Ints:
    """Return the white space of each document, once per text."""

    def count(batch: TextBatch) -> Ints:
        flat = batch.data.tobytes()
        found = [
            white_space(flat[a:b].decode("utf-8", "surrogateescape"))
            for a, b in pairwise(batch.offsets.tolist())
        ]
        rows = [(each.characters, each.indents, each.newlines, each.tabs) for each in found]
        return np.array(rows, np.int64).reshape(-1, 4)

    return text.once("white_space", count)


def _changed(text: TextBatch, backs: Sequence[bytes | None]) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Yield place, text and decoding of the documents that come back changed."""
    flat, places = text.data.tobytes(), text.offsets.tolist()
    known = [back or b"" for back in backs]
    if (
        None not in backs
        and list(accumulate(map(len, known), initial=0)) == places
        and b"".join(known) == flat
    ):
        return
    for document, back in enumerate(backs):
        before = flat[places[document] : places[document + 1]]
        if before != back:
            yield document, before, back


@dataclass(frozen=True)
class Reconstruction(Statistic):
    """What came back, per document: exact, failed, distance, white space and what is kept of it, cause of a change."""

    columns: ClassVar[int] = CAUSE + len(CAUSES)

    def collect(self, batch: EncodedBatch) -> Ints:
        """Compare each document with its decoding."""
        text, n = batch.text, len(batch.text)
        table = np.zeros((n, self.columns), np.int64)
        table[:, DOCUMENTS] = 1
        table[:, SPACES : SPACES + 4] = _white_space(text)
        table[:, EXACT] = 1
        table[:, SPACES + KEPT : SPACES + KEPT + 4] = table[:, SPACES : SPACES + 4]
        for document, before, back in _changed(text, decoded(batch)):
            row = table[document]
            row[EXACT] = 0
            row[FAILED] = back is None
            a, b = (each.decode("utf-8", "surrogateescape") for each in (before, back or b""))
            kept = kept_white_space(a, b)
            row[DISTANCE] = edit_distance(a, b)
            row[SPACES + KEPT : SPACES + KEPT + 4] = kept.characters, kept.indents, kept.newlines, kept.tabs
            ids = batch.ids[batch.offsets[document] : batch.offsets[document + 1]]
            unknown = batch.tokenizer.unk_id
            has_unknown = unknown is not None and bool((ids == unknown).any())
            row[CAUSE + CAUSES.index(cause_of(a, b, has_unknown=has_unknown))] = 1
        return table


@register
@dataclass(frozen=True)
class ExactMatch(RatioOfSums):
    """Share of documents that decode to themselves."""

    otherwise: ClassVar[str] = NO_DOCUMENTS
    about: ClassVar[About] = About(
        name="exact_match",
        title="exact reconstruction",
        formula="documents d with decode(encode(d)) = d / documents",
        unit="share",
        range="0 … 1; 1 = nothing is lost",
        direction="higher",
        source="TokEval exact match",
        pitfalls="Depends on the length of documents: one lost character spoils one. Some libraries' decoders strip a "
        "first space or mend spaces around punctuation by design.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Exact documents and documents."""
        return column(Reconstruction(), EXACT), column(Reconstruction(), DOCUMENTS)


@register
@dataclass(frozen=True)
class CharacterErrorRate(RatioOfSums):
    """Edit distance between text and decoding over the length of the text."""

    otherwise: ClassVar[str] = "no characters"
    about: ClassVar[About] = About(
        name="cer",
        title="character error rate",
        formula="Σ_d Levenshtein(d, decode(encode(d))) / Σ_d |d|, in code points",
        unit="edits/character",
        range="0 … ∞; 0 = nothing is lost, may exceed 1",
        direction="lower",
        source="TokEval CER (there within a time budget, here exact); helo for hello → 0.2, abcd for a → 3",
        pitfalls="An unknown token that comes back as its own name costs as many edits as the name has letters.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Edits and characters."""
        return column(Reconstruction(), DISTANCE), Characters()


@register
@dataclass(frozen=True)
class DecodeFailures(RatioOfSums):
    """Share of documents whose own ids cannot be decoded."""

    otherwise: ClassVar[str] = NO_DOCUMENTS
    about: ClassVar[About] = About(
        name="decode_failures",
        title="decode failures",
        formula="documents whose encoding the decoder refuses / documents",
        unit="share",
        range="0 … 1; 0 = every encoding can be decoded",
        direction="lower",
        source="TokEval decode_failures",
        pitfalls="Counted as an empty decoding in cer and whitespace_fidelity.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Failures and documents."""
        return column(Reconstruction(), FAILED), column(Reconstruction(), DOCUMENTS)


KINDS = ("all", "indentation", "newline", "tab")


@register
@dataclass(frozen=True)
class WhitespaceFidelity(RatioOfSums):
    """Share of the white space that comes back.

    Example:
        >>> [metric.of for metric in WhitespaceFidelity().expand()]
        ['all', 'indentation', 'newline', 'tab']
    """

    of: str | None = None
    otherwise: ClassVar[str] = "the text has no such white space"
    about: ClassVar[About] = About(
        name="whitespace_fidelity",
        title="white-space fidelity",
        formula="white space of the text that an alignment with the decoding keeps / white space of the text; "
        "of=indentation: whole runs before the first other character of a line; of=newline, of=tab: those characters",
        unit="share",
        range="0 … 1; 1 = all of it comes back",
        direction="higher",
        source="TokEval whitespace, indentation, newline, tab fidelity; 'a b\\tc' → 'a b c': 0.5",
        pitfalls="Aligned by longest common subsequence, line by line where both have equally many lines. White space "
        "that is added is not counted here but in cer.",
    )

    def __post_init__(self) -> None:
        if self.of is not None and self.of not in KINDS:
            message = f"whitespace_fidelity: of={self.of!r}; known: {', '.join(KINDS)}"
            raise MetricError(message)

    def expand(self) -> tuple[WhitespaceFidelity, ...]:
        """All kinds."""
        return (self,) if self.of is not None else tuple(replace(self, of=of) for of in KINDS)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Kept and all."""
        at = SPACES + KINDS.index(self.of or "all")
        return column(Reconstruction(), at + KEPT), column(Reconstruction(), at)


@register
@dataclass(frozen=True)
class LossCause(RatioOfSums):
    """Share of documents that come back changed, by cause.

    Example:
        >>> len(LossCause().expand())
        6
    """

    cause: str | None = None
    otherwise: ClassVar[str] = NO_DOCUMENTS
    about: ClassVar[About] = About(
        name="loss_cause",
        title="cause of changed documents",
        formula="documents changed for this cause / documents",
        unit="share",
        range="0 … 1; the causes add up to 1 - exact_match",
        direction="lower",
        source="buckets after TokEval sanity check C3",
        pitfalls="unknown: an unknown token is in the document. Else the weakest change under which text and decoding "
        "are equal: white_space; with it normalization (NFKC); with both case; with all three marks. other points at "
        "the decoder or the merges: look at such documents.",
    )

    def __post_init__(self) -> None:
        if self.cause is not None and self.cause not in CAUSES:
            message = f"loss_cause: cause={self.cause!r}; known: {', '.join(CAUSES)}"
            raise MetricError(message)

    def expand(self) -> tuple[LossCause, ...]:
        """One for each cause."""
        return (self,) if self.cause is not None else tuple(replace(self, cause=cause) for cause in CAUSES)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Documents changed for the cause, and documents."""
        at = CAUSE + CAUSES.index(self.cause or CAUSES[0])
        return column(Reconstruction(), at), column(Reconstruction(), DOCUMENTS)
