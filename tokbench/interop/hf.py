"""Hugging Face: any ``tokenizer.json`` behind our interface, and the proof of what we export."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
from tokbench.formats.byte_map import raw
from tokbench.formats.files import write_whole
from tokbench.formats.hf_write import document, tokenizer_config
from tokbench.formats.probe import PROBES
from tokbench.interop.proof import disagreement, fuzz_texts, proof_texts
from tokbench.tokenizer import BpeTokenizer, Tokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import tokenizers
    from numpy.typing import NDArray

    from tokbench.bpe import Training
    from tokbench.tokenizer import Format


def _package() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        message = "this needs the package tokenizers: pip install tokenizers"
        raise PluginError(message) from error
    return tokenizers


class HuggingFaceTokenizer(Tokenizer):
    """A tokenizer that the ``tokenizers`` package encodes: Unigram, WordPiece, SentencePiece-style BPE, …

    Truncation, padding and the special tokens of its post-processor are switched off. Text must be UTF-8.

    Raises:
        VocabError: naming the file and what the package found wrong with it.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        try:
            self._tokenizer: tokenizers.Tokenizer = _package().Tokenizer.from_file(str(path))
        except Exception as error:  # the package raises bare Exception
            message = f"{path}: the tokenizers package cannot read it: {error}"
            raise VocabError(message) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.name = name
        self.training: Training | None = None
        self._document: Mapping[str, Any] = json.loads(self._tokenizer.to_str())
        self.kind = str(self._document["model"]["type"]).lower()
        self.lossless = False
        added = self._tokenizer.get_added_tokens_decoder()
        special = {token.content: token_id for token_id, token in added.items()}
        pieces = self._tokenizer.get_vocab(with_added_tokens=False)
        tokens = {i: piece.encode() for piece, i in pieces.items() if i not in added and piece}
        self.vocab = Vocab(tokens, special=special, partial=True)
        self._special_only = {token.content: i for i, token in added.items() if token.special}
        self.unk_id = self._unknown()
        settings = self._document["model"]
        self.continuing_prefix = settings.get("continuing_subword_prefix") or None
        self.word_end = settings.get("end_of_word_suffix") or None
        if settings.get("byte_fallback"):
            names = {f"<0x{byte:02X}>".encode(): byte for byte in range(256)}
            self.fallback_bytes = {i: names[piece] for i, piece in tokens.items() if piece in names}
        self._bytes: dict[int, bytes] = {i: self._text_bytes(token.decode()) for i, token in tokens.items()}

    @property
    def library(self) -> Any:
        """The ``tokenizers.Tokenizer`` itself."""
        return self._tokenizer

    @property
    def document(self) -> Mapping[str, Any]:
        """The parsed ``tokenizer.json``, as the package writes it."""
        return self._document

    def _unknown(self) -> int | None:
        model = self._document["model"]
        if model.get("unk_token") is not None:
            return self._tokenizer.token_to_id(model["unk_token"])
        unknown: int | None = model.get("unk_id")
        return unknown

    def _text_bytes(self, piece: str) -> bytes:
        model = self._document["model"]
        if "ByteLevel" in json.dumps(self._document.get("pre_tokenizer")):
            piece = piece.removesuffix(model.get("end_of_word_suffix") or "")
            return raw(piece) or piece.encode()
        if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">") and model.get("byte_fallback"):
            return bytes([int(piece[3:5], 16)])
        prefix = model.get("continuing_subword_prefix")
        if prefix and piece.startswith(prefix) and piece != prefix:
            piece = piece.removeprefix(prefix)
        suffix = model.get("end_of_word_suffix")
        if suffix and piece != suffix:
            piece = piece.removesuffix(suffix)
        if "▁" in json.dumps(self._document.get("decoder"), ensure_ascii=False):
            piece = piece.replace("▁", " ")
        return piece.encode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the package's own serialization."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Text → id of the tokens that text makes only where the caller allows it."""
        return self._special_only

    def save(self, path: str | Path, *, format: Format | None = None) -> None:  # noqa: A002 - as the base class
        """Write the package's own format: a ``.json`` file, or ``tokenizer.json`` in a directory.

        Raises:
            NotRepresentableError: for any other format.
        """
        target = Path(path)
        if (
            format not in (None, "huggingface")
            or target.suffix not in ("", ".json")
            or ".tokbench" in target.suffixes
        ):
            message = f"{self.name}: a {self.kind} tokenizer of the tokenizers package is saved as tokenizer.json only"
            raise NotRepresentableError(message)
        text = self._tokenizer.to_str(pretty=True).encode()
        write_whole(target if target.suffix else target / "tokenizer.json", text)

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of text that a token stands for: without ``##``, with a space for ``▁``."""
        return self._bytes[token_id] if token_id in self._bytes else self.vocab.token_bytes(token_id)

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return `token_bytes` of all ids back to back, and ``n_ids + 1`` positions."""
        known = set(self.vocab)
        spelled = [self.token_bytes(i) if i in known else b"" for i in range(self.vocab.n_ids)]
        return flatten(spelled)

    def _allow(self, allowed: bool | list[int]) -> None:  # noqa: FBT001 - as the native encoder
        if isinstance(allowed, list) and set(allowed) != set(self._special_only.values()):
            message = "allowed_special: the tokenizers package knows all special tokens or none"
            raise ParameterError(message)
        self._tokenizer.encode_special_tokens = not allowed

    def _encode_flat(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        allowed: bool | list[int],  # noqa: FBT001 - as the native encoder
        threads: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        del threads  # the package has its own pool, set by RAYON_NUM_THREADS
        self._allow(allowed)
        flat = data.tobytes()
        rows: list[NDArray[np.uint32]] = []
        n = len(offsets) - 1
        for start in range(0, n, 256):
            texts = [_strict(flat[offsets[i] : offsets[i + 1]], i) for i in range(start, min(start + 256, n))]
            encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            rows.extend(np.array(row.ids, dtype=np.uint32) for row in encoded)
            if progress is not None:
                progress("encoding", int(offsets[min(start + 256, n)]), len(flat))
        ends = np.zeros(n + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=ends[1:])
        return (np.concatenate(rows) if rows else np.zeros(0, dtype=np.uint32)), ends

    def _encode_spans(
        self,
        data: bytes,
        allowed: bool | list[int],  # noqa: FBT001 - as the native encoder
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        self._allow(allowed)
        text = _strict(data, 0)
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        return np.array(encoded.ids, dtype=np.uint32), character_spans_to_bytes(text, encoded.offsets)

    def _decode_flat(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> list[bytes]:
        known = set(self.vocab)
        for token_id in np.unique(ids).tolist():
            if token_id not in known:
                message = f"no token with id {token_id} in this vocabulary of {len(self.vocab)} tokens"
                raise UnknownTokenError(message)
        rows = [ids[a:b].tolist() for a, b in pairwise(offsets)]
        return [self._tokenizer.decode(row, skip_special_tokens=False).encode() for row in rows]


def character_spans_to_bytes(text: str, spans: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Return spans in characters as spans in UTF-8 bytes, ``[n, 2]``.

    Example:
        >>> character_spans_to_bytes("é!", [(0, 1), (1, 2)]).tolist()
        [[0, 2], [2, 3]]
    """
    places = np.zeros(len(text) + 1, dtype=np.int64)
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    widths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    np.cumsum(widths, out=places[1:])
    return places[np.array(spans, dtype=np.int64).reshape(-1, 2)]


def _strict(data: bytes, index: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        message = f"document {index}, byte {error.start}: not valid UTF-8, which this tokenizer needs"
        raise NotEncodableError(message) from None


def export(tokenizer: BpeTokenizer, path: Path, *, dropout: float | None = None) -> None:
    """Write ``tokenizer.json``, and beside it ``tokenizer_config.json`` where `path` is a directory.

    The file is read back with the ``tokenizers`` package and must encode a proof corpus and a fuzz corpus alike, the
    probes with and without special tokens too; otherwise nothing is left. `dropout` is written after the proof.

    Raises:
        NotRepresentableError: when the format cannot express the tokenizer, with the share of texts that the nearest
            tokenizer it can express encodes otherwise; or when the proof fails, with the share that differs.
    """
    model = tokenizer.model
    try:
        content = dict(document(model))
    except NotRepresentableError as refusal:
        message = f"{refusal}{disagreement(model)}"
        raise NotRepresentableError(message) from None
    folder = Path(tempfile.mkdtemp(prefix="tokbench-"))
    try:
        (folder / "tokenizer.json").write_bytes(json.dumps(content, ensure_ascii=False).encode())
        _prove(tokenizer, folder / "tokenizer.json")
    finally:
        shutil.rmtree(folder)
    if dropout is not None:
        content["model"] = {**content["model"], "dropout": dropout}
    text = json.dumps(content, ensure_ascii=False, indent=1).encode()
    if path.suffix == ".json":
        write_whole(path, text)
    else:
        config = json.dumps(tokenizer_config(model), ensure_ascii=False, indent=1).encode()
        write_whole(path / "tokenizer_config.json", config)
        write_whole(path / "tokenizer.json", text)


def _prove(tokenizer: BpeTokenizer, file: Path) -> None:
    try:
        theirs = _package().Tokenizer.from_file(str(file))
    except Exception as error:
        message = f"a tokenizer.json cannot express this tokenizer: the tokenizers package says: {error}"
        raise NotRepresentableError(message) from error
    specials = [token.text for token in tokenizer.model.added]
    mixed = [f"one {text}two{text} {text}\n three" for text in specials[:50]]
    # Special tokens are looked for in the probes only: the other texts hold none.
    both: tuple[Literal["none", "all"], ...] = ("none", "all")
    parts = (([*PROBES, *mixed], both), (proof_texts(), both[:1]), (fuzz_texts(tokenizer.model), both[:1]))
    for texts, ways in parts:
        differing = []
        for allowed in ways:
            theirs.encode_special_tokens = allowed == "none"
            for text in texts:
                try:
                    ours = tokenizer.encode(text, allowed_special="all" if allowed == "all" else ()).tolist()
                except NotEncodableError:
                    continue  # the format would drop what we refuse; nothing that we encode differs
                expected = theirs.encode(text, add_special_tokens=False).ids
                if ours != expected:
                    differing.append((text, expected, ours))
        if differing:
            text, expected, ours = differing[0]
            message = (
                f"a tokenizer.json cannot express this tokenizer: the tokenizers package encodes {text[:60]!r} as "
                f"{expected[:12]}, not {ours[:12]}; {len({each[0] for each in differing})} of {len(texts)} texts differ"
            )
            raise NotRepresentableError(message)
