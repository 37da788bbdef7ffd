"""Files: what is written is read back equal, and what is wrong is named."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.bpe import AddedToken, BpeModel, RankedPairs, Training, merges_of_ranks
from tokbench.errors import NotRepresentableError, PretokenizeError, VocabError
from tokbench.formats.byte_map import printable, raw
from tokbench.formats.files import write_whole
from tokbench.formats.hf_split import read_split, write_split
from tokbench.formats.probe import PROBES
from tokbench.formats.tokbench_json import text_token, token_text
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

BYTES = [bytes([byte]) for byte in range(256)]


def small(**settings: object) -> BpeTokenizer:
    vocab = Vocab([*BYTES, b"th", b"the", "é".encode(), b"\\x"], special={"<end>": 300, "<|ü|>": 301})
    steps = [(116, 104, 256), (256, 101, 257), (0xC3, 0xA9, 258), (92, 120, 259)]
    model = BpeModel(vocab, Merges.from_steps(steps), "cl100k", **settings)  # type: ignore[arg-type]  # keywords vary
    return BpeTokenizer(model, name="small", training=Training({"vocab_size": 260}))


def same(one: Tokenizer, other: Tokenizer) -> bool:
    texts: list[str | bytes] = [*PROBES, "the<end>é<|ü|>", b"\xff\x00\\x\\\\"]
    return all(
        np.array_equal(one.encode(text), other.encode(text))
        and np.array_equal(one.encode(text, allowed_special="all"), other.encode(text, allowed_special="all"))
        for text in texts
    )


@given(st.binary() | st.text("\\x0fé中").map(str.encode))
def test_token_text_is_lossless(token: bytes) -> None:
    assert text_token(token_text(token)) == token
    json.loads(json.dumps(token_text(token)))


@pytest.mark.parametrize("text", ["\\", "\\y", "a\\x0", "\\xGG"])
def test_token_text_refuses_half_escapes(text: str) -> None:
    with pytest.raises(ValueError, match="backslash"):
        text_token(text)


@given(st.binary())
def test_byte_map_is_a_bijection(data: bytes) -> None:
    assert raw(printable(data)) == data


def test_own_format_round_trip(tmp_path: Path) -> None:
    added = (
        AddedToken("<end>", 300, lstrip=True),
        AddedToken("<|ü|>", 301, special=False, normalized=True, rstrip=True),
    )
    for tokenizer in (small(), small(whole_words=True, normalizer="nfkc", prefix_space=True, added=added)):
        path = tmp_path / "a.tokbench.json"
        tokenizer.save(path)
        again = Tokenizer.load(path)
        assert isinstance(again, BpeTokenizer)
        assert again.fingerprint == tokenizer.fingerprint
        assert again.model == tokenizer.model
        assert again.name == "small"
        assert again.training is not None
        assert again.training.settings == {"vocab_size": 260}
        assert same(again, tokenizer)
    tokenizer.save(tmp_path / "folder")
    assert Tokenizer.load(tmp_path / "folder").fingerprint == tokenizer.fingerprint
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["tokenizer.tokbench.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "version 3"),
        ({"operations": [["delete", 3]]}, r"operations\[0\]"),
        ({"operations": [["delete", 256, 116, 104]]}, r"operations\[0\].*no merge has made"),
        ({"operations": [["merge", 97, 98, 999]]}, r"operations\[0\].*id 999"),
        ({"operations": [["scaffold", 256]]}, "scaffold.*256"),
        ({"method": "shortest"}, "shortest"),
        ({"method": "unigram"}, "scores"),
        ({"operations": [["merge", 97, 98, 256]]}, r"operations\[0\].*makes"),
        ({"tokens": [[0, "\\"]]}, "backslash"),
        ({"tokens": None}, "a.tokbench.json"),
        ({"pretokenizer": "cl200k"}, "cl200k"),
    ],
)
def test_own_format_names_what_is_wrong(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "a.tokbench.json"
    small().save(path)
    document = json.loads(path.read_text("utf-8")) | change
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises((VocabError, PretokenizeError), match=message):
        Tokenizer.load(path)


def test_own_format_missing_entry(tmp_path: Path) -> None:
    path = tmp_path / "a.tokbench.json"
    small().save(path)
    document = json.loads(path.read_text("utf-8"))
    del document["unit"]
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(VocabError, match="'unit' is missing"):
        Tokenizer.load(path)


def test_failed_writing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").write_text("x")
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def ranks(path: Path, tokens: list[bytes]) -> Path:
    lines = [base64.b64encode(token) + f" {rank}\n".encode() for rank, token in enumerate(tokens)]
    path.write_bytes(b"".join(lines))
    return path


def test_tiktoken_needs_a_pretokenizer(tmp_path: Path) -> None:
    path = ranks(tmp_path / "own.tiktoken", [*BYTES, b"ab"])
    with pytest.raises(VocabError, match="pretokenizer="):
        Tokenizer.load(path)
    tokenizer = Tokenizer.load(path, pretokenizer="gpt2", special_tokens={"<end>": 400})
    assert tokenizer.encode("ab<end>", allowed_special="all").tolist() == [256, 400]
    assert tokenizer.name == "own"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"YWI= 256 1", "line 257"),
        (b"!!! 256", "line 257"),
        (b"YWI= 3", "rank 3 is already"),
        (b"YWI=", "line 257"),
    ],
)
def test_tiktoken_names_the_bad_line(tmp_path: Path, line: bytes, message: str) -> None:
    path = ranks(tmp_path / "bad.tiktoken", BYTES)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(VocabError, match=message):
        Tokenizer.load(path, pretokenizer="gpt2")


def test_tiktoken_round_trip(tmp_path: Path) -> None:
    vocab = Vocab([*BYTES, b"th", b"the"], special={"<end>": 300})
    tokenizer = BpeTokenizer(BpeModel(vocab, merges_of_ranks(vocab), "cl100k"), name="plain")
    tokenizer.save(tmp_path / "plain.tiktoken")
    again = Tokenizer.load(tmp_path / "plain.tiktoken", pretokenizer="cl100k", special_tokens={"<end>": 300})
    assert same(again, tokenizer)


def test_tiktoken_refuses_other_ranks(tmp_path: Path) -> None:
    vocab = Vocab([*BYTES, b"bc", b"ab"])
    swapped = BpeModel(vocab, Merges([97, 98], [98, 99], [257, 256]), "none")
    unreachable = BpeModel(Vocab([*BYTES, b"xyz"]), Merges([], [], []), "none")
    normalized = BpeModel(vocab, merges_of_ranks(vocab), "none", normalizer="nfc")
    for model, reason in (
        (swapped, "merge 0"),
        (unreachable, "out of reach"),
        (normalized, "changes the text"),
    ):
        with pytest.raises(NotRepresentableError, match=reason):
            BpeTokenizer(model, name="x").save(tmp_path / "x.tiktoken")
    assert list(tmp_path.iterdir()) == []


def test_late_parts_are_kept_in_rank_order() -> None:
    vocab = Vocab([*BYTES, b"abc", b"ab"])
    merges = merges_of_ranks(vocab)
    assert isinstance(merges, RankedPairs)
    assert list(merges) == [(257, 99, 256), (97, 98, 257)]
    tokenizer = BpeTokenizer(BpeModel(vocab, merges, "none"), name="late")
    assert tokenizer.encode("abcab").tolist() == [256, 257]
    assert tokenizer.merges is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b'{"a": 1}', "'a'"),
        ("a.txt", b"hello\nworld\n", "no known tokenizer format"),
        ("a.model", b"", "no known tokenizer format"),
        ("a.txt.gz", b"\x1f\x8b\x00", "gzip"),
    ],
)
def test_unknown_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VocabError, match=message):
        Tokenizer.load(tmp_path / name)


def test_names_are_not_downloaded(tmp_path: Path) -> None:
    for name in ("gpt2", "cl100k_base", "o200k_base"):
        with pytest.raises(VocabError, match="nothing is downloaded"):
            Tokenizer.load(name)
    with pytest.raises(VocabError, match="no such file"):
        Tokenizer.load(tmp_path / "absent")
    with pytest.raises(VocabError, match="a directory without"):
        Tokenizer.load(tmp_path)


def test_tekken_shifts_and_truncates(tmp_path: Path) -> None:
    tokens = [*BYTES, b"ab", b"never used"]
    entries = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate(tokens)
    ]
    config = {"pattern": r"\p{N}", "default_vocab_size": 260, "default_num_special_tokens": 3}
    (tmp_path / "tekken.json").write_text(json.dumps({"config": config, "vocab": entries}))
    tokenizer = Tokenizer.load(tmp_path / "tekken.json")
    assert tokenizer.vocab_size == 260
    assert tokenizer.encode("ab").tolist() == [259]
    assert tokenizer.encode("<s>", allowed_special="all").tolist() == [1]
    entries[4]["rank"] = 9
    (tmp_path / "tekken.json").write_text(json.dumps({"config": config, "vocab": entries}))
    with pytest.raises(VocabError, match=r"vocab\[4\]"):
        Tokenizer.load(tmp_path / "tekken.json")


def test_rwkv_rows(tmp_path: Path) -> None:
    path = tmp_path / "world.txt"
    path.write_text("1 'a' 1\n2 'b' 1\n3 'ab' 2\n4 b'\\xff' 1\n", "utf-8")
    with pytest.raises(VocabError, match="bytes have no token"):
        Tokenizer.load(path)
    path.write_text("1 'a' 1\n2 'b' 5\n", "utf-8")
    with pytest.raises(VocabError, match="line 2"):
        Tokenizer.load(path)
    rows = "".join(f"{byte + 1} {bytes([byte])!r} 1\n" for byte in range(256)) + "257 'ab é' 5\n"
    path.write_text(rows, "utf-8")
    assert Tokenizer.load(path).encode("ab ab é").tolist() == [98, 99, 33, 257]


@pytest.mark.parametrize(
    "spec",
    [
        "gpt2",
        "cl100k",
        "o200k",
        "deepseek3",
        "seq(digits:3, gpt2)",
        "bert",
        "none",
        "digits",
        "lines",
        "regex:it's|a+",
        "seq(regex:'it''s, a', gpt2)",
    ],
)
def test_split_survives_the_way_there_and_back(spec: str) -> None:
    step = write_split(spec, byte_level=True, prefix_space=False)
    back = read_split(step)
    assert back.byte_level
    if spec == "lines":
        assert back.pretokenizer.startswith("regex:")
    else:
        assert back.pretokenizer == spec


@pytest.mark.parametrize("spec", ["script", "digits:r2l3", "seq(script, gpt2)"])
def test_splits_without_a_pattern_are_refused(spec: str) -> None:
    with pytest.raises(NotRepresentableError, match="no regular expression"):
        write_split(spec, byte_level=True, prefix_space=False)


@pytest.mark.parametrize(
    "pattern", [r"\w+", r"a$", r"^a", r"\p{N}{1,3}+", r"(?i:ss)", r"[a-z&&[^b]]", r"\bword"]
)
def test_patterns_of_another_dialect_are_refused(pattern: str) -> None:
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    with pytest.raises(NotRepresentableError, match="pattern"):
        read_split(step)


def hf_document(**changes: object) -> dict[str, object]:
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
    document = {"model": model, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False}}
    model.update(changes.pop("model", {}))  # type: ignore[call-overload]  # a test's own dictionary
    return document | changes


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (hf_document(model={"merges": ["a c"]}), r"model.merges\[0\]: 'c'"),
        (hf_document(model={"merges": ["a b c"]}), r"model.merges\[0\]: expected two"),
        (hf_document(model={"unk_token": "<unk>"}), "unk_token"),
        (hf_document(added_tokens=[{"id": 5, "content": "x"}, {"id": 6, "content": "x"}]), "listed twice"),
    ],
)
def test_hf_names_the_bad_entry(tmp_path: Path, document: dict[str, object], message: str) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    with pytest.raises(VocabError, match=message):
        Tokenizer.load(tmp_path / "tokenizer.json")
