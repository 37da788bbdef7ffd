"""The sixteen health checks: on tokenizers made to pass and to fail each, and on real ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tokbench as tb
from tokbench.bpe import AddedToken, BpeModel
from tokbench.errors import MetricError
from tokbench.merges import Merges
from tokbench.metrics import health_text
from tokbench.metrics.declared import Declared
from tokbench.metrics.health import Finding, Health, checks, health
from tokbench.metrics.health_probes import PROBES
from tokbench.metrics.health_text import outcome
from tokbench.metrics.reachability import reachability
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BYTES = [bytes([byte]) for byte in range(256)]


def bytes_only(*extra: bytes, special: dict[str, int] | None = None, **options: Any) -> BpeTokenizer:
    vocab = Vocab([*BYTES, *extra], special=special or {})
    none = np.zeros(0, np.uint32)
    return BpeTokenizer(BpeModel(vocab, Merges(none, none, none), "none", **options), name="bytes")


class Spoiled(BpeTokenizer):
    """A tokenizer whose decoder swaps letters, or whose encoder changes its mind."""

    def __init__(self, *, swap: tuple[bytes, bytes] | None = None, moody: bool = False) -> None:
        super().__init__(bytes_only().model, name="spoiled")
        self._swap, self._moody, self._turn = swap, moody, 0

    def decode(self, ids: Any) -> bytes:
        data = super().decode(ids)
        return data if self._swap is None else data.replace(*self._swap)

    def encode(self, text: str | bytes, *, allowed_special: Any = ()) -> NDArray[np.uint32]:
        self._turn += 1
        ids = super().encode(text, allowed_special=allowed_special)
        return ids[::-1] if self._moody and self._turn % 2 else ids


def test_there_are_sixteen_checks_and_78_probes() -> None:
    assert list(checks()) == [f"C{n}" for n in range(1, 18) if n != 9]
    assert len(PROBES) == len(set(PROBES)) == 78


def test_a_sound_tokenizer() -> None:
    report = health(bytes_only(special={"<end>": 256}))
    found = {finding.check: finding.status for finding in report.findings}
    assert found == {
        "C1": "pass", "C2": "pass", "C3": "pass", "C4": "not_applicable", "C5": "pass", "C6": "pass", "C7": "pass",
        "C8": "pass", "C10": "pass", "C11": "warn", "C12": "pass", "C13": "not_applicable", "C14": "pass",
        "C15": "pass", "C16": "pass", "C17": "pass",
    }  # fmt: skip
    assert report.exit_code == 1
    assert health(bytes_only(), only=["c1", "C17"]).exit_code == 0
    assert json.loads(report.to_json())["exit_code"] == 1
    with pytest.raises(MetricError, match="no health check 'C9'"):
        health(bytes_only(), only=["C9"])
    with pytest.raises(MetricError, match="was not run"):
        health(bytes_only(), only=["C1"]).status("C2")


@pytest.mark.parametrize(
    ("check", "tokenizer", "status"),
    [
        ("C1", Spoiled(swap=(b"\x00", b"\x01")), "fail"),
        ("C2", bytes_only("\u0301".encode()), "pass"),
        ("C2", bytes_only("\u0301\u0302".encode()), "warn"),
        ("C2", bytes_only(*("\u0301".encode() + bytes([byte]) for byte in b"abc")), "fail"),
        ("C2", bytes_only("\u0301a".encode()), "warn"),
        ("C3", Spoiled(swap=(b"q", b"p")), "fail"),
        ("C5", Spoiled(swap=(b"  ", b" ")), "fail"),
        ("C8", Spoiled(moody=True), "fail"),
        ("C12", Spoiled(swap=(b"\x07", b"")), "fail"),
        ("C14", bytes_only(special={"<end>": 300}), "warn"),
        ("C15", bytes_only(b"x" * 65), "warn"),
        ("C16", bytes_only(b"xy"), "warn"),
        ("C16", bytes_only(*(b"xy" * n for n in range(1, 9))), "fail"),
    ],
)  # fmt: skip
def test_a_defect_is_seen(check: str, tokenizer: Tokenizer, status: str) -> None:
    assert health(tokenizer, only=[check]).status(check) == status


def test_the_literal_verdict_on_marks_is_told() -> None:
    (finding,) = health(bytes_only("\u0301".encode()), only=["C2"]).findings
    assert (finding.status, finding.details["literal"], finding.details["pure"]) == ("pass", "fail", 1)


def test_a_special_token_made_unasked_fails() -> None:
    vocab = Vocab(BYTES, special={"<end>": 256})
    none = np.zeros(0, np.uint32)
    made = BpeModel(vocab, Merges(none, none, none), "none", added=(AddedToken("<end>", 256, special=True),))
    assert health(BpeTokenizer(made, name="sound"), only=["C7"]).status("C7") == "pass"


def test_a_normalizer_is_a_declaration() -> None:
    report = health(bytes_only(normalizer="nfkc"))
    assert report.status("C3") == "pass"
    assert report.status("C4") == "pass"
    assert report.status("C11") == "pass"
    assert report.status("C12") == "warn"


@pytest.mark.parametrize(
    ("text", "back", "unknown", "said", "expected"),
    [
        ("a", "a", False, Declared(), "clean"),
        ("a", "[UNK]", True, Declared(), "unk_loss"),
        ("a", None, False, Declared(), "merge_or_decode_bug"),
        ("é", "e", False, Declared(normalize=lambda text: text.replace("é", "e")), "normalization_loss"),
        ("A", "a", False, Declared(normalize=str.lower, folds_case=True), "casing_loss_expected"),
        ("A", "a", False, Declared(), "casing_loss_bug"),
        ("é", "\ufffd\ufffd", False, Declared(), "byte_bug"),
        (" a", "a", False, Declared(adds_prefix=True), "lossy_expected"),
        ("a  b", "a b", False, Declared(loses_spaces=True), "lossy_expected"),
        ("a  b", "a b", False, Declared(), "merge_or_decode_bug"),
        ("ab", "ba", False, Declared(opaque=True), "lossy_unverifiable"),
    ],
)
def test_root_causes(text: str, back: str | None, unknown: bool, said: Declared, expected: str) -> None:
    assert outcome(text, back, unknown=unknown, said=said) == expected
    assert expected in (*health_text.FINE, *health_text.BUGS, health_text.UNVERIFIABLE)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (("pass",), 0),
        (("not_applicable",), 0),
        (("warn", "pass"), 1),
        (("fail", "warn"), 2),
        (("unverifiable",), 3),
    ],
)
def test_exit_codes(statuses: tuple[Any, ...], code: int) -> None:
    findings = tuple(Finding("C1", "", status, "", {}) for status in statuses)
    assert Health("t", "f", findings).exit_code == code


def test_reachable_share_is_a_metric() -> None:
    corpus = tb.Corpus.from_texts({"eng": ["a"]})
    assert tb.evaluate(bytes_only(), corpus, metrics="reachable_share").value(
        "reachable_share"
    ) == pytest.approx(243 / 256)


# -- real tokenizers -----------------------------------------------------------------------------------------------

REAL = {
    "openai/gpt2.tiktoken": {"reachable": 50243, "bytes_only": 13, "unreachable": 0, "unverified": 0},
    # Land and Bartolo's way counts 198 and 23 unreachable tokens of Pythia: each is proved here.
    "rwkv/20B_tokenizer.json": {"reachable": 50053, "bytes_only": 1, "unreachable": 221, "unverified": 0},
    # 96 ASCII fallback bytes, 13 bytes that UTF-8 never has, one token that its own merges overtake.
    "llama/llama2_wordllama_tokenizer.json": {"reachable": 31887, "unreachable": 110, "unverified": 0},
    "llama/llama2_tokenizer.model": {"reachable": 31887, "unreachable": 110, "unverified": 0},
    "minilm/tokenizer.json": {"reachable": 29186, "unreachable": 1331, "unverified": 0},
    "sentencepiece_tests/kyoto_ja_unigram_8000.model": {"reachable": 7996, "unreachable": 1, "unverified": 0},
}


@pytest.mark.shared
@pytest.mark.parametrize("path", REAL)
def test_reachability_of_real_tokenizers(shared: Path, path: str) -> None:
    tokenizer = Tokenizer.load(shared / "data" / "tokenizers" / path)
    found = reachability(tokenizer)
    assert {name: found.counts()[name] for name in REAL[path]} == REAL[path]
    for token_id in found.ids("reachable")[:: max(len(found.ids("reachable")) // 200, 1)]:
        witness = found.witness(token_id)
        assert witness is not None
        assert token_id in tokenizer.encode(witness)


@pytest.mark.shared
def test_the_prepended_space_is_no_defect(shared: Path) -> None:
    report = health(
        Tokenizer.load(shared / "data/tokenizers/llama/llama2_wordllama_tokenizer.json"),
        only=["C3", "C5", "C16"],
    )
    assert [finding.status for finding in report.findings] == ["pass", "pass", "warn"]


@pytest.mark.shared
def test_verdicts_on_word_pieces(shared: Path) -> None:
    report = health(Tokenizer.load(shared / "data" / "tokenizers" / "minilm" / "tokenizer.json"))
    found = {finding.check: finding.status for finding in report.findings}
    assert (found["C4"], found["C5"], found["C10"], found["C11"]) == ("pass", "warn", "pass", "pass")
    assert (found["C3"], found["C13"], found["C16"]) == ("fail", "warn", "fail")
    assert found["C1"] == found["C17"] == "not_applicable"
