"""SentencePiece ``.model`` files behind our interface."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.encoding import flatten
from tokbench.errors import (
    NotEncodableError,
    NotRepresentableError,
    ParameterError,
    PluginError,
    UnknownTokenError,
    VocabError,
)
from tokbench.formats.files import write_whole
from tokbench.tokenizer import Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tokbench.bpe import BpeModel, Training
    from tokbench.tokenizer import Format


class SentencePieceTokenizer(Tokenizer):
    """A tokenizer that the ``sentencepiece`` package encodes. Text must be UTF-8.

    Raises:
        VocabError: when the package cannot read the file.
        PluginError: when the package is missing.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        try:
            import sentencepiece
        except ImportError as error:
            message = "SentencePiece models need the package sentencepiece: pip install sentencepiece"
            raise PluginError(message) from error
        self._data = path.read_bytes()
        try:
            self._processor: Any = sentencepiece.SentencePieceProcessor(model_proto=self._data)
            n_pieces = self._processor.get_piece_size()
        except (RuntimeError, OSError) as error:
            message = f"{path}: the sentencepiece package cannot read it: {error}"
            raise VocabError(message) from error
        processor = self._processor
        self.name = name
        self.kind = "sentencepiece"
        self.training: Training | None = None
        self.lossless = False
        special: dict[str, int] = {}
        pieces: dict[int, bytes] = {}
        self._bytes: dict[int, bytes] = {}
        for piece_id in range(n_pieces):
            piece = processor.id_to_piece(piece_id)
            if processor.is_control(piece_id) or processor.is_unknown(piece_id):
                special[piece] = piece_id
                continue
            pieces[piece_id] = piece.encode()
            if processor.is_byte(piece_id):
                self._bytes[piece_id] = bytes([int(piece[3:5], 16)])
            else:
                self._bytes[piece_id] = piece.replace("▁", " ").encode()
        self.vocab = Vocab(pieces, special=special, partial=True)
        self.unk_id = processor.unk_id() if processor.unk_id() >= 0 else None
        self.fallback_bytes = {i: self._bytes[i][0] for i in pieces if processor.is_byte(i)}
        self.unused_ids = frozenset(i for i in pieces if processor.is_unused(i))

    @property
    def serialized(self) -> bytes:
        """The ``ModelProto`` of the file."""
        return self._data

    @property
    def processor(self) -> Any:
        """The ``SentencePieceProcessor`` itself."""
        return self._processor

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self._data).hexdigest()

    def save(self, path: str | Path, *, format: Format | None = None) -> None:  # noqa: A002 - as the base class
        """Write the package's own format: a ``.model`` file, or ``tokenizer.model`` in a directory.

        Raises:
            NotRepresentableError: for any other format.
        """
        target = Path(path)
        if format is not None or target.suffix not in ("", ".model"):
            message = f"{self.name}: a SentencePiece model is saved as a .model file only"
            raise NotRepresentableError(message)
        write_whole(target if target.suffix else target / "tokenizer.model", self._data)

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of text that a token stands for, with a space for ``▁``."""
        return self._bytes[token_id] if token_id in self._bytes else self.vocab.token_bytes(token_id)

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return `token_bytes` of all ids back to back, and ``n_ids + 1`` positions."""
        return flatten([self.token_bytes(i) for i in range(self.vocab.n_ids)])

    def _encode_flat(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        allowed: bool | list[int],  # noqa: FBT001 - as the native encoder
        threads: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        _refuse_allowed(allowed)
        flat = data.tobytes()
        rows: list[NDArray[np.uint32]] = []
        n = len(offsets) - 1
        for start in range(0, n, 256):
            end = min(start + 256, n)
            texts = [_strict(flat[offsets[i] : offsets[i + 1]], i) for i in range(start, end)]
            encoded = self._processor.encode(texts, out_type=int, num_threads=threads)
            rows.extend(np.array(row, dtype=np.uint32) for row in encoded)
            if progress is not None:
                progress("encoding", int(offsets[end]), len(flat))
        ends = np.zeros(n + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=ends[1:])
        return (np.concatenate(rows) if rows else np.zeros(0, dtype=np.uint32)), ends

    def _encode_spans(
        self,
        data: bytes,
        allowed: bool | list[int],  # noqa: FBT001 - as the native encoder
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        _refuse_allowed(allowed)
        text = _strict(data, 0)
        pieces = list(read_pieces(self._processor.encode(text, out_type="serialized_proto")))
        ids = np.array([token_id for token_id, _, _ in pieces], dtype=np.uint32)
        spans = np.array([(start, end) for _, start, end in pieces], dtype=np.int64)
        return ids, spans.reshape(-1, 2)

    def _decode_flat(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> list[bytes]:
        if len(ids) and int(ids.max()) >= self.vocab.n_ids:
            message = f"no token with id {int(ids.max())} in this vocabulary of {len(self.vocab)} tokens"
            raise UnknownTokenError(message)
        rows = [ids[a:b].tolist() for a, b in pairwise(offsets)]
        return [self._processor.decode(row).encode() for row in rows]


def read_pieces(message: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (id, first byte, end byte) of every piece of a serialized ``SentencePieceText``.

    Source: sentencepiece.proto; pieces are field 2, and in a piece id is field 2, begin 4, end 5.
    """
    for field, value in _fields(message):
        if field == 2 and isinstance(value, bytes):
            piece = {number: inner for number, inner in _fields(value) if isinstance(inner, int)}
            yield piece.get(2, 0), piece.get(4, 0), piece.get(5, 0)


MODEL_TYPES = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}


def model_type(model: bytes) -> str:
    """Return ``unigram``, ``bpe``, ``word`` or ``char`` of a serialized ``ModelProto``.

    Source: sentencepiece_model.proto; the trainer's settings are field 2, the type their field 3, 1 where absent.
    """
    for field, value in _fields(model):
        if field == 2 and isinstance(value, bytes):
            found = [inner for number, inner in _fields(value) if number == 3 and isinstance(inner, int)]
            return MODEL_TYPES.get(found[-1] if found else 1, "unigram")
    return "unigram"


def normalizer_rule(model: bytes) -> str:
    """Return the name of the normalization rule of a serialized ``ModelProto``, such as ``nmt_nfkc`` or ``identity``.

    Source: sentencepiece_model.proto; the normalizer is field 3, the name its field 1.
    """
    for field, value in _fields(model):
        if field == 3 and isinstance(value, bytes):
            found = [inner for number, inner in _fields(value) if number == 1 and isinstance(inner, bytes)]
            return found[-1].decode() if found else ""
    return ""


def changes_text(model: bytes) -> bool:
    """Whether a serialized ``ModelProto`` changes text beyond the space before it, or cuts pieces out of it first.

    Source: sentencepiece_model.proto; of the normalizer (field 3) ``remove_extra_whitespaces`` is field 4 and
    ``escape_whitespaces`` field 5, both true where absent; of a piece (field 1) the type is field 3, 4 if the user
    defined it.
    """
    if normalizer_rule(model) not in ("", "identity"):
        return True
    for field, value in _fields(model):
        if field == 1 and isinstance(value, bytes) and (3, 4) in _fields(value):
            return True
    for field, value in _fields(model):
        if field == 3 and isinstance(value, bytes):
            flags = {number: inner for number, inner in _fields(value) if isinstance(inner, int)}
            return bool(flags.get(4, 1)) or not flags.get(5, 1)
    return True


def as_merges(tokenizer: SentencePieceTokenizer) -> BpeModel | None:
    """Return a BPE model's merges by rank over characters; None where more than merges decides an encoding.

    SentencePiece merges the pair whose piece has the highest score. Pieces of one score or pairs of one piece are
    ranked one after another here. The space before every text is left to the caller.
    """
    from tokbench.bpe import BpeModel, merge_list

    processor, model = tokenizer.processor, tokenizer.serialized
    if (
        model_type(model) != "bpe"
        or changes_text(model)
        or len(tokenizer.fallback_bytes) != 256
        or tokenizer.unused_ids
    ):
        return None
    ordinary = {
        tokenizer.token_bytes(i).decode(): i
        for i in tokenizer.vocab.tokens
        if i not in tokenizer.fallback_bytes
    }
    rows = [
        (-processor.get_score(i), ordinary[piece[:cut]], ordinary[piece[cut:]], i)
        for piece, i in ordinary.items()
        for cut in range(1, len(piece))
        if piece[:cut] in ordinary and piece[cut:] in ordinary
    ]
    columns = [[row[at] for row in sorted(rows)] for at in (1, 2, 3)]
    by_byte = {byte: i for i, byte in tokenizer.fallback_bytes.items()}
    vocab = Vocab(
        {i: piece.encode() for piece, i in ordinary.items()},
        special=tokenizer.vocab.special,
        byte_fallback=[by_byte[byte] for byte in range(256)],
    )
    return BpeModel(vocab, merge_list(*columns), "none", unit="character")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        if tag & 7 == 0:
            value, place = _varint(message, place)
            yield tag >> 3, value
        else:
            length, place = (4, place) if tag & 7 == 5 else _varint(message, place)
            yield tag >> 3, message[place : place + length]
            place += length


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _refuse_allowed(allowed: bool | list[int]) -> None:  # noqa: FBT001 - as the native encoder
    if allowed:
        message = "allowed_special: SentencePiece never makes control tokens from text"
        raise ParameterError(message)


def _strict(data: bytes, index: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        message = f"document {index}, byte {error.start}: not valid UTF-8, which this tokenizer needs"
        raise NotEncodableError(message) from None
