"""Causal models of the ``transformers`` package as readers: one pass of the model for all places of a window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import ModelError, PluginError
from tokbench.transplant.bits import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WINDOW = 512


def transformers_reader(folder: str | Path, *, window: int = WINDOW) -> Reader:
    """Return a causal model in a directory, with its tokenizer, as a callable that scores tokens.

    The weights are run in float32 whatever the file holds, so that rounding does not decide.

    Args:
        folder: config.json, safetensors and tokenizer files; nothing is downloaded.
        window: the most ids that are scored at once, fewer where the model takes fewer.

    Raises:
        PluginError: without transformers or torch.
        ModelError: for a directory that holds no causal model.
    """
    path = Path(folder)
    if not (path / "config.json").is_file():
        message = f"{path}: no folder with a config.json"
        raise ModelError(message)
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        message = "bits per byte of a model directory need both packages: pip install transformers torch"
        raise PluginError(message) from error
    from tokbench.tokenizer import Tokenizer

    model: Any
    try:
        model = AutoModelForCausalLM.from_pretrained(path, local_files_only=True, dtype=torch.float32)
    except (ValueError, OSError, KeyError) as error:
        message = f"{path}: transformers finds no causal model: {error}"
        raise ModelError(message) from error
    model.eval()

    def score(ids: Sequence[int]) -> NDArray[np.float64]:
        with torch.inference_mode():
            given = torch.tensor([list(ids)], device=model.device)
            logits = model(input_ids=given, use_cache=False).logits[0, :-1].float().cpu().numpy()
        wide = logits.astype(np.float64)
        wide -= wide.max(axis=1, keepdims=True)
        chosen: NDArray[np.float64] = wide[np.arange(len(wide)), list(ids)[1:]]
        chosen -= np.log(np.exp(wide).sum(axis=1))
        return chosen

    config = model.config.get_text_config()
    longest = getattr(config, "max_position_embeddings", None) or window + 1
    return Reader(score, Tokenizer.load(path), first=config.bos_token_id, window=min(window, longest - 1))
