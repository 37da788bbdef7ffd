"""Which cover a tokenizer gets.

============================================================  ====================================================
tokenizer                                                     validity
============================================================  ====================================================
merges by rank over bytes (plain, parity, …), or over         exact, native: `ByMerges`
characters with byte fallback (SentencePiece's BPE where it
does not change the text, such as Llama 2); under any
pre-tokenizer, with whole words or without
scaffold tokens over such merges                              exact, over `ByMerges`: `ByScaffold`
merges of whole pretokens over such merges (boundless)        exact, over `ByMerges`: `BySupers`
one pretoken at a time: longest from the left or the right,   exact, by encoding pretokens: `ByWords`
longest first, fewest (PathPiece, SaGe), unigram
operations that delete (PickyBPE), LiB                        by encoding pretokens and witnesses: `ByWords`
added tokens that are always matched, normalizers, other      by encoding the text and witnesses: `Reencoding`
libraries, the pre-tokenizers ``script_aware`` and
``script_aware_o200k``
============================================================  ====================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.bytelm.bpe_cover import ByMerges, merges_decide
from tokbench.bytelm.cover import Cover, EverySegmentation, Reencoding
from tokbench.bytelm.scaffold_cover import ByScaffold, scaffold_decides
from tokbench.bytelm.super_cover import BySupers, supers_decide
from tokbench.bytelm.word_cover import ByWords, words_decide
from tokbench.errors import ParameterError
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from tokbench import _rust
    from tokbench.tokenizer import Tokenizer

_PROBE = b"a"
WITHOUT_AUTOMATON = "script_aware"
"""In the names of pre-tokenizers whose cuts no automaton follows yet: two patterns, by the script of a run."""


def lead_of(tokenizer: Tokenizer) -> bytes:
    """Return what tokens spell before every text: nothing, or the space that SentencePiece puts there.

    Raises:
        ParameterError: when tokens do not spell the text.
    """
    if tokenizer.steps:
        message = (
            f"{tokenizer.name}: its steps ({', '.join(tokenizer.steps)}) change the text before encoding, so the bytes "
            f"of its tokens are not bytes of the text; byte probabilities need a tokenizer without steps"
        )
        raise ParameterError(message)
    if isinstance(tokenizer, BpeTokenizer):
        return b" " if tokenizer.model.prefix_space else b""
    spelled = b"".join(tokenizer.token_bytes(token) for token in tokenizer.encode(_PROBE).tolist())
    return spelled[:1] if spelled == b" " + _PROBE else b""


def choose_cover(tokenizer: Tokenizer, trie: _rust.ByteTrie, lead: bytes, *, every: bool) -> Cover:
    """Return the cover; with `every` that of all segmentations.

    Raises:
        PretokenizeError: for a pre-tokenizer whose pattern no automaton follows.
    """
    if every:
        return EverySegmentation()
    if isinstance(tokenizer, BpeTokenizer) and WITHOUT_AUTOMATON not in tokenizer.model.pretokenizer:
        if merges_decide(tokenizer):
            return ByMerges(tokenizer.model, trie)
        if scaffold_decides(tokenizer):
            return ByScaffold(tokenizer.model, trie)
        if supers_decide(tokenizer):
            return BySupers(tokenizer.model, trie)
        if words_decide(tokenizer):
            return ByWords(tokenizer.model, trie)
    if tokenizer.kind == "sentencepiece":
        from tokbench.interop.sentencepiece import SentencePieceTokenizer, as_merges

        model = as_merges(tokenizer) if isinstance(tokenizer, SentencePieceTokenizer) else None
        if model is not None:
            return ByMerges(model, trie, text_only=True)
    return Reencoding(tokenizer, trie, lead=lead)
