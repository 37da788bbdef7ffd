"""Which words and tokens make a metric what it is: tables to look into, worst first.

`split_words`: the words of a text that are split most, by what they cost. `gold_table`: every word of a gold set, its
morphemes beside its tokens. `token_table`: the tokens of a text and what a lexicon says of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tokbench.errors import MetricError
from tokbench.lexicon import gold_sets
from tokbench.measurement import EncodedBatch, MeasuredTokenizer, TextBatch
from tokbench.metrics import gold_words
from tokbench.metrics.counting import check_word_definition, token_cuts, word_spans
from tokbench.metrics.morphology_kernels import count_pieces
from tokbench.metrics.verdicts import COUNTED, LANG, PURE, Source, verdicts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tokbench.measurement import MeasuredCorpus

Tokenizers = MeasuredTokenizer | Sequence[MeasuredTokenizer] | Mapping[str, MeasuredTokenizer]

BAR = "|"


def split_words(
    tokenizers: Tokenizers,
    corpus: MeasuredCorpus,
    *,
    word: str = "python_split",
    top: int | None = None,
    threads: int | None = None,
) -> pl.DataFrame:
    """List the words of a text by what their splitting costs.

    Columns: tokenizer, language, word, count (occurrences), tokens (mean pieces per occurrence), excess
    (Σ pieces - 1: tokens beyond one for each occurrence), share (of the excess of all words of the language), pieces
    (how its first occurrence is cut). Sorted by excess, then count, then word, within tokenizer and language.

    Args:
        tokenizers: one, several, or a mapping whose keys name them.
        corpus: the text.
        word: ``python_split``, ``hf_whitespace`` or ``uax29``.
        top: how many words for each tokenizer and language; None for all.
        threads: threads for encoding.

    Raises:
        MetricError: for an unknown word definition or tokenizers of one name.
    """
    check_word_definition("split_words", word)
    named = _named(tokenizers)
    frames = []
    for language in corpus.languages:
        found: dict[str, dict[bytes, _Word]] = {name: {} for name in named}
        for batch in corpus.batches(language):
            text = TextBatch(batch.data, batch.offsets, language=language)
            for name, tokenizer in named.items():
                encoded = tokenizer.encode_batch(batch, threads=threads)
                _add(found[name], EncodedBatch(text, tokenizer, encoded, gold_words.memory(tokenizer)), word)
        for name, words in found.items():
            rows = [
                (name, language, key.decode(errors="replace"), row.count, row.tokens, row.pieces)
                for key, row in words.items()
            ]
            frames.append(_ranked(rows, top))
    return pl.concat(frames)


_WORDS = {
    "tokenizer": pl.String(),
    "language": pl.String(),
    "word": pl.String(),
    "count": pl.Int64(),
    "tokens": pl.Int64(),
    "pieces": pl.String(),
}


@dataclass(slots=True)
class _Word:
    """Occurrences of a word, the pieces of all of them, and how the first is cut."""

    count: int
    tokens: int
    pieces: str


def _add(found: dict[bytes, _Word], batch: EncodedBatch, definition: str) -> None:
    """Add the words of a batch: occurrences, pieces, and how the first is cut."""
    cuts, cut_rows = token_cuts(batch)
    starts, ends, rows = word_spans(batch.text, definition)
    pieces = count_pieces(cuts, cut_rows, starts, ends, rows).tolist()
    data = batch.text.data.tobytes()
    for start, end, n in zip(starts.tolist(), ends.tolist(), pieces, strict=True):
        key = data[start:end]
        row = found.get(key)
        if row is None:
            inside = (
                cuts[np.searchsorted(cuts, start, "right") : np.searchsorted(cuts, end)]
                if n > 1
                else cuts[:0]
            )
            found[key] = _Word(1, n, _barred(key, (inside - start).tolist()))
        else:
            row.count += 1
            row.tokens += n


def _ranked(rows: Sequence[tuple[object, ...]], top: int | None) -> pl.DataFrame:
    excess = pl.col("tokens") - pl.col("count")
    frame = (
        pl.DataFrame(rows, schema=_WORDS, orient="row")
        .with_columns(excess.alias("excess"))
        .with_columns(
            (pl.col("tokens") / pl.col("count")).alias("tokens"),
            pl.when(pl.col("excess").sum() > 0)
            .then(pl.col("excess") / pl.col("excess").sum())
            .alias("share"),
        )
        .sort("excess", "count", "word", descending=[True, True, False])
        .select("tokenizer", "language", "word", "count", "tokens", "excess", "share", "pieces")
    )
    return frame if top is None else frame.head(top)


def gold_table(
    tokenizers: Tokenizers,
    gold: str,
    *,
    form: str = "auto",
    columns: str | None = None,
    normalize: str = "keep",
    space: str = "bare",
) -> pl.DataFrame:
    """List every word of gold sets, its morphemes beside its tokens.

    Columns: tokenizer, gold (name of the set), word, morphemes, pieces, boundaries (gold), cuts, right, precision
    (null without a cut), recall (null without a boundary), f1 (null without either), unknown (whether the unknown
    token is in it), weight, line (of the file). Words that cannot be scored have no cuts and say so in `reason`.

    Args:
        tokenizers: one, several, or a mapping whose keys name them.
        gold: a file, a folder or a ``.toml`` list; see `tokbench.lexicon.gold_sets`.
        form: the files' form.
        columns: for tables.
        normalize: normal form.
        space: ``bare`` or ``prefixed``.

    Raises:
        LexiconError: naming file and line.
        MetricError: for an unknown `space`.
    """
    gold_words.check_space("words", space)
    rows: list[tuple[object, ...]] = []
    sets = gold_sets(gold, form, columns=columns, normalize=normalize)
    for name, tokenizer in _named(tokenizers).items():
        for each in sets:
            scores = gold_words.word_scores(tokenizer, each, space=space)
            cuts, cut_rows = scores.cut.cuts.tolist(), scores.cut.cut_rows.tolist()
            data, offsets = each.data.tobytes(), each.offsets.tolist()
            unknown = scores.cut.unknown.tolist()
            counts = zip(scores.n_gold.tolist(), scores.n_cuts.tolist(), scores.right.tolist(), strict=True)
            for at, (item, (n_gold, n_cuts, right)) in enumerate(zip(each.items, counts, strict=True)):
                word = data[offsets[at] : offsets[at + 1]]
                pieces = _barred(word, cuts[cut_rows[at] : cut_rows[at + 1]])
                scored = (
                    right / n_cuts if n_cuts else None,
                    right / n_gold if n_gold else None,
                    2 * right / (n_cuts + n_gold) if n_cuts + n_gold else None,
                )
                morphemes = BAR.join(part for part in item.parts if part)
                head = (name, each.name, word.decode(), morphemes, pieces, n_gold, n_cuts, right)
                rows.append((*head, *scored, unknown[at], item.weight, item.line, None))
            for items, reason in (
                (each.unaligned, "its morphemes do not spell it"),
                (each.unsegmented, "no segmentation"),
            ):
                for item in items:
                    parts = BAR.join(item.parts)
                    rows.append(
                        (name, each.name, item.word, parts, *(None,) * 8, item.weight, item.line, reason)
                    )
    return pl.DataFrame(rows, schema=_GOLD, orient="row")


_GOLD = {
    "tokenizer": pl.String(),
    "gold": pl.String(),
    "word": pl.String(),
    "morphemes": pl.String(),
    "pieces": pl.String(),
    "boundaries": pl.Int64(),
    "cuts": pl.Int64(),
    "right": pl.Int64(),
    "precision": pl.Float64(),
    "recall": pl.Float64(),
    "f1": pl.Float64(),
    "unknown": pl.Boolean(),
    "weight": pl.Float64(),
    "line": pl.Int64(),
    "reason": pl.String(),
}


def judged_tokens(
    tokenizers: Tokenizers,
    corpus: MeasuredCorpus,
    *,
    lexicon: str | None = None,
    morphemes: str | None = None,
    language: str | None = None,
    case: str | None = None,
    normalize: str = "keep",
    nonwords: str = "count",
    surface: str | None = None,
    threads: int | None = None,
) -> pl.DataFrame:
    """List the tokens of a text and what a lexicon says of each: the parameters are those of ``lang_share``.

    Columns: tokenizer, id, token (its surface forms; the bytes, escaped, of a part of a character), count, verdict
    (``pure``, ``word``, ``neither``, or ``skipped``). Sorted by count within tokenizer.

    Raises:
        LexiconError: when there is no lexicon or it cannot be read.
    """
    source = Source(lexicon, morphemes, language, case, normalize, nonwords, surface)
    source.open()
    rows: list[tuple[object, ...]] = []
    for name, tokenizer in _named(tokenizers).items():
        counts: NDArray[np.int64] = np.zeros(0, np.int64)
        for spoken in filter(source.speaks, corpus.languages):
            for batch in corpus.batches(spoken):
                part = np.bincount(tokenizer.encode_batch(batch, threads=threads).ids)
                longer, shorter = (counts, part) if len(counts) >= len(part) else (part.copy(), counts)
                longer[: len(shorter)] += shorter
                counts = longer
        seen = np.flatnonzero(counts)
        verdicts = verdicts_of(tokenizer, source)
        table = gold_words.token_table(tokenizer)
        order = sorted(zip((-counts[seen]).tolist(), seen.tolist(), verdicts.of(seen).tolist(), strict=True))
        for n, token, code in order:
            forms = verdicts.forms(token) or [table[token].decode(errors="backslashreplace")]
            verdict = (
                "pure"
                if code & PURE
                else "word"
                if code & LANG
                else "neither"
                if code & COUNTED
                else "skipped"
            )
            rows.append((name, token, " / ".join(forms), -n, verdict))
    schema = dict(zip(("tokenizer", "id", "token", "count", "verdict"), _JUDGED, strict=True))
    return pl.DataFrame(rows, schema=schema, orient="row")


_JUDGED = (pl.String(), pl.Int64(), pl.String(), pl.Int64(), pl.String())


def _named(tokenizers: Tokenizers) -> dict[str, MeasuredTokenizer]:
    if isinstance(tokenizers, Mapping):
        return dict(tokenizers)
    several = list(tokenizers) if isinstance(tokenizers, Sequence) else [tokenizers]
    named = {tokenizer.name: tokenizer for tokenizer in several}
    if len(named) < len(several):
        message = "two tokenizers have the same name; pass {name: tokenizer} to tell them apart"
        raise MetricError(message)
    return named


def _barred(word: bytes, cuts: Sequence[int]) -> str:
    r"""Show a word with bars where it is cut; a part of a character as its bytes.

    Example:
        >>> _barred("naïve".encode(), [2, 3]), _barred(b"unhappily", [2, 7])
        ('na|\\xc3|\\xafve', 'un|happi|ly')
    """
    return BAR.join(part.decode(errors="backslashreplace") for part in _parts(word, cuts))


def _parts(word: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    begin = 0
    for cut in (*cuts, len(word)):
        yield word[begin:cut]
        begin = cut
