"""All corpus metrics beside tokenization-scorer and TokLens, equal values checked first.

    python tests/bench/evaluate.py SHARED [--peers FOLDER]

SHARED is the folder of shared data; FOLDER holds packages that are not installed here (``pip install --target FOLDER
toklens``). Prints CPU seconds, wall seconds and memory: encoding apart from everything after it, each metric family by
itself, intervals, and the ratio to the CPU seconds that were measured for TokEval 1.0.0 on the same input.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tokbench as tb
from tokbench import plugin
from tokbench.measurement import CorpusMetric, Derived

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
FILES = {
    "gpt2": "openai/gpt2.tiktoken",
    "o200k": "openai/o200k_base.tiktoken",
    "llama3": "llama/llama3_tokenizer.model",
    "tekken": "mistral/tekken_240718.json",
    "cl100k": "openai/cl100k_base.tiktoken",
    "p50k": "openai/p50k_base.tiktoken",
    "whisper": "openai/whisper_multilingual.tiktoken",
    "qwen": "qwen/qwen3_6.tiktoken",
    "llama4": "llama/llama4_tokenizer.model",
    "neox": "rwkv/20B_tokenizer.json",
}
TOKEVAL = {"all metrics but AST and reconstruction": 36.0, "trigram": 13.0}
"""CPU seconds of TokEval 1.0.0 for 5 tokenizers and 13 languages, 2.2 MB, 3.9 M tokens, measured on 2 shared cores."""


class Frozen:
    """A tokenizer that has encoded already, so that what is timed is everything but encoding."""

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


def timed(label: str, run: Any) -> tuple[Any, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    spent = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{label:58} {spent:8.2f} s CPU {time.perf_counter() - wall:8.2f} s wall, peak {peak:5} MB")
    return result, spent


def corpus(shared: Path, languages: list[str]) -> tb.Corpus:
    folder = shared / "data/parallel/flores200_dev"
    files = {name: str(folder / f"{name}.txt") for name in languages}
    return tb.Corpus.from_files(
        files, parallel=True, name="flores", metadata={name: {"script": name[4:]} for name in languages}
    )


def against_scorer(tokenizer: Any, text: list[str], frame: tb.MetricFrame) -> None:
    try:
        import tokenization_scorer as scorer
    except ImportError:
        print("tokenization-scorer is not installed")
        return
    lines = [" ".join(map(str, tokenizer.encode(line).tolist())) for line in text]

    def theirs() -> list[float]:
        return [
            scorer.score(lines, metric="renyi_efficiency", power=2.5),
            scorer.score(lines, metric="shannon_entropy"),
        ]

    with contextlib.redirect_stdout(io.StringIO()):
        theirs()
    found, cpu = timed("tokenization-scorer: Rényi efficiency, Shannon entropy", theirs)
    ours = [frame.value("renyi_efficiency(vocabulary=observed)"), frame.value("shannon_entropy")]
    assert all(abs(a - b) < 1e-9 for a, b in zip(found, ours, strict=True) if b is not None), (found, ours)
    _, mine = timed(
        "  ours, the same two, encoded already",
        lambda: tb.evaluate(
            tokenizer,
            tb.Corpus.from_texts({"eng": text}),
            metrics=["renyi_efficiency(vocabulary=observed)", "shannon_entropy"],
        ),
    )
    print(f"  equal to 1e-9; ratio {cpu / mine:.1f}")


def against_toklens(tokenizer: Any, shared: Path, text: list[str]) -> None:
    try:
        import tokenizers
        from toklens import metrics as toklens
    except ImportError:
        print("TokLens is not installed (pip install --target FOLDER toklens, then --peers FOLDER)")
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tokenizer.base.save(Path(folder) / "tokenizer.json")
        theirs = tokenizers.Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    joined = "\n".join(text)
    one = tb.Corpus.from_texts({"eng": [joined]})
    names = ["characters_per_token", "bytes_per_token"]
    found, cpu = timed(
        "TokLens: CPT, compression",
        lambda: [toklens.compute_cpt(theirs, joined), toklens.compute_compression_ratio(theirs, joined)],
    )
    frame, mine = timed(
        "  ours, the same two, encoding included", lambda: tb.evaluate(tokenizer.base, one, metrics=names)
    )
    ours = [frame.value(name) for name in names]
    assert all(abs(a - b) < 1e-9 for a, b in zip(found, ours, strict=True) if b is not None), (found, ours)
    print(f"  equal to 1e-9; ratio {cpu / mine:.1f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("shared", type=Path)
    options.add_argument("--peers", type=Path)
    options.add_argument("--only", default="all", help="small, large, intervals (of large) or all")
    given = options.parse_args()
    if given.peers is not None:
        sys.path.insert(0, str(given.peers))

    def load(names: list[str]) -> dict[str, Frozen]:
        return {name: Frozen(tb.load(given.shared / "data/tokenizers" / FILES[name])) for name in names}

    if given.only in ("large", "intervals"):
        large(given.shared, load, only_intervals=given.only == "intervals")
        return
    print("# 5 tokenizers, 13 languages")
    five = load(list(FILES)[:5])
    small = corpus(given.shared, LANGUAGES)
    print(
        f"memory before: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB, tokenizers loaded"
    )
    timed("reading and encoding", lambda: tb.evaluate(five, small, metrics=["tokens"]))
    timed("fingerprint of the text", lambda: small.fingerprint)
    everything = [m for m in plugin.selected(["all"]) if isinstance(m, CorpusMetric | Derived)]
    tb.evaluate(
        five, tb.Corpus.from_texts({"eng": ["warm up"], "deu": ["warm"]}, parallel=True), metrics=everything
    )
    frame, cpu = timed(
        f"all {len(everything)} corpus metrics", lambda: tb.evaluate(five, small, metrics=everything)
    )
    total = sum(frame.value("tokens", tokenizer=name) or 0 for name in five)
    print(f"  {total:,.0f} tokens; TokEval 1.0.0: {TOKEVAL['all metrics but AST and reconstruction']} s CPU, ratio "
          f"{TOKEVAL['all metrics but AST and reconstruction'] / cpu:.1f}")  # fmt: skip
    for family, names in plugin.families().items():
        chosen = [m for m in plugin.selected([f"family:{family}"]) if isinstance(m, CorpusMetric | Derived)]
        if chosen:
            timed(
                f"  {family}: {', '.join(names)}"[:57],
                partial(tb.evaluate, five, small, metrics=chosen),
            )
    timed("default metrics", lambda: tb.evaluate(five, small))
    timed(
        "default metrics with intervals, baseline",
        lambda: tb.evaluate(five, small, intervals=True, baseline="gpt2"),
    )
    text = (given.shared / "data/parallel/flores200_dev/eng_Latn.txt").read_text().splitlines()
    english = tb.Corpus.from_texts({"eng": text})
    one = five["gpt2"]
    frame = tb.evaluate(
        one, english, metrics=["renyi_efficiency(vocabulary=observed)", "shannon_entropy", "fertility"]
    )
    against_scorer(one, text, frame)
    against_toklens(one, given.shared, text)
    if given.only != "small":
        large(given.shared, load)


def large(
    shared: Path, load: Callable[[list[str]], dict[str, Frozen]], *, only_intervals: bool = False
) -> None:
    print("# 10 tokenizers, 204 languages")
    names = sorted(path.stem for path in (shared / "data/parallel/flores200_dev").glob("*_*.txt"))
    ten = {name: frozen.base for name, frozen in load(list(FILES)).items()}
    text = corpus(shared, names)
    timed("fingerprint of the text", lambda: text.fingerprint)
    if not only_intervals:
        timed("default metrics, encoding included", lambda: tb.evaluate(ten, text))
    timed(
        "with 2,000 replicates, BCa, and a baseline",
        lambda: tb.evaluate(ten, text, intervals=True, baseline="gpt2"),
    )


if __name__ == "__main__":
    main()
