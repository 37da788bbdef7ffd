"""Integrity, numbers and health on the input of the metric catalogue: 13 FLORES languages, five tokenizers.

    python tests/bench/integrity.py SHARED

Prints CPU seconds of each group of metrics after encoding (the second of two runs, so that compilation is out), of the
health checks and of reachability. TokEval 1.0.0 takes 9.9 s for UTF-8 integrity and character splits of the same input,
3.4 to 7.9 s for its sanity check (both published with the catalogue; other machine, compare as ratios).
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Hashable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tokbench.corpus import Corpus
from tokbench.measurement import EncodedBatch, Statistic, TextBatch
from tokbench.metrics.ambiguity import LogSegmentations
from tokbench.metrics.characters import WordGaps, WordPieces
from tokbench.metrics.code import OperatorCounts
from tokbench.metrics.health import health
from tokbench.metrics.integrity import Reconstruction
from tokbench.metrics.numbers import DigitLabels, DigitPatterns, DigitTokens, PlaceValueScores
from tokbench.metrics.reachability import reachability
from tokbench.metrics.utf8 import SplitCharacters, SplitGraphemes, TokenForms
from tokbench.reference import utf8 as slow
from tokbench.tokenizer import Tokenizer

LANGUAGES = "eng_Latn tur_Latn jpn_Jpan zho_Hans fra_Latn deu_Latn spa_Latn rus_Cyrl arb_Arab hin_Deva kor_Hang por_Latn ind_Latn"
TOKENIZERS = {
    "gpt2": "openai/gpt2.tiktoken", "llama2": "llama/llama2_wordllama_tokenizer.json", "tekken": "mistral/tekken_240718.json",
    "neox": "rwkv/20B_tokenizer.json", "o200k": "openai/o200k_base.tiktoken",
}  # fmt: skip
GROUPS: dict[str, list[Statistic]] = {
    "UTF-8 integrity and split": [TokenForms(), SplitCharacters()],
    "graphemes": [SplitGraphemes()],
    "digits": [PlaceValueScores("ascii"), DigitLabels("ascii"), DigitPatterns("ascii"), DigitTokens("ascii")],
    "operators": [OperatorCounts("common")],
    "characters of words": [WordPieces("python_split"), WordGaps("python_split")],
    "reconstruction": [Reconstruction()],
    "segmentations": [LogSegmentations()],
}


def main(shared: Path) -> None:
    texts, encoded, memos = [], {}, {}
    memory: dict[Hashable, Any] = {}
    for language in LANGUAGES.split():
        path = shared / "data" / "parallel" / "flores200_dev" / f"{language}.txt"
        corpus = Corpus.from_files({language: [str(path)]}, document="line")
        texts += [TextBatch(batch.data, batch.offsets, memory=memory) for batch in corpus.batches(language)]
    print(f"{sum(len(text) for text in texts)} lines, {sum(len(text.data) for text in texts)} bytes")
    for name, file in TOKENIZERS.items():
        tokenizer = Tokenizer.load(shared / "data" / "tokenizers" / file)
        memos[name] = tokenizer
        encoded[name] = [tokenizer.encode_batch(text) for text in texts]
    print(
        f"{sum(len(each.ids) for rows in encoded.values() for each in rows)} tokens of {len(TOKENIZERS)} tokenizers"
    )
    _check_equal(texts[0], memos["gpt2"], encoded["gpt2"][0])
    for group, statistics in GROUPS.items():
        for _ in range(2):
            fresh = [TextBatch(text.data, text.offsets, memory=memory) for text in texts]
            start = time.process_time()
            for name, tokenizer in memos.items():
                memo: dict[object, object] = {}
                for text, rows in zip(fresh, encoded[name], strict=True):
                    batch = EncodedBatch(text, tokenizer, rows, memo)
                    for statistic in statistics:
                        batch.once(statistic, statistic.collect)
            seconds = time.process_time() - start
        print(f"{group:28} {seconds:7.3f} s CPU")
    for name, tokenizer in memos.items():
        start = time.process_time()
        counts = reachability(tokenizer).counts()
        middle = time.process_time()
        report = health(tokenizer)
        print(
            f"{name:8} reachability {middle - start:6.2f} s, health {time.process_time() - middle:6.2f} s CPU, "
            f"exit {report.exit_code}, {counts}"
        )
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _check_equal(text: TextBatch, tokenizer: Tokenizer, rows: object) -> None:
    """Refuse to time what the slow twin does not confirm."""
    batch = EncodedBatch(text, tokenizer, rows, {})  # type: ignore[arg-type]  # an Encoding
    table = SplitCharacters().collect(batch)
    for document, (begin, end) in enumerate(pairwise(batch.offsets[:20].tolist())):
        tokens = [tokenizer.token_bytes(int(token)) for token in batch.ids[begin:end]]
        assert np.array_equal(table[document], slow.count_split_characters(tokens))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
