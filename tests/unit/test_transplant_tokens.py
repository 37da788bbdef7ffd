"""Tokens as bytes across the conventions of vocabularies, special tokens by role, and what a match says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokbench as tb
from tokbench.errors import TransplantError
from tokbench.tokenizer import Tokenizer
from tokbench.transplant.config_files import IdMap, read_roles, remap
from tokbench.transplant.matching import MatchClass, match
from tokbench.transplant.methods.subword import spell_in
from tokbench.transplant.tokens import TokenKind, TokenTable

PLAIN = dict.fromkeys(("single_word", "lstrip", "rstrip"), False)


def write(path: Path, model: dict[str, Any], added: dict[str, int], **parts: Any) -> Tokenizer:
    """A tokenizer.json with these parts, read back."""
    entries = [
{"id": i, "content": text, "special": True, "normalized": False, **PLAIN}
        for text, i in added.items()
    ]  # fmt: skip
    document = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": entries, "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model, **parts,
    }  # fmt: skip
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return tb.load(path)


def sentencepiece_like(path: Path, *pieces: str) -> Tokenizer:
    """A vocabulary as converters of SentencePiece models write it: byte fallback, ▁ for a space."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *pieces]
    model = {
        "type": "BPE", "vocab": {name: i for i, name in enumerate(names)}, "merges": [], "unk_token": "<unk>",
        "fuse_unk": True, "byte_fallback": True,
    }  # fmt: skip
    replace = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    return write(
        path,
        model,
        {"<unk>": 0, "<s>": 1, "</s>": 2},
        normalizer={
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        decoder={"type": "Sequence", "decoders": [replace, {"type": "ByteFallback"}, {"type": "Fuse"}]},
    )


def byte_level(path: Path, *letters: str, special: tuple[str, ...] = ()) -> Tokenizer:
    """A byte-level vocabulary: the 256 letters, some tokens spelled in them, special tokens."""
    from tokbench.formats.byte_map import CHARACTERS

    names = [*CHARACTERS, *letters, *special]
    model = {"type": "BPE", "vocab": {name: i for i, name in enumerate(names)}, "merges": []}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = {text: len(names) - len(special) + i for i, text in enumerate(special)}
    return write(path, model, added, pre_tokenizer=level, decoder=level)


def old_texts(new: Tokenizer, old: Tokenizer, token: bytes) -> tuple[bytes | None, str]:
    """The bytes and kind of what a new token was matched with."""
    found = match(TokenTable.of(new), TokenTable.of(old))
    (new_id,) = [i for i, text in enumerate(found.new.texts) if text == token and found.new.kinds[i] < 3][:1]
    old_id = int(found.old_of[new_id])
    return (found.old.texts[old_id] if old_id >= 0 else None), MatchClass(
        int(found.classes[new_id])
    ).name.lower()


def test_a_character_is_not_the_letter_that_looks_like_it(tmp_path: Path) -> None:
    """A SentencePiece é is two bytes, the byte-level letter é is the byte 0xE9: strings agree, bytes do not."""
    new = sentencepiece_like(tmp_path / "new.json", "é", "▁the", "▁▁", "日本", "ab")
    old = byte_level(tmp_path / "old.json", "Ã©", "Ġthe", "ĠĠ", "æĹ¥æľ¬")
    assert "é" in json.loads((tmp_path / "new.json").read_text())["model"]["vocab"]
    assert "é" in json.loads((tmp_path / "old.json").read_text())["model"]["vocab"]
    assert old_texts(new, old, "é".encode()) == ("é".encode(), "exact")
    assert old_texts(new, old, b"\xe9") == (b"\xe9", "byte_fallback")
    assert old_texts(new, old, b" the") == (b" the", "exact")
    assert old_texts(new, old, b"  ") == (b"  ", "exact")
    assert old_texts(new, old, "日本".encode()) == ("日本".encode(), "exact")
    assert old_texts(new, old, b"ab") == (None, "unmatched")
    for byte in range(256):
        assert old_texts(new, old, bytes([byte]))[0] == bytes([byte])
        assert old_texts(old, new, bytes([byte]))[0] == bytes([byte])


def test_a_regular_token_is_preferred_over_byte_fallback(tmp_path: Path) -> None:
    old = sentencepiece_like(tmp_path / "old.json", "a", "b")
    new = byte_level(tmp_path / "new.json")
    found = match(TokenTable.of(new), TokenTable.of(old))
    by_text = {found.new.texts[i]: int(found.old_of[i]) for i in range(len(found.new))}
    assert by_text[b"a"] == old.vocab.id_of(b"a")
    assert by_text[b"c"] == old.vocab.id_of(b"<0x63>")
    place = found.new.texts.index(b"a")
    assert (found.classes[place], found.candidates[place]) == (MatchClass.EXACT, 2)
    assert found.classes[found.new.texts.index(b"c")] == MatchClass.BYTE_FALLBACK


def test_the_vocabulary_says_what_it_is_not_the_name_of_its_class(tmp_path: Path) -> None:
    """The same file under any class name in tokenizer_config.json has the same word starts."""
    made = sentencepiece_like(tmp_path / "tokenizer.json", "▁the")
    for name in ("TokenizersBackend", "PreTrainedTokenizerFast", "LlamaTokenizer"):
        (tmp_path / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": name}), encoding="utf-8"
        )
        assert TokenTable.of(tb.load(tmp_path)).texts == TokenTable.of(made).texts
    assert b" the" in TokenTable.of(made).texts


def test_wordpiece_words_are_matched_with_and_without_their_space(tmp_path: Path) -> None:
    vocab = {"[UNK]": 0, "[CLS]": 1, "[PAD]": 2, "the": 3, "##ing": 4, "in": 5, ".": 6, "##s": 7, "##": 8}
    old = write(
        tmp_path / "old.json",
        {"type": "WordPiece", "vocab": vocab, "unk_token": "[UNK]", "continuing_subword_prefix": "##",
         "max_input_chars_per_word": 100},
        {"[UNK]": 0, "[CLS]": 1, "[PAD]": 2},
        pre_tokenizer={"type": "BertPreTokenizer"},
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": False},
    )  # fmt: skip
    table = TokenTable.of(old)
    assert table.texts[3:9] == (b" the", b"ing", b" in", b".", b"s", b"##")
    assert table.second == {3: b"the", 5: b"in", 6: b" ."}
    assert table.roles == {0: ("unk",), 1: ("cls",), 2: ("pad",)}
    new = byte_level(tmp_path / "new.json", "Ġthe", "the", "ing", "in", "Ġ.")
    assert old_texts(new, old, b" the") == (b" the", "exact")
    assert old_texts(new, old, b"the") == (b" the", "ambiguous")
    assert old_texts(new, old, b"ing") == (b"ing", "exact")
    assert old_texts(new, old, b".") == (b".", "exact")
    assert old_texts(new, old, b" .") == (b".", "ambiguous")


def test_words_with_an_end_mark_are_whole_words_first(tmp_path: Path) -> None:
    vocab = {"a": 0, "b": 1, "ab": 2, "ab</w>": 3, "b</w>": 4, ".</w>": 5}
    model = {"type": "BPE", "vocab": vocab, "merges": ["a b"], "end_of_word_suffix": "</w>"}
    table = TokenTable.of(write(tmp_path / "clip.json", model, {}))
    assert table.texts == (b"a", b"b", b"ab", b" ab", b" b", b".")
    assert table.second == {3: b"ab", 4: b"b", 5: b" ."}


def test_special_tokens_are_kept_apart_and_matched_by_role(tmp_path: Path) -> None:
    """Several additional special tokens are several tokens, and one that begins and ends is found for both."""
    old = byte_level(
        tmp_path / "old.json", special=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool>", "<tool2>")
    )
    new = byte_level(
        tmp_path / "new.json", special=("<s>", "</s>", "<tool2>", "<tool>", "<pad>", "<|eot_id|>")
    )
    found = match(TokenTable.of(new), TokenTable.of(old))

    def old_of(text: str) -> str | None:
        old_id = int(found.old_of[new.vocab.special[text]])
        return None if old_id < 0 else found.old.texts[old_id].decode()

    assert old_of("<s>") == old_of("</s>") == "<|endoftext|>"
    assert (old_of("<tool>"), old_of("<tool2>")) == ("<tool>", "<tool2>")
    assert old_of("<|eot_id|>") == "<|im_end|>"
    assert old_of("<pad>") is None
    back = match(TokenTable.of(old), TokenTable.of(new))
    assert back.new.texts[back.matched[-1]] == b"<tool2>"
    assert back.old.texts[int(back.old_of[old.vocab.special["<|endoftext|>"]])] == b"</s>"


def test_what_the_user_says_counts_first(tmp_path: Path) -> None:
    old = byte_level(tmp_path / "old.json", "Ġthe", special=("<|endoftext|>",))
    new = byte_level(tmp_path / "new.json", "Ġla", special=("<pad>",))
    tables = TokenTable.of(new), TokenTable.of(old)
    found = match(*tables, mapped={" la": " the", "<pad>": "<|endoftext|>", "id:97": "id:5"})
    for new_text, old_id in ((b" la", 256), (b"<pad>", 257)):
        place = found.new.texts.index(new_text)
        assert (found.old_of[place], found.classes[place]) == (old_id, MatchClass.MAPPED)
    assert found.old_of[97] == 5
    with pytest.raises(
        TransplantError, match=r"the new tokenizer has no token 'Ġla'; give its text \(a space for Ġ"
    ):
        match(*tables, mapped={"Ġla": " the"})
    with pytest.raises(TransplantError, match="the old tokenizer has no token with the id 999"):
        match(*tables, mapped={" la": "id:999"})


def test_a_match_is_a_table(tmp_path: Path) -> None:
    old = byte_level(tmp_path / "old.json", "Ġthe")
    found = match(TokenTable.of(byte_level(tmp_path / "new.json", "Ġthe", "Ġla")), TokenTable.of(old))
    assert found.table().row(256) == (256, " the", "regular", "exact", 256, " the", 1)
    assert found.table().row(257) == (257, " la", "regular", "unmatched", None, None, 0)
    assert found.counts()["exact"] == 257
    assert found.unused_old().tolist() == []


def test_ids_behind_the_matrix_and_holes_match_nothing() -> None:
    table = TokenTable((b"a", b"", b"b", b"<s>"), np.array([0, 4, 0, 3], dtype=np.uint8), {}, {3: ("bos",)})
    found = match(table, table.limited(2))
    assert found.old_of.tolist() == [0, -1, -1, -1]
    assert [MatchClass(each).name for each in found.classes] == ["EXACT", "HOLE", "UNMATCHED", "UNMATCHED"]


@pytest.mark.parametrize(
    ("text", "pieces"), [(b"the", [b"the"]), (b" the", [b" the"]), (b"\xff", [b"\xff"]), (b" ", [b" "])]
)
def test_a_space_that_encoding_adds_is_taken_away(tmp_path: Path, text: bytes, pieces: list[bytes]) -> None:
    made = sentencepiece_like(tmp_path / "t.json", "t", "h", "e")
    table = TokenTable.of(made)
    got = b"".join(table.texts[i] for i in spell_in(made, text, table.texts))
    assert got == b"".join(pieces)


def test_roles_are_read_from_the_files_first(tmp_path: Path) -> None:
    made = byte_level(tmp_path / "tokenizer.json", special=("<|a|>", "<|b|>", "<|endoftext|>"))
    files: dict[str, dict[str, Any]] = {
        "tokenizer_config.json": {"eos_token": "<|a|>", "pad_token": {"content": "<|b|>"}, "bos_token": None},
        "generation_config.json": {"bos_token_id": 258, "eos_token_id": [257, 256]},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    named = read_roles(tmp_path, made)
    assert named == {"<|a|>": ("eos",), "<|b|>": ("pad",), "<|endoftext|>": ("bos",)}
    table = TokenTable.of(made, roles=named)
    assert table.roles[256] == ("eos",)
    ids = IdMap(match(table, table), named)
    assert (ids.role("eos"), ids.role("bos"), ids.role("pad"), ids.role("mask")) == (256, 258, 257, None)


def test_lists_of_ids_are_mapped_and_losses_told(tmp_path: Path) -> None:
    old = TokenTable.of(byte_level(tmp_path / "old.json", "Ġthe", special=("</s>", "<|im_end|>", "<img>")))
    new = TokenTable.of(byte_level(tmp_path / "new.json", special=("<eos>", "<|im_end|>")))
    ids = IdMap(match(new, old))
    settings = {
        "eos_token_id": [257, 258], "suppress_tokens": [-1, 256, 65, 65], "bad_words_ids": [[257], [259]],
        "image_token_index": 259, "decoder_start_token_id": 257, "forced_eos_token_id": None, "temperature": 0.5,
    }  # fmt: skip
    got = remap(settings, ids, old_rows=260, new_rows=258)
    assert got == {
        "eos_token_id": [256, 257], "suppress_tokens": [-1, 65], "bad_words_ids": [[256]],
        "image_token_index": None, "decoder_start_token_id": 256, "forced_eos_token_id": None, "temperature": 0.5,
    }  # fmt: skip
    assert ids.lost == [
        "suppress_tokens: 256 ( the) has no counterpart among the new tokens",
        "bad_words_ids: 259 (<img>) has no counterpart among the new tokens",
        "image_token_index: 259 (<img>) has no counterpart among the new tokens",
    ]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "kind", "n"),
    [
        ("llama/llama2_tokenizer.model", TokenKind.BYTE_FALLBACK, 256),
        ("llama/llama2_wordllama_tokenizer.json", TokenKind.BYTE_FALLBACK, 256),
        ("rwkv/20B_tokenizer.json", TokenKind.ADDED, 23),
    ],
)
def test_kinds_of_real_vocabularies(shared: Path, name: str, kind: TokenKind, n: int) -> None:
    table = TokenTable.of(tb.load(shared / "data" / "tokenizers" / name))
    assert int((table.kinds == kind).sum()) == n
