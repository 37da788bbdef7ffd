"""Counting + merging beside every installable peer: same file, one run, equal output checked first.

    pip install rustbpe bpeasy fast-bpe-rs ffbpe gigatoken
    python tests/bench/mixed_text.py FOLDER --megabytes 100 --out mixed.txt
    python tests/bench/train.py --file mixed.txt --vocab-size 32000 --pretokenizer cl100k

Every side runs in a process of its own, which reads the file, trains, and hands back its tokens in merge
order. Reported are wall and CPU seconds and peak memory of that process, interpreter start included, and the
ratio to tokbench trained with the same documents and tie rule. A peer that is not installed is listed as such.

Only equal tokens make a comparison. A peer that trains almost the same (99 tokens of 100 are ours: other ties) or
another task of the same size (characters instead of bytes) is timed too; its row says how it differs. Of any other
difference the row says where it begins, and no time.

With ``--document line`` every line is a document (line ends belong to no document); ``file`` gives the whole
file to those peers that can take it as one document. A peer that knows only one of the two is compared with
tokbench on that one.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


@dataclass(frozen=True)
class Job:
    """What one side is asked to do."""

    file: Path
    vocab_size: int
    pretokenizer: str
    document: str
    threads: int

    def documents(self) -> Iterator[str]:
        if self.document == "file":
            with self.file.open(encoding="utf-8", newline="") as whole:
                yield whole.read()
            return
        with self.file.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield line.removesuffix("\n")


Tokens = list[bytes]


def run_tokbench(job: Job, *, alphabet_order: str) -> Tokens:
    import tokbench as tb

    corpus = tb.Corpus.from_files({"all": str(job.file)}, document=job.document)
    counts = tb.count(corpus, job.pretokenizer, threads=job.threads)
    tokenizer = tb.train(counts, vocab_size=job.vocab_size, alphabet_order=alphabet_order, allow_smaller=True)
    return [tokenizer.token_bytes(token) for token in range(256, tokenizer.vocab_size)]


def run_huggingface(job: Job) -> Tokens:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_oniguruma(PATTERNS[job.pretokenizer])), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=job.vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(job.documents(), trainer)
    to_byte = _printable_to_byte()
    ordered = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [bytes(to_byte[char] for char in token) for token, _ in ordered[256:]]


def run_rustbpe(job: Job) -> Tokens:
    import rustbpe

    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(job.documents(), job.vocab_size, pattern=PATTERNS[job.pretokenizer])
    return [bytes(token) for token, _ in tokenizer.get_mergeable_ranks()[256:]]


def run_bpeasy(job: Job) -> Tokens:
    import bpeasy

    ranks = bpeasy.train_bpe(job.documents(), PATTERNS[job.pretokenizer], 1_000_000, job.vocab_size)
    return [token for token, _ in sorted(ranks.items(), key=lambda item: item[1])[256:]]


def run_fast_bpe_rs(job: Job) -> Tokens:
    import fast_bpe_rs

    model = fast_bpe_rs.BPE(PATTERNS[job.pretokenizer])
    model.train(job.vocab_size, list(job.documents()))
    return [bytes(model.decode([token])) for token in range(256, job.vocab_size)]


def run_ffbpe(job: Job) -> Tokens:
    import ffbpe

    pretokenizer = ffbpe.PreTokenizer([], pat_str=PATTERNS[job.pretokenizer])
    counter = pretokenizer.word_counter()
    counter.add_source(job.documents())
    trainer = ffbpe.BpeTrainer([], unit="byte")
    trainer.add_word_counter(counter)
    trainer.train(job.vocab_size)
    vocabulary = trainer.validate_model().vocab
    return [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])[256:]]


def run_gigatoken(job: Job) -> Tokens:
    import gigatoken

    vocabulary, _ = gigatoken.train_bpe(gigatoken.TextFileSource([str(job.file)]), job.vocab_size, [])
    return [token for _, token in sorted(vocabulary.items())[256:]]


def run_sentencepiece(job: Job) -> Tokens:
    import sentencepiece

    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            input=str(job.file),
            model_prefix=f"{folder}/model",
            model_type="bpe",
            vocab_size=job.vocab_size,
            num_threads=job.threads,
            max_sentence_length=1 << 30,
            minloglevel=2,
        )
        model = sentencepiece.SentencePieceProcessor(f"{folder}/model.model")
    return [model.id_to_piece(token).encode() for token in range(3, model.vocab_size())]


def run_youtokentome(job: Job) -> Tokens:
    import youtokentome

    with tempfile.TemporaryDirectory() as folder:
        model = youtokentome.BPE.train(
            data=str(job.file), model=f"{folder}/model", vocab_size=job.vocab_size, n_threads=job.threads
        )
    return [token.encode() for token in model.vocab()[4:]]


def _oniguruma(pattern: str) -> str:
    """Write possessive quantifiers greedily: Oniguruma's Ruby syntax reads ``{1,3}+`` as a repeated group."""
    return pattern.replace("{1,3}+", "{1,3}")


def _printable_to_byte() -> dict[str, int]:
    keep = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return {chr(byte if byte in keep else next(others)): byte for byte in range(256)}


@dataclass(frozen=True)
class Peer:
    """One side: its runner, the alphabet order that its ties follow, the patterns it can do, its package."""

    run: Callable[[Job], Tokens]
    package: str
    alphabet_order: str
    pretokenizers: tuple[str, ...] = tuple(PATTERNS)
    documents: tuple[str, ...] = ("line", "file")
    other_task: str = ""


CHARACTERS = "not comparable: merges characters of words between white space"
PEERS = {
    "huggingface": Peer(run_huggingface, "tokenizers", "gpt2"),
    "rustbpe": Peer(run_rustbpe, "rustbpe", "byte"),
    "bpeasy": Peer(run_bpeasy, "bpeasy", "byte"),
    "fast-bpe-rs": Peer(run_fast_bpe_rs, "fast_bpe_rs", "byte"),
    "ffbpe": Peer(run_ffbpe, "ffbpe", "byte"),
    "gigatoken": Peer(run_gigatoken, "gigatoken", "gpt2", ("gpt2",), ("file",)),
    "sentencepiece": Peer(run_sentencepiece, "sentencepiece", "gpt2", other_task=CHARACTERS),
    "youtokentome": Peer(run_youtokentome, "youtokentome", "gpt2", other_task=CHARACTERS),
}


@dataclass(frozen=True)
class Measured:
    """One finished side."""

    tokens: Tokens
    wall: float
    cpu: float
    peak_mb: float


def measure(side: str, job: Job) -> Measured | str:
    """Run one side in its own process; a failure comes back as its last line."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "tokens.json"
        command = [sys.executable, __file__, "--side", side, "--result", str(result)]
        for name, value in vars(job).items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        environment = {**os.environ, "RAYON_NUM_THREADS": str(job.threads), "TOKENIZERS_PARALLELISM": "true"}
        start = time.perf_counter()
        with (Path(folder) / "errors").open("w+") as errors:
            process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            said = errors.read().strip().splitlines()
        if process.returncode != 0:
            return f"failed ({process.returncode}): {said[-1] if said else 'no message'}"
        tokens = [bytes.fromhex(token) for token in json.loads(result.read_text())]
    return Measured(tokens, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def difference(ours: Tokens, theirs: Tokens) -> str:
    """Say where two token lists part; an empty string when they are equal."""
    if ours == theirs:
        return ""
    step = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
    common = len(set(ours) & set(theirs))
    where = f"at merge {step}: {ours[step]!r} / {theirs[step]!r}" if step is not None else "in length"
    return f"differs {where}; {common:,} of {len(ours):,} / {len(theirs):,} tokens in common"


def main() -> int:
    """Parse, run, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--pretokenizer", choices=sorted(PATTERNS), default="cl100k")
    parser.add_argument("--document", choices=["line", "file"], default="line")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--runs", type=int, default=1, help="runs per side; the median by CPU time is shown")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    job = Job(given.file, given.vocab_size, given.pretokenizer, given.document, given.threads)
    if given.side:
        order = given.side.removeprefix("tokbench-")
        tokens = (
            run_tokbench(job, alphabet_order=order) if order != given.side else PEERS[given.side].run(job)
        )
        given.result.write_text(json.dumps([token.hex() for token in tokens]))
        return 0

    from rich.console import Console
    from rich.table import Table

    table = Table(
        "side",
        "wall s",
        "CPU s",
        "peak MB",
        "CPU ×",
        "memory ×",
        "output",
        title=f"{job}",
        title_justify="left",
    )
    own: dict[tuple[str, str], Measured] = {}
    rows: list[dict[str, object]] = []
    unequal = 0
    for name in given.peers.split(","):
        peer = PEERS[name]
        if job.pretokenizer not in peer.pretokenizers:
            table.add_row(name, "", "", "", "", "", f"knows only {', '.join(peer.pretokenizers)}")
            continue
        document = job.document if job.document in peer.documents else peer.documents[0]
        task = replace(job, document=document)
        key = peer.alphabet_order, document
        if key not in own:
            mine = _median(f"tokbench-{peer.alphabet_order}", task, given.runs)
            if isinstance(mine, str):
                Console().print(f"tokbench {mine}")
                return 1
            own[key] = mine
            title = f"tokbench (ties: {peer.alphabet_order}, document: {document})"
            table.add_row(title, *_cells(mine), "1", "1", "")
            rows.append({"side": f"tokbench-{peer.alphabet_order}-{document}", **_numbers(mine)})
        mine = own[key]
        theirs = _median(name, task, given.runs)
        if isinstance(theirs, str):
            table.add_row(name, "", "", "", "", "", theirs)
            continue
        differs = peer.other_task or difference(mine.tokens, theirs.tokens)
        if differs and not peer.other_task:
            unequal += 1
            if len(set(mine.tokens) & set(theirs.tokens)) < 0.99 * len(mine.tokens):
                table.add_row(name, "", "", "", "", "", differs)
                continue
        ratios = theirs.cpu / mine.cpu, theirs.peak_mb / mine.peak_mb
        table.add_row(
            name, *_cells(theirs), f"{ratios[0]:.1f}", f"{ratios[1]:.1f}", differs or "equal tokens"
        )
        rows.append(
            {
                "side": name,
                **_numbers(theirs),
                "cpu_ratio": ratios[0],
                "memory_ratio": ratios[1],
                "output": differs or "equal tokens",
            }
        )
    Console(width=150).print(table)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2))
    return 1 if unequal else 0


def _median(side: str, job: Job, runs: int) -> Measured | str:
    results = []
    for _ in range(runs):
        results.append(measure(side, job))
        seen = results[-1]
        told = (
            seen
            if isinstance(seen, str)
            else f"{seen.wall:.1f} s, {seen.cpu:.1f} s CPU, {seen.peak_mb:,.0f} MB"
        )
        print(f"{side}, document: {job.document}: {told}", file=sys.stderr, flush=True)
    finished = sorted((result for result in results if isinstance(result, Measured)), key=lambda run: run.cpu)
    return (
        finished[len(finished) // 2]
        if len(finished) == runs
        else next(r for r in results if isinstance(r, str))
    )


def _numbers(run: Measured) -> dict[str, float]:
    return {"wall_s": run.wall, "cpu_s": run.cpu, "peak_mb": run.peak_mb}


def _cells(run: Measured) -> tuple[str, str, str]:
    return f"{run.wall:.2f}", f"{run.cpu:.2f}", f"{run.peak_mb:,.0f}"


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
