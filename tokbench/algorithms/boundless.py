"""BoundlessBPE in two passes: words first, then superwords that compete with the word merges by their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench import _rust
from tokbench.algorithm import About, Algorithm, Request, register
from tokbench.algorithms.operating import Inventory, Steps, check_choice, log_of
from tokbench.algorithms.picky import (
    ALPHABETS,
    KNOWN,
    Picky,
    check_tau,
    settings_of,
    spellings,
    train_words,
)
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.runs import admitted, count_runs

if TYPE_CHECKING:
    from tokbench.algorithms.operating import Pair, Row
    from tokbench.algorithms.picky import Words
    from tokbench.runs import Runs
    from tokbench.settings import Settings
    from tokbench.tokenizer import Tokenizer


@register
@dataclass(frozen=True)
class Boundless(Algorithm):
    """Merge words, then let merges across pretokens displace the rarest word merges."""

    tau: float = 1.1
    parts: str = "bytes"
    could_merge: str = "letter"
    alphabet: str = "bytes"
    supers: int | None = None

    about: ClassVar[About] = About(
        name="boundless",
        aliases=("boundlessbpe",),
        summary="BoundlessBPE in two passes: superwords across pretokens displace the rarest word merges",
        definition=(
            "Pass 1 trains a word model of V tokens (picky with tau). Pass 2 counts, in each document, the maximal "
            "runs of at least two consecutive pretokens that the word model encodes as one token and that could_merge "
            "admits, and merges the most frequent pair of neighbours in them, again and again. The vocabulary is "
            "filled anew from the alphabet: the next super-merge is taken if it counts more than the next word merge "
            "and both its parts are there, otherwise the word merge and the deletions behind it. What is left of the "
            "word model is dropped. Encoding: words inside of pretokens, then super-merges by rank over runs of "
            "pretokens that became one token. A pair that spells a single pretoken is never merged."
        ),
        source="Schmidt et al. (2025), arXiv 2504.00178; in two passes, arXiv 2604.05192",
        export="none exactly: whether a pretoken takes part is decided by its encoding, which no other format expresses",
        parameters={
            "tau": "deletes word tokens as picky does; above 1 (the default) none is",
            "parts": "what remains of a deleted token is split into bytes, or present: see picky",
            "could_merge": (
                "which pretokens may join a superword: letter (valid UTF-8 with a letter), words (only letters, "
                "marks, spaces, underscores and apostrophes), or regex:PATTERN"
            ),
            "alphabet": "bytes: all 256; utf8: the 243 that occur in valid UTF-8, and what else occurs in the text",
            "supers": (
                "instead of competing, keep the whole word model of V minus so many tokens and add so many superwords"
            ),
        },
        pitfalls="Documents matter: a run never crosses the end of one.",
    )
    reads_text: ClassVar[bool] = True
    default_pretokenizer: ClassVar[str] = "o200k"

    def __post_init__(self) -> None:
        check_choice("parts", self.parts, ("bytes", "present"))
        check_choice("alphabet", self.alphabet, ALPHABETS)
        check_tau(self.tau)
        admitted(self.could_merge, [])
        if self.supers is not None and self.supers < 0:
            message = f"supers: must be at least 0, got {self.supers}"
            raise ParameterError(message)

    def train(self, request: Request) -> Tokenizer:
        """Train on running text."""
        known = request.settings(self, *KNOWN)
        corpus = request.corpus(self)
        counts = request.counts(self.default_pretokenizer)
        settings = settings_of(self, request, counts, alphabet=self.alphabet, **known)
        n_tokens = request.vocab_size - len(request.special_tokens)
        rule = Picky(tau=self.tau, parts=self.parts, alphabet=self.alphabet)
        words = train_words(counts, settings, rule, n_tokens=n_tokens - (self.supers or 0), request=request)
        runs = count_runs(
            corpus,
            counts.pretokenizer,
            admitted(self.could_merge, words.whole()),
            threads=request.threads,
            progress=request.progress,
        )
        made = Second(runs, settings, request).fill(words, n_tokens, competes=self.supers is None)
        if len(made.steps.inventory) < n_tokens and not request.allow_smaller:
            possible = len(made.steps.inventory) + len(request.special_tokens)
            message = (
                f"vocabulary size {request.vocab_size} asked for, {possible} possible: neither words nor runs hold "
                f"another pair; use more text, a smaller vocab_size or allow_smaller"
            )
            raise ExhaustedError(message)
        return made.steps.tokenizer(
            name=self.about.name,
            special_tokens=request.special_tokens,
            pretokenizer=counts.pretokenizer,
            settings=settings.as_dict(),
            log=log_of(made.rows, made.operations, made.counts),
        )


@dataclass(frozen=True)
class Filled:
    """A filled vocabulary, and everything that filled it in order."""

    steps: Steps
    rows: list[Row]
    operations: list[str]
    counts: list[int]


class Second:
    """The second pass: an engine over runs, and the order in which words and superwords come."""

    def __init__(
        self, runs: Runs, settings: Settings, request: Request, *, locked: bool = False
    ) -> None:
        self.engine = _rust.Engine.over_sequences(
            list(runs.names),
            runs.arrays,
            tie_break=settings.tie_break,
            overlap=False,
            min_frequency=settings.pair_floor,
            max_token_length=None,
            expected_merges=settings.vocab_size,
            first_floor=None,
            locked=locked,
            progress=request.progress,
        )
        self.spelled = spellings(self.engine)
        self.progress = request.progress

    def best(self) -> tuple[int, int, int, Pair] | None:
        """Return the best pair: ids, count, and what it spells."""
        found = self.engine.best()
        if found is None:
            return None
        left, right, count = found
        return left, right, count, (self.spelled[left], self.spelled[right])

    def merge(self, left: int, right: int) -> None:
        """Merge a pair in all runs."""
        result, _, _ = self.engine.merge(left, right)
        if result == len(self.spelled):
            self.spelled.append(self.engine.token_bytes(result))

    def fill(self, words: Words, n_tokens: int, *, competes: bool) -> Filled:
        """Fill the vocabulary by counts, or behind the whole word model."""
        inventory = Inventory(words.alphabet)
        kept: list[Row] = []
        supers: list[Pair] = []
        filled = Filled(Steps(kept, supers, inventory), [], [], [])
        word_counts = words.counts.tolist()
        at = 0

        def take(row: Row, operation: str, count: int) -> None:
            filled.rows.append(row)
            filled.operations.append(operation)
            filled.counts.append(count)

        def keep_word() -> None:
            nonlocal at
            kept.append(words.rows[at])
            inventory.apply(words.rows[at])
            take(words.rows[at], words.rows[at][0], word_counts[at])
            at += 1

        while not competes and at < len(words.rows):
            keep_word()
        best = self.best()
        first = len(inventory)
        while len(inventory) < n_tokens and (best is not None or at < len(words.rows)):
            next_word = word_counts[at] if at < len(words.rows) else 0
            if best is not None and best[2] > next_word and all(part in inventory for part in best[3]):
                left, right, count, pair = best
                self.merge(left, right)
                supers.append(pair)
                inventory.add(pair[0] + pair[1])
                take(("merge", *pair), "super", count)
                best = self.best()
            elif at < len(words.rows):
                keep_word()
                while at < len(words.rows) and words.rows[at][0] == "delete":
                    keep_word()
            else:
                break
            if self.progress is not None and len(filled.rows) % 256 == 0:
                self.progress("merging", len(inventory) - first, n_tokens - first)
        return filled
