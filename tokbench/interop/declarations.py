"""What tokenizers of other libraries declare about normalization and white space."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokbench.interop.hf import HuggingFaceTokenizer
from tokbench.interop.model_alone import types
from tokbench.interop.sentencepiece import SentencePieceTokenizer, normalizer_rule

if TYPE_CHECKING:
    from tokbench.tokenizer import Tokenizer


def foreign_declaration(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the fields of `tokbench.metrics.declared.Declared`."""
    if isinstance(tokenizer, HuggingFaceTokenizer):
        return _hugging_face(tokenizer)
    if isinstance(tokenizer, SentencePieceTokenizer):
        processor = tokenizer.processor
        rule = normalizer_rule(processor.serialized_model_proto())
        return {
            "name": rule or "precompiled",
            "normalize": lambda text: processor.normalize(text).replace("▁", " "),
            "folds_case": rule.endswith("_cf"),
            "adds_prefix": processor.normalize("a").startswith("▁"),
            "loses_spaces": len(processor.normalize("a  b").replace("▁", " ").strip()) < 4,
        }
    return {"opaque": True}


def _hugging_face(tokenizer: HuggingFaceTokenizer) -> dict[str, Any]:
    document, library = tokenizer.document, tokenizer.library
    step = document.get("normalizer")
    split, decoder = (
        json.dumps(document.get(key), ensure_ascii=False) for key in ("pre_tokenizer", "decoder")
    )
    kinds = types(step) if step else set()
    spaces = "▁" in split or "▁" in json.dumps(step, ensure_ascii=False)
    byte_level = "ByteLevel" in split
    return {
        "name": "+".join(sorted(kinds)),
        "normalize": (lambda text: library.normalizer.normalize_str(text).replace("▁", " "))
        if step
        else None,
        "folds_case": "Lowercase" in kinds
        or ("BertNormalizer" in kinds and '"lowercase": true' in json.dumps(step)),
        "loses_spaces": not byte_level and not spaces,
        "adds_prefix": "Prepend" in kinds or '"add_prefix_space": true' in split or "Strip" in decoder,
    }
