"""The methods with a donor, vectors, merges or text: small cases worked out by hand, and what cannot be planned."""

from __future__ import annotations

import gzip
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.transplant_tasks import NEW, OLD, make, rows, task, turned, values, with_donor
from tokbench.corpus import Corpus
from tokbench.errors import TransplantError
from tokbench.reference import interpolation as slow
from tokbench.transplant.auxiliary import Auxiliary, Embedder, WordVectors
from tokbench.transplant.landmarks import nearest
from tokbench.transplant.method import parse
from tokbench.transplant.plan import RowClass
from tokbench.transplant.token_vectors import softmax, sparsemax, spellings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# -- interpolation -----------------------------------------------------------------------------------------------


def test_interpolation_by_hand() -> None:
    given = with_donor([[0, 0], [4, 0], [0, 9]], [[1, 0]])
    plan = parse("interpolation(k=2)").plan(given)
    assert rows(plan) == [[(0, 0.75), (1, 0.25)]]
    assert plan.residuals[0] == 0
    assert rows(parse("interpolation(k=2,weights=barycentric)").plan(given)) == [[(0, 0.75), (1, 0.25)]]
    beyond = with_donor([[0, 1], [1, 1], [9, 9]], [[-1, 1]])
    assert rows(parse("interpolation(k=2,weights=barycentric)").plan(beyond)) == [[(0, 2.0), (1, -1.0)]]
    assert rows(parse("interpolation(k=2,weights=least_squares)").plan(beyond)) == [[(0, 2.0), (1, -1.0)]]
    angles = with_donor([[1, 0], [3, 4], [0, 0]], [[2, 0]])
    plan = parse("interpolation(k=3,metric=cosine)").plan(angles)
    assert rows(plan) == [[(0, round(1 / 1.6, 5)), (1, round(0.6 / 1.6, 5))]]
    on_top = rows(parse("interpolation(k=2)").plan(with_donor([[1, 0], [4, 0]], [[1, 0]])))[0]
    assert on_top[0] == (0, 1.0)


@pytest.mark.parametrize("metric", ["euclid", "cosine"])
@pytest.mark.parametrize("weights", ["distance_proportional", "barycentric", "least_squares"])
def test_interpolation_equals_its_twin(metric: str, weights: str) -> None:
    generator = np.random.default_rng(2)
    anchors = generator.standard_normal((40, 9)).astype(np.float32)
    anchors[7] = anchors[3]
    if metric == "cosine":
        anchors[5] = 0
    targets = generator.standard_normal((2, 9)).astype(np.float32)
    given = with_donor(anchors.tolist(), targets.tolist())
    plan = parse(f"interpolation(k=4,metric={metric},weights={weights})").plan(given)
    for i, target in enumerate(targets.tolist()):
        near = slow.neighbours(target, anchors.tolist(), k=4, metric=metric)
        expected = slow.weigh(target, near, anchors.tolist(), metric=metric, weights=weights)
        assert [source for source, _ in plan.row(i)] == [j for j, _ in near]
        assert np.allclose([w for _, w in plan.row(i)], expected, atol=1e-5)


def test_nearest_takes_the_first_of_equal_rows_and_more_neighbours_than_there_are() -> None:
    anchors = np.array([[1, 1], [1, 1], [0, 2], [1, 1]], dtype=np.float32)
    for metric in ("euclid", "cosine"):
        found, _ = nearest(anchors[:1], anchors, k=9, metric=metric)
        assert found.tolist() == [[0, 1, 3, 2]]
        assert nearest(anchors[:1], anchors, k=2, metric=metric)[0].tolist() == [[0, 1]]
    assert nearest(np.array([[0, 0]], dtype=np.float32), anchors, k=2, metric="cosine")[0].tolist() == [
        [-1, -1]
    ]


def test_cosines_that_cancel_are_left_to_the_fallback() -> None:
    plan = parse("interpolation(k=2,metric=cosine)").plan(with_donor([[1, 0], [-1, 0]], [[1, 0], [0, 0]]))
    assert plan.classes.tolist() == [RowClass.UNPLANNED] * 2
    assert "cancel" in plan.note(0)
    plan = parse("clp").plan(with_donor([[1, 0], [-1, 0]], [[1, 0], [0, 0]]))
    assert plan.classes.tolist() == [RowClass.UNPLANNED] * 2
    assert "cancel" in plan.note(0)


# -- every method with a donor -----------------------------------------------------------------------------------

WITH_DONOR = ["interpolation", "procrustes", "sparse_basis", "clp", "omp"]


@pytest.mark.parametrize("name", WITH_DONOR)
def test_what_a_method_with_a_donor_refuses(name: str) -> None:
    method = parse(name)
    with pytest.raises(TransplantError, match="give --donor"):
        method.plan(task(NEW, OLD))
    with pytest.raises(TransplantError, match="share no token with a usable row"):
        method.plan(with_donor([], [[1.0, 2.0]]))
    with pytest.raises(TransplantError, match="new token 256 holds a value that is not finite"):
        method.plan(with_donor([[1, 0], [0, 1]], [[math.nan, 0]]))
    with pytest.raises(TransplantError, match="new token 1 holds a value that is not finite"):
        method.plan(with_donor([[1, 0], [0, math.inf]], [[1, 0]]))
    short = with_donor([[1, 0], [0, 1]], [[1, 0]]).donor_rows[:100]
    with pytest.raises(TransplantError, match="has 100 rows, the new tokenizer has a token 256"):
        method.plan(with_donor([[1, 0], [0, 1]], [[1, 0]], donor=short))


@pytest.mark.parametrize("name", ["procrustes", "sparse_basis"])
def test_one_landmark_is_too_few(name: str) -> None:
    with pytest.raises(TransplantError, match="two"):
        parse(name).plan(with_donor([[1, 0]], [[1, 0]]))


@pytest.mark.parametrize("name", [*WITH_DONOR, "normal"])
def test_no_targets_make_an_empty_plan(name: str) -> None:
    given = with_donor([[1, 0], [0, 1], [1, 2]], [[1, 0]], targets=np.zeros(0, dtype=np.int64))
    assert len(parse(name).plan(given)) == 0


@pytest.mark.parametrize(("wide", "narrow"), [(8, 8), (12, 8), (8, 12)])
@pytest.mark.parametrize("spelling", ["procrustes", "sparse_basis(k=8)"])
def test_a_rotation_is_recovered(wide: int, narrow: int, spelling: str) -> None:
    given, truth = turned(wide, narrow)
    made = values(parse(spelling).plan(given), given)
    cosines = (made * truth).sum(axis=1) / np.linalg.norm(made, axis=1) / np.linalg.norm(truth, axis=1)
    assert cosines.min() > 0.9999
    assert np.allclose(made, truth, atol=1e-3)


def test_procrustes_fits_a_size_on_request() -> None:
    given, truth = turned(8, 8)
    given = with_donor(
        (given.donor_rows[:60] * 5).tolist(), (given.donor_rows[[256, 258]] * 5).tolist(), old=given.old
    )
    assert np.allclose(values(parse("procrustes(scale=true)").plan(given), given), truth, atol=1e-4)
    assert not np.allclose(values(parse("procrustes").plan(given), given), truth, atol=1)


def test_a_sparse_basis_of_fewer_vectors_says_what_it_misses() -> None:
    given, _ = turned(8, 8)
    plan = parse("sparse_basis(k=8,size=3)").plan(given)
    assert np.diff(plan.offsets).tolist() == [4, 4]
    assert plan.basis is not None
    assert len(plan.basis) == 4
    assert 0.1 < plan.residuals.min() < plan.residuals.max() < 1
    full = parse("sparse_basis(k=8)").plan(given)
    assert full.residuals.max() < 1e-5


def test_clp_weighs_all_shared_tokens_with_their_sign() -> None:
    given = with_donor([[1, 0], [3, 4], [-4, 3]], [[2, 0], [0, 1]])
    old = given.old[:3].astype(np.float64)
    expected = [
        (1.0 * old[0] + 0.6 * old[1] - 0.8 * old[2]) / 0.8,
        (0.0 * old[0] + 0.8 * old[1] + 0.6 * old[2]) / 1.4,
    ]
    assert np.allclose(values(parse("clp").plan(given), given), expected, atol=1e-5)
    plan = parse("clp").plan(with_donor([[1, 0], [3, 4], [-4, 3]], [[0, 0], [0, 1]]))
    assert plan.classes.tolist() == [RowClass.UNPLANNED, RowClass.DENSE]


# -- matching pursuit --------------------------------------------------------------------------------------------


def test_omp_as_published_by_hand() -> None:
    given = with_donor([[3, 0], [1, 1], [0, 0]], [[2, 1], [0, 0]])
    # |⟨y, a⟩| = 6, 3: the first, 2/3 of it; r = (0, 1), then both: y = 1/3 a_1 + 1 a_2.
    assert rows(parse("omp(k=1)").plan(given))[0] == [(0, round(2 / 3, 5))]
    plan = parse("omp(k=5)").plan(given)
    assert rows(plan)[0] == [(0, round(1 / 3, 5)), (1, 1.0)]
    assert plan.residuals[0] < 1e-6
    assert plan.classes.tolist() == [RowClass.COMBINED, RowClass.UNPLANNED]
    assert "all zero" in plan.note(1)
    assert rows(parse("omp(k=5,tolerance=0.5)").plan(given))[0] == [(0, round(2 / 3, 5))]


def test_omp_normalise_chooses_by_angle_and_gives_weights_of_the_rows_themselves() -> None:
    given = with_donor([[3, 0], [1, 1]], [[1, 2]])
    # As published ⟨y, a⟩ are equal and the first is taken; by angle it is the second, 3/2 of it.
    assert rows(parse("omp(k=1)").plan(given))[0] == [(0, round(1 / 3, 5))]
    assert rows(parse("omp(k=1,normalise=true)").plan(given))[0] == [(1, 1.5)]
    assert rows(parse("omp(k=2,normalise=true)").plan(given))[0] == [(1, 2.0), (0, round(-1 / 3, 5))]


def test_omp_centre_moves_both_spaces_to_their_means() -> None:
    given = with_donor([[2, 1], [0, 1], [1, 2], [1, 0]], [[3, 1], [1, 1]])
    plan = parse("omp(k=1,centre=true)").plan(given)
    # μ_A = (1, 1); y - μ_A = 2 (a_1 - μ_A); the other target is the mean itself.
    assert rows(plan) == [[(0, 2.0), (given.n_old, -1.0)], [(given.n_old, 1.0)]]
    mean = given.old[:4].mean(axis=0)
    assert np.allclose(values(plan, given), [2 * given.old[0] - mean, mean], atol=1e-6)
    both = parse("omp(k=1,centre=true,normalise=true)").plan(given)
    assert np.allclose(values(both, given)[0], 2 * given.old[0] - mean, atol=1e-6)


def test_omp_ridge_is_a_share_of_the_mean_square_of_the_anchors() -> None:
    given = with_donor([[2, 0], [0, 1]], [[4, 0]])
    # Squares 4 and 1, mean 2.5: γ = ⟨y, a⟩ / (4 + 0.4 · 2.5) = 8 / 5.
    plan = parse("omp(k=1,ridge=0.4)").plan(given)
    assert rows(plan) == [[(0, 1.6)]]
    assert plan.residuals[0] == pytest.approx(0.2)
    # Normalised anchors have squares of 1: γ = (4 / 1.25) / 2.
    assert rows(parse("omp(k=1,ridge=0.25,normalise=true)").plan(given)) == [[(0, 1.6)]]


# -- normal ------------------------------------------------------------------------------------------------------


def test_normal_rows_have_mean_and_covariance_of_the_old_ones() -> None:
    generator = np.random.default_rng(0)
    old = (generator.standard_normal((258, 3)) @ [[1, 2, 0], [0, 1, 0], [0, 0, 3]] + [1, 0, -1]).astype(
        np.float32
    )
    many = task(NEW, OLD, old=old, targets=np.full(40000, 256))
    made = parse("normal").plan(many).dense
    assert made is not None
    assert np.allclose(made.mean(axis=0), old.mean(axis=0), atol=0.1)
    assert np.allclose(np.cov(made.T), np.cov(old.T), atol=0.3)
    again, other = (
        parse("normal").plan(many).dense,
        parse("normal").plan(task(NEW, OLD, old=old, seed=1)).dense,
    )
    assert again is not None
    assert other is not None
    assert np.array_equal(made, again)
    assert not np.array_equal(made[:2], other)
    still = parse("normal(scale=0)").plan(many).dense
    assert still is not None
    assert np.allclose(still, old.mean(axis=0), atol=1e-5)


def test_a_singular_covariance_keeps_rows_in_the_space_of_the_old_ones() -> None:
    old = np.zeros((258, 4), dtype=np.float32)
    old[:, 0] = np.linspace(-1, 1, 258)
    old[:, 1] = 2 * old[:, 0] + 1
    plan = parse("normal").plan(task(NEW, OLD, old=old))
    assert "rank 1 of 4" in plan.note(0)
    assert plan.dense is not None
    assert np.allclose(plan.dense[:, 1], 2 * plan.dense[:, 0] + 1, atol=1e-5)
    assert np.ptp(plan.dense[:, 0]) > 0
    assert np.allclose(plan.dense[:, 2:], 0, atol=1e-12)
    with pytest.raises(TransplantError, match="no row to take mean"):
        parse("normal").plan(task(NEW, OLD, old_tokens=np.zeros(0, dtype=np.int64)))


# -- vectors -----------------------------------------------------------------------------------------------------


def words(**vectors: Sequence[float]) -> WordVectors:
    return WordVectors(
        {w: i for i, w in enumerate(vectors)}, np.array(list(vectors.values()), dtype=np.float32)
    )


def test_spellings_and_weights() -> None:
    assert spellings(b"\xe4 ") == ["äĠ"]
    assert spellings(b"a") == ["a"]
    assert spellings(b" ") == [" ", "▁", "Ġ"]
    values_ = np.random.default_rng(4).standard_normal(3000) * 0.01
    places, weights = sparsemax(values_)
    dense = np.zeros(3000)
    dense[places] = weights
    tau = values_[places[0]] - weights[0]
    assert len(places) > 64
    assert np.allclose(dense, np.maximum(values_ - tau, 0))
    assert abs(weights.sum() - 1) < 1e-9
    assert sparsemax(np.array([5.0, 1.0]))[0].tolist() == [0]


def test_focus_by_hand() -> None:
    vectors = words(low=[1, 0], a=[3, 4], lower=[2, 0], e=[0, 1])
    plan = parse("focus").plan(task(NEW, OLD, auxiliary=Auxiliary(new_vectors=vectors)))
    # cosines 1, 0.6, 0: the support is the first two, τ = 0.3.
    assert rows(plan) == [[(256, 0.7), (97, 0.3)], []]
    assert plan.classes.tolist() == [RowClass.COMBINED, RowClass.UNPLANNED]
    assert plan.note(1) == "the token has no auxiliary vector"
    with pytest.raises(TransplantError, match="give vectors"):
        parse("focus").plan(task(NEW, OLD))
    with pytest.raises(TransplantError, match="none of the 257 shared tokens has an auxiliary vector"):
        parse("focus").plan(task(NEW, OLD, auxiliary=Auxiliary(new_vectors=words(lower=[1, 0], low=[0, 0]))))


def test_wechsel_by_hand() -> None:
    new = words(lower=[0, 1], eins=[1, 0], Zwei=[0, 1])
    old = words(low=[1, 0], er=[3, 4], one=[0, -1], two=[1, 0], a=[-1, 0])
    # The dictionary turns (1, 0) to (0, -1) and (0, 1) to (1, 0).
    extra = Auxiliary(new_vectors=new, old_vectors=old, dictionary=(("ONE", "eins"), ("two", "zwei")))
    plan = parse("wechsel(k=2)").plan(task(NEW, OLD, auxiliary=extra))
    weights = softmax(np.array([10.0, 6.0]))
    assert rows(plan) == [[(256, round(weights[0], 5)), (257, round(weights[1], 5))], []]
    assert plan.note(1) == "the token has no word vector"
    same = parse("wechsel(k=1)").plan(
        task(NEW, OLD, auxiliary=Auxiliary(new_vectors=words(lower=[1, 0], er=[2, 0])))
    )
    assert rows(same) == [[(257, 1.0)], []]


def test_what_wechsel_refuses() -> None:
    new, old = words(lower=[0, 1]), words(low=[1, 0])
    method = parse("wechsel")
    for extra, says in (
        (None, "give vectors of the new language"),
        (Auxiliary(new_vectors=new, old_vectors=old), "need a bilingual dictionary"),
        (
            Auxiliary(new_vectors=new, old_vectors=words(low=[1]), dictionary=(("low", "lower"),)),
            "width 1, new ones of 2",
        ),
        (Auxiliary(new_vectors=new, old_vectors=old, dictionary=(("x", "y"),)), "both sides know none"),
        (Auxiliary(new_vectors=new), "none of the 258 old tokens has a vector"),
    ):
        with pytest.raises(TransplantError, match=says):
            method.plan(task(NEW, OLD, auxiliary=extra))


def embed(texts: Sequence[str]) -> np.ndarray:
    known = {"lower": [1, 0], "low": [1, 0], "er": [0, 1], "e": [3, 4], "high": [0, 0], "h": [0, 0]}
    return np.array([known.get(text, [-1, 0]) for text in texts], dtype=np.float32)


def test_token_adapt_by_hand() -> None:
    given = task(NEW, OLD, auxiliary=Auxiliary(embed=embed))
    local = softmax((softmax(np.array([1.0, 0.0])) + np.array([0.6, 0.4])) / 2 / 0.3)
    distant = softmax(np.array([1.0, 0.6]) / 0.3)
    plan = parse("token_adapt(threshold=0.5)").plan(given)
    expected = [
        (256, round(float(0.7 * local[0]), 5)), (257, round(0.7 * local[1], 5)),
        (256, round(0.3 * distant[0], 5)), (101, round(0.3 * distant[1], 5)),
    ]  # fmt: skip
    assert rows(plan)[0] == expected
    # The embedder says nothing about "high": its four pieces alone, all alike.
    assert rows(plan)[1] == [(104, 0.25), (105, 0.25), (103, 0.25), (104, 0.25)]
    only = parse("token_adapt(g=1,threshold=0.9)").plan(given)
    assert rows(only)[0] == [(256, 1.0)]
    assert all(abs(sum(w for _, w in row) - 1) < 1e-4 for row in rows(plan))


def _first(rows_: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    return rows_[: len(texts)]


def test_what_token_adapt_refuses() -> None:
    with pytest.raises(TransplantError, match="give a text embedder"):
        parse("token_adapt").plan(task(NEW, OLD))
    for wrong, says in (
        (np.zeros((1, 2), dtype=np.float32), r"returned \[1, 2\] for"),
        (np.full((258, 2), np.nan, dtype=np.float32), "holds a value that is not finite"),
    ):
        extra = Auxiliary(embed=partial(_first, wrong))
        with pytest.raises(TransplantError, match=says):
            parse("token_adapt").plan(task(NEW, OLD, auxiliary=extra))


def test_an_embedder_serves_as_vectors() -> None:
    plan = parse("wechsel(k=1)").plan(task(NEW, OLD, auxiliary=Auxiliary(new_vectors=Embedder(embed, 2))))
    assert rows(plan)[0] == [(256, 1.0)]


# -- merges and text ---------------------------------------------------------------------------------------------

A, B, C = 97, 98, 99
TREE = make(b"ab", b"abc", b"bc", merges=[(A, B, 256), (256, C, 257), (B, C, 258), (A, 258, 257)])


def test_merge_tree_takes_halves_of_all_ways() -> None:
    old = make(b"zz")
    plan = parse("merge_tree").plan(task(TREE, old))
    # ab = ½a + ½b; abc = mean of ½(½a + ½b) + ½c and ½a + ½(½b + ½c).
    assert rows(plan) == [
        [(A, 0.5), (B, 0.5)],
        [(A, 0.375), (B, 0.25), (C, 0.375)],
        [(B, 0.5), (C, 0.5)],
    ]
    shared = parse("merge_tree").plan(task(TREE, make(b"ab")))
    assert rows(shared)[0] == [(256, 0.25), (C, 0.375), (A, 0.25), (B, 0.125)]
    head = task(TREE, old, role="head")
    assert np.allclose(
        values(parse("merge_tree").plan(head), head)[0], head.old[[A, B]].mean(axis=0), atol=1e-6
    )


def test_merge_tree_leaves_ways_that_lead_nowhere_out() -> None:
    kept = np.setdiff1d(np.arange(256), [A])
    plan = parse("merge_tree").plan(task(TREE, make(b"zz"), shared_new=kept, shared_old=kept))
    assert plan.classes.tolist() == [RowClass.UNPLANNED, RowClass.UNPLANNED, RowClass.COMBINED]
    assert "come down to no token" in plan.note(0)
    with pytest.raises(TransplantError, match="it must be a BPE with merges"):
        parse("merge_tree").plan(task(NEW, OLD))


def test_align_counts_the_tuples_that_overlap() -> None:
    new, old = make(b"bcd", b"ef"), make(b"ab", b"cd", b"de", b"abc")
    text = Corpus.from_texts({"x": ["abcd bcd", "xbcd"]})
    plan = parse("align").plan(task(new, old, text=text))
    # "abcd": a|bcd over abc|d; " bcd" twice: b|cd.
    assert rows(plan)[0] == [
        (B, round(1 / 3, 5)),
        (257, round(1 / 3, 5)),
        (259, round(1 / 6, 5)),
        (100, round(1 / 6, 5)),
    ]
    assert plan.classes.tolist() == [RowClass.COMBINED, RowClass.UNPLANNED]
    assert plan.note(1) == "the text does not hold the token, or not often enough"
    assert rows(parse("align(least=2)").plan(task(new, old, text=text)))[0] == [(B, 0.5), (257, 0.5)]
    less = task(new, old, text=text, old_tokens=np.setdiff1d(np.arange(260), [257]))
    assert rows(parse("align").plan(less))[0] == [(259, 0.5), (100, 0.5)]
    with pytest.raises(TransplantError, match="give text"):
        parse("align").plan(task(new, old))


# -- files of vectors --------------------------------------------------------------------------------------------


def test_a_file_of_vectors_is_read(tmp_path: Path) -> None:
    text = "3 2\nlow 1 -2.5 \ngrün 0 1e-3\n\u00a0 4 5\n".encode()
    (tmp_path / "words.vec").write_bytes(text)
    (tmp_path / "words.vec.gz").write_bytes(gzip.compress(text))
    for name in ("words.vec", "words.vec.gz"):
        read = WordVectors.from_file(tmp_path / name)
        found, known = read.look_up(["grün", "high", "low", "\u00a0"])
        assert known.tolist() == [True, False, True, True]
        assert np.array_equal(found, np.array([[0, 1e-3], [0, 0], [1, -2.5], [4, 5]], dtype=np.float32))
    assert WordVectors.from_file(tmp_path / "words.vec", limit=1).rows == {"low": 0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"low 1 2\n", "bad.vec:1: expected the number of words and the width"),
        (b"", "bad.vec:1: expected the number of words"),
        (b"2 2\nlow 1 2\nhigh 1\n", "bad.vec:3: 1 numbers behind the word, the first line says 2"),
        (b"1 2\nlow 1 x\n", "bad.vec:2: could not convert"),
        (b"1 2\nlow 1 nan\n", "bad.vec:2: number 2 is not finite"),
        (b"1 2\nl\xffw 1 2\n", "bad.vec:2: byte 1 of the word is not valid UTF-8"),
        (b"2 1\nlow 1\nlow 2\n", "bad.vec:3: the word 'low' is in line 2 already"),
        (b"3 1\nlow 1\n", "says 3 words, but there are 1: the file is cut short"),
        (b"1 1\nlow 1\nhigh 2\n", "bad.vec:3: the first line says 1 words, and here is one more"),
    ],
)
def test_a_broken_file_of_vectors_is_refused(tmp_path: Path, text: bytes, says: str) -> None:
    (tmp_path / "bad.vec").write_bytes(text)
    with pytest.raises(TransplantError, match=says):
        WordVectors.from_file(tmp_path / "bad.vec")
    with pytest.raises(TransplantError, match=r"none\.vec: cannot be read"):
        WordVectors.from_file(tmp_path / "none.vec")


@pytest.mark.parametrize(
    ("spelling", "says"),
    [
        ("interpolation(metric=manhattan)", "metric='manhattan' is none of euclid, cosine"),
        ("interpolation(k=0)", "k is at least 1"),
        ("normal(scale=-1)", "a scale is not negative"),
        ("sparse_basis(size=-1)", "size at least 0"),
        ("wechsel(temperature=0)", "a temperature above 0"),
        ("token_adapt(g=2)", "g is in 0 … 1"),
        ("align(least=0)", "it is at least 1"),
    ],
)
def test_wrong_parameters_are_named(spelling: str, says: str) -> None:
    with pytest.raises(TransplantError, match=says):
        parse(spelling)
