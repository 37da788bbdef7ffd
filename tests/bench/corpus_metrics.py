"""The metrics of length, cost, vocabulary use and information after encoding: 5 tokenizers, 13 languages.

    python tests/bench/corpus_metrics.py SHARED

SHARED is the folder of shared data. Prints CPU seconds of every group of metrics by itself, then of all together.
Equality with the slow twins is tested in tests/parity; nothing here is timed before the values agree with the
reference definition of one tokenizer and language.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import Any

import tokbench as tb
from tokbench.reference import ngrams as slow

LANGUAGES = [
    "eng_Latn",
    "deu_Latn",
    "fra_Latn",
    "tur_Latn",
    "rus_Cyrl",
    "ell_Grek",
    "arb_Arab",
    "heb_Hebr",
    "hin_Deva",
    "jpn_Jpan",
    "zho_Hans",
    "kor_Hang",
    "tha_Thai",
]
TOKENIZERS = {
    "gpt2": "openai/gpt2.tiktoken",
    "o200k": "openai/o200k_base.tiktoken",
    "llama3": "llama/llama3_tokenizer.model",
    "p50k": "openai/p50k_base.tiktoken",
    "cl100k": "openai/cl100k_base.tiktoken",
}
GROUPS = {
    "length and compression": [
        "tokens", "bytes_per_token", "characters_per_token", "graphemes_per_token", "lines_per_token",
        "tokens_per_line", "tokens_per_document", "bytes_per_token_mean", "characters_per_token_mean", "nsl",
    ],
    "words in running text": ["fertility", "fertility_mean", "strr", "pcw"],
    "words in running text, dictionaries": ["fertility(word=icu)", "strr(word=icu)"],
    "words in isolation": ["isolated_fertility", "isolated_strr", "isolated_pcw"],
    "words in isolation, by type": ["isolated_fertility(over=types)", "isolated_strr(over=types)"],
    "token length": ["token_length", "token_length_share", "character_weighted_length"],
    "cost": [
        "parity", "parity_matrix", "sentence_premium", "validated_parity", "gini", "lorenz", "cost_ratio", "cost_cov",
        "weighted_gini", "weighted_parity", "token_tax", "model_cost", "utilisation_cov",
    ],
    "vocabulary use": [
        "vocabulary_utilisation", "type_token_ratio", "average_token_rank", "token_rank_quantile",
        "percentile_frequency", "unk_rate", "unk_characters",
    ],
    "entropies": ["shannon_entropy", "shannon_efficiency", "renyi_entropy", "renyi_efficiency", "bits"],
    "bigrams": [
        "conditional_entropy", "conditional_entropy(correction=chao_shen)", "bigram_entropy", "accessor_variety",
        "accessor_efficiency", "context_coverage", "capacity_utilisation(order=1)",
    ],
    "trigrams": ["trigram_entropy", "conditional_entropy(order=2)"],
    "4-grams": ["conditional_entropy(order=3)"],
    "codes": ["code_bits", "code_bits(order=1)"],
    "held-out codes": ["code_bits(fit=held_out)", "code_bits(order=1,fit=held_out)"],
}  # fmt: skip


class Encoded:
    """A tokenizer that remembers what it has encoded."""

    def __init__(self, base: Any) -> None:
        self.base = base
        self.kept: dict[bytes, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    def encode_batch(self, texts: Any, **options: Any) -> Any:
        key = texts.data[:4096].tobytes() + len(texts.data).to_bytes(8, "little")
        if key not in self.kept:
            self.kept[key] = self.base.encode_batch(texts, **options)
        return self.kept[key]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("shared", type=Path)
    shared = options.parse_args().shared
    five = {name: Encoded(tb.load(shared / "data/tokenizers" / file)) for name, file in TOKENIZERS.items()}
    folder = shared / "data/parallel/flores200_dev"
    flores = tb.Corpus.from_files(
        {name: str(folder / f"{name}.txt") for name in LANGUAGES}, parallel=True, name="flores"
    )

    def timed(label: str, metrics: list[str]) -> tb.MetricFrame:
        cpu, wall = time.process_time(), time.perf_counter()
        frame = tb.evaluate(five, flores, metrics=metrics)
        spent, elapsed = time.process_time() - cpu, time.perf_counter() - wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{label:40} {spent - floor:7.2f} s CPU ({spent:.2f} with reading), {elapsed:6.2f} s wall, peak {peak} MB"
        )
        return frame

    floor = 0.0
    everything = [metric for metrics in GROUPS.values() for metric in metrics]
    tiny = tb.Corpus.from_texts({"eng": ["a b", "c d"], "deu": ["a", "c d e"]}, parallel=True)
    tb.evaluate(five, tiny, metrics=everything)
    frame = tb.evaluate(five, flores, metrics=["trigram_entropy", "conditional_entropy(order=2)", "tokens"])
    rows = [
        five["o200k"].base.encode(line).tolist()
        for line in (folder / "eng_Latn.txt").read_text().splitlines()
    ]
    expected = slow.successor_entropy(rows, 2, 3)
    found = frame.value("trigram_entropy", tokenizer="o200k", group="eng_Latn")
    assert found is not None
    assert expected is not None
    assert abs(found - expected) < 1e-9
    print(
        f"{sum(frame.value('tokens', tokenizer=name) or 0 for name in five):,.0f} tokens; values agree with the twins"
    )
    cpu = time.process_time()
    tb.evaluate(five, flores, metrics=["tokens"])
    floor = time.process_time() - cpu
    print(f"reading, fingerprints and one metric: {floor:.2f} s CPU, taken off below")
    for label, metrics in GROUPS.items():
        timed(label, metrics)
    chosen = [
        m for label, metrics in GROUPS.items() if label not in ("4-grams", "held-out codes") for m in metrics
    ]
    timed(f"all {len(chosen)} but 4-grams and held-out codes", chosen)
    timed(f"all {len(everything)}", everything)


if __name__ == "__main__":
    main()
