"""What a manifest is good for: check a transplanted model, do the same to another model, go back.

The old matrix follows from the new one: copied rows are in it, bit by bit, and the others lie in the manifest's side
files. So a directory can be checked without the old model: rebuild the old matrices, compare their hashes, apply the
plans again, compare with what the shards hold.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import TransplantError
from tokbench.formats.files import new_directory
from tokbench.tokenizer import Tokenizer
from tokbench.transplant import manifest
from tokbench.transplant.apply import apply
from tokbench.transplant.config_files import table_of
from tokbench.transplant.find_matrices import find_matrices
from tokbench.transplant.matching import Match, MatchClass
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.model_dir import ModelDir
from tokbench.transplant.safetensors_files import Shard, write_shard
from tokbench.transplant.tokens import TokenKind
from tokbench.transplant.transplantation import Transplantation
from tokbench.transplant.writing import carry, link_or_copy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from tokbench.transplant.plan import RowPlan
    from tokbench.transplant.transplantation import Progress


@dataclass(frozen=True)
class Check:
    """One thing that was checked: what, whether it holds, and what was seen."""

    what: str
    holds: bool
    seen: str


def audit(path: str | PathLike[str]) -> list[Check]:
    """Check a transplanted model against its manifest: hashes, copied rows, planned rows, tokenizer.

    Raises:
        TransplantError: when there is no manifest, or its plans are no plans.
        ModelError: when the model cannot be read.
    """
    folder = Path(path)
    content = manifest.read(folder)
    model = ModelDir.open(folder)
    plans = {name: manifest.read_plan(folder, said) for name, said in content["plans"].items()}
    checks = []
    for name, plan in plans.items():
        found, said = manifest.counts(plan), content["plans"][name]["classes"]
        checks.append(Check(f"{name}: rows by class", found == said, _classes(found)))
    new = Tokenizer.load(folder)
    table, _ = table_of(new, folder)
    same = manifest.vocabulary(table) == content["new_tokenizer"]["vocabulary"]
    told = f"{len(table)} ids, " + ("each what it was" if same else "not all of them what they were")
    checks.append(Check("tokenizer", same, told))
    for fact in content["matrices"]:
        matrix, plan = model.matrix(fact["name"]), plans[fact["plan"]]
        digest = manifest.digest(matrix)
        checks.append(
            Check(f"{fact['name']}: as written", digest == fact["sha256_new"], f"sha256 {digest[:16]}…")
        )
        if content["dropped"] is None or fact["added"]:
            continue
        old = rebuilt(folder, content, fact, matrix, plan)
        digest = manifest.digest(old)
        checks.append(
            Check(f"{fact['name']}: old rows rebuilt", digest == fact["sha256_old"], f"sha256 {digest[:16]}…")
        )
        if fact["bias"]:
            continue
        again = apply(plan, old)
        equal = (
            (again.stored.view(np.uint8) == matrix.stored.view(np.uint8)).reshape(len(again), -1).all(axis=1)
        )
        differing = np.flatnonzero(~equal)
        shown = f"{int(equal.sum())} of {len(again)} rows are what the plan makes"
        if len(differing):
            shown += f"; the first that is not: {int(differing[0])}"
        checks.append(Check(f"{fact['name']}: plan applied again", not len(differing), shown))
    return checks


def rebuilt(
    folder: Path, content: Mapping[str, Any], fact: Mapping[str, Any], new: Matrix, plan: RowPlan
) -> Matrix:
    """Return a tensor's old values: copied rows from the new one, the others from the side file.

    Raises:
        TransplantError: when the rows that no new token copies were not kept.
    """
    if content["dropped"] is None:
        message = f"{folder}: the rows that no new token copies were not kept; the old model cannot be rebuilt from it"
        raise TransplantError(message)
    kept = Shard.open(folder / content["dropped"])
    name = fact["name"]
    stored = np.zeros((fact["rows_old"], fact["width"]), dtype=new.stored.dtype)
    copied = np.flatnonzero(plan.copied)
    sources = plan.sources[plan.offsets[:-1][copied]]
    # Of several new tokens that copied one row the first gives it back.
    stored[sources[::-1]] = new.stored[copied[::-1]]
    ids = kept.data(f"{name}/ids").view(np.int64)
    if len(ids):
        stored[ids] = kept.matrix(f"{name}/rows").stored
    return Matrix(stored, fact["dtype"])


def reverse(
    path: str | PathLike[str],
    out: str | PathLike[str],
    *,
    overwrite: bool = False,
    link: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Give a transplanted model its old tokenizer back.

    Rows of shared tokens are those of the model as it is now, so that what it has learned since is kept; all other
    old rows are those it had. Configuration, generation settings and tokenizer files are the old ones.

    Raises:
        TransplantError: when the manifest does not hold the old rows.
        ModelError: when the model cannot be read or written.
    """
    folder = Path(path)
    content = manifest.read(folder)
    model = ModelDir.open(folder)
    if content["original"] is None:
        message = (
            f"{folder}: configuration and tokenizer of the old model were not kept; it cannot be gone back to"
        )
        raise TransplantError(message)
    home = folder / content["original"]
    plans = {name: manifest.read_plan(folder, said) for name, said in content["plans"].items()}
    facts = {fact["name"]: fact for fact in content["matrices"]}
    with new_directory(Path(out), overwrite=overwrite) as fresh:
        replaced = {each.name for each in home.iterdir()} | {
            "config.json",
            "generation_config.json",
            manifest.NAME,
        }
        carry(folder, fresh, skip=replaced | set(model.shards), link=link)
        for each in sorted(home.iterdir()):
            if each.is_dir():
                shutil.copytree(each, fresh / each.name)
            else:
                shutil.copy2(each, fresh / each.name)
        for done, (file, shard) in enumerate(model.shards.items()):
            changed: dict[str, tuple[str, Any]] = {}
            added = {name for name, fact in facts.items() if fact["added"]} & set(shard.entries)
            for name in shard.entries:
                if name in facts and name not in added:
                    fact = facts[name]
                    old = rebuilt(folder, content, fact, model.matrix(name), plans[fact["plan"]])
                    shape = shard.entries[name].shape
                    if fact["bias"]:
                        shape = (len(old),) if len(shape) == 1 else (1, len(old))
                        changed[name] = (old.dtype, old.stored.reshape(shape))
                    else:
                        changed[name] = (old.dtype, old.stored)
            if not changed and not added:
                (link_or_copy if link else shutil.copy2)(shard.path, fresh / file)
            else:
                kept = Shard(
                    shard.path, {k: v for k, v in shard.entries.items() if k not in added}, shard.metadata
                )
                write_shard(fresh / file, kept, changed)
            if progress is not None:
                progress("writing", done + 1, len(model.shards))
    return Path(out)


def repeat(
    source: str | PathLike[str],
    model: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    link: bool = True,
    progress: Progress | None = None,
) -> Transplantation:
    """Do to a model what a manifest tells, without planning anew: the same plans, the same tokenizer files.

    It is meant for models that share the vocabulary of the first: the same one, or one that was tuned from it.

    Args:
        source: a transplanted model's directory, or its manifest.
        model: the model that gets the new tokenizer.
        out: the directory to make; without it nothing is written.
        overwrite: replace an existing directory.
        link: hard-link files that do not change.
        progress: called with phase, done and total.

    Raises:
        TransplantError: when the model's tokenizer or matrices are not those that the plans are for.
    """
    home = Path(source)
    home = home.parent if home.is_file() else home
    content = manifest.read(home)
    opened = ModelDir.open(Path(model))
    old, new = Tokenizer.load(Path(model)), Tokenizer.load(home)
    old_table, _ = table_of(old, opened.path)
    matrices = find_matrices(opened, n_ids=len(old_table))
    if manifest.vocabulary(old_table.limited(matrices.rows)) != content["old_tokenizer"]["vocabulary"]:
        message = (
            f"{model}: its tokenizer ({old.name}) has other ids than the one that the plans of {home} are for "
            f"({content['old_tokenizer']['name']})"
        )
        raise TransplantError(message)
    new_table, named = table_of(new, home)
    options = content["options"]
    plans = {name: manifest.read_plan(home, said) for name, said in content["plans"].items()}
    plan = plans["embedding"]
    if plan.n_old != matrices.rows:
        message = f"{model}: {matrices.embedding} has {matrices.rows} rows, the plan is for {plan.n_old}"
        raise TransplantError(message)
    planned = Transplantation(
        model=opened,
        matrices=matrices,
        match=_match_of(plan, new_table, old_table.limited(matrices.rows)),
        plans=plans,
        methods={name: str(said["method"]) for name, said in content["plans"].items()},
        old_tokenizer=old,
        new_tokenizer=new,
        source=home,
        named_roles=named,
        untied=bool(content["untied"]),
        n_rows=len(plan),
        options={**options, "model": str(model), "repeated": str(source)},
        notes=(*matrices.why, f"repeated from {home.name}"),
        chat_template=options["chat_template"],
        allow_faulty=bool(options["allow_faulty"]),
        keep_dropped=content["dropped"] is not None,
    )
    if out is not None:
        planned.write(Path(out), overwrite=overwrite, link=link, progress=progress)
    return planned


def _match_of(plan: RowPlan, new: Any, old: Any) -> Match:
    """Read the match off a plan: its copies."""
    old_of = np.full(len(new), -1, dtype=np.int64)
    classes = np.full(len(new), MatchClass.UNMATCHED, dtype=np.uint8)
    classes[new.kinds == TokenKind.HOLE] = MatchClass.HOLE
    copied = np.flatnonzero(plan.copied)
    old_of[copied] = plan.sources[plan.offsets[:-1][copied]]
    classes[copied] = plan.classes[copied]
    return Match(old_of, classes, (old_of >= 0).astype(np.int32), new, old)


def _classes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())
