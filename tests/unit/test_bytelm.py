"""Operations on byte probabilities, by hand-made models whose answers are known."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

import tokbench as tb
from tokbench.bpe import BpeModel
from tokbench.bytelm import (
    END,
    ByteEnsemble,
    ByteLM,
    FunctionLM,
    Reencoding,
    aligned,
    complete,
    fill_in_the_middle,
    first_bytes,
    healed,
    longest_match,
    naive,
    next_char,
    next_word,
    prefix_probabilities,
    sample,
    sharpened,
)
from tokbench.errors import ModelError, ParameterError
from tokbench.reference import bytelm as reference
from tokbench.tokenizer import BpeTokenizer

EXTRA = [b"th", b"the", b" t", b" the", b"he", b"re"]
STEPS = [(b"t", b"h"), (b"th", b"e"), (b" ", b"t"), (b" ", b"the"), (b"h", b"e"), (b"r", b"e")]


@pytest.fixture(scope="module")
def tokenizer() -> BpeTokenizer:
    tokens = [bytes([byte]) for byte in range(256)] + EXTRA
    ids = {token: i for i, token in enumerate(tokens)}
    merges = tb.Merges.from_steps([(ids[a], ids[b], ids[a + b]) for a, b in STEPS])
    special = {"<end>": len(tokens), "<begin>": len(tokens) + 1, "<mid>": len(tokens) + 2}
    return BpeTokenizer(BpeModel(tb.Vocab(tokens, special=special), merges, "none"), name="small")


def random_model(tokenizer: BpeTokenizer, *, seed: int = 0, window: int = 2) -> FunctionLM:
    special = tokenizer.special_tokens
    rows = reference.random_rows(tokenizer.vocab.n_ids, window=window, seed=seed, never=[special["<begin>"]])
    return FunctionLM(
        rows,
        tokenizer.vocab.n_ids,
        bos_id=special["<begin>"],
        eos_id=special["<end>"],
        control_ids=frozenset(special.values()),
        window=window,
    )


def fixed_model(tokenizer: BpeTokenizer, shares: dict[bytes | str, float]) -> FunctionLM:
    """Every row the same."""
    row = np.full(tokenizer.vocab.n_ids, -np.inf)
    for token, share in shares.items():
        token_id = tokenizer.special_tokens[token] if isinstance(token, str) else tokenizer.vocab.id_of(token)
        row[token_id] = np.log(share)
    eos = tokenizer.special_tokens["<end>"]
    return FunctionLM(lambda contexts: np.stack([row] * len(contexts)), len(row), eos_id=eos, window=0)


def test_special_tokens_are_no_text(tokenizer: BpeTokenizer) -> None:
    """What a model puts on a control token leaks; its text is spelled by ordinary tokens."""
    model = ByteLM(
        fixed_model(tokenizer, {b"a": 0.5, "<end>": 0.25, "<mid>": 0.25}), tokenizer, semantics="all"
    )
    found = model.next_byte("a")
    assert found.end == pytest.approx(1 / 3)
    assert found.bytes[ord("a")] == pytest.approx(2 / 3)
    assert found.bytes[ord("<")] == 0
    assert found.leaked == pytest.approx(0.25)


def test_control_tokens_inside_of_a_prompt(tokenizer: BpeTokenizer) -> None:
    seen: list[tuple[int, ...]] = []

    def rows(contexts: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        assert isinstance(contexts, list)
        seen.extend(tuple(context) for context in contexts)
        return np.full((len(contexts), tokenizer.vocab.n_ids), -np.log(tokenizer.vocab.n_ids))

    middle = tokenizer.special_tokens["<mid>"]
    model = ByteLM(FunctionLM(rows, tokenizer.vocab.n_ids), tokenizer)
    model.next_byte(["the", middle, "a"])
    the, a = tokenizer.vocab.id_of(b"the"), ord("a")
    assert set(seen) == {(the, middle), (the, middle, a)}
    with pytest.raises(ParameterError, match="no token with id 9999"):
        model.next_byte([9999])


def test_a_vocabulary_of_other_size_is_refused(tokenizer: BpeTokenizer) -> None:
    with pytest.raises(ModelError, match="do not belong together"):
        ByteLM(FunctionLM(lambda contexts: np.zeros((len(contexts), 5)), 5), tokenizer)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda contexts: np.zeros((len(contexts), 3)), "shape"),
        (lambda contexts: np.full((len(contexts), 265), np.nan), "NaN"),
        (lambda contexts: np.ones((len(contexts), 265)), "positive"),
    ],
)
def test_rows_that_are_none(tokenizer: BpeTokenizer, rows: object, message: str) -> None:
    assert callable(rows)
    model = ByteLM(FunctionLM(rows, tokenizer.vocab.n_ids), tokenizer)
    with pytest.raises(ModelError, match=message):
        model.next_byte("a")


def test_parameters(tokenizer: BpeTokenizer) -> None:
    model = random_model(tokenizer)
    with pytest.raises(ParameterError, match="semantics"):
        ByteLM(model, tokenizer, semantics="some")  # type: ignore[arg-type]  # the error is what is tested
    with pytest.raises(ParameterError, match="tolerance"):
        ByteLM(model, tokenizer, tolerance=1.0)


def test_an_impossible_text(tokenizer: BpeTokenizer) -> None:
    model = ByteLM(fixed_model(tokenizer, {b"a": 1.0}), tokenizer)
    with pytest.raises(ModelError, match="probability 0"):
        model.next_byte("b")
    score = model.score("ab")
    assert score.bits.tolist() == [0.0, np.inf]
    assert score.cover_bits == np.inf


def test_bits_per_byte(tokenizer: BpeTokenizer) -> None:
    model = ByteLM(fixed_model(tokenizer, {b"a": 0.5, b"b": 0.25, "<end>": 0.25}), tokenizer)
    score = model.score("aab", end=True)
    assert score.bits.tolist() == pytest.approx([1, 1, 2, 2])
    assert score.total_bits == pytest.approx(score.cover_bits)
    assert score.bits_per_byte == pytest.approx(2)
    assert model.score("").bits_per_byte is None


def test_healing_takes_one_token_back(tokenizer: BpeTokenizer) -> None:
    """After `th`, `the` is what the model writes; naively the two letters stand and it cannot."""
    model = ByteLM(fixed_model(tokenizer, {b"the": 0.5, b"th": 0.125, b"a": 0.25, "<end>": 0.125}), tokenizer)
    assert naive(model, "th").bytes[ord("e")] == 0
    # (the | th…) = 0.8, and what follows th itself.
    assert healed(model, "th").bytes[ord("e")] == pytest.approx(0.8)
    assert aligned(model, "th", n_back=3).bytes[ord("e")] == pytest.approx(0.8)
    assert model.next_byte("th").bytes[ord("e")] == pytest.approx(0.8)
    with pytest.raises(ParameterError, match="n_back"):
        aligned(model, "th", n_back=-1)


def test_sharpened() -> None:
    row = np.array([0.5, 0.3, 0.2])
    assert sharpened(row, temperature=0).tolist() == [1, 0, 0]
    assert sharpened(row, temperature=0.5) == pytest.approx(row**2 / (row**2).sum())
    assert sharpened(row, min_p=0.5).tolist() == pytest.approx([0.625, 0.375, 0])
    assert sharpened(row, top_p=0.5).tolist() == [1, 0, 0]
    with pytest.raises(ParameterError, match="top_p"):
        sharpened(row, top_p=0)


def test_sampling_follows_the_distribution(tokenizer: BpeTokenizer) -> None:
    model = ByteLM(fixed_model(tokenizer, {b"a": 0.5, b"b": 0.25, "<end>": 0.25}), tokenizer)
    start = model.start()
    texts = [sample(start, max_bytes=4, seed=seed) for seed in range(400)]
    first = [text.data[:1] for text in texts]
    assert first.count(b"a") / 400 == pytest.approx(0.5, abs=0.07)
    assert sum(text.ended and not text.data for text in texts) / 400 == pytest.approx(0.25, abs=0.07)
    assert sample(start, max_bytes=40, seed=7).data == sample(start, max_bytes=40, seed=7).data
    assert sample(start, max_bytes=9, temperature=0).data == b"a" * 9
    assert sample(start, max_bytes=9, temperature=0, stop=b"aaa").data == b"aaa"


def test_completion_is_drawn_from_the_covers(tokenizer: BpeTokenizer) -> None:
    """The first byte of completions has the distribution of the next byte."""
    model = ByteLM(random_model(tokenizer), tokenizer)
    wanted = model.next_byte("th").probabilities
    n = 300
    counts = np.zeros(END + 1)
    for seed in range(n):
        made = complete(model, "th", max_tokens=2, seed=seed)
        counts[made.data[0] if made.data else END] += 1
        assert made.n_contexts <= 8
    # Five standard deviations of the largest share.
    assert np.abs(counts / n - wanted).max() < 5 * np.sqrt(wanted.max() / n)
    assert complete(model, "th", max_tokens=3, temperature=0) == complete(
        model, "th", max_tokens=3, temperature=0
    )
    with pytest.raises(ParameterError, match="max_tokens"):
        complete(model, "th", max_tokens=0)


def test_fill_in_the_middle(tokenizer: BpeTokenizer) -> None:
    made = fill_in_the_middle("a", "b", before_prefix=1, before_suffix=2, before_middle=3)
    assert made == [1, 2, "b", 3, "a"]
    made = fill_in_the_middle(
        "a", "b", before_prefix=1, before_suffix=2, before_middle=3, order="prefix_first"
    )
    assert made == [1, "a", 2, "b", 3]


def test_ensembles(tokenizer: BpeTokenizer) -> None:
    one = ByteLM(fixed_model(tokenizer, {b"a": 0.5, b"b": 0.5}), tokenizer)
    two = ByteLM(fixed_model(tokenizer, {b"a": 0.125, b"b": 0.75, b"c": 0.125}), tokenizer)
    a, b, c = ord("a"), ord("b"), ord("c")
    mean = ByteEnsemble([one, two], weights=[3, 1]).next_byte("a").probabilities
    assert mean[[a, b, c]].tolist() == pytest.approx([0.40625, 0.5625, 0.03125])
    product = ByteEnsemble([one, two], kind="product").next_byte("a").probabilities
    root = np.sqrt([0.0625, 0.375, 0])
    assert product[[a, b, c]].tolist() == pytest.approx((root / root.sum()).tolist())
    proxy = ByteEnsemble([two, one, two], kind="proxy").next_byte("a").probabilities
    assert proxy[[a, b, c]].tolist() == pytest.approx([0.5, 0.5, 0])
    selective = ByteEnsemble([one, two], kind="selective").next_byte("a").probabilities
    assert selective[[a, b, c]].tolist() == pytest.approx([0.3125, 0.625, 0.0625])
    with pytest.raises(ParameterError, match="three models"):
        ByteEnsemble([one], kind="proxy")
    with pytest.raises(ParameterError, match="weights"):
        ByteEnsemble([one, two], weights=[1])


def test_an_ensemble_of_different_vocabularies(tokenizer: BpeTokenizer) -> None:
    letters = BpeTokenizer(
        BpeModel(tb.Vocab([bytes([byte]) for byte in range(256)]), tb.Merges([], [], []), "none"),
        name="bytes",
    )
    uniform = FunctionLM(lambda contexts: np.full((len(contexts), 256), -np.log(256)), 256, window=0)
    models = [ByteLM(random_model(tokenizer), tokenizer), ByteLM(uniform, letters)]
    ensemble = ByteEnsemble(models)
    at_once = ensemble.next_byte("the th").probabilities
    np.testing.assert_allclose(at_once, ensemble.state("the th").distribution().probabilities, atol=1e-12)
    assert at_once.sum() == pytest.approx(1)
    written = sample(ensemble.open("the"), max_bytes=5, seed=1)
    assert len(written.data) == 5 or written.ended


def test_characters_and_words(tokenizer: BpeTokenizer) -> None:
    model = ByteLM(fixed_model(tokenizer, {b"\xc3": 0.5, b"\xa9": 0.25, b"a": 0.125, b" ": 0.125}), tokenizer)
    characters = next_char(model.start(), k=10)
    assert characters.found[b"\xc3"] == pytest.approx(0.5 * 0.75)
    assert characters.text["é"] == pytest.approx(0.125)
    assert characters.text["a"] == pytest.approx(0.125)
    words = next_word(ByteLM(fixed_model(tokenizer, {b"a": 0.5, b" ": 0.5}), tokenizer).start(), k=2)
    assert words.found[b"a"] == pytest.approx(0.25)
    assert words.rest <= 1
    with pytest.raises(ParameterError, match="min_probability"):
        next_char(model.start(), min_probability=0)


def test_tokens_and_bytes(tokenizer: BpeTokenizer) -> None:
    token_lm = fixed_model(tokenizer, {b"the": 0.5, b"th": 0.25, b"a": 0.25})
    model = ByteLM(token_lm, tokenizer)
    by_byte = first_bytes(token_lm.logprobs([()])[0].astype(np.float64), model.trie)
    assert by_byte[[ord("t"), ord("a")]].tolist() == pytest.approx([0.75, 0.25])
    begins = prefix_probabilities(model.start(), model.trie, min_probability=0.01)
    the, th, t = (tokenizer.vocab.id_of(token) for token in (b"the", b"th", b"t"))
    assert begins.probability[th] == pytest.approx(0.75)
    exact = longest_match(model.start(), model.trie, min_probability=0.01)
    assert exact.probability[t] == pytest.approx(0)
    assert exact.probability[the] + exact.probability[th] == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["byte_lm", "comparison", "models", "sampling", "token_lm"])
def test_the_examples_of_the_documentation(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"tokbench.bytelm.{name}"))
    assert outcome.attempted
    assert not outcome.failed


@pytest.mark.parametrize("name", ["botchan_en_bpe_1000", "botchan_en_unigram_1000"])
def test_sentencepiece_models(shared: Path, name: str) -> None:
    """The space before every text is not part of it; what encoding makes is valid; both ways of feeding agree."""
    pytest.importorskip("sentencepiece", reason="reads SentencePiece models")
    loaded = tb.load(shared / "data" / "tokenizers" / "sentencepiece_tests" / f"{name}.model")
    n_ids = loaded.vocab.n_ids
    rows = reference.random_rows(n_ids, window=2, seed=0)
    model = ByteLM(FunctionLM(rows, n_ids, bos_id=1, eos_id=2, window=2), loaded)
    assert model.lead == b" "
    for text in ["", "the", "It's a"]:
        at_once = model.next_byte(text).probabilities
        np.testing.assert_allclose(at_once, model.state(text).distribution().probabilities, atol=1e-12)
        place = model.cover.root()
        for token in loaded.encode(text).tolist():
            assert model.cover.allows(place, token)
            place = model.cover.step(place, token)
        assert model.cover.ends(place)


def test_llama_2_by_its_merges(shared: Path) -> None:
    """A SentencePiece model that leaves text as it is gets the native test of validity, bytes of fallback included."""
    pytest.importorskip("sentencepiece", reason="reads SentencePiece models")
    loaded = tb.load(shared / "data" / "tokenizers" / "llama" / "llama2_tokenizer.model")
    n_ids = loaded.vocab.n_ids
    rows = reference.random_rows(n_ids, window=1, seed=0)
    model = ByteLM(FunctionLM(rows, n_ids, bos_id=1, eos_id=2, window=1), loaded)
    assert model.cover.path == "merges by rank"
    slow = Reencoding(loaded, model.trie, lead=b" ")
    for text in ["It's  12 o'clock", "日本語テキスト 𓀀𓀁 é", "\n\n  x = f(y)"]:
        place = model.cover.root()
        tokens: tuple[int, ...] = ()
        for token in loaded.encode(text).tolist():
            assert model.cover.allows(place, token), (text, token)
            # Neighbours of the real one, by bytes: the same answer as encoding gives, where a witness proves it.
            for other in range(max(3, token - 3), min(n_ids, token + 4)):
                if slow.allows(tokens, other):
                    assert model.cover.allows(place, other), (text, tokens, other)
            place, tokens = model.cover.step(place, token), (*tokens, token)
        assert model.cover.ends(place)
    assert model.next_byte("It").probabilities.sum() == pytest.approx(1, abs=1e-9)
