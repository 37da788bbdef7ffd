"""Every new token gets the row of one old token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.method import About, Method, register
from tokbench.transplant.plan import RowPlan

if TYPE_CHECKING:
    from tokbench.transplant.method import Task


@register
@dataclass(frozen=True)
class Copy(Method):
    """One row for all."""

    token: str | None = None
    about: ClassVar[About] = About(
        name="copy",
        summary="the row of one old token, of the unknown one unless named",
        formula="x = E_token",
        source="a baseline: the model reads every new token as it reads that one",
        parameters={"token": "its text, or id:NUMBER; none is the unknown token"},
        pitfalls="As with mean, the new tokens cannot be told apart.",
    )

    def plan(self, task: Task) -> RowPlan:
        """Return rows of one source."""
        n = len(task.targets)
        return RowPlan.combined(np.arange(n + 1), np.full(n, self._row(task)), np.ones(n), n_old=task.n_old)

    def _row(self, task: Task) -> int:
        if self.token is not None:
            from tokbench.transplant.matching import named

            return named(task.match.old, self.token, "old")
        unknown = task.old_tokenizer.unk_id
        if unknown is None:
            message = "copy: the old tokenizer has no unknown token; name one: copy(token=…)"
            raise TransplantError(message)
        return unknown
