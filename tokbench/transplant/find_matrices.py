"""Which tensors of a model have a row for each token: embedding, head, their copies, and the head's bias.

Evidence, in this order: what the caller names; a row for each id of the vocabulary (the configuration's
``vocab_size`` rows, or else as many as the tokenizer needs and at most `SLACK` more); the name. A tensor that has the
rows and a name that says nothing is not guessed at: the error lists it. Without a head tensor the embedding serves as
the head where the configuration says so or names a head's architecture, and is the only matrix otherwise; nothing but
``untie`` depends on which of the two it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokbench.transplant.matrix import Matrix
    from tokbench.transplant.model_dir import ModelDir

SLACK = 4096
"""How many more rows than ids a matrix may have when the configuration does not say its vocab_size."""

_EMBEDDING = re.compile(
    r"(^|\.)(embed_tokens(\.\w+)*|wte|tok_embeddings|word_embeddings?|token_embd|token_embeddings?|embed(ding)?s?"
    r"|embed_in|shared|emb|word_embedding_layer)(\.weight)?$"
)
_HEAD = re.compile(
    r"(^|\.)(lm_head|output|output_layer|embed_out|head|lm_head\.linear|predictions\.decoder|generator|vocab_head"
    r"|shared_head\.head|prediction_head|decoder\.out_proj)\.weight$"
)
_BIAS = re.compile(
    r"((lm_head|output|head|embed_out|predictions|decoder|generator)\.bias|final_logits_bias)$"
)
_HEADED = ("CausalLM", "LMHead", "MaskedLM", "ForConditionalGeneration", "ForPreTraining")


@dataclass(frozen=True)
class Matrices:
    """The tensors that a new vocabulary changes.

    Attributes:
        embedding: the embedding's name.
        head: the head's name, None where there is no tensor of its own.
        tied: whether the embedding serves as the head too.
        embedding_copies: further tensors that are read by token.
        head_copies: further tensors that are written by token.
        biases: one number for each token.
        rows: rows of the embedding.
        why: one line for each choice, for people.
    """

    embedding: str
    head: str | None
    tied: bool
    embedding_copies: tuple[str, ...]
    head_copies: tuple[str, ...]
    biases: tuple[str, ...]
    rows: int
    why: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All tensors, the embedding first."""
        head = (self.head,) if self.head is not None else ()
        return (self.embedding, *self.embedding_copies, *head, *self.head_copies, *self.biases)


def find_matrices(
    model: ModelDir, *, n_ids: int, embedding: str | None = None, head: str | None = None
) -> Matrices:
    """Return the tensors that have a row for each token.

    Args:
        model: a model directory.
        n_ids: how many rows its tokenizer needs.
        embedding: the embedding's name, where it is not to be looked for.
        head: the head's name, likewise.

    Raises:
        ModelError: when no tensor fits, or several do and nothing tells them apart; it lists them.
    """
    vocab = model.setting("vocab_size")
    why = []
    fitting = [
        name
        for file in model.shards.values()
        for name, each in file.entries.items()
        if len(each.shape) == 2 and _fits(each.shape[0], vocab, n_ids) and each.shape[1] > 1
    ]
    if embedding is None:
        embedding, reason = _choose_embedding(model, fitting, vocab, n_ids)
        why.append(f"embedding: {embedding} {list(model.entry(embedding).shape)}: {reason}")
    else:
        why.append(f"embedding: {embedding} {list(model.entry(embedding).shape)}: named by you")
    rows, width = _shape(model, embedding)
    if rows < n_ids:
        # Ids behind the matrix exist (image tokens of a text-only model, for example); the caller tells which.
        why.append(f"{n_ids - rows} of the tokenizer's ids lie behind the {rows} rows of {embedding}")
    same = [name for name in fitting if name != embedding and model.entry(name).shape == (rows, width)]
    flag = model.setting("tie_word_embeddings")
    heads = [name for name in same if _HEAD.search(name)]
    if head is not None:
        heads = [head, *(name for name in heads if name != head)]
        if _shape(model, head)[0] != rows:
            message = f"{model.path}: {head} has {_shape(model, head)[0]} rows, {embedding} has {rows}"
            raise ModelError(message)
        why.append(f"head: {head} {list(model.entry(head).shape)}: named by you")
    heads.sort(key=lambda name: (name != head, "layers." in name, len(name), name))
    first = heads[0] if heads else None
    tied, reason = _tied(model, embedding, first, flag)
    if head is None:
        shown = "no tensor of its own" if first is None else f"{first} {list(model.entry(first).shape)}"
        why.append(f"head: {shown}: {reason}")
    copies = [name for name in same if name not in heads and _EMBEDDING.search(name)]
    unclear = [name for name in same if name not in heads and name not in copies]
    if unclear:
        message = (
            f"{model.path}: {', '.join(unclear)} {'has' if len(unclear) == 1 else 'have'} a row for each token, as "
            f"{embedding} has, and a name that does not say what for; name the head with head="
        )
        raise ModelError(message)
    why += [f"further embedding: {name}: the same shape, and named like one" for name in copies]
    why += [f"further head: {name}: the same shape, and named like one" for name in heads[1:]]
    biases = [
        name
        for file in model.shards.values()
        for name, each in file.entries.items()
        if each.shape in ((rows,), (1, rows)) and _BIAS.search(name)
    ]
    why += [f"head bias: {name}: one number for each token" for name in biases]
    return Matrices(
        embedding=embedding,
        head=first,
        tied=tied,
        embedding_copies=tuple(copies),
        head_copies=tuple(heads[1:]),
        biases=tuple(biases),
        rows=rows,
        why=tuple(why),
    )


def _fits(rows: int, vocab: int | None, n_ids: int) -> bool:
    if vocab is not None and rows == vocab:
        return True
    return n_ids <= rows <= n_ids + SLACK


def _shape(model: ModelDir, name: str) -> tuple[int, int]:
    shape = model.entry(name).shape
    if len(shape) != 2:
        message = (
            f"{model.path}: {name} has the shape {list(shape)}; a row for each token takes two dimensions"
        )
        raise ModelError(message)
    return shape[0], shape[1]


def _choose_embedding(model: ModelDir, fitting: list[str], vocab: int | None, n_ids: int) -> tuple[str, str]:
    rows = f"config.json says vocab_size {vocab}" if vocab is not None else f"the tokenizer has {n_ids} ids"
    named = [name for name in fitting if _EMBEDDING.search(name) and not _HEAD.search(name)]
    if len(fitting) == 1:
        return fitting[0], f"{rows}; the only tensor with so many rows"
    if not named:
        listed = ", ".join(fitting) or _largest(model)
        message = (
            f"{model.path}: {rows}; "
            + (
                f"several tensors have so many rows ({listed})"
                if fitting
                else f"no tensor has so many rows ({listed})"
            )
            + "; name the embedding with embedding="
        )
        raise ModelError(message)
    named.sort(key=lambda name: ("layers." in name, len(name), name))
    groups = {model.entry(name).shape for name in named}
    if len(groups) > 1:
        message = (
            f"{model.path}: embeddings of different shapes: "
            f"{', '.join(f'{name} {list(model.entry(name).shape)}' for name in named)}; name one with embedding="
        )
        raise ModelError(message)
    return named[0], f"{rows}; named like an embedding"


def _largest(model: ModelDir) -> str:
    shapes = {name: entry.shape for file in model.shards.values() for name, entry in file.entries.items()}
    matrices = sorted((shape[0], name) for name, shape in shapes.items() if len(shape) == 2)
    return "the tallest are " + ", ".join(f"{name} with {rows}" for rows, name in matrices[-3:][::-1])


def _tied(model: ModelDir, embedding: str, head: str | None, flag: bool | None) -> tuple[bool, str]:  # noqa: FBT001 - a setting of the model
    if head is None:
        if flag is False:
            return False, "tie_word_embeddings is false: a model without head"
        headed = any(
            mark in str(name) for name in model.config.get("architectures") or () for mark in _HEADED
        )
        if flag or headed:
            return True, f"tied to the embedding (tie_word_embeddings {'is true' if flag else 'is not set'})"
        return False, "a model without head"
    equal = equal_bits(model.matrix(embedding), model.matrix(head))
    if flag:
        told = "its values are the embedding's" if equal else "its values differ and are not read"
        return True, f"tied to the embedding (tie_word_embeddings is true; {told})"
    return False, "of its own" + (", though its values are the embedding's" if equal else "")


def equal_bits(one: Matrix, other: Matrix) -> bool:
    """Return whether two matrices are the same, bit by bit."""
    if one.dtype != other.dtype or one.stored.shape != other.stored.shape:
        return False
    return all(
        np.array_equal(
            one.stored[start : start + 4096].view(np.uint8), other.stored[start : start + 4096].view(np.uint8)
        )
        for start in range(0, len(one), 4096)
    )


def scaling(model: ModelDir) -> Iterable[str]:
    """Return what the configuration says about embeddings that are scaled when the model runs."""
    for key in (
        "embedding_multiplier",
        "scale_emb",
        "emb_scale",
        "scale_embedding",
        "mup_embedding_multiplier",
    ):
        value = model.setting(key)
        if value not in (None, False, 1, 1.0):
            yield f"{key} {value}: embeddings are scaled when the model runs; the rows in the file are not"
    kind = str(model.setting("model_type") or model.config.get("model_type") or "")
    if kind.startswith("gemma"):
        yield "gemma: embeddings are scaled by √hidden_size when the model runs; the rows in the file are not"
