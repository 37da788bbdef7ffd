"""BoundlessBPE in two passes: words first, then superwords that compete with the word merges by their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench import _rust
from tokbench.algorithm import About, Algorithm, Request, register
from tokbench.algorithms.operating import Finished, Inventory
from tokbench.algorithms.picky import (
    ALPHABETS,
    KNOWN,
    Picky,
    check_tau,
    settings_of,
    spellings,
    train_words,
)
from tokbench.errors import ExhaustedError
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
        summary="BoundlessBPE, two passes: superwords displace the rarest word merges",
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
        export="none exactly: whether a pretoken takes part depends on its encoding, which no other format expresses",
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
        self.check_choice(parts=("bytes", "present"), alphabet=ALPHABETS)
        check_tau(self.tau)
        admitted(self.could_merge, [])
        self.check_least(supers=0)

    def train(self, request: Request) -> Tokenizer:
        """Train on running text."""
        return self.finish(request).tokenizer(self.about.name)

    def finish(self, request: Request) -> Finished:
        """Carry the training out, up to the numbering of the tokens.

        Raises:
            ExhaustedError: when neither words nor runs hold another pair, unless a smaller vocabulary is allowed.
        """
        known = request.settings(self, *KNOWN)
        corpus = request.corpus(self)
        counts = request.counts(self.default_pretokenizer)
        settings = settings_of(self, request, counts, alphabet=self.alphabet, **known)
        n_tokens = request.vocab_size - len(request.special_tokens)
        rule = Picky(tau=self.tau, parts=self.parts, alphabet=self.alphabet)
        words = train_words(counts, settings, rule, n_tokens=n_tokens - (self.supers or 0), request=request)
        floor = floor_of(words, n_tokens) if self.supers is None else None
        memory = request.counting.get("memory")
        runs = count_runs(
            corpus,
            counts.pretokenizer,
            admitted(self.could_merge, words.whole()),
            # Cutting reads the text once more and changes no merge: it is worth that only where memory is short.
            floor=None if memory is None else floor,
            threads=request.threads,
            memory=memory,
            temporary=request.counting.get("temporary"),
            progress=request.progress,
        )
        filling = Filling(words, Second(runs, settings, request, floor=floor))
        goal = n_tokens
        if self.supers is not None:
            filling.keep_all()
            goal = len(filling.inventory) + self.supers
        while len(filling.inventory) < goal and filling.step():
            if request.progress is not None and len(filling.steps) % 256 == 0:
                request.progress("merging", len(filling.inventory), n_tokens)
        if len(filling.inventory) < n_tokens and not request.allow_smaller:
            possible = len(filling.inventory) + len(request.special_tokens)
            message = (
                f"vocabulary size {request.vocab_size} asked for, {possible} possible: neither words nor runs hold "
                f"another pair; use more text, a smaller vocab_size or allow_smaller"
            )
            raise ExhaustedError(message)
        return Finished(
            kept=filling.kept,
            supers=filling.supers,
            inventory=filling.inventory,
            steps=filling.steps,
            pretokenizer=counts.pretokenizer,
            special_tokens=request.special_tokens,
            settings=settings.as_dict(),
        )


def floor_of(words: Words, n_tokens: int) -> int | None:
    """Return what every superword counts more than; None where words alone do not fill the vocabulary.

    A superword is taken only while it counts more than the next word, so never one below the rarest word.
    """
    inventory = Inventory(words.alphabet)
    for row in words.rows:
        inventory.apply(row)
    if len(inventory) < n_tokens or not words.rows:
        return None
    counts: list[int] = words.counts.tolist()
    return min(count for row, count in zip(words.rows, counts, strict=True) if row[0] == "merge")


class Filling:
    """The vocabulary while it is filled with words and superwords, whichever counts more."""

    def __init__(self, words: Words, second: Second) -> None:
        self.inventory = Inventory(words.alphabet)
        self.kept: list[Row] = []
        self.supers: list[Pair] = []
        self.steps: list[tuple[str, Row, int]] = []
        self._words = list(zip(words.rows, words.counts.tolist(), strict=True))
        self._second = second
        self._best = second.best()

    def step(self) -> bool:
        """Take the next superword or the next word with the deletions behind it; False when nothing is left."""
        at = len(self.kept)
        next_word = self._words[at][1] if at < len(self._words) else 0
        best = self._best
        if best is not None and best[2] > next_word and all(part in self.inventory for part in best[3]):
            left, right, count, pair = best
            self._second.merge(left, right)
            self.supers.append(pair)
            self.inventory.add(pair[0] + pair[1])
            self.steps.append(("super", ("merge", *pair), count))
            self._best = self._second.best()
            return True
        if at == len(self._words):
            return False
        self._keep_word()
        while len(self.kept) < len(self._words) and self._words[len(self.kept)][0][0] == "delete":
            self._keep_word()
        return True

    def keep_all(self) -> None:
        """Take all words."""
        while len(self.kept) < len(self._words):
            self._keep_word()

    def _keep_word(self) -> None:
        row, count = self._words[len(self.kept)]
        self.kept.append(row)
        self.inventory.apply(row)
        self.steps.append((row[0], row, count))


class Second:
    """The engine over runs, and what its tokens spell."""

    def __init__(
        self,
        runs: Runs,
        settings: Settings,
        request: Request,
        *,
        floor: int | None = None,
        locked: bool = False,
    ) -> None:
        # A pair below the floor is not followed until it is asked for: for speed, never for the result.
        self.engine = _rust.Engine.over_sequences(
            list(runs.names),
            runs.arrays,
            tie_break=settings.tie_break,
            overlap=False,
            min_frequency=settings.pair_floor,
            max_token_length=None,
            expected_merges=settings.vocab_size,
            first_floor=floor,
            locked=locked,
            progress=request.progress,
        )
        self.spelled = spellings(self.engine)

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
