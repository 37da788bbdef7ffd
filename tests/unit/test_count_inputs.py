"""Every input format gives the table that plain text gives; every bad input is named."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tokbench.corpus import Corpus
from tokbench.counts import PretokenCounts, count, count_texts
from tokbench.errors import CorpusError, ParameterError, PretokenizeError

if TYPE_CHECKING:
    from pathlib import Path

LINES = ["The first line", "", "İkinci satır, 42", "  spaces \t kept ", "日本語 — 文", "a,b\"c'd", "last"]


def zstd(data: bytes) -> bytes:
    """Compress through the only writer at hand: a Zstandard frame of raw blocks."""
    header = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    blocks = bytearray()
    for start in range(0, max(len(data), 1), 1 << 16):
        part = data[start : start + (1 << 16)]
        last = start + (1 << 16) >= len(data)
        blocks += (len(part) << 3 | last).to_bytes(3, "little") + part
    return header + bytes(blocks)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, str]:
    """The same documents in every format, by a name for each."""
    text = "\n".join(LINES).encode()
    records = b"".join(
        json.dumps({"id": n, "a": {"t.x": line, "n": None}}, ensure_ascii=n % 2 == 0).encode() + b"\n"
        for n, line in enumerate(LINES)
    )
    files = {
        "plain.txt": text,
        "plain.txt.gz": gzip.compress(text),
        "members.txt.gz": gzip.compress(text[:31]) + gzip.compress(text[31:]),
        "plain.txt.zst": zstd(text),
        "frames.txt.zst": zstd(text[:31]) + zstd(text[31:]),
        "data.jsonl": records,
        "data.ndjson.gz": gzip.compress(records),
        "data.jsonl.zst": zstd(records),
        "odd:name.txt": text,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    frame = pl.DataFrame(
        {"a": [{"t.x": line} for line in LINES], "body": LINES, "raw": [s.encode() for s in LINES]}
    )
    frame.write_parquet(tmp_path / "data.parquet", row_group_size=3)
    table = frame.select("body", number=pl.lit(1))
    table.write_csv(tmp_path / "data.csv")
    table.write_csv(tmp_path / "data.tsv", separator="\t")
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress((tmp_path / "data.csv").read_bytes()))
    (tmp_path / "data.csv.zst").write_bytes(zstd((tmp_path / "data.csv").read_bytes()))
    (tmp_path / "tree/below").mkdir(parents=True)
    (tmp_path / "tree/below/x.txt").write_bytes(text)
    (tmp_path / "tree/.hidden.txt").write_bytes(b"not this")
    fields = {"data.jsonl": ":a.t.x", "data.ndjson.gz": ":a.t.x", "data.jsonl.zst": ":a.t.x"}
    specs = {name: f"{tmp_path / name}{fields.get(name, '')}" for name in files}
    specs["parquet"] = f"{tmp_path}/data.parquet:body"
    specs["parquet bytes"] = f"{tmp_path}/data.parquet:raw"
    for name in ("data.csv", "data.tsv", "data.csv.gz", "data.csv.zst"):
        specs[name] = f"{tmp_path / name}:body"
    specs["csv uri"] = f"file://{tmp_path}/data.csv:body"
    specs["uri"] = f"file://{tmp_path}/data.jsonl:a.t.x"
    specs["uri gz"] = f"file://{tmp_path}/data.ndjson.gz:a.t.x"
    specs["uri zst"] = f"file://{tmp_path}/data.jsonl.zst:a.t.x"
    specs["parquet uri"] = f"file://{tmp_path}/data.parquet:body"
    specs["tree"] = f"{tmp_path}/tree"
    specs["glob"] = f"{tmp_path}/tree/**/*.txt"
    return specs


def test_every_format_gives_the_same_table(inputs: dict[str, str]) -> None:
    expected = count_texts({"x": LINES}, "gpt2", threads=1).to_frame()
    for name, spec in inputs.items():
        corpus = Corpus.from_files({"x": spec}, document="line")
        assert count(corpus, "gpt2", threads=2).to_frame().equals(expected), name
        assert [one.text for one in corpus] == LINES, name


def test_json_lines_behind_a_uri(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"a": {"t": line}}) + "\n" for line in LINES), encoding="utf-8")
    table = count({"x": f"file://{path}:a.t"}, "gpt2", threads=1)
    assert table.to_frame().equals(count_texts({"x": LINES}, "gpt2").to_frame())
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert list(Corpus.from_files({"x": f"file://{tmp_path}/empty.jsonl"})) == []
    for missing in ("none.jsonl", "none*.jsonl"):
        with pytest.raises(CorpusError, match="none"):
            list(Corpus.from_files({"x": f"file://{tmp_path}/{missing}"}))


def test_the_lines_of_files_behind_a_pattern_are_counted_apart(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_text(
            '{"text": "a"}\r\n' * 9000 + '{"text": []}\n' * (number == 2)
        )
    with pytest.raises(CorpusError, match=r"2\.jsonl: line 9001: invalid type: sequence, expected a string"):
        list(Corpus.from_files({"x": f"file://{tmp_path}/*.jsonl"}))


def test_a_separator_cuts_inside_of_records(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one<s>two<s>"}\n\n{"text": "<s>three"}\n', encoding="utf-8")
    pl.DataFrame({"text": ["one<s>two<s>", "<s>three"]}).write_parquet(tmp_path / "data.parquet")
    for name in ("data.jsonl", "data.parquet"):
        corpus = Corpus.from_files({"x": tmp_path / name}, document="separator:<s>")
        assert [one.data for one in corpus] == [b"one", b"two", b"", b"three"]
        assert count(corpus, "none").to_frame()["pretoken"].to_list() == [b"one", b"three", b"two"]


def test_a_format_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(gzip.compress(b'{"text": "a"}\n'))
    corpus = Corpus.from_files({"x": tmp_path / "packed"}, file_format="jsonl.gz")
    assert [one.data for one in corpus] == [b"a"]
    with pytest.raises(ParameterError, match=r"format 'xml' is not one of text, jsonl, parquet"):
        Corpus.from_files({"x": tmp_path / "packed"}, file_format="xml")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt.gz", gzip.compress(b"text " * 9000)[:-30], r"a\.txt\.gz: byte \d+: the gzip stream ends too early"),
        ("a.txt.zst", zstd(b"text " * 9000)[:-30], r"a\.txt\.zst: byte \d+: the zstd stream ends too early"),
        ("a.txt.gz", b"no gzip at all", r"a\.txt\.gz: byte 0: the gzip stream is damaged"),
        ("a.txt.zst", b"", r"a\.txt\.zst: is empty, expected a zstd stream"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "b"\n', r"a\.jsonl: line 2: .*EOF.* \(column 12\)"),
        ("a.jsonl", b'{"text": 5}\n', r"a\.jsonl: line 1: .*integer `5`, expected a string"),
        ("a.jsonl", b'{"text": ["b"]}\n', r"a\.jsonl: line 1: .*sequence, expected a string"),
        ("a.jsonl", b'{"text": null}\n', r"a\.jsonl: line 1: .*null, expected a string"),
        ("a.jsonl", b'{"txt": "", "m": {"k": 1}}\n', r'line 1: no field "text"; this record has .*m\.k'),
        ("a.jsonl", b'[1]\n', r"line 1: .*sequence, expected an object"),
        ("a.jsonl", b'{"text": "a"} {"text": "b"}\n', r"line 1: trailing characters"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_bytes(b"good " * 5000)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        count([tmp_path / "good.txt", tmp_path / name], "gpt2", threads=2)
    with pytest.raises(CorpusError, match=message):
        list(Corpus.from_files({"x": tmp_path / name}))
    if name.endswith(".jsonl"):
        with pytest.raises(CorpusError, match=message):
            list(Corpus.from_files({"x": f"file://{tmp_path / name}"}))


def test_a_bad_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"body": ["x", None], "n": [1, 2], "s": [{"k": "v"}, {"k": "w"}]}).write_parquet(path)
    for spec, message in {
        str(path): "no column 'text'; this file has body, n, s",
        f"{path}:s.q": "no column 's.q'; s has k",
        f"{path}:n": "column 'n' holds Int64, expected String or Binary",
        f"{path}:body": "row 2: column 'body' is null, expected text",
    }.items():
        with pytest.raises(CorpusError, match=message):
            count(spec, "gpt2")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorpusError, match=r"a\.parquet: "):
        count(f"{path}:n", "gpt2")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"id,text\n1,a\n2,b,c\n", "found more fields than defined .*; expected CSV in UTF-8"),
        ("a.csv", b"id,text\n1,\xff\xfe\n", "invalid utf-8 sequence; expected CSV in UTF-8"),
        ("a.csv", b'id,text\n1,"open\n3,c\n', "could not parse .*; expected CSV in UTF-8: a header"),
        ("a.tsv", b'id\ttext\n1\t"a" b\n', "could not parse .*; expected TSV in UTF-8"),
        ("a.csv", b"", "is empty, expected a header"),
        ("a.csv", b"id,body\n1,a\n", "no column 'text'; this file has id, body"),
        ("a.csv", b"text,text\n1,a\n", "two columns are called 'text'"),
        ("a.csv.gz", gzip.compress(bytes(range(65, 90)) * 9000)[:-30], "unexpected end of file"),
    ],
)
def test_a_bad_table_is_named(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    for spec in (tmp_path / name, f"file://{tmp_path / name}"):
        with pytest.raises(CorpusError, match=rf"a\.[ct]sv(\.gz)?: {message}"):
            count({"x": str(spec)}, "gpt2")


def test_documents_of_a_table_with_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('w,text\n2,"a ""b""\nc"\n0.5,\n1,d\n', encoding="utf-8")
    corpus = Corpus.from_files({"x": path}, document_weight="w")
    assert [one.data for one in corpus] == [b'a "b"\nc', b"", b"d"]
    table = count(corpus, "none")
    assert (table.document_scale, table.to_frame()["count"].to_list()) == (2, [4, 2])
    path.write_text("w,text\n2,a\n-1,b\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.csv: row 2: column 'w': "):
        count(corpus, "none")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    (tmp_path / "english.txt").touch()
    (tmp_path / "empty").mkdir()
    for spec, message in {
        f"{tmp_path}/englsh.txt": r"no such file or directory; did you mean .*english\.txt",
        f"{tmp_path}/*.zip": "no file matches this pattern",
        f"{tmp_path}/empt*": "matches directories but no file",
        f"{tmp_path}/empty": "no file below this directory ends in one of",
        "s3://bucket/a.txt": "only Parquet, JSONL and CSV are read from a URI",
    }.items():
        with pytest.raises(CorpusError, match=message):
            count(spec, "gpt2")
    with pytest.raises(ParameterError, match="plain text has no field 'x'"):
        count(f"{tmp_path}/english.txt:x", "gpt2")
    with pytest.raises(ParameterError, match="plain text has no records"):
        count(f"{tmp_path}/english.txt", "gpt2", document="record")
    with pytest.raises(PretokenizeError):
        count(f"{tmp_path}/english.txt", "gpt22")
    with pytest.raises(ParameterError, match="threads is 0"):
        count(f"{tmp_path}/english.txt", "gpt2", threads=0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(CorpusError, match=r"a\.txt: Permission denied"):
        count(tmp_path / "a.txt", "gpt2")


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    data = b"fine text\n" * 20_000 + b"bad \xff here\n" + b"fine text\n" * 20_000
    (tmp_path / "a.txt").write_bytes(data)
    assert count(tmp_path / "a.txt", "gpt2", threads=2).total_bytes == len(data)
    for document in ("file", "line"):
        with pytest.raises(CorpusError, match=r"a\.txt: byte 200004 is not valid UTF-8"):
            count(tmp_path / "a.txt", "gpt2", document=document, threads=2, strict_utf8=True, block_size=4096)
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "a"}\n{"text": "ab\xff"}\n')
    assert count(tmp_path / "a.jsonl", "none").total_bytes == 4
    with pytest.raises(CorpusError, match=r"a\.jsonl: line 2: byte 2 of the text is not valid UTF-8"):
        count(tmp_path / "a.jsonl", "none", strict_utf8=True)
    with pytest.raises(CorpusError, match=r"x: documents from 1: document 2: byte 1 is not valid UTF-8"):
        count(Corpus.from_texts({"x": [b"a", b"b\xff"]}), "none", strict_utf8=True)


def test_nothing_and_nuls(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    nothing = count(tmp_path / "a.txt", "cl100k")
    assert (len(nothing), nothing.total_bytes, nothing.groups) == (0, 0, ("all",))
    nothing.save(tmp_path / "none.parquet")
    assert len(PretokenCounts.load(tmp_path / "none.parquet")) == 0
    assert [one.data for one in Corpus.from_files({"x": tmp_path / "a.txt"})] == [b""]
    assert [one.data for one in Corpus.from_files({"x": tmp_path / "a.txt"}, document="line")] == []
    zeros = Corpus.from_texts({"x": [b"\0" * n for n in range(1, 20)] + [b"a", b"a\0", b"\0a"]})
    found = dict(count(zeros, "none").to_frame().select("pretoken", "count").iter_rows())
    assert found == {**{b"\0" * n: 1 for n in range(1, 20)}, b"a": 1, b"a\0": 1, b"\0a": 1}


def test_loading_refuses_what_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(CorpusError, match="cannot read the counts"):
        PretokenCounts.load(path)
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(CorpusError, match="not a table of pretoken counts"):
        PretokenCounts.load(path)
    good = count_texts({"x": ["a b", "b"]}, "gpt2")
    metadata = {"tokbench_format": "1", "tokbench_pretokenizer": "gpt2", "tokbench_groups": "x"}
    good.to_frame().reverse().write_parquet(path, metadata=metadata)
    with pytest.raises(CorpusError, match="pretoken 1 is not greater than the one before it"):
        PretokenCounts.load(path)
    good.to_frame().write_parquet(path, metadata={**metadata, "tokbench_groups": "y"})
    with pytest.raises(CorpusError, match="groups that its metadata does not name: x"):
        PretokenCounts.load(path)
    with pytest.raises(CorpusError, match="cannot write the counts"):
        good.save(tmp_path / "no/such/folder.parquet")
    with pytest.raises(CorpusError, match="tables of 2 pre-tokenizers"):
        PretokenCounts.merge(good, count_texts({"x": ["a"]}, "none"))


def test_counts_above_32_and_53_bits() -> None:
    big = PretokenCounts.from_mapping({"x": {b"a": (1 << 53) + 1}, "y": {b"a": 1 << 33, b"b": 1}})
    assert PretokenCounts.merge(big, big).to_frame()["count"].to_list() == [(1 << 54) + 2, 1 << 34, 2]
    assert big.total_count == (1 << 53) + (1 << 33) + 2
    with pytest.raises(CorpusError, match="counts lie in"):
        PretokenCounts.from_mapping({"x": {b"a": 0}})


def test_progress_ends_at_the_size(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"some words " * 30_000)
    seen: list[tuple[str, int, int]] = []
    count(tmp_path / "a.txt", "gpt2", progress=lambda *state: seen.append(state))
    assert ("counting", 330_000, 330_000) in seen


def test_an_interrupt_ends_counting_within_a_second(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"word " * 200_000)
    program = (
        "import sys\nfrom tokbench.counts import count\nprint('ready', flush=True)\n"
        "count([sys.argv[1]] * 20000, r'regex:\\w+|\\W', threads=2)"
    )
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", program, str(tmp_path / "a.txt")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = child.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert time.monotonic() - started < 3
