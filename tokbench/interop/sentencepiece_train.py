"""Training with the ``sentencepiece`` package: Unigram from counts of bytes, and whole models from text."""

from __future__ import annotations

import io
import math
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.errors import ExhaustedError, ParameterError, PluginError
from tokbench.formats.byte_map import printable, raw
from tokbench.interop.sentencepiece import SentencePieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokbench.corpus import Corpus
    from tokbench.counts import PretokenCounts

THREADS = 8
"""The package adds up in an order that depends on this number, so it is the same on every machine."""

NO_LIMIT = 2**30
"""Longer sentences would be left out without a word; this is the most that the package takes."""


MOST_BYTES = 10**8
"""Text that a Unigram model is trained on at the most, counted with its frequencies."""


def _train(**options: Any) -> bytes:
    try:
        import sentencepiece
    except ImportError as error:
        message = "this needs the package sentencepiece: pip install sentencepiece"
        raise PluginError(message) from error
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            model_writer=written,
            num_threads=THREADS,
            max_sentence_length=NO_LIMIT,
            minloglevel=2,
            **options,
        )
    except (RuntimeError, OSError) as error:
        said = re.sub(r"^.*?\]\s*", "", str(error)).strip() or str(error)
        message = f"the sentencepiece package cannot train this: {said}"
        exhausted = "too high" in str(error) or "vocab" in str(error).lower()
        raise (ExhaustedError if exhausted else ParameterError)(message) from error
    return written.getvalue()


def count_divisor(counts: PretokenCounts) -> int:
    """Return by what counts are divided: the package's time and memory grow with the frequencies that it is given."""
    lengths = np.diff(counts.native.arrays()[1]).astype(np.float64)
    _, _, starts, _, cells = counts.native.arrays()
    n_bytes = float((np.add.reduceat(cells.astype(np.float64), starts[:-1].astype(np.int64)) * lengths).sum())
    return max(1, math.ceil(n_bytes / MOST_BYTES))


def unigram_pieces(
    counts: PretokenCounts,
    *,
    size: int,
    max_length: int,
    exactly: bool,
    shrinking_factor: float = 0.75,
    sub_iterations: int = 2,
    seed_size: int = 1_000_000,
) -> list[tuple[bytes, float]]:
    """Return the pieces of a Unigram model over bytes with their log probabilities, the most probable first.

    Every pretoken is one word, its count over `count_divisor`, rounded up, its frequency. All 256
    bytes are pieces; one that the text does not hold has a log probability 10 below the least.

    Raises:
        ExhaustedError: when the text does not hold `size` pieces and `exactly` so many are wanted.
        ParameterError: for what the package refuses.
    """
    if not len(counts):
        message = "source: the counts hold no pretoken"
        raise ParameterError(message)
    arena, ends, starts, _, cells = counts.native.arrays()
    data, divisor = arena.tobytes(), count_divisor(counts)
    unseen = np.flatnonzero(np.bincount(arena, minlength=256) == 0).tolist()
    letters = [printable(bytes([byte])) for byte in range(256)]
    with tempfile.TemporaryDirectory(prefix="tokbench-") as folder:
        words = Path(folder) / "words.tsv"
        with words.open("w", encoding="utf-8", newline="\n") as file:
            for row in range(len(counts)):
                pretoken = data[int(ends[row]) : int(ends[row + 1])]
                total = -(-int(cells[int(starts[row]) : int(starts[row + 1])].sum()) // divisor)
                file.write("".join([letters[byte] for byte in pretoken]) + f"\t{total}\n")
        model = _train(
            input=str(words),
            input_format="tsv",
            model_type="unigram",
            vocab_size=size - len(unseen) + 1,
            hard_vocab_limit=exactly,
            character_coverage=1.0,
            required_chars="".join(letters),
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=False,
            split_by_number=False,
            split_by_whitespace=False,
            max_sentencepiece_length=max_length,
            seed_sentencepiece_size=seed_size,
            shrinking_factor=shrinking_factor,
            num_sub_iterations=sub_iterations,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
        )
    import sentencepiece

    processor: Any = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = []
    for piece_id in range(1, processor.get_piece_size()):
        token = raw(processor.id_to_piece(piece_id))
        assert token is not None
        pieces.append((token, float(processor.get_score(piece_id))))
    least = min(score for _, score in pieces)
    return [*pieces, *((bytes([byte]), least - 10) for byte in unseen)]


def train_sentencepiece(corpus: Corpus, **options: Any) -> SentencePieceTokenizer:
    """Return a tokenizer that the package has trained on the lines of a corpus.

    Raises:
        CorpusError: for text that is not UTF-8.
        ExhaustedError: when the text does not hold as many pieces as asked for.
        ParameterError: for what the package refuses.
    """
    failure: list[Exception] = []

    def lines() -> Iterator[str]:
        for document in corpus:
            yield from document.text.split("\n")

    def sentences() -> Iterator[str]:
        # An exception would be lost inside of the package.
        try:
            # Unigram adds up in the order of the lines; the package itself holds all of them in memory, too.
            yield from sorted(lines()) if options.get("model_type") == "unigram" else lines()
        except Exception as error:  # noqa: BLE001 - raised below
            failure.append(error)

    try:
        model = _train(sentence_iterator=sentences(), **options)
    finally:
        if failure:
            raise failure[0]
    with tempfile.TemporaryDirectory(prefix="tokbench-") as folder:
        path = Path(folder) / "trained.model"
        path.write_bytes(model)
        return SentencePieceTokenizer(path, name="trained")
