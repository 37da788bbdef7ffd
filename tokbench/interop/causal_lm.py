"""Causal language models of other libraries as a `TokenLM`: right-padded batches, no cache.

With causal attention and positions that count from the first token, what stands to the right of a token changes
nothing; so contexts of different lengths share a batch, padded on the right with any id, and the row after each is
read at its own last place. Every context is computed in full: no cache class of a library is touched, so none can
break it, and the price is time quadratic in the length of a text that is read byte by byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tokbench.bytelm.models import register
from tokbench.errors import ModelError, PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tokbench.bytelm.token_lm import Context, TokenLM
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
        if len(lengths) and not lengths.all():
            message = (
                "the model has no id that begins a text, so it says nothing of an empty one; "
                "give it a bos_id or a prompt that begins with a control token"
            )
            raise ModelError(message)
        if self.longest is not None and len(lengths) and lengths.max() > self.longest:
            message = f"a context of {lengths.max()} tokens; the model takes at most {self.longest}"
            raise ModelError(message)
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
            logits = self.forward(ids, lengths[chosen] - 1).astype(np.float64)
            logits -= logits.max(axis=1, keepdims=True)
            rows[chosen] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            at = end
        return rows


def transformers_lm(model: Any, tokenizer: Tokenizer, **options: Any) -> CausalLM:
    """Wrap a causal model of the ``transformers`` package (torch) for the tokenizer it was trained with.

    Args:
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
    return CausalLM(forward, **(facts | options))


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
