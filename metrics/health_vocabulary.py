"""Health checks of the vocabulary: C2, C7, C14 to C17."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TokbenchError
from tokbench.metrics.health import Verdict
from tokbench.metrics.reachability import reachability
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokbench.metrics.health import Status
    from tokbench.tokenizer import Tokenizer

LONGEST = 64
CUT_INSIDE = 0.02
"""Share of the tokens that may begin with a combining mark before C2 fails."""
DEAD = 0.01
"""Share of the ordinary tokens that may be proved unreachable before C16 fails."""


def _texts(tokenizer: Tokenizer) -> Iterator[tuple[int, str]]:
    """Yield the ordinary tokens that are text."""
    special = set(tokenizer.special_tokens.values())
    for token_id in tokenizer.vocab:
        if token_id in special:
            continue
        try:
            yield token_id, tokenizer.token_bytes(token_id).decode()
        except UnicodeDecodeError:
            continue


def combining_marks(tokenizer: Tokenizer) -> Verdict:
    """C2: fails where 2 % of the tokens begin with a combining mark; warns of those that are not a mark alone.

    A mark by itself belongs to the alphabet of every vocabulary that spells Hebrew, Arabic or an Indic script without
    bytes; the check of TokEval fails for any such token, and so for nearly every tokenizer. That verdict is in the
    details, as ``literal``. What a mark begins and does not end was cut inside of a grapheme.
    """
    pure, leading, n = [], 0, 0
    for token_id, text in _texts(tokenizer):
        n += 1
        bare = text.lstrip(" ")
        if not bare or bare.isascii() or unicodedata.category(bare[0])[0] != "M":
            continue
        leading += 1
        if all(unicodedata.category(each)[0] == "M" for each in bare):
            pure.append(token_id)
    share = leading / n if n else 0.0
    several = sum(len(tokenizer.token_bytes(i).decode().strip()) > 1 for i in pure)
    message = (
        f"{len(pure)} tokens are combining marks alone ({several} of several marks), "
        f"{leading} of {n} ({share:.2%}) begin with one"
    )
    details = {
        "pure": len(pure),
        "pure_of_several": several,
        "leading": leading,
        "share": share,
        "literal": "fail" if pure or share >= CUT_INSIDE else "warn" if leading else "pass",
        "ids": pure[:16],
    }
    n_cut = leading - len(pure) + several
    return Verdict("fail" if share >= CUT_INSIDE else "warn" if n_cut else "pass", message, details)


def special_tokens(tokenizer: Tokenizer) -> Verdict:
    """C7: ids in range and distinct; made where the caller allows it, and only there."""
    special = dict(tokenizer.special_tokens)
    if not special:
        return Verdict("not_applicable", "there are no special tokens")
    n_ids = tokenizer.vocab.n_ids
    wrong = [text for text, token_id in special.items() if not 0 <= token_id < n_ids]
    doubled = len(special) - len(set(special.values()))
    names = list(special)
    asked = tokenizer.encode_batch([f"a{text}b" for text in names])
    made = [text for text, ids in zip(names, asked, strict=True) if special[text] in ids]
    missed: list[str] = []
    encodes = True
    try:
        allowed = tokenizer.encode_batch(names, allowed_special="all")
        missed = [text for text, ids in zip(names, allowed, strict=True) if ids.tolist() != [special[text]]]
    except TokbenchError:
        # SentencePiece makes control tokens from no text at all.
        encodes = False
    made = [text for text in made if special[text] != tokenizer.unk_id]
    details = {"out_of_range": wrong, "doubled": doubled, "made": made[:8], "missed": missed[:8]}
    if wrong or doubled or made:
        message = f"{len(wrong)} ids out of range, {doubled} ids doubled, {len(made)} made from text unasked"
        return Verdict("fail", message, details)
    if missed:
        return Verdict("warn", f"{len(missed)} of {len(special)} are not made even where allowed", details)
    how = "made only where allowed" if encodes else "never made from text"
    return Verdict("pass", f"{len(special)} special tokens, {how}", details)


def contiguous(tokenizer: Tokenizer) -> Verdict:
    """C14: every id from 0 to the highest has a token."""
    holes = sorted(set(range(tokenizer.vocab.n_ids)) - set(tokenizer.vocab))
    if holes:
        message = f"{len(holes)} ids below {tokenizer.vocab.n_ids} have no token (first: {holes[0]})"
        return Verdict("warn", message, {"holes": holes[:16]})
    return Verdict("pass", f"ids 0 to {tokenizer.vocab.n_ids - 1} without a hole")


def long_tokens(tokenizer: Tokenizer) -> Verdict:
    """C15: warns of tokens above 64 characters, whatever they are."""
    found = sorted(
        ((len(text), token_id) for token_id, text in _texts(tokenizer) if len(text) > LONGEST), reverse=True
    )
    if not found:
        return Verdict("pass", f"no token above {LONGEST} characters")
    blank = sum(not tokenizer.token_bytes(token_id).strip() for _, token_id in found)
    message = (
        f"{len(found)} tokens above {LONGEST} characters ({blank} of white space), the longest {found[0][0]}"
    )
    shown = {
        token_id: tokenizer.token_bytes(token_id)[:40].decode("utf-8", "replace") for _, token_id in found[:8]
    }
    return Verdict("warn", message, {"tokens": shown, "count": len(found)})


def reachable(tokenizer: Tokenizer) -> Verdict:
    """C16: a witness for every ordinary token; fails when more than 1 % are proved unreachable.

    Fallback tokens of bytes whose characters have tokens, and bytes that no text has, are how such vocabularies are
    built: counted, not held against it.
    """
    found = reachability(tokenizer)
    counts, proofs = found.counts(), found.proofs()
    ordinary = sum(counts.values()) - counts["special"] - counts["hole"]
    dead = counts["unreachable"] - proofs.get("fallback", 0) - proofs.get("utf8", 0)
    unverified = counts["unverified"]
    listed = [
        (tokenizer.token_bytes(i).decode("utf-8", "replace"), found.reasons[i])
        for i in found.ids("unreachable")
        if found.reasons[i] not in ("fallback", "utf8")
    ]
    message = f"{counts['reachable']} of {ordinary} have a witness"
    parts = [f"{n} {proof}" for proof, n in proofs.items()]
    message += f"; proved unreachable: {', '.join(parts)}" if parts else ""
    message += f"; {counts['bytes_only']} only from bytes that are no text" if counts["bytes_only"] else ""
    message += f"; {unverified} neither" if unverified else ""
    details = {**counts, "proofs": proofs, "examples": listed[:8], "open": found.ids("unverified")[:16]}
    status: Status = "pass"
    if dead > DEAD * ordinary:
        status = "fail"
    elif dead:
        status = "warn"
    elif unverified:
        status = "unverifiable"
    return Verdict(status, message, details)


def byte_alphabet(tokenizer: Tokenizer) -> Verdict:
    """C17: a vocabulary over bytes, or with byte fallback, has all 256."""
    special = set(tokenizer.special_tokens.values())
    single = np.zeros(256, bool)
    for token_id in tokenizer.vocab:
        token = tokenizer.token_bytes(token_id)
        if len(token) == 1 and token_id not in special:
            single[token[0]] = True
    if single[0x80:].sum() < 64 and not (
        isinstance(tokenizer, BpeTokenizer) and tokenizer.model.unit == "byte"
    ):
        return Verdict("not_applicable", "the vocabulary is one of characters, not of bytes")
    missing = np.flatnonzero(~single).tolist()
    if not missing:
        return Verdict("pass", "all 256 bytes have a token")
    shown = [f"0x{byte:02x}" for byte in missing[:16]]
    impossible = {0xC0, 0xC1, *range(0xF5, 0x100)}
    if set(missing) <= impossible:
        message = f"{len(missing)} bytes without a token, none of them in well-formed UTF-8"
        return Verdict("warn", message, {"missing": shown})
    return Verdict("fail", f"{len(missing)} of 256 bytes have no token", {"missing": shown})
