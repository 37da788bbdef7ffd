"""BoundlessBPE as first published: words and superwords compete in one loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench.algorithm import About, Algorithm, Request, register
from tokbench.algorithms.boundless import Second
from tokbench.algorithms.operating import Finished, Inventory
from tokbench.algorithms.picky import ALPHABETS, KNOWN, check_tau, settings_of, spellings, word_engine
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.objectives.picky import Picky as PickyObjective
from tokbench.objectives.state import EngineState
from tokbench.runs import admitted, count_runs

if TYPE_CHECKING:
    from tokbench import _rust
    from tokbench.algorithms.operating import Pair, Row
    from tokbench.objectives.protocol import Delete, Merge
    from tokbench.tokenizer import Tokenizer


@register
@dataclass(frozen=True)
class BoundlessOnePass(Algorithm):
    """Merge words and runs of whole words in one loop, whichever pair is the most frequent."""

    tau: float = 0.9
    ties: str = "supers"
    rules: str = "exact"
    could_merge: str = "letter"
    alphabet: str = "bytes"

    about: ClassVar[About] = About(
        name="boundless_one_pass",
        summary="BoundlessBPE, one pass: words and superwords compete from the start",
        definition=(
            "In each step the most frequent pair inside of pretokens is compared with the most frequent pair of "
            "neighbours in runs of admitted pretokens, and the more frequent of the two is merged. A pretoken takes "
            "part in super-merges while it is one token: it is unlocked when it becomes one and locked when that token "
            "is deleted (deletions as in picky, of word tokens only, into bytes). Encoding as boundless."
        ),
        source="Schmidt et al. (2025), arXiv 2504.00178",
        export="none exactly: see boundless",
        parameters={
            "tau": "see picky; above 1 no token is deleted",
            "ties": "at equal counts the super-merge (supers, as published) or the word merge (words) comes first",
            "rules": (
                "exact; or literal, as the published program does: a pair is refused if its spelling was ever a token, "
                "deleted tokens keep counting for the size, pretokens of one byte never take part, and a pretoken that "
                "fell apart again still does"
            ),
            "could_merge": "which pretokens may join a superword: see boundless",
            "alphabet": "bytes: all 256; utf8: the 243 that occur in valid UTF-8, and what else occurs in the text",
        },
        pitfalls="All runs of admitted pretokens are in memory, whether they ever become tokens or not.",
    )
    reads_text: ClassVar[bool] = True
    default_pretokenizer: ClassVar[str] = "o200k"

    def __post_init__(self) -> None:
        self.check_choice(ties=("supers", "words"), rules=("exact", "literal"), alphabet=ALPHABETS)
        check_tau(self.tau)
        admitted(self.could_merge, [])

    def train(self, request: Request) -> Tokenizer:
        """Train on running text."""
        return self.finish(request).tokenizer(self.about.name)

    def finish(self, request: Request) -> Finished:
        """Carry the training out, up to the numbering of the tokens.

        Raises:
            ParameterError: for a size below that of the alphabet.
            ExhaustedError: when no pair is left, unless a smaller vocabulary is allowed.
        """
        known = request.settings(self, *KNOWN)
        corpus = request.corpus(self)
        counts = request.counts(self.default_pretokenizer)
        settings = settings_of(self, request, counts, alphabet=self.alphabet, **known)
        n_tokens = request.vocab_size - len(request.special_tokens)
        engine = word_engine(counts, settings, overlap=False, request=request)
        names = admitted(
            self.could_merge, counts.to_frame()["pretoken"].unique(maintain_order=True).to_list()
        )
        runs = count_runs(
            corpus, counts.pretokenizer, names, threads=request.threads, progress=request.progress
        )
        # About what plain training would follow.
        floor = max(1, counts.total_bytes // max(n_tokens, 1) // 64)
        loop = _Loop(self, engine, Second(runs, settings, request, floor=floor, locked=True))
        if n_tokens < len(loop.inventory):
            message = f"vocab_size: must be at least {len(loop.inventory)}, the alphabet; got {n_tokens}"
            raise ParameterError(message)
        while loop.size < n_tokens and loop.step():
            if request.progress is not None and len(loop.steps) % 256 == 0:
                request.progress("merging", loop.size, n_tokens)
        if loop.size < n_tokens and not request.allow_smaller:
            message = (
                f"vocabulary size {request.vocab_size} asked for, {loop.size + len(request.special_tokens)} possible: "
                f"no pair is left; use more text, a smaller vocab_size or allow_smaller"
            )
            raise ExhaustedError(message)
        return Finished(
            kept=loop.kept,
            supers=loop.supers,
            inventory=loop.inventory,
            steps=loop.steps,
            pretokenizer=counts.pretokenizer,
            special_tokens=request.special_tokens,
            settings=settings.as_dict(),
        )


class _Loop:
    """The two engines, and what they have made."""

    def __init__(self, rule: BoundlessOnePass, words: _rust.Engine, second: Second) -> None:
        self.rule = rule
        self.literal = rule.rules == "literal"
        self.words = words
        self.second = second
        self.spelled = spellings(words)
        self.inventory = Inventory(self.spelled)
        self.ever = set(self.spelled)
        self.symbols = {name: i for i, name in enumerate(second.spelled)}
        self.state = EngineState(words)
        self.objective = PickyObjective(rule.tau)
        self.kept: list[Row] = []
        self.supers: list[Pair] = []
        self.steps: list[tuple[str, Row, int]] = []
        for name, symbol in self.symbols.items():
            if len(name) == 1 and not self.literal:
                second.engine.unlock(symbol)

    @property
    def size(self) -> int:
        """How many tokens count."""
        return len(self.ever) if self.literal else len(self.inventory)

    def step(self) -> bool:
        """Carry the next merge out with the deletions that it calls for; False when there is none."""
        word = self._best_word()
        found = self._best_super()
        if found is not None:
            left, right, count, pair = found
            regular = 0 if word is None else self._count(word)
            if count > regular or (count == regular and self.rule.ties == "supers"):
                self.second.merge(left, right)
                self.supers.append(pair)
                self.steps.append(("super", ("merge", *pair), count))
                self.inventory.add(pair[0] + pair[1])
                self.ever.add(pair[0] + pair[1])
                return True
        if word is None:
            return False
        # The objective sees the same best pair, and then asks for the deletions.
        step = self.objective.choose(self.state)
        assert step == word, "nothing has happened in between"
        self._merge(word)
        while (deletion := self.objective.choose_deletion(self.state)) is not None:
            self._delete(deletion)
        return True

    def _merge(self, word: Merge) -> None:
        row: Row = ("merge", self.spelled[word.left], self.spelled[word.right])
        result, count, _ = self.words.merge(word.left, word.right)
        token = row[1] + row[2]
        if result == len(self.spelled):
            self.spelled.append(token)
        self._keep(row, count)
        self.ever.add(token)
        symbol = self.symbols.get(token)
        if symbol is not None and self.words.is_whole_word(result):
            self.second.engine.unlock(symbol)

    def _delete(self, step: Delete) -> None:
        token = self.spelled[step.token]
        count = self.words.delete(step.token, list(step.parts))
        self._keep(("delete", token, *(self.spelled[part] for part in step.parts)), count)
        symbol = self.symbols.get(token)
        if symbol is not None and not self.literal:
            self.second.engine.lock(symbol)

    def _keep(self, row: Row, count: int) -> None:
        self.kept.append(row)
        self.inventory.apply(row)
        self.steps.append((row[0], row, count))

    def _count(self, word: Merge) -> int:
        return word.count if word.count is not None else self.words.count(word.left, word.right)

    def _best_word(self) -> Merge | None:
        while (best := self.state.best()) is not None:
            if not self.literal or self.spelled[best.left] + self.spelled[best.right] not in self.ever:
                return best
            self.words.refuse(best.left, best.right)
        return None

    def _best_super(self) -> tuple[int, int, int, Pair] | None:
        while (best := self.second.best()) is not None:
            if not self.literal or b"".join(best[3]) not in self.ever:
                return best
            self.second.engine.refuse(best[0], best[1])
        return None
