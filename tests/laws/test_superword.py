"""What holds for tokens that span words, whatever the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokenizers import Tokenizer as HuggingFace

from tokbench.algorithm import ALGORITHMS, Request
from tokbench.algorithms.supertokens import Supertokens, count_chunks
from tokbench.algorithms.superword import Superword
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count
from tokbench.errors import ExhaustedError, ParameterError
from tokbench.pretokenize import Pretokenizer
from tokbench.reference.superword import n_words
from tokbench.resume import Vetoes
from tokbench.sweep import cut
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.train import train

if TYPE_CHECKING:
    from pathlib import Path

PARTS = [
    "of the",
    "in the",
    "a kind of",
    "time: 10",
    "at 12:30",
    "e.g. this",
    "it is",
    "by way of",
    "!!",
    "#1",
    "say: no",
]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = np.random.default_rng(3)
    words = ["".join(rng.choice(list("aeiouklmnrst"), rng.integers(2, 7))) for _ in range(150)]
    pool = [*words, *PARTS, *PARTS[:3] * 12]
    lines = [" ".join(rng.choice(pool, rng.integers(3, 15))) + "." for _ in range(800)]
    return Corpus.from_texts({"eng": lines[:500], "tur": lines[500:]})


def trained(corpus: Corpus, spelling: str, size: int = 600, **settings: Any) -> BpeTokenizer:
    made = ALGORITHMS.parse(spelling).train(Request(source=corpus, vocab_size=size, **settings))
    assert isinstance(made, BpeTokenizer)
    return made


def test_the_first_stage_comes_first_and_new_tokens_keep_to_the_rules(corpus: Corpus) -> None:
    made = trained(corpus, "superword(transition=450)")
    plain = train(count(corpus, "cl100k"), vocab_size=450)
    assert plain.merges is not None
    assert made.merges is not None
    assert made.training is not None
    assert made.training.log is not None
    dropped = made.training.settings["dropped"]
    assert isinstance(dropped, list)
    old = [(plain.token_bytes(a), plain.token_bytes(b)) for a, b, _ in plain.merges]
    mine = [(made.token_bytes(a), made.token_bytes(b)) for a, b, _ in made.merges]
    log = made.training.log
    n_kept = log.filter(log["stage"] == 1).height
    assert n_kept == 194 - len(dropped)
    rest = iter(old)
    assert all(pair in rest for pair in mine[:n_kept])
    assert len(made.vocab) == made.vocab.n_ids == 600
    new = [left + right for left, right in mine[n_kept:]]
    assert any(b" " in token.strip() for token in new)
    assert all(n_words(token) <= 4 and b": " not in token for token in new)
    assert log["step"].to_list() == list(range(1, len(mine) + 1))
    assert [made.token_bytes(i) for i in log["result"].to_list()] == log["token"].to_list()


def test_no_token_crosses_a_border_of_the_second_pretokenizer(corpus: Corpus) -> None:
    made = trained(corpus, "superword(transition=450)")
    cutter = Pretokenizer("superbpe")
    for document in corpus:
        text = document.data + b"  12345 !!\n ??"
        ends = set(np.cumsum([len(made.token_bytes(i)) for i in made.encode(text).tolist()]).tolist())
        assert ends >= set(cutter.boundaries(text).tolist())
        assert made.decode(made.encode(text)) == text


def test_a_transition_at_the_end_is_plain_bpe(corpus: Corpus) -> None:
    made = trained(corpus, "superword(transition=600)")
    plain = train(count(corpus, "cl100k"), vocab_size=600)
    assert made.model.fingerprint == plain.model.fingerprint


def test_more_vocabulary_is_more_of_the_same(corpus: Corpus) -> None:
    small, large = (trained(corpus, "superword(transition=400)", size) for size in (500, 600))
    assert small.merges is not None
    assert large.merges is not None
    assert list(large.merges)[: len(small.merges)] == list(small.merges)
    assert cut(large, vocab_size=500).model.fingerprint == small.model.fingerprint
    with pytest.raises(ParameterError, match="at least 400"):
        cut(large, vocab_size=390)


def test_the_order_of_documents_does_not_matter(corpus: Corpus) -> None:
    turned = Corpus.from_texts(
        {language: [d.data for d in corpus.documents(language)][::-1] for language in corpus.languages}
    )
    for spelling in ("superword(transition=400)", "supertokens"):
        one = trained(corpus, spelling)
        assert one.model.fingerprint == trained(turned, spelling, threads=3).model.fingerprint


def test_a_start_and_counts_replace_the_first_reading(corpus: Corpus) -> None:
    whole = trained(corpus, "superword(transition=450)")
    first = train(count(corpus, "cl100k"), vocab_size=450)
    made = Superword().train(Request(source=count(corpus, "superbpe"), vocab_size=600, start=first))
    assert isinstance(made, BpeTokenizer)
    assert made.model.fingerprint == whole.model.fingerprint


@pytest.mark.parametrize("spelling", ["superword(transition=450)", "supertokens(split=0.4)"])
def test_hugging_face_encodes_alike(corpus: Corpus, spelling: str, tmp_path: Path) -> None:
    made = trained(corpus, spelling, special_tokens=("<s>",))
    made.save(tmp_path / "tokenizer.json")
    theirs = HuggingFace.from_file(str(tmp_path / "tokenizer.json"))
    back = Tokenizer.load(tmp_path / "tokenizer.json")
    assert back.pretokenizer == "superbpe"
    rng = np.random.default_rng(9)
    fuzz = ["".join(rng.choice(list("ab 12.!:\n/é中\t "), 30)) for _ in range(200)]
    for text in [*(document.text for document in corpus), *fuzz, "of the  kind   12 !! \n  x"]:
        assert theirs.encode(text, add_special_tokens=False).ids == made.encode(text).tolist()


def test_supertokens_span_words_and_depend_on_the_seed(corpus: Corpus) -> None:
    made = trained(corpus, "supertokens", seed=1)
    new = [made.token_bytes(i) for i in range(256, 600)]
    assert any(b" " in token.strip() for token in new)
    assert all(n_words(token) <= 4 and b": " not in token for token in new)
    assert made.model.fingerprint == trained(corpus, "supertokens", seed=1).model.fingerprint
    assert made.model.fingerprint != trained(corpus, "supertokens", seed=2).model.fingerprint
    whole = count_chunks(corpus, Pretokenizer("gpt2"), split=1.0, seed=0)
    assert whole.total_bytes == sum(len(document.data) for document in corpus)
    half = count_chunks(corpus, Pretokenizer("gpt2"), split=0.5, seed=0)
    assert half.total_bytes == whole.total_bytes
    assert half.total_count < whole.total_count


def test_wrong_settings_say_what_is_wrong(corpus: Corpus) -> None:
    counts = count(corpus, "cl100k")
    first = train(counts, vocab_size=300)
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("superword(transition=700)", {}, "beyond the vocabulary size"),
        ("superword", {"source": counts}, "running text"),
        ("superword", {"source": counts, "start": first}, "'superbpe'"),
        ("superword(transition=300)", {"start": first}, "transition"),
        ("superword", {"start": first, "special_tokens": ("x",)}, "special_tokens"),
        ("supertokens", {"limit_alphabet": 9}, "limit_alphabet"),
        ("supertokens", {"source": counts}, "running text"),
    ]
    for spelling, request, message in cases:
        with pytest.raises(ParameterError, match=message):
            trained(request.pop("source", corpus), spelling, **request)
    for spelling in ("superword(max_words=0)", 'superword(forbidden="")', "supertokens(split=0)"):
        with pytest.raises(ParameterError):
            ALGORITHMS.parse(spelling)
    with pytest.raises(ExhaustedError):
        Supertokens().train(Request(source=Corpus.from_texts({"a": ["b c"]}), vocab_size=400))
    with pytest.raises(ParameterError, match="start"):
        train(PretokenCounts.from_mapping({"a": {b"b": 1}}), vocab_size=300, vetoes=Vetoes(max_words=1))
