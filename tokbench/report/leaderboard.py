"""A leaderboard that grows: the totals of many evaluations in one Parquet file, and beside it Markdown to read.

A row is known by tokenizer, corpus, grouping, group and metric: measuring again replaces it, everything else stays.
The Parquet file is a metric frame like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tokbench.errors import MetricError
from tokbench.formats.files import write_whole
from tokbench.frame import KEY, MetricFrame
from tokbench.frame_files import arrow, format_value, markdown_table

if TYPE_CHECKING:
    from pathlib import Path


def update(path: Path, frame: MetricFrame) -> int:
    """Put the totals of a frame into the file, which is made if it is not there; return the number of its rows.

    Raises:
        MetricError: when the file is not called ``.parquet`` or is no metric frame.
    """
    if path.suffix != ".parquet":
        message = f"{path}: a leaderboard is a .parquet file"
        raise MetricError(message)
    new = frame.headline().frame
    rows = new
    if path.exists():
        old = MetricFrame.load(path).frame
        replaced = old.join(new, on=KEY, how="left", maintain_order="left", suffix="_new")
        kept = [
            pl.when(pl.col("signature_new").is_not_null())
            .then(pl.col(f"{name}_new"))
            .otherwise(pl.col(name))
            .alias(name)
            if name not in KEY
            else pl.col(name)
            for name in old.columns
        ]
        rows = pl.concat([replaced.select(kept), new.join(old, on=KEY, how="anti", maintain_order="left")])
    board = MetricFrame(rows)
    write_whole(path, board.to_parquet())
    write_whole(path.with_suffix(".md"), to_markdown(board).encode())
    return len(board)


def to_markdown(board: MetricFrame) -> str:
    """Return a table for each corpus: tokenizers down, metrics across, the best of each metric bold."""
    blocks = ["# Leaderboard"]
    for corpus in board.frame["corpus"].unique(maintain_order=True):
        part = board.filter(corpus=corpus)
        best = {(row["metric"], row["tokenizer"]) for row in part.best().iter_rows(named=True)}
        values = {(row["metric"], row["tokenizer"]): row for row in part.frame.iter_rows(named=True)}
        arrows = {row["metric"]: arrow(row["direction"]) for row in part.frame.iter_rows(named=True)}
        lines = []
        for name in part.tokenizers:
            line = [name]
            for metric in part.metrics:
                row = values.get((metric, name))
                text = "" if row is None else format_value(row["value"])
                line.append(f"**{text}**" if (metric, name) in best and len(part.tokenizers) > 1 else text)
            lines.append(line)
        header = ["tokenizer", *(f"{metric} {arrows[metric]}".rstrip() for metric in part.metrics)]
        blocks += [f"## {corpus}", markdown_table(header, lines)]
    return "\n\n".join(blocks) + "\n"
