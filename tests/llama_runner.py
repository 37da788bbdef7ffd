"""The small real model as a directory of safetensors, and a runner in numpy that reads such a directory again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file, save_file

import tokbench as tb
from tests.tiny_llama import BOS, TinyLlama, read_model, read_tokenizer
from tokbench.transplant.bits import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LAYERS = {
    "before_attention": "input_layernorm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "before_hidden": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
WHOLE = {"embedding": "model.embed_tokens.weight", "last": "model.norm.weight"}


def _halves(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Neighbouring numbers of a head that are turned together → the halves of the head."""
    size = len(rows) // heads
    return rows.reshape(heads, size // 2, 2, -1).transpose(0, 2, 1, 3).reshape(rows.shape)


def _neighbours(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The other way round."""
    size = len(rows) // heads
    return rows.reshape(heads, 2, size // 2, -1).transpose(0, 2, 1, 3).reshape(rows.shape)


def write_directory(source: Path, folder: Path) -> Path:
    """Write the model as any tool of the field expects it."""
    model = read_model(source / "stories260K.bin")
    folder.mkdir()
    tensors = {name: model.weights[key] for key, name in WHOLE.items()}
    heads = {"query": model.n_heads, "key": model.n_key_heads}
    for key, name in LAYERS.items():
        for layer, rows in enumerate(model.weights[key]):
            turned = _halves(rows, heads[key]) if key in heads else rows
            tensors[f"model.layers.{layer}.{name}.weight"] = turned
    save_file(
        {name: np.ascontiguousarray(rows) for name, rows in tensors.items()}, folder / "model.safetensors"
    )
    width = model.weights["embedding"].shape[1]
    settings = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": model.vocab_size,
        "hidden_size": width,
        "intermediate_size": model.weights["gate"].shape[1],
        "num_hidden_layers": len(model.weights["query"]),
        "num_attention_heads": model.n_heads,
        "num_key_value_heads": model.n_key_heads,
        "max_position_embeddings": model.longest,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "bos_token_id": BOS,
        "eos_token_id": 2,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    read_tokenizer(source / "tok512.bin").save(folder / "tokenizer.tokbench.json")
    return folder


def reader(folder: Path) -> Reader:
    """Return a directory as a callable that scores tokens."""
    tensors = load_file(folder / "model.safetensors")
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    heads = {"query": settings["num_attention_heads"], "key": settings["num_key_value_heads"]}
    weights = {key: tensors[name] for key, name in WHOLE.items()}
    for key, name in LAYERS.items():
        rows = [
            tensors[f"model.layers.{layer}.{name}.weight"] for layer in range(settings["num_hidden_layers"])
        ]
        weights[key] = np.stack([_neighbours(each, heads[key]) if key in heads else each for each in rows])
    model = TinyLlama(heads["query"], heads["key"], settings["max_position_embeddings"], weights)
    model = replace(model, bos_id=settings["bos_token_id"])

    def score(ids: Sequence[int]) -> NDArray[np.float64]:
        rows = model.forward(ids)[:-1]
        return np.asarray(rows[np.arange(len(rows)), list(ids)[1:]])

    return Reader(
        score, tb.load(folder), first=settings["bos_token_id"], window=settings["max_position_embeddings"] - 1
    )
