"""`tokbench canonical`: rows and ids that the tokenizer would have chosen, from files and from a pipe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tokbench as tb


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canonical")
    counted = tb.count(tb.Corpus.from_texts({"eng": ["the sea the sea"]}), "gpt2")
    tb.train(counted, vocab_size=260).save(folder / "tok")
    return folder


def run(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "tokbench", "canonical", *arguments],
        capture_output=True, text=True, input=text, timeout=120, check=False,
    )  # fmt: skip


def test_rows_and_ids_from_a_pipe_and_an_array(saved: Path) -> None:
    tokenizer = tb.load(saved / "tok")
    own = tokenizer.encode("the sea").tolist()
    spelled = [int(tokenizer.encode(letter)[0]) for letter in "the"]
    assert tokenizer.encode("the").tolist() != spelled
    lines = "\n".join(" ".join(map(str, row)) for row in (own, spelled)) + "\n"
    done = run(str(saved / "tok"), "--json", text=lines)
    facts = json.loads(done.stdout)
    assert (facts["rows"], facts["canonical_rows"], facts["row_rate"]) == (2, 1, 0.5)
    assert facts["ids"] == len(own) + 3
    assert facts["examples"] == [{"row": 2, "given": spelled, "canonical": tokenizer.encode("the").tolist()}]
    np.save(saved / "ids.npy", np.array(own, np.uint32))
    done = run(str(saved / "tok"), str(saved / "ids.npy"))
    assert done.stdout.splitlines()[0] == "rows  1 of 1 canonical (100.00%)"
    shown = run(str(saved / "tok"), text=lines).stdout
    assert "row 2\n  given     't' 'h' 'e'\n  canonical " in shown


def test_what_is_no_id_is_named(saved: Path) -> None:
    done = run(str(saved / "tok"), "-", text="1 2\n3 x\n")
    assert done.returncode == 1
    assert "standard input, line 2: 'x' is no id" in done.stderr
