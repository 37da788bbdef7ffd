"""Code: operators, identifiers, syntax, indentation, against token boundaries.

Source: sections F4 and F5 of the metric catalogue. Operators and indentation need nothing but the text; leaves of a
syntax tree come from tree-sitter, an extra (``pip install tokbench[code]``) whose grammars are wheels: nothing is
fetched at run time, and without them a metric is null with the reason. The language is that of the corpus' group.

A number over prose, formulas and programs together describes none of them: evaluate ``--by domain`` or one corpus
each; `tokbench eval --corpus probes` has built-in numbers, formulas and programs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import MetricError
from tokbench.measurement import (
    About,
    CorpusMetric,
    EncodedBatch,
    Kind,
    RatioOfSums,
    Statistic,
    Stats,
    TextBatch,
    Undefined,
    Value,
    ratio,
)
from tokbench.metrics.alignment import boundaries
from tokbench.metrics.code_kernels import (
    count_crossings,
    count_indentation,
    find_operators,
    meet_edges,
)
from tokbench.metrics.columns import column
from tokbench.metrics.numbers import spearman
from tokbench.metrics.span_kernels import add_by_row
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

COMMON = ("**", "//", "<<", ">>", "<=", ">=", "=>", "==", "!=", "&&", "||", "?:")
MORE = (
    "===", "!==", "**=", "//=", "<<=", ">>=", "...", "->", ":=", "::", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "??", "?.", "..", "|>", "<-",
)  # fmt: skip
SINGLE = ("+", "-", "*", "/", "%", "=", "<", ">", "&", "|", "^", "~", "!")
SIGNS = ("×", "÷", "±", "−", "·", "≤", "≥", "≠", "≈", "∈", "→")
OPERATORS = {
    "common": (*COMMON, *SINGLE),
    "all": (*sorted((*COMMON, *MORE), key=len, reverse=True), *SINGLE, *SIGNS),
}
"""Operators by name of the list; a longer one is found before its parts."""


def find_in(text: TextBatch, operators: str) -> tuple[Ints, Ints, Ints, Ints]:
    """Return starts, ends, which operator, and the rows of documents, once per text."""
    listed = [each.encode() for each in OPERATORS[operators]]
    arena = np.frombuffer(b"".join(listed), np.uint8)
    places = np.array([0, *accumulate(map(len, listed))], np.int64)
    return text.once(
        ("operators", operators), lambda batch: find_operators(batch.data, batch.offsets, arena, places)
    )


@dataclass(frozen=True)
class OperatorCounts(Statistic):
    """Operators, isolated ones, compound ones, compound ones in one token, per document."""

    operators: str
    columns: ClassVar[int] = 4

    def collect(self, batch: EncodedBatch) -> Ints:
        """Isolated: both edges are boundaries but for white space; in one token: no boundary inside."""
        starts, ends, which, rows = find_in(batch.text, self.operators)
        found = boundaries(batch)
        edges = meet_edges(batch.text.data, batch.text.offsets, found.cuts, found.rows, starts, ends, rows)
        _, cuts = found.inside(starts, ends, rows)
        compound = np.array([len(each) > 1 for each in OPERATORS[self.operators]], bool)[which]
        parts = (np.ones(len(starts), bool), edges == 3, compound, compound & (cuts == 0))
        return np.stack([add_by_row(part.astype(np.int64), rows) for part in parts], axis=1)


@dataclass(frozen=True)
class _OfOperators(RatioOfSums):
    operators: str = "common"

    def __post_init__(self) -> None:
        if self.operators not in OPERATORS:
            message = f"{self.about.name}: operators={self.operators!r}; known: {', '.join(OPERATORS)}"
            raise MetricError(message)


BY_DOMAIN = (
    "Formulas, programs and prose differ widely (0.997, 0.683, 0.725 pooled in one demonstration): report them apart, "
    "--by domain. In prose most hits are hyphens. "
)


@register
@dataclass(frozen=True)
class OperatorIsolation(_OfOperators):
    """Share of operators whose tokens hold nothing else but white space."""

    otherwise: ClassVar[str] = "no operators"
    about: ClassVar[About] = About(
        name="operator_isolation",
        title="operator isolation",
        formula="operators whose covering tokens hold no other character but white space / operators",
        unit="share",
        range="0 … 1; 1 = every operator stands alone",
        direction="higher",
        source="TokEval operator isolation; 3+5>=8 as 3+|5|>|=|8 → 0.5",
        pitfalls=BY_DOMAIN + "operators=common: " + " ".join(COMMON) + " and " + " ".join(SINGLE) + ".",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Isolated operators and operators."""
        counts = OperatorCounts(self.operators)
        return column(counts, 1), column(counts, 0)


@register
@dataclass(frozen=True)
class CompoundPreservation(_OfOperators):
    """Share of operators of several characters that lie in one token."""

    otherwise: ClassVar[str] = "no operators of several characters"
    about: ClassVar[About] = About(
        name="compound_preservation",
        title="compound operator preservation",
        formula="operators of ≥ 2 characters that no token boundary cuts / operators of ≥ 2 characters",
        unit="share",
        range="0 … 1; 1 = >= is never > and =",
        direction="higher",
        source="TokEval compound preservation; 3+5>=8 as 3+|5|>|=|8 → 0",
        pitfalls=BY_DOMAIN + "The token may hold more than the operator: read operator_isolation beside it.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Compounds in one token and compounds."""
        counts = OperatorCounts(self.operators)
        return column(counts, 3), column(counts, 2)


DEPTHS, TOKENS = 64, 256


@dataclass(frozen=True)
class Indentation(Statistic):
    """Lines by depth and tokens with indentation, row by row."""

    kind: ClassVar[Kind] = "histogram"

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count the lines of all documents."""
        found = boundaries(batch)
        text = batch.text
        table = count_indentation(text.data, text.offsets, found.cuts, found.rows, DEPTHS, TOKENS)
        return table.ravel()


@register
@dataclass(frozen=True)
class IndentationCorrelation(CorpusMetric):
    """Rank correlation of a line's depth and the tokens that spell its indentation."""

    pooling: ClassVar[str] = "micro_pooled"
    about: ClassVar[About] = About(
        name="indentation_correlation",
        title="indentation depth correlation",
        formula="Spearman(depth, tokens that hold white space of the indentation) over lines that are not blank",
        unit="correlation",
        range="-1 … 1; 1 = deeper lines always take more tokens; undefined below 3 depths",
        direction="neither",
        source="TokEval indentation-depth correlation (Python and Haskell, at least 3 depths)",
        pitfalls="Meaningful where indentation is syntax. A tokenizer with one token for any run of spaces never "
        "varies: undefined, not bad. Depth is the place on the stack of open widths, a tab reaches "
        "the next multiple of 8.",
    )

    def statistics(self) -> tuple[Statistic, ...]:
        """Lines by depth and tokens."""
        return (Indentation(),)

    def reduce(self, stats: Stats) -> Value:
        """Correlate over the lines."""
        counts = stats.documents(Indentation())
        if counts.sum() == 0:
            return Undefined("no lines")
        table = counts.reshape(DEPTHS, TOKENS)
        depth, tokens = np.nonzero(table)
        n_depths = len(np.unique(depth))
        if n_depths < 3:
            return Undefined(f"lines of {n_depths} depths, at least 3 needed")
        return spearman(depth.astype(np.float64), tokens.astype(np.float64), table[depth, tokens])


CATEGORIES = ("identifier", "keyword", "operator", "literal", "delimiter", "comment")
EDGES = ("start", "end", "full", "token")
_PER = 6


def syntax_leaves(text: TextBatch) -> tuple[Ints, Ints, Ints, Ints, str]:
    """Return starts, ends, categories and rows of the leaves, and why there are none; once per text."""

    def parse(batch: TextBatch) -> tuple[Ints, Ints, Ints, Ints, str]:
        from tokbench.interop.tree_sitter import missing, parse_leaves

        empty = np.zeros(0, np.int64)
        reason = missing(batch.language)
        if reason:
            return empty, empty, empty, np.zeros(len(batch) + 1, np.int64), reason
        data = batch.data.tobytes()
        parts, rows = [np.zeros((0, 3), np.int64)], [0]
        for begin, end in zip(batch.offsets[:-1].tolist(), batch.offsets[1:].tolist(), strict=True):
            leaves = np.array(parse_leaves(batch.language, data[begin:end]), np.int64).reshape(-1, 3)
            parts.append(leaves + np.array([begin, begin, 0]))
            rows.append(rows[-1] + len(leaves))
        table = np.concatenate(parts)
        columns = (np.ascontiguousarray(table[:, place]) for place in range(3))
        starts, ends, categories = columns
        return starts, ends, categories, np.array(rows, np.int64), ""

    return text.once("syntax_leaves", parse)


@dataclass(frozen=True)
class SyntaxCounts(Statistic):
    """Per category: leaves, met starts, met ends, both, both and uncut, tokens; then tokens, crossing ones, documents
    without a grammar. Per document.
    """

    columns: ClassVar[int] = _PER * len(CATEGORIES) + 3

    def collect(self, batch: EncodedBatch) -> Ints:
        """Walk over leaves and boundaries together."""
        text = batch.text
        starts, ends, categories, rows, reason = syntax_leaves(text)
        found = boundaries(batch)
        edges = meet_edges(text.data, text.offsets, found.cuts, found.rows, starts, ends, rows)
        _, cuts = found.inside(starts, ends, rows)
        parts = (
            np.ones(len(starts), bool),
            edges & 1 > 0,
            edges & 2 > 0,
            edges == 3,
            (edges == 3) & (cuts == 0),
            cuts + 1,
        )
        table = [
            add_by_row(np.where(categories == category, part, 0).astype(np.int64), rows)
            for category in range(len(CATEGORIES))
            for part in parts
        ]
        crossing = count_crossings(text.data, text.offsets, found.cuts, found.rows, starts, ends, rows)
        lacking = np.full(len(text), bool(reason), np.int64)
        if reason:
            crossing[:] = 0
            batch.remember("no_grammar", lambda: reason)
        return np.concatenate([np.stack(table, axis=1), crossing, lacking[:, None]], axis=1)


@dataclass(frozen=True)
class _OfSyntax(RatioOfSums):
    """A ratio over leaves; where no document has a grammar the reason says what is missing."""

    def reduce(self, stats: Stats) -> Value:
        """Divide the totals, or say why there are none."""
        above, below = self.terms()
        value = ratio(stats.total(above), stats.total(below), self.otherwise)
        reason = stats.memory.get("no_grammar")
        if isinstance(value, Undefined) and reason:
            return Undefined(str(reason))
        return value


def _leaves(categories: Sequence[int], part: int) -> Statistic:
    return column(SyntaxCounts(), *(_PER * category + part for category in categories))


@register
@dataclass(frozen=True)
class AstAlignment(_OfSyntax):
    """Share of the leaves of the syntax tree whose edges are token boundaries.

    Example:
        >>> [metric.edge for metric in AstAlignment().expand()]
        ['start', 'end', 'full', 'token']
    """

    edge: str | None = None
    category: str = "all"
    otherwise: ClassVar[str] = "no leaves of this category"
    about: ClassVar[About] = About(
        name="ast_alignment",
        title="syntax-leaf alignment",
        formula="leaves whose start, end, both (full), or which as one token exactly (token) are token boundaries / "
        "leaves",
        unit="share",
        range="0 … 1; 1 = tokens respect the syntax",
        direction="higher",
        source="TokEval code AST; leaves by tree-sitter, on byte offsets",
        pitfalls="White space beside a leaf may belong to its token or not: the same ids give the same value. "
        "Categories ("
        + ", ".join(CATEGORIES)
        + "; category=each for all) follow node names of the grammars. One language "
        "at a time: group by language.",
    )

    def __post_init__(self) -> None:
        for key, given, known in (
            ("edge", self.edge, EDGES),
            ("category", self.category, ("all", "each", *CATEGORIES)),
        ):
            if given is not None and given not in known:
                message = f"ast_alignment: {key}={given!r}; known: {', '.join(known)}"
                raise MetricError(message)

    def expand(self) -> tuple[AstAlignment, ...]:
        """One for each edge, and each category where asked for."""
        edges = EDGES if self.edge is None else (self.edge,)
        categories = CATEGORIES if self.category == "each" else (self.category,)
        return tuple(replace(self, edge=edge, category=category) for category in categories for edge in edges)

    def terms(self) -> tuple[Statistic, Statistic]:
        """Met leaves and leaves."""
        chosen = range(len(CATEGORIES)) if self.category == "all" else [CATEGORIES.index(self.category)]
        return _leaves(chosen, 1 + EDGES.index(self.edge or "full")), _leaves(chosen, 0)


@register
@dataclass(frozen=True)
class AstCrossing(_OfSyntax):
    """Share of tokens that hold bytes of two or more leaves of the syntax tree."""

    otherwise: ClassVar[str] = "no tokens"
    about: ClassVar[About] = About(
        name="ast_crossing",
        title="syntax-leaf crossing",
        formula="tokens with bytes of ≥ 2 leaves / tokens that are not only white space",
        unit="share",
        range="0 … 1; 0 = no token spans a border of the syntax",
        direction="lower",
        source="TokEval cross-boundary rate of code AST",
        pitfalls="Frequent pairs such as (); in one token are compression, and crossing.",
    )

    def terms(self) -> tuple[Statistic, Statistic]:
        """Crossing tokens and tokens."""
        at = _PER * len(CATEGORIES)
        return column(SyntaxCounts(), at + 1), column(SyntaxCounts(), at)


@register
@dataclass(frozen=True)
class IdentifierFragmentation(_OfSyntax):
    """Share of identifier occurrences that a token boundary cuts, or their tokens.

    Example:
        >>> [metric.of for metric in IdentifierFragmentation().expand()]
        ['split', 'tokens']
    """

    of: str | None = None
    otherwise: ClassVar[str] = "no identifiers"
    about: ClassVar[About] = About(
        name="identifier_fragmentation",
        title="identifier fragmentation",
        formula="of=split: identifiers with a token boundary inside / identifiers; of=tokens: tokens that hold "
        "a part of an identifier / identifiers; over occurrences",
        unit="share",
        range="split 0 … 1, 0 = every name whole; tokens 1 … ∞",
        direction="lower",
        source="TokEval identifier fragmentation; 4 of 19 names cut into 28 tokens → 0.211 and 1.474",
        pitfalls="Names of one letter are many and never cut: compare code of one kind.",
    )

    def __post_init__(self) -> None:
        if self.of not in (None, "split", "tokens"):
            message = f"identifier_fragmentation: of={self.of!r}; known: split, tokens"
            raise MetricError(message)

    def unit(self) -> str:
        """Share, or tokens for each identifier."""
        return "tokens/identifier" if self.of == "tokens" else "share"

    def expand(self) -> tuple[IdentifierFragmentation, ...]:
        """Both."""
        return (self,) if self.of is not None else (replace(self, of="split"), replace(self, of="tokens"))

    def terms(self) -> tuple[Statistic, Statistic]:
        """Cut identifiers or their tokens, and identifiers."""
        if self.of == "tokens":
            return _leaves([0], 5), _leaves([0], 0)
        return CutIdentifiers(), _leaves([0], 0)


@dataclass(frozen=True)
class CutIdentifiers(Statistic):
    """Identifiers with a token boundary inside, per document."""

    def collect(self, batch: EncodedBatch) -> Ints:
        """Count leaves with cuts."""
        starts, ends, categories, rows, _ = syntax_leaves(batch.text)
        _, cuts = boundaries(batch).inside(starts, ends, rows)
        return add_by_row(((categories == 0) & (cuts > 0)).astype(np.int64), rows)
