"""`Tokenizer`: text → ids → bytes, one interface whatever is behind it.

Law: where `lossless` holds, ``decode(encode(data)) == data`` for every byte string. Special tokens are made
from text only where the caller allows it, and no token is ever added around a text.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from tokbench.bpe import BpeModel, Training
from tokbench.encoding import Encoding, flatten, text_bytes
from tokbench.errors import NotEncodableError, NotRepresentableError, ParameterError, UnknownTokenError
from tokbench.formats import detect, tiktoken, tokbench_json
from tokbench.merges import Merges
from tokbench.segmenters import PieceEncoder
from tokbench.steps import Chain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from tokbench import _rust
    from tokbench.encoding import FlatText
    from tokbench.inference import Inference
    from tokbench.vocab import Vocab

Format = Literal["tokbench", "huggingface", "tiktoken"]


class Tokenizer(ABC):
    """What every tokenizer can do.

    Attributes:
        name: how reports call it.
        kind: ``bpe``, ``longest``, ``fewest``, ``unigram``, ``wordpiece``, …
        vocab: id ↔ the token as the vocabulary spells it.
        lossless: whether decoding returns exactly the bytes that were encoded, for all bytes.
        steps: reversible changes of the text before encoding (`tokbench.steps`); where there are some, tokens do not
            spell the text, and only their spans tile it.
        pretokenizer: specification of the pre-tokenizer, where it has one of ours.
        merges: the merge list, where it has one that training could have found.
        unk_id: the id of the unknown token, if there is one.
        training: how it came about, where that is known.
        fallback_bytes: id → byte of the tokens that stand for a byte where a character has no token.
        unused_ids: ids that the file declares as not in use.
        continuing_prefix: how `vocab` marks a token that continues a word (``##``), where it does so.
        word_end: how `vocab` marks a token that ends a word (``</w>``), where it does so.
    """

    name: str
    kind: str
    vocab: Vocab
    lossless: bool
    steps: tuple[str, ...] = ()
    pretokenizer: str | None = None
    merges: Merges | None = None
    unk_id: int | None = None
    training: Training | None = None
    fallback_bytes: Mapping[int, int] = MappingProxyType({})
    unused_ids: frozenset[int] = frozenset()
    continuing_prefix: str | None = None
    word_end: str | None = None

    @abstractmethod
    def _encode_flat(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        allowed: bool | list[int],  # noqa: FBT001 - the extension's own convention
        threads: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Encode documents that lie back to back."""

    @abstractmethod
    def _encode_spans(
        self,
        data: bytes,
        allowed: bool | list[int],  # noqa: FBT001 - the extension's own convention
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Encode one document with the byte span of every token."""

    @abstractmethod
    def _decode_flat(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> list[bytes]:
        """Decode rows of ids."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hash over everything that decides an encoding, in hexadecimal."""

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Text → id of the tokens that text makes only where the caller allows it."""
        return self.vocab.special

    @property
    def vocab_size(self) -> int:
        """Number of tokens, special ones included."""
        return len(self.vocab)

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of text that a token stands for; of a special token, its own text.

        Raises:
            UnknownTokenError: when no token has this id.
        """
        return self.vocab.token_bytes(token_id)

    def token_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return `token_bytes` of all ids back to back, and ``n_ids + 1`` positions; a hole has length 0."""
        return self.vocab.arrays()

    def encode(
        self, text: str | bytes, *, allowed_special: Collection[str] | Literal["all"] = ()
    ) -> NDArray[np.uint32]:
        """Return the token ids of one text.

        Raises:
            NotEncodableError: naming the byte for which there is neither a token nor an unknown token.
            UnknownTokenError: when `allowed_special` names a token that does not exist.
        """
        data = text_bytes(text)
        offsets = np.array([0, len(data)], dtype=np.int64)
        flat = np.frombuffer(data, dtype=np.uint8)
        return self._encode_flat(flat, offsets, self._allowed_ids(allowed_special), 1, None)[0]

    def encode_batch(
        self,
        texts: Sequence[str | bytes] | FlatText,
        *,
        allowed_special: Collection[str] | Literal["all"] = (),
        threads: int | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Encoding:
        """Return the token ids of many texts; the result does not depend on `threads` (default: all cores).

        Raises:
            NotEncodableError: naming the document and the byte that cannot be encoded.
            ParameterError: when `threads` is below 1 or a single string is given.
            UnknownTokenError: when `allowed_special` names a token that does not exist.
        """
        if threads is not None and threads < 1:
            message = f"threads: {threads}; at least 1 is needed"
            raise ParameterError(message)
        data, offsets = flatten(texts)
        n_threads = threads if threads is not None else _cores()
        allowed = self._allowed_ids(allowed_special)
        return Encoding(*self._encode_flat(data, offsets, allowed, n_threads, progress))

    def encode_with_offsets(
        self, text: str | bytes, *, allowed_special: Collection[str] | Literal["all"] = ()
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the ids and an ``[n, 2]`` array: start and end byte of each token in the text.

        Of a `lossless` tokenizer the spans tile the text. Under a normalizer a token that holds a changed
        stretch covers all of that stretch's original bytes; a space put before the text has an empty span.

        Raises:
            NotEncodableError: naming the byte that cannot be encoded.
        """
        return self._encode_spans(text_bytes(text), self._allowed_ids(allowed_special))

    def decode(self, ids: ArrayLike) -> bytes:
        """Return the bytes of the ids.

        Raises:
            UnknownTokenError: naming the first id that no token has.
        """
        flat = _as_ids(ids)
        return self._decode_flat(flat, np.array([0, len(flat)], dtype=np.int64))[0]

    def decode_text(self, ids: ArrayLike, *, errors: Literal["strict", "replace"] = "strict") -> str:
        """Return the text of the ids; ``replace`` puts U+FFFD where the bytes are not UTF-8.

        Raises:
            NotEncodableError: under ``strict``, naming the first byte that is not UTF-8.
        """
        data = self.decode(ids)
        try:
            return data.decode(errors=errors)
        except UnicodeDecodeError as error:
            message = f"the decoded bytes are not UTF-8 at byte {error.start}; pass errors='replace'"
            raise NotEncodableError(message) from None

    def decode_batch(self, rows: Encoding | Sequence[ArrayLike]) -> list[bytes]:
        """Return the bytes of many rows of ids.

        Raises:
            UnknownTokenError: naming the first id that no token has.
        """
        if isinstance(rows, Encoding):
            return self._decode_flat(rows.ids, rows.offsets)
        arrays = [_as_ids(row) for row in rows]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in arrays], out=offsets[1:])
        flat = np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.uint32)
        return self._decode_flat(flat, offsets)

    def save(self, path: str | Path, *, format: Format | None = None) -> None:  # noqa: A002 - the users' word
        """Write the tokenizer; the format follows from the path unless named.

        ``*.tokbench.json`` and directories: our format. ``tokenizer.json``: Hugging Face.
        ``*.tiktoken``: tiktoken. A directory with ``format="huggingface"`` is one that
        ``AutoTokenizer.from_pretrained`` reads.

        Raises:
            NotRepresentableError: when the format cannot express this tokenizer; nothing is left behind.
        """
        target = Path(path)
        chosen = format or _format_of(target)
        if not isinstance(self, BpeTokenizer):
            message = f"{self.name}: a {self.kind} tokenizer of another library is read but not written"
            raise NotRepresentableError(message)
        if chosen == "huggingface":
            from tokbench.interop.hf import export

            export(self, target)
        elif chosen == "tiktoken":
            from tokbench.interop.proof import ranks_disagreement

            try:
                tiktoken.write(self.model, target)
            except NotRepresentableError as refusal:
                message = f"{refusal}{ranks_disagreement(self.model)}"
                raise NotRepresentableError(message) from None
        else:
            tokbench_json.write(self.model, target, name=self.name, training=self.training)

    def with_method(self, method: str | Inference) -> Tokenizer:
        """Return a tokenizer with this vocabulary and pre-tokenizer that encodes by another method.

        ``longest``, ``longest_suffix``, ``longest_first``, ``fewest``, ``unigram``, ``merges``, ``replay``;
        ``dropout(p=0.1,seed=0)``, ``stochastok``, ``fewest_random``, ``unigram_random``.

        Raises:
            ParameterError: for an unknown method, or one that does not fit this tokenizer.
            VocabError: when the tokenizer lacks what the method needs (scores).
        """
        from tokbench.inference import encode_by

        return encode_by(self, method)

    @staticmethod
    def load(
        path: str | Path, *, pretokenizer: str | None = None, special_tokens: Mapping[str, int] | None = None
    ) -> Tokenizer:
        """Read a tokenizer from a file or directory of any known format.

        ``PATH@METHOD`` is the tokenizer at PATH `with_method` METHOD, unless there is a file of that whole name.

        Args:
            path: our format, ``tokenizer.json``, ``.tiktoken``, tekken, a SentencePiece ``.model``, an RWKV
                vocabulary, or a directory that holds one of them.
            pretokenizer: for formats that do not hold one (tiktoken).
            special_tokens: for formats that do not hold them (tiktoken): text → id.

        Raises:
            VocabError: naming the file and the entry that is wrong, or what to pass.
        """
        file, method = path_and_method(path)
        if method is not None:
            base = Tokenizer.load(file, pretokenizer=pretokenizer, special_tokens=special_tokens)
            return base.with_method(method)
        found = detect.read(path, pretokenizer=pretokenizer, special_tokens=special_tokens)
        if isinstance(found, detect.Native):
            return BpeTokenizer(found.model, name=found.name, training=found.training)
        if found.library == "sentencepiece":
            from tokbench.interop.sentencepiece import SentencePieceTokenizer

            return SentencePieceTokenizer(found.path, name=found.name)
        from tokbench.interop.hf import HuggingFaceTokenizer

        return HuggingFaceTokenizer(found.path, name=found.name)

    @staticmethod
    def from_training(
        vocab: Vocab,
        merges: Merges,
        *,
        pretokenizer: str,
        unit: Literal["byte", "character"] = "byte",
        name: str = "trained",
        training: Training | None = None,
    ) -> BpeTokenizer:
        """Make a tokenizer of what training has produced."""
        model = BpeModel(vocab, merges, pretokenizer, unit=unit, fuse_unknown=vocab.unknown is not None)
        return BpeTokenizer(model, name=name, training=training)

    def _allowed_ids(self, allowed: Collection[str] | Literal["all"]) -> bool | list[int]:
        if allowed == "all":
            return True
        if isinstance(allowed, str):
            message = f"allowed_special: {allowed!r}; give a collection of special tokens, or 'all'"
            raise ParameterError(message)
        unknown = sorted(set(allowed) - set(self.special_tokens))
        if unknown:
            known = ", ".join(list(self.special_tokens)[:8]) or "none"
            message = f"allowed_special: no special token {unknown[0]!r} (there are: {known})"
            raise UnknownTokenError(message)
        return sorted(self.special_tokens[text] for text in allowed) or False

    def __repr__(self) -> str:
        """Show kind, name and size."""
        return f"{type(self).__name__}({self.name!r}, {self.kind}, {self.vocab_size} tokens)"


class BpeTokenizer(Tokenizer):
    """A tokenizer that this package encodes itself.

    Raises:
        VocabError: when the parts of the model contradict each other.
        PretokenizeError: when the pre-tokenizer cannot be used.

    Example:
        >>> from tokbench.merges import Merges
        >>> from tokbench.vocab import Vocab
        >>> vocab = Vocab([bytes([b]) for b in range(256)] + [b"ab"])
        >>> tokenizer = BpeTokenizer(BpeModel(vocab, Merges([97], [98], [256]), "none"), name="tiny")
        >>> tokenizer.encode("cab").tolist(), tokenizer.decode([99, 256])
        ([99, 256], b'cab')
    """

    def __init__(self, model: BpeModel, *, name: str, training: Training | None = None) -> None:
        self.model = model
        self.name = name
        self.training = training
        self.kind = "bpe" if model.method in ("merges", "replay") else model.method
        self.vocab = model.vocab
        self.lossless = model.lossless
        self.pretokenizer = model.pretokenizer
        self.merges = model.merges if model.method == "merges" and isinstance(model.merges, Merges) else None
        self.unk_id = model.vocab.unknown_id
        self.fallback_bytes = {i: byte for byte, i in enumerate(model.vocab.byte_fallback or ())}
        self.steps = model.steps
        self.chain = None
        self._pieces = None
        if model.steps or model.segmenter is not None:
            self.chain = Chain(model.steps, special={token.text: token.token_id for token in model.added})
        if model.segmenter is None:
            self._encoder: _rust.BpeEncoder = model.encoder()
        else:
            self._encoder = model.replaced(pretokenizer="none").encoder()
            self._pieces = PieceEncoder(self._encoder, model.pretokenizer, model.segmenter)

    @property
    def native(self) -> _rust.BpeEncoder:
        """The encoder itself, as sampling needs it."""
        return self._encoder

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the model."""
        return self.model.fingerprint

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Text → id of the tokens that text makes only where the caller allows it."""
        return {token.text: token.token_id for token in self.model.added if token.special}

    def _encode_flat(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        allowed: bool | list[int],  # noqa: FBT001 - the extension's own convention
        threads: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        if self.chain is None:
            return self._encoder.encode_batch(data, offsets, allowed, threads, progress)

        def native(
            text: NDArray[np.uint8], ends: NDArray[np.int64]
        ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
            if self._pieces is not None:
                return self._pieces.encode_batch(text, ends, threads, progress)
            return self._encoder.encode_batch(text, ends, False, threads, progress)  # noqa: FBT003 - its convention

        return self.chain.encode(native, data, offsets, allowed=allowed)

    def encode(
        self, text: str | bytes, *, allowed_special: Collection[str] | Literal["all"] = ()
    ) -> NDArray[np.uint32]:
        """Return the token ids of one text."""
        if self.chain is not None:
            return super().encode(text, allowed_special=allowed_special)
        return self._encoder.encode(text_bytes(text), self._allowed_ids(allowed_special))

    def _encode_spans(
        self,
        data: bytes,
        allowed: bool | list[int],  # noqa: FBT001 - the extension's own convention
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        if self.chain is None:
            return self._encoder.encode_with_spans(data, allowed)

        def native(text: bytes) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
            if self._pieces is not None:
                return self._pieces.encode_with_spans(text)
            return self._encoder.encode_with_spans(text, False)  # noqa: FBT003 - its convention

        return self.chain.encode_with_spans(native, data, allowed=allowed)

    def _decode_flat(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> list[bytes]:
        if self.chain is not None:
            return self.chain.decode(self._decode_native, ids, offsets)
        return self._decode_native(ids, offsets)

    def _decode_native(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> list[bytes]:
        flat, ends = self._encoder.decode_batch(np.ascontiguousarray(ids), offsets)
        data = flat.tobytes()
        return [data[start:end] for start, end in pairwise(ends)]

    def decode(self, ids: ArrayLike) -> bytes:
        """Return the bytes of the ids."""
        if self.chain is not None:
            return super().decode(ids)
        return self._encoder.decode(_as_ids(ids))


def path_and_method(path: str | Path) -> tuple[str, str | None]:
    """Split ``PATH@METHOD``; a method is a name, with parameters in parentheses or without.

    Example:
        >>> path_and_method("dir/my@fewest(width=16)"), path_and_method("a@b.json")
        (('dir/my', 'fewest(width=16)'), ('a@b.json', None))
    """
    found = re.fullmatch(r"(.+)@([a-z_]+(?:\(.*\))?)", str(path), re.DOTALL)
    if found is None or Path(path).exists():
        return str(path), None
    return found[1], found[2]


def _as_ids(ids: ArrayLike) -> NDArray[np.uint32]:
    array = np.asarray(ids)
    if array.size == 0:
        return np.zeros(0, dtype=np.uint32)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        message = f"ids must be a flat sequence of integers, got {array.dtype} of shape {array.shape}"
        raise ParameterError(message)
    if array.dtype != np.uint32:
        outside = (array < 0) | (array >= 2**32)
        if outside.any():
            message = f"no token with id {array[outside][0]}"
            raise UnknownTokenError(message)
    return np.ascontiguousarray(array, dtype=np.uint32)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _format_of(path: Path) -> Format:
    if path.suffix == ".tiktoken":
        return "tiktoken"
    return "huggingface" if path.name == "tokenizer.json" else "tokbench"
