"""evaluate: one encode per tokenizer and batch, rows for groups, pooled and mean, and loud refusals."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rich.console import Console

from tokbench.errors import MetricError
from tokbench.evaluate import DEFAULT_METRICS, evaluate
from tokbench.measurement import CorpusMetric, Statistic, Stats, Value
from tokbench.metrics.counting import Tokens
from tokbench.plugin import describe
from tokbench.report.table import print_frame
from tokbench.uncertainty.resampling import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

SCRIPTS = {"eng": {"script": "Latn"}, "tur": {"script": "Latn"}, "ell": {"script": "Grek"}}
PARALLEL = {
    "eng": ["the sea is calm", "we walk home"],
    "tur": ["deniz sakin", "eve yürüyoruz"],
    "ell": ["η θάλασσα είναι ήρεμη", "πάμε σπίτι"],
}


@dataclass(frozen=True)
class Rows:
    data: NDArray[np.uint8]
    ids: NDArray[np.uint32]
    offsets: NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    texts: Mapping[str, Sequence[str]]
    parallel: bool = False
    name: str = "texts"
    fingerprint: str = "0123456789abcdef0123456789abcdef"
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    batch: int = 1000

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.texts)

    def batches(self, language: str) -> Iterator[Rows]:
        documents = [text.encode() for text in self.texts[language]]
        for at in range(0, len(documents), self.batch):
            part = documents[at : at + self.batch]
            offsets = np.array([0, *accumulate(map(len, part))], np.int64)
            yield Rows(np.frombuffer(b"".join(part), np.uint8), np.empty(0, np.uint32), offsets)


@dataclass(eq=False)
class Chunks:
    """Cuts every `size` bytes; the id is the first byte."""

    size: int
    calls: Counter[bytes] = field(default_factory=Counter)
    vocab_size: int = 256
    lossless: bool = False
    steps: tuple[str, ...] = ()
    unk_id: int | None = None
    special_tokens: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"chunks{self.size}"

    @property
    def fingerprint(self) -> str:
        return f"{self.size:032d}"

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return np.arange(256).repeat(self.size).astype(np.uint8), np.arange(257) * self.size

    def encode_batch(self, texts: Rows, *, threads: int | None = None) -> Rows:
        del threads
        self.calls[texts.data.tobytes()] += 1
        ids, offsets = [], [0]
        for begin, end in zip(texts.offsets[:-1], texts.offsets[1:], strict=True):
            ids += texts.data[begin : end : self.size].tolist()
            offsets.append(len(ids))
        return Rows(texts.data, np.array(ids, np.uint32), np.array(offsets, np.int64))

    def encode_with_offsets(self, text: bytes) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        starts = np.arange(0, len(text), self.size)
        ids = np.frombuffer(text, np.uint8)[:: self.size].astype(np.uint32)
        return ids, np.stack([starts, np.minimum(starts + self.size, len(text))], 1)


TWO = [Chunks(1), Chunks(3)]
CORPUS = Texts(PARALLEL, parallel=True, metadata=SCRIPTS)


def n_tokens(language: str, size: int) -> int:
    return sum(-(-len(text.encode()) // size) for text in PARALLEL[language])


def test_each_batch_is_encoded_once_for_all_metrics() -> None:
    one = Chunks(1)
    evaluate(one, replace(CORPUS, batch=1))
    assert len(one.calls) == 6
    assert set(one.calls.values()) == {1}


def test_fingerprints_are_hashed_once() -> None:
    calls = []

    class Slow(Chunks):
        @property
        def fingerprint(self) -> str:
            calls.append(self.size)
            return "f" * 32

    evaluate([Slow(1), Slow(3)], CORPUS)
    assert calls == [1, 3]


def test_groups_pool_and_mean() -> None:
    frame = evaluate(TWO, CORPUS, metrics=["tokens", "bytes_per_token"]).filter(tokenizer="chunks3")
    counts = {language: n_tokens(language, 3) for language in PARALLEL}
    for language, count in counts.items():
        assert frame.value("tokens", group=language) == count
    assert frame.value("tokens") == sum(counts.values())
    assert frame.value("tokens", group="macro") == pytest.approx(sum(counts.values()) / 3)
    sizes = {language: sum(len(text.encode()) for text in texts) for language, texts in PARALLEL.items()}
    assert frame.value("bytes_per_token") == pytest.approx(sum(sizes.values()) / sum(counts.values()))
    mean = sum(sizes[language] / counts[language] for language in PARALLEL) / 3
    assert frame.value("bytes_per_token", group="macro") == pytest.approx(mean)
    aggregations = dict(frame.filter(metric="bytes_per_token").frame.select("group", "aggregation").rows())
    assert aggregations["all"] == aggregations["eng"] == "ratio_of_sums"
    assert aggregations["macro"] == "macro_languages"
    assert dict(frame.filter(metric="tokens").frame.select("group", "n").rows()) == {
        "eng": 2, "tur": 2, "ell": 2, "all": 6, "macro": 3,
    }  # fmt: skip


def test_batches_do_not_change_a_value() -> None:
    whole = evaluate(TWO, CORPUS).frame
    assert whole.equals(evaluate(TWO, replace(CORPUS, batch=1)).frame)


def test_the_default_metrics_on_parallel_text() -> None:
    frame = evaluate(TWO, CORPUS)
    assert [metric.partition("(")[0] for metric in frame.metrics] == list(DEFAULT_METRICS)
    assert frame.filter(metric="parity").metrics == ["parity(reference=eng)"]
    assert frame.filter(metric="gini").metrics == ["gini(per=document)"]


def test_the_signature_says_how_to_get_the_number_again() -> None:
    frame = evaluate(Chunks(3), CORPUS, metrics=["fertility(word=uax29)"])
    signature = frame.filter(group="all").frame["signature"].item()
    assert signature == (
        "fertility(word=uax29)|agg:ratio_of_sums|by:language|corpus:texts@0123456789abcdef|"
        "tokenizer:chunks3@0000000000000000|tokbench:0.1.0"
    )
    assert frame.provenance["metrics"] == ["fertility(word=uax29)"]


def test_the_evaluation_fills_open_parameters_only() -> None:
    frame = evaluate(Chunks(3), CORPUS, metrics=["fertility", "strr(word=uax29)"], word="hf_whitespace")
    assert frame.metrics == ["fertility(word=hf_whitespace)", "strr(word=uax29)"]


def test_a_metric_asked_for_twice_is_reported_once() -> None:
    metrics = ["fertility", "fertility(word=python_split)", "fertility(word=uax29)"]
    assert len(evaluate(Chunks(3), CORPUS, metrics=metrics).metrics) == 2


def test_grouping_by_a_column_pools_its_languages() -> None:
    frame = evaluate(Chunks(3), CORPUS, by="script")
    assert frame.groups == ["Latn", "Grek"]
    assert frame.value("tokens", group="Latn") == n_tokens("eng", 3) + n_tokens("tur", 3)
    assert frame.filter(metric="tokens", group="macro").frame["aggregation"].item() == "macro_script"
    assert frame.filter(metric="gini").metrics == ["gini(per=byte)"]
    with pytest.raises(MetricError, match=r"no column family for the language eng.*script"):
        evaluate(Chunks(3), CORPUS, by="family")
    with pytest.raises(MetricError, match="parity compares languages"):
        evaluate(Chunks(3), CORPUS, by="script", metrics=["parity"])


def test_text_that_is_not_parallel_has_no_parity() -> None:
    loose = replace(CORPUS, parallel=False)
    frame = evaluate(TWO, loose)
    reasons = frame.filter(metric="parity").frame["reason"].unique().to_list()
    assert len(reasons) == 1
    assert "does not say that its languages (eng, tur, ell) are parallel" in reasons[0]
    assert frame.filter(metric="gini").metrics == ["gini(per=byte)"]
    for options in ({"metrics": ["parity"]}, {"metrics": ["gini(per=document)"]}, {"reference": "tur"}):
        with pytest.raises(MetricError, match="parallel=True"):
            evaluate(TWO, loose, **options)


def test_lines_that_do_not_match_are_named_with_their_counts() -> None:
    short = Texts({**PARALLEL, "tur": PARALLEL["tur"][:1]}, parallel=True)
    with pytest.raises(MetricError, match="eng 2, tur 1, ell 2"):
        evaluate(TWO, short, metrics=["parity"])
    assert "eng 2, tur 1" in evaluate(TWO, short).filter(metric="parity").frame["reason"][0]


def test_one_language_has_values_but_no_comparison() -> None:
    frame = evaluate(TWO[1], Texts({"tur": PARALLEL["tur"]}, parallel=True))
    assert frame.value("parity(reference=tur)", group="tur") == 1
    assert frame.value("parity", group="macro") is None
    assert frame.value("gini") is None
    assert frame.value("tokens") == frame.value("tokens", group="macro") == n_tokens("tur", 3)


def test_a_corpus_without_languages_is_one_group() -> None:
    frame = evaluate(Chunks(3), Texts({"all": PARALLEL["eng"]}))
    assert frame.value("tokens") == n_tokens("eng", 3)
    assert frame.filter(metric="tokens").frame["group"].to_list() == ["all", "macro"]
    for name in ("all", "macro"):
        with pytest.raises(MetricError, match=f"cannot be called '{name}'"):
            evaluate(Chunks(3), Texts({"eng": ["a"], name: ["b"]}))


def test_an_empty_language_does_not_make_the_others_undefined() -> None:
    frame = evaluate(Chunks(3), Texts({"eng": ["abc"], "tur": []}), metrics=["bytes_per_token", "tokens"])
    assert frame.value("bytes_per_token", group="tur") is None
    assert frame.value("bytes_per_token", group="macro") == 3
    assert frame.filter(group="macro", metric="bytes_per_token").frame["n"].item() == 1


def test_names_tell_tokenizers_apart() -> None:
    with pytest.raises(MetricError, match="two tokenizers are called 'chunks3'"):
        evaluate([Chunks(3), Chunks(3)], CORPUS)
    frame = evaluate({"old": Chunks(3), "new": Chunks(2)}, CORPUS, metrics=["nsl"], baseline="new")
    assert frame.tokenizers == ["old", "new"]
    assert frame.metrics == ["nsl(reference=new)"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["fertilty"]}, "did you mean fertility"),
        ({"reference": "deu"}, "known: eng, tur, ell"),
        ({"metrics": ["parity(reference=deu)"]}, "not in the corpus; languages: eng, tur, ell"),
        ({"baseline": "gpt2"}, "known: chunks1, chunks3"),
        ({"metrics": ["nsl(reference=gpt2)"]}, "evaluated: chunks1, chunks3"),
        ({"word": "spaces"}, "known: python_split"),
    ],
)
def test_unknown_names_are_errors_that_list_the_known(options: dict[str, object], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        evaluate(TWO, CORPUS, **options)  # type: ignore[arg-type]  # one option each


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(MetricError, match="no tokenizer"):
        evaluate([], CORPUS)
    with pytest.raises(MetricError, match="no languages"):
        evaluate(TWO, Texts({}))


def test_a_tokenizer_that_loses_documents_is_refused() -> None:
    class Careless(Chunks):
        def encode_batch(self, texts: Rows, *, threads: int | None = None) -> Rows:
            found = super().encode_batch(texts, threads=threads)
            return replace(found, offsets=found.offsets[:-1])

    with pytest.raises(MetricError, match="returned 1 documents for 2"):
        evaluate(Careless(3), CORPUS)


def test_a_metric_value_outside_of_the_registry() -> None:
    @dataclass(frozen=True)
    class Longest(CorpusMetric):
        about = replace(describe("tokens"), name="longest")
        reads_documents = True

        def statistics(self) -> tuple[Statistic, ...]:
            return (Tokens(),)

        def reduce(self, stats: Stats) -> Value:
            return float(stats.documents(Tokens()).max())

    @dataclass(frozen=True)
    class Broken(Longest):
        def reduce(self, stats: Stats) -> Value:
            return float("nan")

    assert evaluate(Chunks(1), CORPUS, metrics=[Longest()]).value("longest", group="eng") == 15
    with pytest.raises(MetricError, match=r"returned nan .* must return Undefined"):
        evaluate(Chunks(1), CORPUS, metrics=[Broken()])


def test_progress_reaches_its_total() -> None:
    seen: list[tuple[str, int, int]] = []
    evaluate(TWO, CORPUS, progress=lambda phase, done, total: seen.append((phase, done, total)))
    assert seen == [("encoding", 2, 6), ("encoding", 4, 6), ("encoding", 6, 6)]


def shown(frame_width: int, *, per_group: bool, tokenizers: int = 2) -> str:
    frame = evaluate([Chunks(size) for size in range(1, tokenizers + 1)], replace(CORPUS, parallel=False))
    console = Console(width=frame_width, force_terminal=True, color_system="standard", legacy_windows=False)
    with console.capture() as capture:
        print_frame(frame, per_group=per_group, console=console)
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_table_fits_and_cuts_nothing(width: int) -> None:
    from rich.text import Text

    lines = [Text.from_ansi(line).plain for line in shown(width, per_group=True, tokenizers=12).splitlines()]
    assert max(len(line.rstrip()) for line in lines) <= width
    text = "\n".join(lines)
    assert "…" not in text
    for size in range(1, 13):
        assert f"chunks{size}" in text


def test_the_table_marks_the_best_and_explains_what_is_missing() -> None:
    text = shown(100, per_group=True)
    total = sum(n_tokens(language, 2) for language in PARALLEL)
    assert re.search(rf"\x1b\[1m *{total} *\x1b\[0m", text)
    assert "tokens/word ↓ · ratio_of_sums" in text
    assert "macro (macro_languages)" in text
    assert "– parity(reference=eng), chunks1, chunks2: the corpus texts does not say" in text.replace(
        "\n", " "
    )
    assert "macro (macro_languages)" not in shown(100, per_group=False)


def test_several_groupings_cost_one_encoding() -> None:
    one = Chunks(3)
    frame = evaluate(one, replace(CORPUS, batch=1), by=["language", "script"])
    assert set(one.calls.values()) == {1}
    assert frame.groupings == ["language", "script"]
    assert frame.value("tokens", group="Latn") == n_tokens("eng", 3) + n_tokens("tur", 3)
    assert frame.value("tokens", group="tur") == n_tokens("tur", 3)
    total = sum(n_tokens(language, 3) for language in PARALLEL)
    assert frame.value("tokens") == total
    assert frame.value("tokens", group="macro", by="script") == total / 2
    assert frame.value("tokens", group="macro", by="language") == total / 3
    with pytest.raises(MetricError, match=r"2 values of tokens .* by \(language, all, script\)"):
        frame.value("tokens", group="macro")
    assert set(frame.filter(metric="parity").frame["by"]) == {"language"}
    assert set(frame.filter(metric="gini").frame.select("metric", "by").rows()) == {
        ("gini(per=document)", "language"),
        ("gini(per=byte)", "script"),
    }
    for column in ("language", "script"):
        alone = evaluate(one, CORPUS, by=column).frame
        both = frame.frame.filter(frame.frame["by"].is_in([column, "all"]))
        shared = alone.join(both, on=["tokenizer", "by", "group", "metric"], how="left", suffix="_both")
        assert shared["value"].to_list() == shared["value_both"].to_list()


def test_leaving_a_language_out_shows_its_influence() -> None:
    frame = evaluate(TWO[1], CORPUS, metrics=["gini", "parity", "tokens"], influence=True)
    without = frame.filter(by="without language")
    for language in PARALLEL:
        rest = replace(CORPUS, texts={name: text for name, text in PARALLEL.items() if name != language})
        alone = evaluate(TWO[1], rest, metrics=["gini", "tokens"])
        assert without.value("gini", group=language) == alone.value("gini")
        assert without.value("tokens", group=language) == alone.value("tokens", group="macro")
    assert without.filter(metric="parity").groups == ["tur", "ell"]
    assert frame.groupings == ["language"]


def test_selections_of_metrics() -> None:
    frame = evaluate(TWO[1], CORPUS, metrics=["family:words", "-fertility"])
    measured = {metric.partition("(")[0] for metric in frame.metrics}
    assert {"pcw", "strr"} <= measured
    assert "fertility" not in measured
    for wrong, message in (("family:wrds", "did you mean words"), ("-fertilty", "did you mean fertility")):
        with pytest.raises(MetricError, match=message):
            evaluate(TWO[1], CORPUS, metrics=[wrong])


def test_intervals_are_in_the_signature_and_the_provenance() -> None:
    how = Intervals(replicates=50, seed=3)
    frame = evaluate(TWO, CORPUS, intervals=how, baseline="chunks1")
    signature = frame.filter(metric="fertility", group="all", tokenizer="chunks3").frame["signature"].item()
    assert signature.endswith("|bootstrap:bca,R=50,seed=3,level=0.95")
    utilisation = frame.filter(metric="vocabulary_utilisation", group="all", tokenizer="chunks3").frame
    assert utilisation["signature"].item().endswith("|jackknife:blocks=20,level=0.95,scale=logit")
    assert frame.provenance["arguments"] == {"baseline": "chunks1"}
    asked = evaluate(TWO, CORPUS, metrics=["family:words"], by="script", word="uax29").provenance["arguments"]
    assert asked == {"metrics": ["family:words"], "by": ["script"], "word": "uax29"}
    made = frame.provenance["intervals"]
    assert isinstance(made, dict)
    assert (made["seed"], made["baseline"]) == (3, "chunks1")
    again = evaluate(TWO, CORPUS, intervals=how, baseline="chunks1", threads=1)
    assert frame.frame.equals(again.frame)
    assert not frame.frame.equals(
        evaluate(TWO, CORPUS, intervals=replace(how, seed=4), baseline="chunks1").frame
    )


def test_intervals_do_not_change_a_value() -> None:
    plain = evaluate(TWO, replace(CORPUS, batch=1)).frame
    sure = evaluate(TWO, CORPUS, intervals=True).frame
    same = ["tokenizer", "by", "group", "metric", "value", "n", "reason"]
    assert plain.select(same).equals(sure.select(same))
    assert sure.filter(sure["reason"].is_not_null())["low"].null_count() == sure["reason"].count()


def test_intervals_of_text_that_is_declared_parallel_but_is_not() -> None:
    short = Texts({**PARALLEL, "tur": PARALLEL["tur"][:1]}, parallel=True)
    with pytest.raises(MetricError, match=r"draw the same lines for all languages.*eng 2, tur 1"):
        evaluate(TWO, short, metrics=["tokens"], intervals=True)


def test_a_metric_that_reads_documents_must_say_so() -> None:
    @dataclass(frozen=True)
    class Longest(CorpusMetric):
        about = replace(describe("tokens"), name="longest")

        def statistics(self) -> tuple[Statistic, ...]:
            return (Tokens(),)

        def reduce(self, stats: Stats) -> Value:
            return float(stats.documents(Tokens()).max(initial=0))

    @dataclass(frozen=True)
    class Declared(Longest):
        reads_documents = True

    for intervals in (True, False):
        with pytest.raises(MetricError, match="set reads_documents = True"):
            evaluate(TWO, CORPUS, metrics=[Longest()], intervals=intervals)
    frame = evaluate(TWO, CORPUS, metrics=[Declared()], intervals=Intervals(blocks=2))
    assert frame.filter(group="eng", tokenizer="chunks1").frame["low"].item() < 15
