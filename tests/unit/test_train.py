"""Training settings, limits, the log, wrong inputs, interruption."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tokbench import _rust
from tokbench.errors import ExhaustedError, ParameterError, UnknownTokenError
from tokbench.objectives.state import EngineState
from tokbench.settings import Settings
from tokbench.train import run, start, train

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tokbench.objectives.protocol import Merge, State


def table(column: Mapping[bytes, int]) -> _rust.PretokenCounts:
    pretokens = sorted(column)
    return _rust.PretokenCounts(
        ["eng"],
        np.frombuffer(b"".join(pretokens), dtype=np.uint8),
        np.cumsum([0, *map(len, pretokens)], dtype=np.uint64),
        np.arange(len(pretokens) + 1, dtype=np.uint64),
        np.zeros(len(pretokens), dtype=np.uint32),
        np.array([column[pretoken] for pretoken in pretokens], dtype=np.uint64),
    )


WORDS = table({b"low": 5, b"lower": 2, b"newest": 6, b"widest": 3})


def wanted(vocab_size: int = 300, **options: Any) -> Settings:
    return Settings(vocab_size=vocab_size, pretokenizer="none", **options)


def test_the_log_tells_every_step() -> None:
    training = run(WORDS, wanted(259))
    assert training.log.columns == ["step", "left", "right", "result", "token", "count", "tokens_eng"]
    assert training.log["token"].to_list() == [b"es", b"est", b"lo"]
    assert training.log["count"].to_list() == [9, 9, 7]
    atoms = 3 * 5 + 5 * 2 + 6 * 6 + 6 * 3
    assert training.log["tokens_eng"].to_list() == [atoms - 9, atoms - 18, atoms - 25]
    assert training.log["step"].to_list() == [1, 2, 3]
    assert len(training.vocab) == 259


def test_ids_are_special_tokens_then_fallback_then_alphabet_then_merges() -> None:
    column = table({"añoaño".encode(): 9, b"a\xffb": 1})
    training = run(
        column,
        wanted(
            2 + 256 + 3 + 1,
            unit="character",
            initial_alphabet="seen",
            special_tokens=("<s>", "</s>"),
            character_coverage=0.96,
            byte_fallback=True,
        ),
    )
    vocab = training.vocab
    assert vocab.special == {"<s>": 0, "</s>": 1}
    assert vocab.byte_fallback == tuple(range(2, 258))
    assert [vocab.token_bytes(token_id) for token_id in range(258, 262)] == [
        b"a",
        b"o",
        "ñ".encode(),
        "añ".encode(),
    ]
    assert b"b" not in vocab


def test_an_unknown_token_stands_for_what_is_left_out() -> None:
    column = table({b"aab": 9, b"ac": 1})
    options: dict[str, Any] = {"unit": "character", "initial_alphabet": "seen", "special_tokens": ("<unk>",)}
    training = run(column, wanted(4, unknown="<unk>", limit_alphabet=2, **options))
    assert training.vocab.unknown_id == 0
    assert [training.vocab.token_bytes(token_id) for token_id in (1, 2, 3)] == [b"a", b"b", b"aa"]
    assert training.log["tokens_eng"].to_list() == [9 * 2 + 2]


def test_a_vocabulary_without_all_bytes_says_so() -> None:
    assert run(WORDS, wanted(12, initial_alphabet="seen")).vocab.partial
    assert not run(WORDS, wanted(259)).vocab.partial


def test_equal_counts_follow_the_named_rule() -> None:
    # "é" is C3 A9: both stand-ins lie above ASCII; a space's (U+0120) lies above them all.
    column = table({b"ab": 2, b"  ": 2, "é".encode(): 2})

    def first(tie_break: str, alphabet_order: str = "gpt2") -> bytes:
        made = run(column, wanted(257, tie_break=tie_break, alphabet_order=alphabet_order))
        return made.vocab.token_bytes(256)

    assert first("ids") == b"ab"
    assert first("ids", "byte") == b"  "
    assert first("lexmax") == b"  "
    assert first("lexmax", "byte") == b"  "
    assert first("lexmin") == b"  "
    assert (
        run(table({b"ab": 2, "é".encode(): 2}), wanted(257, tie_break="lexmax")).log["token"][0]
        == "é".encode()
    )


@pytest.mark.parametrize("count", [2**31 - 1, 2**31, 2**32 + 7, 2**53 + 1, 2**61])
def test_large_counts_are_exact(count: int) -> None:
    training = run(table({b"ab": count, b"cd": count - 1}), wanted(258))
    assert training.log["count"].to_list() == [count, count - 1]
    assert training.log["tokens_eng"].to_list() == [3 * count - 2, 2 * count - 1]


def test_exhaustion_tells_how_many_tokens_were_possible() -> None:
    with pytest.raises(ExhaustedError, match="300 asked for, 268 possible"):
        run(WORDS, wanted(300))
    assert len(run(WORDS, wanted(300, allow_smaller=True)).vocab) == 268
    with pytest.raises(ExhaustedError, match="at least 4 times"):
        run(WORDS, wanted(300, min_frequency=4))


def test_an_alphabet_above_the_vocabulary_size_is_refused() -> None:
    with pytest.raises(ParameterError, match="at least 258"):
        run(WORDS, wanted(257, special_tokens=("<s>", "</s>")))
    assert len(run(WORDS, wanted(258, special_tokens=("<s>", "</s>"))).merges) == 0


def test_no_text_trains_nothing() -> None:
    empty = _rust.PretokenCounts(
        [],
        np.empty(0, np.uint8),
        np.zeros(1, np.uint64),
        np.zeros(1, np.uint64),
        np.empty(0, np.uint32),
        np.empty(0, np.uint64),
    )
    assert len(run(empty, wanted(300, allow_smaller=True)).merges) == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"unit": "bytes"}, "'byte', 'character'"),
        ({"tie_break": "random"}, "'ids', 'lexmax', 'lexmin'"),
        ({"alphabet_order": "x"}, "alphabet_order"),
        ({"vocab_size": 0}, "vocab_size"),
        ({"min_frequency": -1}, "min_frequency"),
        ({"max_token_length": 1}, "max_token_length"),
        ({"limit_alphabet": 0}, "limit_alphabet"),
        ({"limit_alphabet": 100}, "initial alphabet of 256"),
        ({"initial_alphabet": "all"}, "'bytes', 'seen'"),
        ({"initial_alphabet": ("ab",)}, "one byte"),
        ({"unit": "character"}, "needs unit='byte'"),
        ({"unit": "character", "initial_alphabet": ("ab",)}, "one character"),
        ({"character_coverage": 0.5}, 'unit="character"'),
        ({"byte_fallback": True}, 'unit="character"'),
        ({"byte_fallback": True, "unknown": "<unk>"}, "one of the two"),
        ({"special_tokens": ("a", "a")}, "given twice"),
        ({"special_tokens": ("",)}, "empty"),
    ],
)
def test_wrong_settings_are_named(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        run(WORDS, wanted(**{"allow_smaller": True, **options}))


def test_settings_are_written_completely() -> None:
    written = wanted(initial_alphabet=(b"\xff", "é"), unit="byte", special_tokens=("<s>",)).as_dict()
    assert written["initial_alphabet"] == ["ff", "c3a9"]
    assert written["special_tokens"] == ["<s>"]
    assert set(written) == set(Settings.__dataclass_fields__)


@dataclass(frozen=True)
class Rarest:
    """Merge the pair of the two newest ids; stop after three steps."""

    tracks_groups: bool = True

    def choose(self, state: State) -> Merge | None:
        if state.n_ids == 259:
            return None
        best = state.best(0)
        assert best is not None
        assert state.count(best.left, best.right) == state.count(best.left, best.right, 0) == best.count
        assert state.length(0) == state.lengths()[0]
        assert state.token_count(best.left) > 0
        assert list(state.groups) == [0]
        return best


def test_an_objective_drives_the_engine_and_may_stop() -> None:
    training = run(WORDS, wanted(300, allow_smaller=True), objective=Rarest())
    assert training.merges == run(WORDS, wanted(259)).merges
    with pytest.raises(ExhaustedError, match="259 possible"):
        run(WORDS, wanted(300), objective=Rarest())
    with pytest.raises(ParameterError, match="at least 256"):
        run(WORDS, wanted(200), objective=Rarest())


def test_the_engine_refuses_what_does_not_exist() -> None:
    engine = start(WORDS, wanted())
    with pytest.raises(UnknownTokenError, match="id 999"):
        engine.merge(0, 999)
    with pytest.raises(UnknownTokenError, match="id 256"):
        engine.token_bytes(256)
    with pytest.raises(ParameterError, match="not one of the 1 groups"):
        engine.length(1)
    with pytest.raises(ParameterError, match="track_groups"):
        engine.best(0)
    assert EngineState(engine).token_bytes(0) == b"!"


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[str, int, int]] = []
    run(WORDS, wanted(260), progress=lambda *report: seen.append(report))
    assert seen[-1] == ("merging", 4, 4)


def test_control_c_stops_within_a_second() -> None:
    # Of processor time: other work on the machine does not count.
    letters = np.random.default_rng(0).integers(97, 123, 4_000_000, dtype=np.uint8)
    counts = table({letters.tobytes(): 1})
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.process_time())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(counts, wanted(200_000, allow_smaller=True))
    assert time.process_time() - sent[0] < 1.0


def test_texts_in_place_of_counts_say_what_to_do() -> None:
    with pytest.raises(ParameterError, match="count_texts"):
        train(["some text"], vocab_size=300)  # type: ignore[arg-type]  # the mistake under test


def test_one_string_is_no_list_of_special_tokens() -> None:
    from tokbench.counts import PretokenCounts

    counts = PretokenCounts.from_mapping({"eng": {b"aa": 2}}, pretokenizer="none")
    with pytest.raises(ParameterError, match=r"\['<s>'\]"):
        train(counts, vocab_size=257, special_tokens="<s>")


def test_training_on_plain_text_loads_no_data_frames(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("low lower newest " * 9, encoding="utf-8")
    program = (
        "import sys, tokbench as tb\n"
        "made = tb.train(tb.count(tb.Corpus.from_files({'x': sys.argv[1]})), vocab_size=260)\n"
        "print(made.vocab_size, sorted({'polars', 'numba', 'scipy', 'tokenizers'} & set(sys.modules)))\n"
        "print(made.training.log.height)"
    )
    command = [sys.executable, "-P", "-c", program, str(tmp_path / "a.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["260 []", "4"]
