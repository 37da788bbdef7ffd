"""Morphemes: where words are cut, that no token crosses a cut, and that the file holds the segmenter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokbench as tb
from tokbench.bpe import BpeModel
from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts
from tokbench.errors import NotRepresentableError, ParameterError, VocabError
from tokbench.merges import Merges
from tokbench.pretokenize import Pretokenizer
from tokbench.sampling import bpe_dropout
from tokbench.segmenters import Lexicon, PieceEncoder, Table, pieces
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

LEXICON = Lexicon(("ev", "ler", "lerde", "kitap", "ım"))
TEXTS = ["evler evlerde kitaplar kitaplarımızda", "ev kitap evlerde kitaplar ve evler"]
texts = st.one_of(st.text("evlrd kitapım<n>1\n", max_size=30).map(str.encode), st.binary(max_size=30))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (" evlerde", [" ev", "lerde"]),
        ("evlerim", ["ev", "ler", "im"]),
        (" kitaplarımız", [" kitap", "lar", "ım", "ız"]),
        ("xyz", ["xyz"]),
        ("xyev", ["xy", "ev"]),
        (" ", [" "]),
        ("  ev", ["  ", "ev"]),
    ],
)
def test_longest_match(word: str, expected: list[str]) -> None:
    assert [piece.decode() for piece in pieces(LEXICON, word.encode())] == expected


@given(texts)
@settings(max_examples=300, deadline=None)
def test_pieces_make_up_the_pretoken(data: bytes) -> None:
    made = pieces(LEXICON, data)
    assert b"".join(made) == data
    assert all(made) or not data


def test_files_of_morphemes(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("ev\n\nler\r\n", encoding="utf-8")
    assert Lexicon.read(path) == Lexicon(("ev", "ler"))
    path = tmp_path / "tr.dic"
    path.write_text("2\nev/AB\nve\\/veya\tpo:conj\n", encoding="utf-8")
    assert Lexicon.read(path) == Lexicon(("ev", "ve/veya"))
    for content, message in (
        (b"ev\n", "starts with its number"),
        (b"1\n\n", "at least one"),
        (b"\xff", "cannot read"),
    ):
        path.write_bytes(content)
        with pytest.raises(ParameterError, match=message):
            Lexicon.read(path)


def test_counts_of_morphemes_keep_bytes_and_weights() -> None:
    table = PretokenCounts.from_mapping({"a": {b" evler": 2, b"ler": 1}, "b": {b" evler": 5}}).weighted(
        {"a": 1.5}
    )
    made = table.segmented(LEXICON)
    assert made.total_bytes == table.total_bytes
    assert made.weights == table.weights
    assert made.to_frame().select("pretoken", "group", "count").rows() == [
        (b" ev", "a", 6),
        (b" ev", "b", 10),
        (b"ler", "a", 9),
        (b"ler", "b", 10),
    ]


def _crossing(tokenizer: Tokenizer, text: str, segmenter: Lexicon | Table) -> list[bytes]:
    cuts, at = set(), 0
    for pretoken in Pretokenizer("gpt2").split(text):
        cuts |= {at + cut for cut in segmenter.cuts(pretoken)}
        at += len(pretoken)
    _, spans = tokenizer.encode_with_offsets(text)
    data = text.encode()
    return [data[a:b] for a, b in spans.tolist() if any(a < cut < b for cut in cuts)]


def test_trained_tokens_stay_inside_of_morphemes(tmp_path: Path) -> None:
    corpus = Corpus.from_texts({"tur": TEXTS})
    trained = tb.train(
        corpus, vocab_size=276, pretokenizer="gpt2", morphemes=LEXICON, special_tokens=["<n>"], steps=["case"]
    )
    plain = tb.train(corpus, vocab_size=276, pretokenizer="gpt2", special_tokens=["<n>"])
    for text in TEXTS:
        assert not _crossing(trained, text, LEXICON)
    assert any(_crossing(plain, text, LEXICON) for text in TEXTS)
    text = "Evlerde<n>KİTAPLAR"
    ids = trained.encode(text, allowed_special="all")
    assert trained.decode_text(ids) == text
    trained.save(tmp_path / "a.tokbench.json")
    again = Tokenizer.load(tmp_path / "a.tokbench.json")
    assert again.fingerprint == trained.fingerprint != plain.fingerprint
    assert again.encode(text, allowed_special="all").tolist() == ids.tolist()
    for name in ("tokenizer.json", "a.tiktoken"):
        with pytest.raises(NotRepresentableError):
            trained.save(tmp_path / name)


def test_a_callable_is_kept_as_the_cuts_it_made(tmp_path: Path) -> None:
    corpus = Corpus.from_texts({"tur": TEXTS})

    def halves(pretoken: bytes) -> list[bytes]:
        return [pretoken[:3], pretoken[3:]] if len(pretoken) > 3 else [pretoken]

    trained = tb.train(corpus, vocab_size=262, pretokenizer="gpt2", morphemes=halves)
    assert isinstance(trained, BpeTokenizer)
    table = trained.model.segmenter
    assert isinstance(table, Table)
    assert pieces(table, b" evlerde") == [b" ev", b"lerde"]
    assert pieces(table, b"unseen") == [b"unseen"]
    trained.save(tmp_path / "a.tokbench.json")
    assert Tokenizer.load(tmp_path / "a.tokbench.json").fingerprint == trained.fingerprint
    with pytest.raises(ParameterError, match="must not be empty and concatenate"):
        tb.train(corpus, vocab_size=262, morphemes=lambda pretoken: [pretoken, b"x"])
    with pytest.raises(ParameterError, match="which start does not go by"):
        tb.train(corpus, vocab_size=270, morphemes=LEXICON, start=tb.train(corpus, vocab_size=258))
    with pytest.raises(ParameterError, match="cuts words into morphemes"):
        tb.extend(trained, corpus, add=1)
    with pytest.raises(ParameterError, match="no encoding is drawn"):
        bpe_dropout(trained)


def test_wrong_tables_are_refused(tmp_path: Path) -> None:
    for row in ((b"ab", ()), (b"ab", (2,)), (b"abc", (2, 1))):
        with pytest.raises(ParameterError, match="must ascend"):
            Table((row,))
    path = tmp_path / "a.tokbench.json"
    vocab = Vocab([bytes([b]) for b in range(256)])
    BpeTokenizer(BpeModel(vocab, Merges.from_steps([]), "gpt2", segmenter=LEXICON), name="x").save(path)
    path.write_text(path.read_text(encoding="utf-8").replace('"lexicon"', '"guess"'), encoding="utf-8")
    with pytest.raises(VocabError, match="'guess' is not known"):
        Tokenizer.load(path)
    with pytest.raises(VocabError, match="normalizer or prefix space"):
        BpeModel(vocab, Merges.from_steps([]), "gpt2", segmenter=LEXICON, normalizer="nfc")


@given(documents=st.lists(texts, max_size=4))
@settings(max_examples=100, deadline=None)
def test_round_trip_batch_and_spans(documents: list[bytes]) -> None:
    vocab = Vocab([*(bytes([b]) for b in range(256)), b"ev", b"evl", b" ev"], special={"<n>": 259})
    merges = Merges.from_steps([(101, 118, 256), (256, 108, 257), (32, 256, 258)])
    tokenizer = BpeTokenizer(BpeModel(vocab, merges, "gpt2", segmenter=LEXICON), name="x")
    batch = tokenizer.encode_batch(documents, allowed_special="all", threads=2)
    assert tokenizer.decode_batch(batch) == documents
    for document, row in zip(documents, batch, strict=True):
        ids, spans = tokenizer.encode_with_offsets(document, allowed_special="all")
        assert np.array_equal(ids, row)
        assert b"".join(document[a:b] for a, b in spans.tolist()) == document
        pieced = [b"".join(pieces(LEXICON, p)) for p in Pretokenizer("gpt2").split(document)]
        assert b"".join(pieced) == document
    encoder = PieceEncoder(tokenizer.native, "gpt2", LEXICON)
    assert encoder.bounds(b" evlerde") == [3, 8]
