"""Compression-aware BPE: a vocabulary of the same size whose token stream costs fewer bits."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tokbench import _rust
from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.bpe import BpeModel, Training
from tokbench.codes import CODES as CODES_OF_TEXT
from tokbench.codes import compare_codes
from tokbench.corpus import Corpus
from tokbench.errors import ParameterError
from tokbench.merges import Merges
from tokbench.objectives.compression import GreedyLz78, GreedyOrder0
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from tokbench.objectives.protocol import Objective
    from tokbench.tokenizer import Tokenizer
else:
    from tokbench.late import pl

CODES = ("mixed", "order0", "lz78")
CODES_OF_SAMPLE = ("order0", "order1", "lz78")
_MEGABYTE = 1 << 20


@register
@dataclass(frozen=True)
class Compression(Algorithm):
    """Merge more pairs than there is room for, then give up the tokens that are worth the fewest bits."""

    code: str = "mixed"
    candidates: float | None = None
    novelty: float = 10.0
    token: float = 6.0
    sample: int = 64
    every: int = 64
    stop: bool = False

    reads_text: ClassVar[bool] = True
    parallel_dev: ClassVar[bool] = False
    about: ClassVar[About] = About(
        name="compression",
        summary="fewer coded bits at the same size: merge too much, prune by code length",
        definition=(
            "code=mixed: plain BPE to candidates·V tokens; then tokens are given up, the cheapest first, until V "
            "remain. A given-up token takes part in merging but falls into the parts of its merge at the end. Its "
            "cost is the exact change of n·H₀, plus the change of the order-1 code Σ X(f) − Σ X(c) + novelty·(distinct "
            "pairs of neighbours) in the unpruned stream (X(v) = v·log₂ v), plus token bits for each further token. "
            "code=order0: no pruning; each step takes, of the candidates most frequent pairs, the one with the "
            "largest fall of n·H₀ minus 2·log₂|V|. code=lz78: likewise by the LZ78 code length of a sample."
        ),
        source=(
            "own definition; the goal after Erdogan et al. (2601.09039), the demolition of tokens after Lian et al. "
            "(2404.17808, Scaffold-BPE)"
        ),
        export="our format exactly; Hugging Face and tiktoken cannot express tokens that fall apart after merging "
        "(code=order0 and lz78: plain merge lists, exported exactly)",
        parameters={
            "code": "mixed (prune), order0 or lz78 (greedy choice among the most frequent pairs)",
            "candidates": "K: for mixed the number of tokens merged per place in the vocabulary (1.2), for the others "
            "the number of pairs compared at each step (64); 1 is plain BPE",
            "novelty": "mixed: bits for each distinct pair of neighbouring tokens",
            "token": "mixed: bits for each token of the text, so that the text does not grow longer",
            "sample": "megabytes of training text to measure on; documents are drawn by a hash of their bytes",
            "every": "lz78: steps between two measurements",
            "stop": "order0: end training when no candidate gains",
        },
        pitfalls=(
            "lz78 is kept for comparison: at V = 8,000 on English it costs 0.3–0.7 % more than plain BPE under every "
            "code. order0 there saves 0.1–0.5 % of the bits at 0.3–0.5 % more tokens; mixed saves 0.5–1.2 % and tokens "
            "too (tests/bench/compression.py)."
        ),
    )

    def train(self, request: Request) -> Tokenizer:
        """Train; with ``dev`` the report also measures that text.

        Raises:
            ParameterError: for a parameter out of range.
            ExhaustedError: when the text does not hold enough pairs.
        """
        candidates = self._checked()
        known = request.settings(
            self,
            "min_frequency",
            "max_token_length",
            "initial_alphabet",
            "alphabet_order",
            "tie_break",
            "min_pretoken_count",
            "dev",
        )
        dev = known.pop("dev", None)
        corpus = request.corpus(self)
        counts = request.counts(self.default_pretokenizer)
        every = max(1, math.ceil(counts.total_bytes / (self.sample * _MEGABYTE)))
        common: dict[str, Any] = {"special_tokens": request.special_tokens, **known}

        def plain(size: int, *, objective: Objective | None = None, smaller: bool = False) -> BpeTokenizer:
            return train(
                counts,
                vocab_size=size,
                objective=objective,
                allow_smaller=smaller,
                progress=request.progress,
                **common,
            )

        base = plain(request.vocab_size, smaller=request.allow_smaller)
        measured = _sample(corpus, every)
        if self.code == "mixed":
            pool = plain(math.ceil(request.vocab_size * candidates), smaller=True)
            made = self._pruned(pool, min(request.vocab_size, base.vocab_size), measured, request)
        elif self.code == "order0":
            objective = GreedyOrder0(candidates=int(candidates), stop=self.stop)
            made = plain(request.vocab_size, objective=objective, smaller=self.stop or request.allow_smaller)
        else:
            start = plain(request.vocab_size, objective=_Nothing(), smaller=True)
            # Phrases run on from one document to the next: sorted, so that the order of files changes nothing.
            stream = sorted(document.data for document in measured)
            ids = np.concatenate([start.encode(data) for data in stream])
            first = np.concatenate([_begins(counts.pretokenizer, data) for data in stream])
            lz = GreedyLz78(ids, first, candidates=int(candidates), every=self.every)
            made = plain(request.vocab_size, objective=lz, smaller=request.allow_smaller)
        assert made.training is not None
        report = self._report(base, made, measured, dev)
        settings = {
            **made.training.settings,
            "algorithm": ALGORITHMS.spell(self),
            "sampled_every": every,
            "report": report,
        }
        return BpeTokenizer(made.model, name="trained", training=Training(settings, made.training.log))

    def _checked(self) -> float:
        self.check_choice(code=CODES)
        candidates = self.candidates
        if candidates is None:
            candidates = 1.2 if self.code == "mixed" else 64.0
        if candidates < 1 or (self.code != "mixed" and candidates != int(candidates)):
            kind = "a number" if self.code == "mixed" else "a whole number"
            message = f"candidates: {kind} of at least 1 is needed, got {candidates:g}"
            raise ParameterError(message)
        self.check_least(sample=1, every=1, novelty=0, token=0)
        return candidates

    def _pruned(self, pool: BpeTokenizer, keep: int, measured: Corpus, request: Request) -> BpeTokenizer:
        model = pool.model
        merges = model.merges
        assert isinstance(merges, Merges)
        give_up = pool.vocab_size - keep
        special = set(model.vocab.special.values())
        own = np.array([result not in special for result in merges.result.tolist()], dtype=bool)
        encodings = [
            pool.encode_batch(batch)
            for language in measured.languages
            for batch in measured.batches(language)
        ]
        lengths = np.concatenate([np.diff(encoding.offsets) for encoding in encodings])
        gone = _rust.prune_tokens(
            np.concatenate([encoding.ids for encoding in encodings]),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            (merges.left[own], merges.right[own], merges.result[own]),
            n_ids=pool.vocab.n_ids,
            give_up=give_up,
            novelty=self.novelty,
            token=self.token,
            progress=request.progress,
        )
        return _demolishing(pool, gone)

    def _report(
        self, base: BpeTokenizer, made: BpeTokenizer, measured: Corpus, dev: Corpus | None
    ) -> dict[str, object]:
        report: dict[str, object] = {}
        # Of the sample, which is large, only what takes a moment.
        for name, corpus, codes in (("sample", measured, CODES_OF_SAMPLE), ("dev", dev, CODES_OF_TEXT)):
            if corpus is None:
                continue
            frame = compare_codes([base, made], corpus, codes=codes)
            plain, own = (row for row in frame.drop("tokenizer").iter_rows(named=True))
            report[name] = {
                code: {"bpe": plain[code], "compression": own[code], "ratio": own[code] / plain[code]}
                for code in plain
            }
        return report


@dataclass(frozen=True)
class _Nothing:
    """Make no merge at all: the alphabet alone."""

    tracks_groups: bool = False

    def choose(self, state: object) -> None:
        return


def _sample(corpus: Corpus, every: int) -> Corpus:
    """Return one of `every` documents of each language, at least one, drawn by hash: their order has no part in it."""
    if every == 1:
        return corpus
    texts = {}
    for language in corpus.languages:
        drawn = sorted(_digest(document.data) for document in corpus.documents(language))
        kept = set(drawn[: math.ceil(len(drawn) / every)])
        texts[language] = sorted(
            document.data for document in corpus.documents(language) if _digest(document.data) in kept
        )
    return Corpus.from_texts(texts)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _begins(pretokenizer: str, data: bytes) -> NDArray[np.bool_]:
    """Say of each byte whether it begins a pretoken."""
    from tokbench.pretokenize import Pretokenizer

    first = np.zeros(len(data), dtype=bool)
    ends = Pretokenizer(pretokenizer).boundaries(data)
    first[ends[ends < len(data)]] = True
    first[:1] = True
    return first


def _demolishing(pool: BpeTokenizer, gone: NDArray[np.uint32]) -> BpeTokenizer:
    """Return the tokenizer that gives the tokens `gone` up; the others keep their order and have no gaps."""
    model = pool.model
    lost = set(gone.tolist())
    kept = [token for token in range(model.vocab.n_ids) if token not in lost]
    new = np.zeros(model.vocab.n_ids, dtype=np.uint32)
    new[kept] = np.arange(len(kept), dtype=np.uint32)
    scaffold = range(len(kept), model.vocab.n_ids)
    new[sorted(lost)] = np.array(scaffold, dtype=np.uint32)
    vocab = Vocab(
        {int(new[i]): token for i, token in model.vocab.tokens.items() if i not in lost},
        special={text: int(new[i]) for text, i in model.vocab.special.items()},
        partial=model.vocab.partial,
    )
    changed: BpeModel = replace(
        model,
        vocab=vocab,
        merges=Merges(*(new[column] for column in model.merge_columns)),
        scaffold=tuple(scaffold),
        added=(),
    )
    assert pool.training is not None
    log = pool.training.log
    if log is not None:
        ids = {name: pl.Series(name, new[log[name].to_numpy()]) for name in ("left", "right", "result")}
        log = log.with_columns(*ids.values())
    settings = {**pool.training.settings, "vocab_size": len(kept)}
    return BpeTokenizer(changed, name=pool.name, training=Training(settings, log))
