"""How a metric frame is printed, serialised and read back; provenance travels inside of Parquet and JSON."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import polars as pl

from tokbench.errors import MetricError, PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

JSON_FORMAT = "tokbench.metrics"
JSON_VERSION = 1
PROVENANCE_KEY = "tokbench.provenance"


def to_json(frame: pl.DataFrame, provenance: Mapping[str, object]) -> str:
    """Return a JSON object: format, version, provenance, rows."""
    content = {
        "format": JSON_FORMAT,
        "version": JSON_VERSION,
        "provenance": dict(provenance),
        "rows": frame.to_dicts(),
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)


SLIM = ("tokenizer", "corpus", "by", "group", "metric", "value", "low", "high")
"""What a slim row keeps; every value as it is in the full file."""


def to_slim_json(frame: pl.DataFrame, provenance: Mapping[str, object]) -> str:
    """Return a projection of `to_json`: the same rows with the fields `SLIM`, without null ones, no provenance but
    the fingerprints.
    """
    kept = {key: provenance[key] for key in ("versions", "corpus", "tokenizers") if key in provenance}
    rows = [{k: v for k, v in row.items() if v is not None} for row in frame.select(SLIM).to_dicts()]
    content = {"format": f"{JSON_FORMAT}.slim", "version": JSON_VERSION, "provenance": kept, "rows": rows}
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def to_excel(frame: pl.DataFrame, provenance: Mapping[str, object]) -> bytes:
    """Return an Excel workbook: the rows on one sheet, the provenance on another.

    Raises:
        PluginError: where the package that writes it is missing.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        message = "Excel needs the package xlsxwriter: pip install 'tokbench[excel]'"
        raise PluginError(message) from error
    buffer = io.BytesIO()
    flat = [(key, json.dumps(value, ensure_ascii=False)) for key, value in provenance.items()]
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        frame.write_excel(
            book, "metrics", autofilter=True, autofit=True, freeze_panes=(1, 0), float_precision=6
        )
        pl.DataFrame(flat, schema=["key", "value"], orient="row").write_excel(
            book, "provenance", autofit=True
        )
    return buffer.getvalue()


def to_parquet(frame: pl.DataFrame, provenance: Mapping[str, object]) -> bytes:
    """Return Parquet whose metadata holds the provenance as JSON."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata={PROVENANCE_KEY: json.dumps(dict(provenance), ensure_ascii=False)})
    return buffer.getvalue()


def read(path: Path, schema: Mapping[str, pl.DataType]) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Read rows and provenance from Parquet, JSON or CSV (which carries none).

    Raises:
        MetricError: for another suffix or a JSON file of another format.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pl.read_parquet(path), json.loads(pl.read_parquet_metadata(path).get(PROVENANCE_KEY, "{}"))
    if suffix == ".csv":
        return pl.read_csv(path, schema=dict(schema)), {}
    if suffix != ".json":
        message = f"{path}: cannot read the suffix {suffix!r}; use .parquet, .json or .csv"
        raise MetricError(message)
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("format") != JSON_FORMAT:
        message = f'{path}: not a metric frame; its "format" must be {JSON_FORMAT}'
        raise MetricError(message)
    if content.get("version") != JSON_VERSION:
        message = (
            f"{path}: version {content.get('version')} of {JSON_FORMAT}; this tokbench reads {JSON_VERSION}"
        )
        raise MetricError(message)
    return pl.DataFrame(content["rows"], schema=dict(schema)), content["provenance"]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; bars inside of cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def format_value(value: float | None) -> str:
    """Print a number for people: whole numbers with separators, others with four significant digits.

    Example:
        >>> format_value(1086490.0), format_value(2.02541), format_value(None)
        ('1,086,490', '2.025', '–')
    """
    if value is None:
        return "–"
    if value == math.floor(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.4g}"


def format_interval(low: float | None, high: float | None) -> str:
    """Print an interval, nothing where there is none.

    Example:
        >>> format_interval(0.25, 1200.0), format_interval(None, None)
        ('[0.2500, 1,200]', '')
    """
    return "" if low is None or high is None else f"[{format_value(low)}, {format_value(high)}]"


def mark(p_adjusted: float | None, level: float) -> str:
    """Return * where a corrected p-value says that a difference is certain at a level.

    Example:
        >>> mark(0.01, 0.95), mark(0.2, 0.95), mark(None, 0.95)
        ('*', '', '')
    """
    return "*" if p_adjusted is not None and p_adjusted < 1 - level else ""


def arrow(direction: str) -> str:
    """Return ↑ where higher is better, ↓ where lower is, nothing where neither is."""
    return {"higher": "↑", "lower": "↓"}.get(direction, "")
