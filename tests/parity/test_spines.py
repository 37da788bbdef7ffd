"""The test of neighbours against encoding: all tokens after some, in vocabularies as they are published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tokbench as tb
from tokbench import _rust
from tokbench.bytelm.bpe_cover import ByMerges
from tokbench.tokenizer import BpeTokenizer

FILES = {
    "gpt2": ("openai/gpt2.tiktoken", "gpt2", 10),
    "llama3": ("llama/llama3_tokenizer.model", None, 4),
}
"""The file, its pre-tokenizer where it does not say, and how many of the tokens below are tried."""
LEFT = [b" ", b"e", b"th", b" the", b"ing", b"aa", b"\xe4\xb8", b"1", b"//", b"\n"]


@pytest.mark.parametrize("name", FILES)
def test_every_token_after_some(shared: Path, name: str) -> None:
    file, pretokenizer, n_left = FILES[name]
    loaded = tb.load(shared / "data" / "tokenizers" / file, pretokenizer=pretokenizer)
    assert isinstance(loaded, BpeTokenizer)
    # Merges alone: no pre-tokenizer cuts, no whole word is taken unmerged.
    tokenizer = BpeTokenizer(replace(loaded.model, pretokenizer="none", whole_words=False), name=name)
    arena, offsets = tokenizer.token_arrays()
    ordinary = np.array(list(tokenizer.vocab.tokens), dtype=np.uint32)
    trie = _rust.ByteTrie(arena, offsets, ordinary)
    cover = ByMerges(tokenizer.model, trie)
    order = trie.order
    spelled = [tokenizer.token_bytes(int(token)) for token in order]
    place = cover.root()
    alone = tokenizer.encode_batch(spelled, threads=1)
    single = np.array([len(ids) == 1 for ids in alone])
    first = cover.mask(place)
    assert first is not None
    assert np.array_equal(first.astype(bool), single)
    for left in (tokenizer.vocab.id_of(token) for token in LEFT[:n_left] if token in tokenizer.vocab):
        if not cover.allows(place, left):
            continue
        before = tokenizer.token_bytes(left)
        pairs = tokenizer.encode_batch([before + token for token in spelled], threads=1)
        wanted = [ids.tolist() == [left, int(token)] for ids, token in zip(pairs, order, strict=True)]
        found = cover.mask(cover.step(place, left))
        assert found is not None
        wrong = np.flatnonzero(found != np.array(wanted))
        assert not len(wrong), [(before, spelled[at]) for at in wrong[:5]]
