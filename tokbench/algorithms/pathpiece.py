"""PathPiece: take away from a large vocabulary the tokens whose loss costs the fewest further tokens."""

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
    threads_of,
    tokens_of,
    vocabulary,
)
from tokbench.bpe import EMPTY_MERGES, BpeModel, Training
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tokbench.counts import PretokenCounts
    from tokbench.tokenizer import Tokenizer
else:
    from tokbench.late import pl

MAX_LENGTH = 64


@register
@dataclass(frozen=True)
class PathPiece(Algorithm):
    """Drop, round by round, the tokens that the fewest-token paths can best do without."""

    initial: str = "bpe"
    initial_size: int | None = None
    rounds: int | None = 64

    about: ClassVar[About] = About(
        name="pathpiece",
        summary="fewest tokens: prune a large vocabulary by what each token's loss would cost",
        definition=(
            "Start from a large vocabulary that holds all 256 bytes. A pretoken is cut into the fewest tokens; of "
            "equally many the cut with the widest last token at every place counts. The loss of a token costs, at "
            "each of its occurrences, the cheaper of the best cut with a boundary strictly inside of it and the best "
            "cut with one strictly larger token over it, less the present one; the costs of all occurrences are "
            "added. In every round the cheapest tokens go (of equally cheap ones the later in the initial "
            "vocabulary), until the size is reached. Encoding takes the fewest tokens."
        ),
        source="Schmidt, Reddy, Zhang, Alameddine, Uzan, Pinter, Tanner (2024), arXiv 2402.18376",
        export="Hugging Face tokenizer.json as Unigram with equal scores, exactly",
        parameters={
            "initial": "what proposes the first vocabulary: bpe, ngrams (most frequent byte strings) or unigram; "
            "start= names a tokenizer instead",
            "initial_size": "its size; 3 times vocab_size unless given, 16 times for ngrams, of which most overlap",
            "rounds": "how often costs are renewed; sizes shrink by the same share each time. none: after every token",
        },
        pitfalls=(
            "A far larger initial vocabulary is worse on other text, not better: on 6.7 MB of five languages and "
            "32,000 tokens, 2 to 3 times the size took 1.4 % fewer held-out tokens than BPE, 8 times with tokens that "
            "occur once 8 % more. So what is proposed occurs min_frequency (2) times. Few rounds are bad: tokens that "
            "could stand in for each other all look cheap, and go together. Tokens have at most 16 bytes unless "
            "max_token_length says otherwise (64 at the most)."
        ),
        aliases=("path_piece",),
    )

    def __post_init__(self) -> None:
        self.check_least(rounds=1)

    def train(self, request: Request) -> Tokenizer:
        """Train; lengths, frequencies, weights and `start` are known."""
        known = request.settings(
            self, "max_token_length", "min_frequency", "min_pretoken_count", "weights", "alpha", "start"
        )
        size = ordinary_size(request)
        max_length = known.get("max_token_length", 16)
        if not 2 <= max_length <= MAX_LENGTH:
            message = f"max_token_length: must be between 2 and {MAX_LENGTH}, got {max_length}"
            raise ParameterError(message)
        counts, cut_off = prepared(
            request.counts(),
            min_pretoken_count=known.get("min_pretoken_count", 1),
            weights=known.get("weights"),
            alpha=known.get("alpha"),
        )
        if request.start is not None:
            tokens = tokens_of(request.start, max_length)
        else:
            share = 16 if self.initial == "ngrams" else 3
            wanted = share * request.vocab_size if self.initial_size is None else self.initial_size
            tokens = initial_tokens(
                counts,
                method=self.initial,
                size=wanted,
                max_length=max_length,
                min_frequency=known.get("min_frequency", MIN_FREQUENCY),
                request=request,
            )
        check_filled(min(len(tokens), size), request, "use more text, or a larger initial_size")
        kept, log = prune(
            counts, tokens, size=size, rounds=self.rounds, threads=threads_of(request), request=request
        )
        settings: dict[str, object] = {
            "algorithm": ALGORITHMS.spell(self),
            "vocab_size": request.vocab_size,
            "pretokenizer": counts.pretokenizer,
            "special_tokens": list(request.special_tokens),
            "max_token_length": max_length,
            "min_frequency": known.get("min_frequency", MIN_FREQUENCY),
            "initial_tokens": len(tokens),
            "start": None if request.start is None else request.start.fingerprint,
            "weights": None if counts.weights is None else counts.weights.as_dict(),
            "weight_scale": 1 if counts.weights is None else counts.weights.scale,
        }
        model = BpeModel(
            vocabulary(kept, request.special_tokens),
            EMPTY_MERGES,
            counts.pretokenizer,
            method="fewest",
        )
        return BpeTokenizer(model, name="trained", training=Training(settings | cut_off, log))


def prune(
    counts: PretokenCounts,
    tokens: Sequence[bytes],
    *,
    size: int,
    rounds: int | None,
    threads: int,
    request: Request | None = None,
) -> tuple[list[bytes], pl.DataFrame]:
    """Return the tokens that stay, in their order, and the log.

    The log has one row for each token that went: step (the round), token, cost (in tokens of the text, as expected
    when it was chosen), size (after it) and, for every group, ``tokens_<group>`` after its round.

    Args:
        counts: the text.
        tokens: all 256 bytes among them.
        size: how many stay; not below 256.
        rounds: as in `PathPiece`.
        threads: the result does not depend on them.
        request: for progress.
    """
    if len(tokens) <= size:
        sizes: list[int] = []
    elif rounds is None:
        sizes = list(range(len(tokens) - 1, size - 1, -1))
    else:
        sizes = geometric(len(tokens), size, rounds)
    arena, offsets = flat(tokens)
    dropped, costs, lengths = _rust.train_pathpiece(
        counts.native,
        arena,
        offsets,
        sizes,
        threads=threads,
        progress=None if request is None else request.progress,
    )
    steps = np.repeat(np.arange(1, len(sizes) + 1), -np.diff([len(tokens), *sizes]))
    after = lengths.reshape(len(sizes) + 1, -1)[steps]
    log = pl.DataFrame(
        {
            "step": steps.astype(np.uint32),
            "token": pl.Series([tokens[token] for token in dropped.tolist()], dtype=pl.Binary),
            "cost": costs,
            "size": np.arange(len(tokens) - 1, len(tokens) - 1 - len(dropped), -1, dtype=np.uint32),
            **{f"tokens_{group}": after[:, place] for place, group in enumerate(counts.groups)},
        }
    )
    gone = set(dropped.tolist())
    return [token for place, token in enumerate(tokens) if place not in gone], log
