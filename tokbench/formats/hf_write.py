"""A :class:`~tokbench.bpe.BpeModel` as the document of a ``tokenizer.json``.

Special tokens stand in ``model.vocab`` under their own text, because readers number added tokens that are not
there by themselves. A name that would then mean two ids is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokbench.errors import NotRepresentableError
from tokbench.formats import hf_write_paths
from tokbench.formats.hf_split import write_split
from tokbench.pretokenize import Pretokenizer
from tokbench.steps import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.bpe import BpeModel

_NORMALIZERS = {"nfc": "NFC", "nfd": "NFD", "nfkc": "NFKC", "nfkd": "NFKD"}


def document(model: BpeModel) -> Mapping[str, Any]:
    """Return the document: merges as ``BPE``, longest match as ``WordPiece`` without prefix, best paths as ``Unigram``.

    Raises:
        NotRepresentableError: naming what the format cannot express.
    """
    model = model.ranked
    if model.steps:
        _refuse(f"it changes the text by {', '.join(map(shown, model.steps))} before everything else")
    if model.segmenter is not None:
        _refuse("it cuts words into morphemes by a segmenter")
    if model.method == "replay":
        _refuse("it replays operations that delete tokens")
    if model.method not in ("merges", "longest", "fewest", "unigram"):
        _refuse(f"it encodes by the method {model.method!r}")
    if model.supers is not None:
        _refuse("it merges whole pretokens")
    if model.scaffold and model.method == "merges":
        _refuse("it demolishes scaffold tokens after merging")
    byte_level = model.unit == "byte"
    if byte_level and model.vocab.byte_fallback is not None:
        _refuse("it merges bytes and has byte-fallback tokens too")
    write = {"merges": _bpe, "longest": hf_write_paths.wordpiece}.get(model.method, hf_write_paths.unigram)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": token.token_id,
                "content": token.text,
                "single_word": False,
                "lstrip": token.lstrip,
                "rstrip": token.rstrip,
                "normalized": token.normalized,
                "special": token.special,
            }
            for token in sorted(model.added, key=lambda token: token.token_id)
        ],
        "normalizer": {"type": _NORMALIZERS[model.normalizer]} if model.normalizer else None,
        "pre_tokenizer": write_split(
            model.pretokenizer, byte_level=byte_level, prefix_space=model.prefix_space
        ),
        "post_processor": None,
        "decoder": _decoder(byte_level=byte_level, fallback=model.vocab.byte_fallback is not None),
        "model": write(model),
    }


def _bpe(model: BpeModel) -> Mapping[str, Any]:
    names = _names(model)
    vocab: dict[str, int] = {}
    for token_id, name in sorted(names.items()):
        if name in vocab:
            _refuse(f"ids {vocab[name]} and {token_id} would both be written {name!r}")
        vocab[name] = token_id
    left, right, _ = model.merge_columns
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": model.vocab.unknown,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": model.fuse_unknown,
        "byte_fallback": model.vocab.byte_fallback is not None,
        "ignore_merges": model.whole_words,
        "vocab": vocab,
        "merges": [[names[a], names[b]] for a, b in zip(left.tolist(), right.tolist(), strict=True)],
    }


def _names(model: BpeModel) -> dict[int, str]:
    names = hf_write_paths.token_names(model)
    for byte, token_id in enumerate(model.vocab.byte_fallback or ()):
        names[token_id] = f"<0x{byte:02X}>"
    pretokenizer = Pretokenizer(model.pretokenizer)
    for text, token_id in model.vocab.special.items():
        if token_id in names:
            if names[token_id] != text:
                _refuse(f"token {token_id} would be written both {text!r} and {names[token_id]!r}")
            continue
        if model.whole_words and len(pretokenizer.split(text)) == 1:
            _refuse(f"the special token {text!r} is a pretoken and would be found as a whole word")
        if len(text) == 1:
            _refuse(f"the special token {text!r} is one character and would be found as a symbol")
        names[token_id] = text
    return names


def _decoder(*, byte_level: bool, fallback: bool) -> Mapping[str, Any]:
    if byte_level:
        return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    fuse = {"type": "Fuse"}
    return {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, fuse]} if fallback else fuse


def tokenizer_config(model: BpeModel) -> Mapping[str, Any]:
    """Return the document of ``tokenizer_config.json``."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 10**30,
    }
    if model.vocab.unknown is not None:
        config["unk_token"] = model.vocab.unknown
    return config


def _refuse(reason: str) -> None:
    message = f"a tokenizer.json cannot express this tokenizer: {reason}"
    raise NotRepresentableError(message)
