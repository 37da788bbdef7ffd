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
    def totals(self) -> tuple[list[int], list[int]]: ...
    def at_least(self, min_count: int) -> PretokenCounts: ...
    @staticmethod
    def merge(groups: list[str], tables: list[PretokenCounts]) -> PretokenCounts: ...

class DocumentReader:
    """Reads one plain or JSONL file, packed or not, in batches of whole documents."""

    def __new__(
        cls,
        path: str,
        file_format: str,
        field: str | None,
        compression: str,
        boundary: str,
        batch_size: int,
    ) -> DocumentReader: ...
    def next_batch(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None: ...

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

class Counter:
    """Counts the pretokens of files and buffers by group."""

    def __new__(
        cls, groups: list[str], pretokenizer: str, threads: int, strict_utf8: bool, block_size: int
    ) -> Counter: ...
    @property
    def pretokenizer(self) -> str: ...
    def add_files(
        self,
        files: list[tuple[int, str, str, str | None, str, str]],
        progress: Callable[[str, int, int], object] | None = None,
    ) -> None: ...
    def add_documents(
        self,
        group: int,
        name: str,
        data: NDArray[np.uint8],
        offsets: NDArray[np.uint64],
        progress: Callable[[str, int, int], object] | None = None,
    ) -> None: ...
    def finish(self, progress: Callable[[str, int, int], object] | None = None) -> PretokenCounts: ...
