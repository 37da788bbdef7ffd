"""Proofs that no text produces a token, for tokenizers of other libraries: what their model does with a piece alone.

The model is asked without normalizer and pre-tokenizer. BPE by rank and best paths are local (see
`tokbench.metrics.reachability`): a piece that the model itself cuts is never made. WordPiece takes the longest
prefix, so it never cuts a whole word that is a piece; there normalizer and pre-tokenizer decide.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tokbench.interop.hf import HuggingFaceTokenizer
from tokbench.interop.sentencepiece import SentencePieceTokenizer, model_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokbench.tokenizer import Tokenizer

_CLOSED_NORMALIZERS = frozenset({"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer"})
"""What they would change is in no text that they have seen, nor in a part of it."""
_CLOSED_SPLITS = frozenset({"BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation"})
"""They look at single characters: what they cut, they cut in every context."""


def foreign_proofs(tokenizer: Tokenizer, opened: Sequence[int]) -> dict[int, str]:
    """Prove by normalizer, pre-tokenizer and model; ids without a proof are left out.

    Example:
        >>> foreign_proofs(tokenizer, [300])  # doctest: +SKIP
        {300: 'normalizer'}
    """
    if isinstance(tokenizer, HuggingFaceTokenizer):
        return _hugging_face(tokenizer, opened)
    if isinstance(tokenizer, SentencePieceTokenizer):
        return _sentencepiece(tokenizer, opened)
    return {}


def _hugging_face(tokenizer: HuggingFaceTokenizer, opened: Sequence[int]) -> dict[int, str]:
    library, document = tokenizer.library, tokenizer.document
    model = document["model"]
    prefix = (model.get("continuing_subword_prefix") or "") if model["type"] == "WordPiece" else ""
    closed_normalizer = (
        bool(document.get("normalizer")) and types(document["normalizer"]) <= _CLOSED_NORMALIZERS
    )
    closed_split = bool(document.get("pre_tokenizer")) and types(document["pre_tokenizer"]) <= _CLOSED_SPLITS
    # A model with whole words (ignore_merges) makes a piece of its bytes alone, whatever the merges say.
    local = model["type"] in ("BPE", "Unigram") and not model.get("dropout")
    proved: dict[int, str] = {}
    for token_id in opened:
        if token_id not in tokenizer.vocab.tokens:
            continue
        piece = tokenizer.vocab.tokens[token_id].decode()
        word = piece.removeprefix(prefix) if prefix and piece != prefix else piece
        # A continuation stands behind something in its word: a letter, for rules that look at single characters.
        shown = "a" + word if word != piece else word
        if closed_normalizer and library.normalizer.normalize_str(shown) != shown:
            proved[token_id] = "normalizer"
        elif closed_split and len(library.pre_tokenizer.pre_tokenize_str(shown)) > 1:
            proved[token_id] = "pretokenizer"
        elif local and [token.id for token in library.model.tokenize(piece)] != [token_id]:
            if model["type"] == "BPE":
                proved[token_id] = "merges"
            elif _has_better_path(piece, dict(model["vocab"]).get):
                proved[token_id] = "scores"
    return proved


def types(step: Any) -> set[str]:
    """Return the types of a step and of all steps inside of it.

    Example:
        >>> sorted(types({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}))
        ['Lowercase', 'NFC']
    """
    if step["type"] != "Sequence":
        return {step["type"]}
    inner = step.get("normalizers") or step.get("pretokenizers") or []
    return set().union(*(types(each) for each in inner))


def _sentencepiece(tokenizer: SentencePieceTokenizer, opened: Sequence[int]) -> dict[int, str]:
    processor = tokenizer.processor
    kind = model_type(processor.serialized_model_proto())
    scores = {
        processor.id_to_piece(i): processor.get_score(i)
        for i in range(processor.get_piece_size())
        if not (
            processor.is_control(i)
            or processor.is_unknown(i)
            or processor.is_byte(i)
            or processor.is_unused(i)
        )
    }
    proved = {}
    for token_id in opened:
        piece = processor.id_to_piece(token_id)
        if processor.is_unused(token_id):
            proved[token_id] = "hidden"
        elif kind == "unigram" and _has_better_path(piece, scores.get):
            proved[token_id] = "scores"
        elif kind == "bpe" and _merge_by_score(piece, scores) != [piece]:
            proved[token_id] = "merges"
    return proved


def _has_better_path(piece: str, score: Callable[[str], float | None]) -> bool:
    """Whether two or more pieces spell it with a higher sum of scores than its own."""
    own = score(piece)
    if own is None:
        return False
    best = [0.0] + [float("-inf")] * len(piece)
    for end in range(1, len(piece) + 1):
        for start in range(end):
            part = score(piece[start:end]) if end - start < len(piece) else None
            if part is not None:
                best[end] = max(best[end], best[start] + part)
    return best[-1] > own


def _merge_by_score(piece: str, scores: dict[str, float]) -> list[str]:
    """Merge the neighbours whose joined piece has the highest score, the leftmost of equals, until none is left."""
    parts = list(piece)
    while len(parts) > 1:
        ranked = [(scores.get(a + b, float("-inf")), -i) for i, (a, b) in enumerate(pairwise(parts))]
        best, place = max(ranked)
        if best == float("-inf"):
            break
        parts[-place : -place + 2] = ["".join(parts[-place : -place + 2])]
    return parts
