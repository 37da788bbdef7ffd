"""``transplant_manifest.json``: what was done to every row, so that it can be audited, repeated and reversed.

Small plans stand in it row by row; large ones in Parquet files under ``transplant/``, a row for each new id. Values of
dense rows, and the old rows that no new token copies, are safetensors there. The configuration and the tokenizer of
the old model are kept in ``transplant/original/``.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tokbench.errors import TransplantError
from tokbench.transplant.matching import show
from tokbench.transplant.model_dir import read_json
from tokbench.transplant.plan import Basis, RowClass, RowPlan
from tokbench.transplant.safetensors_files import Shard, write_shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tokbench.transplant.matrix import Matrix
    from tokbench.transplant.tokens import TokenTable

NAME = "transplant_manifest.json"
FOLDER = "transplant"
ORIGINAL = "original"
DROPPED = "dropped.safetensors"
FORMAT, VERSION = "tokbench-transplant", 1
MOST_INLINE = 20_000
"""Plans with more entries than this are Parquet files."""


def write_plan(folder: Path, name: str, plan: RowPlan, texts: Sequence[bytes]) -> dict[str, Any]:
    """Write a plan's side files into `folder` and return what the manifest says about it.

    Args:
        folder: the model directory being built.
        name: of the plan: ``embedding`` or ``head``.
        plan: of all new rows.
        texts: the bytes of the new tokens; rows behind them are padding.
    """
    rows = _table(plan, texts)
    basis = (
        None
        if plan.basis is None
        else _flat_table(plan.basis.offsets, plan.basis.sources, plan.basis.coefficients)
    )
    entries = len(plan) + len(plan.sources) + (0 if plan.basis is None else len(plan.basis.sources))
    said: dict[str, Any] = {"n_old": plan.n_old, "n_new": len(plan), "classes": counts(plan)}
    side = folder / FOLDER
    side.mkdir(exist_ok=True)
    if entries <= MOST_INLINE:
        said["rows"] = rows.to_dicts()
        said["basis"] = None if basis is None else basis.to_dicts()
    else:
        said["rows"] = f"{FOLDER}/{name}.parquet"
        rows.write_parquet(side / f"{name}.parquet", compression="zstd")
        said["basis"] = None if basis is None else f"{FOLDER}/{name}_basis.parquet"
        if basis is not None:
            basis.write_parquet(side / f"{name}_basis.parquet", compression="zstd")
    said["dense"] = None
    if plan.dense is not None:
        said["dense"] = f"{FOLDER}/{name}_dense.safetensors"
        write_shard(side / f"{name}_dense.safetensors", None, {"dense": ("F32", plan.dense)})
    return said


def read_plan(folder: Path, said: Mapping[str, Any]) -> RowPlan:
    """Return a plan that `write_plan` has written.

    Raises:
        TransplantError: when a file is missing, or what it holds is no plan.
    """
    try:
        rows = _frame(folder, said["rows"])
        n_old = int(said["n_old"])
        notes = tuple(dict.fromkeys(note for note in rows["note"].to_list() if note is not None))
        place = {note: i for i, note in enumerate(notes)}
        basis = None
        if said["basis"] is not None:
            offsets, sources, coefficients = _flat(_frame(folder, said["basis"]))
            basis = Basis(offsets, sources, coefficients)
        dense = None
        if said["dense"] is not None:
            dense = Shard.open(folder / said["dense"]).matrix("dense").float32()
        offsets, sources, coefficients = _flat(rows)
        residuals = [np.nan if each is None else each for each in rows["residual"].to_list()]
        return RowPlan(
            n_old=n_old,
            offsets=offsets,
            sources=sources,
            coefficients=coefficients,
            classes=np.array([RowClass[each.upper()] for each in rows["class"].to_list()], dtype=np.uint8),
            residuals=np.array(residuals, dtype=np.float32),
            notes=notes,
            note_of=np.array([-1 if note is None else place[note] for note in rows["note"]], dtype=np.int32),
            basis=basis,
            dense=dense,
        )
    except (KeyError, OSError, pl.exceptions.PolarsError) as error:
        message = f"{folder / NAME}: the plan cannot be read: {error!r}"
        raise TransplantError(message) from error


def read(folder: Path) -> dict[str, Any]:
    """Return the manifest of a transplanted model.

    Raises:
        TransplantError: when there is none, or it is of another format or version.
    """
    file = folder if folder.is_file() else folder / NAME
    if not file.is_file():
        message = f"{folder}: no {NAME}; only a directory that tokbench transplant has made can be audited or reversed"
        raise TransplantError(message)
    content = read_json(file)
    if content.get("format") != FORMAT or content.get("version") != VERSION:
        seen = f"format {content.get('format')!r}, version {content.get('version')!r}"
        message = f"{file}: {seen}; expected {FORMAT} {VERSION}"
        raise TransplantError(message)
    return content


def counts(plan: RowPlan) -> dict[str, int]:
    """Return the number of rows of each class that there is."""
    times = np.bincount(plan.classes, minlength=len(RowClass))
    return {each.name.lower(): int(times[each]) for each in RowClass if times[each]}


def vocabulary(table: TokenTable) -> str:
    """Return the SHA-256 of which id stands for which bytes, whatever file they were read from."""
    made = hashlib.sha256()
    for text in table.texts:
        made.update(len(text).to_bytes(4, "little") + text)
    return made.hexdigest()


def digest(matrix: Matrix) -> str:
    """Return the SHA-256 of a matrix's bytes."""
    made = hashlib.sha256()
    for start in range(0, len(matrix), 4096):
        made.update(np.ascontiguousarray(matrix.stored[start : start + 4096]).tobytes())
    return made.hexdigest()


def dumps(content: Mapping[str, Any]) -> bytes:
    """Return the manifest's text: one line for each row of an inline plan."""
    inline: list[str] = []
    plans = {}
    for name, said in content["plans"].items():
        plans[name] = dict(said)
        for key in ("rows", "basis"):
            if isinstance(said[key], list):
                lines = ",\n".join("   " + json.dumps(row, ensure_ascii=False) for row in said[key])
                plans[name][key] = f"@@{len(inline)}@@"
                inline.append(f"[\n{lines}\n  ]")
    text = json.dumps({**content, "plans": plans}, ensure_ascii=False, indent=1)
    for number, block in enumerate(inline):
        text = text.replace(f'"@@{number}@@"', block, 1)
    return (text + "\n").encode()


def _table(plan: RowPlan, texts: Sequence[bytes]) -> pl.DataFrame:
    shown = [show(text) for text in texts] + [None] * (len(plan) - len(texts))
    flat = _flat_table(plan.offsets, plan.sources, plan.coefficients)
    return pl.DataFrame(
        {
            "id": np.arange(len(plan)),
            "text": pl.Series(shown, dtype=pl.String()),
            "class": [RowClass(each).name.lower() for each in plan.classes.tolist()],
            "sources": flat["sources"],
            "coefficients": flat["coefficients"],
            "residual": pl.Series(plan.residuals).fill_nan(None),
            "note": pl.Series([plan.note(i) or None for i in range(len(plan))], dtype=pl.String()),
        }
    )


def _flat_table(offsets: np.ndarray, sources: np.ndarray, coefficients: np.ndarray) -> pl.DataFrame:
    lengths = np.diff(offsets)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    table = pl.DataFrame({"row": rows, "sources": sources, "coefficients": coefficients})
    grouped = table.group_by("row", maintain_order=True).agg("sources", "coefficients")
    every = pl.DataFrame({"row": np.arange(len(lengths))}).join(
        grouped, on="row", how="left", maintain_order="left"
    )
    return every.select(
        pl.col("sources").fill_null(pl.lit([], dtype=pl.List(pl.Int64()))),
        pl.col("coefficients").fill_null(pl.lit([], dtype=pl.List(pl.Float32()))),
    )


def _frame(folder: Path, said: str | list[dict[str, Any]]) -> pl.DataFrame:
    if isinstance(said, str):
        return pl.read_parquet(folder / said)
    types = {"sources": pl.List(pl.Int64()), "coefficients": pl.List(pl.Float32()), "note": pl.String()}
    names = list(said[0]) if said else ["sources", "coefficients"]
    return pl.DataFrame(
        said,
        schema_overrides={name: types[name] for name in names if name in types},
        infer_schema_length=None,
    )


def _flat(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(rows["sources"].list.len().to_numpy(), out=offsets[1:])
    filled = rows.filter(pl.col("sources").list.len() > 0)
    sources = filled["sources"].explode().to_numpy().astype(np.int64)
    coefficients = filled["coefficients"].explode().to_numpy().astype(np.float32)
    return offsets, sources, coefficients
