"""Hugging Face ``tokenizer.json`` → :class:`~tokbench.bpe.BpeModel`: BPE, and Unigram and WordPiece over bytes.

What this module reads it reads completely: a file with a setting that would change an encoding and that the
model cannot hold is refused with the reason, and the caller falls back to the ``tokenizers`` package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.bpe import EMPTY_MERGES, AddedToken, BpeModel, merge_list
from tokbench.errors import NotRepresentableError, VocabError
from tokbench.formats.byte_map import raw
from tokbench.formats.hf_split import read_split
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.bpe import Method, Normalization, RankedPairs
    from tokbench.merges import Merges

_NORMALIZERS: Mapping[str, Normalization] = {"NFC": "nfc", "NFD": "nfd", "NFKC": "nfkc", "NFKD": "nfkd"}


def parse(document: Mapping[str, Any], source: str) -> BpeModel:
    """Return the model of a parsed ``tokenizer.json``.

    Raises:
        NotRepresentableError: for a setting that the native encoder does not have, naming it.
        VocabError: for a file that contradicts itself, naming the entry.
    """
    settings = document.get("model") or {}
    if settings.get("type") in ("Unigram", "WordPiece"):
        return _over_bytes(document, settings, source)
    if settings.get("type", "BPE") != "BPE" or "merges" not in settings:
        _refuse(f"its model is {settings.get('type')!r}")
    if settings.get("dropout"):
        _refuse("its model has a dropout")
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if settings.get(name):
            _refuse(f"its model has {name} {settings[name]!r}")
    split = read_split(document.get("pre_tokenizer"))
    added = _added(document.get("added_tokens") or [], source)
    vocab = _vocab(settings, added, byte_level=split.byte_level, source=source)
    return BpeModel(
        vocab,
        _merges(settings, vocab, byte_level=split.byte_level, source=source),
        split.pretokenizer,
        unit="byte" if split.byte_level else "character",
        whole_words=bool(settings.get("ignore_merges")),
        fuse_unknown=bool(settings.get("fuse_unk")),
        normalizer=_normalizer(document.get("normalizer")),
        prefix_space=split.prefix_space,
        added=added,
    )


def _over_bytes(document: Mapping[str, Any], settings: Mapping[str, Any], source: str) -> BpeModel:
    """Return the model of best paths or of longest match, where its symbols are all 256 bytes."""
    split = read_split(document.get("pre_tokenizer"))
    if not split.byte_level:
        _refuse(f"its model is {settings['type']!r} over characters")
    added = _added(document.get("added_tokens") or [], source)
    scores: tuple[float, ...] | None = None
    method: Method = "longest"
    if settings["type"] == "Unigram":
        names = {token.text for token in added}
        lowest = min((score for piece, score in settings["vocab"] if piece not in names), default=0.0)
        # A special token that costs more than its bytes is on no best path: text does not reach it.
        entries = {
            str(piece): token_id
            for token_id, (piece, score) in enumerate(settings["vocab"])
            if piece not in names or score >= len(piece.encode()) * lowest
        }
        if settings.get("byte_fallback"):
            _refuse("its Unigram model has byte fallback")
    else:
        entries = dict(settings["vocab"])
        if (
            settings.get("continuing_subword_prefix")
            or settings.get("max_input_chars_per_word", 100) < 2**31 - 1
        ):
            _refuse("its WordPiece model has a prefix for word parts or a bound on the length of words")
    vocab = _vocab({"vocab": entries}, added, byte_level=True, source=source)
    missing = [byte for byte in range(256) if bytes([byte]) not in vocab]
    if missing:
        _refuse(f"byte 0x{missing[0]:02x} has no token")
    if settings["type"] == "Unigram":
        given = [float(score) for _, score in settings["vocab"]]
        equal = {given[token_id] for token_id in vocab.tokens}
        method = "fewest" if len(equal) == 1 and min(equal) < 0 else "unigram"
        scores = None if method == "fewest" else tuple(given + [0.0] * (vocab.n_ids - len(given)))
    return BpeModel(
        vocab,
        EMPTY_MERGES,
        split.pretokenizer,
        method=method,
        scores=scores,
        normalizer=_normalizer(document.get("normalizer")),
        prefix_space=split.prefix_space,
        added=added,
    )


def _refuse(reason: str) -> None:
    message = f"this tokenizer.json is not encoded natively: {reason}"
    raise NotRepresentableError(message)


def _normalizer(step: Mapping[str, Any] | None) -> Normalization | None:
    if step is None:
        return None
    if step["type"] == "Sequence":
        inner = step["normalizers"]
        if len(inner) > 1:
            _refuse("it has several normalizers")
        return _normalizer(inner[0]) if inner else None
    if step["type"] not in _NORMALIZERS:
        _refuse(f"its normalizer is {step['type']}")
    return _NORMALIZERS[step["type"]]


def _added(entries: list[Mapping[str, Any]], source: str) -> tuple[AddedToken, ...]:
    added: dict[str, AddedToken] = {}
    for index, entry in enumerate(entries):
        if entry.get("single_word"):
            _refuse(f"its added token {entry['content']!r} matches single words only")
        token = AddedToken(
            entry["content"],
            int(entry["id"]),
            special=bool(entry.get("special")),
            normalized=bool(entry.get("normalized")),
            lstrip=bool(entry.get("lstrip")),
            rstrip=bool(entry.get("rstrip")),
        )
        if token.text in added:
            message = f"{source}: added_tokens[{index}]: {token.text!r} is listed twice"
            raise VocabError(message)
        added[token.text] = token
    return tuple(added.values())


def _spelled(text: str, *, byte_level: bool) -> bytes | None:
    return raw(text) if byte_level else text.encode()


def _vocab(
    settings: Mapping[str, Any], added: tuple[AddedToken, ...], *, byte_level: bool, source: str
) -> Vocab:
    entries: Mapping[str, int] = settings["vocab"]
    special = {token.text: token.token_id for token in added}
    unknown = settings.get("unk_token")
    if unknown is not None:
        if unknown not in special and unknown not in entries:
            message = f"{source}: model.unk_token {unknown!r} is not in the vocabulary"
            raise VocabError(message)
        special.setdefault(unknown, entries.get(unknown, -1))
    fallback = None
    if settings.get("byte_fallback"):
        names = [f"<0x{byte:02X}>" for byte in range(256)]
        if all(name in entries for name in names):
            fallback = [entries[name] for name in names]
        elif any(name in entries for name in names):
            _refuse("only some of its 256 byte-fallback tokens exist")
    taken = set(fallback or ())
    tokens: dict[int, bytes] = {}
    for text, token_id in entries.items():
        if token_id in taken:
            continue
        token = _spelled(text, byte_level=byte_level)
        if special.get(text) == token_id:
            if token != text.encode():
                continue
        elif token is None:
            # Out of reach of any text: kept apart under its own spelling.
            if text in special:
                _refuse(f"{text!r} has the ids {special[text]} and {token_id}")
            special[text] = token_id
            continue
        if not token:
            _refuse(f"token {token_id} is empty")
            continue
        tokens[token_id] = token
    partial = byte_level and unknown is None
    return Vocab(
        tokens, special=special, byte_fallback=fallback, unknown=unknown, partial=partial or fallback is None
    )


def _merges(
    settings: Mapping[str, Any], vocab: Vocab, *, byte_level: bool, source: str
) -> Merges | RankedPairs:
    entries: Mapping[str, int] = settings["vocab"]
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, entry in enumerate(settings["merges"]):
        parts = entry.split(" ") if isinstance(entry, str) else entry
        if len(parts) != 2:
            message = f"{source}: model.merges[{rank}]: expected two tokens, got {entry!r}"
            raise VocabError(message)
        left, right = parts
        ids = entries.get(left), entries.get(right), entries.get(left + right)
        if ids[0] is None or ids[1] is None or ids[2] is None:
            missing = next(
                text for text, i in zip((left, right, left + right), ids, strict=True) if i is None
            )
            message = f"{source}: model.merges[{rank}]: {missing!r} is not in model.vocab"
            raise VocabError(message)
        # Of a pair listed twice the last rank counts, as in `tokenizers`.
        ranks[ids[0], ids[1]] = rank, ids[2]
    steps = sorted((rank, left, right, result) for (left, right), (rank, result) in ranks.items())
    rows = np.array(steps, dtype=np.int64).reshape(-1, 4)
    return merge_list(rows[:, 1], rows[:, 2], rows[:, 3])
