"""A planned transplantation as a directory: built beside its place under a temporary name, then renamed.

Only the shards that hold a changed tensor are written; other shards and files are hard-linked where the file system can
and copied elsewhere. Weights of other formats, which would still have the old vocabulary, are left out and told.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import ModelError
from tokbench.formats.files import check_new, new_directory, write_whole
from tokbench.transplant import manifest
from tokbench.transplant.config_files import IdMap, changes, remap
from tokbench.transplant.model_dir import OTHER_WEIGHTS, read_json
from tokbench.transplant.safetensors_files import write_shard
from tokbench.transplant.tokenizer_files import is_tokenizer_file, write_tokenizer
from tokbench.transplant.transplantation import HEAD_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.matrix import Matrix
    from tokbench.transplant.tokens import TokenTable
    from tokbench.transplant.transplantation import Progress, Transplantation

REWRITTEN = ("config.json", "generation_config.json", manifest.NAME)
NOT_CARRIED = (manifest.FOLDER, ".git", ".cache")


def write(
    planned: Transplantation, out: Path, *, overwrite: bool, link: bool, progress: Progress | None
) -> Path:
    """Make the directory; see `Transplantation.write`."""
    check_new(out, overwrite=overwrite)
    check_space(planned, out.absolute().parent, link=link)
    with new_directory(out, overwrite=overwrite) as folder:
        left_out = carry(planned.model.path, folder, skip=_replaced(planned), link=link)
        told = [f"left out, because they have the old vocabulary: {', '.join(left_out)}"] if left_out else []
        ids = IdMap(planned.match, planned.named_roles)
        told += _configs(planned, folder, ids)
        told += write_tokenizer(
            planned.new_tokenizer,
            planned.source,
            folder,
            ids=ids,
            chat_template=planned.chat_template,
            model=planned.model.path,
        )
        told += ids.lost
        facts = _shards(planned, folder, progress, link=link)
        kept = _original(planned, folder) if planned.keep_dropped else {"dropped": None, "original": None}
        content = _manifest(planned, folder, facts, told, kept)
        write_whole(folder / manifest.NAME, manifest.dumps(content))
    return out


def check_space(planned: Transplantation, parent: Path, *, link: bool) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        ModelError: with the bytes needed and the bytes that are free.
    """
    model = planned.model
    needed = 64 << 20
    same_disk = link and parent.exists() and parent.stat().st_dev == model.path.stat().st_dev
    names = planned.matrices.names
    rewritten = {model.where[name] for name in names}
    for file, shard in model.shards.items():
        if file in rewritten or not same_disk:
            needed += shard.path.stat().st_size
    for name in planned.tensors():
        entry = model.entry(planned.matrices.embedding if name == HEAD_NAME and planned.untied else name)
        size = (entry.end - entry.start) // max(1, planned.matrices.rows)
        old_rows = 0 if name == HEAD_NAME and planned.untied else planned.matrices.rows
        needed += size * (planned.n_rows - old_rows)
        plan = planned.plans[planned.plan_of(name)]
        needed += size * (planned.matrices.rows if planned.keep_dropped else 0)
        needed += 12 * len(plan.sources) + (0 if plan.dense is None else plan.dense.nbytes)
    free = shutil.disk_usage(parent).free
    if needed > free:
        message = (
            f"{parent}: the new model needs about {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free; "
            f"nothing was written"
        )
        raise ModelError(message)


def carry(source: Path, folder: Path, *, skip: set[str], link: bool) -> list[str]:
    """Link or copy the files of a model that do not change; return the weights of other formats that are left out."""
    left_out = []
    for each in sorted(source.iterdir()):
        if each.name in skip or each.name in NOT_CARRIED or is_tokenizer_file(each):
            continue
        if each.is_dir():
            shutil.copytree(
                each, folder / each.name, copy_function=link_or_copy if link else shutil.copy2, symlinks=False
            )
        elif (
            each.suffix in OTHER_WEIGHTS and each.name != "training_args.bin"
        ) or each.suffix == ".safetensors":
            left_out.append(each.name)
        elif link:
            link_or_copy(each, folder / each.name)
        else:
            shutil.copy2(each, folder / each.name)
    return left_out


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Hard-link a file, or copy it where the file system cannot."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)


def _replaced(planned: Transplantation) -> set[str]:
    names = {*REWRITTEN, *planned.model.shards}
    return names | ({planned.model.index_name} if planned.model.index_name is not None else set())


def _configs(planned: Transplantation, folder: Path, ids: IdMap) -> list[str]:
    """Write config.json and generation_config.json, and return what changed in them."""
    told = []
    sizes = {"old_rows": planned.matrices.rows, "new_rows": planned.n_rows}
    for name in ("config.json", "generation_config.json"):
        file = planned.model.path / name
        if not file.is_file():
            continue
        before = read_json(file)
        after = remap(before, ids, **sizes)
        if name == "config.json" and planned.untied:
            after["tie_word_embeddings"] = False
            for part in after.values():
                if isinstance(part, dict) and "tie_word_embeddings" in part:
                    part["tie_word_embeddings"] = False
        told += [f"{name}: {change}" for change in changes(before, after)]
        write_whole(folder / name, (json.dumps(after, ensure_ascii=False, indent=2) + "\n").encode())
    return told


def _shards(
    planned: Transplantation, folder: Path, progress: Progress | None, *, link: bool
) -> list[dict[str, Any]]:
    """Write or carry over every shard and the index; return a fact sheet for each changed tensor."""
    model, names = planned.model, planned.tensors()
    home = {name: model.where.get(name, model.where[planned.matrices.embedding]) for name in names}
    facts: list[dict[str, Any]] = []
    for done, (file, shard) in enumerate(model.shards.items()):
        here = [name for name in names if home[name] == file]
        if not here:
            (link_or_copy if link else shutil.copy2)(shard.path, folder / file)
        else:
            changed: dict[str, tuple[str, Any]] = {}
            for name in here:
                new = planned.new_matrix(name, progress)
                changed[name] = (new.dtype, _shaped(new, name, planned))
                facts.append(_fact(planned, name, file, new))
            write_shard(folder / file, shard, changed)
        if progress is not None:
            progress("writing", done + 1, len(model.shards))
    if model.index_name is not None:
        weights = {**model.index["weight_map"], **{name: home[name] for name in names}}
        metadata = dict(model.index.get("metadata") or {})
        if "total_size" in metadata:
            metadata["total_size"] += sum(fact["bytes_new"] - fact["bytes_old"] for fact in facts)
        if "total_parameters" in metadata:
            metadata["total_parameters"] += sum(
                (fact["rows_new"] - (0 if fact["added"] else fact["rows_old"])) * fact["width"]
                for fact in facts
            )
        index = {**model.index, "metadata": metadata, "weight_map": dict(sorted(weights.items()))}
        write_whole(folder / model.index_name, (json.dumps(index, indent=2) + "\n").encode())
    return facts


def _shaped(new: Matrix, name: str, planned: Transplantation) -> np.ndarray:
    """Give a bias its number of dimensions back."""
    if name not in planned.matrices.biases:
        return new.stored
    return new.stored.reshape(-1) if len(planned.model.entry(name).shape) == 1 else new.stored.reshape(1, -1)


def _fact(planned: Transplantation, name: str, file: str, new: Matrix) -> dict[str, Any]:
    old = planned.old_matrix(name)
    added = planned.untied and name == HEAD_NAME
    return {
        "name": name,
        "file": file,
        "plan": planned.plan_of(name),
        "bias": name in planned.matrices.biases,
        "added": added,
        "dtype": new.dtype,
        "rows_old": len(old),
        "rows_new": len(new),
        "width": new.width,
        "bytes_old": 0 if added else old.stored.nbytes,
        "bytes_new": new.stored.nbytes,
        "sha256_old": manifest.digest(old),
        "sha256_new": manifest.digest(new),
    }


def _original(planned: Transplantation, folder: Path) -> dict[str, Any]:
    """Keep what going back needs: rows that no new token copies, configuration and tokenizer of the old model."""
    side = folder / manifest.FOLDER
    home = side / manifest.ORIGINAL
    home.mkdir(parents=True)
    for each in sorted(planned.model.path.iterdir()):
        wanted = each.name in (*REWRITTEN[:2], planned.model.index_name) or is_tokenizer_file(each)
        if wanted and each.is_file():
            shutil.copy2(each, home / each.name)
        elif wanted:
            shutil.copytree(each, home / each.name)
    dropped: dict[str, tuple[str, Any]] = {}
    for name in planned.matrices.names:
        plan, old = planned.plans[planned.plan_of(name)], planned.model.matrix(name)
        ids = dropped_rows(plan.sources[plan.offsets[:-1][plan.copied]], len(old))
        dropped[f"{name}/ids"] = ("I64", ids)
        dropped[f"{name}/rows"] = (old.dtype, old.stored[ids])
    write_shard(side / manifest.DROPPED, None, dropped)
    return {
        "dropped": f"{manifest.FOLDER}/{manifest.DROPPED}",
        "original": f"{manifest.FOLDER}/{manifest.ORIGINAL}",
    }


def dropped_rows(copied: np.ndarray, n_old: int) -> np.ndarray:
    """Return the old rows that no new row copies, ascending."""
    gone = np.ones(n_old, dtype=bool)
    gone[copied] = False
    return np.flatnonzero(gone)


def _manifest(
    planned: Transplantation,
    folder: Path,
    facts: list[dict[str, Any]],
    told: list[str],
    kept: Mapping[str, Any],
) -> dict[str, Any]:
    from tokbench import __version__

    texts = planned.match.new.texts
    return {
        "format": manifest.FORMAT,
        "version": manifest.VERSION,
        "tokbench": __version__,
        "options": dict(planned.options),
        "old_tokenizer": _tokenizer_facts(planned.old_tokenizer, planned.match.old),
        "new_tokenizer": _tokenizer_facts(planned.new_tokenizer, planned.match.new),
        "matched": planned.match.counts(),
        "tied": planned.matrices.tied and not planned.untied,
        "untied": planned.untied,
        "matrices": facts,
        **kept,
        "notes": [*planned.notes, *told],
        "plans": {
            name: {"method": planned.methods[name], **manifest.write_plan(folder, name, plan, texts)}
            for name, plan in planned.plans.items()
        },
    }


def _tokenizer_facts(tokenizer: Tokenizer, table: TokenTable) -> dict[str, Any]:
    return {
        "name": tokenizer.name,
        "fingerprint": tokenizer.fingerprint,
        "vocabulary": manifest.vocabulary(table),
        "ids": len(table),
    }
