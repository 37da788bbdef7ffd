"""The comparison of readings: what its numbers are, and the table and chart that show them."""

from __future__ import annotations

import doctest
import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest

import tokbench as tb
from tokbench.bytelm import ByteLM, FunctionLM, compare
from tokbench.errors import ParameterError
from tokbench.report import byte_chart
from tokbench.report.byte_examples import EXAMPLES, Compared, Example, compare_examples

if TYPE_CHECKING:
    from pathlib import Path

    from tokbench.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tb.train(tb.count_texts({"all": ["the the the"]}, "none"), vocab_size=258)


def _model(tokenizer: Tokenizer, shares: dict[bytes, float]) -> ByteLM:
    """Every row the same."""
    row = np.full(tokenizer.vocab.n_ids, -np.inf)
    for token, share in shares.items():
        row[tokenizer.vocab.id_of(token)] = np.log(share)
    return ByteLM(FunctionLM(lambda contexts: np.stack([row] * len(contexts)), len(row), window=0), tokenizer)


def test_what_a_comparison_says(tokenizer: Tokenizer) -> None:
    """`the` is one token, after "th" the naive reading cannot write it; a continuation's bytes are multiplied."""
    vocab = [tokenizer.token_bytes(token) for token in tokenizer.encode("the")]
    assert vocab == [b"the"]
    model = _model(tokenizer, {b"the": 0.5, b"t": 0.125, b"h": 0.125, b"a": 0.25})
    found = compare(model, "th", "ea")
    assert found.tokens == (b"th",) or b"".join(found.tokens) == b"th"
    assert found.readings["naive"].probability == 0
    assert found.readings["naive"].bits == math.inf
    # (the) = 1/2 against (t)(h) = 1/64, and then `a`, which is a quarter of what follows.
    exact = 0.5 / (0.5 + 1 / 64) * 0.25
    assert found.readings["exact"].probability == pytest.approx(exact)
    assert found.ratio("naive") == math.inf
    assert found.ratio("exact") == 1
    assert found.distance("exact") == 0
    assert 0 < found.distance("naive") <= 1
    assert math.isnan(compare(model, "th", "z").ratio("naive"))


def test_the_built_in_examples() -> None:
    """Nothing is downloaded; the exact answer is consistent with itself and better than the naive one at every cut."""
    found = {one.example.title: one.found for one in compare_examples()}
    assert len(found) == len(EXAMPLES)
    without, with_space, *others = found.values()
    # P(" window" | "She opened the") = P(" " | …) · P("window" | "She opened the ")
    space = without.readings["exact"].next_byte.bytes[32]
    product = space * with_space.readings["exact"].probability
    assert product == pytest.approx(without.readings["exact"].probability, rel=1e-9)
    for one in (with_space, *others):
        assert one.ratio("naive") > 100
        assert one.distance("naive") > 0.3


def test_the_chart_is_well_formed(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = _model(tokenizer, {b"the": 0.5, b"t": 0.125, b"h": 0.125, b"a": 0.25})
    example = Example("<cut> & more", "th\n ", b"\xff")
    compared = [Compared(example, compare(model, "th", "e"))]
    drawn = byte_chart.svg(compared)
    root = ElementTree.fromstring(drawn)
    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) == 4
    assert "th\\n␣" in drawn
    assert "\\xff" in drawn
    byte_chart.write_chart(tmp_path / "a.html", compared)
    assert drawn in (tmp_path / "a.html").read_text(encoding="utf-8")
    with pytest.raises(ParameterError, match=r"\.svg or \.html"):
        byte_chart.write_chart(tmp_path / "a.png", compared)
    assert byte_chart.as_dict(compared[0])["readings"]["naive"]["exact_over_this"] is None


def test_the_examples_of_the_documentation() -> None:
    outcome = doctest.testmod(byte_chart)
    assert outcome.attempted
    assert not outcome.failed
