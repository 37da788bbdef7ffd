"""NSL: the length of a text under a tokenizer, relative to another tokenizer.

Source: section A5 of the metric catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tokbench.errors import MetricError
from tokbench.frame import ALL
from tokbench.measurement import (
    About,
    Cell,
    Columns,
    CorpusMetric,
    Derived,
    Setting,
    Table,
    Undefined,
    Value,
    divide,
    ratio,
)
from tokbench.metrics.length import NO_DOCUMENTS, TokenCount
from tokbench.plugin import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


@register
@dataclass(frozen=True)
class NormalizedSequenceLength(Derived):
    """NSL: tokens of a tokenizer over those of a reference tokenizer on the same text.

    Example:
        >>> NormalizedSequenceLength(reference="gpt2").reference
        'gpt2'
    """

    reference: str | None = None
    about: ClassVar[About] = About(
        name="nsl",
        family="length",
        title="normalized sequence length",
        formula="Σ_d |T(d)| / Σ_d |T_reference(d)|",
        unit="ratio",
        range="0 … ∞; 1 = as long as the reference",
        direction="lower",
        source="Dagan et al. 2024 (standard definition; wording of the source not confirmed)",
        pitfalls="Says nothing without the name of the reference. TokLens' compute_nsl divides by characters when no "
        "reference is given, which is not NSL.",
    )

    def bind(self, setting: Setting) -> NormalizedSequenceLength:
        """Take the evaluation's baseline where no reference is named.

        Raises:
            MetricError: when the reference is not among the evaluated tokenizers.
        """
        bound = self if self.reference is not None else replace(self, reference=setting.baseline)
        if bound.reference not in setting.tokenizers:
            listed = ", ".join(setting.tokenizers)
            message = (
                f"nsl: the reference tokenizer {bound.reference!r} is not evaluated; evaluated: {listed}"
            )
            raise MetricError(message)
        return bound

    def inputs(self) -> tuple[CorpusMetric, ...]:
        """Token counts."""
        return (TokenCount(),)

    def of(self, table: Table, tokenizer: str) -> Iterable[Cell]:
        """One ratio for each group and one of the pooled counts."""
        assert self.reference is not None, "bound by evaluate"
        for group in (*table.groups, ALL):
            own = table.value(TokenCount(), tokenizer, group)
            other = table.value(TokenCount(), self.reference, group)
            if isinstance(own, Undefined) or isinstance(other, Undefined):
                value: Value = Undefined(NO_DOCUMENTS)
            else:
                value = ratio(own, other, f"{self.reference} has no tokens")
            yield Cell(group, value, "ratio_of_sums", table.n_documents[group])

    def of_many(self, columns: Columns, tokenizer: str) -> dict[str, NDArray[np.float64]]:
        """Ratios in every resample."""
        assert self.reference is not None, "bound by evaluate"
        return {
            group: divide(
                columns.value(TokenCount(), tokenizer, group),
                columns.value(TokenCount(), self.reference, group),
            )
            for group in (*columns.groups, ALL)
        }
