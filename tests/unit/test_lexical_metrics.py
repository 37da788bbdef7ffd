"""%Lang, %Pure and cognitive plausibility: worked examples, rules for tokens, and what makes a value doubtful."""

from __future__ import annotations

import doctest
import importlib
import json
import sys
import types
import unicodedata
import warnings
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

import tokbench as tb
from tokbench.errors import LexiconError, MeasurementWarning, MetricError
from tokbench.frame import MetricFrame
from tokbench.metrics.cognition import EXPECTED, CognitivePlausibility, mean_correlation
from tokbench.metrics.cognition import Correlation as Row
from tokbench.metrics.drilldown import judged_tokens
from tokbench.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class Rows:
    def __init__(self, ids: list[list[int]]) -> None:
        self.ids = np.array([token for row in ids for token in row], np.uint32)
        self.offsets = np.array([0, *accumulate(map(len, ids))], np.int64)


class Cutter:
    """A lossless tokenizer that cuts each text that it knows at the bars; `more` are further tokens."""

    lossless = True
    steps = ()
    special_tokens: Mapping[str, int] = {}
    fingerprint = "f" * 32
    unk_id = None
    name = "cutter"

    def __init__(self, *texts: str, more: Sequence[str] = ()) -> None:
        self._cut = {text.replace("|", "").encode(): text.encode().split(b"|") for text in texts}
        pieces = [piece for cut in self._cut.values() for piece in cut]
        self._ids = {
            piece: at for at, piece in enumerate(dict.fromkeys([*pieces, *(t.encode() for t in more)]))
        }
        self.vocab_size = len(self._ids)

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        data = np.frombuffer(b"".join(self._ids), np.uint8)
        return data, np.array([0, *accumulate(map(len, self._ids))], np.int64)

    def encode_batch(self, texts: Any, *, threads: int | None = None) -> Rows:
        del threads
        bounds = zip(texts.offsets[:-1].tolist(), texts.offsets[1:].tolist(), strict=True)
        found = [texts.data[begin:end].tobytes() for begin, end in bounds]
        return Rows([[self._ids[piece] for piece in self._cut[text]] for text in found])

    def encode_with_offsets(self, text: bytes) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        raise AssertionError(text)


def write(folder: Path, name: str, *entries: str) -> str:
    path = folder / name
    path.write_text("".join(f"{entry}\n" for entry in entries), encoding="utf-8")
    return str(path)


def measure(tokenizer: Any, metric: str, language: str = "tur", *texts: str, **options: Any) -> MetricFrame:
    documents = list(texts) or [text.decode() for text in tokenizer._cut]
    return tb.evaluate(tokenizer, tb.Corpus.from_texts({language: documents}), metrics=[metric], **options)


def share(tokenizer: Any, name: str, parameters: str) -> float | None:
    frame = measure(tokenizer, f"{name}({parameters})")
    return frame.value(name)


def test_the_papers_example_by_tokens_and_by_types(tmp_path: Path) -> None:
    words = write(tmp_path, "words.txt", "kitaplar")
    parts = write(tmp_path, "parts.txt", "kitap", "lar")
    given = f'lexicon="{words}",morphemes="{parts}"'
    # %TR 3/5: of five tokens, three are of the language.
    tokenizer = Cutter("kitap|lar|xq| kitaplar|dx")
    assert share(tokenizer, "lang_share", given) == pytest.approx(3 / 5)
    assert share(tokenizer, "pure_share", given) == pytest.approx(2 / 5)
    often = Cutter("kitap|lar|kitap|lar|xq", "kitap|dx")
    assert share(often, "lang_share", given) == pytest.approx(5 / 7)
    assert share(often, "lang_share_types", given) == pytest.approx(2 / 4)
    assert share(often, "pure_share_types", given) == pytest.approx(2 / 4)


def test_the_rule_for_a_token(tmp_path: Path) -> None:
    words = write(tmp_path, "words.txt", "ırmak", "ev")
    given = f'lexicon="{words}",language=tur'
    # White space around is dropped, all parts inside must be valid, case is Turkish, half a character is none.
    for token, expected in (
        (" ırmak", 1),
        ("IRMAK", 1),
        ("Irmak", 1),
        ("irmak", 0),
        ("ev ırmak", 1),
        ("ev xq", 0),
    ):
        assert share(Cutter(token), "lang_share", given) == expected
    corpus = tb.Corpus.from_texts({"tur": ["ı"]})
    byte_level = tb.train(tb.count(corpus, "gpt2"), vocab_size=256)
    assert tb.evaluate(byte_level, corpus, metrics=[f"lang_share({given})"]).value("lang_share") == 0.0
    numbers = Cutter("ev|12|.")
    assert share(numbers, "lang_share", given) == pytest.approx(1 / 3)
    assert share(numbers, "lang_share", f"{given},nonwords=skip") == 1.0
    assert share(Cutter("12"), "lang_share", f"{given},nonwords=skip") is None
    assert share(Cutter("EV"), "lang_share", f'lexicon="{words}",case=exact') == 0.0


def test_other_languages_have_no_value_and_several_must_be_told_apart(tmp_path: Path) -> None:
    words = write(tmp_path, "words.txt", "ev")
    corpus = tb.Corpus.from_texts({"tur_Latn": ["ev ev"], "eng_Latn": ["ev xq"]})
    tokenizer = Cutter("ev| ev", "ev| xq")
    frame = tb.evaluate(
        tokenizer,
        corpus,
        metrics=[f'{name}(lexicon="{words}",language=tur)' for name in ("lang_share", "lang_share_types")],
    )
    for name in ("lang_share", "lang_share_types"):
        assert frame.value(name, group="tur_Latn") == frame.value(name) == 1.0
        assert frame.value(name, group="eng_Latn") is None
    reasons = frame.filter(group="eng_Latn").frame["reason"].unique().to_list()
    assert reasons == ["no tokens in the lexicon's language"]
    with pytest.raises(MetricError, match="the corpus has 2 languages and a lexicon is of one; say which"):
        tb.evaluate(tokenizer, corpus, metrics=[f'lang_share(lexicon="{words}")'])


def test_without_a_lexicon_the_report_says_what_is_missing(tmp_path: Path) -> None:
    tokenizer = Cutter("ev")
    names = (
        "lang_share",
        "pure_share",
        "lang_share_types",
        "pure_share_types",
        "lexicon_other_form",
        "lexicon_overlap",
    )
    for name in names:
        frame = measure(tokenizer, f"{name}(language=tur)", intervals=True)
        assert frame.value(name) is None
        assert "turkish_tokenizer_kokler.json" in frame.filter(group="all").frame["reason"][0]
        assert "tokbench ships none" in measure(tokenizer, name).filter(group="all").frame["reason"][0]
    with pytest.raises(LexiconError, match=r"nowhere\.txt: cannot be read"):
        measure(tokenizer, f'lang_share(lexicon="{tmp_path / "nowhere.txt"}")')


def test_a_lexicon_in_another_normal_form_is_reported(tmp_path: Path) -> None:
    words = write(tmp_path, "words.txt", unicodedata.normalize("NFD", "ağaç"), "ev")
    tokenizer = Cutter("ağaç|ev|xq")
    given = f'lexicon="{words}"'
    with pytest.warns(
        MeasurementWarning, match="'ağaç' are in the lexicon, but in another Unicode normal form"
    ):
        assert share(tokenizer, "lang_share", given) == pytest.approx(1 / 3)
    assert share(tokenizer, "lexicon_other_form", given) == pytest.approx(1 / 3)
    frame = measure(tokenizer, f"lang_share({given},normalize=nfc)")
    assert frame.value("lang_share") == pytest.approx(2 / 3)
    assert "normalize=nfc" in frame.frame["signature"][0]
    assert share(tokenizer, "lexicon_other_form", f"{given},normalize=nfc") == 0.0


def test_the_lexicon_is_in_the_signature(tmp_path: Path) -> None:
    words = write(tmp_path, "words.txt", "ev")
    before = measure(Cutter("ev"), f'lang_share(lexicon="{words}")').frame["signature"][0]
    write(tmp_path, "words.txt", "ev", "kitap")
    after = measure(Cutter("ev"), f'lang_share(lexicon="{words}")').frame["signature"][0]
    assert "|lexicon:" in before
    assert before != after


def test_a_vocabulary_built_from_the_list_is_pointed_out(tmp_path: Path) -> None:
    entries = [
        f"kök{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(26) for b in range(26) for c in range(8)
    ]
    roots = write(tmp_path, "roots.txt", *entries)
    with pytest.warns(
        MeasurementWarning, match="5,408 of the lexicon's 5,408 entries are tokens of its vocabulary"
    ):
        assert share(Cutter("kökaaa|xq", more=entries), "lexicon_overlap", f'morphemes="{roots}"') == 1.0
    independent = Cutter("kökaaa|xq")
    assert share(independent, "lexicon_overlap", f'morphemes="{roots}"') == pytest.approx(1 / 5408)
    assert share(independent, "lexicon_overlap", f'morphemes="{roots}",of_what=vocabulary') == pytest.approx(
        1 / 2
    )


@pytest.mark.shared
def test_turkish_tokenizer_is_circular_and_others_are_not(shared: Path) -> None:
    folder = shared / "data" / "lexicon" / "tur"
    forms = []
    for name in ("kokler", "ekler", "bpe_tokenler"):
        file = shared / "data" / "tokenizers" / "turkish_tokenizer" / f"{name}.json"
        forms += json.loads(file.read_text(encoding="utf-8"))
    given = f'lexicon="{folder}",language=tur'
    with pytest.warns(MeasurementWarning, match="probably built from this list"):
        assert share(Cutter("ev", more=forms), "lexicon_overlap", given) == pytest.approx(0.5354, abs=1e-3)
    gpt2 = Tokenizer.load(shared / "data" / "tokenizers" / "openai" / "gpt2.tiktoken")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        overlap = tb.evaluate(gpt2, metrics=[f"lexicon_overlap({given})"]).value("lexicon_overlap")
    assert overlap == pytest.approx(0.0440, abs=1e-3)


def surfaces(tokenizer: Any, token: int) -> list[str]:
    del tokenizer
    return [["ev", "house"], ["lar", "ler"], ["xq"]][token]


def test_surface_forms_of_allomorph_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = write(tmp_path, "parts.txt", "ev", "ler")
    tokenizer = Cutter("0|1|2")
    given = f'morphemes="{parts}"'
    assert share(tokenizer, "pure_share", given) == 0.0
    module = types.ModuleType("surface_forms_of_a_test")
    monkeypatch.setattr(module, "surfaces", surfaces, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert share(tokenizer, "pure_share", f'{given},surface="{module.__name__}:surfaces"') == pytest.approx(
        2 / 3
    )
    classes = tmp_path / "classes.json"
    classes.write_text('{"ev": 0, "lar": 1, "ler": 1, "xq": 2}', encoding="utf-8")
    assert share(tokenizer, "pure_share", f'{given},surface="{classes}"') == pytest.approx(2 / 3)
    frame = judged_tokens(
        tokenizer, tb.Corpus.from_texts({"tur": ["012"]}), morphemes=parts, surface=str(classes)
    )
    assert frame.select("token", "verdict").rows() == [
        ("ev", "pure"),
        ("lar / ler", "pure"),
        ("xq", "neither"),
    ]
    for surface, message in (
        ("nowhere:surfaces", "cannot be imported"),
        (f"{module.__name__}:other", "cannot be imported"),
        (module.__name__, r"expected FILE\.json or MODULE:FUNCTION"),
    ):
        with pytest.raises(MetricError, match=message):
            share(tokenizer, "pure_share", f'{given},surface="{surface}"')
    classes.write_text('{"ev": "0"}', encoding="utf-8")
    with pytest.raises(LexiconError, match="expected a JSON object from surface form to id"):
        share(Cutter("0|1|2"), "pure_share", f'{given},surface="{classes}"')


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("lang_share(normalize=x)", "normalize='x'; known: keep"),
        ("pure_share_types(nonwords=drop)", "nonwords='drop'; known: count, skip"),
        ("lexicon_overlap(of_what=words)", "of_what='words'; known: morphemes"),
        ("cognitive_plausibility(sign=none)", "sign='none'; known: expected"),
        ("cognitive_p(part=all)", "part='all'; known: words_rt"),
        ("chunkability(space=left)", "space='left'"),
    ],
)
def test_wrong_parameters_are_named(spelling: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        measure(Cutter("ev"), spelling)


# -- cognition ---------------------------------------------------------------------------------------------------------

STIMULI = ("un|happi|ly", "hou|se", "c|a|t", "walking", "x|q|z|t", "strou|be", "blan", "g|r|eel")
LEXICAL = "WWWWNNNN"
RT = (700, 520, 640, 480, 510, 620, 690, 560)
ACCURACY = (0.9, 0.97, 0.91, 0.99, 0.98, 0.9, 0.8, 0.93)


@pytest.fixture
def decisions(tmp_path: Path) -> str:
    rows = [
        f"{text.replace('|', '')},{kind},{rt},{accuracy}"
        for text, kind, rt, accuracy in zip(STIMULI, LEXICAL, RT, ACCURACY, strict=True)
    ]
    return write(tmp_path, "decisions.csv", "spelling,lexicality,rt,accuracy", *rows)


def test_chunkability(decisions: str) -> None:
    frame = tb.evaluate(Cutter(*STIMULI), metrics=[f'chunkability(decisions="{decisions}")'])
    words = [1 - 3 / 9, 1 - 2 / 5, 0, 1 - 1 / 7]
    assert words[0] == pytest.approx(0.667, abs=1e-3)
    assert frame.value("chunkability", group="words") == pytest.approx(np.mean(words))
    assert frame.frame["n"].to_list() == [4, 4, 8]


def test_correlations_are_those_of_scipy_with_the_expected_sign(decisions: str) -> None:
    tokenizer = Cutter(*STIMULI)
    spelled = f'decisions="{decisions}"'
    frame = tb.evaluate(tokenizer, metrics=[f"cognitive_plausibility({spelled})", f"cognitive_p({spelled})"])
    chunks = np.array([1 - len(text.split("|")) / len(text.replace("|", "")) for text in STIMULI])
    signed = []
    for part, sign in EXPECTED.items():
        chosen = slice(0, 4) if part.startswith("words") else slice(4, 8)
        measured = np.array(RT if part.endswith("rt") else ACCURACY)[chosen]
        theirs = stats.pearsonr(chunks[chosen], measured)
        signed.append(sign * theirs.statistic)
        assert frame.value(f"cognitive_plausibility(part={part})") == pytest.approx(signed[-1], abs=1e-12)
        assert frame.value(f"cognitive_p(part={part})") == pytest.approx(theirs.pvalue, abs=1e-9)
        bounds = theirs.confidence_interval(0.95)
        row = frame.filter(metric=f"cognitive_plausibility(part={part})").frame
        assert sorted([row["low"][0] * sign, row["high"][0] * sign]) == pytest.approx(
            [bounds.low, bounds.high]
        )
        assert "interval:analytic" in row["signature"][0]
    assert frame.value("cognitive_plausibility(part=mean)") == pytest.approx(np.mean(signed))
    absolute = CognitivePlausibility(decisions, part="mean", sign="absolute")
    assert absolute.of(tokenizer) == pytest.approx(np.mean(np.abs(signed)))


def test_the_interval_of_the_mean_agrees_with_a_bootstrap() -> None:
    random = np.random.default_rng(7)
    n = 4000
    chunks = random.normal(size=n)
    one = 0.4 * chunks + random.normal(size=n)
    other = -0.3 * chunks + 0.7 * one + random.normal(size=n)

    def row(values: NDArray[np.float64]) -> Row:
        u, v = stats.zscore(chunks), stats.zscore(values)
        r = float((u * v).mean())
        return Row(r, 0.0, n, (u * v - r * (u * u + v * v) / 2) / n)

    found = mean_correlation([row(one), row(other)], [1, -1])
    draws = []
    for _ in range(400):
        take = random.integers(0, n, n)
        both = [np.corrcoef(chunks[take], values[take])[0, 1] for values in (one, other)]
        draws.append((both[0] - both[1]) / 2)
    assert found.interval is not None
    half = (found.interval[1] - found.interval[0]) / 2
    assert half == pytest.approx(1.96 * np.std(draws), rel=0.12)
    assert found.value == pytest.approx(np.mean(draws), abs=0.002)


def test_undefined_correlations_say_why(tmp_path: Path) -> None:
    only_rt = write(tmp_path, "rt.csv", "word,rt", "house,500", "cat,600", "walking,700", "dog,400")
    tokenizer = Cutter("hou|se", "c|at", "walking", "dog")
    frame = tb.evaluate(tokenizer, metrics=[f'cognitive_plausibility(decisions="{only_rt}")'])
    reasons = dict(frame.frame.select("metric", "reason").rows())
    by_part = {
        part: next(why for name, why in reasons.items() if f"part={part}" in name)
        for part in (*EXPECTED, "mean")
    }
    assert by_part["words_rt"] is None
    assert by_part["words_accuracy"].endswith("rt.csv has no column of accuracies")
    assert by_part["nonwords_rt"] == "0 nonwords with rt, at least 3 needed"
    assert by_part["mean"] == by_part["words_accuracy"]
    same = write(tmp_path, "same.csv", "word,rt", "house,500", "homes,600", "walks,700", "doves,400")
    letters = Cutter(*("|".join(word) for word in ("house", "homes", "walks", "doves")))
    constant = tb.evaluate(letters, metrics=[f'cognitive_plausibility(decisions="{same}",part=words_rt)'])
    assert constant.frame["reason"][0] == "chunkability is the same for all words"
    for name in ("cognitive_plausibility", "cognitive_p", "chunkability"):
        assert "pass decisions=" in tb.evaluate(tokenizer, metrics=[name]).frame["reason"][0]


@pytest.mark.shared
def test_reaction_times_of_the_english_lexicon_project(shared: Path) -> None:
    file = shared / "data" / "morph" / "lexical_decision" / "eng_elp_languageR_english_RT.csv"
    gpt2 = Tokenizer.load(shared / "data" / "tokenizers" / "openai" / "gpt2.tiktoken")
    columns = "where=AgeSubject:young;duplicates=mean"
    metric = CognitivePlausibility(str(file), columns=columns, part="words_rt")
    (cell,) = metric.cells(gpt2)
    assert cell.n == 2196
    assert cell.value == pytest.approx(0.3334, abs=1e-4)
    assert cell.interval is not None
    assert list(cell.interval) == pytest.approx([0.2956, 0.3700], abs=1e-4)


def test_metrics_that_read_text_need_a_corpus() -> None:
    with pytest.raises(MetricError, match=r"fertility.* measures text: pass a corpus"):
        tb.evaluate(Cutter("a"), metrics=["fertility"])


@pytest.mark.parametrize(
    "name",
    [
        "tokbench.lexicon.forms",
        "tokbench.lexicon.gold",
        "tokbench.lexicon.items",
        "tokbench.lexicon.lines",
        "tokbench.lexicon.words",
        "tokbench.metrics.cognition",
        "tokbench.metrics.drilldown",
        "tokbench.metrics.lexicon",
        "tokbench.metrics.morphology",
        "tokbench.reference.morphology",
    ],
)
def test_the_examples_of_the_documentation_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
