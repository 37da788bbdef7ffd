"""Numbers, code, characters, UTF-8, reconstruction, ambiguity: worked examples and the cases without a value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tokbench as tb
from tokbench.errors import MetricError, NotEncodableError, PluginError, TokbenchError
from tokbench.evaluate import evaluate
from tokbench.metrics.ambiguity import segmentations
from tokbench.metrics.canonical import canonicality, read_ids
from tokbench.metrics.comparison import cause_of, edit_distance, kept_white_space, white_space
from tokbench.metrics.numbers import MagnitudeConsistency, direction_label
from tokbench.tokenizer import BpeTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tokbench.frame import MetricFrame

    Ints = NDArray[np.int64]


class Rows:
    def __init__(self, ids: Sequence[Sequence[int]]) -> None:
        self.ids = np.array([token for row in ids for token in row], np.uint32)
        self.offsets = np.array([0, *accumulate(map(len, ids))], np.int64)


class Cut:
    """A tokenizer that cuts where its spellings have a bar (bytes), and decodes as `back` says."""

    steps, vocab, pretokenizer, merges, kind = (), None, None, None, "cut"
    special_tokens: Mapping[str, int] = {}

    def __init__(
        self, *spellings: bytes, back: Mapping[bytes, bytes | None] | None = None, unk: bytes | None = None,
        lossless: bool = True, space: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.fingerprint, self.lossless = "cut", "f" * 32, lossless
        self._space, self._back = space, back or {}
        self._pieces = {spelling.replace(b"|", b"")[space:]: spelling.split(b"|") for spelling in spellings}
        self._ids: dict[bytes, int] = {}
        for pieces in self._pieces.values():
            for piece in pieces:
                self._ids.setdefault(piece, len(self._ids))
        self.vocab_size = len(self._ids)
        self.unk_id = None if unk is None else self._ids[unk]
        self._tokens = list(self._ids)

    def token_arrays(self) -> tuple[NDArray[np.uint8], Ints]:
        return np.frombuffer(b"".join(self._tokens), np.uint8), np.array(
            [0, *accumulate(map(len, self._tokens))], np.int64
        )

    def encode_batch(self, texts: Any, *, threads: int | None = None) -> Rows:
        del threads
        documents = [texts.data[a:b].tobytes() for a, b in pairwise(texts.offsets)]
        return Rows([[self._ids[piece] for piece in self._pieces[document]] for document in documents])

    def encode_with_offsets(self, text: bytes) -> tuple[NDArray[np.uint32], Ints]:
        pieces = self._pieces[text]
        ends = list(accumulate(map(len, pieces)))
        spans = [(min(a, len(text)), min(b, len(text))) for a, b in zip([0, *ends], ends, strict=False)]
        return np.array([self._ids[piece] for piece in pieces], np.uint32), np.array(spans, np.int64)

    def encode(self, text: bytes) -> NDArray[np.uint32]:
        return self.encode_with_offsets(text)[0]

    def token_bytes(self, token_id: int) -> bytes:
        return self._tokens[token_id]

    def decode(self, ids: NDArray[np.uint32]) -> bytes:
        text = b"".join(self._tokens[token_id] for token_id in ids.tolist())[self._space :]
        back = self._back.get(text, text)
        if back is None:
            message = "no such bytes"
            raise NotEncodableError(message)
        return back

    def decode_batch(self, rows: Any) -> list[bytes]:
        return [self.decode(row) for row in rows]


def measure(metric: str, *spellings: str | bytes, **options: Any) -> MetricFrame:
    given = [each if isinstance(each, bytes) else each.encode() for each in spellings]
    tokenizer: Any = Cut(*given, **options)
    language = "python" if metric.startswith(("ast", "identifier")) else "eng"
    texts = [document.decode("utf-8", "surrogateescape") for document in tokenizer._pieces]
    corpus = tb.Corpus.from_texts({language: [each.encode("utf-8", "surrogateescape") for each in texts]})
    return evaluate(tokenizer, corpus, metrics=[metric])


def value(metric: str, *spellings: str | bytes, **options: Any) -> float | None:
    frame = measure(metric, *spellings, **options)
    return frame.value(frame.metrics[0])


HELLO = "你|好".encode().replace(b"\xe4\xbd\xa0", b"\xe4|\xbd\xa0")


@pytest.mark.parametrize(
    ("metric", "spellings", "expected"),
    [
        ("utf8_completeness", (b"caf|\xc3|\xa9",), 1 / 3),
        ("utf8_crossing", (b"\xc3|\xa9\xe4|\xbd\xa0",), 1 / 3),
        ("utf8_completeness", (b"\xc3|\xa9\xe4|\xbd\xa0",), 0.0),
        ("character_split_rate(width=all)", (HELLO,), 1 / 2),
        ("character_split_rate(width=3)", (HELLO,), 1 / 2),
        ("character_split_rate(width=2)", (HELLO,), None),
        ("character_split_rate(width=all)", (b"\xff|\xff|a",), 0.0),
        ("grapheme_split_rate(clusters=all)", ("e|\u0301|a", "🇹|🇷"), 2 / 3),
        ("grapheme_split_rate(clusters=composed)", ("e|\u0301|a", "🇹|🇷"), 1.0),
        ("aligned_fraction", ("ab",), 1.0),
        ("digit_alignment(score=f1)", ("1|234|567",), 1.0),
        ("digit_alignment(score=f1)", ("123|456|7",), 0.0),
        ("digit_alignment(score=f1)", ("1|2|3|4|5|6|7",), 0.5),
        ("digit_alignment(score=precision)", ("1|2|3|4|5|6|7",), 2 / 6),
        ("digit_alignment(score=recall)", ("1|2|3|4|5|6|7",), 1.0),
        ("digit_alignment(score=f1)", ("123", "1|2", "7"), 2 / 3),
        ("digit_alignment(score=precision)", ("1234567",), None),
        ("digit_alignment(score=f1)", ("1234567",), 0.0),
        ("digit_alignment(score=f1)", ("no digits",), None),
        ("digit_alignment(score=f1,digits=unicode)", ("१|२३४",), 1.0),
        ("digit_alignment(score=f1,digits=ascii)", ("१|२३४",), None),
        ("digit_direction(label=right_to_left)", ("1|234", "567|8", "12|345|678", "9|8|7|6"), 0.5),
        ("digit_direction(label=single_digit)", ("1|234", "567|8", "12|345|678", "9|8|7|6"), 0.25),
        ("digit_direction(label=whole)", ("123|456",), None),
        ("digit_split_variability", ("1|23", "45|6", "789"), math.log2(3)),
        ("digit_split_variability", ("1|23", "4|56"), 0.0),
        ("digit_split_variability", ("1|23", "4|567"), None),
        ("magnitude_consistency(of=cv)", ("1", "12", "123", "12|34", "1|23|4567"), 0.420),
        ("magnitude_consistency(of=spearman)", ("1", "12", "123", "12|34", "1|23|4567"), -0.616),
        ("magnitude_consistency(of=slope)", ("1", "12", "123", "12|34", "1|23|4567"), 0.368),
        ("magnitude_consistency(of=r2)", ("1", "12", "123", "12|34", "1|23|4567"), 0.897),
        ("operator_isolation", ("3+|5|>|=|8",), 0.5),
        ("compound_preservation", ("3+|5|>|=|8",), 0.0),
        ("operator_isolation", ("a| +|  b| >= |c",), 1.0),
        ("compound_preservation", ("a|>=b",), 1.0),
        ("operator_isolation", ("a|>=b",), 0.0),
        ("operator_isolation", ("abc",), None),
        ("indentation_correlation", ("a:|\n| b:|\n|  c:|\n|   d|\n",), math.sqrt(3 / 5)),
        ("indentation_correlation", ("a:|\n| |b:|\n| | |c:|\n| | | |d|\n",), 1.0),
        ("indentation_correlation", ("a|\nb",), None),
        ("holding_length", ("ab|cdef|ghi",), 29 / 9),
        ("visible_characters", ("a|bc d|e",), 3 / 5),
        ("cut_entropy", ("a|b", "cd"), 1.0),
        ("cut_entropy", ("a|b", "c|d"), 0.0),
        ("cut_entropy", ("a",), None),
        ("exact_match", ("ab", "c"), 1.0),
        ("cer", ("ab", "c"), 0.0),
        ("whitespace_fidelity(of=all)", ("ab",), None),
        ("segmentation_bits", ("a|aa",), math.log2(3) / 3),
        ("duplicate_surfaces", ("a|aa",), 0.0),
        ("variant_families(kind=case)", ("a|A|b",), 1.5),
        ("variant_families(kind=space)", ("a| a|b",), 1.5),
        ("variant_families(kind=normal_form)", ("é|e\u0301|b",), 1.5),
        ("variant_families(kind=any)", ("é| E\u0301|b",), 1.5),
        ("variant_exposure(kind=case)", ("a|A|b|a",), 0.75),
    ],
)  # fmt: skip
def test_worked_example(metric: str, spellings: tuple[str | bytes, ...], expected: float | None) -> None:
    found = value(metric, *spellings)
    assert (
        found is None
        if expected is None
        else found == pytest.approx(expected, abs=6e-4 if "magnitude" in metric else 1e-9)
    )


def test_magnitude_consistency_to_the_last_digit() -> None:
    frame = measure("magnitude_consistency", "1", "12", "123", "12|34", "1|23|4567")
    values = {metric.split("of=")[1].split(",")[0]: frame.value(metric) for metric in frame.metrics}
    costs = np.array([1, 1 / 2, 1 / 3, 1 / 2, 3 / 7])
    assert values["cv"] == pytest.approx(costs.std() / costs.mean(), abs=1e-12)
    assert values["slope"] == pytest.approx(7.8 / 21.2, abs=1e-12)
    assert values["r2"] == pytest.approx(7.8**2 / (21.2 * 3.2), abs=1e-12)


@pytest.mark.parametrize(
    ("before", "back", "rate"), [(b"hello", b"helo", 0.2), (b"a", b"abcd", 3.0), (b"a b\tc", b"a b c", 0.2)]
)
def test_character_error_rate(before: bytes, back: bytes, rate: float) -> None:
    assert value("cer", before, back={before: back}) == pytest.approx(rate, abs=1e-12)
    assert value("exact_match", before, back={before: back}) == 0.0


def test_white_space_that_comes_back() -> None:
    text = b"if a:\n\tb  c\n   d\n"
    back = {text: b"if a:\n b  c\n   d\n"}
    frame = measure("whitespace_fidelity", text, back=back)
    values = [frame.value(metric) for metric in frame.metrics]
    assert values == pytest.approx([9 / 10, 1 / 2, 1.0, 0.0])
    assert value("whitespace_fidelity(of=all)", b"a b\tc", back={b"a b\tc": b"a b c"}) == 0.5


def test_causes_of_a_loss() -> None:
    back = {
        b"A b": b"a b",
        b"c  d": b"c d",
        "é".encode(): b"e",
        "ﬁ".encode(): b"fi",
        b"x?y": b"x?",
        b"abc": b"abd",
    }
    frame = measure("loss_cause", *back, "x|?|y", b"same", back=back, unk=b"?")
    values = {metric.split("=")[1].strip(")"): frame.value(metric) for metric in frame.metrics}
    assert values == dict.fromkeys(values, pytest.approx(1 / 7))
    assert cause_of("A  b", "a b", has_unknown=False) == "case"


def test_a_document_that_cannot_be_decoded_is_counted() -> None:
    back: dict[bytes, bytes | None] = {b"bad": None}
    assert value("decode_failures", b"bad", b"good", back=back) == 0.5
    assert value("exact_match", b"bad", b"good", back=back) == 0.5
    assert value("cer", b"bad", b"good", back=back) == pytest.approx(3 / 7)


def test_empty_text_has_no_value_but_a_reason() -> None:
    names = [
        "utf8_completeness", "character_split_rate(width=all)", "grapheme_split_rate(clusters=all)",
        "digit_alignment(score=f1)",
        "operator_isolation", "cer", "holding_length", "cut_entropy", "segmentation_bits",
        "magnitude_consistency(of=cv)",
        "whitespace_fidelity(of=all)", "indentation_correlation", "aligned_fraction", "variant_exposure(kind=any)",
    ]  # fmt: skip
    tokenizer = tb.train(tb.count(tb.Corpus.from_texts({"eng": ["ab ab"]}), "gpt2"), vocab_size=257)
    frame = evaluate(tokenizer, tb.Corpus.from_texts({"eng": [""]}), metrics=names)
    rows = frame.filter(group="all").frame
    assert rows["value"].is_null().all()
    assert rows["reason"].is_not_null().all()
    assert (
        evaluate(tokenizer, tb.Corpus.from_texts({"eng": [""]}), metrics="exact_match").value("exact_match")
        == 1.0
    )


def test_a_space_put_before_the_text_and_unknown_tokens() -> None:
    spaced = {"lossless": False, "space": True}
    assert value("digit_alignment(score=f1)", b" 1|234", **spaced) == 1.0
    assert value("aligned_fraction", b" 1|234", **spaced) == 1.0
    assert value("segmentation_bits", b" a|b", **spaced) == 0.0
    unknown = {"unk": b"<unk>", "lossless": False}
    assert value("utf8_completeness", b"<unk>", **unknown) is None
    assert value("character_split_rate(width=all)", b"<unk>", **unknown) is None


def test_parameters_are_checked() -> None:
    for spelling in (
        "character_split_rate(width=5)", "grapheme_split_rate(clusters=some)", "digit_alignment(score=f2)",
        "digit_direction(label=up)", "digit_split_variability(digits=roman)", "magnitude_consistency(of=p)",
        "operator_isolation(operators=few)", "ast_alignment(edge=middle)", "ast_alignment(category=noun)",
        "identifier_fragmentation(of=x)", "whitespace_fidelity(of=x)", "loss_cause(cause=x)",
        "variant_families(kind=x)",
        "variant_exposure(kind=x)", "holding_length(word=x)",
    ):  # fmt: skip
        with pytest.raises(MetricError, match="known"):
            value(spelling, "a")


def test_direction_labels() -> None:
    assert direction_label(np.array([0, 0, 9, 1, 0])) == "single_digit"
    assert direction_label(np.array([5, 5, 0, 0, 0])) == "mixed"
    assert direction_label(np.zeros(5, np.int64)) == "no runs"


def test_consistency_needs_three_lengths() -> None:
    frame = measure("magnitude_consistency(of=r2)", "1", "12")
    assert "2 lengths" in str(frame.frame["reason"][0])
    assert MagnitudeConsistency(of="slope").unit() == "tokens/digit"


def test_comparison_of_texts() -> None:
    assert white_space("\n\n a\u3000b").characters == 4
    assert kept_white_space("  a", " a").indents == 0
    assert kept_white_space(" a", "  a").indents == 0
    assert kept_white_space("x\n  a", "x\n  a!").indents == 1
    assert edit_distance("", "") == 0


# -- syntax --------------------------------------------------------------------------------------------------------

PROGRAM = "def f|oo(|x|):|\n|   | return x| >|= 1|\n"


def test_syntax_leaves() -> None:
    pytest.importorskip("tree_sitter_python", reason="the extra code: pip install tokbench[code]")
    # Leaves: def foo ( x ) : return x >= 1
    frame = measure("ast_alignment", PROGRAM)
    values = [frame.value(metric) for metric in frame.metrics]
    # Met starts: def, x, ), return, >=; met ends: (, x, :, x, 1; both: x, which is one token.
    assert values == pytest.approx([5 / 10, 5 / 10, 1 / 10, 1 / 10])
    assert value("ast_crossing", PROGRAM) == pytest.approx(5 / 7)
    assert value("identifier_fragmentation(of=split)", PROGRAM) == pytest.approx(1 / 3)
    assert value("identifier_fragmentation(of=tokens)", PROGRAM) == pytest.approx(4 / 3)


def test_identifier_fragmentation_of_the_catalogue() -> None:
    pytest.importorskip("tree_sitter_python", reason="the extra code: pip install tokbench[code]")
    names = [f"v{number}" for number in range(15)]
    cut = ["a|b|c", "d|e|f|g", "h|i|j", "k|l|m"]
    program = "|=|0|\n|".join([*names, *cut]) + "|=|0"
    assert value("identifier_fragmentation(of=split)", program) == pytest.approx(4 / 19, abs=1e-12)
    assert value("identifier_fragmentation(of=tokens)", program) == pytest.approx(28 / 19, abs=1e-12)


def test_without_a_grammar_the_reason_says_so() -> None:
    tokenizer: Any = Cut(b"x|=|1")
    corpus = tb.Corpus.from_texts({"klingon": ["x=1"]})
    frame = evaluate(tokenizer, corpus, metrics=["ast_alignment(edge=full)"])
    assert frame.value(frame.metrics[0]) is None
    assert "klingon is no programming language" in str(frame.frame["reason"][0])


def test_without_the_extra_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from tokbench.interop import tree_sitter

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install tokbench[code]" in tree_sitter.missing("python")
    with pytest.raises(PluginError, match="tree-sitter"):
        tree_sitter.parse_leaves("python", b"x")


# -- ambiguity -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> BpeTokenizer:
    corpus = tb.Corpus.from_texts({"eng": ["the theory of the other then", "these others"]})
    made = tb.train(tb.count(corpus, "gpt2"), vocab_size=270)
    assert isinstance(made, BpeTokenizer)
    return made


def test_segmentations(trained: BpeTokenizer) -> None:
    assert segmentations(trained, "") == 1
    brute = [
        [first]
        for first in trained.vocab
        if trained.token_bytes(first) == b"the"[: len(trained.token_bytes(first))]
    ]
    finished = 0
    while brute:
        row = brute.pop()
        text = b"".join(map(trained.token_bytes, row))
        if text == b"the":
            finished += 1
            continue
        brute += [
            [*row, each] for each in trained.vocab if b"the".startswith(text + trained.token_bytes(each))
        ]
    assert segmentations(trained, "the") == finished > 1


def test_canonicality(trained: BpeTokenizer, tmp_path: Path) -> None:
    own = trained.encode("the other").tolist()
    letters = {letter: trained.vocab.id_of(letter.encode()) for letter in "the or"}
    other = [letters[letter] for letter in "the other"]
    mixed = [*other[:3], *trained.encode(" other").tolist()]
    found = canonicality(trained, [own, other, mixed, []])
    assert (found.n_rows, found.canonical_rows, found.not_text) == (4, 2, 0)
    assert found.row_rate == 0.5
    assert found.n_ids == len(own) + len(other) + len(mixed)
    assert found.canonical_ids >= len(own) + len(trained.encode(" other"))
    assert found.examples[0] == (1, tuple(other), tuple(own))
    flat = canonicality(trained, [*own, *other], [0, len(own), len(own) + len(other)])
    assert flat.row_rate == 0.5
    file = tmp_path / "ids.txt"
    file.write_text("1 2 3\n\n[4, 5]\n")
    assert [row.tolist() for row in read_ids(file)] == [[1, 2, 3], [], [4, 5]]
    np.save(tmp_path / "ids.npy", np.array([7, 8]))
    assert read_ids(tmp_path / "ids.npy")[0].tolist() == [7, 8]
    file.write_text("1 x 3\n")
    with pytest.raises(MetricError, match="line 1: 'x' is no id"):
        read_ids(file)
    assert canonicality(trained, []).row_rate is None


def test_canonicality_refuses_unknown_ids(trained: BpeTokenizer) -> None:
    with pytest.raises(TokbenchError, match="no token with id 99999"):
        canonicality(trained, [[99999]])
    with pytest.raises(MetricError, match="list of rows"):
        canonicality(trained, [1, 2])


# -- the built-in probes -------------------------------------------------------------------------------------------


def test_the_probes_have_three_domains_and_parse() -> None:
    pytest.importorskip("tree_sitter_python", reason="the extra code: pip install tokbench[code]")
    from tokbench.interop.tree_sitter import parse_leaves

    probes = tb.corpora.load("probes")
    domains = {probes.metadata[group]["domain"] for group in probes.languages}
    assert domains == {"numbers", "math", "code"}
    for group in probes.languages:
        if probes.metadata[group]["domain"] == "code":
            for batch in probes.batches(group):
                for begin, end in pairwise(batch.offsets.tolist()):
                    program = batch.data[begin:end].tobytes()
                    leaves = parse_leaves(group, program)
                    # Every byte that is no white space lies in a leaf.
                    held = b"".join(program[start:stop] for start, stop, _ in leaves)
                    assert len(leaves) > 10
                    assert sorted(b"".join(held.split())) == sorted(b"".join(program.split()))


def test_domains_are_reported_apart(trained: BpeTokenizer) -> None:
    probes = tb.corpora.load("probes")
    frame = evaluate(trained, probes, metrics=["operator_isolation", "digit_direction"], by="domain")
    name = "operator_isolation(operators=common)"
    assert frame.value(name, group="math") == frame.value(name, group="code") == 1.0
    assert frame.value(name, group="numbers") is None
    assert frame.value("digit_direction(label=single_digit,digits=ascii)") == 1.0
