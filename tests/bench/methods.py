"""Encoding one text by every method over one vocabulary, beside the other libraries' encoders where ids are equal.

    python tests/bench/methods.py --file mixed.txt --megabytes 20 --vocab-size 32000 --pretokenizer cl100k

The vocabulary is trained here, on every third line. Documents are lines. Reported are megabytes a second of CPU time
on one thread, the second of two passes over the text being timed, and tokens a document relative to merging. A peer is timed
only after its ids were found equal to ours on all documents.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import tokenizers

from tokbench import Corpus, train
from tokbench.bpe import BpeModel
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.tokenizer import BpeTokenizer, Tokenizer

METHODS = ("merges", "longest", "longest_suffix", "longest_first", "fewest", "unigram")
SAMPLED = ("dropout(p=0.1)", "stochastok(p=0.1)", "fewest_random", "unigram_random")
PEERS = ("longest", "fewest", "unigram")


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of the second of two passes, when caches know the words."""
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


def variants(model: BpeModel) -> dict[str, BpeModel]:
    """The trained model with a tenth of its tokens as scaffold, with some deleted, with super-merges."""
    steps = list(model.merges)  # plain training has merges
    used = {part for left, right, _ in steps for part in (left, right)}
    scaffold = tuple(result for _, _, result in steps if result in used)[::10]
    rows: list[tuple[object, ...]] = []
    for place, (left, right, result) in enumerate(steps):
        rows.append(("merge", left, right, result))
        if place % 10 == 9 and left > 255:
            parts = next(row[1:3] for row in rows if row[0] == "merge" and row[3] == left)
            rows += [("delete", left, *parts), ("merge", *parts, left)]
    words = [i for i, token in model.vocab.tokens.items() if token[:1] == b" " and token[1:].isalpha()][:2000]
    joined, tokens = [], dict(model.vocab.tokens)
    for left, right in zip(words, words[1:] + words[:1], strict=True):
        spelled = tokens[left] + tokens[right]
        if spelled not in model.vocab:
            joined.append((left, right, len(tokens)))
            tokens[len(tokens)] = spelled
    vocab = type(model.vocab)(tokens)
    return {
        "scaffold": replace(model, scaffold=scaffold),
        "replay": replace(model, merges=Operations(rows), method="replay"),
        "supers": replace(model, vocab=vocab, supers=Merges.from_steps(joined)),
    }


def row(name: str, seconds: float, n_bytes: int, tokens: int, base: int) -> None:
    print(
        f"{name:34} {n_bytes / seconds / 1e6:8.1f} MB/s {seconds:8.2f} s {tokens / base:8.4f} of the tokens of merging"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--pretokenizer", default="cl100k")
    parser.add_argument("--peer-megabytes", type=float, default=2)
    job = parser.parse_args()
    with job.file.open("rb") as file:
        text = file.read(int(job.megabytes * 1e6)).decode(errors="ignore")
    lines = [line for line in text.split("\n") if line]
    head = lines[::3]
    trained = train(
        Corpus.from_texts({"all": head}), vocab_size=job.vocab_size, pretokenizer=job.pretokenizer
    )
    assert isinstance(trained, BpeTokenizer)
    rng = np.random.default_rng(0)
    n_ids = trained.model.vocab.n_ids
    scored = replace(
        trained.model, scores=tuple((-2 - 8 * np.arange(n_ids) / n_ids - rng.random(n_ids)).tolist())
    )
    n_bytes = len(text.encode())
    base = len(trained.encode_batch(lines, threads=1).ids)
    peer_lines = lines[: max(1, int(len(lines) * job.peer_megabytes / job.megabytes))]
    peer_bytes = sum(len(line.encode()) for line in peer_lines)
    print(f"{n_bytes / 1e6:.1f} MB, {len(lines)} documents, {job.vocab_size} tokens, {job.pretokenizer}")
    for whole in (False, True):
        model = replace(scored, pretokenizer="none") if whole else scored
        print("whole documents" if whole else "pretokens")
        named: dict[str, Tokenizer] = {
            name: BpeTokenizer(model, name=name).with_method(name) for name in (*METHODS, *SAMPLED)
        }
        if not whole:
            named |= {
                name: BpeTokenizer(changed, name=name) for name, changed in variants(trained.model).items()
            }
        for name, tokenizer in named.items():
            seconds = timed(lambda tokenizer=tokenizer: tokenizer.encode_batch(lines, threads=1))  # type: ignore[misc]  # a default binds
            row(name, seconds, n_bytes, len(tokenizer.encode_batch(lines, threads=1).ids), base)
            if name in PEERS:
                compare(tokenizer, peer_lines, peer_bytes, len(trained.encode_batch(peer_lines).ids))


def compare(tokenizer: Tokenizer, lines: list[str], n_bytes: int, base: int) -> None:
    """Time the tokenizers package on its own form of the same tokenizer, if the ids are equal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer.save(path)
        theirs = tokenizers.Tokenizer.from_file(str(path))
        kind = json.loads(path.read_text("utf-8"))["model"]["type"]
    expected = [each.ids for each in theirs.encode_batch_fast(lines, add_special_tokens=False)]
    if [ids.tolist() for ids in tokenizer.encode_batch(lines)] != expected:
        print(f"  tokenizers {kind}: other ids, not timed")
        return
    seconds = timed(lambda: theirs.encode_batch_fast(lines, add_special_tokens=False))
    row(f"  tokenizers {kind}", seconds, n_bytes, sum(map(len, expected)), base)


if __name__ == "__main__":
    main()
