"""`MetricFrame`: every number with its unit, its aggregation and the signature that reproduces it.

One row is one number: a metric of one tokenizer on one group of one corpus. A number that is not defined is null
and the row says why; it is never 0. The frame is a value: helpers return new frames or plain polars tables.
"""

from __future__ import annotations

import difflib
import html
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench import frame_files
from tokbench.errors import MetricError
from tokbench.formats.files import write_whole
from tokbench.frame_files import arrow, format_value
from tokbench.frame_rows import ALL as ALL
from tokbench.frame_rows import KEY as KEY
from tokbench.frame_rows import MACRO as MACRO
from tokbench.frame_rows import SCHEMA as SCHEMA
from tokbench.frame_rows import WITHOUT as WITHOUT
from tokbench.frame_rows import Direction as Direction
from tokbench.frame_rows import Row as Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import polars as pl

    Selection = str | Sequence[str] | None
else:
    from tokbench.late import pl

DIFFERENCES = ("difference_low", "difference_high", "p", "p_adjusted")

HEADLINE = ("metric", "unit", "better", "aggregation")
SUFFIXES = (".parquet", ".csv", ".slim.json", ".json", ".md", ".tex", ".xlsx")


@dataclass(frozen=True, repr=False, eq=False)
class MetricFrame:
    """A tidy polars table of metrics (`.frame`) and where it comes from (`.provenance`).

    Columns: tokenizer, corpus, by (the column of the corpus that the group is of), group, metric (with its
    parameters), value, unit, aggregation, n (documents of the group, or groups of a mean), low and high (interval,
    null until asked for), difference from the baseline's value with its interval, p-value and corrected p-value (null
    without a baseline), reason (why a value is null), direction (which way is better), signature. Groups ``all`` and
    ``macro`` are the pooled corpus and the mean over the groups.

    Raises:
        MetricError: when a column is missing or has another type, a value is not finite, a row has neither or
            both of value and reason, or two rows describe the same number.

    Example:
        >>> row = Row(tokenizer="a", corpus="c", group="all", metric="tokens", value=18.0, unit="tokens",
        ...           aggregation="sum", n=2, direction="lower", signature="tokens|…")
        >>> MetricFrame.from_rows([row]).value("tokens")
        18.0
    """

    frame: pl.DataFrame
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if dict(self.frame.schema) != dict(SCHEMA):
            message = f"a metric frame has the columns {dict(SCHEMA)}, found {dict(self.frame.schema)}"
            raise MetricError(message)
        value, reason = pl.col("value"), pl.col("reason")
        for fault, wrong in (
            ("value is not finite", value.is_not_null() & ~value.is_finite()),
            ("exactly one of value and reason must be null", value.is_null() == reason.is_null()),
            (
                "direction is none of higher, lower, neither",
                ~pl.col("direction").is_in(["higher", "lower", "neither"]),
            ),
        ):
            bad = self.frame.filter(wrong)
            if len(bad):
                message = f"metric frame: {fault} in the row {bad.row(0, named=True)}"
                raise MetricError(message)
        twice = self.frame.filter(self.frame.select(KEY).is_duplicated())
        if len(twice):
            message = f"metric frame: two rows for {twice.select(KEY).row(0, named=True)}"
            raise MetricError(message)

    @classmethod
    def from_rows(cls, rows: Iterable[Row], *, provenance: Mapping[str, object] | None = None) -> MetricFrame:
        """Build a frame from rows, in their order."""
        values = attrgetter(*(item.name for item in fields(Row)))
        table = [values(row) for row in rows]
        return cls(pl.DataFrame(table, schema=dict(SCHEMA), orient="row"), dict(provenance or {}))

    # -- reading ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.frame)

    @property
    def tokenizers(self) -> list[str]:
        """Tokenizer names in the order of the evaluation."""
        return self._names("tokenizer")

    @property
    def metrics(self) -> list[str]:
        """Metrics, parameters included, in the order of the evaluation."""
        return self._names("metric")

    @property
    def groups(self) -> list[str]:
        """Groups of the corpus, without ``all`` and ``macro``."""
        return [group for group in self._names("group") if group not in (ALL, MACRO)]

    @property
    def groupings(self) -> list[str]:
        """Columns that the report is grouped by, in their order."""
        return [by for by in self._names("by") if by != ALL and not by.startswith(WITHOUT)]

    def filter(
        self,
        *,
        tokenizer: Selection = None,
        metric: Selection = None,
        group: Selection = None,
        aggregation: Selection = None,
        corpus: Selection = None,
        by: Selection = None,
    ) -> MetricFrame:
        """Keep the rows that match every selection; a metric may be named without (some of) its parameters.

        Raises:
            MetricError: for a name that the frame does not hold, with the nearest one.
        """
        kept = self.frame
        chosen = {
            "tokenizer": tokenizer,
            "group": group,
            "aggregation": aggregation,
            "corpus": corpus,
            "by": by,
        }
        for column, selection in chosen.items():
            if selection is not None:
                wanted = [selection] if isinstance(selection, str) else list(selection)
                for name in wanted:
                    self._known(column, name, self._names(column))
                kept = kept.filter(pl.col(column).is_in(wanted))
        if metric is not None:
            wanted = [metric] if isinstance(metric, str) else list(metric)
            kept = kept.filter(
                pl.col("metric").is_in([full for name in wanted for full in self._spelled(name)])
            )
        return MetricFrame(kept, self.provenance)

    def value(
        self, metric: str, *, tokenizer: str | None = None, group: str = ALL, by: str | None = None
    ) -> float | None:
        """Return the one value of a metric; null stays None.

        Raises:
            MetricError: when the selection holds no row or more than one.
        """
        found = self.filter(metric=metric, tokenizer=tokenizer, group=group, by=by).frame
        if len(found) != 1:
            message = (
                f"{len(found)} values of {metric} for tokenizer {tokenizer or 'any'} in group {group}; "
                f"name the tokenizer ({', '.join(self.tokenizers)}), the metric with its parameters "
                f"({', '.join(self._spelled(metric))}), the group and, of several groupings, by "
                f"({', '.join(self._names('by'))})"
            )
            raise MetricError(message)
        value = found["value"][0]
        return None if value is None else float(value)

    def headline(self) -> MetricFrame:
        """Keep one row for each tokenizer and metric: the pooled one, else the mean over the groups."""
        order = pl.col("group").replace_strict({ALL: 0, MACRO: 1}, default=2, return_dtype=pl.Int8)
        rank = self.frame.with_columns(order.alias("_order"))
        first = (
            rank.filter(pl.col("_order") < 2)
            .filter(pl.col("_order") == pl.col("_order").min().over("tokenizer", "corpus", "metric"))
            .unique(["tokenizer", "corpus", "metric"], keep="first", maintain_order=True)
        )
        return MetricFrame(first.drop("_order"), self.provenance)

    def pivot(self, *, index: str = "tokenizer", on: str = "metric", values: str = "value") -> pl.DataFrame:
        """Spread one column: `index` down, `on` across.

        Raises:
            MetricError: when the rows hold more than one value for a cell; filter first, for example to one
                metric before ``pivot(index="group", on="tokenizer")``.
        """
        for column in (index, on, values):
            self._known("column", column, list(SCHEMA))
        doubled = self.frame.filter(self.frame.select(index, on).is_duplicated())
        if len(doubled):
            first = doubled.row(0, named=True)
            free = [
                name
                for name in (*KEY, "aggregation")
                if name not in (index, on)
                and doubled.filter(pl.col(index) == first[index])[name].n_unique() > 1
            ]
            message = (
                f"pivot: several values for {index} {first[index]} and {on} {first[on]}; "
                f"filter first by {' or '.join(free) or 'corpus'}, for example with headline()"
            )
            raise MetricError(message)
        return self.frame.pivot(on=on, index=index, values=values)

    def best(self) -> pl.DataFrame:
        """Return, for each metric and group that has a better direction, the tokenizers with the best value.

        Ties are all kept. Metrics without a direction and undefined values take no part.
        """
        value = pl.col("value")
        signed = pl.when(pl.col("direction") == "higher").then(value).otherwise(-value)
        scored = self.frame.filter(pl.col("direction") != "neither", value.is_not_null())
        top = signed.max().over("corpus", "by", "group", "metric")
        return scored.filter(signed == top).select(
            "corpus", "by", "group", "metric", "tokenizer", "value", "unit", "direction"
        )

    def compare(self, baseline: str) -> pl.DataFrame:
        """Set every other tokenizer beside `baseline`: difference, ratio, and whether it is better.

        `difference` = value - baseline value; `ratio` = value / baseline value (null when that is 0); `better`
        is null where the metric has no direction or the values are equal. The interval of the difference, p and the
        corrected p are those of an evaluation with this baseline, else null.

        Raises:
            MetricError: when the frame holds no such tokenizer.
        """
        self._known("tokenizer", baseline, self.tokenizers)
        at = ["corpus", "by", "group", "metric"]
        made = self.provenance.get("intervals")
        paired = isinstance(made, dict) and made["baseline"] == baseline
        base = self.frame.filter(pl.col("tokenizer") == baseline).select(
            *at, pl.col("value").alias("baseline")
        )
        joined = self.frame.filter(pl.col("tokenizer") != baseline).join(
            base, on=at, how="left", maintain_order="left"
        )
        difference = pl.col("value") - pl.col("baseline")
        sign = pl.col("direction").replace_strict({"higher": 1.0, "lower": -1.0}, default=None)
        return joined.select(
            "tokenizer",
            *at,
            "value",
            "baseline",
            difference.alias("difference"),
            pl.when(pl.col("baseline") != 0).then(pl.col("value") / pl.col("baseline")).alias("ratio"),
            pl.when(difference != 0).then(difference * sign > 0).alias("better"),
            *(pl.col(name) if paired else pl.lit(None, pl.Float64).alias(name) for name in DIFFERENCES),
            "unit",
            "direction",
            "aggregation",
            "n",
        )

    def influence(self) -> pl.DataFrame:
        """Set every mean and derived value beside the same with each group left out, the largest changes first.

        Columns: metric, tokenizer, by, group (which was left out), value, without, change = without - value. Of an
        evaluation with ``influence=True``; empty for any other.
        """
        left = self.frame.filter(pl.col("by").str.starts_with(WITHOUT)).with_columns(
            pl.col("by").str.strip_prefix(WITHOUT), pl.col("value").alias("without")
        )
        at = ["tokenizer", "corpus", "by", "metric", "aggregation"]
        whole = self.frame.filter(pl.col("group").is_in([ALL, MACRO])).select(*at, "value")
        joined = left.drop("value").join(whole, on=at, how="inner", maintain_order="left")
        change = (pl.col("without") - pl.col("value")).alias("change")
        return (
            joined.select("metric", "tokenizer", "by", "group", "value", "without", change)
            .filter(pl.col("change").is_not_null())
            .sort(pl.col("change").abs(), descending=True, maintain_order=True)
            .sort(pl.col("metric").rank("dense"), maintain_order=True)
        )

    # -- writing ---------------------------------------------------------------------------------------------

    def to_csv(self) -> str:
        """Return the rows as CSV: header first, null as an empty field."""
        return self.frame.write_csv()

    def to_json(self) -> str:
        """Return a JSON object: format, version, provenance, rows."""
        return frame_files.to_json(self.frame, self.provenance)

    def to_parquet(self) -> bytes:
        """Return the rows as Parquet, the provenance in its metadata."""
        return frame_files.to_parquet(self.frame, self.provenance)

    def to_markdown(self) -> str:
        """Return tables for people: the headline of every metric, each metric by group, and the signatures."""
        table = frame_files.markdown_table
        blocks = [table([*HEADLINE, *self.tokenizers], self.headline_cells())]
        for metric in self.metrics:
            part = self.filter(metric=metric)
            if part.groupings and part.groups:
                blocks += [
                    f"## {metric}",
                    table(["group", *self.tokenizers], part.group_cells(self.tokenizers)),
                ]
        undefined = self.frame.filter(pl.col("reason").is_not_null()).select("metric", "tokenizer", "reason")
        if len(undefined):
            rows = undefined.unique(maintain_order=True).iter_rows()
            blocks += ["## Undefined", table(undefined.columns, [list(row) for row in rows])]
        signatures = self.headline().frame.get_column("signature")
        blocks += ["## Signatures", "\n".join(f"- `{line}`" for line in signatures)]
        return "\n\n".join(blocks) + "\n"

    def to_latex(self) -> str:
        """Return LaTeX for the package booktabs: totals by tokenizer, then each metric by group; best values bold."""
        from tokbench.frame_latex import latex

        return latex(self)

    def save(self, path: str | Path) -> None:
        """Write by the suffix, whole or not at all.

        ``.parquet`` and ``.json``: everything, with the provenance. ``.csv``: all rows. ``.slim.json``: a projection of
        the JSON for programs that only want values. ``.xlsx``: rows and provenance. ``.md`` and ``.tex``: tables.

        Raises:
            MetricError: for another suffix; nothing is written.
            PluginError: for ``.xlsx`` without the package xlsxwriter.
        """
        write: dict[str, Callable[[], str | bytes]] = {
            ".parquet": self.to_parquet,
            ".csv": self.to_csv,
            ".json": lambda: self.to_json() + "\n",
            ".slim.json": lambda: frame_files.to_slim_json(self.frame, self.provenance) + "\n",
            ".md": self.to_markdown,
            ".tex": self.to_latex,
            ".xlsx": lambda: frame_files.to_excel(self.frame, self.provenance),
        }
        content = write[check_suffix(path)]()
        write_whole(Path(path), content.encode() if isinstance(content, str) else content)

    @classmethod
    def load(cls, path: str | Path) -> MetricFrame:
        """Read what `save` wrote as Parquet, JSON or CSV (CSV carries no provenance).

        Raises:
            MetricError: for another suffix or content that is no metric frame.
        """
        return cls(*frame_files.read(Path(path), SCHEMA))

    # -- showing ---------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        """Say what the frame holds, then its rows."""
        return f"{self._title()}\n{self.frame}"

    def _repr_html_(self) -> str:
        table = pl.DataFrame(
            self.headline_cells(),
            schema=[*HEADLINE, *self.tokenizers],
            orient="row",
        )
        with pl.Config(
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
            tbl_rows=-1,
            tbl_cols=-1,
            fmt_str_lengths=80,
        ):
            return f"<p>{html.escape(self._title())}</p>{table._repr_html_()}"

    def _title(self) -> str:
        return (
            f"MetricFrame: {len(self.metrics)} metrics, {len(self.tokenizers)} tokenizers, "
            f"{len(self.groups)} groups, {len(self)} rows"
        )

    def headline_cells(self) -> list[list[str]]:
        """Return a row for each metric, printed: the columns `HEADLINE`, then a value for each tokenizer."""
        head, cells = self.headline().frame, []
        for metric in self.metrics:
            rows = head.filter(pl.col("metric") == metric)
            if len(rows) == 0:
                continue
            first = rows.row(0, named=True)
            found = {row["tokenizer"]: self.cell(row) for row in rows.iter_rows(named=True)}
            values = [found.get(name, "–") for name in self.tokenizers]
            cells.append([metric, first["unit"], arrow(first["direction"]), first["aggregation"], *values])
        return cells

    def group_cells(self, tokenizers: Sequence[str]) -> list[list[str]]:
        """Return a row for each group of a frame of one metric, printed: its name, a value for each tokenizer."""
        shown = self.frame.filter(~pl.col("by").str.starts_with(WITHOUT))
        found = {
            (row["by"], row["group"], row["tokenizer"]): self.cell(row) for row in shown.iter_rows(named=True)
        }
        places = list(dict.fromkeys((by, group) for by, group, _ in found))
        several = len(self.groupings) > 1
        return [
            [
                f"{group} ({by})" if group == MACRO and several else group,
                *(found.get((by, group, name), "–") for name in tokenizers),
            ]
            for by, group in places
        ]

    @property
    def level(self) -> float:
        """Coverage of the intervals."""
        made = self.provenance.get("intervals")
        return float(made["level"]) if isinstance(made, dict) else 0.95

    def cell(self, row: Mapping[str, Any]) -> str:
        """Print a row's value with its mark of significance and its interval."""
        text = format_value(row["value"]) + frame_files.mark(row["p_adjusted"], self.level)
        return f"{text} {frame_files.format_interval(row['low'], row['high'])}".rstrip()

    def _names(self, column: str) -> list[str]:
        return self.frame.get_column(column).unique(maintain_order=True).to_list()

    def _spelled(self, metric: str) -> list[str]:
        known = self.metrics
        name, given = _parts(metric)
        full = [metric] if metric in known else []
        full = full or [each for each in known if _parts(each)[0] == name and given <= _parts(each)[1]]
        if not full:
            self._known("metric", metric, known)
        return full

    @staticmethod
    def _known(kind: str, name: str, known: Sequence[str]) -> None:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            message = f"no {kind} {name!r} in this metric frame; {hint}it holds: {', '.join(known)}"
            raise MetricError(message)


def _parts(metric: str) -> tuple[str, set[str]]:
    """Split ``name(key=value,…)`` into its name and its settings."""
    name, _, inside = metric.partition("(")
    return name, {part.strip() for part in inside.removesuffix(")").split(",")} - {""}


def check_suffix(path: str | Path) -> str:
    """Return the suffix of a file that `MetricFrame.save` can write.

    Raises:
        MetricError: for any other.

    Example:
        >>> check_suffix("report.MD")
        '.md'
    """
    name = Path(path).name.lower()
    found = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
    if found is None:
        message = f"{path}: no format for the suffix {Path(path).suffix!r}; use one of {', '.join(SUFFIXES)}"
        raise MetricError(message)
    return found
