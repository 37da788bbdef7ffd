"""Other libraries: what they read of ours, and what we read of theirs."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sentencepiece
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from tokbench.bpe import AddedToken, BpeModel, merges_of_ranks
from tokbench.errors import (
    NotEncodableError,
    NotRepresentableError,
    ParameterError,
    UnknownTokenError,
    VocabError,
)
from tokbench.formats.hf_write import document
from tokbench.formats.probe import PROBES
from tokbench.interop.hf import HuggingFaceTokenizer, character_spans_to_bytes
from tokbench.interop.sentencepiece import SentencePieceTokenizer
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

BYTES = [bytes([byte]) for byte in range(256)]
TEXT = [line for text in PROBES for line in text.split("\n") if line.strip()]
PRETOKENIZERS = ["gpt2", "cl100k", "llama3", "o200k", "qwen2", "qwen3_5", "tekken", "deepseek3", "whitespace"]
PRETOKENIZERS += ["bert", "digits:3", "digits", "lines", "none", "seq(digits:1, gpt2)"]


def ranked(pretokenizer: str, **settings: object) -> BpeTokenizer:
    """A vocabulary of the probe texts' own byte pairs, so that most of them merge."""
    pairs: dict[bytes, None] = {}
    for text in TEXT:
        data = text.encode()
        pairs |= {data[i : i + 2]: None for i in range(len(data) - 1)}
        pairs |= {data[i : i + 4]: None for i in range(0, len(data) - 3, 2)}
    vocab = Vocab([*BYTES, *pairs], special={"<end>": 20_000, "<|ü|>": 20_001})
    model = BpeModel(vocab, merges_of_ranks(vocab), pretokenizer, **settings)  # type: ignore[arg-type]  # keywords vary
    return BpeTokenizer(model, name="ranked")


@pytest.mark.parametrize("pretokenizer", PRETOKENIZERS)
def test_export_is_read_alike(tmp_path: Path, pretokenizer: str) -> None:
    tokenizer = ranked(pretokenizer)
    tokenizer.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    back = Tokenizer.load(tmp_path)
    assert theirs.get_vocab_size() == tokenizer.vocab_size
    for text in ("\n".join(TEXT), "a<end>b <|ü|>"):
        expected = tokenizer.encode(text, allowed_special="all").tolist()
        assert theirs.encode(text).ids == expected
        assert back.encode(text, allowed_special="all").tolist() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


@pytest.mark.parametrize(
    "settings",
    [
        {"whole_words": True},
        {"normalizer": "nfc"},
        {"normalizer": "nfkd"},
        {"prefix_space": True},
        {
            "added": (
                AddedToken("<end>", 20_000, lstrip=True),
                AddedToken("<|ü|>", 20_001, special=False, rstrip=True),
            )
        },
    ],
)
def test_export_of_settings(tmp_path: Path, settings: dict[str, object]) -> None:
    tokenizer = ranked("gpt2", **settings)
    tokenizer.save(tmp_path / "tokenizer.json")
    back = Tokenizer.load(tmp_path / "tokenizer.json")
    assert isinstance(back, BpeTokenizer)
    assert back.model.normalizer == tokenizer.model.normalizer
    for text in (*PROBES, "a  <end> b <|ü|>  c"):
        assert back.encode(text).tolist() == tokenizer.encode(text).tolist()


def test_transformers_loads_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about its own imports
        transformers = pytest.importorskip("transformers")
        tokenizer = ranked("cl100k")
        tokenizer.save(tmp_path / "model", format="huggingface")
        loaded = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "model"))
    for text in (*TEXT[:8], "one<end>two"):
        expected = tokenizer.encode(text, allowed_special="all").tolist()
        assert loaded(text, add_special_tokens=False)["input_ids"] == expected
        assert loaded.decode(expected) == text


def test_export_of_a_character_vocabulary(tmp_path: Path) -> None:
    characters = sorted({c for text in TEXT[:6] for c in text})
    tokens = {300 + i: c.encode() for i, c in enumerate(characters)}
    ids = {token: i for i, token in tokens.items()}
    tokens[2000], tokens[2001] = b"th", b"the"
    merges = Merges([ids[b"t"], 2000], [ids[b"h"], ids[b"e"]], [2000, 2001])
    fallback = Vocab(tokens, byte_fallback=list(range(256)))
    unknown = Vocab(tokens, special={"<unk>": 3000}, unknown="<unk>")
    for vocab, fuse in ((fallback, False), (unknown, False), (unknown, True)):
        model = BpeModel(vocab, merges, "whitespace", unit="character", fuse_unknown=fuse)
        tokenizer = BpeTokenizer(model, name="characters")
        tokenizer.save(tmp_path / "tokenizer.json")
        back = Tokenizer.load(tmp_path / "tokenizer.json")
        assert isinstance(back, BpeTokenizer)
        assert back.model.unit == "character"
        for text in PROBES:
            assert back.encode(text).tolist() == tokenizer.encode(text).tolist()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (BpeModel(Vocab(BYTES), Merges([], [], []), "script"), "no regular expression"),
        (BpeModel(Vocab(BYTES), Merges([], [], []), "none", method="longest_first"), "'longest_first'"),
        (BpeModel(Vocab(BYTES), Merges([], [], []), r"regex:\w+$"), "another engine"),
        (BpeModel(Vocab(BYTES), Merges([], [], []), "cl100k", prefix_space=True), "one space before"),
        (BpeModel(Vocab(BYTES, special={"¡": 300}), Merges([], [], []), "gpt2"), "one character"),
        (
            BpeModel(Vocab([*BYTES, b" a"], special={"Ġa": 300}), Merges([32], [97], [256]), "gpt2"),
            "both be written 'Ġa'",
        ),
    ],
)
def test_export_refuses(tmp_path: Path, model: BpeModel, reason: str) -> None:
    with pytest.raises(NotRepresentableError, match=reason):
        BpeTokenizer(model, name="x").save(tmp_path / "deep" / "x", format="huggingface")
    assert list(tmp_path.iterdir()) == []


def test_export_that_fails_its_proof_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_merges(model: BpeModel) -> dict[str, Any]:
        made = dict(document(model))
        return made | {"model": made["model"] | {"merges": []}}

    monkeypatch.setattr("tokbench.interop.hf.document", without_merges)
    with pytest.raises(NotRepresentableError, match="encodes"):
        ranked("gpt2").save(tmp_path / "tokenizer.json")
    assert list(tmp_path.iterdir()) == []


def train(model: models.Model, trainer: trainers.Trainer, **parts: object) -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(model)
    for name, part in parts.items():
        setattr(made, name, part)
    made.train_from_iterator(TEXT * 3, trainer)
    return made


def wordpiece() -> tokenizers.Tokenizer:
    return train(
        models.WordPiece(unk_token="[UNK]"),
        trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]"], show_progress=False),
        normalizer=normalizers.BertNormalizer(),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    )


def unigram() -> tokenizers.Tokenizer:
    return train(
        models.Unigram(),
        trainers.UnigramTrainer(
            vocab_size=400, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
        ),
        pre_tokenizer=pre_tokenizers.Metaspace(),
        decoder=decoders.Metaspace(),
    )


def end_of_word() -> tokenizers.Tokenizer:
    return train(
        models.BPE(end_of_word_suffix="</w>", unk_token="<unk>"),
        trainers.BpeTrainer(
            vocab_size=500, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False
        ),
        normalizer=normalizers.Lowercase(),
        pre_tokenizer=pre_tokenizers.Whitespace(),
    )


@pytest.mark.parametrize(
    ("make", "kind"), [(wordpiece, "wordpiece"), (unigram, "unigram"), (end_of_word, "bpe")]
)
def test_other_kinds_go_through_their_package(tmp_path: Path, make: object, kind: str) -> None:
    theirs: tokenizers.Tokenizer = make()  # type: ignore[operator]  # one of the three functions above
    theirs.enable_truncation(3)
    theirs.enable_padding(length=5)
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.load(tmp_path / "tokenizer.json")
    theirs.no_truncation()
    theirs.no_padding()
    theirs.encode_special_tokens = True
    assert isinstance(ours, HuggingFaceTokenizer)
    assert (ours.kind, ours.lossless, ours.unk_id) == (kind, False, 0)
    batch = ours.encode_batch(TEXT)
    for text, row in zip(TEXT, batch, strict=True):
        expected = theirs.encode(text, add_special_tokens=False)
        assert row.tolist() == expected.ids
        ids, spans = ours.encode_with_offsets(text)
        assert ids.tolist() == expected.ids
        data = text.encode()
        assert [data[a:b].decode() for a, b in spans.tolist()] == [text[a:b] for a, b in expected.offsets]
        assert ours.decode(row) == theirs.decode(expected.ids, skip_special_tokens=False).encode()
    arena, offsets = ours.token_arrays()
    assert len(offsets) == ours.vocab.n_ids + 1
    spelled = bytes(arena)
    for token_id in ours.vocab:
        assert spelled[offsets[token_id] : offsets[token_id + 1]] == ours.token_bytes(token_id)
    with pytest.raises(UnknownTokenError, match="99999"):
        ours.decode([99999])
    with pytest.raises(NotEncodableError, match="document 0, byte 1"):
        ours.encode(b"a\xff")
    ours.save(tmp_path / "again.json")
    assert Tokenizer.load(tmp_path / "again.json").fingerprint == ours.fingerprint
    for name in ("again.tokbench.json", "again.tiktoken"):
        with pytest.raises(NotRepresentableError, match=r"saved as tokenizer\.json only"):
            ours.save(tmp_path / name)


def test_token_bytes_of_other_kinds(tmp_path: Path) -> None:
    theirs = wordpiece()
    theirs.save(str(tmp_path / "w.json"))
    ours = Tokenizer.load(tmp_path / "w.json")
    for piece, token_id in theirs.get_vocab().items():
        expected = piece.removeprefix("##") if piece != "##" else piece
        assert ours.token_bytes(token_id) == expected.encode()
    ids = ours.encode("[CLS] a", allowed_special="all").tolist()
    assert ids[0] == 1
    assert ours.encode("[CLS] a").tolist() != ids
    with pytest.raises(ParameterError, match="all special tokens or none"):
        ours.encode("a", allowed_special={"[CLS]"})


def test_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"type": "Unigram", "vocab": 3}}))
    with pytest.raises(VocabError, match=r"tokenizer\.json: the tokenizers package cannot read it"):
        Tokenizer.load(path)


def test_spans_in_characters_become_spans_in_bytes() -> None:
    text = "aé中👍z"
    spans = [(i, i + 1) for i in range(5)]
    assert character_spans_to_bytes(text, spans).tolist() == [[0, 1], [1, 3], [3, 6], [6, 10], [10, 11]]
    assert character_spans_to_bytes("", []).shape == (0, 2)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sentencepiece(tmp_path: Path, kind: str) -> None:
    (tmp_path / "text").write_text("\n".join(TEXT[:12]), "utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text"),
        model_prefix=str(tmp_path / "m"),
        vocab_size=420,
        model_type=kind,
        byte_fallback=True,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "m.model"))
    ours = Tokenizer.load(tmp_path / "m.model")
    assert isinstance(ours, SentencePieceTokenizer)
    assert ours.unk_id == theirs.unk_id()
    for text in TEXT:
        expected = theirs.encode(text)
        assert ours.encode(text).tolist() == expected
        ids, spans = ours.encode_with_offsets(text)
        assert ids.tolist() == expected
        assert (np.diff(spans.ravel()) >= 0).all()
        assert spans[-1, 1] <= len(text.encode())
        assert ours.decode(expected) == theirs.decode(expected).encode()
    data = "crew Größe 今天".encode()
    ids, spans = ours.encode_with_offsets(data)
    assert b"".join(data[start:end] for start, end in spans.tolist()) == data
    byte_id = theirs.piece_to_id("<0xE4>")
    assert ours.token_bytes(byte_id) == b"\xe4"
    assert ours.token_bytes(theirs.piece_to_id("▁")) == b" "
    with pytest.raises(ParameterError, match="control tokens"):
        ours.encode("a", allowed_special="all")


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w+|[^\w\s]+|\s+",
        r"[a-z]+$",
        "(?s).{7}",
        "[[a-z]--[aeiou]]",
        "a{1,2}+",
        r"\pL+",
        r"\p{sc=Greek}+",
        r"\x41",
    ],
)
def test_patterns_that_another_engine_reads_otherwise_are_not_exported(tmp_path: Path, pattern: str) -> None:
    vocab = Vocab([*BYTES, b"th"])
    model = BpeModel(vocab, Merges.from_steps([(116, 104, 256)]), f"regex:{pattern}")
    tokenizer = BpeTokenizer(model, name="pattern")
    with pytest.raises(NotRepresentableError, match="cannot express"):
        tokenizer.save(tmp_path / "tokenizer.json")
    assert list(tmp_path.iterdir()) == []
