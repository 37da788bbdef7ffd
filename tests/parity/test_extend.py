"""Real vocabularies extended with real Turkish and Khmer: old ids, real gains, equal ids in other libraries."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tiktoken
from tokenizers import Tokenizer as HuggingFace

from tokbench.corpus import Corpus
from tokbench.extend import extend
from tokbench.formats.tiktoken import read_ranks
from tokbench.tokenizer import BpeTokenizer, Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared

BASES = {
    "o200k": ("openai/o200k_base.tiktoken", {}),
    "llama3": ("llama/llama3_tokenizer.model", {"first_id": 128256}),
    "qwen3": ("qwen/qwen3_6.tiktoken", {"first_id": 250000}),
    "tekken": ("mistral/tekken_240718.json", {}),
    "neox": ("rwkv/20B_tokenizer.json", {}),
}
RANKED = ("o200k", "llama3", "qwen3", "tekken")
"""Those that tiktoken can hold: ranks are ids."""
LANGUAGE = {"o200k": "khm_Khmr"}
"""Turkish unless named."""
ADD = 500


def sample(shared: Path, language: str) -> str:
    """The first lines of a language's text."""
    path = shared / "data" / "mono" / f"{language}.txt.zst"
    documents = Corpus.from_files({language: path}, document="line+end").documents(language)
    return "".join(document.text for document in islice(documents, 4000))


def flores(shared: Path, language: str) -> list[str]:
    path = shared / "data" / "parallel" / "flores200_dev" / f"{language}.txt"
    return path.read_text("utf-8").splitlines()[:300]


@pytest.fixture(scope="module", params=BASES)
def extended(request: pytest.FixtureRequest, shared: Path) -> tuple[str, str, Tokenizer, BpeTokenizer]:
    file, options = BASES[request.param]
    base = Tokenizer.load(shared / "data" / "tokenizers" / file)
    language = LANGUAGE.get(request.param, "tur_Latn")
    more = extend(
        base,
        Corpus.from_texts({language: [sample(shared, language)]}),
        add=ADD,
        protect=Corpus.from_texts({"eng": flores(shared, "eng_Latn")}),
        **options,  # type: ignore[arg-type]  # only first_id
    )
    return request.param, language, base, more


def test_old_ids_stay_and_new_ones_serve(
    extended: tuple[str, str, Tokenizer, BpeTokenizer], shared: Path
) -> None:
    name, language, base, more = extended
    first = BASES[name][1].get("first_id", base.vocab.n_ids)
    assert [i for i in more.vocab if i >= first] == list(range(first, first + ADD))
    assert all(more.token_bytes(i) == base.token_bytes(i) for i in base.vocab)
    protected = flores(shared, "eng_Latn")
    assert np.array_equal(more.encode_batch(protected).ids, base.encode_batch(protected).ids)
    held_out = flores(shared, language)
    before, after = base.encode_batch(held_out), more.encode_batch(held_out)
    assert len(after.ids) < 0.995 * len(before.ids)
    assert (after.ids >= first).sum() > 50
    assert more.decode_batch(after) == [line.encode() for line in held_out]
    parts = {r: (left, right) for left, right, r in list(more.model.merges)[-ADD:]}

    def old(token_id: int) -> list[int]:
        return [i for part in parts[token_id] for i in old(part)] if token_id in parts else [token_id]

    assert [i for token_id in after.ids.tolist() for i in old(token_id)] == before.ids.tolist()


def test_the_log_tells_what_encoding_gives(extended: tuple[str, str, Tokenizer, BpeTokenizer]) -> None:
    _, language, _, more = extended
    assert more.training is not None
    assert more.training.log is not None
    assert more.training.settings["tokens_after"] == {
        language: more.training.log[f"tokens_{language}"].to_list()[-1]
    }


def test_hugging_face_reads_the_same_ids(
    extended: tuple[str, str, Tokenizer, BpeTokenizer], shared: Path, tmp_path: Path
) -> None:
    _, language, _, more = extended
    more.save(tmp_path / "tokenizer.json")
    theirs = HuggingFace.from_file(str(tmp_path / "tokenizer.json"))
    lines = [*flores(shared, language)[:100], *flores(shared, "eng_Latn")[:20]]
    mine = more.encode_batch(lines)
    for row, line in enumerate(lines):
        assert theirs.encode(line, add_special_tokens=False).ids == mine[row].tolist()


def test_tiktoken_reads_the_same_ids(
    extended: tuple[str, str, Tokenizer, BpeTokenizer], shared: Path, tmp_path: Path
) -> None:
    name, language, _, more = extended
    if name not in RANKED:
        pytest.skip("its merges are not in the order of its ids, with or without an extension")
    more.save(tmp_path / "more.tiktoken")
    ranks = read_ranks((tmp_path / "more.tiktoken").read_bytes(), tmp_path / "more.tiktoken")
    theirs = tiktoken.Encoding(
        "more",
        pat_str=r"(?s).+",
        mergeable_ranks={token: rank for rank, token in ranks.items()},
        special_tokens={},
    )
    words = sorted({word for line in flores(shared, language) for word in line.split()})
    for word in words:
        for pretoken in (word, f" {word}"):
            pieces = more.encode(pretoken).tolist()
            if len(list(more_pretokens(more, pretoken))) == 1:
                assert theirs.encode(pretoken) == pieces


def more_pretokens(tokenizer: Tokenizer, text: str) -> list[bytes]:
    from tokbench.pretokenize import Pretokenizer

    assert tokenizer.pretokenizer is not None
    return Pretokenizer(tokenizer.pretokenizer).split(text)
