"""Less is Better equals its slow twin: the lexicon that is learned, and how it cuts text."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parity.test_sage import held, sampled
from tokbench import _rust
from tokbench.algorithms.lib import model
from tokbench.reference import lib as slow
from tokbench.tokenizer import BpeTokenizer

TEXT = st.lists(
    st.text("abé中 \n", max_size=40).map(str.encode) | st.binary(max_size=8), min_size=1, max_size=8
)


def options(**given: Any) -> dict[str, Any]:
    return {
        "epochs": 6, "article": 2, "life": 3, "max_length": 5, "memory_in": 0.6, "memory_out": 0.2,
        "update_rate": 0.2, "max_gap": 2, "seed": 1,
    } | given  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(TEXT, st.integers(0, 99), st.integers(0, 12), st.sampled_from([0.0, 0.3, 1.0]))
def test_learning(text: list[bytes], seed: int, epochs: int, share: float) -> None:
    lines = sampled(text)
    chosen = options(seed=seed, epochs=epochs, memory_in=share, memory_out=share)
    assert _rust.learn_lexicon(lines, **chosen) == slow.learn(held(lines), **chosen)


UNITS = st.lists(st.text("abé", min_size=1, max_size=4), unique=True, max_size=12)


@settings(deadline=None, max_examples=120)
@given(UNITS, st.text("abé中", max_size=30).map(str.encode) | st.binary(max_size=12))
def test_reading(units: list[str], text: bytes) -> None:
    encoded = [unit.encode() for unit in units]
    tokenizer = BpeTokenizer(model(encoded, ()), name="test")
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    expected: list[bytes] = []
    for piece, known in slow.read([slow.symbols(unit) for unit in encoded], slow.symbols(text)):
        whole = b"".join(piece)
        expected += [whole] if known else [bytes([byte]) for byte in whole]
    assert [tokenizer.token_bytes(i) for i in ids.tolist()] == expected
