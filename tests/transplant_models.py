"""Small model directories that tests make themselves: random weights, Llama's tensor names, our own tokenizers."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tokbench as tb
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.safetensors_files import write_shard

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer

WIDTH, INNER, HEADS = 16, 24, 2
SPECIAL = ("<s>", "</s>", "<|im_end|>")


@cache
def train(languages: str, size: int, special: tuple[str, ...], pretokenizer: str = "gpt2") -> Tokenizer:
    """A tokenizer of some languages of the built-in sample."""
    corpus = tb.corpora.open_corpus(["sample"], languages=languages.split(","))
    return tb.train(tb.count(corpus, pretokenizer), vocab_size=size, special_tokens=special)


@cache
def files_of(tokenizer: Tokenizer) -> Path:
    """A directory with the tokenizer's files; the export proves itself, which is worth doing once."""
    holder = tempfile.TemporaryDirectory(prefix="tokbench-test-")
    atexit.register(holder.cleanup)
    tokenizer.save(holder.name, format="huggingface")
    return Path(holder.name)


def make_model(
    folder: Path,
    tokenizer: Tokenizer,
    *,
    tied: bool = False,
    shards: int = 1,
    dtype: str = "F32",
    padding: int = 0,
    bias: bool = False,
    layers: int = 1,
    seed: int = 0,
    config: dict[str, Any] | None = None,
) -> Path:
    """Write a Llama-like model with random weights and its tokenizer."""
    folder.mkdir(parents=True)
    for file in files_of(tokenizer).iterdir():
        shutil.copy(file, folder / file.name)
    generator = np.random.default_rng(seed)
    rows = tokenizer.vocab.n_ids + padding
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (rows, WIDTH),
        "model.norm.weight": (WIDTH,),
    }
    for i in range(layers):
        shapes |= {
            f"model.layers.{i}.self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in ("q", "k", "v", "o")
        }
        shapes |= {f"model.layers.{i}.mlp.{name}_proj.weight": (INNER, WIDTH) for name in ("gate", "up")}
        shapes[f"model.layers.{i}.mlp.down_proj.weight"] = (WIDTH, INNER)
        shapes |= {
            f"model.layers.{i}.{name}_layernorm.weight": (WIDTH,) for name in ("input", "post_attention")
        }
    if not tied:
        shapes["lm_head.weight"] = (rows, WIDTH)
    if bias:
        shapes["lm_head.bias"] = (rows,)
    tensors: dict[str, tuple[str, Any]] = {}
    for name, shape in shapes.items():
        values = (generator.standard_normal(shape) * 0.1).astype(np.float32)
        if name.endswith("norm.weight"):
            values = np.ones(shape, dtype=np.float32)
        stored = Matrix.from_float32(values.reshape(-1, shape[-1]), dtype).stored.reshape(shape)
        tensors[name] = (dtype, stored)
    _write_shards(folder, tensors, shards)
    special = tokenizer.vocab.special
    settings: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": rows,
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "num_hidden_layers": layers,
        "max_position_embeddings": 64,
        "tie_word_embeddings": tied,
        "bos_token_id": special.get("<s>"),
        "eos_token_id": special.get("</s>"),
        "torch_dtype": {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[dtype],
        **(config or {}),
    }
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    ends = [special[text] for text in ("</s>", "<|im_end|>") if text in special]
    (folder / "generation_config.json").write_text(
        json.dumps({"bos_token_id": special.get("<s>"), "eos_token_id": ends, "max_length": 20}),
        encoding="utf-8",
    )
    (folder / "README.md").write_text("A small model with random weights.\n", encoding="utf-8")
    return folder


def _write_shards(folder: Path, tensors: dict[str, tuple[str, Any]], shards: int) -> None:
    if shards == 1:
        write_shard(folder / "model.safetensors", None, tensors)
        return
    names = list(tensors)
    weights: dict[str, str] = {}
    size = -(-len(names) // shards)
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: tensors[name] for name in names[number * size : (number + 1) * size]}
        write_shard(folder / file, None, part)
        weights |= dict.fromkeys(part, file)
    total = sum(values.nbytes for _, values in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weights}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
