"""MetricFrame: its invariants, its helpers, and files that are whole or absent."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tokbench.errors import MetricError
from tokbench.frame import SCHEMA, MetricFrame, Row, check_suffix
from tokbench.frame_files import format_value
from tokbench.report.leaderboard import update
from tokbench.uncertainty.ranking import agreement, rankings


def row(**changes: object) -> Row:
    facts: dict[str, object] = {
        "tokenizer": "a",
        "corpus": "c",
        "group": "all",
        "metric": "tokens",
        "value": 18.0,
        "unit": "tokens",
        "aggregation": "sum",
        "n": 2,
        "direction": "lower",
        "signature": "tokens|agg:sum",
    }
    if changes.get("reason") is not None:
        facts["value"] = None
    return Row(**{**facts, **changes})  # type: ignore[arg-type]  # the names are Row's


def sample() -> MetricFrame:
    up = {
        "metric": "bytes_per_token",
        "unit": "bytes/token",
        "direction": "higher",
        "aggregation": "ratio_of_sums",
    }
    strr = {"metric": "strr(word=uax29)", "unit": "share", "direction": "higher"}
    return MetricFrame.from_rows(
        [
            row(tokenizer="a", value=18.0),
            row(tokenizer="a", group="eng", value=8.0),
            row(tokenizer="a", group="macro", value=9.0, aggregation="macro_languages"),
            row(tokenizer="b", value=9.0),
            row(tokenizer="b", group="eng", value=4.0),
            row(tokenizer="b", group="macro", value=4.5, aggregation="macro_languages"),
            row(tokenizer="a", value=2.0, **up),
            row(tokenizer="b", value=4.0, **up),
            row(tokenizer="a", reason="no words", **strr),
            row(tokenizer="b", group="macro", value=0.5, **strr),
            row(tokenizer="b", metric="vocabulary_size", value=100.0, direction="neither"),
        ],
        provenance={"versions": {"tokbench": "0"}, "languages": ["eng", "日本"]},
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"value": None}, "exactly one of value and reason"),
        ({"value": float("nan")}, "not finite"),
        ({"value": float("inf")}, "not finite"),
        ({"direction": "up"}, "direction"),
    ],
)
def test_a_bad_row_is_refused(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(MetricError, match=fault):
        MetricFrame.from_rows([row(**changes)])


def test_a_value_with_a_reason_is_refused() -> None:
    table = MetricFrame.from_rows([row()]).frame.with_columns(pl.lit("why").alias("reason"))
    with pytest.raises(MetricError, match="exactly one"):
        MetricFrame(table)


def test_one_number_has_one_row() -> None:
    with pytest.raises(MetricError, match="two rows"):
        MetricFrame.from_rows([row(), row(value=1.0)])


def test_other_columns_are_refused() -> None:
    with pytest.raises(MetricError, match="has the columns"):
        MetricFrame(pl.DataFrame({"tokenizer": ["a"]}))


def test_an_empty_frame_is_a_frame() -> None:
    empty = MetricFrame.from_rows([])
    assert (len(empty), empty.tokenizers, empty.metrics, empty.groups) == (0, [], [], [])
    assert "0 metrics" in repr(empty)
    assert empty.to_csv().startswith("tokenizer,")


def test_names_keep_the_order_of_the_rows() -> None:
    assert sample().tokenizers == ["a", "b"]
    assert sample().metrics == ["tokens", "bytes_per_token", "strr(word=uax29)", "vocabulary_size"]
    assert sample().groups == ["eng"]


def test_filter_takes_names_with_and_without_parameters() -> None:
    assert len(sample().filter(metric="strr")) == len(sample().filter(metric="strr(word=uax29)")) == 2
    assert sample().filter(metric=["tokens", "strr"], tokenizer="b", group=["all", "macro"]).metrics == [
        "tokens",
        "strr(word=uax29)",
    ]


def test_a_part_of_the_parameters_is_enough() -> None:
    full = "renyi_efficiency(alpha=2.5,vocabulary=declared)"
    frame = MetricFrame.from_rows([row(metric=full)])
    assert frame.value("renyi_efficiency(vocabulary=declared)") == 18
    with pytest.raises(MetricError):
        frame.value("renyi_efficiency(alpha=3)")


@pytest.mark.parametrize(
    ("selection", "hint"),
    [
        ({"metric": "tokns"}, "did you mean tokens"),
        ({"tokenizer": "z"}, "a, b"),
        ({"group": "engl"}, "mean eng"),
    ],
)
def test_an_unknown_name_is_an_error_with_a_hint(selection: dict[str, str], hint: str) -> None:
    with pytest.raises(MetricError, match=hint):
        sample().filter(**selection)


def test_value_wants_exactly_one_row() -> None:
    assert sample().value("bytes_per_token", tokenizer="b") == 4
    assert sample().value("strr", tokenizer="a") is None
    with pytest.raises(MetricError, match="2 values of bytes_per_token"):
        sample().value("bytes_per_token")


def test_headline_prefers_the_pooled_row() -> None:
    head = sample().headline()
    assert head.filter(metric="tokens").frame["group"].to_list() == ["all", "all"]
    assert head.filter(metric="strr").frame["group"].to_list() == ["all", "macro"]


def test_pivot() -> None:
    table = sample().filter(metric="tokens").pivot(index="group", on="tokenizer")
    assert table.rows() == [("all", 18.0, 9.0), ("eng", 8.0, 4.0), ("macro", 9.0, 4.5)]
    with pytest.raises(MetricError, match="filter first by group"):
        sample().pivot()


def test_best_follows_the_direction_and_keeps_ties() -> None:
    best = sample().best()
    assert best.filter(pl.col("metric") == "bytes_per_token")["tokenizer"].to_list() == ["b"]
    assert best.filter(pl.col("metric") == "tokens", pl.col("group") == "all")["value"].to_list() == [9.0]
    assert "vocabulary_size" not in best["metric"].to_list()
    tied = MetricFrame.from_rows([row(tokenizer="a"), row(tokenizer="b")]).best()
    assert tied["tokenizer"].to_list() == ["a", "b"]


def test_compare_with_a_baseline() -> None:
    table = sample().compare("a")
    assert table["tokenizer"].unique().to_list() == ["b"]
    by_metric = {row["metric"]: row for row in table.filter(pl.col("group") == "all").iter_rows(named=True)}
    assert by_metric["tokens"]["difference"] == -9
    assert by_metric["tokens"]["ratio"] == 0.5
    assert by_metric["tokens"]["better"] is True
    assert by_metric["bytes_per_token"]["better"] is True
    assert sample().compare("b").filter(pl.col("metric") == "bytes_per_token")["better"].to_list() == [False]
    assert by_metric["vocabulary_size"]["better"] is None
    same = MetricFrame.from_rows([row(tokenizer="a", value=0.0), row(tokenizer="b", value=0.0)]).compare("a")
    assert same.select("difference", "ratio", "better").row(0) == (0.0, None, None)
    with pytest.raises(MetricError, match="it holds: a, b"):
        sample().compare("c")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_files_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"report{suffix}"
    sample().save(path)
    loaded = MetricFrame.load(path)
    assert loaded.frame.equals(sample().frame)
    assert dict(loaded.frame.schema) == dict(SCHEMA)
    assert loaded.provenance == ({} if suffix == ".csv" else sample().provenance)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_json_names_its_format_and_null(tmp_path: Path) -> None:
    content = json.loads(sample().to_json())
    assert (content["format"], content["version"]) == ("tokbench.metrics", 1)
    assert content["provenance"]["languages"] == ["eng", "日本"]
    assert next(row for row in content["rows"] if row["reason"])["value"] is None
    for text, fault in (
        ('{"format": "x"}', "not a metric frame"),
        ('{"format":"tokbench.metrics","version":9}', "9"),
    ):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(MetricError, match=fault):
            MetricFrame.load(tmp_path / "x.json")


def test_markdown_shows_totals_groups_reasons_and_signatures() -> None:
    text = sample().to_markdown()
    assert "| tokens | tokens | ↓ | sum | 18 | 9 |" in text
    assert "| eng | 8 | 4 |" in text
    assert "| strr(word=uax29) | a | no words |" in text
    assert "- `tokens|agg:sum`" in text


def test_an_unknown_suffix_writes_nothing(tmp_path: Path) -> None:
    for name in ("report.doc", "report"):
        with pytest.raises(
            MetricError, match=re.escape(".parquet, .csv, .slim.json, .json, .md, .tex, .xlsx")
        ):
            sample().save(tmp_path / name)
    with pytest.raises(MetricError, match="cannot read"):
        MetricFrame.load(tmp_path / "report.md")
    assert list(tmp_path.iterdir()) == []
    assert check_suffix("a.JSON") == ".json"


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.csv"
    path.write_text("old")

    def fail(*_: object) -> None:
        message = "disk full"
        raise OSError(message)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        sample().save(path)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["report.csv"]


def test_a_new_file_has_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    sample().save(tmp_path / "report.md")
    assert (tmp_path / "report.md").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_jupyter_shows_a_table_and_escapes_names() -> None:
    shown = MetricFrame.from_rows([row(tokenizer="<b>x")])._repr_html_()
    assert "<table" in shown
    assert "<b>x" not in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (1086490.0, "1,086,490"),
        (2.02541, "2.025"),
        (-0.00012345, "-0.0001234"),
        (12345.6, "12,346"),
    ],
)
def test_numbers_for_people(value: float | None, text: str) -> None:
    assert format_value(value) == text


def sure() -> MetricFrame:
    rows = [
        row(tokenizer="a", low=16.0, high=20.5),
        row(tokenizer="b", value=9.0, low=8.0, high=10.0, difference=-9.0, difference_low=-11.0,
            difference_high=-7.5, p=0.001, p_adjusted=0.002),
        row(tokenizer="a", group="x_%", by="region", metric="tokens"),
        row(tokenizer="b", group="x_%", by="region", metric="tokens", value=None, reason="none"),
    ]  # fmt: skip
    made = {"level": 0.95, "method": "bca", "replicates": 2000, "baseline": "a"}
    return MetricFrame.from_rows(rows, provenance={"intervals": made})


def test_tables_show_intervals_and_certain_differences() -> None:
    assert "| 18 [16, 20.50] | 9* [8, 10] |" in sure().to_markdown()
    latex = sure().to_latex()
    assert (
        r"tokens $\downarrow$ & 18 {\scriptsize [16, 20.50]} & \textbf{9}$^{*}$ {\scriptsize [8, 10]} \\"
        in latex
    )
    assert r"x\_\% & \textbf{18} & -- \\" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\bottomrule") == 2
    table = sure().compare("a").filter(pl.col("group") == "all")
    assert table.select("difference", "difference_low", "p_adjusted").row(0) == (-9, -11, 0.002)
    assert sure().compare("b")["p_adjusted"].null_count() == 2
    assert "9*" in sure()._repr_html_()


def test_slim_json_is_a_projection_of_the_full(tmp_path: Path) -> None:
    sure().save(tmp_path / "a.slim.json")
    sure().save(tmp_path / "a.json")
    slim = json.loads((tmp_path / "a.slim.json").read_text())
    full = json.loads((tmp_path / "a.json").read_text())
    assert len(slim["rows"]) == len(full["rows"]) == 4
    for small, large in zip(slim["rows"], full["rows"], strict=True):
        assert small.items() <= large.items()
    assert slim["provenance"].items() <= full["provenance"].items()
    with pytest.raises(MetricError, match="not a metric frame"):
        MetricFrame.load(tmp_path / "a.slim.json")


def test_excel_holds_rows_and_provenance(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter", reason="the extra 'excel' writes .xlsx")
    sure().save(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        assert {"xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"} <= set(book.namelist())
        strings = book.read("xl/sharedStrings.xml").decode()
    assert "p_adjusted" in strings
    assert "bca" in strings


def test_a_leaderboard_replaces_rows_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "board.parquet"
    assert update(path, MetricFrame.from_rows([row(tokenizer="a"), row(tokenizer="b", value=9.0)])) == 2
    again = [row(tokenizer="b", value=7.0, signature="new"), row(tokenizer="c", value=None, reason="why")]
    assert update(path, MetricFrame.from_rows([*again, row(tokenizer="c", group="eng")])) == 3
    board = MetricFrame.load(path)
    assert board.frame.select("tokenizer", "value").rows() == [("a", 18.0), ("b", 7.0), ("c", None)]
    assert "new" in board.frame["signature"].to_list()
    shown = (tmp_path / "board.md").read_text()
    assert "| tokenizer | tokens ↓ |" in shown
    assert "| b | **7** |" in shown
    with pytest.raises(MetricError, match="a leaderboard is a"):
        update(tmp_path / "board.csv", sure())


def test_rankings_agree_or_not() -> None:
    values = {"one": (1.0, 2.0, 3.0), "two": (3.0, 2.0, 1.0), "three": (5.0, 6.0, 6.0)}
    frame = MetricFrame.from_rows(
        row(metric=metric, tokenizer=name, value=value, direction="lower" if metric != "three" else "higher")
        for metric, numbers in values.items()
        for name, value in zip("abc", numbers, strict=True)
    )
    assert rankings(frame)["order"].to_list() == ["a > b > c", "c > b > a", "b = c > a"]
    found = {(r["metric"], r["other_metric"]): r for r in agreement(frame).iter_rows(named=True)}
    assert found["one", "two"]["kendall"] == pytest.approx(-1)
    assert found["two", "three"]["spearman"] == pytest.approx(0.8660254)
    assert agreement(frame).row(0, named=True)["kendall"] == pytest.approx(-1)
    with pytest.raises(MetricError, match="at least two"):
        agreement(frame.filter(tokenizer="a"))
