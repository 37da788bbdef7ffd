"""Bytes per second beside genlm-bytes, on the same rows: python tests/bench/bytes_peer.py TOKENIZER --text FILE

Needs torch, transformers and genlm-bytes. The model is a handful of fixed rows chosen by the last token, the same for both,
so that nearly all time is that of the sums over tokens. Before anything is timed both are asked for the exact sum over
all segmentations of a short text (theirs with a beam that drops nothing), and must agree.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import tokbench as tb
from tokbench.bytelm import ByteLM, FunctionLM, Semantics

N_ROWS = 8
SHORT = 7
TOLERANCE = 1e-4


def fixed_rows(n_ids: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Random rows of natural logarithms."""
    logits = np.random.default_rng(0).normal(scale=3.0, size=(N_ROWS, n_ids))
    rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (
        logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    ).astype(np.float32)
    return rows


def theirs(tokenizer: Any, rows: Any) -> Any:
    """Their model, answering with the rows."""
    import torch
    from genlm.backend.llm.base import AsyncLM

    held = torch.from_numpy(rows)

    class Fixed(AsyncLM):  # type: ignore[misc]  # the package has no types
        async def next_token_logprobs(self, token_ids: list[int], lora_name: None = None) -> Any:
            return held[token_ids[-1] % N_ROWS]

        def next_token_logprobs_sync(self, token_ids: list[int], lora_name: None = None) -> Any:
            return held[token_ids[-1] % N_ROWS]

    return Fixed(tokenizer)


async def their_bytes(model: Any, text: bytes, end: bytes, *, width: int) -> tuple[list[Any], float]:
    """Their distributions of every byte, and the CPU seconds without the set-up."""
    from genlm.bytes import BeamParams, ByteBeamState

    state = await ByteBeamState.initial(model, BeamParams(K=width, eos_byte_strings=[end], heal=False))
    found = []
    started = time.process_time()
    for byte in text:
        found.append(np.exp(np.asarray((await state.logp_next()).ps, dtype=np.float64)))
        state = await (state.prune() << byte)
    seconds = time.process_time() - started
    await state.cleanup()
    return found, seconds


def our_bytes(model: ByteLM, text: bytes) -> tuple[list[Any], float]:
    """Our distributions of every byte, and the CPU seconds without the set-up."""
    state, found = model.start(), []
    started = time.process_time()
    for byte in text:
        found.append(state.distribution().probabilities)
        state = state.advance(byte)
    return found, time.process_time() - started


def main() -> None:
    """Check, then print a row for each."""
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer", help="a file or directory, for .tiktoken with =PRETOKENIZER")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--bytes", type=int, default=40)
    arguments = parser.parse_args()
    path, _, pretokenizer = arguments.tokenizer.partition("=")
    ours = tb.load(path, pretokenizer=pretokenizer or None)
    end_text, end = next(iter(ours.special_tokens.items()))
    with tempfile.TemporaryDirectory() as folder:
        ours.save(Path(folder), format="huggingface")
        loaded = AutoTokenizer.from_pretrained(folder, bos_token=end_text, eos_token=end_text)
    n_ids = len(loaded)
    rows = fixed_rows(n_ids)
    peer = theirs(loaded, rows)

    def model(semantics: Semantics, window: int | None) -> ByteLM:
        answer = FunctionLM(
            lambda contexts: rows[[context[-1] % N_ROWS for context in contexts]],
            n_ids,
            bos_id=end,
            eos_id=end,
            window=window,
        )
        return ByteLM(answer, ours, semantics=semantics)

    text = arguments.text.read_bytes()[: arguments.bytes]
    exact, _ = our_bytes(model("all", 1), text[:SHORT])
    wanted, _ = asyncio.run(their_bytes(peer, text[:SHORT], end_text.encode(), width=10**6))
    # Of theirs, place 257 is the end and 256 that of a token.
    worst = max(np.abs(mine[:256] - other[:256]).max() for mine, other in zip(exact, wanted, strict=True))
    ends = max(abs(mine[256] - other[257]) for mine, other in zip(exact, wanted, strict=True))
    print(
        f"all segmentations of {text[:SHORT]!r}: largest difference {worst:.2g} of a byte, {ends:.2g} of the end"
    )
    assert max(worst, ends) < TOLERANCE, "different answers are not timed"
    print(f"{'':34} {'bytes/s':>9} {'CPU s':>8} {'off by':>8}")
    reference, _ = our_bytes(model("all", 1), text)
    for name, semantics, window in (("ours, all, exact", "all", 1), ("ours, valid, exact", "valid", None)):
        found, seconds = our_bytes(model(semantics, window), text)  # type: ignore[arg-type]  # two of its words
        off = max(np.abs(a[:256] - b[:256]).max() for a, b in zip(found, reference, strict=True))
        print(f"{name:34} {len(text) / seconds:>9.1f} {seconds:>8.3f} {off:>8.2g}")
    for width in (1, 5):
        found, seconds = asyncio.run(their_bytes(peer, text, end_text.encode(), width=width))
        off = max(np.abs(a[:256] - b[:256]).max() for a, b in zip(found, reference, strict=True))
        print(
            f"{f'genlm-bytes, all, beam of {width}':34} {len(text) / seconds:>9.1f} {seconds:>8.3f} {off:>8.2g}"
        )


if __name__ == "__main__":
    main()
