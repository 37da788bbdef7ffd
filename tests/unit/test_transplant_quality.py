"""Choosing a method without running a model: hidden tokens, calibration, pruning, bits per byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tests.transplant_models import SPECIAL, WIDTH, files_of, make_model, train
from tokbench.errors import ModelError, ParameterError, TransplantError
from tokbench.tokenizer import BpeTokenizer
from tokbench.transplant.apply import apply
from tokbench.transplant.bits import Reader, bits_of, bits_per_byte
from tokbench.transplant.calibrate import calibrated
from tokbench.transplant.matrix import Matrix
from tokbench.transplant.method import parse
from tokbench.transplant.plan import RowClass
from tokbench.transplant.planning import plan_matrix
from tokbench.transplant.preparing import prepare
from tokbench.transplant.prune import prune, usage
from tokbench.transplant.safetensors_files import Shard, write_shard
from tokbench.transplant.transplantation import transplant
from tokbench.transplant.validate import classes_of, interval, validate

OLD = train("eng_Latn,deu_Latn", 700, SPECIAL)
NEW = train("tur_Latn,eng_Latn", 650, ("<|endoftext|>",))
NEW_FILES = files_of(NEW)
EMBED = "model.embed_tokens.weight"


@pytest.fixture
def additive(tmp_path: Path) -> Path:
    """A tied model in which a token's row is the sum of its bytes' rows, so that subword(pieces=sum) is exact."""
    folder = make_model(tmp_path / "old", OLD, tied=True)
    generator = np.random.default_rng(4)
    letters = generator.standard_normal((256, WIDTH)).astype(np.float32)
    rows = np.stack([letters[list(OLD.token_bytes(i))].sum(axis=0) for i in range(700)])
    shard = Shard.open(folder / "model.safetensors")
    write_shard(folder / "other", shard, {EMBED: ("F32", rows.astype(np.float32))})
    (folder / "other").replace(folder / "model.safetensors")
    return folder


def test_hidden_tokens_are_really_hidden_and_methods_stand_side_by_side(additive: Path) -> None:
    frame = validate(additive, NEW_FILES, methods=["subword(pieces=sum)", "subword", "mean"], sample=100)
    assert frame.tokenizers == ["subword(pieces=sum)", "subword", "mean"]
    value = {name: frame.value("cosine", tokenizer=name) for name in frame.tokenizers}
    error = {name: frame.value("relative_error", tokenizer=name) for name in frame.tokenizers}
    assert value["subword(pieces=sum)"] == pytest.approx(1.0, abs=1e-6)
    assert error["subword(pieces=sum)"] == pytest.approx(0.0, abs=1e-6)
    # Half of the sum in the same direction, where a token falls into two pieces: were the token itself one of its
    # own pieces, this would be 0.
    assert 0.4 < (error["subword"] or 0) < 0.8
    assert (value["mean"] or 0) < (value["subword"] or 0)
    row = frame.filter(metric="cosine", tokenizer="mean", group="all").frame.row(0, named=True)
    assert row["n"] == 100
    assert row["low"] < row["value"] < row["high"]
    assert set(frame.groups) >= {"script Latin", "length 2-3", "length 4-7"}
    again = validate(additive, NEW_FILES, methods=["subword(pieces=sum)", "subword", "mean"], sample=100)
    assert again.frame.equals(frame.frame)


def test_at_most_half_of_the_shared_tokens_are_hidden(additive: Path) -> None:
    shared = prepare(additive, NEW_FILES).match
    long = [i for i in shared.matched.tolist() if shared.classes[i] == 0 and len(shared.new.texts[i]) > 1]
    frame = validate(additive, NEW_FILES, methods=["mean"], sample=10**6)
    assert frame.filter(metric="cosine", group="all").frame["n"].to_list() == [len(long) // 2]
    with pytest.raises(TransplantError, match="name at least one"):
        validate(additive, NEW_FILES, methods=[])


def test_zero_rows_have_no_cosine(additive: Path) -> None:
    frame = validate(additive, NEW_FILES, methods=["zero"], sample=50, allow_faulty=True)
    row = frame.filter(metric="cosine", group="all").frame.row(0, named=True)
    assert (row["value"], row["reason"]) == (None, "all rows are zero")
    assert frame.value("relative_error") == 1.0


def test_classes_of_tokens() -> None:
    assert classes_of("日本".encode()) == ["script CJK", "length 4-7"]
    assert classes_of(b"\xe6\x97") == ["part of a character", "length 2-3"]
    assert classes_of(b" ...") == ["punctuation", "length 4-7"]
    assert classes_of("٣".encode()) == ["digits", "length 2-3"]
    assert classes_of("ⲀⲂ".encode())[0] == "script Other"
    assert classes_of(b"abcdefgh")[1] == "length 8+"


def test_intervals() -> None:
    assert interval(np.array([]), 0) == (None, None, None, 0)
    assert interval(np.array([2.0, np.nan]), 0) == (2.0, None, None, 1)
    mean, low, high, n = interval(np.random.default_rng(0).normal(size=400), 0)
    assert n == 400
    assert mean is not None
    assert low is not None
    assert high is not None
    assert low < mean < high
    assert 0.15 < high - low < 0.25  # 2 · 1.96 / √400 = 0.196


# -- calibration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["subword", "subword(pieces=sum)", "random", "mean"])
@pytest.mark.parametrize("way", ["norm", "mean", "both"])
def test_calibrated_rows_are_as_loud_as_copied_ones(tmp_path: Path, method: str, way: str) -> None:
    ready = prepare(make_model(tmp_path / "old", OLD), NEW_FILES)
    old = ready.model.matrix("lm_head.weight")
    shifted = Matrix(old.stored + np.float32(0.3), "F32")
    plan, task = plan_matrix(ready.setting, "head", shifted, parse(method), donor=None)
    changed = calibrated(plan, task, way)
    before, after = apply(plan, shifted).stored, apply(changed, shifted).stored
    copied = plan.copied
    assert before[copied].tobytes() == after[copied].tobytes()
    assert np.array_equal(plan.classes, changed.classes)
    anchors = shifted.stored[np.unique(task.anchors(special=False)[1])].astype(np.float64)
    unit = anchors.mean(axis=0) / np.linalg.norm(anchors.mean(axis=0))
    made = after[~copied].astype(np.float64)
    if way == "norm":
        assert np.allclose(
            np.linalg.norm(made, axis=1), np.median(np.linalg.norm(anchors, axis=1)), rtol=1e-4
        )
    else:
        assert np.allclose(made @ unit, np.median(anchors @ unit), rtol=1e-4)
    if way == "both" and method != "mean":
        across = np.linalg.norm(made - np.outer(made @ unit, unit), axis=1)
        known = np.linalg.norm(anchors - np.outer(anchors @ unit, unit), axis=1)
        assert np.allclose(across, np.median(known), rtol=1e-3)


def test_an_unknown_way_of_calibrating_is_named(tmp_path: Path) -> None:
    with pytest.raises(TransplantError, match="calibrate: 'loud' is none of none, norm, mean, both"):
        transplant(make_model(tmp_path / "old", OLD), NEW_FILES, calibrate="loud")


# -- pruning -----------------------------------------------------------------------------------------------------


def english() -> tb.Corpus:
    return tb.corpora.open_corpus(["sample"], languages=["eng_Latn"])


def test_a_pruned_tokenizer_reads_the_text_as_before() -> None:
    corpus = english()
    made = prune(OLD, corpus)
    assert len(made.old_of) == made.tokenizer.vocab_size < OLD.vocab_size
    for document in corpus:
        assert np.array_equal(made.old_of[made.tokenizer.encode(document.text)], OLD.encode(document.text))
    for new_id, old_id in enumerate(made.old_of.tolist()):
        assert made.tokenizer.token_bytes(new_id) == OLD.token_bytes(old_id)
    assert set(made.tokenizer.special_tokens) == set(SPECIAL)
    assert made.tokenizer.decode(made.tokenizer.encode("Überraschung 日本")).decode() == "Überraschung 日本"


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="abehinorst .,", max_size=60))
def test_text_of_kept_tokens_is_encoded_alike(text: str) -> None:
    made = PRUNED
    old = OLD.encode(text)
    if np.isin(old, made.old_of).all():
        assert np.array_equal(made.old_of[made.tokenizer.encode(text)], old)


PRUNED = prune(OLD, english(), min_count=3)


def test_pruning_is_closed_under_merges_and_counts_use() -> None:
    assert isinstance(OLD, BpeTokenizer)
    used = usage(OLD, english())
    assert used.sum() == sum(len(OLD.encode(document.text)) for document in english())
    kept = set(PRUNED.old_of.tolist())
    assert {i for i in range(700) if used[i] >= 3} <= kept
    for left, right, result in OLD.model.merges:
        if result in kept:
            assert {left, right} <= kept
    rare = int(np.flatnonzero(used == 0)[-1])
    assert rare in prune(OLD, english(), keep=[rare]).old_of
    with pytest.raises(ParameterError, match="keep: no token has the id 9999"):
        prune(OLD, english(), keep=[9999])
    with pytest.raises(ParameterError, match="pruned are those that we encode by merges"):
        prune(OLD.with_method("longest"), english())


def test_a_model_is_pruned_by_copying_rows(tmp_path: Path) -> None:
    old = make_model(tmp_path / "old", OLD)
    planned = transplant(old, PRUNED.tokenizer, out=tmp_path / "new")
    assert set(planned.plans["head"].classes.tolist()) <= {RowClass.EXACT, RowClass.SPECIAL}
    assert np.array_equal(planned.match.old_of, PRUNED.old_of)


# -- bits per byte -----------------------------------------------------------------------------------------------


def test_bits_do_not_depend_on_the_tokenizer_of_a_model_of_bytes() -> None:
    """A model that gives every byte 1/256 needs 8 bits a byte, however it is cut."""
    corpus = english()

    def model(tokenizer: tb.Tokenizer) -> Reader:
        def score(ids: object) -> np.ndarray:
            return np.array([-np.log(256) * len(tokenizer.token_bytes(i)) for i in list(ids)[1:]])  # type: ignore[call-overload]  # ids

        return Reader(score, tokenizer, first=0, window=7)

    frame = bits_per_byte({"old": model(OLD), "new": model(NEW)}, corpus)
    for name in ("old", "new"):
        assert frame.value("bits_per_byte", tokenizer=name) == pytest.approx(8.0)
    _, n_bytes = bits_of(model(OLD), "a text")
    assert n_bytes == 6
    assert bits_of(Reader(model(OLD).score, OLD, window=512), "a text")[1] < 6


def test_what_is_no_probability_is_named() -> None:
    with pytest.raises(ModelError, match="expected 5 natural logarithms"):
        bits_of(Reader(lambda ids: np.zeros(1), NEW, first=0), "xyxyx")
    with pytest.raises(ModelError, match="of at most 3"):
        bits_of(Reader(lambda ids: np.full(len(ids) - 1, 3.0), NEW, first=0), "xyxyx")
