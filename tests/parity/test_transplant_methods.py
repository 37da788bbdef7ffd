"""Methods of planning rows and their formulas written out: plain loops over small drawn cases, from the definitions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import brentq

from tests.transplant_tasks import NEW, OLD, make, task, turned, values, with_donor
from tokbench.corpus import Corpus
from tokbench.reference.omp import pursue as slow_pursuit
from tokbench.transplant.auxiliary import Auxiliary, WordVectors
from tokbench.transplant.method import Task, parse

LETTERS = "abcdefghij"


def drawn(width: int = 7, n: int = 60, seed: int = 3) -> Task:
    generator = np.random.default_rng(seed)
    anchors, targets = generator.standard_normal((n, width)), generator.standard_normal((2, width))
    old = generator.standard_normal((OLD.vocab.n_ids, 5)).astype(np.float32)
    return with_donor(anchors.tolist(), targets.tolist(), old=old)


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(sum(a * b for a, b in zip(x, y, strict=True)) / np.sqrt((x * x).sum() * (y * y).sum()))


def test_clp_is_the_sum_over_all_shared_tokens() -> None:
    given = drawn()
    donor, old = given.donor_rows.astype(np.float64), given.old.astype(np.float64)
    expected = []
    for new_id in given.targets:
        weights = [cosine(donor[new_id], donor[i]) for i in given.shared_new]
        total = sum(w * old[i] for w, i in zip(weights, given.shared_old, strict=True))
        expected.append(total / sum(weights))
    assert np.allclose(values(parse("clp").plan(given), given), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_procrustes_is_the_orthogonal_map_that_scipy_finds(noise: float) -> None:
    given, _ = turned(8, 8)
    donor = given.donor_rows + np.random.default_rng(4).standard_normal(given.donor_rows.shape) * noise
    given = with_donor(donor[:60].tolist(), donor[[256, 258]].tolist(), old=given.old)
    a, b = given.donor_rows[:60].astype(np.float64), given.old[:60].astype(np.float64)
    turn, _ = orthogonal_procrustes(a - a.mean(axis=0), b - b.mean(axis=0))
    expected = b.mean(axis=0) + (given.donor_rows[[256, 258]] - a.mean(axis=0)) @ turn
    assert np.allclose(values(parse("procrustes").plan(given), given), expected, atol=1e-4)


def test_a_sparse_basis_is_pursued_and_solved_vector_by_vector() -> None:
    given = drawn(width=6)
    a, b = given.donor_rows[:60].astype(np.float64), given.old[:60].astype(np.float64)
    a_mean, b_mean = a.mean(axis=0), b.mean(axis=0)
    centred = (a - a_mean).astype(np.float32)
    # The narrower space is the model's, of width 5.
    rows = b - b_mean
    vectors = np.linalg.svd(rows, full_matrices=False)[2]
    old_rows = rows.astype(np.float32)
    inside, outside = [], []
    for vector in vectors:
        chosen, weights, _ = slow_pursuit(old_rows, vector.astype(np.float32), k=4)
        inside.append(sum(w * centred[i].astype(np.float64) for i, w in zip(chosen, weights, strict=True)))
        outside.append(sum(w * rows[i] for i, w in zip(chosen, weights, strict=True)))
    expected = []
    for new_id in given.targets:
        y = given.donor_rows[new_id].astype(np.float64) - a_mean
        weights = np.linalg.lstsq(np.array(inside).T, y, rcond=None)[0]
        expected.append(b_mean + weights @ np.array(outside))
    assert np.allclose(values(parse("sparse_basis(k=4)").plan(given), given), expected, atol=1e-3)


def vectors_of(texts: list[str], seed: int) -> WordVectors:
    numbers = np.random.default_rng(seed).standard_normal((len(texts), 4)).astype(np.float32)
    return WordVectors({text: i for i, text in enumerate(texts)}, numbers)


def test_focus_projects_the_cosines_onto_the_simplex() -> None:
    vectors = vectors_of([*LETTERS, "lower", "high", "low"], 5)
    given = task(NEW, OLD, auxiliary=Auxiliary(new_vectors=vectors))
    plan = parse("focus").plan(given)
    ids = [*(ord(letter) for letter in LETTERS), 256]
    anchors = [vectors.values[i].astype(np.float64) for i in (*range(10), 12)]
    for row, at in enumerate((10, 11)):
        z = np.array([cosine(vectors.values[at].astype(np.float64), each) for each in anchors])
        # The weights max(z - τ, 0) that sum to 1: τ as a root.
        tau = brentq(lambda t, z=z: np.maximum(z - t, 0).sum() - 1, z.min() - 1, z.max())
        weights = np.maximum(z - tau, 0)
        expected = {i: w for i, w in zip(ids, weights, strict=True) if w > 0}
        assert dict(plan.row(row)) == pytest.approx(expected, abs=1e-6)


def test_wechsel_turns_by_the_dictionary_and_weighs_the_nearest() -> None:
    new, old = vectors_of(["lower", "high", *LETTERS], 6), vectors_of(["low", "er", *LETTERS], 7)
    pairs = tuple(zip(LETTERS, LETTERS[3:] + LETTERS[:3], strict=True))
    given = task(NEW, OLD, auxiliary=Auxiliary(new_vectors=new, old_vectors=old, dictionary=pairs))
    plan = parse("wechsel(k=3,temperature=0.2)").plan(given)
    left = np.array([new.values[new.rows[b]] for _, b in pairs], dtype=np.float64)
    right = np.array([old.values[old.rows[a]] for a, _ in pairs], dtype=np.float64)
    turn, _ = orthogonal_procrustes(left, right)
    ids = {**{letter: ord(letter) for letter in LETTERS}, "low": 256, "er": 257}
    for row, name in enumerate(("lower", "high")):
        query = new.values[new.rows[name]].astype(np.float64) @ turn
        near = sorted(
            ((cosine(query, old.values[i].astype(np.float64)), ids[w]) for w, i in old.rows.items())
        )
        raised = [(token, np.exp(value / 0.2)) for value, token in near[:-4:-1]]
        total = sum(weight for _, weight in raised)
        made = plan.row(row)
        assert [token for token, _ in made] == [token for token, _ in raised]
        assert [weight for _, weight in made] == pytest.approx([w / total for _, w in raised], abs=1e-5)


def test_merge_trees_halve_exactly() -> None:
    generator = np.random.default_rng(9)
    texts, merges = [bytes([97 + i]) for i in range(6)], list[tuple[int, int, int]]()
    ids = {text: text[0] for text in texts}
    while len(ids) < 30:
        left, right = (list(ids)[i] for i in generator.integers(0, len(ids), 2))
        if left + right not in ids and len(left + right) < 9:
            ids[left + right] = 250 + len(ids)
            merges.append((ids[left], ids[right], ids[left + right]))
    new = make(*list(ids)[6:], merges=merges)
    given = task(new, make(b"zz"))
    by_result = {result: (left, right) for left, right, result in merges}

    def shares(token: int) -> dict[int, Fraction]:
        if token < 256:
            return {token: Fraction(1)}
        found: dict[int, Fraction] = {}
        for part in by_result[token]:
            for source, share in shares(part).items():
                found[source] = found.get(source, Fraction(0)) + share / 2
        return found

    plan = parse("merge_tree").plan(given)
    for row, token in enumerate(given.targets.tolist()):
        exact = {source: float(share) for source, share in shares(token).items()}
        assert dict(plan.row(row)) == pytest.approx(exact, abs=1e-7)


def test_align_counts_overlaps_byte_by_byte() -> None:
    generator = np.random.default_rng(10)
    words = [bytes(generator.integers(97, 101, size).tolist()) for size in generator.integers(2, 5, 40)]
    new, old = make(*dict.fromkeys(words[:20])), make(*dict.fromkeys(words[20:]))
    lines = ["".join(chr(c) for c in generator.integers(97, 101, 60)) for _ in range(20)]
    given = task(new, old, text=Corpus.from_texts({"x": lines}))
    plan = parse("align").plan(given)
    covers: dict[int, list[tuple[int, ...]]] = {}
    for line in lines:
        owner, at = dict[int, int](), 0
        old_ids = old.encode(line).tolist()
        for place, token in enumerate(old_ids):
            for _ in old.token_bytes(token):
                owner[at] = place
                at += 1
        at = 0
        for token in new.encode(line).tolist():
            size = len(new.token_bytes(token))
            places = sorted({owner[byte] for byte in range(at, at + size)})
            covers.setdefault(token, []).append(tuple(old_ids[place] for place in places))
            at += size
    for row, token in enumerate(given.targets.tolist()):
        expected: dict[int, float] = {}
        for cover in covers.get(token, []):
            for source in cover:
                expected[source] = expected.get(source, 0) + 1 / len(cover) / len(covers[token])
        assert dict(plan.row(row)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("role", ["embedding", "head"])
def test_pieces_are_weighted_as_their_formulas_say(role: str) -> None:
    generator = np.random.default_rng(11)
    old = make(*dict.fromkeys(bytes(generator.integers(97, 100, 3).tolist()) for _ in range(9)))
    new = make(*dict.fromkeys(bytes(generator.integers(97, 100, n).tolist()) for n in range(5, 13)))
    given = task(new, old, role=role)
    place = {"embedding": -1, "head": 0}[role]
    for row, token in enumerate(given.targets.tolist()):
        pieces = old.encode(new.token_bytes(token)).tolist()
        m = len(pieces)
        lengths = [len(old.token_bytes(i)) for i in pieces]
        positions = list(range(1, m + 1)) if role == "embedding" else list(range(m, 0, -1))
        decays = [0.3**i for i in range(m)]
        formulas = {
            "mean": [1 / m] * m,
            "sum": [1.0] * m,
            "weighted": [n / sum(lengths) for n in lengths],
            "weighted,weight=position": [n / sum(positions) for n in positions],
        }
        if role == "head":
            formulas["decay,decay=0.3"] = [d / sum(decays) for d in decays]
        for spelling, weights in formulas.items():
            made = parse(f"subword(pieces={spelling})").plan(given).row(row)
            assert [i for i, _ in made] == pieces
            assert [w for _, w in made] == pytest.approx(weights, abs=1e-6)
        for spelling in ("first_last", *(["decay"] if role == "embedding" else [])):
            assert parse(f"subword(pieces={spelling})").plan(given).row(row) == [(pieces[place], 1.0)]


def embed(texts: Sequence[str]) -> np.ndarray:
    """A vector for each text that depends on its characters."""
    rows = [np.random.default_rng([ord(c) for c in text]).standard_normal(4) for text in texts]
    return np.array(rows, dtype=np.float32).reshape(len(texts), 4)


def test_token_adapt_mixes_pieces_and_neighbours() -> None:
    given = task(NEW, OLD, auxiliary=Auxiliary(embed=embed))
    plan = parse("token_adapt(g=0.4,temperature=0.5,k=2,threshold=-1)").plan(given)
    readable = {i: OLD.token_bytes(i).decode() for i in range(258) if i < 128 or i > 255}
    own = {i: embed([text])[0].astype(np.float64) for i, text in readable.items()}

    def soft(numbers: list[float]) -> list[float]:
        raised = [np.exp(number) for number in numbers]
        return [float(each / sum(raised)) for each in raised]

    for row, text in enumerate(("lower", "high")):
        query = embed([text])[0].astype(np.float64)
        pieces = OLD.encode(text).tolist()
        inner = soft([cosine(query, own[i]) for i in pieces])
        shares = [len(readable[i]) / len(text) for i in pieces]
        local = soft([(a + b) / 2 / 0.5 for a, b in zip(inner, shares, strict=True)])
        near = sorted(((-cosine(query, vector), i) for i, vector in own.items()))[:2]
        weights = soft([-distance / 0.5 for distance, _ in near])
        expected: dict[int, float] = {}
        for i, weight in zip(pieces, local, strict=True):
            expected[i] = expected.get(i, 0) + 0.6 * weight
        for (_, i), weight in zip(near, weights, strict=True):
            expected[i] = expected.get(i, 0) + 0.4 * weight
        made: dict[int, float] = {}
        for i, weight in plan.row(row):
            made[i] = made.get(i, 0) + weight
        assert made == pytest.approx(expected, abs=1e-5)


def test_mean_copy_and_zero() -> None:
    given = drawn()
    kept = np.arange(3, 40)
    fewer = task(NEW, OLD, old=given.old, old_tokens=kept)
    mean = sum(given.old[i].astype(np.float64) for i in kept) / len(kept)
    assert np.allclose(values(parse("mean").plan(fewer), fewer), [mean] * 2, atol=1e-6)
    assert np.array_equal(values(parse("copy(token=low)").plan(given), given), given.old[[256, 256]])
    assert not values(parse("zero").plan(given), given).any()
