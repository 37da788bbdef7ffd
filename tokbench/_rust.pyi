"""Stub of the compiled extension; a test holds it against the extension itself."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__version__: str
BUILD_PROFILE: str
__file__: str

class PretokenCounts:
    """A sparse table pretoken × group → count, owned by Rust."""

    def __new__(
        cls,
        groups: list[str],
        arena: NDArray[np.uint8],
        offsets: NDArray[np.uint64],
        row_starts: NDArray[np.uint64],
        group_ids: NDArray[np.uint32],
        counts: NDArray[np.uint64],
    ) -> PretokenCounts: ...
    @property
    def groups(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def arrays(
        self,
    ) -> tuple[
        NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint64]
    ]: ...

class BpeEncoder:
    """Text → ids and back."""

    def __new__(
        cls,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]] | None,
        *,
        unlisted: list[int],
        pretokenizer: str,
        characters: bool,
        byte_fallback: list[int] | None,
        unknown: int | None,
        fuse_unknown: bool,
        whole_words: bool,
        normalizer: str | None,
        prefix_space: bool,
        added: list[tuple[bytes, int, bool, bool, bool, bool]],
    ) -> BpeEncoder: ...
    def encode(
        self, data: bytes, allowed_special: bool | list[int] | None = None, threads: int = 1
    ) -> NDArray[np.uint32]: ...
    def encode_batch(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        allowed_special: bool | list[int] | None = None,
        threads: int = 1,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def encode_with_spans(
        self, data: bytes, allowed_special: bool | list[int] | None = None
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def decode(self, ids: NDArray[np.uint32]) -> bytes: ...
    def decode_batch(
        self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
    @staticmethod
    def merges_of_ranks(
        arena: NDArray[np.uint8], offsets: NDArray[np.int64], unlisted: list[int]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]: ...
class Pretokenizer:
    """A parsed pre-tokenizer, owned by Rust."""

    def __new__(cls, spec: str) -> Pretokenizer: ...
    @staticmethod
    def sequence(specs: list[str]) -> Pretokenizer: ...
    @staticmethod
    def from_regex(pattern: str) -> Pretokenizer: ...
    @staticmethod
    def from_regexes(patterns: list[str]) -> Pretokenizer: ...
    @staticmethod
    def names() -> list[str]: ...
    @staticmethod
    def forms() -> list[str]: ...
    @staticmethod
    def known_patterns() -> list[tuple[str, str]]: ...
    @property
    def spec(self) -> str: ...
    def boundaries(self, data: bytes) -> NDArray[np.int64]: ...
    def safe_split(self, data: bytes, at: int) -> int | None: ...
