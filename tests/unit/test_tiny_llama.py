"""Byte probabilities of a real small language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.tiny_llama import TinyLlama, read_model, read_tokenizer
from tokbench.bytelm import ByteLM, TokenLM, naive, sample

if TYPE_CHECKING:
    from pathlib import Path

    from tokbench.bytelm import Semantics
    from tokbench.tokenizer import BpeTokenizer

pytestmark = pytest.mark.shared
TEXT = "Once upon a time, there was a little girl named Lily."


@pytest.fixture(scope="module")
def model(shared: Path) -> TinyLlama:
    return read_model(shared / "data/models/stories260K/stories260K.bin")


@pytest.fixture(scope="module")
def tokenizer(shared: Path) -> BpeTokenizer:
    return read_tokenizer(shared / "data/models/stories260K/tok512.bin")


def _token_bits(model: TinyLlama, ids: list[int]) -> float:
    rows = model.forward([model.bos_id, *ids[:-1]])
    return float(-rows[np.arange(len(ids)), ids].sum() / np.log(2))


def test_it_has_learned_to_tell_stories(model: TinyLlama, tokenizer: BpeTokenizer) -> None:
    """A wrong matrix order or angle would cost bits: a model that knows nothing pays log2(512) = 9 for a token."""
    assert isinstance(model, TokenLM)
    ids = tokenizer.encode(TEXT).tolist()
    assert tokenizer.decode(ids).decode().strip() == TEXT
    assert _token_bits(model, ids) / len(ids) < 1.5
    written = list(ids[:1])
    for _ in range(40):
        written.append(int(model.logprobs([[model.bos_id, *written]])[0].argmax()))
    assert b"was a little" in tokenizer.decode(written)


@pytest.mark.parametrize("semantics", ["valid", "vct"])
def test_bits_of_bytes_and_of_tokens(model: TinyLlama, tokenizer: BpeTokenizer, semantics: Semantics) -> None:
    """All covers together hold at least the tokens' own probability, and little more: the rest is what leaks."""
    lm = ByteLM(model, tokenizer, semantics=semantics)
    scored = lm.score(TEXT)
    by_tokens = _token_bits(model, tokenizer.encode(TEXT).tolist())
    assert by_tokens - 0.01 < scored.cover_bits <= by_tokens + 1e-9
    assert scored.cover_bits - 0.01 < scored.total_bits <= scored.cover_bits + 1e-9
    assert lm.n_contexts <= len(TEXT) + 4, "one context for a byte"


def test_a_prompt_that_ends_inside_of_a_word(model: TinyLlama, tokenizer: BpeTokenizer) -> None:
    """After "there w" comes "as" or "ere"; the model hardly ever saw the token " w" before the rest of these words."""
    lm = ByteLM(model, tokenizer)
    prompt = "Once upon a time, there w"
    exact = lm.next_byte(prompt)
    assert exact.probabilities.sum() == pytest.approx(1, abs=1e-9)
    assert exact.bytes[ord("a")] + exact.bytes[ord("e")] > 0.95
    wrong = naive(lm, prompt)
    assert wrong.bytes[ord("a")] + wrong.bytes[ord("e")] < 0.3
    made = sample(lm.open("Once upon a ti"), max_bytes=3, temperature=0.0)
    assert made.data == b"me,"
