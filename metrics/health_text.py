"""Health checks that encode and decode text: C1, C3 to C6, C8, C10 to C13."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TokbenchError
from tokbench.metrics.comparison import SPACE
from tokbench.metrics.contexts import completions
from tokbench.metrics.declared import Declared, declared
from tokbench.metrics.health import Verdict
from tokbench.metrics.health_probes import (
    ASCII,
    EMOJI_AND_CONTROL,
    MORE_WHITE_SPACE,
    NUMBERS,
    PROBES,
    SCRIPTS,
    SENTENCES,
    WHITE_SPACE,
)
from tokbench.metrics.numbers import LABELS, direction_label
from tokbench.reference.digits import cut_digits
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokbench.metrics.health import Status
    from tokbench.tokenizer import Tokenizer

FINE = ("clean", "lossy_expected", "normalization_loss", "casing_loss_expected")
BUGS = ("unk_loss", "byte_bug", "casing_loss_bug", "merge_or_decode_bug")
UNVERIFIABLE = "lossy_unverifiable"
"""What a round trip can come to: nothing lost that is not declared; a defect; a loss that cannot be judged."""


def back_of(tokenizer: Tokenizer, text: str) -> tuple[str | None, bool]:
    """Return what a text decodes to (None where encoding or decoding fails), and whether a token was unknown."""
    try:
        ids = tokenizer.encode(text)
        unknown = tokenizer.unk_id is not None and tokenizer.unk_id in ids
        return tokenizer.decode(ids).decode("utf-8", "replace"), bool(unknown)
    except TokbenchError:
        return None, False


def outcome(text: str, back: str | None, *, unknown: bool, said: Declared) -> str:
    """Name the root cause of what came back: one of `FINE`, `BUGS` or `UNVERIFIABLE`.

    Example:
        >>> outcome("Ab", "ab", unknown=False, said=Declared()), outcome("a", "a", unknown=False, said=Declared())
        ('casing_loss_bug', 'clean')
    """
    if back == text:
        return "clean"
    if unknown:
        return "unk_loss"
    if back is None:
        return "merge_or_decode_bug"
    expected = said.normalize(text) if said.normalize is not None else text
    lowered = "casing_loss_expected" if said.folds_case and text != text.lower() else "normalization_loss"
    # A decoder takes one space off where the tokenizer puts one before the text.
    unprefixed = (
        [each.removeprefix(" ") for each in (back, expected)] if said.adds_prefix else [back, expected]
    )
    if unprefixed[0] == unprefixed[1]:
        return lowered if expected.removeprefix(" ") != text.removeprefix(" ") else "lossy_expected"
    if "\ufffd" in back and "\ufffd" not in text:
        return "byte_bug"
    if said.loses_spaces and SPACE.sub("", back) == SPACE.sub("", expected):
        return lowered if said.folds_case and text != text.lower() else "lossy_expected"
    if not said.folds_case and back.casefold() == text.casefold():
        return "casing_loss_bug"
    return UNVERIFIABLE if said.opaque else "merge_or_decode_bug"


def outcomes(tokenizer: Tokenizer, texts: Iterable[str]) -> dict[str, str]:
    """Return the outcome of every text."""
    said = declared(tokenizer)
    found = {}
    for text in texts:
        back, unknown = back_of(tokenizer, text)
        found[text] = outcome(text, back, unknown=unknown, said=said)
    return found


def bytes_come_back(tokenizer: Tokenizer) -> Verdict:
    """C1: each of the 256 bytes, alone or in a character, decodes to itself."""
    wrong = []
    if isinstance(tokenizer, BpeTokenizer) and tokenizer.lossless and not tokenizer.vocab.partial:
        tried = 256
        for byte in range(256):
            data = bytes([byte])
            try:
                same = tokenizer.decode(tokenizer.encode(data)) == data
            except TokbenchError:
                same = False
            if not same:
                wrong.append(byte)
        what = "bytes alone"
    else:
        if not _spells_bytes(tokenizer):
            return Verdict("not_applicable", "the vocabulary has no tokens for bytes")
        tried = 0
        said = declared(tokenizer)
        for byte in range(0x21, 0xF5):
            texts = [each.decode() for each in completions(bytes([byte]), 3)]
            # Characters that the normalizer changes say nothing about bytes.
            kept = [each for each in texts if said.normalize is None or each in said.normalize(f"a{each}b")]
            if not kept:
                continue
            tried += 1
            backs = [back_of(tokenizer, f"a{each}b")[0] for each in kept]
            if backs != [f"a{each}b" for each in kept]:
                wrong.append(byte)
        what = "bytes inside of characters"
    listed = [f"0x{byte:02x}" for byte in wrong[:16]]
    if wrong:
        return Verdict("fail", f"{len(wrong)} of {tried} {what} do not come back", {"bytes": listed})
    return Verdict("pass", f"{tried} {what} come back", {"tried": tried})


def _spells_bytes(tokenizer: Tokenizer) -> bool:
    """Whether there are tokens for bytes that are no character: told from the tokens' bytes, not from markers."""
    if tokenizer.vocab.byte_fallback is not None:
        return True
    single = {tokenizer.token_bytes(i) for i in tokenizer.vocab if len(tokenizer.token_bytes(i)) == 1}
    return sum(each[0] >= 0x80 for each in single) >= 64


def round_trip(tokenizer: Tokenizer) -> Verdict:
    """C3: 78 probes, each outcome by its root cause; fails from 1 % of defects or one in ASCII."""
    found = outcomes(tokenizer, PROBES)
    counts = Counter(found.values())
    bugs = {text: cause for text, cause in found.items() if cause in BUGS}
    in_ascii = [text for text in bugs if text in ASCII]
    details = {
        "outcomes": {name: counts[name] for name in (*FINE, *BUGS, UNVERIFIABLE) if counts[name]},
        "defects": {repr(text): cause for text, cause in list(bugs.items())[:8]},
    }
    said = ", ".join(f"{counts[name]} {name}" for name in (*FINE, *BUGS, UNVERIFIABLE) if counts[name])
    status: Status = "pass"
    if in_ascii or len(bugs) >= 0.01 * len(PROBES):
        status = "fail"
    elif counts[UNVERIFIABLE]:
        status = "unverifiable"
    return Verdict(status, f"of {len(PROBES)} probes {said}", details)


def normalizer_applied(tokenizer: Tokenizer) -> Verdict:
    """C4: text and its normalized form encode alike."""
    said = declared(tokenizer)
    if said.opaque:
        return Verdict("unverifiable", "what the tokenizer normalizes cannot be read")
    if said.normalize is None:
        return Verdict("not_applicable", "no normalizer is declared")
    changed, wrong = 0, []
    for text in PROBES:
        normal = said.normalize(text)
        if said.adds_prefix:
            normal = normal.removeprefix(" ")
        if normal == text:
            continue
        changed += 1
        try:
            if not np.array_equal(tokenizer.encode(text), tokenizer.encode(normal)):
                wrong.append(text)
        except TokbenchError:
            wrong.append(text)
    if changed == 0:
        return Verdict("not_applicable", f"{said.name}: changes none of the probes")
    if wrong:
        message = f"{said.name}: {len(wrong)} of {changed} probes encode unlike their normalized form"
        return Verdict("fail", message, {"probes": [repr(text) for text in wrong[:8]]})
    return Verdict("pass", f"{said.name}: {changed} probes that it changes encode like their normalized form")


def white_space_comes_back(tokenizer: Tokenizer) -> Verdict:
    """C5: runs of spaces, tabs, line feeds, at the start, inside and at the end."""
    texts = (*WHITE_SPACE, *MORE_WHITE_SPACE)
    found = outcomes(tokenizer, texts)
    lost = [text for text, cause in found.items() if cause != "clean"]
    bugs = [text for text in lost if found[text] in BUGS]
    shown = {"lost": [repr(text) for text in (bugs or lost)[:8]]}
    if bugs:
        return Verdict(
            "fail", f"{len(bugs)} of {len(texts)} texts lose white space that nothing declares", shown
        )
    if any(found[text] == UNVERIFIABLE for text in lost):
        return Verdict("unverifiable", f"{len(lost)} of {len(texts)} texts change, declared or not", shown)
    if lost:
        return Verdict("warn", f"{len(lost)} of {len(texts)} texts lose white space, as declared", shown)
    return Verdict("pass", f"all {len(texts)} texts come back")


def digits_regular(tokenizer: Tokenizer) -> Verdict:
    """C6: numbers of one length are cut alike: 1 - H/log2(patterns), mean over lengths, at least 0.99."""
    patterns: dict[int, Counter[frozenset[int]]] = {}
    labels: Counter[str] = Counter()
    for number in NUMBERS:
        _, spans = tokenizer.encode_with_offsets(number)
        cuts = sorted({int(edge) for edge in spans.ravel() if 0 < edge < len(number)})
        _, label, places = cut_digits(number, cuts)
        labels[label] += 1
        if len(number) > 1:
            patterns.setdefault(len(number), Counter())[places or frozenset()] += 1
    scores = []
    for found in patterns.values():
        n = found.total()
        bits = -sum(count / n * math.log2(count / n) for count in found.values())
        scores.append(1.0 if len(found) == 1 else 1 - bits / math.log2(len(found)))
    score = sum(scores) / len(scores)
    direction = direction_label(np.array([labels[label] for label in LABELS], np.int64))
    details = {"regularity": score, "direction": direction, "labels": dict(labels)}
    status: Status = "pass" if score >= 0.99 else "warn"
    return Verdict(status, f"regularity {score:.3f}, direction {direction}", details)


def deterministic(tokenizer: Tokenizer) -> Verdict:
    """C8: the same ids again, and the same in a batch."""
    single = [tokenizer.encode(text) for text in PROBES]
    again = [tokenizer.encode(text) for text in PROBES]
    batch = list(tokenizer.encode_batch(PROBES))
    changing = sum(not np.array_equal(a, b) for a, b in zip(single, again, strict=True))
    unlike = sum(not np.array_equal(a, b) for a, b in zip(single, batch, strict=True))
    if changing:
        return Verdict("fail", f"{changing} of {len(PROBES)} probes encode otherwise the second time")
    if unlike:
        return Verdict("fail", f"{unlike} of {len(PROBES)} probes encode otherwise in a batch")
    return Verdict("pass", f"{len(PROBES)} probes: twice the same, and the same in a batch")


def characters_kept(tokenizer: Tokenizer) -> Verdict:
    """C10: the spans of the tokens cover every character but white space of normalized text, at least 0.999."""
    said = declared(tokenizer)
    total = covered = 0
    worst: dict[str, int] = {}
    for given in (*ASCII, *SCRIPTS, *SENTENCES.values()):
        # What the normalizer takes away is no loss of the pre-tokenizer.
        text = given if said.normalize is None else said.normalize(given).strip()
        data = text.encode()
        _, spans = tokenizer.encode_with_offsets(text)
        seen = np.zeros(len(data) + 1, np.int64)
        for start, end in spans.tolist():
            seen[start] += 1
            seen[end] -= 1
        held = np.cumsum(seen) > 0
        at = lost = 0
        for character in text:
            if not character.isspace():
                total += 1
                covered += bool(held[at])
                lost += not held[at]
            at += len(character.encode())
        if lost:
            worst[text] = lost
    share = covered / total
    details = {"share": share, "lost": {repr(text): n for text, n in list(worst.items())[:8]}}
    status: Status = "pass" if share >= 0.999 else "fail"
    return Verdict(status, f"tokens cover {share:.4%} of {total} characters that are no white space", details)


def normal_forms(tokenizer: Tokenizer) -> Verdict:
    """C11: composed and decomposed spellings of one text."""
    texts = [
        text for text in SCRIPTS if unicodedata.normalize("NFC", text) != unicodedata.normalize("NFD", text)
    ]
    alike, lost = 0, []
    for text in texts:
        composed, apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
        if np.array_equal(tokenizer.encode(composed), tokenizer.encode(apart)):
            alike += 1
            continue
        backs = [back_of(tokenizer, each)[0] for each in (composed, apart)]
        same = [
            back is not None and SPACE.sub("", back).casefold() == SPACE.sub("", given).casefold()
            for back, given in zip(backs, (composed, apart), strict=True)
        ]
        if not all(same):
            lost.append(text)
    details = {"alike": alike, "texts": len(texts), "lost": [repr(text) for text in lost[:8]]}
    if lost:
        return Verdict("fail", f"{len(lost)} of {len(texts)} texts do not come back in both forms", details)
    if alike < len(texts):
        message = (
            f"{len(texts) - alike} of {len(texts)} texts have other ids decomposed; both forms come back"
        )
        return Verdict("warn", message, details)
    return Verdict("pass", f"composed and decomposed forms of {len(texts)} texts have the same ids", details)


def emoji_and_control(tokenizer: Tokenizer) -> Verdict:
    """C12: emoji sequences, letters beyond the basic plane, zero-width and control characters."""
    found = outcomes(tokenizer, EMOJI_AND_CONTROL)
    bugs = {repr(text): cause for text, cause in found.items() if cause in BUGS}
    lossy = [repr(text) for text, cause in found.items() if cause not in (*BUGS, "clean")]
    n = len(EMOJI_AND_CONTROL)
    if bugs:
        return Verdict("fail", f"{len(bugs)} of {n} do not come back", {"defects": bugs})
    if UNVERIFIABLE in found.values():
        return Verdict("unverifiable", f"{len(lossy)} of {n} change, declared or not", {"changed": lossy})
    if lossy:
        return Verdict("warn", f"{len(lossy)} of {n} change, as declared", {"changed": lossy})
    return Verdict("pass", f"all {n} come back")


def unknown_by_script(tokenizer: Tokenizer) -> Verdict:
    """C13: share of unknown tokens in a sentence of each script; warns above 0.01."""
    if tokenizer.unk_id is None:
        return Verdict("not_applicable", "the tokenizer declares no unknown token")
    rates = {}
    for script, sentence in SENTENCES.items():
        ids = tokenizer.encode(sentence)
        rates[script] = float((ids == tokenizer.unk_id).mean()) if len(ids) else 0.0
    high = {script: rate for script, rate in rates.items() if rate > 0.01}
    if high:
        listed = ", ".join(
            f"{script} {rate:.0%}" for script, rate in sorted(high.items(), key=lambda item: -item[1])[:6]
        )
        return Verdict(
            "warn",
            f"unknown tokens above 1 % in {len(high)} of {len(rates)} scripts: {listed}",
            {"rates": rates},
        )
    return Verdict("pass", f"no unknown tokens above 1 % in {len(rates)} scripts", {"rates": rates})
