"""Causal models of other libraries: the batches, with a hand-made forward pass, and transformers where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.tiny_llama import read_model
from tokbench.bytelm import IncrementalTokenLM, TokenLM
from tokbench.bytelm.models import kinds, load_model
from tokbench.errors import ModelError
from tokbench.interop.causal_lm import CachedCausalLM, CausalLM

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Ids = NDArray[np.int64]


def _sums(ids: Ids, last: Ids) -> NDArray[np.float32]:
    """Logits that depend on everything up to the last place and on nothing after it."""
    assert ids.size <= 12 or len(ids) == 1, "no batch above its bound"
    total = [ids[row, : end + 1].sum() + 10 * end for row, end in enumerate(last.tolist())]
    return np.sin(np.outer(total, np.arange(1, 6))).astype(np.float32)


def test_rows_do_not_depend_on_the_batch() -> None:
    model = CausalLM(_sums, vocab_size=5, bos_id=0, eos_id=None, longest=20, batch_tokens=12)
    assert isinstance(model, TokenLM)
    contexts = [[0, 1, 2], [0], [0, 4, 4, 4, 4, 4, 1], [0, 3], [0, *range(14)], [0, 2, 2]]
    rows = model.logprobs(contexts)
    assert np.exp(rows).sum(axis=1) == pytest.approx(np.ones(6), abs=1e-12)
    for context, row in zip(contexts, rows, strict=True):
        assert np.array_equal(model.logprobs([context])[0], row)
    assert model.logprobs([]).shape == (0, 5)
    with pytest.raises(ModelError, match="a context of 21 tokens; the model takes at most 20"):
        model.logprobs([[0] * 21])
    with pytest.raises(ModelError, match="says nothing of an empty one"):
        model.logprobs([[0], []])


def test_a_real_model_in_padded_batches(shared: Path) -> None:
    llama = read_model(shared / "data/models/stories260K/stories260K.bin")

    def forward(ids: Ids, last: Ids) -> NDArray[np.float32]:
        rows = [llama.forward(row.tolist())[end] for row, end in zip(ids, last.tolist(), strict=True)]
        return np.stack(rows).astype(np.float32)

    model = CausalLM(forward, vocab_size=512, bos_id=1, eos_id=1)
    contexts = [[1], [1, 403, 407], [1, 403]]
    assert np.abs(model.logprobs(contexts) - llama.logprobs(contexts)).max() < 1e-5


def test_the_kind_is_known_and_says_what_it_needs(tmp_path: Path) -> None:
    assert "transformers" in [kind.name for kind in kinds()]
    with pytest.raises(ModelError, match=r"no folder with a config\.json"):
        load_model(f"transformers:{tmp_path}")


def test_states_are_copied_before_they_are_extended() -> None:
    """A library changes what it keeps in place; a context that is extended twice must not notice."""

    def step(ids: Ids, kept: list[int] | None) -> tuple[NDArray[np.float32], list[int]]:
        seen = [] if kept is None else kept
        seen.extend(ids.tolist())
        return _sums(np.array([seen]), np.array([len(seen) - 1]))[0], seen

    model = CachedCausalLM(step, _sums, vocab_size=5, bos_id=0, eos_id=None, longest=6, batch_tokens=12)
    assert isinstance(model, IncrementalTokenLM)
    (start,), _ = model.extend([None], [[0, 1]])
    states, rows = model.extend([start, start], [[2], [3, 4]])
    assert np.array_equal(rows, model.logprobs([[0, 1, 2], [0, 1, 3, 4]]))
    _, again = model.extend(states, [[4], [4]])
    assert np.array_equal(again, model.logprobs([[0, 1, 2, 4], [0, 1, 3, 4, 4]]))
    with pytest.raises(ModelError, match="a context of 7 tokens; the model takes at most 6"):
        model.extend([start], [[0] * 5])
    with pytest.raises(ModelError, match="says nothing of an empty one"):
        model.extend([None], [[]])


def _architectures(package: Any) -> dict[str, Any]:
    sizes = {"vocab_size": 262, "bos_token_id": 260, "eos_token_id": 261}
    llama = package.LlamaConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64,
        **sizes,
    )  # fmt: skip
    gpt2 = package.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, **sizes)
    return {"llama": (package.LlamaForCausalLM, llama), "gpt2": (package.GPT2LMHeadModel, gpt2)}


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_transformers(name: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    package = pytest.importorskip("transformers", reason="transformers is not installed")
    import tokbench as tb
    from tokbench.bytelm import ByteLM
    from tokbench.interop.causal_lm import transformers_lm

    tokenizer = tb.train(tb.count_texts({"all": ["the cat the hat"]}, "gpt2"), vocab_size=260)
    torch.manual_seed(0)
    made, config = _architectures(package)[name]
    inner = made(config)
    model = transformers_lm(inner, tokenizer)
    contexts = [[260], [260, 5, 9], [260, 5]]
    rows = model.logprobs(contexts)
    for context, row in zip(contexts, rows, strict=True):
        alone = torch.log_softmax(inner(torch.tensor([context])).logits[0, -1].double(), -1)
        assert np.abs(alone.detach().numpy() - row).max() < 1e-5
    assert isinstance(model, CachedCausalLM)
    (start,), first = model.extend([None], [[260, 5]])
    _, second = model.extend([start, start], [[9], [7, 8]])
    in_full = model.logprobs([[260, 5], [260, 5, 9], [260, 5, 7, 8]])
    assert np.abs(np.vstack([first, second]) - in_full).max() < 1e-5
    text = "the cat's hat"
    cached, full = ByteLM(model, tokenizer), ByteLM(transformers_lm(inner, tokenizer, reuse=False), tokenizer)
    assert cached.score(text).total_bits == pytest.approx(full.score(text).total_bits, abs=1e-4)
    assert cached.next_byte("the c").probabilities.sum() == pytest.approx(1)
