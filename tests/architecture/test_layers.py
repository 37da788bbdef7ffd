"""Who may import whom: the layers of the architecture, read off the source with ``ast``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ORDER = (
    "weights",
    "reading",
    "corpus",
    "pretokenize",
    "limits",
    "memory",
    "weighing",
    "counting",
    "count_files",
    "registry",
    "lexicon",
    "steps",
    "segmenters",
    "counts",
    "runs",
    "count_sum",
    "checkpoint",
    "distributed",
    "merges",
    "operations",
    "vocab",
    "encoding",
    "bpe",
    "formats",
    "tokenizer",
    "codes",
    "settings",
    "resume",
    "frame",
    "measured",
    "keyed",
    "statistic",
    "measurement",
    "uncertainty",
    "plugin",
    "sampling",
    "inference",
)
"""Layer 1 from left to right: a module that is loaded loads only those to its left."""

LAYER = {
    "errors": 0, "_rust": 0, "build": 0, "late": 0, "compiled": 0,
    **dict.fromkeys(ORDER, 1), "frame_files": 1, "frame_latex": 1, "frame_rows": 1,
    "objectives": 2, "algorithm": 2, "algorithms": 2, "train": 2, "training": 2, "extend": 2, "sweep": 2,
    "evaluate": 2, "reporting": 2, "collecting": 2, "accumulating": 2,
    "equal_size": 2, "rarefaction": 2, "reference": 2, "transplant": 2, "bytelm": 2,
    "corpora": 3, "metrics": 3,
    "run": 4, "cli": 4, "report": 4, "__main__": 4,
}  # fmt: skip
SAME_LAYER = {
    ("train", "objectives"),
    ("extend", "train"),
    ("algorithm", "objectives"),
    *(("algorithms", room) for room in ("algorithm", "objectives", "train", "extend", "sweep")),
    ("training", "algorithm"),
    ("training", "objectives"),
    ("extend", "objectives"),
    ("sweep", "train"),
    ("evaluate", "collecting"),
    ("evaluate", "reporting"),
    ("reporting", "collecting"),
    ("reporting", "accumulating"),
    ("collecting", "accumulating"),
    ("rarefaction", "evaluate"),
    ("cli", "report"),
    ("cli", "run"),
    ("__main__", "cli"),
}
FOREIGN = {"tokenizers", "transformers", "torch", "tiktoken", "sentencepiece", "llama_cpp", "gguf", "pyspark"}


def _sources() -> list[tuple[str, str, Path]]:
    rows = []
    for folder, prefix in (("tokbench", ""), ("metrics", "metrics."), ("corpora", "corpora.")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = path.relative_to(ROOT / folder).with_suffix("")
            dotted = prefix + ".".join(relative.parts)
            rows.append((dotted.removesuffix(".__init__"), dotted.split(".")[0], path))
    return rows


SOURCES = _sources()


def _imports(path: Path) -> list[tuple[str, bool]]:
    """Every imported module, and whether the import runs when the module is loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", id(node) not in inside))
            if node.module == "tokbench":
                found += [(f"tokbench.{alias.name}", id(node) not in inside) for alias in node.names]
    return found


@pytest.mark.parametrize(("module", "room", "path"), SOURCES, ids=[row[0] for row in SOURCES])
def test_imports_point_downwards(module: str, room: str, path: Path) -> None:
    if module == "__init__":
        return
    assert room in LAYER or room == "interop", f"{module} belongs to no layer: say which in LAYER"
    for name, at_load in _imports(path):
        parts = name.split(".")
        if parts[0] != "tokbench" or len(parts) == 1:
            continue
        target = parts[1]
        if target in (room, "interop", "__version__", "build") or room == "interop":
            continue
        assert target in LAYER, f"{module} imports {name}, which belongs to no layer"
        mine, theirs = LAYER[room], LAYER[target]
        if mine == theirs == 1 and room in ORDER and target in ORDER:
            assert not at_load or ORDER.index(target) < ORDER.index(room), (
                f"{module} (layer 1) imports {name} to its right"
            )
        elif mine == theirs and mine > 1:
            assert (room, target) in SAME_LAYER, f"{module} imports its neighbour {name}"
        else:
            assert theirs <= mine, f"{module} (layer {mine}) imports {name} (layer {theirs})"


@pytest.mark.parametrize(("module", "room", "path"), SOURCES, ids=[row[0] for row in SOURCES])
def test_foreign_tokenizer_libraries_stay_in_interop(module: str, room: str, path: Path) -> None:
    for name, at_load in _imports(path):
        if name.split(".")[0] in FOREIGN:
            assert room == "interop", f"{module} imports {name}: that belongs to tokbench.interop"
            assert not at_load, f"{module} imports {name} when it is loaded: do so inside the function"
        if name.startswith("tokbench.interop"):
            assert room == "interop" or not at_load, f"{module} imports {name} outside of a function"


def test_top_level_has_the_eight_names_and_nothing_else() -> None:
    wanted = {
        "pyproject.toml",
        "tokbench",
        "rust_ext",
        "corpora",
        "metrics",
        "tests",
        "notebooks",
        "README.md",
    }
    allowed = wanted | {"LICENSE", "MANIFEST.in", "build", "dist", "tokbench.egg-info"}
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert wanted <= names
    assert names <= allowed
