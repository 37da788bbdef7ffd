"""Parity-aware byte-pair encoding: every step serves the language that is worst off."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tokbench import _rust
from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.algorithms.parity_run import Balanced
from tokbench.counts import PretokenCounts, count
from tokbench.errors import CorpusError, ParameterError
from tokbench.settings import Settings
from tokbench.train import prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer
    from tokbench.train import Progress


@register
@dataclass(frozen=True)
class Parity(Algorithm):
    """Merge the most frequent pair of the language that needs the most tokens for the same text."""

    variant: str = "base"
    window: int = 100
    alpha: float = 2.0
    threshold: str = "languages"
    hybrid: int = 0
    ratio: str | None = None
    balance: str | None = None
    on_exhausted: str = "continue"

    checkpoints: ClassVar[str] = "counts and merges"
    about: ClassVar[About] = About(
        name="parity",
        aliases=("parity_aware",),
        summary="parity-aware: each step serves the language that needs the most tokens",
        definition=(
            "One merge list for all languages. Each step looks for the language l with the most tokens on a parallel "
            "development set (--dev; first on ties), takes the most frequent pair in the training text of l alone, and "
            "merges it everywhere, in the development set too. The first `hybrid` merges are chosen over all "
            "languages together. variant=window passes over a language that has had more than alpha / L of the last "
            "`window` selections and takes the next; where all have, the last. With `ratio` there is no development "
            "set: the language with the smallest (initial / present length) / ratio of its training text is served. "
            "balance=train serves the longest training text. A language without a pair left is left out from "
            "there on. Encoding repeats the merges in their order. A weight multiplies a language's training counts "
            "(which matters to the first `hybrid` merges) and, where it is given by language, its tokens on the "
            "development set when they are compared."
        ),
        source="Foroutan et al. (2025), arXiv 2508.04796, github.com/swiss-ai/parity-aware-bpe",
        export="Hugging Face tokenizer.json and tiktoken, exactly",
        parameters={
            "variant": "base, or window to keep one language from having most of the steps",
            "window": "W: how many selections are remembered (variant=window)",
            "alpha": "a language may have alpha / L of the window; above 0 (variant=window)",
            "threshold": "languages: alpha / L; columns: alpha / (L + 1) with hybrid merges, as the published script",
            "hybrid": "M: so many first merges are chosen over all languages together",
            "ratio": "target compression per language, by name (eng=1,tur=1.3) or in their order (1,1.3)",
            "balance": "dev, ratio or train: what is balanced; given by --dev or ratio, train must be asked for",
            "on_exhausted": "continue without a language that has no pair left, or stop as the published script does",
        },
        pitfalls=(
            "min_frequency is 2 unless given. The published script and Hugging Face's trainer break ties by "
            "tie_break=lexmax. The languages of the development set and of the training text must have the same "
            "names. A file that is its own document is read by lines as development text. balance=train serves mostly "
            "the language with the most text: Hugging Face's trainer does so when it gets neither dev nor ratio. With "
            "variant=window its trainer never returns once every language with pairs left has had its share and "
            "another has none left; here the language that is best off is served then."
        ),
    )

    def __post_init__(self) -> None:
        self.check_choice(
            variant=("base", "window"), threshold=("languages", "columns"), on_exhausted=("continue", "stop")
        )
        if self.balance is not None:
            self.check_choice(balance=("dev", "ratio", "train"))
        if self.window < 1:
            raise ParameterError(f"window: must hold at least 1 selection, got {self.window}")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ParameterError(f"alpha: must be above 0, got {self.alpha}")
        if self.hybrid < 0:
            raise ParameterError(f"hybrid: must be at least 0, got {self.hybrid}")
        if self.ratio is not None:
            _parse_ratio(self.ratio)

    def train(self, request: Request) -> Tokenizer:
        """Train; the settings of a start and the seed are not known."""
        known = request.settings(
            self,
            "min_frequency",
            "max_token_length",
            "initial_alphabet",
            "limit_alphabet",
            "unit",
            "character_coverage",
            "byte_fallback",
            "unknown",
            "alphabet_order",
            "tie_break",
            "min_pretoken_count",
            "weights",
            "alpha",
            "dev",
        )
        dev, weights = known.pop("dev", None), known.pop("weights", None)
        cut = {"min_pretoken_count": known.pop("min_pretoken_count", 1)}
        share = known.pop("alpha", None)
        balance = self._balance(has_dev=dev is not None)
        counts = request.counts()
        targets = None if self.ratio is None else ratio_of(self.ratio, counts.groups)
        _check_filled(counts)
        dev_counts = None if dev is None else count_dev(dev, counts, request.progress)
        counts, report = prepared(counts, **cut, weights=weights, alpha=share)
        # Alpha draws the sizes of the training texts together; it says nothing about parallel text.
        priority = counts.weights.parts if weights is not None and counts.weights is not None else {}
        known.setdefault("min_frequency", 2)
        settings = _settings(self, request, counts, known, cut)
        run = Balanced(
            counts,
            dev_counts,
            _rust.Parity(
                first_column=0 if dev_counts is None else len(counts.groups),
                weights=[priority.get(group, 1) if balance == "dev" else 1 for group in counts.groups],
                ratio=targets,
                global_merges=self.hybrid,
                window=self.selection_window(len(counts.groups)),
                stop=self.on_exhausted == "stop",
            ),
            targets,
        )
        return run.train(settings, report, request.checkpoint, request.progress)

    def selection_window(self, n_languages: int) -> tuple[int, float] | None:
        """Return how many selections are remembered and the share that one language may have; None for base."""
        if self.variant == "base":
            return None
        n_columns = n_languages + (1 if self.threshold == "columns" and self.hybrid else 0)
        return self.window, self.alpha / n_columns

    def _balance(self, *, has_dev: bool) -> str:
        implied = "dev" if has_dev else "ratio" if self.ratio is not None else None
        if has_dev and self.ratio is not None:
            raise ParameterError("ratio: is about the training text; leave it or the development set out")
        if self.balance is None and implied is None:
            raise ParameterError(
                "dev: parity needs a parallel development set, or ratio=…; balance=train serves the longest training "
                "text instead"
            )
        chosen = self.balance or implied
        if implied is not None and chosen != implied:
            raise ParameterError(f"balance={chosen}: but {implied} is given; leave one of the two out")
        if chosen != "train" and implied is None:
            needed = "a development set (--dev)" if chosen == "dev" else "ratio=…"
            raise ParameterError(f"balance={chosen}: needs {needed}")
        return chosen or "train"


def count_dev(dev: Corpus, counts: PretokenCounts, progress: Progress | None = None) -> PretokenCounts:
    """Count a development set as the training text was counted, its languages in the same order.

    Raises:
        ParameterError: when the languages are not the same, or one has no text.
        CorpusError: when the languages do not have equally many documents.
    """
    for names, others, what in (
        (dev.languages, counts.groups, "the development set has no training text"),
        (counts.groups, dev.languages, "the training text is missing in the development set"),
    ):
        lonely = [name for name in names if name not in others]
        if lonely:
            listed = ", ".join(lonely[:5]) + (f" and {len(lonely) - 5} more" if len(lonely) > 5 else "")
            raise ParameterError(
                f"dev: {listed} of {what}; give both sides the same language names "
                f"(training: {_short(counts.groups)}; dev: {_short(dev.languages)})"
            )
    if not dev.parallel:
        # Of a corpus whose files are its documents the lines are what must be parallel.
        document = "line" if dev.document == "file" else dev.document
        dev = replace(dev, parallel=True, document=document)
    try:
        table = count(dev.select(counts.groups), counts.pretokenizer, progress=progress)
    except CorpusError as error:
        raise CorpusError(f"dev: {error}; document i must say the same in every language") from error
    empty = [group for group, size in zip(table.groups, table.native.totals()[1], strict=True) if not size]
    if empty:
        raise ParameterError(f"dev: {_short(empty)} has no text in the development set")
    return table


def ratio_of(text: str, groups: Sequence[str]) -> list[float]:
    """Return one target per group.

    Raises:
        ParameterError: when targets and groups do not match.

    >>> ratio_of("tur=1.5,eng=1", ["eng", "tur"])
    [1.0, 1.5]
    """
    targets = _parse_ratio(text)
    if not isinstance(targets, dict):
        if len(targets) != len(groups):
            raise ParameterError(
                f"ratio: {len(targets)} targets for {len(groups)} languages ({_short(groups)}); "
                f"give one for each in this order, or name them: {groups[0]}=1,…"
            )
        return targets
    if set(targets) != set(groups):
        wrong = sorted(set(targets) ^ set(groups))
        raise ParameterError(
            f"ratio: {_short(wrong)} only on one side; give one target for each of {_short(groups)}"
        )
    return [targets[group] for group in groups]


def _parse_ratio(text: str) -> list[float] | dict[str, float]:
    named: dict[str, float] = {}
    listed: list[float] = []
    for item in text.split(","):
        name, sign, number = item.rpartition("=")
        try:
            target = float(number)
        except ValueError:
            raise ParameterError(f"ratio: {number.strip()!r} is not a number (in {text!r})") from None
        if not (math.isfinite(target) and target > 0):
            raise ParameterError(f"ratio: targets must be above 0, got {number.strip()}")
        if name.strip() in named:
            raise ParameterError(f"ratio: {name.strip()} is given twice")
        if sign:
            named[name.strip()] = target
        else:
            listed.append(target)
    if named and listed:
        raise ParameterError(f"ratio: name every language or none, got {text!r}")
    return named or listed


def _check_filled(counts: PretokenCounts) -> None:
    sizes = counts.native.totals()[1]
    empty = [group for group, size in zip(counts.groups, sizes, strict=True) if not size]
    if empty or not sizes:
        raise ParameterError(
            f"source: no training text for {_short(empty) or 'any language'}; add some, or leave the language out of "
            f"both sides"
        )


def _settings(
    algorithm: Parity,
    request: Request,
    counts: PretokenCounts,
    known: dict[str, Any],
    cut: dict[str, Any],
) -> Settings:
    special, unknown = tuple(request.special_tokens), known.get("unknown")
    if isinstance(unknown, str) and unknown not in special:
        special = (unknown, *special)
    alphabet = known.pop("initial_alphabet", "bytes" if known.get("unit", "byte") == "byte" else "seen")
    return Settings(
        vocab_size=request.vocab_size,
        pretokenizer=counts.pretokenizer,
        special_tokens=special,
        initial_alphabet=alphabet if isinstance(alphabet, str) else tuple(alphabet),
        objective=ALGORITHMS.spell(algorithm),
        allow_smaller=request.allow_smaller,
        weights=None if counts.weights is None else counts.weights.as_dict(),
        weight_scale=1 if counts.weights is None else counts.weights.scale,
        **known,
        **cut,
    )


def _short(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
