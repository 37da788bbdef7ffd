"""SaGe: take away from a large vocabulary the tokens whose contexts a skip-gram model would rather do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokbench import _rust
from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.algorithms.tokens import (
    MIN_FREQUENCY,
    check_filled,
    flat,
    geometric,
    initial_tokens,
    ordinary_size,
    read_sizes,
    threads_of,
    tokens_of,
    vocabulary,
)
from tokbench.bpe import EMPTY_MERGES, BpeModel, Training
from tokbench.counts import count
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer
else:
    from tokbench.late import pl


@register
@dataclass(frozen=True)
class Sage(Algorithm):
    """Drop, round by round, the tokens whose loss changes the likelihood of contexts for the better."""

    initial: str = "bpe"
    initial_size: int | None = None
    initial_pretokenizer: str = "cl100k"
    rounds: int = 10
    schedule: str | None = None
    embeddings_schedule: str | None = None
    embeddings_every: int = 2
    dimensions: int = 50
    negative: int = 15
    rate: float = 0.025
    window: int = 5
    min_count: int = 1
    sample: float = 0.001
    epochs: int = 5
    max_lines: int = 1_000_000

    reads_text: ClassVar[bool] = True
    checkpoints: ClassVar[str] = ""
    about: ClassVar[About] = About(
        name="sage",
        summary="contextual: prune a large vocabulary by a skip-gram model of its tokens",
        definition=(
            "Start from a large vocabulary that holds all 256 bytes and cut a sample of lines into the longest tokens "
            "that fit, from left to right. Skip-gram vectors E (negative sampling, E for target and context alike) "
            "are learned from the tokens. The loss of a token is, over all its occurrences, the negative log "
            "likelihood -log sigmoid(E_a . E_b) of the token pairs at most two apart when that occurrence is cut "
            "without the token (its longest proper prefix that is a token, then greedily until a boundary of the "
            "first cut), with two tokens of context at each side, less that of the first cut. In every round tokens "
            "that do not occur go first, then those with the smallest loss (of equals the later in the initial "
            "vocabulary), until the size of the schedule is reached. Encoding takes the longest token that fits."
        ),
        source="Yehezkel, Pinter (2023), arXiv 2210.07095; settings as in SaGe 2.0 (PyPI sage-tokenizer)",
        export="Hugging Face tokenizer.json as WordPiece without prefix, exactly",
        parameters={
            "initial": "what proposes the first vocabulary: bpe, ngrams (most frequent byte strings) or unigram; "
            "start= names a tokenizer instead",
            "initial_size": "its size; that of the schedule, or 4 times vocab_size (16 times for ngrams) unless given",
            "initial_pretokenizer": "the pre-tokenizer for the first vocabulary where text is cut without one",
            "rounds": "number of rounds where no schedule is given; sizes shrink by the same share each time",
            "schedule": "sizes of the vocabulary, descending to vocab_size, such as 65536/49152/32768",
            "embeddings_schedule": "the sizes at which vectors are learned anew; they always are at the beginning",
            "embeddings_every": "learn vectors anew every so many rounds where no embeddings_schedule is given",
            "dimensions": "length of the vectors",
            "negative": "tokens drawn against each pair",
            "rate": "learning rate at the beginning",
            "window": "widest reach to either side when vectors are learned",
            "min_count": "rarer tokens keep their first, random vector",
            "sample": "share of the text above which a token is left out at random when vectors are learned; 0: never",
            "epochs": "passes through the text when vectors are learned",
            "max_lines": "size of the sample, in lines; every document is cut behind its line feeds",
        },
        pitfalls=(
            "Text is not cut into pretokens unless a pre-tokenizer is given. Vectors are learned on one thread, so "
            "that they are the same for any number of threads; losses are computed on all."
        ),
    )

    def __post_init__(self) -> None:
        self.check_least(rounds=1, embeddings_every=1, dimensions=1, negative=0, window=1, min_count=1)
        self.check_least(epochs=1, max_lines=1, sample=0)
        self.check_above(rate=0)

    def train(self, request: Request) -> Tokenizer:
        """Train; `max_token_length`, `min_frequency`, `start` and `seed` are known."""
        known = request.settings(self, "max_token_length", "min_frequency", "start", "seed")
        corpus = request.corpus(self)
        pretokenizer = request.pretokenizer or "none"
        size, seed = ordinary_size(request), known.get("seed", 0)
        max_length = known.get("max_token_length", 16)
        if max_length < 2:
            message = f"max_token_length: must be at least 2, got {max_length}"
            raise ParameterError(message)
        schedule = None if self.schedule is None else read_sizes("schedule", self.schedule)
        if schedule is not None and (
            schedule != sorted(set(schedule), reverse=True) or schedule[-1] != request.vocab_size
        ):
            message = f"schedule: {self.schedule!r} must descend to vocab_size, {request.vocab_size}"
            raise ParameterError(message)
        if request.start is not None:
            tokens = tokens_of(request.start, max_length)
        else:
            share = 16 if self.initial == "ngrams" else 4
            wanted = self.initial_size or (schedule[0] if schedule else share * request.vocab_size)
            cut = self.initial_pretokenizer if pretokenizer == "none" else pretokenizer
            counts = count(
                corpus, cut, threads=request.threads, progress=request.progress, **request.counting
            )
            tokens = initial_tokens(
                counts,
                method=self.initial,
                size=wanted - len(request.special_tokens),
                max_length=max_length,
                min_frequency=known.get("min_frequency", MIN_FREQUENCY),
                request=request,
            )
        check_filled(min(len(tokens), size), request, "use more text, or a larger initial_size")
        n_special = len(request.special_tokens)
        if schedule is not None:
            sizes = [step - n_special for step in schedule if step - n_special < len(tokens)]
        else:
            sizes = geometric(len(tokens), size, self.rounds) if size < len(tokens) else []
        anew = self._anew([len(tokens), *sizes], n_special)
        lines = sample_lines(corpus, seed=seed, limit=self.max_lines, progress=request.progress)
        kept, log = prune(
            self, lines, tokens, sizes=sizes, anew=anew, pretokenizer=pretokenizer, seed=seed,
            threads=threads_of(request), progress=request.progress,
        )  # fmt: skip
        settings = {
            "algorithm": ALGORITHMS.spell(self),
            "vocab_size": request.vocab_size,
            "pretokenizer": pretokenizer,
            "special_tokens": list(request.special_tokens),
            "max_token_length": max_length,
            "min_frequency": known.get("min_frequency", MIN_FREQUENCY),
            "initial_tokens": len(tokens),
            "sizes": [step + n_special for step in sizes],
            "start": None if request.start is None else request.start.fingerprint,
            "lines": len(lines),
            "lines_seen": lines.n_seen,
            "seed": seed,
        }
        vocab = vocabulary(kept, request.special_tokens)
        model = BpeModel(vocab, EMPTY_MERGES, pretokenizer, method="longest")
        return BpeTokenizer(model, name="trained", training=Training(settings, log))

    def _anew(self, sizes: Sequence[int], n_special: int) -> set[int]:
        """Return the numbers of the rounds in which vectors are learned; the first always."""
        if self.embeddings_schedule is None:
            return set(range(0, len(sizes), self.embeddings_every))
        wanted = {size - n_special for size in read_sizes("embeddings_schedule", self.embeddings_schedule)}
        return {0, *(place for place, size in enumerate(sizes) if size in wanted)}


def sample_lines(
    corpus: Corpus, *, seed: int, limit: int, progress: Callable[[str, int, int], None] | None = None
) -> _rust.Lines:
    """Return up to `limit` lines that depend on the text and the seed, not on the order of files.

    Raises:
        ParameterError: when the corpus holds no text.
    """
    sample = _rust.LineSample(seed, limit)
    for language in corpus.languages:
        for batch in corpus.batches(language):
            sample.add_documents(batch.data, batch.offsets, progress)
    lines = sample.finish()
    if not len(lines):
        message = "source: the corpus holds no text"
        raise ParameterError(message)
    return lines


def vectors(
    sage: Sage, cutter: _rust.SageCutter, lines: _rust.Lines, *, seed: int, threads: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    """Return skip-gram vectors, row i for token i."""
    return cutter.vectors(
        lines,
        dimensions=sage.dimensions,
        negative=sage.negative,
        rate=sage.rate,
        window=sage.window,
        min_count=sage.min_count,
        sample=sage.sample,
        epochs=sage.epochs,
        seed=seed,
        threads=threads,
        progress=progress,
    )


def prune(
    sage: Sage,
    lines: _rust.Lines,
    tokens: Sequence[bytes],
    *,
    sizes: Sequence[int],
    anew: set[int],
    pretokenizer: str,
    seed: int,
    threads: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[list[bytes], pl.DataFrame]:
    """Return the tokens that stay, in their order, and the log.

    Ids stay those of the initial vocabulary to the end, so that a vector never belongs to another token. The log has
    one row for each token that went: step (the round), token, loss (null for one that did not occur), uses, size
    (after it).
    """
    arena, offsets = flat(tokens)
    alive = np.ones(len(tokens), dtype=np.bool_)
    multiple = np.diff(offsets) > 1
    learned: NDArray[np.float32] | None = None
    rows: list[pl.DataFrame] = []
    for place, size in enumerate(sizes):
        cutter = _rust.SageCutter(arena, offsets, alive, pretokenizer)
        if learned is None or place in anew:
            learned = vectors(sage, cutter, lines, seed=seed, threads=threads, progress=progress)
        losses, uses = cutter.losses(lines, learned, threads=threads, progress=progress)
        gone = choose(losses, uses, candidates=alive & multiple, n=int(alive.sum()) - size)
        rows.append(
            pl.DataFrame(
                {
                    "step": np.full(len(gone), place + 1, dtype=np.uint32),
                    "token": pl.Series([tokens[token] for token in gone.tolist()], dtype=pl.Binary),
                    "loss": pl.Series(losses[gone]).set(pl.Series(uses[gone] == 0), None),
                    "uses": uses[gone],
                    "size": np.arange(alive.sum() - 1, size - 1, -1, dtype=np.uint32),
                }
            )
        )
        alive[gone] = False
    schema = {"step": pl.UInt32, "token": pl.Binary, "loss": pl.Float64, "uses": pl.UInt64, "size": pl.UInt32}
    log = pl.concat(rows) if rows else pl.DataFrame(schema=schema)
    return [token for token, kept in zip(tokens, alive.tolist(), strict=True) if kept], log


def choose(
    losses: NDArray[np.float64], uses: NDArray[np.uint64], *, candidates: NDArray[np.bool_], n: int
) -> NDArray[np.int64]:
    """Return the `n` candidates that go: those that do not occur, then the smallest loss; of equals the higher id.

    Example:
        >>> choose(np.array([0, 0, 2.0, 1.0]), np.array([0, 0, 3, 3]), candidates=np.ones(4, bool), n=3).tolist()
        [1, 0, 3]
    """
    ids = np.flatnonzero(candidates)
    order = np.lexsort((-ids, losses[ids], uses[ids] > 0))
    return ids[order[:n]]
