"""Less is Better: an ordered lexicon of subwords, words and phrases, learned by reading with a memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokbench import _rust
from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.algorithms.sage import sample_lines
from tokbench.algorithms.tokens import BYTES, check_filled, ordinary_size, vocabulary
from tokbench.bpe import EMPTY_MERGES, BpeModel, Training
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tokbench.tokenizer import Tokenizer
else:
    from tokbench.late import pl


@register
@dataclass(frozen=True)
class LessIsBetter(Algorithm):
    """Read articles; reward units that shorten the reading, demote and forget the others."""

    epochs: int = 2000
    article: int = 200
    life: int = 10
    max_length: int = 12
    memory_in: float = 0.25
    memory_out: float = 0.0001
    update_rate: float = 0.2
    max_gap: int = 2
    max_lines: int = 1_000_000

    reads_text: ClassVar[bool] = True
    checkpoints: ClassVar[str] = ""
    about: ClassVar[About] = About(
        name="lib",
        summary="Less is Better: an ordered lexicon with a memory, learned by reading",
        definition=(
            "The lexicon is an ordered list of units, first all characters of the text, the most frequent first, on "
            "probation. In every epoch an article (a run of lines) is drawn and read with the longest units that fit. "
            "With probability memory_in two neighbouring units together, or an unknown stretch, are noticed; noticed "
            "twice in an article they become a unit at the tail. A unit that has a shorter unit as prefix is compared "
            "with it: reading on from both until the readings meet, fewer unknown characters, then fewer pieces, then "
            "the smaller sum of ranks win. At the end of the article units whose probation has run out are forgotten, "
            "then winners move up and losers down by a share of their rank (falling off the end is being forgotten), "
            "and the tail is put on probation, which ends when the unit wins or has no shorter one inside. Encoding "
            "takes the longest unit, or the second longest where the same comparison prefers it, and keeps to that "
            "reading until the two meet; what no unit covers becomes bytes."
        ),
        source="Yang, Frank, van den Bosch (2020), Less is Better, CogALex; github ray306/LiB",
        export="our own format only: no other knows the look-ahead",
        parameters={
            "epochs": "articles that are read",
            "article": "lines of an article",
            "life": "articles that a unit stays on probation",
            "max_length": "characters of the longest unit",
            "memory_in": "how often a pair of neighbours is noticed",
            "memory_out": "share of the tail that is put on probation after an article",
            "update_rate": "share of its rank by which a unit moves",
            "max_gap": "characters of the longest unknown stretch that is noticed",
            "max_lines": "size of the sample of lines",
        },
        pitfalls=(
            "The size of the lexicon follows from the settings; the first units, by rank, become tokens. More epochs "
            "and another seed give another lexicon. Text is not cut into pretokens."
        ),
        aliases=("less_is_better",),
    )

    def __post_init__(self) -> None:
        self.check_least(epochs=1, article=1, life=1, max_length=1, max_lines=1, max_gap=0)
        self.check_between(0, 1, "memory_in", "memory_out", "update_rate")

    def train(self, request: Request) -> Tokenizer:
        """Train; `seed` is known."""
        known = request.settings(self, "seed")
        corpus = request.corpus(self)
        size, seed = ordinary_size(request), known.get("seed", 0)
        if request.pretokenizer not in (None, "none"):
            message = f"pretokenizer: {self.about.name} reads whole lines; leave it out"
            raise ParameterError(message)
        lines = sample_lines(corpus, seed=seed, limit=self.max_lines, progress=request.progress)
        units = learn(self, lines, seed=seed, request=request)
        longer = [unit for unit in units if len(unit) > 1]
        check_filled(256 + min(len(longer), size - 256), request, "read more epochs or more text")
        kept = {*longer[: size - 256], *BYTES}
        log = pl.DataFrame(
            {"rank": range(len(units)), "unit": pl.Series(units, dtype=pl.Binary)},
            schema_overrides={"rank": pl.UInt32},
        )
        settings = {
            "algorithm": ALGORITHMS.spell(self),
            "vocab_size": request.vocab_size,
            "special_tokens": list(request.special_tokens),
            "units": len(units),
            "lines": len(lines),
            "lines_seen": lines.n_seen,
            "seed": seed,
        }
        training = Training(settings, log)
        made = model([unit for unit in units if unit in kept], request.special_tokens)
        return BpeTokenizer(made, name="trained", training=training)


def model(units: Sequence[bytes], special: Sequence[str]) -> BpeModel:
    """Return the model of units, best first: special tokens, the 256 bytes, then the units in their order.

    The rank of a unit is its score. A single byte that is no unit has none; it stands for what no unit covers.
    """
    tokens = [*BYTES, *(unit for unit in units if len(unit) > 1)]
    ranks = {unit: float(rank) for rank, unit in enumerate(units)}
    scores = [*[0.0] * len(special), *(ranks.get(token, -1.0) for token in tokens)]
    return BpeModel(vocabulary(tokens, special), EMPTY_MERGES, "none", method="lib", scores=tuple(scores))


def learn(
    method: LessIsBetter, lines: _rust.Lines, *, seed: int, request: Request | None = None
) -> list[bytes]:
    """Return the units, best first."""
    return _rust.learn_lexicon(
        lines,
        epochs=method.epochs,
        article=method.article,
        life=method.life,
        max_length=method.max_length,
        memory_in=method.memory_in,
        memory_out=method.memory_out,
        update_rate=method.update_rate,
        max_gap=method.max_gap,
        seed=seed,
        progress=None if request is None else request.progress,
    )
