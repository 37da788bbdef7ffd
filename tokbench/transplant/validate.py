"""How well a method would have done on tokens whose rows are known: hide shared tokens, plan them, compare.

A sample of the shared tokens is treated as if the model did not have them: their rows are no anchors and no pieces. The
planned rows are compared with the true ones, and the figures are given for all of them and by class: digits, white
space, script, length. Methods stand side by side on the same sample, so that method, k and options can be chosen
before a model is written. Nothing is run.

``cosine`` = ⟨x, y⟩ / (‖x‖‖y‖), mean over the tokens, -1 … 1, 1 is the true direction; ``relative_error`` =
‖x - y‖ / ‖y‖, mean, 0 … ∞, 0 is the true row and 1 is as good as a zero row. Intervals are 95 % percentile bootstrap
intervals over the tokens. A zero row has no direction and is left out of the cosine.
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError
from tokbench.frame import ALL, MetricFrame, Row
from tokbench.transplant.apply import apply
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.method import parse, shorten, spell
from tokbench.transplant.plan import RowClass, RowPlan
from tokbench.transplant.planning import check_needs, plan_targets, task_of, usable_rows
from tokbench.transplant.preparing import Donor, prepare
from tokbench.transplant.tokens import TokenKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike
    from typing import Any

    from numpy.typing import NDArray

    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.matching import Match
    from tokbench.transplant.method import Method

RESAMPLES = 1000
SCRIPTS = (
    "LATIN",
    "CYRILLIC",
    "GREEK",
    "ARABIC",
    "HEBREW",
    "DEVANAGARI",
    "CJK",
    "HIRAGANA",
    "HANGUL",
    "THAI",
)
LENGTHS = ((1, 1), (2, 3), (4, 7), (8, None))


def validate(
    model: str | PathLike[str],
    tokenizer: str | PathLike[str] | Tokenizer | None = None,
    *,
    methods: Sequence[str | Method],
    sample: int = 1000,
    donor: str | PathLike[str] | None = None,
    fallback: str | Method = "subword",
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
    **more: Any,
) -> MetricFrame:
    """Return cosine and relative error of hidden shared tokens for each method, by class of token.

    Args:
        model: as for `transplant`.
        tokenizer: as for `transplant`.
        methods: to be compared; they are the frame's columns.
        sample: how many shared tokens are hidden; all of them where there are fewer, but never more than half.
        donor: as for `transplant`.
        fallback: as for `transplant`; what it plans is part of the figures.
        seed: of the sample, of the methods and of the intervals.
        progress: called with phase, done and total.
        more: further arguments of `transplant`: ``mapped``, ``embedding``, ``head``, ``old_tokenizer``, ``auxiliary``,
            ``text``, ``allow_faulty``, ``threads``.

    Raises:
        TransplantError: when no token is shared, or a method lacks something.
        ModelError: when a model cannot be read.
    """
    if not methods:
        message = "methods: name at least one to validate"
        raise TransplantError(message)
    prepared = prepare(model, tokenizer, donor=donor, fallback=fallback, seed=seed, progress=progress, **more)
    chosen = [parse(each) for each in methods]
    for each in chosen:
        check_needs(each, prepared.setting, donor=prepared.donor is not None)
    rows: list[Row] = []
    for role, name in prepared.jobs:
        values = prepared.model.matrix(name)
        usable = usable_rows(prepared.match, values)
        hidden = hide(prepared.match, usable, sample, seed, prepared.donor)
        truth = Matrix(values.stored[prepared.match.old_of[hidden]], values.dtype).float32()
        donor_rows = None if prepared.donor is None else prepared.donor.rows(role)
        task = task_of(prepared.setting, role, values, donor=donor_rows, hidden=hidden, usable=usable)
        for done, method in enumerate(chosen):
            parts = plan_targets(task, method, prepared.setting.fallback, donor=donor_rows)
            place = {int(new_id): i for i, new_id in enumerate(hidden.tolist())}
            plan = RowPlan.assemble(
                [([place[int(i)] for i in ids], part) for ids, part in parts], len(hidden)
            )
            made = apply(plan, Matrix(task.old, "F32")).stored
            make = partial(
                Row,
                tokenizer=shorten(method),
                corpus=prepared.model.path.name,
                signature=(
                    f"validate|{spell(method)}|role={role}|sample={len(hidden)}|seed={seed}"
                    f"|model={prepared.old_tokenizer.fingerprint[:16]}"
                    f"|tokenizer={prepared.new_tokenizer.fingerprint[:16]}"
                ),
            )
            rows += list(_figures(made, truth, prepared.match, hidden, role, seed, make))
            if progress is not None:
                progress("validating", done + 1, len(chosen))
    return MetricFrame.from_rows(
        rows, provenance={"notes": list(prepared.notes), "sample": sample, "seed": seed}
    )


def hide(
    match: Match, usable: NDArray[np.int64], sample: int, seed: int, donor: Donor | None
) -> NDArray[np.int64]:
    """Return new ids of shared regular tokens to hide, ascending; at most half of them.

    Raises:
        TransplantError: when there are fewer than two.
    """
    good = match.classes == RowClass.EXACT
    good &= match.new.kinds == TokenKind.REGULAR
    ids = np.flatnonzero(good)
    ids = ids[np.isin(match.old_of[ids], usable)]
    # Single bytes stay: without them nothing can be spelled.
    ids = ids[[len(match.new.texts[i]) > 1 for i in ids.tolist()]]
    if donor is not None:
        ids = ids[donor.place[ids] >= 0]
    if len(ids) < 2:
        message = (
            f"validate: {len(ids)} shared tokens of more than one byte; there is nothing to hide and compare"
        )
        raise TransplantError(message)
    generator = np.random.default_rng([seed, 7])
    return np.sort(generator.choice(ids, size=min(sample, len(ids) // 2), replace=False))


def classes_of(text: bytes) -> list[str]:
    r"""Return the classes that a token belongs to.

    Example:
        >>> classes_of(b" 123"), classes_of("мир".encode()), classes_of(b"\n\n")
        (['digits', 'length 4-7'], ['script Cyrillic', 'length 4-7'], ['white space', 'length 2-3'])
    """
    found = []
    bare = text.strip()
    shown = bare.decode(errors="replace")
    if not bare:
        found.append("white space")
    elif all(char.isnumeric() for char in shown):
        found.append("digits")
    elif any(char.isalpha() for char in shown):
        first = next(unicodedata.name(char, "").split(" ")[0] for char in shown if char.isalpha())
        found.append(
            f"script {'Other' if first not in SCRIPTS else first if first == 'CJK' else first.title()}"
        )
    elif "\ufffd" in shown:
        found.append("part of a character")
    else:
        found.append("punctuation")
    for low, high in LENGTHS:
        if len(text) >= low and (high is None or len(text) <= high):
            found.append(
                f"length {low}" if low == high else f"length {low}-{high}" if high else f"length {low}+"
            )
    return found


def _figures(
    made: NDArray[np.float32],
    truth: NDArray[np.float32],
    match: Match,
    hidden: NDArray[np.int64],
    role: str,
    seed: int,
    make: Callable[..., Row],
) -> list[Row]:
    x, y = made.astype(np.float64), truth.astype(np.float64)
    norms, true_norms = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
    error = np.linalg.norm(x - y, axis=1) / true_norms
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (x * y).sum(axis=1) / (norms * true_norms)
    groups: dict[str, list[int]] = {ALL: list(range(len(hidden)))}
    for place, new_id in enumerate(hidden.tolist()):
        for each in classes_of(match.new.texts[new_id]):
            groups.setdefault(each, []).append(place)
    rows = []
    for metric, values, direction in (("cosine", cosine, "higher"), ("relative_error", error, "lower")):
        for group in [ALL, *sorted(set(groups) - {ALL})]:
            mean, low, high, n = interval(values[groups[group]], seed)
            rows.append(
                make(
                    group=group,
                    metric=f"{metric}(role={role})",
                    value=mean,
                    unit="cosine" if metric == "cosine" else "share of the norm",
                    aggregation="mean over tokens",
                    n=n,
                    low=low,
                    high=high,
                    direction=direction,
                    reason=None if mean is not None else "all rows are zero",
                )
            )
    return rows


def interval(values: NDArray[np.float64], seed: int) -> tuple[float | None, float | None, float | None, int]:
    """Return the mean of the finite values, its 95 % bootstrap interval (None for one value), and their number."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None, None, None, 0
    if len(known) == 1:
        return float(known[0]), None, None, 1
    generator = np.random.default_rng([seed, 11])
    counts = generator.multinomial(len(known), np.full(len(known), 1 / len(known)), size=RESAMPLES)
    low, high = np.quantile(counts @ known / len(known), [0.025, 0.975])
    return float(known.mean()), float(low), float(high), len(known)
