"""The worked examples of the metric definitions, and the cases where a metric has no value."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tokbench.errors import MetricError
from tokbench.evaluate import evaluate
from tokbench.metrics.fairness import gini
from tokbench.metrics.information import renyi_bits
from tokbench.metrics.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tokbench.frame import MetricFrame


@dataclass(frozen=True)
class Rows:
    """Documents or ids back to back."""

    data: NDArray[np.uint8]
    ids: NDArray[np.uint32]
    offsets: NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """A corpus held in a mapping."""

    texts: Mapping[str, Sequence[str]]
    parallel: bool = False
    name: str = "texts"
    fingerprint: str = "c" * 32
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.texts)

    def batches(self, language: str) -> Iterator[Rows]:
        documents = [text.encode() for text in self.texts[language]]
        offsets = np.array([0, *accumulate(map(len, documents))], np.int64)
        yield Rows(np.frombuffer(b"".join(documents), np.uint8), np.empty(0, np.uint32), offsets)


class Spelled:
    """A tokenizer that cuts a document where its spelling has a bar, and before nothing else."""

    lossless = True
    steps = ()
    special_tokens: Mapping[str, int] = {"<end>": 99}

    def __init__(
        self, *spellings: str, vocab_size: int = 100, unk: str | None = None, name: str = "spelled"
    ) -> None:
        self.name, self.vocab_size, self.fingerprint = name, vocab_size, "f" * 32
        self._pieces = {spelling.replace("|", "").encode(): spelling.split("|") for spelling in spellings}
        self._ids: dict[str, int] = {}
        for pieces in self._pieces.values():
            for piece in pieces:
                self._ids.setdefault(piece, len(self._ids))
        self.unk_id = None if unk is None else self._ids[unk]

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        tokens = [piece.encode() for piece in self._ids]
        return np.frombuffer(b"".join(tokens), np.uint8), np.array(
            [0, *accumulate(map(len, tokens))], np.int64
        )

    def encode_batch(self, texts: Rows, *, threads: int | None = None) -> Rows:
        del threads
        bounds = zip(texts.offsets[:-1], texts.offsets[1:], strict=True)
        documents = [texts.data[begin:end].tobytes() for begin, end in bounds]
        ids = [
            [self._ids[piece] for piece in self._pieces[document]] if document else []
            for document in documents
        ]
        offsets = np.array([0, *accumulate(map(len, ids))], np.int64)
        return Rows(texts.data, np.array([token for row in ids for token in row], np.uint32), offsets)

    def encode_with_offsets(self, text: bytes) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        pieces = self._pieces[text] if text else []
        ends = list(accumulate(len(piece.encode()) for piece in pieces))
        ids = np.array([self._ids[piece] for piece in pieces], np.uint32)
        return ids, np.array([*zip([0, *ends], ends, strict=False)], np.int64).reshape(-1, 2)


def measure(metric: str, *spellings: str, **options: object) -> MetricFrame:
    texts = {"eng": [spelling.replace("|", "") for spelling in spellings]}
    return evaluate(Spelled(*spellings, **options), Texts(texts), metrics=[metric])  # type: ignore[arg-type]  # options of Spelled


def value(metric: str, *spellings: str, **options: object) -> float | None:
    return measure(metric, *spellings, **options).value(metric)


PICK_1 = ("pick|@ed|pick|@l|@ed|pick|@les",)
PICK_2 = ("pick|@e|@d|pick|@l|@e|@d|pick|@l|@e|@s",)


@pytest.mark.parametrize(
    ("metric", "spellings", "expected"),
    [
        ("tokens", ("a|b|c|d|e|f|g", "a|b|c|d|e|f|g|h|i|j|k"), 18),
        ("characters_per_token", ("na|ïve",), 2.5),
        ("bytes_per_token", ("na|ïve",), 3.0),
        ("tokens_per_byte", ("na|ïve",), 1 / 3),
        ("tokens_per_character", ("na|ïve",), 0.4),
        ("tokens_per_line", ("a|\n|b", "c"), 4 / 3),
        ("tokens_per_document", ("a|\n|b", "c"), 2.0),
        ("fertility", ("un|happ|ily| ran",), 2.0),
        ("strr", ("the| cat| un|happ|ily| sat",), 0.75),
        ("pcw", ("the| cat| un|happ|ily| sat",), 0.25),
        ("strr", ("of the| cat",), 1.0),
        ("shannon_entropy", PICK_1, 1.8423709931771086),
        ("shannon_entropy", PICK_2, 2.2312707360102),
        ("shannon_efficiency(vocabulary=observed)", PICK_1, 0.9212),
        ("shannon_efficiency(vocabulary=observed)", PICK_2, 0.9610),
        ("renyi_entropy(alpha=2.5)", PICK_1, 1.6530),
        ("renyi_efficiency(alpha=2.5,vocabulary=observed)", PICK_1, 0.8265),
        ("renyi_efficiency(alpha=2.5,vocabulary=observed)", PICK_2, 0.9205),
        ("renyi_efficiency(alpha=2.5,vocabulary=declared)", PICK_1, 1.6530 / math.log2(100)),
        ("renyi_entropy(alpha=0)", PICK_1, 2.0),
        ("renyi_entropy(alpha=inf)", PICK_1, -math.log2(3 / 7)),
        ("vocabulary_utilisation", PICK_1, 0.04),
        ("vocabulary_utilisation(vocabulary=regular)", PICK_1, 4 / 99),
        ("type_token_ratio", PICK_1, 4 / 7),
        ("vocabulary_size", PICK_1, 100),
    ],
)
def test_worked_example(metric: str, spellings: tuple[str, ...], expected: float) -> None:
    assert value(metric, *spellings) == pytest.approx(expected, abs=6e-5)


def test_unknown_rate_counts_the_unknown_token() -> None:
    assert value("unk_rate", "a|?|b|?", unk="?") == 0.5
    frame = measure("unk_rate", "a|b")
    assert frame.value("unk_rate") is None
    assert set(frame.frame["reason"]) == {"the tokenizer declares no unknown token"}


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("bytes_per_token", "no tokens"),
        ("characters_per_token", "no tokens"),
        ("fertility(word=python_split)", "no words"),
        ("strr(word=uax29)", "no words"),
        ("pcw(word=hf_whitespace)", "no words"),
        ("shannon_entropy", "no tokens"),
        ("renyi_entropy", "no tokens"),
        ("renyi_efficiency", "no tokens"),
        ("type_token_ratio", "no tokens"),
        ("tokens_per_byte", "no bytes"),
        ("gini", "0 groups with a cost, at least 2 needed"),
        ("utilisation_cov", "1 groups with a utilisation, at least 2 needed"),
    ],
)
def test_empty_text_is_null_with_a_reason(metric: str, reason: str) -> None:
    frame = evaluate(Spelled("a"), Texts({"eng": [""]}, parallel=metric == "gini"), metrics=[metric])
    assert frame.frame["value"].null_count() == len(frame)
    assert set(frame.frame["reason"]) == {reason}


def test_counts_of_empty_text_are_zero_and_counts_of_nothing_are_null() -> None:
    tokenizer = Spelled("a")
    assert evaluate(tokenizer, Texts({"eng": [""]}), metrics=["tokens"]).value("tokens") == 0
    nothing = evaluate(tokenizer, Texts({"eng": []}), metrics=["tokens", "tokens_per_document"])
    assert set(nothing.frame["reason"]) == {"no documents"}


def test_one_observed_type_has_no_efficiency() -> None:
    frame = measure("renyi_efficiency(vocabulary=observed)", "a|a|a")
    assert frame.value("renyi_efficiency") is None
    assert value("renyi_efficiency(vocabulary=declared)", "a|a|a") == 0


def test_parity_is_the_ratio_of_token_counts() -> None:
    long, short = "|".join("abcdefghijklmn"), "|".join("ABCDEFGHIJ")
    corpus = Texts({"eng": [short.replace("|", "")], "tur": [long.replace("|", "")]}, parallel=True)
    frame = evaluate(Spelled(long, short), corpus, metrics=["parity", "cost_ratio", "premium(reference=tur)"])
    assert frame.value("parity(reference=eng)", group="tur") == pytest.approx(1.4)
    assert frame.value("parity(reference=eng)", group="eng") == 1
    assert frame.value("parity(reference=eng)", group="macro") == pytest.approx(1.4)
    assert frame.value("parity(reference=tur)", group="eng") == pytest.approx(1 / 1.4)
    assert frame.value("cost_ratio(per=document)") == pytest.approx(1.4)


def test_a_language_of_empty_documents_has_no_premium_and_no_cost() -> None:
    corpus = Texts({"eng": ["ab"], "tur": ["cde"], "ell": [""]}, parallel=True)
    metrics = ["parity(reference=eng)", "gini", "cost_ratio", "gini(per=byte)"]
    frame = evaluate(Spelled("a|b", "c|d|e"), corpus, metrics=metrics)
    rows = {(row["metric"], row["group"]): row for row in frame.frame.iter_rows(named=True)}
    premium = rows["parity(reference=eng)", "ell"]
    assert (premium["value"], premium["reason"]) == (None, "no tokens")
    mean = rows["parity(reference=eng)", "macro"]
    assert (mean["value"], mean["n"]) == (1.5, 1)
    assert frame.value("gini(per=document)") == pytest.approx(gini([2.0, 3.0]))
    assert frame.value("cost_ratio(per=document)") == 1.5
    assert [rows[name, "all"]["n"] for name in frame.metrics[1:]] == [2, 2, 2]


def test_the_mean_premium_of_empty_languages_says_why_it_is_null() -> None:
    corpus = Texts({"eng": ["ab"], "ell": [""]}, parallel=True)
    frame = evaluate(Spelled("a|b"), corpus, metrics=["parity(reference=eng)"])
    assert frame.filter(group="macro").frame["reason"].item() == "no tokens"


def test_gini_of_costs_1_2_3() -> None:
    corpus = Texts({"x": ["a"], "y": ["bc"], "z": ["def"]}, parallel=True)
    tokenizer = Spelled("a", "b|c", "d|e|f")
    frame = evaluate(tokenizer, corpus, metrics=["gini", "gini(per=byte)", "gini(per=character)"])
    assert frame.value("gini(per=document)") == pytest.approx(8 / 36)
    assert frame.value("gini(per=byte)") == 0
    assert frame.value("gini(per=character)") == 0
    assert gini([1.0, 2.0, 3.0]) == pytest.approx(8 / 36)


def test_gini_is_per_byte_where_text_is_not_parallel() -> None:
    corpus = Texts({"x": ["a"], "y": ["bc", "d"]})
    frame = evaluate(Spelled("a", "bc", "d"), corpus, metrics=["gini"])
    assert frame.metrics == ["gini(per=byte)"]
    assert frame.value("gini") == pytest.approx(gini([1, 2 / 3]))


def test_variation_of_utilisation() -> None:
    corpus = Texts({"x": ["ab"], "y": ["abc"], "z": ["abcd"]})
    tokenizer = Spelled("a|b", "a|b|c", "a|b|c|d", vocab_size=10)
    assert evaluate(tokenizer, corpus, metrics=["utilisation_cov"]).value("utilisation_cov") == pytest.approx(
        1 / 3
    )


def test_nsl_is_the_ratio_to_the_named_reference() -> None:
    text = "x" * 150
    longer = Spelled("|".join(text), name="longer")
    shorter = Spelled("|".join(["xx"] * 30 + ["x"] * 90), name="shorter")
    corpus = Texts({"eng": [text]})
    frame = evaluate([longer, shorter], corpus, metrics=["nsl", "nsl(reference=shorter)"])
    assert frame.value("nsl(reference=longer)", tokenizer="shorter") == pytest.approx(0.8)
    assert frame.value("nsl(reference=shorter)", tokenizer="longer", group="eng") == pytest.approx(1.25)
    assert frame.value("nsl(reference=longer)", tokenizer="longer") == 1


def test_a_lossy_tokenizer_is_cut_at_its_own_offsets() -> None:
    tokenizer = Spelled("un|do| it")
    tokenizer.lossless = False
    assert evaluate(tokenizer, Texts({"eng": ["undo it", ""]}), metrics=["strr"]).value("strr") == 0.5


def test_a_false_claim_of_losslessness_is_found() -> None:
    class Lossy(Spelled):
        def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
            return np.full(100, 63, np.uint8), np.arange(101)

    with pytest.raises(MetricError, match=r"spelled.*lossless.*document 1 .*1 bytes of 2"):
        evaluate(Lossy("a", "bc"), Texts({"eng": ["a", "bc"]}), metrics=["strr"])


def test_renyi_does_not_underflow() -> None:
    counts = np.full(200_000, 5)
    assert renyi_bits(counts, 80.0) == pytest.approx(math.log2(200_000))


INTERRUPTED = """
import signal
import warnings
import numba
import numpy as np
from tokbench.metrics import kernels

numba_njit = numba.njit

def njit(*args, **options):
    numba.njit = numba_njit
    signal.raise_signal(signal.SIGINT)
    made = numba_njit(*args, **options)
    compiled.append(made)
    return made

compiled = []
numba.njit = njit
warnings.simplefilter("error")
try:
    kernels.count_types(np.zeros(1, np.uint32), 1)
except KeyboardInterrupt:
    assert len(compiled) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    raise SystemExit(7)
"""


def test_ctrl_c_while_a_kernel_compiles_interrupts() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", INTERRUPTED], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 7, done.stderr


def test_only_a_missing_cache_directory_is_worked_around(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("LLVM is out of order")

    monkeypatch.setattr("numba.njit", broken)
    with pytest.raises(RuntimeError, match="out of order"):
        kernel("int64(int64)")(lambda number: number)(1)


@pytest.mark.parametrize(
    "metric",
    [
        "renyi_entropy(alpha=-1)",
        "renyi_efficiency(alpha=nan)",
        "renyi_efficiency(vocabulary=real)",
        "fertility(word=spaces)",
        "gini(per=word)",
        "vocabulary_utilisation(vocabulary=all)",
    ],
)
def test_parameters_out_of_range_are_refused(metric: str) -> None:
    with pytest.raises(MetricError):
        value(metric, "a")
