"""What a model is made of: a directory of safetensors, and GGUF files that the test writes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.transplant_models import SPECIAL, make_model, train
from tokbench.errors import ModelError, PluginError
from tokbench.transplant.inspection import inspect

if TYPE_CHECKING:
    from pathlib import Path

ROWS, WIDTH = 70, 64


def write_gguf(path: Path, *, head: bool = False, quantised: bool = False, embedding: bool = True) -> Path:
    gguf: Any = pytest.importorskip("gguf", reason="the package gguf is not installed")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([f"t{i}" for i in range(ROWS - 6)])
    writer.add_token_merges(["t 1", "t 2"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    values = np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(np.float32)
    kind = gguf.GGMLQuantizationType.Q8_0
    if embedding and quantised:
        writer.add_tensor("token_embd.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)
    elif embedding:
        writer.add_tensor("token_embd.weight", values)
    writer.add_tensor("blk.0.attn_q.weight", values[:WIDTH].astype(np.float16))
    if head:
        writer.add_tensor("output.weight", values.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("head", [False, True])
def test_a_gguf_file_shows_its_matrices_and_tokenizer(tmp_path: Path, head: bool, quantised: bool) -> None:
    found = inspect(write_gguf(tmp_path / "model.gguf", head=head, quantised=quantised))
    expected = [("embedding", "token_embd.weight", "Q8_0" if quantised else "F32", (ROWS, WIDTH))]
    expected += [("head", "output.weight", "F16", (ROWS, WIDTH))] if head else []
    assert [(each.role, each.name, each.dtype, each.shape) for each in found.tensors] == expected
    assert (found.format, found.architecture, found.tied) == ("gguf", "llama", not head)
    assert found.tokenizer == {
        "kind": "gpt2", "pretokenizer": "llama-bpe", "ids": ROWS - 6, "merges": 2, "bos_id": 1, "eos_id": 2,
    }  # fmt: skip
    assert any("6 rows more than the tokenizer has ids" in note for note in found.notes)
    assert found.as_dict()["tensors"][0]["shape"] == [ROWS, WIDTH]


def test_broken_gguf_files_are_named(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "model.gguf").read_bytes()
    (tmp_path / "short.gguf").write_bytes(whole[:200])
    (tmp_path / "other.gguf").write_bytes(b"PK\x03\x04" + bytes(100))
    for name in ("short.gguf", "other.gguf"):
        with pytest.raises(ModelError, match=f"{name}: no readable GGUF file"):
            inspect(tmp_path / name)
    with pytest.raises(ModelError, match=r"none\.gguf: no such file"):
        inspect(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match=r"no tensor token_embd\.weight among its 1"):
        inspect(write_gguf(tmp_path / "bare.gguf", embedding=False))


def test_without_the_package_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(PluginError, match=r"pip install 'tokbench\[gguf\]'"):
        inspect(tmp_path / "model.gguf")


def test_a_directory_shows_the_same(tmp_path: Path) -> None:
    tokenizer = train("eng_Latn,deu_Latn", 700, SPECIAL)
    found = inspect(make_model(tmp_path / "old", tokenizer, shards=2, dtype="BF16", bias=True, padding=4))
    facts = [(each.role, each.dtype, each.shape) for each in found.tensors]
    assert facts == [
        ("embedding", "BF16", (704, 16)),
        ("head", "BF16", (704, 16)),
        ("head bias", "BF16", (704,)),
    ]
    assert (found.format, found.architecture, found.tied) == ("safetensors", "LlamaForCausalLM", False)
    assert found.tokenizer["ids"] == 700
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(
        ModelError, match=r"expected a directory with safetensors and config\.json, or a \.gguf"
    ):
        inspect(tmp_path / "weights.bin")
