"""Encodings of the reference implementations on the generated corpus."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from tokbench.bpe import EMPTY_MERGES, BpeModel
from tokbench.formats.byte_map import raw
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = ("lat", "agg", "cyr", "han", "dev")
pytestmark = pytest.mark.shared


def boundless(path: Path) -> BpeModel:
    """Read a reference model: vocabulary, word merges, super-merges."""
    lines = path.read_text("utf-8").split("\n")
    at = lines.index("vocabulary") + 1
    tokens: dict[int, bytes] = {}
    for line in lines[at + 1 : at + 1 + int(lines[at])]:
        token_id, text = line.split(" ")[:2]
        tokens[int(token_id)] = raw(text) or b""
    ids = {token: i for i, token in tokens.items()}

    def merges(section: str) -> list[tuple[int, int, int]]:
        if section not in lines:
            return []
        start = lines.index(section) + 2
        assert lines[start] == "merges"
        rows = [line.split(" ") for line in lines[start + 2 : start + 2 + int(lines[start + 1])]]
        pairs = [(raw(row[1]) or b"", raw(row[2]) or b"") for row in rows]
        return [(ids[left], ids[right], ids[left + right]) for left, right in pairs]

    pattern = json.loads(lines[lines.index("words") + 1])["main_regex"]
    return BpeModel(
        Vocab(tokens, partial=True),
        Operations(("merge", *step) for step in merges("words")),
        f"regex:{pattern}",
        method="replay",
        supers=Merges.from_steps(merges("superwords")),
    )


@pytest.mark.parametrize("name", ["word", "boundless"])
def test_boundless(shared: Path, name: str) -> None:
    folder = shared / "golden" / "bpe"
    tokenizer = BpeTokenizer(boundless(folder / f"{name}.model"), name=name)
    expected = json.loads(gzip.decompress((folder / f"{name}.dev_ids.json.gz").read_bytes()))
    for language in LANGUAGES:
        lines = (folder / f"dev.{language}.txt").read_text("utf-8").split("\n")[:400]
        assert [row.tolist() for row in tokenizer.encode_batch(lines)] == expected[language], language


@pytest.mark.parametrize("language", ["agg", "han"])
def test_pathpiece(shared: Path, language: str) -> None:
    folder = shared / "golden" / "bpe"
    tokens = [bytes.fromhex(line) for line in (folder / "pathpiece_vocab.hex").read_text().split()]
    tokenizer = BpeTokenizer(
        BpeModel(Vocab(tokens), EMPTY_MERGES, "none", method="fewest", width=16), name="p"
    )
    lines = (folder / f"dev.{language}.txt").read_text("utf-8").split("\n")[:400]
    expected = [
        list(map(int, line.split()))
        for line in (folder / f"pathpiece_opt.{language}.ids").read_text().split("\n")[:400]
    ]
    assert [row.tolist() for row in tokenizer.encode_batch(lines)] == expected


def test_scaffold(shared: Path) -> None:
    document = json.loads((shared / "golden" / "bpe" / "scaffold4000.json").read_text())
    tokens = [bytes([byte]) for byte in range(256)]
    ids = {token: i for i, token in enumerate(tokens)}
    steps = []
    for left, right in document["merges"]:
        a, b = bytes.fromhex(left), bytes.fromhex(right)
        ids[a + b] = len(tokens)
        tokens.append(a + b)
        steps.append((ids[a], ids[b], ids[a + b]))
    scaffold = tuple(ids[bytes.fromhex(token)] for token in document["scaffold"])
    visible = Vocab({i: token for i, token in enumerate(tokens) if i not in set(scaffold)})
    assert len(visible) == 4000
    merges = Merges.from_steps(steps)
    tokenizer = BpeTokenizer(BpeModel(visible, merges, "cl100k", scaffold=scaffold), name="scaffold")
    plain = BpeTokenizer(BpeModel(Vocab(tokens), merges, "cl100k"), name="all")
    parts: dict[int, list[int]] = {}
    for left, right, result in steps:
        sides = [parts.get(side, [side]) for side in (left, right)]
        parts[result] = sides[0] + sides[1] if result in scaffold else [result]
    for language in LANGUAGES:
        text = (shared / "golden" / "bpe" / f"dev.{language}.txt").read_bytes()
        expected = [part for token in plain.encode(text).tolist() for part in parts.get(token, [token])]
        assert tokenizer.encode(text).tolist() == expected
