"""PickyBPE: plain BPE that deletes tokens which a merge has nearly used up, and the word model of BoundlessBPE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.algorithms.operating import UTF8_BYTES, Finished, Inventory
from tokbench.errors import ParameterError
from tokbench.settings import Settings
from tokbench.train import prepared, start

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokbench import _rust
    from tokbench.algorithms.operating import Row
    from tokbench.counts import PretokenCounts
    from tokbench.tokenizer import Tokenizer

PARTS = ("bytes", "pair", "present")
ALPHABETS = ("bytes", "utf8")


@dataclass(frozen=True)
class Words:
    """A finished run over pretokens: its rows with their counts, the tokens after each, and the engine's state."""

    engine: _rust.Engine
    alphabet: tuple[bytes, ...]
    rows: tuple[Row, ...]
    counts: NDArray[np.uint64]
    lengths: NDArray[np.uint64]

    def whole(self) -> list[bytes]:
        """Return the tokens that are a whole pretoken somewhere, those of one byte whether they occur or not."""
        return [*self.alphabet, *(self.engine.token_bytes(token) for token in self.engine.whole_words())]


@register
@dataclass(frozen=True)
class Picky(Algorithm):
    """Merge the most frequent pair; delete a part of it of which nearly all went into the merge."""

    tau: float = 0.9
    test: str = "reach"
    parts: str = "bytes"
    alphabet: str = "bytes"
    overlap: bool = False

    about: ClassVar[About] = About(
        name="picky",
        aliases=("pickybpe",),
        summary="BPE that deletes intermediate tokens once a longer token has used them up",
        definition=(
            "Until there are V tokens: merge the best pair (a, b), which is carried out c times. For each of a and b "
            "that is longer than one byte and occurred n times before: if c / n reaches tau, delete it, that is, split "
            "its remaining occurrences. A deleted token may be made again. Pairs are counted as often as they can be "
            "merged; equal counts go to the smallest byte strings. Encoding repeats merges and deletions in order."
        ),
        source="Chizhov et al. (2024), arXiv 2409.04599; as the word pass of Schmidt et al. (2025), arXiv 2504.00178",
        export="Hugging Face and tiktoken only where nothing was deleted and no token was made twice",
        parameters={
            "tau": "share of a token's occurrences that must go into a merge for it to be deleted; above 1 none is",
            "test": "reach: the share must be at least tau (BoundlessBPE); exceed: above it (the original PickyBPE)",
            "parts": (
                "what is left is split into: bytes; the pair that first made the token; present: that pair, its "
                "tokens split on while they are not in the vocabulary (the original PickyBPE)"
            ),
            "alphabet": "bytes: all 256; utf8: the 243 that occur in valid UTF-8, and what else occurs in the text",
            "overlap": "whether x x x counts as two pairs (x, x), as in Hugging Face, or as the one that can be merged",
        },
        pitfalls="c / n compares with tau in double precision, as the published programs do.",
    )
    default_pretokenizer: ClassVar[str] = "o200k"

    def __post_init__(self) -> None:
        self.check_choice(test=("reach", "exceed"), parts=PARTS, alphabet=ALPHABETS)
        check_tau(self.tau)

    def train(self, request: Request) -> Tokenizer:
        """Train; the settings that plain BPE knows for bytes are known."""
        return self.finish(request).tokenizer(self.about.name)

    def finish(self, request: Request) -> Finished:
        """Carry the training out, up to the numbering of the tokens."""
        known = request.settings(self, *KNOWN, "min_pretoken_count", "weights", "alpha")
        counts, cut_off = prepared(
            request.counts(self.default_pretokenizer),
            min_pretoken_count=known.pop("min_pretoken_count", 1),
            weights=known.pop("weights", None),
            alpha=known.pop("alpha", None),
        )
        settings = settings_of(self, request, counts, alphabet=self.alphabet, **known)
        n_tokens = request.vocab_size - len(request.special_tokens)
        words = train_words(counts, settings, self, n_tokens=n_tokens, request=request)
        inventory = Inventory(words.alphabet)
        for row in words.rows:
            inventory.apply(row)
        return Finished(
            kept=words.rows,
            inventory=inventory,
            steps=[
                (row[0], row, count) for row, count in zip(words.rows, words.counts.tolist(), strict=True)
            ],
            pretokenizer=counts.pretokenizer,
            special_tokens=request.special_tokens,
            settings=settings.as_dict() | cut_off,
            lengths={f"tokens_{group}": words.lengths[:, i] for i, group in enumerate(counts.groups)},
            splits_absent=self.parts == "pair",
        )


KNOWN = ("min_frequency", "max_token_length", "tie_break")
"""The settings of a run over bytes that any of these algorithms takes."""


def check_tau(tau: float) -> None:
    """Refuse a share that is not above 0.

    Raises:
        ParameterError: saying what is allowed.
    """
    if not tau > 0:
        message = f"tau: must be above 0 (above 1 nothing is deleted), got {tau}"
        raise ParameterError(message)


def settings_of(
    algorithm: Algorithm, request: Request, counts: PretokenCounts, *, alphabet: str, **known: Any
) -> Settings:
    """Return the settings of a run over pretokens: ties by bytes, the alphabet by value.

    Raises:
        ParameterError: naming a setting that is out of range.
    """
    return Settings(
        vocab_size=request.vocab_size,
        pretokenizer=counts.pretokenizer,
        special_tokens=tuple(request.special_tokens),
        initial_alphabet="bytes" if alphabet == "bytes" else tuple(UTF8_BYTES),
        alphabet_order="byte",
        objective=ALGORITHMS.spell(algorithm),
        allow_smaller=request.allow_smaller,
        weights=None if counts.weights is None else counts.weights.as_dict(),
        weight_scale=1 if counts.weights is None else counts.weights.scale,
        **{"tie_break": "lexmin", **known},
    )


def train_words(
    counts: PretokenCounts,
    settings: Settings,
    rule: Picky,
    *,
    n_tokens: int,
    request: Request,
) -> Words:
    """Run merges and deletions until there are `n_tokens` tokens, special ones not counted.

    Raises:
        ParameterError: for a size below that of the alphabet.
        ExhaustedError: when the pairs run out, unless the request allows a smaller vocabulary.
    """
    engine = word_engine(counts, settings, overlap=rule.overlap, request=request)
    alphabet = tuple(engine.token_bytes(i) for i in range(engine.n_ids))
    is_deletion, tokens, parts, offsets, run_counts, lengths = engine.run_picky(
        max(n_tokens, 0),
        tau=rule.tau,
        strict=rule.test == "exceed",
        parts="symbols" if rule.parts == "bytes" else rule.parts,
        allow_smaller=settings.allow_smaller,
        progress=request.progress,
    )
    spelled = spellings(engine)
    ends = offsets.tolist()
    flat = [spelled[part] for part in parts.tolist()]
    rows: list[Row] = [
        ("delete", spelled[token], *flat[ends[i] : ends[i + 1]])
        if deletes
        else ("merge", *flat[ends[i] : ends[i + 1]])
        for i, (deletes, token) in enumerate(zip(is_deletion.tolist(), tokens.tolist(), strict=True))
    ]
    return Words(engine, alphabet, tuple(rows), run_counts, lengths)


def word_engine(
    counts: PretokenCounts, settings: Settings, *, overlap: bool, request: Request
) -> _rust.Engine:
    """Lay pretokens out for a run whose tokens can be split again; special tokens get their ids at the end."""
    bare = replace(settings, special_tokens=())
    return start(counts.native, bare, overlap=overlap, deletions=True, progress=request.progress)


def spellings(engine: _rust.Engine) -> list[bytes]:
    """Return what every id of an engine spells."""
    arena, ends, _ = engine.tokens()
    data = arena.tobytes()
    bounds = [0, *ends.tolist()]
    return [data[bounds[i] : bounds[i + 1]] for i in range(len(bounds) - 1)]
