"""Model directories: what is found, what is written, what is refused, and the way back."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokbench as tb
from tests.transplant_models import SPECIAL, WIDTH, files_of, make_model, train
from tokbench.errors import ModelError, ParameterError, TransplantError
from tokbench.formats.files import new_directory
from tokbench.transplant import manifest, writing
from tokbench.transplant.find_matrices import find_matrices
from tokbench.transplant.going_back import audit, repeat, reverse
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.model_dir import ModelDir
from tokbench.transplant.plan import RowClass
from tokbench.transplant.safetensors_files import Shard, write_shard
from tokbench.transplant.tokens import TokenTable
from tokbench.transplant.transplantation import transplant

OLD = train("eng_Latn,deu_Latn", 700, SPECIAL)
NEW = train(
    "tur_Latn,eng_Latn",
    650,
    (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
    ),
)
NEW_FILES = files_of(NEW)
EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def stored(folder: Path, name: str) -> Matrix:
    return ModelDir.open(folder).matrix(name)


def load(folder: Path, name: str = "config.json") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("shards", [1, 3])
def test_shared_rows_are_bit_identical_and_the_rest_is_untouched(
    tmp_path: Path, dtype: str, shards: int
) -> None:
    old = make_model(tmp_path / "old", OLD, dtype=dtype, shards=shards, layers=2, bias=True)
    new = tmp_path / "new"
    planned = transplant(old, NEW_FILES, out=new)
    found = planned.match
    assert found.counts()["exact"] > 300
    assert found.counts()["unmatched"] > 50
    before, after = ModelDir.open(old), ModelDir.open(new)
    for name in (EMBED, HEAD, "lm_head.bias"):
        was, now = before.matrix(name), after.matrix(name)
        assert now.dtype == was.dtype == dtype
        assert len(now) == NEW.vocab.n_ids
        shared = found.matched
        assert now.stored[shared].tobytes() == was.stored[found.old_of[shared]].tobytes()
        assert np.isfinite(now.float32()).all()
    assert after.entry("lm_head.bias").shape == (NEW.vocab.n_ids,)
    for name in before.where:
        if name not in planned.tensors():
            assert after.matrix(name).stored.tobytes() == before.matrix(name).stored.tobytes()
            assert after.entry(name).shape == before.entry(name).shape
    rewritten = {before.where[name] for name in planned.tensors()}
    for file in before.shards:
        same = (old / file).stat().st_ino == (new / file).stat().st_ino
        assert same == (file not in rewritten)
    assert (old / "README.md").stat().st_ino == (new / "README.md").stat().st_ino
    if shards > 1:
        index = load(new, "model.safetensors.index.json")
        sizes = [
            entry.end - entry.start for shard in after.shards.values() for entry in shard.entries.values()
        ]
        assert index["metadata"]["total_size"] == sum(sizes)
        assert set(index["weight_map"]) == set(after.where)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_planned_rows_are_the_mean_of_the_old_pieces(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD)
    planned = transplant(old, NEW_FILES, out=tmp_path / "new")
    values, made = stored(old, EMBED).float32(), stored(tmp_path / "new", EMBED).float32()
    for new_id in planned.match.unmatched[:40].tolist():
        if new_id not in planned.match.new.roles:
            pieces = OLD.encode(NEW.token_bytes(new_id)).astype(np.int64)
            assert np.allclose(made[new_id], values[pieces].mean(axis=0), atol=1e-6)


def test_the_configuration_gets_the_new_vocabulary_and_ids(tmp_path: Path) -> None:
    nested = {
        "text_config": {"vocab_size": OLD.vocab.n_ids, "eos_token_id": 1},
        "vision_config": {"vocab_size": 7},
    }
    old = make_model(tmp_path / "old", OLD, config={**nested, "pad_token_id": None, "image_token_id": 2})
    planned = transplant(old, NEW_FILES, out=tmp_path / "new")
    after = load(tmp_path / "new")
    end, turn = NEW.vocab.special["<|endoftext|>"], NEW.vocab.special["<|im_end|>"]
    assert after["vocab_size"] == after["text_config"]["vocab_size"] == NEW.vocab.n_ids
    assert after["vision_config"]["vocab_size"] == 7
    assert (after["bos_token_id"], after["eos_token_id"], after["pad_token_id"]) == (end, end, None)
    assert after["text_config"]["eos_token_id"] == end
    assert after["image_token_id"] == turn
    settings = load(tmp_path / "new", "generation_config.json")
    assert settings == {"bos_token_id": end, "eos_token_id": [end, turn], "max_length": 20}
    assert TokenTable.of(tb.load(tmp_path / "new")).texts == TokenTable.of(NEW).texts
    config = load(tmp_path / "new", "tokenizer_config.json")
    assert (config["bos_token"], config["eos_token"]) == ("<|endoftext|>", "<|endoftext|>")
    content = load(tmp_path / "new", manifest.NAME)
    assert content["notes"] == [*planned.notes, *content["notes"][len(planned.notes) :]]
    assert "config.json: vocab_size: 700 → 650" in content["notes"]


def test_transformers_reads_configuration_and_tokenizer(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    old = make_model(tmp_path / "old", OLD)
    transplant(old, NEW_FILES, out=tmp_path / "new")
    config = transformers.AutoConfig.from_pretrained(tmp_path / "new")
    assert config.vocab_size == 650
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "new")
    text = "Merhaba dünya, the world is round."
    assert tokenizer.encode(text, add_special_tokens=False) == NEW.encode(text).tolist()
    assert tokenizer.eos_token == "<|endoftext|>"


def test_transformers_loads_the_model_without_complaint(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="transformers runs models with torch")
    transformers = pytest.importorskip("transformers")
    for tied in (False, True):
        old = make_model(tmp_path / f"old{tied}", OLD, tied=tied)
        planned = transplant(old, NEW_FILES, out=tmp_path / f"new{tied}", pad_to=64)
        model, told = transformers.AutoModelForCausalLM.from_pretrained(
            tmp_path / f"new{tied}", output_loading_info=True
        )
        assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        rows = model.get_input_embeddings().weight.detach().numpy()
        shared = planned.match.matched
        assert rows[shared].tobytes() == stored(old, EMBED).stored[planned.match.old_of[shared]].tobytes()
        assert torch.isfinite(
            model(torch.tensor([NEW.encode("Merhaba dünya").astype(np.int64)])).logits
        ).all()


def test_a_tied_model_stays_tied_unless_told(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, tied=True)
    planned = transplant(old, NEW_FILES, out=tmp_path / "tied")
    assert set(planned.plans) == {"embedding"}
    assert HEAD not in ModelDir.open(tmp_path / "tied").where
    assert load(tmp_path / "tied")["tie_word_embeddings"] is True
    untied = transplant(old, NEW_FILES, out=tmp_path / "untied", untie=True, head_method="mean")
    assert untied.methods["head"] == "mean"
    assert load(tmp_path / "untied")["tie_word_embeddings"] is False
    shared = untied.match.matched
    for name in (EMBED, HEAD):
        made = stored(tmp_path / "untied", name).stored
        assert made[shared].tobytes() == stored(old, EMBED).stored[untied.match.old_of[shared]].tobytes()
    with pytest.raises(TransplantError, match="head_method: the model has no head of its own"):
        transplant(old, NEW_FILES, head_method="mean")
    with pytest.raises(TransplantError, match="untie: free is not tied"):
        transplant(make_model(tmp_path / "free", OLD), NEW_FILES, untie=True)


def test_rows_are_padded_as_the_model_was_or_as_told(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, padding=68)
    assert len(stored(old, EMBED)) == 768
    planned = transplant(old, NEW_FILES)
    assert planned.n_rows == 768  # 650 ids, in the steps of 256 that 768 was padded by
    assert (planned.plans["head"].classes == RowClass.PADDING).sum() == 118
    assert "68 padding rows of the model are left out" in planned.notes
    new = tmp_path / "new"
    transplant(old, NEW_FILES, out=new, pad_to=64)
    assert load(new)["vocab_size"] == len(stored(new, EMBED)) == 704
    made, tokens = stored(new, EMBED).float32(), stored(old, EMBED).float32()[:700]
    assert np.allclose(made[650:], tokens.mean(axis=0), atol=1e-6)
    with pytest.raises(ParameterError, match="pad_to: 0"):
        transplant(old, NEW_FILES, pad_to=0)


def test_the_way_there_can_be_audited_repeated_and_gone_back(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, shards=2, bias=True, dtype="BF16", padding=4)
    new, again, back = (tmp_path / name for name in ("new", "again", "back"))
    transplant(old, NEW_FILES, out=new, method="random", head_method="subword", calibrate="both")
    checks = audit(new)
    assert len(checks) == 2 + 1 + 3 + 3 + 2
    assert all(check.holds for check in checks)
    repeat(new, old, out=again)
    for name in (EMBED, HEAD, "lm_head.bias"):
        assert stored(again, name).stored.tobytes() == stored(new, name).stored.tobytes()
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (again / name).read_bytes() == (new / name).read_bytes()
    assert all(check.holds for check in audit(again))
    reverse(new, back)
    before, after = ModelDir.open(old), ModelDir.open(back)
    assert set(before.where) == set(after.where)
    for name in before.where:
        assert after.matrix(name).stored.tobytes() == before.matrix(name).stored.tobytes()
        assert after.entry(name).shape == before.entry(name).shape
    kept = {path.name for path in old.iterdir()}
    assert kept == {path.name for path in back.iterdir()}
    for name in kept - set(before.shards):
        assert (back / name).read_bytes() == (old / name).read_bytes()


def test_untying_is_reversed_too(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, tied=True)
    transplant(old, NEW_FILES, out=tmp_path / "new", untie=True)
    assert all(check.holds for check in audit(tmp_path / "new"))
    reverse(tmp_path / "new", tmp_path / "back")
    assert set(ModelDir.open(tmp_path / "back").where) == set(ModelDir.open(old).where)
    assert stored(tmp_path / "back", EMBED).stored.tobytes() == stored(old, EMBED).stored.tobytes()


def test_an_audit_names_a_row_that_was_changed(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, tied=True)
    new = tmp_path / "new"
    planned = transplant(old, NEW_FILES, out=new)
    shard = Shard.open(new / "model.safetensors")
    values = shard.matrix(EMBED).stored.copy()
    row = int(planned.match.unmatched[3])
    values[row, 2] += 1
    write_shard(new / "other", shard, {EMBED: ("F32", values)})
    (new / "other").replace(new / "model.safetensors")
    failed = [check for check in audit(new) if not check.holds]
    assert [check.what for check in failed] == [f"{EMBED}: as written", f"{EMBED}: plan applied again"]
    assert failed[1].seen == f"649 of 650 rows are what the plan makes; the first that is not: {row}"
    with pytest.raises(TransplantError, match=r"no transplant_manifest\.json"):
        audit(old)


def test_what_was_tuned_since_is_kept_on_the_way_back(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, tied=True)
    new = tmp_path / "new"
    planned = transplant(old, NEW_FILES, out=new)
    shard = Shard.open(new / "model.safetensors")
    write_shard(new / "other", shard, {EMBED: ("F32", shard.matrix(EMBED).stored * 2)})
    (new / "other").replace(new / "model.safetensors")
    reverse(new, tmp_path / "back")
    was, now = stored(old, EMBED).stored, stored(tmp_path / "back", EMBED).stored
    copied = np.unique(planned.match.old_of[planned.match.matched])
    assert np.array_equal(now[copied], was[copied] * 2)
    rest = np.setdiff1d(np.arange(700), copied)
    assert len(rest) > 50
    assert np.array_equal(now[rest], was[rest])


def test_large_plans_are_side_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_model(tmp_path / "old", OLD)
    inline, side = tmp_path / "inline", tmp_path / "side"
    planned = transplant(old, NEW_FILES, out=inline, head_method="random", pad_to=128)
    monkeypatch.setattr(manifest, "MOST_INLINE", 10)
    planned.write(side)
    rows = load(inline, manifest.NAME)["plans"]["embedding"]["rows"]
    assert len(rows) == 768
    new_id = int(planned.match.matched[5])
    assert rows[new_id]["sources"] == [planned.match.old_of[new_id]]
    assert rows[new_id]["coefficients"] == [1.0]
    assert rows[new_id]["class"] == "exact"
    assert load(side, manifest.NAME)["plans"]["embedding"]["rows"] == "transplant/embedding.parquet"
    for name, plan in planned.plans.items():
        for folder in (inline, side):
            read = manifest.read_plan(folder, load(folder, manifest.NAME)["plans"][name])
            for part in ("offsets", "sources", "coefficients", "classes", "residuals"):
                assert np.array_equal(getattr(read, part), getattr(plan, part), equal_nan=part == "residuals")
            assert [read.note(i) for i in range(len(read))] == [plan.note(i) for i in range(len(plan))]


# -- the donor ---------------------------------------------------------------------------------------------------


def test_a_donor_of_another_order_is_read_by_bytes(tmp_path: Path) -> None:
    from tokbench.transplant.config_files import table_of
    from tokbench.transplant.preparing import Donor

    other = train("tur_Latn,eng_Latn", 600, ("<|endoftext|>",))
    donor = make_model(tmp_path / "donor", other, seed=5, dtype="BF16")
    table, _ = table_of(NEW, None)
    opened = Donor.open(donor, table=table, allow_faulty=False)
    rows = opened.rows("head")
    values = stored(donor, HEAD).float32()
    assert 500 < rows.known.sum() < 650
    for new_id in np.flatnonzero(rows.known).tolist():
        if table.kinds[new_id] == 0:
            assert np.array_equal(rows.rows[new_id], values[other.vocab.id_of(NEW.token_bytes(new_id))])
    assert opened.notes == [
        f"the donor's tokenizer is another one: {rows.known.sum()} of 650 new tokens have a row in it"
    ]
    same = Donor.open(make_model(tmp_path / "same", NEW, tied=True), table=table, allow_faulty=False)
    assert same.notes == []
    assert same.rows("head").known.all()
    assert np.array_equal(same.rows("head").rows, stored(tmp_path / "same", EMBED).float32())


# -- what is found -----------------------------------------------------------------------------------------------


def write_tensors(folder: Path, shapes: dict[str, tuple[int, ...]], **config: object) -> ModelDir:
    folder.mkdir()
    tensors = {name: ("F32", np.full(shape, 0.5, dtype=np.float32)) for name, shape in shapes.items()}
    write_shard(folder / "model.safetensors", None, tensors)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return ModelDir.open(folder)


NINE = (9, 4)
VLM = "model.language_model.embed_tokens.weight"
BERT = "bert.embeddings.{}_embeddings.weight"


@pytest.mark.parametrize(
    ("shapes", "config", "embedding", "head", "tied"),
    [
        (
            {"wte.weight": NINE, "h.0.w": (4, 4)},
            {"architectures": ["GPT2LMHeadModel"]},
            "wte.weight",
            None,
            True,
        ),
        (
            {"embed_in.weight": NINE, "embed_out.weight": NINE},
            {},
            "embed_in.weight",
            "embed_out.weight",
            False,
        ),
        ({"embeddings": NINE}, {}, "embeddings", None, False),
        (
            {BERT.format("word"): NINE, BERT.format("position"): (8, 4)},
            {"vocab_size": 9},
            BERT.format("word"),
            None,
            False,
        ),
        (
            {VLM: NINE, "visual.w": (9, 1), "lm_head.weight": NINE},
            {"text_config": {"vocab_size": 9}},
            VLM,
            "lm_head.weight",
            False,
        ),
        ({"strange": NINE, "other": (3, 4)}, {"vocab_size": 9}, "strange", None, False),
        (
            {"tok_embeddings.weight": NINE, "output.weight": NINE},
            {"tie_word_embeddings": True},
            "tok_embeddings.weight",
            "output.weight",
            True,
        ),
    ],
)
def test_matrices_are_found_whatever_the_architecture(
    tmp_path: Path,
    shapes: dict[str, tuple[int, ...]],
    config: dict[str, Any],
    embedding: str,
    head: str,
    tied: bool,
) -> None:
    found = find_matrices(write_tensors(tmp_path / "m", shapes, **config), n_ids=9)
    assert (found.embedding, found.head, found.tied) == (embedding, head, tied)
    assert found.why[0].startswith(f"embedding: {embedding} [9, 4]: ")


def test_copies_of_the_matrices_in_further_layers_are_found(tmp_path: Path) -> None:
    shapes = {
        "model.embed_tokens.weight": (9, 4),
        "lm_head.weight": (9, 4),
        "model.layers.61.embed_tokens.weight": (9, 4),
        "model.layers.61.shared_head.head.weight": (9, 4),
        "lm_head.bias": (9,),
    }
    found = find_matrices(write_tensors(tmp_path / "m", shapes, vocab_size=9), n_ids=7)
    assert (found.embedding, found.head) == ("model.embed_tokens.weight", "lm_head.weight")
    assert found.embedding_copies == ("model.layers.61.embed_tokens.weight",)
    assert found.head_copies == ("model.layers.61.shared_head.head.weight",)
    assert found.biases == ("lm_head.bias",)


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"a": (9, 4), "b": (9, 4)}, r"several tensors have so many rows \(a, b\); name the embedding"),
        ({"a": (8, 4), "b": (5, 4)}, r"no tensor has so many rows \(the tallest are a with 8, b with 5\)"),
        (
            {"embed_tokens.weight": (9, 4), "mystery": (9, 4)},
            "mystery has a row for each token, as embed_tokens.weight has",
        ),
        (
            {"embed_tokens.weight": (9, 4), "decoder.embed_tokens.weight": (9, 5)},
            "embeddings of different shapes",
        ),
    ],
)
def test_what_is_not_clear_is_not_guessed(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        find_matrices(write_tensors(tmp_path / "m", shapes, vocab_size=9), n_ids=9)


def test_a_matrix_that_the_caller_names_is_taken(tmp_path: Path) -> None:
    model = write_tensors(tmp_path / "m", {"a": (9, 4), "b": (9, 4)}, vocab_size=9)
    found = find_matrices(model, n_ids=9, embedding="a", head="b")
    assert (found.embedding, found.head) == ("a", "b")
    with pytest.raises(ModelError, match="no tensor 'c'"):
        find_matrices(model, n_ids=9, embedding="c")


# -- what is refused ---------------------------------------------------------------------------------------------


def test_faulty_rows_are_named_and_refused_unless_told(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, tied=True)
    shard = Shard.open(old / "model.safetensors")
    values = shard.matrix(EMBED).stored.copy()
    shared = int(OLD.vocab.id_of(b"a"))
    values[shared], values[OLD.vocab.id_of(b"b"), 1] = 0, np.nan
    write_shard(old / "other", shard, {EMBED: ("F32", values)})
    (old / "other").replace(old / "model.safetensors")
    with pytest.raises(TransplantError, match=rf"2 rows that new tokens would copy .*: {shared} \('a'\), "):
        transplant(old, NEW_FILES)
    planned = transplant(old, NEW_FILES, out=tmp_path / "new", allow_faulty=True)
    made = stored(tmp_path / "new", EMBED).stored
    assert not made[NEW.vocab.id_of(b"a")].any()
    combined = planned.plans["embedding"].classes == RowClass.COMBINED
    assert np.isfinite(made[combined]).all()


def test_zero_rows_are_not_written_unless_told(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD)
    with pytest.raises(
        TransplantError, match=r"new rows of model\.embed_tokens.weight are zero, the first is"
    ):
        transplant(old, NEW_FILES, out=tmp_path / "new", method="zero")
    assert not (tmp_path / "new").exists()
    transplant(old, NEW_FILES, out=tmp_path / "new", method="zero", allow_faulty=True)
    assert all(check.holds for check in audit(tmp_path / "new"))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"12345"), "no readable safetensors file"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no safetensors: it has no weights"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: no readable JSON"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "found pytorch_model.bin; convert",
        ),
    ],
)
def test_broken_directories_are_named(tmp_path: Path, broken: Any, says: str) -> None:
    old = make_model(tmp_path / "old", OLD)
    broken(old)
    with pytest.raises(ModelError, match=says):
        transplant(old, NEW_FILES)


def test_a_truncated_shard_and_a_wrong_index_are_named(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, shards=2)
    second = old / "model-00002-of-00002.safetensors"
    data = second.read_bytes()
    second.write_bytes(data[:-100])
    with pytest.raises(ModelError, match=r"model-00002-of-00002\.safetensors: no readable safetensors file"):
        transplant(old, NEW_FILES)
    second.unlink()
    with pytest.raises(ModelError, match=r"names model-00002-of-00002\.safetensors, which does not exist"):
        transplant(old, NEW_FILES)


def test_quantized_matrices_are_refused(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, tied=True)
    shard = Shard.open(old / "model.safetensors")
    eight = np.zeros((700, WIDTH), dtype=np.uint8)
    write_shard(old / "other", shard, {EMBED: ("F8_E4M3", eight)})
    (old / "other").replace(old / "model.safetensors")
    with pytest.raises(
        ModelError, match="has the element type F8_E4M3; transplanted are F32, F16, BF16, F64"
    ):
        transplant(old, NEW_FILES)


def test_a_target_that_exists_is_kept(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD)
    (tmp_path / "new").mkdir()
    with pytest.raises(ParameterError, match="new exists already"):
        transplant(old, NEW_FILES, out=tmp_path / "new")
    transplant(old, NEW_FILES, out=tmp_path / "new", overwrite=True)
    assert (tmp_path / "new" / manifest.NAME).is_file()
    with pytest.raises(ParameterError, match=r"the folder .* does not exist"):
        transplant(old, NEW_FILES, out=tmp_path / "no" / "new")


def test_other_weights_are_left_out_and_told(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD)
    for name in ("pytorch_model.bin", "model-q4.gguf", "consolidated.safetensors"):
        (old / name).write_bytes((old / "model.safetensors").read_bytes())
    (old / "1_Pooling").mkdir()
    (old / "1_Pooling" / "config.json").write_text("{}", encoding="utf-8")
    transplant(old, NEW_FILES, out=tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert "1_Pooling" in names
    assert not names & {"pytorch_model.bin", "model-q4.gguf", "consolidated.safetensors"}
    told = load(tmp_path / "new", manifest.NAME)["notes"]
    assert any("consolidated.safetensors, model-q4.gguf, pytorch_model.bin" in note for note in told)


# -- failures on the way -----------------------------------------------------------------------------------------


def test_too_little_space_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_model(tmp_path / "old", OLD)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(
        ModelError, match=r"the new model needs about 0\.07 GB, 0\.00 GB are free; nothing was written"
    ):
        transplant(old, NEW_FILES, out=tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"old"}


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_model(tmp_path / "old", OLD, shards=2)

    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half a shard")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(writing, "write_shard", full)
    with pytest.raises(OSError, match="No space left"):
        transplant(old, NEW_FILES, out=tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"old"}


def test_killed_in_the_middle_there_is_no_half_directory(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD, shards=3)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "marker").write_text("the one before", encoding="utf-8")
    NEW.save(tmp_path / "tokenizer.json")
    program = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from tokbench.transplant import writing
        from tokbench.transplant.transplantation import transplant
        true = writing.write_shard
        def slow(path, *rest):
            true(path, *rest)
            print("one shard is written", flush=True)
            time.sleep(60)
        writing.write_shard = slow
        root = Path({str(tmp_path)!r})
        transplant(root / "old", root / "tokenizer.json", out=root / "new", overwrite=True)
        """
    )
    running = subprocess.Popen([sys.executable, "-P", "-c", program], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "one shard is written\n"
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stdout.close()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["marker"]
    left = [path for path in tmp_path.iterdir() if path.name.startswith(".new.")]
    assert len(left) == 1
    # Neither a folder of somebody else nor one that is being filled is touched.
    (tmp_path / ".new.mine").mkdir()
    with new_directory(tmp_path / "new", overwrite=True) as busy:
        assert not left[0].exists()
        transplant(old, tmp_path / "tokenizer.json", out=tmp_path / "new", overwrite=True)
        assert busy.is_dir()
    transplant(old, tmp_path / "tokenizer.json", out=tmp_path / "new", overwrite=True)
    assert all(check.holds for check in audit(tmp_path / "new"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [".new.mine"]
