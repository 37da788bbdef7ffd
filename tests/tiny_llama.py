"""A real small model as a test fixture: the forward pass of a Llama in numpy, read from llama2.c's file format.

The file: seven 32-bit integers (width, hidden width, layers, heads, key heads, vocabulary, longest context), then
float32 matrices in the order of `_read`. Rotary positions turn neighbouring numbers of each head; the output shares
the embedding's rows. Everything is computed anew for each context: slow, but short enough to see that it is right.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.bpe import BpeModel, RankedPairs
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

UNKNOWN, BOS, EOS = 0, 1, 2


@dataclass(frozen=True, eq=False)
class TinyLlama:
    """A `TokenLM` of float64 sums over float32 weights."""

    n_heads: int
    n_key_heads: int
    longest: int
    weights: dict[str, Floats]
    bos_id: int = BOS
    eos_id: int | None = BOS
    control_ids: frozenset[int] = frozenset({UNKNOWN, BOS, EOS})
    window: int | None = None

    @property
    def vocab_size(self) -> int:
        return len(self.weights["embedding"])

    def logprobs(self, contexts: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        return np.stack([self.forward(context)[-1] for context in contexts])

    def forward(self, context: Sequence[int]) -> NDArray[np.float64]:
        """Return ``[len(context), vocab_size]`` log probabilities after every token."""
        assert 0 < len(context) <= self.longest
        w = self.weights
        x = w["embedding"][np.asarray(context)].astype(np.float64)
        length, width = x.shape
        size = width // self.n_heads
        share = self.n_heads // self.n_key_heads
        hidden = np.triu(np.full((length, length), -np.inf), 1)
        for layer in range(len(w["query"])):
            y = _normed(x, w["before_attention"][layer])
            query, key, value = (
                (y @ w[name][layer].T).reshape(length, -1, size).transpose(1, 0, 2)
                for name in ("query", "key", "value")
            )
            query, key = _turned(query), _turned(key)
            key, value = np.repeat(key, share, axis=0), np.repeat(value, share, axis=0)
            attention = _softmax(query @ key.transpose(0, 2, 1) / np.sqrt(size) + hidden)
            mixed = (attention @ value).transpose(1, 0, 2).reshape(length, width)
            x = x + mixed @ w["output"][layer].T
            y = _normed(x, w["before_hidden"][layer])
            gate = y @ w["gate"][layer].T
            x = x + (gate / (1 + np.exp(-gate)) * (y @ w["up"][layer].T)) @ w["down"][layer].T
        logits = _normed(x, w["last"]) @ w["embedding"].T
        logits -= logits.max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def _normed(x: NDArray[np.float64], weight: Floats) -> NDArray[np.float64]:
    return np.asarray(x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5) * weight)


def _turned(x: NDArray[np.float64]) -> NDArray[np.float64]:
    _, length, size = x.shape
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, size, 2) / size)
    turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
    return np.stack([turned.real, turned.imag], axis=-1).reshape(x.shape)


def _softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def read_model(path: Path) -> TinyLlama:
    """Read a model file."""
    data = path.read_bytes()
    width, inner, layers, heads, key_heads, vocab, longest = struct.unpack("<7i", data[:28])
    numbers = np.frombuffer(data, "<f4", offset=28)
    kept = width // heads * key_heads
    shapes: dict[str, tuple[int, ...]] = {
        "embedding": (vocab, width),
        "before_attention": (layers, width),
        "query": (layers, width, width),
        "key": (layers, kept, width),
        "value": (layers, kept, width),
        "output": (layers, width, width),
        "before_hidden": (layers, width),
        "gate": (layers, inner, width),
        "down": (layers, width, inner),
        "up": (layers, inner, width),
        "last": (width,),
    }
    weights, at = {}, 0
    for name, shape in shapes.items():
        n = int(np.prod(shape))
        weights[name] = numbers[at : at + n].reshape(shape)
        at += n
    assert vocab > 0, "the output shares the embedding"
    assert len(numbers) - at == longest * (width // heads), "tables of angles, not used, end the file"
    return TinyLlama(heads, key_heads, longest, weights)


def read_tokenizer(path: Path) -> BpeTokenizer:
    """Read the vocabulary: the pair whose token has the highest score merges first, bytes stand in for the rest."""
    data = path.read_bytes()
    pieces: list[tuple[bytes, float]] = []
    at = 4
    while at < len(data):
        score, length = struct.unpack("<fi", data[at : at + 8])
        pieces.append((data[at + 8 : at + 8 + length], score))
        at += 8 + length
    first = EOS + 1 + 256
    ordinary = {piece: i for i, (piece, _) in enumerate(pieces) if i >= first}
    pairs = sorted(
        (-pieces[i][1], ordinary[piece[:cut]], ordinary[piece[cut:]], i)
        for piece, i in ordinary.items()
        for cut in range(1, len(piece))
        if piece[:cut] in ordinary and piece[cut:] in ordinary
    )
    merges = RankedPairs(*(np.array(column, np.uint32) for column in list(zip(*pairs, strict=True))[1:]))
    special = {"<unk>": UNKNOWN, "<s>": BOS, "</s>": EOS}
    vocab = Vocab(
        {i: piece for piece, i in ordinary.items()},
        special=special,
        byte_fallback=range(EOS + 1, first),
    )
    model = BpeModel(vocab, merges, "none", unit="character", prefix_space=True)
    return BpeTokenizer(model, name="tok512")
