"""How the order of the tokenizers depends on what is measured: unit, word definition, V convention, aggregation.

One metric under two conventions can rank the same tokenizers differently (Rényi efficiency over declared and over
observed V: Spearman 0.68 over 37 tokenizers in TokEval's benchmark). Each row of a report that has a better direction
ranks the tokenizers, best first; two rankings are compared by Kendall's τ_b and Spearman's ρ, which see ties.

Within one text the compression rates per byte, per character and per line rank alike when everything is pooled, and
need not when languages are averaged: ``all`` and ``macro`` are therefore rankings of their own.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import polars as pl

from tokbench.errors import MetricError
from tokbench.frame import ALL, MACRO

if TYPE_CHECKING:
    from tokbench.frame import MetricFrame

SENSITIVITY = (
    "bytes_per_token",
    "characters_per_token",
    "tokens_per_line",
    "fertility(word=python_split)",
    "fertility(word=hf_whitespace)",
    "fertility(word=uax29)",
    "strr(word=python_split)",
    "strr(word=uax29)",
    "renyi_efficiency(vocabulary=declared)",
    "renyi_efficiency(vocabulary=observed)",
    "shannon_efficiency(vocabulary=declared)",
    "shannon_efficiency(vocabulary=observed)",
    "vocabulary_utilisation(vocabulary=declared)",
    "gini(per=byte)",
    "gini(per=character)",
)
"""What ``--metrics sensitivity`` measures: the same questions under different conventions."""


def rankings(frame: MetricFrame) -> pl.DataFrame:
    """Return the order of the tokenizers by each metric and aggregation, best first; = between equals.

    Columns: metric, by, group (``all`` or ``macro``), tokenizers (how many have a value), order.
    """
    rows = [
        (metric, by, group, len(signed), _order(signed))
        for (metric, by, group), signed in _rankings(frame).items()
    ]
    return pl.DataFrame(rows, schema=["metric", "by", "group", "tokenizers", "order"], orient="row")


def agreement(frame: MetricFrame) -> pl.DataFrame:
    """Compare every two rankings: Kendall's τ_b and Spearman's ρ over the tokenizers that both rank.

    1 is the same order, -1 the reverse; null where fewer than two tokenizers differ.

    Raises:
        MetricError: for fewer than two tokenizers.
    """
    from scipy.stats import kendalltau, spearmanr

    if len(frame.tokenizers) < 2:
        message = "a ranking needs at least two tokenizers"
        raise MetricError(message)
    rows = []
    for (one, first), (other, second) in combinations(_rankings(frame).items(), 2):
        names = [name for name in first if name in second]
        x, y = [first[name] for name in names], [second[name] for name in names]
        if len(set(x)) < 2 or len(set(y)) < 2:
            tau = rho = None
        else:
            tau, rho = float(kendalltau(x, y).statistic), float(spearmanr(x, y).statistic)
        rows.append((*one, *other, len(names), tau, rho))
    schema = {
        "metric": pl.String, "by": pl.String, "group": pl.String,
        "other_metric": pl.String, "other_by": pl.String, "other_group": pl.String,
        "tokenizers": pl.Int64, "kendall": pl.Float64, "spearman": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").sort(
        "kendall", maintain_order=True, nulls_last=True
    )


def _rankings(frame: MetricFrame) -> dict[tuple[str, str, str], dict[str, float]]:
    """Return the values of each ranking with a sign by which larger is better."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in frame.frame.iter_rows(named=True):
        totals = row["group"] in (ALL, MACRO) and not row["by"].startswith("without ")
        if totals and row["direction"] != "neither" and row["value"] is not None:
            sign = 1 if row["direction"] == "higher" else -1
            found.setdefault((row["metric"], row["by"], row["group"]), {})[row["tokenizer"]] = (
                sign * row["value"]
            )
    return {key: values for key, values in found.items() if len(values) > 1}


def _order(signed: dict[str, float]) -> str:
    names = sorted(signed, key=lambda name: -signed[name])
    text = names[0]
    for before, name in pairwise(names):
        text += (" = " if signed[before] == signed[name] else " > ") + name
    return text
