"""Causal language models of other libraries as a `TokenLM`.

Two ways to ask a model. `CausalLM` computes every context in full, in right-padded batches: with causal attention and
positions that count from the first token, what stands to the right of a token changes nothing, so contexts of different
lengths share a batch and the row after each is read at its own last place. Nothing of the library's state is touched;
the price is time quadratic in the length of a text that is read byte by byte.

`CachedCausalLM` goes on from what the library keeps of a context (its keys and values, or whatever its architecture
has). That value is never looked into: it is copied as a whole before it is handed back, since the library changes it in
place and a context is extended more than once. No cache class is named here, so none can break it.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tokbench.bytelm.models import register
from tokbench.errors import ModelError, PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.bytelm.token_lm import Context, State, TokenLM
    from tokbench.tokenizer import Tokenizer


class Forward(Protocol):
    """A model's forward pass."""

    def __call__(self, ids: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return ``[n, vocab_size]`` logits after place ``last[i]`` of ``ids[i]``; ids are ``[n, longest]``."""
        ...


class CausalLM:
    """A `TokenLM` made of a forward pass.

    Args:
        forward: the pass.
        vocab_size: length of a row of logits.
        bos_id: the id before every text, if the model has one.
        eos_id: the id that ends a text, if the model has one.
        control_ids: ids that never stand for text.
        longest: longest context in tokens; None where there is no bound.
        batch_tokens: a batch holds at most so many tokens, padding included, and at least one context.
    """

    window: int | None = None

    def __init__(
        self,
        forward: Forward,
        *,
        vocab_size: int,
        bos_id: int | None,
        eos_id: int | None,
        control_ids: frozenset[int] = frozenset(),
        longest: int | None = None,
        batch_tokens: int = 8192,
    ) -> None:
        self.forward = forward
        self.vocab_size = vocab_size
        self.bos_id = bos_id
        self.eos_id = eos_id
        self.control_ids = control_ids
        self.longest = longest
        self.batch_tokens = batch_tokens

    def logprobs(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """Return a row of natural logarithms for each context.

        Raises:
            ModelError: for an empty context, or one longer than the model takes.
        """
        rows = np.empty((len(contexts), self.vocab_size))
        lengths = np.array([len(context) for context in contexts], dtype=np.int64)
        self.check_lengths(lengths)
        by_length = np.argsort(lengths, kind="stable")
        at = 0
        while at < len(by_length):
            end = at + 1
            while end < len(by_length) and (end + 1 - at) * int(lengths[by_length[end]]) <= self.batch_tokens:
                end += 1
            chosen = by_length[at:end]
            ids = np.zeros((len(chosen), int(lengths[chosen].max())), dtype=np.int64)
            for row, which in zip(ids, chosen.tolist(), strict=True):
                row[: lengths[which]] = contexts[which]
            rows[chosen] = log_softmax(self.forward(ids, lengths[chosen] - 1))
            at = end
        return rows

    def check_lengths(self, lengths: NDArray[np.int64]) -> None:
        """Refuse contexts that the model says nothing of.

        Raises:
            ModelError: for an empty one, or one longer than the model takes.
        """
        if len(lengths) and not lengths.all():
            message = (
                "the model has no id that begins a text, so it says nothing of an empty one; "
                "give it a bos_id or a prompt that begins with a control token"
            )
            raise ModelError(message)
        if self.longest is not None and len(lengths) and lengths.max() > self.longest:
            message = f"a context of {lengths.max()} tokens; the model takes at most {self.longest}"
            raise ModelError(message)


class Step(Protocol):
    """A model's forward pass over new tokens, behind what it keeps of those before."""

    def __call__(self, ids: NDArray[np.int64], kept: Any) -> tuple[NDArray[np.float32], Any]:
        """Return ``[vocab_size]`` logits after the last of ``ids`` ``[n]``, and what is kept now; `kept` may change."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """What a model keeps of a context.

    Attributes:
        n_tokens: length of the context.
        value: of the library; only ever copied.
    """

    n_tokens: int
    value: Any


class CachedCausalLM(CausalLM):
    """An `IncrementalTokenLM` made of a step: one new token costs one token.

    Args:
        step: the pass over new tokens.
        forward: the pass over whole contexts, for `logprobs`.
        options: of `CausalLM`.
    """

    def __init__(self, step: Step, forward: Forward, **options: Any) -> None:
        super().__init__(forward, **options)
        self.step = step

    def extend(
        self, states: Sequence[State | None], tokens: Sequence[Context]
    ) -> tuple[list[State], NDArray[np.float64]]:
        """Return, for each state and the tokens after it, the new state and row.

        Raises:
            ModelError: for an empty context, or one longer than the model takes.
        """
        made: list[State] = []
        rows = np.empty((len(states), self.vocab_size))
        for row, state, new in zip(rows, states, tokens, strict=True):
            assert state is None or isinstance(state, Kept), "a state of another model"
            before = 0 if state is None else state.n_tokens
            self.check_lengths(np.array([before + len(new)]))
            kept = None if state is None else copy.deepcopy(state.value)
            logits, after = self.step(np.array(new, dtype=np.int64), kept)
            row[:] = log_softmax(logits[None])[0]
            made.append(Kept(before + len(new), after))
        return made, rows


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the natural logarithms of the probabilities of each row, in double precision."""
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    rows: NDArray[np.float64] = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return rows


def transformers_lm(model: Any, tokenizer: Tokenizer, *, reuse: bool = True, **options: Any) -> CausalLM:
    """Wrap a causal model of the ``transformers`` package (torch) for the tokenizer it was trained with.

    Args:
        reuse: whether to go on from what the model keeps of a context; else each is computed in full.
        model: an ``AutoModelForCausalLM`` on its device and in its type; it is set to ``eval``.
        tokenizer: its tokenizer; what it names special is no text.
        options: of `CausalLM`, in place of what the model's configuration says.

    Raises:
        PluginError: without torch.
    """
    try:
        import torch
    except ImportError as error:
        message = "models of transformers need torch: pip install torch"
        raise PluginError(message) from error
    model.eval()

    def forward(ids: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            given = torch.from_numpy(ids).to(model.device)
            # All places are attended to: to the right of a token that changes nothing before it.
            logits = model(input_ids=given, attention_mask=torch.ones_like(given), use_cache=False).logits
            chosen = logits[torch.arange(len(ids)), torch.from_numpy(last).to(logits.device)]
            found: NDArray[np.float32] = chosen.float().cpu().numpy()
            return found

    names = inspect.signature(model.forward).parameters
    # Releases name the same value differently, in what they take and in what they return.
    cache_name = "cache" if "cache" in names else "past_key_values"
    last_only = {"logits_to_keep": 1} if "logits_to_keep" in names else {}

    def step(ids: NDArray[np.int64], kept: Any) -> tuple[NDArray[np.float32], Any]:
        with torch.inference_mode():
            given = torch.from_numpy(ids)[None].to(model.device)
            out = model(input_ids=given, use_cache=True, **{cache_name: kept}, **last_only)
            after = out[cache_name] if cache_name in out else out["past_key_values"]
            found: NDArray[np.float32] = out.logits[0, -1].float().cpu().numpy()
            return found, after

    config = model.config
    eos = config.eos_token_id
    ends = [eos] if isinstance(eos, int) else list(eos or ())
    special = {i for i in tokenizer.vocab.special.values() if i not in tokenizer.vocab.tokens}
    facts: dict[str, Any] = {
        "vocab_size": int(config.vocab_size),
        # Models without a beginning of their own (GPT-2) were trained with the end before every text.
        "bos_id": config.bos_token_id if config.bos_token_id is not None else next(iter(ends), None),
        "eos_id": next(iter(ends), None),
        "control_ids": frozenset({*special, *ends}),
        "longest": getattr(config, "max_position_embeddings", None),
    }
    if not reuse:
        return CausalLM(forward, **(facts | options))
    return CachedCausalLM(step, forward, **(facts | options))


@register("transformers", "transformers:FOLDER: a causal model with its tokenizer.json (needs torch)")
def transformers(argument: str, tokenizer: Tokenizer | None) -> tuple[TokenLM, Tokenizer]:
    """Load a model folder; its own tokenizer is used unless one is given.

    Raises:
        PluginError: without transformers or torch.
        ModelError: for a folder that holds no model.
    """
    folder = Path(argument)
    if not (folder / "config.json").is_file():
        message = f"model 'transformers:{argument}': {folder} is no folder with a config.json"
        raise ModelError(message)
    try:
        import torch  # noqa: F401 - without it transformers fails only when the class is used
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        message = "model 'transformers:FOLDER' needs both packages: pip install transformers torch"
        raise PluginError(message) from error
    from tokbench.tokenizer import Tokenizer as AnyTokenizer

    own = AnyTokenizer.load(folder / "tokenizer.json") if tokenizer is None else tokenizer
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    return transformers_lm(model, own), own
