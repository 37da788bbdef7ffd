"""Laws of byte probabilities, for every pre-tokenizer name and for vocabularies of every kind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np
import pytest

import tokbench as tb
from tokbench.bpe import BpeModel, merge_list
from tokbench.bytelm import ByteLM, FunctionLM, Semantics
from tokbench.bytelm.cover import Place
from tokbench.bytelm.token_lm import Context, Rows, State
from tokbench.encoding import Encoding
from tokbench.pretokenize import names
from tokbench.reference import bytelm as reference
from tokbench.tokenizer import BpeTokenizer

TEXT = (
    "It's 12 o'clock; don't wait 1234567 minutes.\n\nÇay içtik, été  déjà vu\r\n  中文字 и ещё\t"
    "the cat's the theatre there other weather 100 200 "
) * 3
PROMPTS = [
    b"",
    b"the ",
    b"the",
    b"don'",
    b"don't",
    b"12",
    b"a\r",
    b"a\r\n",
    b"a  ",
    b"\xc3",
    b"\xff\xe4\xb8",
    b"the the",
]


def byte_bpe(spec: str, *, n_merges: int = 60, seed: int = 0) -> BpeTokenizer:
    """A tokenizer whose merges are drawn from what stands side by side in the text, whatever the pre-tokenizer."""
    draw = random.Random(seed)
    data = TEXT.encode()
    tokens = [bytes([byte]) for byte in range(256)]
    known = {token: i for i, token in enumerate(tokens)}
    steps: list[tuple[int, int, int]] = []
    while len(steps) < n_merges:
        start = draw.randrange(len(data) - 5)
        left, right = data[start : start + draw.randint(1, 3)], b""
        right = data[start + len(left) : start + len(left) + draw.randint(1, 2)]
        if left in known and right in known and left + right not in known:
            steps.append((known[left], known[right], len(tokens)))
            known[left + right] = len(tokens)
            tokens.append(left + right)
    vocab = tb.Vocab(tokens, special={"<end>": len(tokens)})
    return BpeTokenizer(BpeModel(vocab, merge_list(*np.array(steps).T), spec), name=spec)


def model_of(
    tokenizer: tb.Tokenizer, *, window: int = 2, seed: int = 1, semantics: Semantics = "valid"
) -> ByteLM:
    n = tokenizer.vocab.n_ids
    eos = tokenizer.special_tokens.get("<end>")
    rows = reference.random_rows(n, window=window, seed=seed)
    return ByteLM(FunctionLM(rows, n, eos_id=eos, window=window), tokenizer, semantics=semantics)


@pytest.mark.parametrize("spec", [name for name in names() if name != "regex:PATTERN"])
def test_every_pretokenizer(spec: str) -> None:
    """Sums are 1, and a prompt gives the same however it is fed."""
    model = model_of(byte_bpe(spec))
    for prompt in PROMPTS:
        at_once = model.open(prompt).distribution()
        fed = model.state(prompt)
        assert at_once.probabilities.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(at_once.probabilities, fed.distribution().probabilities, atol=1e-12)
        assert at_once.leaked == pytest.approx(fed.distribution().leaked, abs=1e-12)
        assert 0 <= at_once.leaked < 1


@pytest.mark.parametrize("semantics", ["all", "valid", "vct"])
@pytest.mark.parametrize("spec", ["gpt2", "o200k"])
def test_bytes_and_covers_say_the_same(spec: str, semantics: Semantics) -> None:
    """The mass of a prefix by its bytes is that by its covers, listed one by one in exact fractions' way."""
    model = model_of(byte_bpe(spec, n_merges=20), semantics=semantics)
    tokenizer = model.tokenizer
    special = set(tokenizer.special_tokens.values())
    pieces = {i: tokenizer.token_bytes(i) for i in tokenizer.vocab if i not in special}

    @cache
    def row(context: tuple[int, ...]) -> dict[int | None, float]:
        logs = model.token_lm.logprobs([context])[0]
        return {token: float(np.exp(logs[token])) for token in pieces}

    def is_valid(tokens: tuple[int, ...]) -> bool:
        place = model.cover.root()
        for token in tokens:
            if not model.cover.allows(place, token):
                return False
            place = model.cover.step(place, token)
        return True

    for prefix in [b"t", b"th", b"the", b"e t", b"12"]:
        covers = reference.covers(prefix, pieces, row, is_valid, checked=semantics == "valid")  # type: ignore[arg-type]  # floats for fractions
        wanted = sum(float(probability) for _, _, probability in covers)
        found = model.state(prefix).log_prefix
        assert found is not None
        assert np.exp(found) == pytest.approx(wanted, rel=1e-9)


def test_going_back_changes_nothing() -> None:
    model = model_of(byte_bpe("cl100k"))
    here = model.state("the cat")
    wanted = here.distribution().probabilities.copy()
    for byte in b"'s hat":
        here.advance(byte).distribution()
    np.testing.assert_array_equal(here.distribution().probabilities, wanted)
    np.testing.assert_allclose(model.next_byte("the cat").probabilities, wanted, atol=1e-12)


class Incremental:
    """A model that goes on from states, and refuses what is not asked for so."""

    def __init__(self, tokenizer: tb.Tokenizer) -> None:
        self.vocab_size = tokenizer.vocab.n_ids
        self.bos_id = None
        self.eos_id = tokenizer.special_tokens["<end>"]
        self.control_ids: frozenset[int] = frozenset()
        self.window = None
        self.rows = reference.random_rows(self.vocab_size, window=2, seed=1)
        self.n_tokens = 0

    def logprobs(self, contexts: Sequence[Context]) -> Rows:
        raise AssertionError("a model with states is asked by them")

    def extend(self, states: Sequence[State | None], tokens: Sequence[Context]) -> tuple[list[State], Rows]:
        self.n_tokens += sum(len(row) for row in tokens)
        made: list[State] = [
            (*(state if isinstance(state, tuple) else ()), *row)
            for state, row in zip(states, tokens, strict=True)
        ]
        return made, self.rows([row if isinstance(row, tuple) else () for row in made])


def test_states_give_the_same_and_one_token_per_byte() -> None:
    tokenizer = byte_bpe("gpt2")
    incremental = Incremental(tokenizer)
    model = ByteLM(incremental, tokenizer)
    plain = model_of(tokenizer)
    text = b"the cat's theatre  12"
    assert model.score(text).total_bits == pytest.approx(plain.score(text).total_bits, abs=1e-9)
    assert incremental.n_tokens <= 2 * len(text)
    np.testing.assert_allclose(
        model.open(text).distribution().probabilities,
        plain.state(text).distribution().probabilities,
        atol=1e-12,
    )


@pytest.mark.parametrize("semantics", ["all", "valid"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_a_tolerance_bounds_the_distance(semantics: Semantics, tolerance: float) -> None:
    tokenizer = byte_bpe("gpt2")
    n, eos = tokenizer.vocab.n_ids, tokenizer.special_tokens["<end>"]
    model = FunctionLM(reference.random_rows(n, window=1, seed=2), n, eos_id=eos, window=1)
    exact = ByteLM(model, tokenizer, semantics=semantics)
    rough = ByteLM(model, tokenizer, semantics=semantics, tolerance=tolerance)
    one, two = exact.start(), rough.start()
    for byte in b"the weather's 12":
        wanted, found = one.distribution(), two.distribution()
        distance = np.abs(wanted.probabilities - found.probabilities).sum() / 2
        assert distance <= found.dropped + 1e-12
        assert found.dropped <= 2 * tolerance
        one, two = one.advance(byte), two.advance(byte)
    if semantics == "valid":
        assert rough.n_contexts <= exact.n_contexts


TRAINED = [
    "bpe",
    "picky(tau=0.6)",
    "scaffold",
    "compression",
    "pathpiece",
    "sage",
    "unigram",
    "boundless",
    "superword",
]
METHODS = ["longest", "longest_suffix", "longest_first", "fewest"]


def _trained() -> dict[str, tb.Tokenizer]:
    corpus = tb.corpora.load("sample").select(["eng_Latn", "tur_Latn"])
    made = {
        name: tb.train(
            corpus, algorithm=name, pretokenizer="gpt2", vocab_size=400, seed=None if name != "sage" else 0
        )
        for name in TRAINED
    }
    for method in METHODS:
        made[method] = made["bpe"].with_method(method)
    return made


@pytest.fixture(scope="module")
def trained() -> dict[str, tb.Tokenizer]:
    return _trained()


@pytest.mark.parametrize("name", [*TRAINED, *METHODS])
def test_variants(trained: dict[str, tb.Tokenizer], name: str) -> None:
    """What encoding makes is valid, whatever made the vocabulary, and sums are 1."""
    tokenizer = trained[name]
    model = model_of(tokenizer)
    for text in [b"the cat's", b"12 o'clock", "été".encode()]:
        place = model.cover.root()
        for token in tokenizer.encode(text).tolist():
            assert model.cover.allows(place, token), (name, text, token)
            place = model.cover.step(place, token)
        assert model.cover.ends(place)
        assert model.next_byte(text).probabilities.sum() == pytest.approx(1, abs=1e-12)


CLOSED = ["bpe", "pathpiece", "longest", "longest_suffix", "longest_first", "fewest", "unigram"]


@pytest.mark.parametrize("name", CLOSED)
def test_valid_is_what_texts_begin_with(trained: dict[str, tb.Tokenizer], name: str) -> None:
    """All beginnings of the encodings of short texts, and nothing that no text of a few more bytes begins with."""
    tokenizer = trained[name]
    model = model_of(tokenizer)
    alphabet = [b"t", b"h", b"e", b" ", b"'"]
    texts = [b"".join(units) for n in range(1, 6) for units in product(alphabet, repeat=n)]
    real = _beginnings(tokenizer.encode_batch(texts, threads=1), tokenizer, 3)
    claimed = set()
    waiting: list[tuple[tuple[int, ...], bytes, Place]] = [((), b"", model.cover.root())]
    while waiting:
        tokens, spelled, place = waiting.pop()
        mask = model.cover.mask(place)
        assert mask is not None
        for at, token in enumerate(model.trie.order.tolist()):
            longer = spelled + tokenizer.token_bytes(token)
            if len(longer) <= 3 and set(longer) <= set(b"the '"):
                assert bool(mask[at]) == model.cover.allows(place, token)
                if mask[at]:
                    claimed.add((*tokens, token))
                    waiting.append(((*tokens, token), longer, model.cover.step(place, token)))
    assert claimed == real


def _beginnings(encoding: Encoding, tokenizer: tb.Tokenizer, longest: int) -> set[tuple[int, ...]]:
    found = set()
    for ids in encoding:
        row, n_bytes = ids.tolist(), 0
        for at, token in enumerate(row):
            n_bytes += len(tokenizer.token_bytes(token))
            if n_bytes > longest:
                break
            found.add(tuple(row[: at + 1]))
    return found
