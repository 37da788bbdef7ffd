"""Reachability against exhaustive search: what short texts produce is not called unreachable, and witnesses hold."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.bpe import BpeModel
from tokbench.merges import Merges
from tokbench.metrics.contexts import completions, could_be_text, is_text
from tokbench.metrics.reachability import VERDICTS, reachability
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from tokbench.bpe import Method

BYTES = [bytes([byte]) for byte in range(256)]


def tokenizer_of(
    pairs: list[tuple[int, int]],
    *,
    pretokenizer: str = "none",
    whole_words: bool = False,
    method: Method = "merges",
) -> BpeTokenizer:
    """Merge tokens of a small alphabet (places in the growing list) in this order."""
    made: list[bytes] = [b"a", b"b", b" "]
    ids = [97, 98, 32]
    rows: list[tuple[int, int, int]] = []
    for left, right in pairs:
        a, b = left % len(made), right % len(made)
        joined = made[a] + made[b]
        if joined in made or len(joined) > 6:
            continue
        rows.append((ids[a], ids[b], 256 + len(rows)))
        made.append(joined)
        ids.append(rows[-1][2])
    vocab = Vocab([*BYTES, *made[3:]])
    columns = [np.array([row[side] for row in rows], np.uint32) for side in range(3)]
    merges = Merges(*columns)
    model = BpeModel(vocab, merges, pretokenizer, whole_words=whole_words, method=method)
    return BpeTokenizer(model, name="small")


@pytest.mark.parametrize("pretokenizer", ["none", "gpt2"])
@pytest.mark.parametrize("whole_words", [False, True])
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=9))
@settings(deadline=None, max_examples=25)
def test_against_all_short_texts(pretokenizer: str, whole_words: bool, pairs: list[tuple[int, int]]) -> None:
    tokenizer = tokenizer_of(pairs, pretokenizer=pretokenizer, whole_words=whole_words)
    found = reachability(tokenizer)
    texts = [
        "".join(letters)
        for n in range(1, 9)
        for letters in product("ab ", repeat=n)
        if n < 8 or letters[0] == "a"
    ]
    seen = set(np.unique(tokenizer.encode_batch(texts).ids).tolist())
    for token_id in range(256, tokenizer.vocab.n_ids):
        verdict = VERDICTS[found.verdicts[token_id]]
        witness = found.witness(token_id)
        if verdict == "reachable":
            assert witness is not None
            assert token_id in tokenizer.encode(witness)
        else:
            assert verdict in ("unreachable", "unverified")
            assert token_id not in seen or verdict == "unverified"
            assert witness is None
        if verdict == "unverified":
            # Nothing but a context that was not tried may be missing.
            assert pretokenizer == "gpt2" or token_id not in seen


def test_proofs_and_witnesses_by_hand() -> None:
    # ab is merged first, so a + ba is never met; aba comes from ab + a.
    vocab = Vocab([*BYTES, b"ab", b"ba", b"bab", b"aba"])
    merges = Merges([97, 98, 98, 256], [98, 97, 256, 97], [256, 257, 258, 259])
    found = reachability(BpeTokenizer(BpeModel(vocab, merges, "none"), name="hand"))
    assert found.counts()["unreachable"] == 0
    assert found.witness(257) == b"ba"
    # A token that no merge makes, beside one that its own merges overtake.
    vocab = Vocab([*BYTES, b"ab", b"bc", b"abc", b"zz"])
    merges = Merges([97, 98, 97], [98, 99, 257], [256, 257, 258])
    found = reachability(BpeTokenizer(BpeModel(vocab, merges, "none"), name="dead"))
    assert found.ids("unreachable") == [258, 259]
    assert found.proofs() == {"merges": 2}
    # The same tokens, where a pretoken that is a token becomes it at once.
    whole = reachability(BpeTokenizer(BpeModel(vocab, merges, "gpt2", whole_words=True), name="whole"))
    assert whole.counts()["unreachable"] == 0
    assert whole.witness(259) == b"zz"


def test_bytes_that_are_no_text() -> None:
    vocab = Vocab([*BYTES, b"\xe4\xbd", b"\xc3\xa9", b"\xc0\x80"])
    merges = Merges([0xE4, 0xC3, 0xC0], [0xBD, 0xA9, 0x80], [256, 257, 258])
    found = reachability(BpeTokenizer(BpeModel(vocab, merges, "none"), name="bytes"))
    assert VERDICTS[found.verdicts[0xC0]] == VERDICTS[found.verdicts[0xFF]] == "bytes_only"
    assert VERDICTS[found.verdicts[256]] == "reachable"
    witness = found.witness(256)
    assert witness is not None
    assert is_text(witness)
    assert VERDICTS[found.verdicts[258]] == "bytes_only"


@given(st.binary(min_size=1, max_size=5))
@settings(deadline=None)
def test_completions_hold_the_bytes(data: bytes) -> None:
    for text in completions(data, 5):
        assert is_text(text)
        assert data in text
    assert could_be_text(data) or not any(
        is_text(head + data + tail)
        for head in (b"", b"\xc3", b"\xe4", b"\xe4\xbd", b"\xf0\x9f", b"\xf0\x9f\x98")
        for tail in (b"", b"\x80", b"\xbf", b"\xa0\x80", b"\x9f\x98\x80")
    )
