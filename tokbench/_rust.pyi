"""Stub of the compiled extension; a test holds it against the extension itself."""

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
