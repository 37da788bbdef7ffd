"""Outcome equals Hugging Face's `BpeTrainer`, merge by merge and id by id."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from tokbench import _rust
from tokbench.objectives.plain import Plain
from tokbench.reference.bpe import printable
from tokbench.settings import Settings
from tokbench.train import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

GPT4 = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)
BYTE_OF = {printable(bytes([byte])): byte for byte in range(256)}


def byte_level(pattern: str | None) -> pre_tokenizers.PreTokenizer:
    """Cut by a pattern (None: not at all), then spell bytes as printable characters."""
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    if pattern is None:
        return bytes_only
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), bytes_only])


PRE_TOKENIZERS: dict[str, Callable[[], pre_tokenizers.PreTokenizer]] = {
    "gpt2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    "gpt4": lambda: byte_level(GPT4),
    "spaces": lambda: byte_level(r"\s+|\S+"),
    "none": lambda: byte_level(None),
}


def unprintable(text: str) -> bytes:
    return bytes(BYTE_OF[character] for character in text)


def table(column: dict[bytes, int]) -> _rust.PretokenCounts:
    pretokens = sorted(column)
    ends = np.cumsum([0, *map(len, pretokens)], dtype=np.uint64)
    return _rust.PretokenCounts(
        ["all"],
        np.frombuffer(b"".join(pretokens), dtype=np.uint8),
        ends,
        np.arange(len(pretokens) + 1, dtype=np.uint64),
        np.zeros(len(pretokens), dtype=np.uint32),
        np.array([column[pretoken] for pretoken in pretokens], dtype=np.uint64),
    )


def counted(documents: Iterable[str], pre: pre_tokenizers.PreTokenizer, *, unit: str) -> dict[bytes, int]:
    """Count the pretokens that Hugging Face's pre-tokenizer makes."""
    seen: Counter[bytes] = Counter()
    for document in documents:
        for piece, _ in pre.pre_tokenize_str(document):
            seen[unprintable(piece) if unit == "byte" else piece.encode()] += 1
    return dict(seen)


def theirs(
    documents: list[str], pre: pre_tokenizers.PreTokenizer, **options: Any
) -> tuple[list[tuple[str, str]], dict[str, int]]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    tokenizer.train_from_iterator(documents, trainers.BpeTrainer(show_progress=False, **options))
    model = json.loads(tokenizer.to_str())["model"]
    return [(left, right) for left, right in model["merges"]], model["vocab"]


def spelled(training: Outcome, *, unit: str) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Our result in Hugging Face's terms."""
    show = printable if unit == "byte" else bytes.decode
    vocab = training.vocab
    names = {token_id: show(token) for token_id, token in vocab.tokens.items()}
    names |= {token_id: text for text, token_id in vocab.special.items()}
    merges = [(names[left], names[right]) for left, right, _ in training.merges]
    return merges, {name: token_id for token_id, name in names.items()}


def check(
    documents: list[str],
    pre: pre_tokenizers.PreTokenizer,
    ours: dict[str, Any],
    hugging_face: dict[str, Any],
    *,
    vocab_size: int,
    unit: str = "byte",
) -> Outcome:
    wanted = Settings(vocab_size=vocab_size, pretokenizer="none", unit=unit, allow_smaller=True, **ours)
    training = run(table(counted(documents, pre, unit=unit)), wanted)
    merges, vocab = theirs(documents, pre, vocab_size=vocab_size, **hugging_face)
    assert spelled(training, unit=unit) == (merges, vocab)
    return training


ALL = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}


@pytest.fixture(scope="module")
def documents(shared: Path) -> list[str]:
    """Some lines of each of many languages."""
    files = sorted((shared / "data" / "parallel" / "flores200_dev").glob("*.txt"))[::12]
    return [line for path in files for line in path.read_text("utf-8").splitlines()[:150]]


@pytest.mark.shared
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_every_pre_tokenizer(documents: list[str], name: str) -> None:
    some = documents if name != "none" else documents[::4]
    check(some, PRE_TOKENIZERS[name](), {}, ALL, vocab_size=3000)


@pytest.mark.shared
@pytest.mark.parametrize("min_frequency", [0, 1, 2, 17, 10**6])
def test_min_frequency(documents: list[str], min_frequency: int) -> None:
    options = {"min_frequency": min_frequency}
    check(documents[::5], PRE_TOKENIZERS["gpt4"](), options, ALL | options, vocab_size=9000)


@pytest.mark.shared
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8])
def test_max_token_length(documents: list[str], length: int) -> None:
    """Theirs is exclusive and spares the first pairs."""
    check(
        documents[::3],
        PRE_TOKENIZERS["gpt2"](),
        {"max_token_length": max(2, length - 1)},
        ALL | {"max_token_length": length},
        vocab_size=1500,
    )


@pytest.mark.shared
@pytest.mark.parametrize("limit", [20, 57, 110, 1000])
def test_limit_alphabet(documents: list[str], limit: int) -> None:
    """Where the cut falls between different counts: theirs is not deterministic between equal ones."""
    seen: Counter[int] = Counter()
    for document in documents[::3]:
        seen.update(document.encode())
    ranked = [0, *sorted(seen.values(), reverse=True), 0]
    while 0 < limit < len(seen) and ranked[limit] == ranked[limit + 1]:
        limit -= 1
    check(
        documents[::3],
        PRE_TOKENIZERS["gpt4"](),
        {"initial_alphabet": "seen", "limit_alphabet": limit},
        {"limit_alphabet": limit},
        vocab_size=1200,
    )


@pytest.mark.shared
def test_seen_and_given_alphabets(documents: list[str]) -> None:
    pre = PRE_TOKENIZERS["gpt4"]()
    check(documents[::4], pre, {"initial_alphabet": "seen"}, {}, vocab_size=900)
    given_symbols = (b"a", b"\x00", b"\xff", b" ")
    hugging_face = {"initial_alphabet": [printable(symbol) for symbol in given_symbols]}
    check(documents[::4], pre, {"initial_alphabet": given_symbols}, hugging_face, vocab_size=900)


@pytest.mark.shared
def test_special_tokens(documents: list[str]) -> None:
    """They come first; one that training makes too lends its id."""
    special = ("<|endoftext|>", "in", "a", "an", "<pad>")
    training = check(
        documents,
        PRE_TOKENIZERS["gpt4"](),
        {"special_tokens": special},
        ALL | {"special_tokens": list(special)},
        vocab_size=3000,
    )
    assert [training.vocab.id_of(token) for token in (b"in", b"a", b"an")] == [1, 2, 3]
    assert {1, 3} <= set(training.merges.result.tolist())
    assert len(training.merges) == 3000 - 256 - len(special) + 3


@pytest.mark.shared
@pytest.mark.parametrize("limit", [None, 300])
def test_characters(documents: list[str], limit: int | None) -> None:
    check(
        documents,
        pre_tokenizers.Whitespace(),
        {"initial_alphabet": "seen", "limit_alphabet": limit},
        {} if limit is None else {"limit_alphabet": limit},
        vocab_size=4000,
        unit="character",
    )


@pytest.mark.shared
def test_the_python_objective_makes_the_native_choices(documents: list[str]) -> None:
    counts = table(counted(documents[::4], PRE_TOKENIZERS["gpt4"](), unit="byte"))
    wanted = Settings(vocab_size=1500, pretokenizer="none")
    native, driven = run(counts, wanted), run(counts, wanted, objective=Plain())
    assert driven.merges == native.merges
    assert driven.vocab == native.vocab
    assert driven.log.equals(native.log)


SMALL = st.lists(
    st.one_of(
        st.text("abc", max_size=12),
        st.builds(
            lambda letter, n, rest: letter * n + rest,
            st.sampled_from("ab"),
            st.integers(1, 9),
            st.text("abc"),
        ),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=150)
@given(SMALL, st.sampled_from([0, 1, 2, 3]), st.sampled_from([None, 1, 2, 3, 4, 6]), st.integers(0, 40))
def test_random_small_corpora(lines: list[str], least: int, length: int | None, more: int) -> None:
    ours: dict[str, Any] = {"initial_alphabet": "seen", "min_frequency": least}
    hugging_face: dict[str, Any] = {"min_frequency": least}
    if length is not None:
        ours["max_token_length"] = max(2, length - 1)
        hugging_face["max_token_length"] = length
    check(lines, PRE_TOKENIZERS["none"](), ours, hugging_face, vocab_size=3 + more)
