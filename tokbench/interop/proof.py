"""The texts that an export is tried on, and by how much a form that another format can express encodes otherwise.

The proof corpus: the probes (all that tokenizers are known to disagree about) and the built-in sample of many
languages, line by line. The fuzz corpus: random strings of the tokenizer's own tokens, characters of many scripts,
digits and white space; the same ones every time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bpe import merges_of_ranks
from tokbench.errors import NotEncodableError
from tokbench.formats.probe import PROBES
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokbench.bpe import BpeModel

N_FUZZ = 400
_RANGES: Sequence[tuple[int, int]] = (
    (0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x400, 0x530), (0x590, 0x700), (0x900, 0xE80),
    (0x2000, 0x2070), (0x3040, 0x3100), (0x4E00, 0x5200), (0xAC00, 0xAD00), (0x1F600, 0x1F650),
)  # fmt: skip
_FILLERS = (
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    " \n ",
    "1",
    "42",
    "1234567",
    "'s",
    "'ll",
    "...",
    "_",
    "-",
    "\u00a0",
)


def proof_texts() -> list[str]:
    """Return the probes and the lines of the sample."""
    from tokbench.corpora import sample

    lines = {line for text in PROBES for line in text.split("\n")}
    lines |= {line for document in sample() for line in document.text.split("\n")}
    return [*PROBES, *sorted(lines - set(PROBES))]


def fuzz_texts(model: BpeModel) -> list[str]:
    """Return random strings of the model's tokens and of characters of many scripts."""
    rng = np.random.default_rng(0)
    tokens = [token.decode(errors="ignore") for token in model.vocab.tokens.values()]
    tokens = [token for token in tokens if token] or ["a"]

    def piece() -> str:
        kind = rng.random()
        if kind < 0.7:
            return tokens[int(rng.integers(len(tokens)))]
        if kind < 0.85:
            return _FILLERS[int(rng.integers(len(_FILLERS)))]
        return chr(int(rng.integers(*_RANGES[int(rng.integers(len(_RANGES)))])))

    return ["".join(piece() for _ in range(int(rng.integers(1, 25)))) for _ in range(N_FUZZ)]


def nearest(model: BpeModel) -> Iterator[tuple[str, BpeModel]]:
    """Yield, with a name, models without what only our format can express."""
    if model.steps or model.segmenter is not None:
        yield "the same without steps and morphemes", replace(model, steps=(), segmenter=None)
        return
    if model.method == "replay" and isinstance(model.merges, Operations):
        known = model.vocab.tokens
        kept = [row for row in model.merges.merges if all(i in known and i not in model.hidden for i in row)]
        plain = replace(model, merges=_ordered(kept), method="merges", scaffold=())
        yield "its merges without the deletions", replace(plain, supers=None)
    elif model.method == "merges" and model.scaffold:
        hidden = model.hidden
        kept = [
            row
            for row in zip(*map(list, model.merge_columns), strict=True)
            if not hidden & set(map(int, row))
        ]
        plain = replace(model, merges=_ordered(kept), scaffold=())
        yield "its merges without the scaffold tokens", replace(plain, supers=None)
    elif model.method in ("longest_suffix", "longest_first"):
        plain = replace(model, method="longest")
        yield "the longest token from the left", replace(plain, supers=None)
    else:
        plain = model
    if model.supers is not None:
        if plain is model:
            yield "its word model", replace(plain, supers=None)
        if plain.method == "merges":
            left, right, result = plain.merge_columns
            rows = [*zip(left.tolist(), right.tolist(), result.tolist(), strict=True), *model.supers]
            yield (
                "all merges in one list without a pre-tokenizer",
                replace(plain, merges=_ordered(rows), supers=None, pretokenizer="none"),
            )


def _ordered(rows: Sequence[tuple[int, int, int]]) -> Merges:
    """Return the rows as merges; one that uses a token before it is made can never apply and is left out."""
    first: dict[int, int] = {}
    for index, (_, _, result) in enumerate(rows):
        first.setdefault(int(result), index)
    return Merges.from_steps(
        row for index, row in enumerate(rows) if all(first.get(int(part), -1) < index for part in row[:2])
    )


def disagreement(model: BpeModel) -> str:
    """Return how many texts the nearest expressible model encodes otherwise; empty where there is none."""
    measured = [(name, _differing(model, other)) for name, other in nearest(model)]
    if not measured:
        return ""
    name, shares = min(measured, key=lambda each: sum(n for n, _ in each[1]))
    return "; the nearest that it can express, " + name + ", differs on " + _spoken(shares)


def ranks_disagreement(model: BpeModel) -> str:
    """Return the same for a vocabulary whose ids are tiktoken ranks."""
    missing = any(bytes([byte]) not in model.vocab for byte in range(256))
    if missing or model.unit != "byte" or model.normalizer or model.prefix_space:
        return ""
    ranked = replace(
        model,
        merges=merges_of_ranks(model.vocab),
        method="merges",
        whole_words=True,
        supers=None,
        scaffold=(),
        scores=None,
        width=None,
        steps=(),
        segmenter=None,
    )
    return "; ranks that are ids differ on " + _spoken(_differing(model, ranked))


def _differing(model: BpeModel, other: BpeModel) -> list[tuple[int, int]]:
    """How many of the proof texts, and of the fuzz texts, are encoded otherwise, and of how many."""
    ours, theirs = BpeTokenizer(model, name="ours"), BpeTokenizer(other, name="theirs")
    return [count_differing(texts, ours, theirs) for texts in (proof_texts(), fuzz_texts(model))]


def count_differing(texts: Sequence[str], ours: BpeTokenizer, theirs: BpeTokenizer) -> tuple[int, int]:
    """Return on how many texts two tokenizers differ, and of how many; where one cannot encode, both must not."""
    differing = 0
    for text in texts:
        rows: list[list[int] | None] = []
        for tokenizer in (ours, theirs):
            try:
                rows.append(tokenizer.encode(text).tolist())
            except NotEncodableError:
                rows.append(None)
        differing += rows[0] != rows[1]
    return differing, len(texts)


def _spoken(shares: Sequence[tuple[int, int]]) -> str:
    (proof, n_proof), (fuzz, n_fuzz) = shares
    return (
        f"{proof} of {n_proof} proof texts ({proof / n_proof:.2%}) and {fuzz} of {n_fuzz} fuzz texts "
        f"({fuzz / n_fuzz:.2%})"
    )
