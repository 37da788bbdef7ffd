"""Operations: their form, what they spell, what they leave."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tokbench.bpe import EMPTY_MERGES, BpeModel
from tokbench.errors import ParameterError, VocabError
from tokbench.formats import tokbench_json
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from pathlib import Path

BYTES = [bytes([byte]) for byte in range(256)]
ROWS = [
    ("merge", 97, 98, 300),
    ("merge", 300, 99, 256),
    ("delete", 300, 97, 98),
    ("merge", 98, 99, 257),
    ("merge", 97, 98, 258),
]


def test_rows_come_back_in_order() -> None:
    operations = Operations(list(row) for row in ROWS)
    assert list(operations) == ROWS
    assert operations == Operations(ROWS)
    assert hash(operations) == hash(Operations(ROWS))
    assert operations != Operations(ROWS[:2])
    assert repr(operations) == "Operations(4 merges, 1 deletions)"
    assert operations.deleted == {300}
    assert Operations([*ROWS, ("merge", 97, 98, 300)]).deleted == set()
    assert list(operations.merges)[2] == (98, 99, 257)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("merge", 1, 2)], r"operations\[0\]: expected"),
        ([("join", 1, 2, 3)], r"operations\[0\]: expected"),
        ([("merge", 1, 2, -3)], r"operations\[0\]: expected"),
        ([("merge", 1, 2, 2**31)], r"operations\[0\]: expected"),
        ([("merge", 1, 2, 3), ("delete", 3, 1)], r"operations\[1\]: expected"),
        ([("delete", 3, 1, 2)], r"operations\[0\].*no merge has made"),
        ([("delete", 3, 1, 2), ("merge", 1, 2, 3)], r"operations\[0\].*before"),
        ([("merge", 3, 1, 4), ("merge", 1, 2, 3)], r"operations\[0\].*uses id 3 before"),
    ],
)
def test_other_forms_are_refused(rows: list[tuple[object, ...]], message: str) -> None:
    with pytest.raises(VocabError, match=message):
        Operations(rows)


def test_spelling() -> None:
    known = dict(enumerate(BYTES)) | {256: b"abc", 257: b"bc"}
    assert Operations(ROWS).spelled(known) == {300: b"ab", 258: b"ab"}
    with pytest.raises(VocabError, match=r"operations\[1\].*b'abc', but id 256"):
        Operations(ROWS).spelled(known | {256: b"abd"})
    with pytest.raises(VocabError, match=r"operations\[0\].*id 97, which is not"):
        Operations(ROWS).spelled({98: b"b"})


def test_transient_ids_must_leave() -> None:
    vocab = Vocab([*BYTES, b"abc", b"bc", b"ab"])
    model = BpeModel(vocab, Operations(ROWS), "none", method="replay")
    assert dict(model.transient) == {300: b"ab"}
    with pytest.raises(VocabError, match="makes id 300"):
        BpeModel(vocab, Operations(ROWS[:2]), "none", method="replay")
    with pytest.raises(VocabError, match="makes id 301"):
        BpeModel(Vocab(BYTES), Merges([97, 300], [98, 99], [300, 301]), "none", scaffold=(300,))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"merges": Operations(ROWS)}, "method 'merges' takes merges"),
        ({"method": "shortest"}, "'shortest' is not known"),
        ({"method": "unigram"}, "needs scores"),
        ({"method": "unigram", "scores": (0.0,)}, "1 given"),
        ({"scores": (float("nan"),) * 259}, "id 0 is nan"),
        ({"width": 0}, "width"),
        ({"steps": ("upside-down",)}, "upside-down"),
        ({"scaffold": (97,)}, "no merge makes id 97"),
        ({"supers": Merges([258], [300], [301])}, "id 300"),
    ],
)
def test_contradictions_are_refused(settings: dict[str, object], message: str) -> None:
    vocab = Vocab([*BYTES, b"abc", b"bc", b"ab"])
    parts = {"merges": EMPTY_MERGES} | settings
    with pytest.raises((VocabError, ParameterError), match=message):
        BpeModel(vocab, pretokenizer="none", **parts)  # type: ignore[arg-type]  # keywords vary by test


MODELS = [
    BpeModel(Vocab([*BYTES, b"abc", b"bc", b"ab"]), Operations(ROWS), "gpt2", method="replay"),
    BpeModel(Vocab([*BYTES, b"abc", b"bc", b"ab"]), Operations(ROWS), "gpt2", method="longest", width=2),
    BpeModel(
        Vocab([*BYTES, b"ab", b"abab"]),
        Merges([97, 98], [98, 99], [256, 300]),
        "gpt2",
        supers=Merges([256], [256], [257]),
        scaffold=(300,),
    ),
    BpeModel(
        Vocab(BYTES, special={"<end>": 300}),
        EMPTY_MERGES,
        "none",
        method="unigram",
        scores=(*(-0.1 * i for i in range(256)), *([0.0] * 45)),
    ),
    BpeModel(Vocab([*BYTES, b"ab"]), Merges([97], [98], [256]), "none", method="replay"),
]


@pytest.mark.parametrize("model", MODELS, ids=["replay", "longest", "supers", "scores", "no-deletions"])
def test_own_format_keeps_everything(tmp_path: Path, model: BpeModel) -> None:
    path = tmp_path / "a.tokbench.json"
    tokbench_json.write(model, path, name="x")
    document = json.loads(path.read_text("utf-8"))
    assert document["version"] == 2
    again = tokbench_json.parse(document, "a")[0]
    assert again == model
    assert again.fingerprint == model.fingerprint


def test_fingerprints_tell_models_apart_and_old_ones_stay() -> None:
    assert len({model.fingerprint for model in MODELS}) == len(MODELS)
    plain = BpeModel(Vocab([*BYTES, b"ab"]), Merges([97], [98], [256]), "gpt2")
    assert plain.fingerprint == "7ef3c1746bb677427730c9be8f878422bfe5370f2643de8e4bec7a2e36aa251a"
