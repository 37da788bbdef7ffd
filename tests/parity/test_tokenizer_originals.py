"""Native ids against the original libraries, on real text and on strings made to be hard."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

import pytest
import tiktoken
import tokenizers

from tokbench.bpe import BpeModel
from tokbench.errors import VocabError
from tokbench.formats.probe import PROBES
from tokbench.interop.hf import HuggingFaceTokenizer
from tokbench.interop.sentencepiece import SentencePieceTokenizer
from tokbench.merges import Merges
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tokbench.encoding import Encoding

pytestmark = pytest.mark.shared

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
WORDS = [rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+", rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*"]
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = "|".join([WORDS[0] + ENDING, WORDS[1] + ENDING, r"\p{N}{1,3}", REST])
TEKKEN = "|".join([*WORDS, r"\p{N}", REST])

RANKED = {
    "openai/gpt2.tiktoken": GPT2,
    "openai/p50k_base.tiktoken": GPT2,
    "openai/whisper_multilingual.tiktoken": GPT2,
    "openai/cl100k_base.tiktoken": CL100K,
    "openai/o200k_base.tiktoken": O200K,
    "llama/llama3_tokenizer.model": LLAMA3,
    "llama/llama4_tokenizer.model": O200K,
    "qwen/qwen3_6.tiktoken": QWEN,
    "mistral/tekken_240718.json": TEKKEN,
}
BYTE_LEVEL = [
    "deepseek/deepseek_v4_tokenizer.json",
    "anthropic/claude2_tokenizer.json",
    "rwkv/20B_tokenizer.json",
    "bpe_knockout/bpe-40k_oscar-de-clean_tokenizer.json",
    "bpe_knockout/bpe-40k_oscar-nl-clean_tokenizer.json",
]
POOLS = [
    *(
        "a b\n\r\t 'sS1",
        "éàñ\u0303\u0301 ẞſ",
        "中文。，字",
        "ก็ไทยนี้",
        "हिन्दी़्",
        "👍🏽\u200d👩🇹🇷",
        "한\u1112\u1161ㅎ",
    ),
    *(
        "\u0085\u00a0\u2028\u3000\x00\x7f",
        "abcXYZ012٣½Ⅷ",
        "'ſʼ’'LLllVEve",
        "İıŞş",
        "\u1e9b\u0323ﬁ℃½Å",
        "\U0001fbf3\u0898ֽ",
    ),
]


@cache
def texts(shared: Path) -> list[str]:
    """The start of every FLORES language, the probes, and strings put together from hard characters."""
    rng = random.Random(5)
    made = []
    for _ in range(600):
        pool = "".join(rng.sample(POOLS, 3))
        made.append("".join(rng.choices(pool, k=rng.randint(1, 60))))
    for _ in range(300):
        codes = (
            rng.choice([rng.randint(0, 0xD7FF), rng.randint(0xE000, 0x1FFFF)])
            for _ in range(rng.randint(1, 30))
        )
        made.append("".join(map(chr, codes)))
    files = sorted((shared / "data/parallel/flores200_dev").glob("*.txt"))
    real = [file.read_text("utf-8")[:1500] for file in files]
    return [*PROBES, *real, *made]


def same(ours: Encoding, theirs: list[list[int]], documents: list[str]) -> None:
    for row, expected, document in zip(ours, theirs, documents, strict=True):
        assert row.tolist() == expected, document[:80]


def _weighed(names: Iterable[str], slow: set[str]) -> list[object]:
    """The names as parameters; those that repeat what others show are marked slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in names]


REPEATS = {
    "openai/p50k_base.tiktoken",
    "llama/llama4_tokenizer.model",
    "bpe_knockout/bpe-40k_oscar-nl-clean_tokenizer.json",
}


@pytest.mark.parametrize("name", _weighed(RANKED, REPEATS))
def test_tiktoken(shared: Path, name: str) -> None:
    tokenizer = Tokenizer.load(shared / "data/tokenizers" / name)
    ranks = {token: token_id for token_id, token in tokenizer.vocab.tokens.items()}
    original = tiktoken.Encoding("original", pat_str=RANKED[name], mergeable_ranks=ranks, special_tokens={})
    documents = texts(shared)
    batch = tokenizer.encode_batch(documents)
    same(batch, original.encode_ordinary_batch(documents), documents)
    assert tokenizer.lossless
    assert tokenizer.decode_batch(batch) == [document.encode() for document in documents]


@pytest.mark.parametrize("name", _weighed(BYTE_LEVEL, REPEATS))
def test_byte_level_tokenizer_json(shared: Path, name: str) -> None:
    path = shared / "data/tokenizers" / name
    tokenizer = Tokenizer.load(path)
    assert isinstance(tokenizer, BpeTokenizer)
    original = tokenizers.Tokenizer.from_file(str(path))
    original.encode_special_tokens = True
    documents = texts(shared)
    theirs = [row.ids for row in original.encode_batch_fast(documents, add_special_tokens=False)]
    same(tokenizer.encode_batch(documents), theirs, documents)
    original.encode_special_tokens = False
    names = [*tokenizer.special_tokens][:40]
    marked = [f"a {text}  {text}b{text}" for text in names]
    theirs = [row.ids for row in original.encode_batch_fast(marked, add_special_tokens=False)]
    same(tokenizer.encode_batch(marked, allowed_special="all"), theirs, marked)


@pytest.mark.parametrize("name", ["openai/cl100k_base.tiktoken", "llama/llama3_tokenizer.model"])
def test_long_lines(shared: Path, name: str) -> None:
    tokenizer = Tokenizer.load(shared / "data/tokenizers" / name)
    ranks = {token: token_id for token_id, token in tokenizer.vocab.tokens.items()}
    original = tiktoken.Encoding("original", pat_str=RANKED[name], mergeable_ranks=ranks, special_tokens={})
    rng = random.Random(7)
    letters = "".join(rng.choices("abcdefgh", k=200_000))
    for line in (letters, "字" * 50_000, "ab" * 100_000, " " * 100_000 + "x", "\x00" * 5000, "😀" * 20_000):
        assert tokenizer.encode(line).tolist() == original.encode_ordinary(line)


@pytest.mark.parametrize("form", ["nfc", "nfd", "nfkc", "nfkd"])
def test_normalizers_on_every_character(form: str) -> None:
    original = getattr(tokenizers.normalizers, form.upper())()
    vocab = Vocab([bytes([byte]) for byte in range(256)])
    model = BpeModel(vocab, Merges([], [], []), "none", normalizer=form)  # type: ignore[arg-type]  # one of four words
    tokenizer = BpeTokenizer(model, name=form)
    # Beyond the second plane only the ideographs U+2F800 … U+2FA1D change.
    for start in (*range(0, 0x20000, 0x400), *range(0x2F800, 0x2FC00, 0x400)):
        characters = [chr(code) for code in range(start, start + 0x400) if not 0xD800 <= code < 0xE000]
        for pattern in ("{} ", "a\u0316{}\u0301\u0345 ", "\u0301{}\u0334\u1161 ", "ᄀ{}\u11a8"):
            text = "".join(pattern.format(character) for character in characters)
            assert tokenizer.decode(tokenizer.encode(text)).decode() == original.normalize_str(text), hex(
                start
            )


def test_other_formats(shared: Path) -> None:
    folder = shared / "data/tokenizers"
    assert isinstance(Tokenizer.load(folder / "llama/llama2_tokenizer.model"), SentencePieceTokenizer)
    for name, kind in (
        ("minilm/tokenizer.json", "wordpiece"),
        ("llama/llama2_wordllama_tokenizer.json", "bpe"),
    ):
        tokenizer = Tokenizer.load(folder / name)
        assert isinstance(tokenizer, HuggingFaceTokenizer)
        assert tokenizer.kind == kind
        assert len(tokenizer.encode("word " * 200)) >= 200
    world = Tokenizer.load(folder / "rwkv/rwkv_vocab_v20230424.txt")
    documents = texts(shared)
    assert world.decode_batch(world.encode_batch(documents)) == [document.encode() for document in documents]
    for name in ("turkish_tokenizer/kokler.json", "clip/bpe_simple_vocab_16e6.txt.gz", "minilm/vocab.txt"):
        with pytest.raises(VocabError, match=name.rsplit("/", 1)[1]):
            Tokenizer.load(folder / name)


@pytest.mark.parametrize(
    "name",
    _weighed(
        ["llama/llama3_tokenizer.model", "openai/gpt2.tiktoken", "rwkv/20B_tokenizer.json"],
        {"llama/llama3_tokenizer.model", "rwkv/20B_tokenizer.json"},
    ),
)
def test_real_vocabularies_survive_export(shared: Path, tmp_path: Path, name: str) -> None:
    tokenizer = Tokenizer.load(shared / "data/tokenizers" / name)
    tokenizer.save(tmp_path / "tokenizer.json")
    tokenizer.save(tmp_path / "own.tokbench.json")
    exported = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    exported.encode_special_tokens = True
    again = Tokenizer.load(tmp_path / "own.tokbench.json")
    assert again.fingerprint == tokenizer.fingerprint
    documents = texts(shared)[:400]
    batch = tokenizer.encode_batch(documents)
    same(
        batch, [row.ids for row in exported.encode_batch_fast(documents, add_special_tokens=False)], documents
    )
    same(again.encode_batch(documents), [row.tolist() for row in batch], documents)
