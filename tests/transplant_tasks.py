"""Small tasks for methods of planning rows: byte-level tokenizers with a few tokens, and donors made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokbench.bpe import BpeModel
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer
from tokbench.transplant.apply import apply
from tokbench.transplant.matching import match
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.method import Task
from tokbench.transplant.tokens import TokenTable
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.transplant.plan import RowPlan

BYTES = [bytes([b]) for b in range(256)]
WIDTH = 4


def make(*tokens: bytes, merges: Sequence[tuple[int, int, int]] = ()) -> BpeTokenizer:
    """A byte-level tokenizer with these tokens behind the bytes: cut longest first, or by merges."""
    vocab, steps = Vocab([*BYTES, *tokens]), Merges.from_steps(merges)
    model = BpeModel(vocab, steps, "none", method="merges" if merges else "longest")
    return BpeTokenizer(model, name="made")


def task(new: BpeTokenizer, old: BpeTokenizer, /, **more: object) -> Task:
    """The task of planning the new tokens that the old tokenizer does not have."""
    found = match(TokenTable.of(new), TokenTable.of(old))
    rows = np.random.default_rng(1).standard_normal((old.vocab.n_ids, WIDTH)).astype(np.float32)
    given: dict[str, object] = {
        "role": "embedding",
        "old": rows,
        "old_tokens": np.arange(old.vocab.n_ids),
        "targets": found.unmatched,
        "shared_new": found.matched,
        "shared_old": found.old_of[found.matched],
        "match": found,
        "old_tokenizer": old,
        "new_tokenizer": new,
    }
    return Task(**(given | more))  # type: ignore[arg-type]  # put together for the test


OLD = make(b"low", b"er")
NEW = make(b"lower", b"low", b"high")


def with_donor(
    anchors: Sequence[Sequence[float]], targets: Sequence[Sequence[float]], /, **more: object
) -> Task:
    """A task whose shared tokens are the first bytes, with these rows of the donor."""
    n = len(anchors)
    donor = np.zeros((NEW.vocab.n_ids, len(targets[0])), dtype=np.float32)
    donor[:n] = np.array(anchors, dtype=np.float32).reshape(n, -1) if n else donor[:0]
    ids = np.array([256, 258][: len(targets)])
    donor[ids] = targets
    shared = np.arange(n)
    given: dict[str, object] = {"donor": donor, "targets": ids, "shared_new": shared, "shared_old": shared}
    return task(NEW, OLD, **(given | more))


def rows(plan: RowPlan) -> list[list[tuple[int, float]]]:
    return [[(s, round(c, 5)) for s, c in plan.row(i)] for i in range(len(plan))]


def values(plan: RowPlan, given: Task) -> np.ndarray:
    return apply(plan, Matrix(given.old, "F32")).stored


def turned(wide: int, narrow: int, n: int = 60) -> tuple[Task, np.ndarray]:
    """Rows of a model that are the donor's, turned and moved; returned with the true rows of the targets."""
    generator = np.random.default_rng(5)
    inner = generator.standard_normal((n + 2, min(wide, narrow)))
    turn_a = np.linalg.qr(generator.standard_normal((wide, wide)))[0][: inner.shape[1]]
    turn_b = np.linalg.qr(generator.standard_normal((narrow, narrow)))[0][: inner.shape[1]]
    donor, model = inner @ turn_a + 3, inner @ turn_b - 1
    old = np.zeros((OLD.vocab.n_ids, narrow), dtype=np.float32)
    old[:n] = model[:n]
    return with_donor(donor[:n].tolist(), donor[n:].tolist(), old=old), model[n:]
