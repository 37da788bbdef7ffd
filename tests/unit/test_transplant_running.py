"""Bits per byte of model directories: a real small model in numpy, and transformers where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import tokbench as tb
from tests.llama_runner import reader, write_directory
from tests.tiny_llama import read_model
from tests.transplant_models import files_of, make_model, train
from tokbench.errors import ModelError, ParameterError
from tokbench.transplant.bits import bits_of, bits_per_byte
from tokbench.transplant.model_dir import ModelDir
from tokbench.transplant.running import find_runner, read_with
from tokbench.transplant.transplantation import transplant

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "Once upon a time there was a little girl named Lily. She loved to play outside in the park."


@pytest.fixture
def stories(shared: Path, tmp_path: Path) -> Path:
    """The small real model as a directory."""
    return write_directory(shared / "data/models/stories260K", tmp_path / "stories")


def test_a_directory_scores_as_the_model_it_was_made_of(stories: Path, shared: Path) -> None:
    made = reader(stories)
    model = read_model(shared / "data/models/stories260K/stories260K.bin")
    ids = [1, *made.tokenizer.encode(TEXT).tolist()]
    truth = model.forward(ids)[np.arange(len(ids) - 1), ids[1:]]
    assert np.allclose(made.score(ids), truth, atol=1e-6)
    bits, n_bytes = bits_of(made, TEXT)
    assert n_bytes == len(TEXT)
    # A model of such stories knows how they begin; one that knows nothing needs 9 bits for each of 512 tokens.
    assert 0.05 < bits / n_bytes < 1


def test_methods_are_ranked_by_the_bits_that_a_real_model_needs(stories: Path, tmp_path: Path) -> None:
    """A tokenizer of other stories: copied and composed rows leave the model far better than mean or random ones."""
    corpus = tb.Corpus.from_texts({"eng": [TEXT] * 3})
    more = tb.Corpus.from_texts({"eng": [f"{TEXT} One day, she saw a big dog. The dog was happy."] * 3})
    new = tb.train(tb.count(more, "gpt2"), vocab_size=300, special_tokens=["<s>", "</s>"])
    readers = {"before": reader(stories)}
    for method in ("subword", "mean", "random"):
        transplant(stories, files_of(new), method=method, out=tmp_path / method)
        readers[method] = reader(tmp_path / method)
    frame = bits_per_byte(readers, corpus)
    value = {name: frame.value("bits_per_byte", tokenizer=name) or 0.0 for name in readers}
    assert value["before"] < value["subword"] < min(value["mean"], value["random"])


def test_transformers_gives_the_same_bits(stories: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    theirs, ours = read_with("transformers", stories), reader(stories)
    assert theirs.first == ours.first
    assert bits_of(theirs, TEXT)[1] == bits_of(ours, TEXT)[1] == len(TEXT)
    assert bits_of(theirs, TEXT)[0] == pytest.approx(bits_of(ours, TEXT)[0], rel=1e-4)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_transformers_loads_a_transplanted_model_whose_shared_rows_are_the_old_ones(
    tmp_path: Path, dtype: str
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    package = pytest.importorskip("transformers", reason="transformers is not installed")
    old = make_model(
        tmp_path / "old", train("eng_Latn,deu_Latn", 700, ("<s>", "</s>")), shards=2, dtype=dtype
    )
    new = train("tur_Latn,eng_Latn", 650, ("<s>", "</s>"))
    planned = transplant(old, files_of(new), out=tmp_path / "new")
    kind = {"F32": torch.float32, "BF16": torch.bfloat16}[dtype]
    models = [
        package.AutoModelForCausalLM.from_pretrained(tmp_path / name, local_files_only=True, dtype=kind)
        for name in ("old", "new")
    ]
    ids = planned.match.matched
    for matrix in ("get_input_embeddings", "get_output_embeddings"):
        before, after = (getattr(model, matrix)().weight.detach() for model in models)
        assert after.shape[0] == ModelDir.open(tmp_path / "new").setting("vocab_size")
        assert torch.equal(before[torch.from_numpy(planned.match.old_of[ids])], after[torch.from_numpy(ids)])
    assert bits_of(read_with("transformers", tmp_path / "new"), "a text")[0] > 0


@pytest.mark.parametrize(
    ("spelling", "says"),
    [
        ("llama", "expected transformers, FILE.py:FUNCTION or MODULE:FUNCTION"),
        ("none.py:reader", r"none\.py cannot be loaded"),
        ("no_such_package:reader", "no_such_package cannot be loaded"),
        ("tests.llama_runner:red", r"tests\.llama_runner has no function 'red'"),
    ],
)
def test_a_runner_that_is_not_there_is_named(spelling: str, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        find_runner(spelling)


def test_what_a_runner_must_return(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def run(folder):\n    return 3\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"returned int for .*, expected a Reader"):
        read_with(f"{tmp_path / 'mine.py'}:run", tmp_path)
