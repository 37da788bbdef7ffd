"""A directory that transformers can run, as a callable that scores tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import ModelError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from numpy.typing import NDArray


def score_with_transformers(
    path: str | PathLike[str], *, device: str = "cpu"
) -> Callable[[Sequence[int]], NDArray[np.float64]]:
    """Return a callable: token ids → natural log-probability of each one but the first after those before it.

    Nothing is downloaded: `path` is a directory.

    Raises:
        PluginError: when torch or transformers is missing.
        ModelError: when transformers cannot load the model.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        message = "running a model needs the packages torch and transformers: pip install torch transformers"
        raise PluginError(message) from error
    try:
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError) as error:
        message = f"{path}: transformers cannot load the model: {error}"
        raise ModelError(message) from error
    model = model.to(device=device, dtype=torch.float32).eval()

    def score(ids: Sequence[int]) -> NDArray[np.float64]:
        given = torch.tensor([list(ids)], device=device)
        with torch.no_grad():
            logits = model(given).logits[0, :-1].double()
        logp = torch.log_softmax(logits, dim=-1).gather(1, given[0, 1:, None])[:, 0]
        return np.asarray(logp.cpu().numpy(), dtype=np.float64)

    return score
