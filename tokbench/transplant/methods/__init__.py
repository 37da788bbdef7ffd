"""Methods of planning rows, one file each; importing this package registers them.

To add one: a frozen dataclass with an ``about`` and ``plan``, decorated with `tokbench.transplant.method.register`, in
a file of its own here (or in another package, with an entry point of the group ``tokbench.transplant_methods``).
"""

from tokbench.transplant.methods import (
    align,
    clp,
    copy,
    focus,
    interpolation,
    mean,
    merge_tree,
    normal,
    omp,
    procrustes,
    random,
    sparse_basis,
    subword,
    token_adapt,
    wechsel,
    zero,
)

__all__ = [
    "align",
    "clp",
    "copy",
    "focus",
    "interpolation",
    "mean",
    "merge_tree",
    "normal",
    "omp",
    "procrustes",
    "random",
    "sparse_basis",
    "subword",
    "token_adapt",
    "wechsel",
    "zero",
]
