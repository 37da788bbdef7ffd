r"""PathPiece and SaGe beside their references: one text, one run, equal results checked first.

    python tests/bench/vocabfirst.py --file mixed.txt --held-out other.txt --sage-python scratch/bin/python

SaGe is compared with PyPI's ``sage-tokenizer`` (install it with gensim into an environment of its own and name its
interpreter with --sage-python): both prune the same initial vocabulary over the same schedule. Vectors are learned at
random, so the check takes the reference's own vectors: with them our losses must drop the same tokens in the first
round, or nothing is timed. PathPiece has no public trainer: it is held against the slow twin of this package on a
sample, and then timed on the whole text beside plain BPE of the same size.

Reported are CPU seconds and peak memory of processes of their own, interpreter start included, and the tokens that
held-out text takes under PathPiece and BPE of equal size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REFERENCE = """
import resource, sys
from sage_tokenizer.SaGeVocabBuilder import SaGeVocabBuilder
corpus, vocabulary, schedule, embeddings = sys.argv[1:]
sizes = [[int(size) for size in text.split(",")] for text in (schedule, embeddings)]
if __name__ == "__main__":
    SaGeVocabBuilder(*sizes, max_len=16, workers_number=1).build_vocab(
        experiment_name="bench", corpus_filepath=corpus, vocabulary_filepath=vocabulary
    )
"""


def used(usage: Any) -> dict[str, float]:
    return {"cpu": usage.ru_utime + usage.ru_stime, "MB": usage.ru_maxrss / 1024}


def alone(side: str, options: dict[str, Any]) -> dict[str, Any]:
    """Run one of our sides in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", side],
        input=json.dumps(options),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{side} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def initial(file: Path, size: int) -> list[bytes]:
    from tokbench.corpus import Corpus
    from tokbench.counts import count
    from tokbench.train import train

    counts = count(Corpus.from_files({"all": file}), "cl100k")
    base = train(counts, vocab_size=size, max_token_length=16, alphabet_order="byte")
    return list(base.vocab.tokens.values())


def side_sage(
    file: str, vocabulary: str, schedule: list[int], embeddings: list[int], seed: int
) -> dict[str, Any]:
    from tokbench.algorithms.sage import Sage, prune, sample_lines
    from tokbench.corpus import Corpus

    tokens = [bytes.fromhex(line) for line in Path(vocabulary).read_text().splitlines()]
    lines = sample_lines(Corpus.from_files({"all": file}), seed=seed, limit=10**6)
    anew = {place for place, size in enumerate(schedule) if size in embeddings}
    kept, _ = prune(
        Sage(), lines, tokens, sizes=schedule[1:], anew=anew, pretokenizer="none", seed=seed, threads=1
    )
    return {"kept": [token.hex() for token in kept]}


def side_pathpiece(file: str, vocab_size: int, algorithm: str, held_out: str) -> dict[str, Any]:
    from tokbench.corpus import Corpus
    from tokbench.training import train

    start = time.process_time()
    tokenizer = train(Corpus.from_files({"all": file}), vocab_size=vocab_size, algorithm=algorithm, threads=1)
    seconds = time.process_time() - start
    text = Path(held_out).read_bytes()
    return {"training": seconds, "tokens": len(tokenizer.encode(text)), "bytes": len(text)}


def reference_sage(args: argparse.Namespace, folder: Path, vocabulary: Path) -> dict[str, Any]:
    script = folder / "reference.py"
    script.write_text(REFERENCE)
    sizes = [",".join(map(str, sizes)) for sizes in (args.schedule, args.embeddings)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [args.sage_python, str(script), str(args.file.resolve()), str(vocabulary), *sizes],
        cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "MB": after.ru_maxrss / 1024}


def check_first_round(args: argparse.Namespace, folder: Path, tokens: list[bytes]) -> tuple[int, bool]:
    """Drop with the reference's vectors what it dropped."""
    import numpy as np

    from tokbench import _rust
    from tokbench.algorithms.sage import sample_lines
    from tokbench.algorithms.tokens import flat
    from tokbench.corpus import Corpus

    results = folder / "results" / "bench"
    vectors = np.load(results / "embeddings" / f"embeddings_{args.schedule[0]}.npy").astype(np.float32)
    cutter = _rust.SageCutter(*flat(tokens), np.ones(len(tokens), np.bool_), "none")
    lines = sample_lines(Corpus.from_files({"all": args.file}), seed=0, limit=10**6)
    losses, uses = cutter.losses(lines, vectors, threads=1)
    active = (np.diff(flat(tokens)[1]) > 1) & (uses > 0)
    n = int(active.sum()) + 256 - args.schedule[1]
    order = np.flatnonzero(active)[np.argsort(losses[active], kind="stable")]
    [file] = (results / "sage_vocabs").glob(f"deleted_vocab_{args.schedule[1]}*")
    theirs = {bytes.fromhex(line) for line in file.read_text().split()}
    return n, {tokens[i] for i in order[:n].tolist()} == theirs


def check_pathpiece(args: argparse.Namespace) -> bool:
    from itertools import islice

    from tokbench.algorithm import Request
    from tokbench.algorithms.pathpiece import prune
    from tokbench.algorithms.tokens import geometric, initial_tokens
    from tokbench.corpus import Corpus
    from tokbench.counts import PretokenCounts, count
    from tokbench.reference import pathpiece as slow

    whole = count(Corpus.from_files({"all": args.file}), "cl100k").to_frame()
    words = dict(
        islice(zip(whole["pretoken"], whole["count"], strict=True), 0, None, max(1, len(whole) // 60))
    )
    counts = PretokenCounts.from_mapping({"all": words}, pretokenizer="cl100k")
    request = Request(source=counts, vocab_size=300)
    tokens = initial_tokens(counts, method="ngrams", size=330, max_length=8, min_frequency=1, request=request)
    _, log = prune(counts, tokens, size=300, rounds=4, threads=1)
    gone, _ = slow.prune(words, tokens, geometric(len(tokens), 300, 4))
    return list(zip(log["token"], log["cost"], strict=True)) == gone


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--vocab-size", type=int, default=4000)
    parser.add_argument(
        "--sage-python", help="interpreter that has sage-tokenizer; without it SaGe is left out"
    )
    parser.add_argument(
        "--schedule", type=lambda text: [int(size) for size in text.split(",")], default=[3914, 3500, 3300]
    )
    parser.add_argument(
        "--embeddings", type=lambda text: [int(size) for size in text.split(",")], default=[3914, 3500]
    )
    parser.add_argument("--side", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        options = json.load(sys.stdin)
        result = side_sage(**options) if args.side == "sage" else side_pathpiece(**options)
        print(json.dumps(result | used(resource.getrusage(resource.RUSAGE_SELF))))
        return
    if not check_pathpiece(args):
        raise SystemExit("PathPiece drops other tokens than its slow twin; nothing is timed")
    print("PathPiece = its slow twin on a sample of pretokens (there is no public trainer)")
    print(f"{'':44} {'CPU s':>8} {'MB':>6} {'V':>7} {'tokens held out':>16}")
    held = str(args.held_out or args.file)
    for algorithm in (
        "bpe",
        "pathpiece(rounds=4)",
        "pathpiece",
        "pathpiece(rounds=none)",
        "pathpiece(initial=ngrams)",
    ):
        options = {
            "file": str(args.file),
            "vocab_size": args.vocab_size,
            "algorithm": algorithm,
            "held_out": held,
        }
        row = alone("pathpiece", options)
        print(f"{algorithm:44} {row['cpu']:8.2f} {row['MB']:6.0f} {args.vocab_size:7} {row['tokens']:16,}")
    if not args.sage_python:
        print("SaGe: left out, no --sage-python")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens = initial(args.file, args.schedule[0])
        vocabulary = folder / "initial.hex"
        vocabulary.write_text("".join(token.hex() + "\n" for token in tokens))
        theirs = reference_sage(args, folder, vocabulary)
        n, equal = check_first_round(args, folder, tokens)
        if not equal:
            raise SystemExit("SaGe: with the reference's vectors we drop other tokens; nothing is timed")
        print(f"SaGe: with the reference's vectors the same {n} tokens go in the first round")
        options = {
            "file": str(args.file), "vocabulary": str(vocabulary), "schedule": args.schedule,
            "embeddings": args.embeddings, "seed": 0,
        }  # fmt: skip
        ours = alone("sage", options)
        for what, row in (("sage-tokenizer 2.0, one worker", theirs), ("tokbench, one thread", ours)):
            print(f"{what:44} {row['cpu']:8.2f} {row['MB']:6.0f} {args.schedule[-1]:7}")
        print(f"sage-tokenizer takes {theirs['cpu'] / ours['cpu']:.1f} times the CPU seconds")


if __name__ == "__main__":
    main()
