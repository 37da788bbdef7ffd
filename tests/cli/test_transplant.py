"""`tokbench transplant` as a process: every mode, and what it says when the input is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.transplant_models import SPECIAL, make_model, train


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model ``old`` and a model ``donor`` with another tokenizer."""
    make_model(tmp_path / "old", train("eng_Latn,deu_Latn", 700, SPECIAL), shards=2)
    make_model(
        tmp_path / "donor",
        train(
            "tur_Latn,eng_Latn",
            650,
            (
                "<|endoftext|>",
                "<|im_end|>",
            ),
        ),
        seed=1,
    )
    return tmp_path


def test_there_and_back(run: Run, models: Path) -> None:
    said = run("transplant", "old", "--tokenizer", "donor", "--method", "subword(pieces=sum)", "--out", "new")
    assert "combined" in said.stdout
    assert "embedding: subword(pieces=sum)" in said.stdout
    assert "650 rows → new" in said.stderr
    assert "✗" not in run("transplant", "new", "--audit").stdout
    assert "no readable JSON" not in run("transplant", "new", "--reverse", "--out", "back").stderr
    assert (models / "back" / "config.json").read_bytes() == (models / "old" / "config.json").read_bytes()
    run("transplant", "old", "--repeat", "new", "--out", "again")
    for name in ("model-00001-of-00002.safetensors", "config.json", "tokenizer.json"):
        assert (models / "again" / name).read_bytes() == (models / "new" / name).read_bytes()


def test_a_dry_run_writes_nothing(run: Run, models: Path) -> None:
    before = sorted(models.iterdir())
    said = json.loads(
        run("transplant", "old", "--donor", "donor", "--method", "mean", "--dry-run", "--json").stdout
    )
    assert said["methods"] == {"embedding": "mean", "head": "mean"}
    assert said["matched"]["exact"] > 300
    assert sorted(models.iterdir()) == before


def test_methods_are_validated_side_by_side(run: Run, models: Path) -> None:
    assert models
    said = run(
        "transplant",
        "old",
        "-t",
        "donor",
        "--validate",
        "subword,random(spread=fixed),mean",
        "--sample",
        "60",
    ).stdout
    assert "cosine(role=embedding) ↑" in said
    assert "random(spread=fixed)" in said
    assert "script Latin" in said


def test_extension_and_pruning_in_one_command(run: Run, models: Path) -> None:
    corpus = ("--corpus", "sample", "--languages", "tur_Latn")
    said = run("transplant", "old", "--extend", "40", *corpus, "--out", "more")
    assert "740 rows → more" in said.stderr
    run("transplant", "old", "--prune", "--corpus", "sample", "--languages", "eng_Latn", "--out", "less")
    rows = json.loads((models / "less" / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    assert 256 < rows < 700
    assert run("transplant", "less", "--audit").returncode == 0


def test_kept_tokens_stay_whatever_the_corpus_uses(run: Run, models: Path) -> None:
    tokenizer = train("eng_Latn,deu_Latn", 700, SPECIAL)
    prune = (
        "transplant",
        "old",
        "--prune",
        "--min-count",
        "100000",
        "--corpus",
        "sample",
        "--languages",
        "eng_Latn",
    )
    run(*prune, "--out", "less")
    longest = max(range(256, 700), key=lambda i: len(tokenizer.token_bytes(i)))
    run(*prune, "--keep", f"id:{longest}", "--out", "kept")
    size = {
        name: json.loads((models / name / "config.json").read_text(encoding="utf-8"))["vocab_size"]
        for name in ("less", "kept")
    }
    assert size["less"] < size["kept"] < 700
    assert "no token with the id 9999" in run(*prune, "--keep", "id:9999", "--out", "x", status=1).stderr


def test_a_model_is_inspected(run: Run, models: Path) -> None:
    assert models
    said = run("transplant", "old", "--inspect").stdout
    for word in ("model.embed_tokens.weight", "F32", "700 × 16", "not tied", "LlamaForCausalLM"):
        assert word in said
    assert json.loads(run("transplant", "old", "--inspect", "--json").stdout)["tokenizer"]["ids"] == 700


RUNNER = """
import math
import numpy as np
import tokbench as tb
from tokbench.transplant.bits import Reader

def uniform(folder):
    tokenizer = tb.load(folder)
    return Reader(lambda ids: np.full(len(ids) - 1, -math.log(tokenizer.vocab.n_ids)), tokenizer, first=0)
"""


def test_bits_per_byte_before_and_after(run: Run, models: Path) -> None:
    (models / "mine.py").write_text(RUNNER, encoding="utf-8")
    text = ("--bpb", "sample", "--languages", "eng_Latn", "--runner", "mine.py:uniform")
    said = run("transplant", "old", "-t", "donor", "--method", "mean", "--out", "new", *text).stdout
    for word in ("bits_per_byte", "before", "after", "eng_Latn"):
        assert word in said
    alone = json.loads(run("transplant", "new", *text, "--json").stdout)
    assert "bits_per_byte" in json.dumps(alone)
    assert (
        "not with --dry-run" in run("transplant", "old", "-t", "donor", "--dry-run", *text, status=1).stderr
    )
    wrong = run(
        "transplant", "old", "-t", "donor", "--out", "x", "--bpb", "sample", "--runner", "mine", status=1
    )
    assert "expected transformers, FILE.py:FUNCTION" in wrong.stderr
    assert not (models / "x").exists()


def test_methods_are_listed_and_explained(run: Run) -> None:
    listed = run("transplant", "--methods").stdout
    for name in ("copy", "mean", "random", "subword", "zero"):
        assert name in listed
    told = run("transplant", "--explain", "random").stdout
    for word in ("formula", "source", "spread", "std"):
        assert word in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("old", "-t", "donor"), "give --out, or --dry-run"),
        (("nowhere", "-t", "donor", "--out", "new"), "nowhere: no such directory"),
        (("old", "--out", "new"), "--tokenizer: give a tokenizer, or a donor"),
        (("old", "-t", "donor", "--map", "x", "--out", "new"), "--map x: expected NEW=OLD"),
        (("old", "-t", "donor", "--untie", "--out", "new"), "--untie: old is not tied"),
    ],
)
def test_wrong_input_is_one_message(run: Run, models: Path, arguments: tuple[str, ...], says: str) -> None:
    said = run("transplant", *arguments, status=1)
    assert says in said.stderr
    assert "Traceback" not in said.stderr
    assert not (models / "new").exists()
