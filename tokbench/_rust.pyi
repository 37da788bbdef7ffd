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

class Engine:
    """The state of a training run, owned by Rust."""

    def __new__(
        cls,
        counts: PretokenCounts,
        *,
        unit: str,
        special_tokens: list[str],
        initial_alphabet: list[bytes] | None,
        limit_alphabet: int | None,
        coverage: float,
        uncovered: str,
        unknown: str | None,
        alphabet_order: str,
        tie_break: str,
        max_token_length: int | None,
        min_frequency: int,
        expected_merges: int,
        first_floor: int | None,
        track_groups: bool,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Engine: ...
    @property
    def n_ids(self) -> int: ...
    @property
    def n_groups(self) -> int: ...
    def best(self, group: int | None = None) -> tuple[int, int, int] | None: ...
    def merge(self, left: int, right: int) -> tuple[int, int, int]: ...
    def count(self, left: int, right: int, group: int | None = None) -> int: ...
    def token_count(self, token_id: int) -> int: ...
    def token_bytes(self, token_id: int) -> bytes: ...
    def length(self, group: int) -> int: ...
    def lengths(self) -> NDArray[np.uint64]: ...
    def tokens(self) -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.bool_]]: ...
    def layout(self) -> tuple[int | None, int, int]: ...
    def verify(self) -> None: ...
    def run_plain(
        self, vocab_size: int, *, allow_smaller: bool, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[
        NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]
    ]: ...
