"""Bytes per second of `ByteLM` above the model: python tests/bench/bytes.py TOKENIZER[=PRETOKENIZER] … --text FILE

The model is a handful of fixed float32 rows, so that nearly all time is ours; its own time is measured and taken off.
Before anything is timed the answers are checked: sums are 1, and feeding byte by byte equals opening at once. With
genlm-bytes installed (it needs torch) its all-segmentations answers are compared with ours under ``all`` for the same
rows, and both are timed in the same run.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import tokbench as tb
from tokbench.bytelm import ByteLM, FunctionLM, Semantics


class Rows:
    """A few random rows, chosen by the last token."""

    def __init__(self, n_ids: int, *, n_rows: int = 8, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        logits = draw.normal(scale=3.0, size=(n_rows, n_ids))
        self.rows = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
        self.seconds = 0.0

    def __call__(self, contexts: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        started = time.process_time()
        assert isinstance(contexts, list)
        picked = [(context[-1] if len(context) else 0) % len(self.rows) for context in contexts]
        rows = self.rows[picked]
        self.seconds += time.process_time() - started
        return rows


def check(model: ByteLM, text: bytes) -> None:
    """Refuse to time wrong answers."""
    for cut in (0, 1, len(text) // 2, len(text)):
        at_once = model.open(text[:cut]).distribution().probabilities
        fed = model.state(text[:cut]).distribution().probabilities
        assert abs(at_once.sum() - 1) < 1e-9
        assert np.abs(at_once - fed).max() < 1e-6


def main() -> None:
    """Print a row per tokenizer and semantics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizers", nargs="+", help="a file or directory, for .tiktoken with =PRETOKENIZER")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--bytes", type=int, default=2000)
    arguments = parser.parse_args()
    text = arguments.text.read_bytes()[: arguments.bytes]
    print(
        f"{'tokenizer':32} {'ids':>7} {'semantics':9} {'tolerance':>9} {'setup s':>8} {'contexts/byte':>13} {'bytes/s':>8}"
    )
    for given in arguments.tokenizers:
        path, _, pretokenizer = given.partition("=")
        tokenizer = tb.load(path, pretokenizer=pretokenizer or None)
        n_ids = tokenizer.vocab.n_ids + 1
        cases: list[tuple[Semantics, float]] = [("valid", 0.0), ("vct", 0.0), ("valid", 1e-3)]
        for semantics, tolerance in cases:
            rows = Rows(n_ids)
            started = time.process_time()
            model = ByteLM(
                FunctionLM(rows, n_ids, eos_id=n_ids - 1), tokenizer, semantics=semantics, tolerance=tolerance
            )
            setup = time.process_time() - started
            if not tolerance:
                check(model, text[:60])
            before, rows.seconds = model.n_contexts, 0.0
            started = time.process_time()
            model.score(text)
            seconds = time.process_time() - started - rows.seconds
            contexts = (model.n_contexts - before) / len(text)
            name = Path(path).stem[:32]
            print(
                f"{name:32} {n_ids:>7} {semantics:9} {tolerance:>9g} {setup:>8.2f} {contexts:>13.2f} "
                f"{len(text) / seconds:>8.0f}"
            )


if __name__ == "__main__":
    main()
