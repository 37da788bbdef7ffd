"""Which cover a tokenizer gets.

============================================================  ====================================================
tokenizer                                                     validity
============================================================  ====================================================
merges by rank over bytes (plain, parity, compression, …)     exact, native: `ByMerges`
under any pre-tokenizer, with whole words or without
one pretoken at a time: longest from the left or the right,   exact, by encoding pretokens: `ByWords`
longest first, fewest (PathPiece, SaGe), unigram; merges
over characters, with byte fallback
operations that delete (PickyBPE), scaffold tokens, LiB       by encoding pretokens and witnesses: `ByWords`
superwords over pretokens (boundless), added tokens that      by encoding the text and witnesses: `Reencoding`
are always matched, normalizers, other libraries, the
pre-tokenizers ``script_aware`` and ``script_aware_o200k``
============================================================  ====================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.bytelm.bpe_cover import ByMerges, merges_decide
from tokbench.bytelm.cover import Cover, EverySegmentation, Reencoding
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
        if words_decide(tokenizer):
            return ByWords(tokenizer.model, trie)
    return Reencoding(tokenizer, trie, lead=lead)
