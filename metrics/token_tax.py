"""The token tax: what a premium costs in money, context, memory and compute.

Source: section B5 of the metric catalogue; Ahia et al. 2023 (API prices), Petrov et al. 2023 (context), Lundin et al.
2025. With ρ tokens of a language for one of the reference on parallel text, prices and the key-value cache grow by ρ,
the context holds 1/ρ of the content, and attention costs ρ²; the square is that of attention alone, as dense layers
are linear in tokens, so both are given, and their sum for a model of known shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tokbench.errors import MetricError
from tokbench.measurement import About, Cell, CorpusMetric, Statistic, Stats, Table, Undefined, Value
from tokbench.metrics.conditional import check_choice
from tokbench.metrics.fairness import Parity
from tokbench.metrics.languages import read_table
from tokbench.metrics.length import TokenCount, TokensPerDocument
from tokbench.metrics.premium import AgainstReference
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RELATIVE = ("api_cost", "context", "kv_cache", "dense_flops", "attention_flops")
ABSOLUTE = {
    "price": ("USD/1000 documents", ("price_input",)),
    "price_output": ("USD/1000 documents", ("price_output",)),
    "documents_in_context": ("documents", ("context",)),
    "kv_cache_bytes": ("bytes/document", ("layers", "kv_heads", "head_width", "bytes_per_value")),
    "training_flops": ("FLOPs/document", ("parameters", "layers", "width")),
}
"""What a model's figures give for one document, in which unit, and the figures that it needs."""


def relative(item: str, rho: float) -> float:
    """Return a cost relative to the reference language, whose own is 1.

    Example:
        >>> [relative(item, 2.0) for item in RELATIVE]
        [2.0, 0.5, 2.0, 2.0, 4.0]
    """
    if item == "context":
        return 1 / rho
    return rho * rho if item == "attention_flops" else rho


def training_flops(tokens: float, model: Mapping[str, Any]) -> float:
    """Return 6 P N + 6 layers · width · N²: dense layers, and causal attention, forwards and backwards.

    Attention multiplies queries with keys and weights with values: 2 · 2 · width · N² a layer forwards, half of it
    behind a causal mask, three times that with the backward pass.
    """
    dense = 6.0 * float(model["parameters"]) * tokens
    return dense + 6.0 * float(model["layers"] * model["width"]) * tokens * tokens


def absolute(item: str, tokens: float, model: Mapping[str, Any]) -> float:
    """Return what one document of so many tokens costs."""
    if item == "price":
        return float(model["price_input"]) * tokens / 1000
    if item == "price_output":
        return float(model["price_output"]) * tokens / 1000
    if item == "documents_in_context":
        return float(model["context"]) / tokens
    if item == "kv_cache_bytes":
        per_token = 2 * model["layers"] * model["kv_heads"] * model["head_width"] * model["bytes_per_value"]
        return float(per_token * tokens)
    return training_flops(tokens, model)


@register
@dataclass(frozen=True)
class TokenTax(AgainstReference):
    """What a language pays relative to the reference language.

    Example:
        >>> [tax.item for tax in TokenTax(reference="eng").expand()]
        ['api_cost', 'context', 'kv_cache', 'dense_flops', 'attention_flops']
    """

    item: str | None = None
    about: ClassVar[About] = About(
        name="token_tax",
        family="fairness",
        title="token tax",
        formula="ρ = N_language / N_reference: api_cost ρ, context 1/ρ, kv_cache ρ, dense_flops ρ, "
        "attention_flops ρ²",
        unit="ratio",
        range="0 … ∞; 1 = the language pays what the reference pays. For context, less is worse",
        direction="neither",
        source="Ahia et al. 2023; Petrov et al. 2023; Lundin et al. 2025",
        pitfalls="Assumes that price and latency are linear in tokens. The square holds for the attention "
        "term of one "
        "document only; of a whole model it is a small part at short lengths: model_cost(item=training_flops).",
    )

    def __post_init__(self) -> None:
        if self.item is not None:
            check_choice(self.about.name, "item", self.item, RELATIVE)

    def expand(self) -> tuple[TokenTax, ...]:
        """One for each item."""
        return (self,) if self.item is not None else tuple(replace(self, item=item) for item in RELATIVE)

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Token counts."""
        return (TokenCount(),)

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One value for each language."""
        assert self.item is not None, "expanded by evaluate"
        for cell in Parity(self.reference).of(table, tokenizer):
            if cell.group in table.groups:
                value = cell.value if isinstance(cell.value, Undefined) else relative(self.item, cell.value)
                yield replace(cell, value=value)


@register
@dataclass(frozen=True)
class ModelCost(CorpusMetric):
    """What a document costs with a model: money, context, memory, compute.

    Example:
        >>> ModelCost(model="llama-3-8b", item="kv_cache_bytes").unit()
        'bytes/document'
    """

    model: str = "llama-3-8b"
    item: str | None = None
    table: str | None = None
    about: ClassVar[About] = About(
        name="model_cost",
        family="fairness",
        title="cost of a document with a model",
        formula="n = N / documents; price n · p / 1000; documents_in_context window / n; kv_cache_bytes 2 · layers · "
        "kv_heads · head_width · bytes · n; training_flops 6 P n + 6 layers · width · n²",
        unit="per document",
        range="0 … ∞",
        direction="neither",
        source="figures of models.toml, whose head says where they are from; table=PATH replaces it",
        pitfalls="Prices are list prices of a date. The square is taken of the mean length, which "
        "understates documents of "
        "unequal length. Languages are comparable on parallel text only.",
    )

    def __post_init__(self) -> None:
        if self.item is not None:
            check_choice(self.about.name, "item", self.item, tuple(ABSOLUTE))
        known = read_table("models.toml", self.table, "models")
        if self.model not in known:
            where = self.table or "models.toml"
            message = f"model_cost: no model {self.model!r} in {where}; models: {', '.join(known)}"
            raise MetricError(message)

    def expand(self) -> tuple[ModelCost, ...]:
        """One for each item that the model's figures give."""
        if self.item is not None:
            return (self,)
        figures = self.figures
        return tuple(
            replace(self, item=item)
            for item, (_, needs) in ABSOLUTE.items()
            if all(n in figures for n in needs)
        )

    @property
    def figures(self) -> Mapping[str, Any]:
        """The model's entry."""
        return read_table("models.toml", self.table, "models")[self.model]

    def unit(self) -> str:
        """Return the unit of the item."""
        return self.about.unit if self.item is None else ABSOLUTE[self.item][0]

    def statistics(self) -> tuple[Statistic, ...]:
        """Tokens by document."""
        return TokensPerDocument().statistics()

    def reduce(self, stats: Stats) -> Value:
        """Cost of the mean document."""
        assert self.item is not None, "expanded by evaluate"
        figures = self.figures
        lacking = [name for name in ABSOLUTE[self.item][1] if name not in figures]
        if lacking:
            return Undefined(f"the table has no {', '.join(lacking)} of {self.model}")
        tokens = TokensPerDocument().reduce(stats)
        if isinstance(tokens, Undefined):
            return tokens
        return absolute(self.item, tokens, figures) if tokens else Undefined("no tokens")
