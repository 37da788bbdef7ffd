"""Parity-aware BPE (Foroutan et al. 2025, arXiv 2508.04796): each step serves the language that is worst off.

The step merges the most frequent pair of that language's training text, everywhere. Who is worst off is read off
lengths: those of a parallel development set, of the training text, or of the training text relative to a target
rate. The native loop of the extension makes the same choices; a parity test binds the two.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokbench.objectives.protocol import Merge, State


class ParityAware:
    """The rule and what it remembers; one object serves one run.

    Args:
        n_languages: the training groups, by number.
        first_column: the column of `lengths` that measures language 0; the others follow it.
        weights: multiply the measured lengths, one integer per language.
        ratio: serve the language with the smallest ``(initial length / length) / ratio`` of its training text
            instead; one target per language.
        global_merges: so many first steps take the best pair of all languages together.
        window: ``(W, share)``: a language that had more than this share of the last W selections is passed over;
            where all had it, the one that is best off is served.
        stop: stop when the language to be served has no pair left, instead of leaving it out from there on.
    """

    tracks_groups = True

    def __init__(
        self,
        n_languages: int,
        *,
        first_column: int = 0,
        weights: Sequence[int] | None = None,
        ratio: Sequence[float] | None = None,
        global_merges: int = 0,
        window: tuple[int, float] | None = None,
        stop: bool = False,
    ) -> None:
        self.n_languages = n_languages
        self.first_column = first_column
        self.weights = weights or [1] * n_languages
        self.ratio = ratio
        self.global_merges = global_merges
        self.window = window
        self.stop = stop
        self.served: list[int | None] = []
        self.exhausted: dict[int, int] = {}
        self._recent: deque[int] = deque(maxlen=None if window is None else window[0])
        self._initial: list[int] = []

    def choose(self, state: State) -> Merge | None:
        """Return the best pair of the language that is worst off; None when there is none to serve."""
        if not self._initial:
            self._initial = state.lengths().tolist()
        if len(self.served) < self.global_merges:
            self.served.append(None)
            return state.best()
        while (language := self._select(state.lengths().tolist())) is not None:
            best = state.best(language)
            if best is not None:
                self.served.append(language)
                return best
            self.exhausted[language] = len(self.served)
            if self.stop:
                break
        return None

    def _select(self, lengths: Sequence[int]) -> int | None:
        left = [language for language in range(self.n_languages) if language not in self.exhausted]
        # A stable sort: of languages that are equally badly off the first comes first.
        left.sort(key=lambda language: self._distress(language, lengths), reverse=True)
        if not left:
            return None
        if self.window is None:
            return left[0]
        size, share = self.window
        chosen = next((one for one in left if self._recent.count(one) / size <= share), left[-1])
        self._recent.append(chosen)
        return chosen

    def _distress(self, language: int, lengths: Sequence[int]) -> float:
        if self.ratio is None:
            return lengths[self.first_column + language] * self.weights[language]
        return -((self._initial[language] / lengths[language]) / self.ratio[language])
