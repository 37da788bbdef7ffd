"""Stub of the compiled extension; a test holds it against the extension itself."""

from collections.abc import Callable, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BUILD_PROFILE",
    "Borders",
    "BpeCover",
    "BpeEncoder",
    "ByteTrie",
    "CountStream",
    "Counter",
    "DocumentReader",
    "Engine",
    "LineSample",
    "Lines",
    "MatchingPursuit",
    "Parity",
    "PretokenCounts",
    "Pretokenizer",
    "RunCounter",
    "SageCutter",
    "__version__",
    "admission_rules",
    "admitted",
    "byte_scripts",
    "code_length",
    "cpu_features",
    "frequent_ngrams",
    "json_texts",
    "learn_lexicon",
    "prune_tokens",
    "script_names",
    "train_pathpiece",
    "varint",
    "word_spans",
    "zstd_size",
]

__version__: str
BUILD_PROFILE: str

def cpu_features() -> list[str]: ...
def admitted(rule: str, pretokens: list[bytes]) -> list[bool]: ...
def admission_rules() -> list[tuple[str, str]]: ...

@final
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
    def rows(self, start: int, stop: int) -> PretokenCounts: ...
    def totals(self) -> tuple[list[int], list[int]]: ...
    def at_least(self, min_count: int) -> PretokenCounts: ...
    @staticmethod
    def merge(groups: list[str], tables: list[PretokenCounts]) -> PretokenCounts: ...

@final
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
        weight: str | None = None,
    ) -> DocumentReader: ...
    def next_batch(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64] | None] | None: ...

@final
class BpeEncoder:
    """Text → ids and back."""

    def __new__(
        cls,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]] | None,
        *,
        operations: tuple[NDArray[np.uint32], NDArray[np.int64]] | None,
        method: str,
        supers: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]] | None,
        scaffold: list[int],
        transient: list[int],
        scores: NDArray[np.float64] | None,
        width: int | None,
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
    def prepared(self, data: bytes) -> bytes: ...
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
    def sample_batch(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        sampling: str,
        parameter: float,
        seed: int,
        allowed_special: bool | list[int] | None = None,
        threads: int = 1,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def sample_with_spans(
        self,
        data: bytes,
        sampling: str,
        parameter: float,
        seed: int,
        allowed_special: bool | list[int] | None = None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    def decode(self, ids: NDArray[np.uint32]) -> bytes: ...
    def decode_batch(
        self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
    @staticmethod
    def merges_of_ranks(
        arena: NDArray[np.uint8], offsets: NDArray[np.int64], unlisted: list[int]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]: ...

def json_texts(
    path: str,
    first: int,
    field: str,
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    weight: str | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64] | None]: ...
def word_spans(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], definition: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
def byte_scripts(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]: ...
def script_names() -> list[str]: ...
def code_length(ids: NDArray[np.uint32], vocab_size: int, code: str) -> float: ...
def varint(ids: NDArray[np.uint32]) -> NDArray[np.uint8]: ...
def zstd_size(ids: NDArray[np.uint32], level: int) -> int: ...
def prune_tokens(
    ids: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]],
    *,
    n_ids: int,
    give_up: int,
    novelty: float,
    token: float,
    progress: Callable[[str, int, int], object] | None = None,
) -> NDArray[np.uint32]: ...

@final
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

@final
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
        silent_groups: int = 0,
        total_closed: bool = False,
        overlap: bool = True,
        deletions: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Engine: ...
    @staticmethod
    def over_sequences(
        names: list[bytes],
        sequences: tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]],
        *,
        tie_break: str,
        overlap: bool,
        min_frequency: int,
        max_token_length: int | None,
        expected_merges: int,
        first_floor: int | None,
        locked: bool,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Engine: ...
    @staticmethod
    def resume(
        counts: PretokenCounts,
        *,
        unit: str,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        ordinary: NDArray[np.bool_],
        lenders: list[int],
        segments: tuple[NDArray[np.uint32], NDArray[np.int64]],
        first_id: int,
        vetoed_pairs: tuple[NDArray[np.uint32], NDArray[np.int64]] | None,
        vetoed_spellings: list[bytes],
        veto_existing: bool,
        max_words: int | None,
        forbidden: list[bytes],
        tie_break: str,
        max_token_length: int | None,
        min_frequency: int,
        expected_merges: int,
        first_floor: int | None,
        track_groups: bool,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Engine: ...
    @staticmethod
    def proceed(
        counts: PretokenCounts,
        *,
        unit: str,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        ordinary: NDArray[np.bool_],
        lenders: list[int],
        merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]],
        fallback: int | None,
        unknown: int | None,
        whole_words: bool,
        drop: bool,
        first_id: int,
        max_words: int | None,
        forbidden: list[bytes],
        tie_break: str,
        max_token_length: int | None,
        min_frequency: int,
        expected_merges: int,
        first_floor: int | None,
        track_groups: bool,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Engine: ...
    @staticmethod
    def merges_met(
        counts: PretokenCounts,
        *,
        unit: str,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        ordinary: NDArray[np.bool_],
        merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]],
        fallback: int | None,
        unknown: int | None,
        whole_words: bool,
        drop: bool,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> NDArray[np.bool_]: ...
    @staticmethod
    def replay(
        counts: PretokenCounts,
        *,
        unit: str,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        ordinary: NDArray[np.bool_],
        merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]],
        fallback: int | None,
        unknown: int | None,
        whole_words: bool,
        drop: bool,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
    @property
    def n_ids(self) -> int: ...
    @property
    def n_groups(self) -> int: ...
    def best(self, group: int | None = None) -> tuple[int, int, int] | None: ...
    def id_of(self, left: int, right: int) -> int: ...
    def top(self, k: int) -> list[tuple[int, int, int]]: ...
    def merge(self, left: int, right: int) -> tuple[int, int, int]: ...
    def count(self, left: int, right: int, group: int | None = None) -> int: ...
    def token_count(self, token_id: int) -> int: ...
    def token_bytes(self, token_id: int) -> bytes: ...
    def length(self, group: int) -> int: ...
    def lengths(self) -> NDArray[np.uint64]: ...
    def tokens(self) -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.bool_]]: ...
    def layout(self) -> tuple[int | None, int, int]: ...
    def verify(self) -> None: ...
    def delete(self, token_id: int, parts: list[int]) -> int: ...
    def unlock(self, token_id: int) -> None: ...
    def lock(self, token_id: int) -> None: ...
    def refuse(self, left: int, right: int) -> None: ...
    def whole_words(self) -> list[int]: ...
    def is_whole_word(self, token_id: int) -> bool: ...
    def run_picky(
        self,
        vocab_size: int,
        *,
        tau: float,
        strict: bool,
        parts: str,
        allow_smaller: bool,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> tuple[
        NDArray[np.bool_],
        NDArray[np.uint32],
        NDArray[np.uint32],
        NDArray[np.uint64],
        NDArray[np.uint64],
        NDArray[np.uint64],
    ]: ...
    def run_plain(
        self, vocab_size: int, *, allow_smaller: bool, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[
        NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]
    ]: ...
    def run_scaffold(
        self, vocab_size: int, *, allow_smaller: bool, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[
        tuple[
            NDArray[np.uint32],
            NDArray[np.uint32],
            NDArray[np.uint32],
            NDArray[np.uint64],
            NDArray[np.uint64],
        ],
        tuple[NDArray[np.uint32], NDArray[np.uint64]],
        tuple[NDArray[np.uint32], NDArray[np.uint64]],
    ]: ...
    def run_parity(
        self,
        parity: Parity,
        vocab_size: int,
        *,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> tuple[
        NDArray[np.uint32],
        NDArray[np.uint32],
        NDArray[np.uint32],
        NDArray[np.uint64],
        NDArray[np.uint64],
        NDArray[np.uint32],
    ]: ...

@final
class Parity:
    """Which language each step of parity-aware training serves."""

    def __new__(
        cls,
        *,
        first_column: int,
        weights: list[int],
        ratio: list[float] | None,
        global_merges: int,
        window: tuple[int, float] | None,
        stop: bool,
    ) -> Parity: ...
    @property
    def global_merges(self) -> int: ...
    def exhausted(self) -> list[tuple[int, int]]: ...

@final
class RunCounter:
    """Counts runs of numbered pretokens in batches of documents."""

    def __new__(
        cls,
        pretokenizer: Pretokenizer,
        names: list[bytes],
        *,
        floor: int | None = None,
        memory: tuple[int, str] | None = None,
    ) -> RunCounter: ...
    def note(self, data: NDArray[np.uint8], offsets: NDArray[np.int64], threads: int) -> None: ...
    def add(self, data: NDArray[np.uint8], offsets: NDArray[np.int64], threads: int) -> None: ...
    def finish(
        self, threads: int, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]]: ...

@final
class Counter:
    """Counts the pretokens of files and buffers by group."""

    def __new__(
        cls,
        groups: list[str],
        pretokenizer: str,
        threads: int,
        strict_utf8: bool,
        block_size: int,
        memory: tuple[int, str] | None = None,
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
    def finish_stream(self, progress: Callable[[str, int, int], object] | None = None) -> CountStream: ...

@final
class CountStream:
    """A count table in parts, smallest pretoken first."""

    @property
    def n_runs(self) -> int: ...
    def next_table(
        self, n_rows: int, progress: Callable[[str, int, int], object] | None = None
    ) -> PretokenCounts | None: ...

def train_pathpiece(
    counts: PretokenCounts,
    arena: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    sizes: list[int],
    *,
    threads: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]]: ...
def frequent_ngrams(
    counts: PretokenCounts,
    max_length: int,
    size: int,
    *,
    threads: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[tuple[bytes, int]]: ...
def learn_lexicon(
    lines: Lines,
    *,
    epochs: int,
    article: int,
    life: int,
    max_length: int,
    memory_in: float,
    memory_out: float,
    update_rate: float,
    max_gap: int,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[bytes]: ...

@final
class LineSample:
    """Keeps the lines with the smallest keys."""

    def __new__(cls, seed: int, limit: int) -> LineSample: ...
    def add_documents(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None: ...
    def finish(self) -> Lines: ...

@final
class Lines:
    """Lines in the order of their keys."""

    def __len__(self) -> int: ...
    @property
    def n_bytes(self) -> int: ...
    @property
    def n_seen(self) -> int: ...
    def line(self, number: int) -> bytes: ...

@final
class SageCutter:
    """The tokens of one moment, and how they cut text."""

    def __new__(
        cls,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        alive: NDArray[np.bool_],
        pretokenizer: str,
    ) -> SageCutter: ...
    def encode(
        self, lines: Lines, *, threads: int, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]: ...
    def vectors(
        self,
        lines: Lines,
        *,
        dimensions: int,
        negative: int,
        rate: float,
        window: int,
        min_count: int,
        sample: float,
        epochs: int,
        seed: int,
        threads: int,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> NDArray[np.float32]: ...
    def losses(
        self,
        lines: Lines,
        vectors: NDArray[np.float32],
        *,
        threads: int,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.uint64]]: ...

@final
class ByteTrie:
    """A byte-sorted vocabulary, owned by Rust."""

    def __new__(
        cls, arena: NDArray[np.uint8], offsets: NDArray[np.int64], ids: NDArray[np.uint32]
    ) -> ByteTrie: ...
    @property
    def order(self) -> NDArray[np.uint32]: ...
    def child(self, node: int, byte: int) -> int | None: ...
    def find(self, data: bytes) -> int | None: ...
    def places(self, node: int) -> tuple[int, int, int]: ...
    def sorted(
        self, row: NDArray[np.float32] | NDArray[np.float64], mask: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.float32] | NDArray[np.float64], NDArray[np.float64]]: ...
    def advance(
        self,
        nodes: list[int],
        rows: list[NDArray[np.float32] | NDArray[np.float64]],
        masks: list[NDArray[np.uint8] | None],
        byte: int,
    ) -> tuple[list[tuple[int, int, float, bool]], list[tuple[int, int, float]]]: ...
    def spread(
        self,
        nodes: list[int],
        rows: list[NDArray[np.float32] | NDArray[np.float64]],
        weights: list[float],
        out: NDArray[np.float64],
    ) -> None: ...
    def mass(self, node: int, row: NDArray[np.float32] | NDArray[np.float64]) -> float: ...

@final
class Borders:
    """Where a pre-tokenizer may cut when the rest of the text is unknown."""

    def __new__(cls, spec: str, alphabet: bytes | None = None) -> Borders: ...
    @property
    def start(self) -> int: ...
    def walk(self, state: int, data: bytes, border: bool) -> int | None: ...
    def may_end(self, state: int) -> bool: ...
    def sizes(self) -> tuple[int, int]: ...

@final
class BpeCover:
    """The valid token sequences of a tokenizer that merges by rank."""

    def __new__(
        cls,
        trie: ByteTrie,
        arena: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        merges: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]],
        listed: NDArray[np.uint32],
        pretokenizer: str,
        whole_words: bool,
        alphabet: bytes | None = None,
        fallback: Sequence[int] | None = None,
        characters: bool = False,
        text_only: bool = False,
    ) -> BpeCover: ...
    def root(self) -> int: ...
    def mask(self, place: int) -> NDArray[np.uint8]: ...
    def allows(self, place: int, token: int) -> bool: ...
    def step(self, place: int, token: int) -> int | None: ...
    def keep(self, place: int, ended: bool) -> int | None: ...
    def ends(self, place: int) -> bool: ...
    def sizes(self) -> tuple[int, int, int]: ...

@final
class MatchingPursuit:
    """Anchors, and the pursuit of one batch of targets after another."""

    def __new__(
        cls,
        anchors: NDArray[np.float32],
        *,
        k: int,
        tolerance: float,
        rank_tolerance: float,
        ridge: float,
        threads: int,
    ) -> MatchingPursuit: ...
    def reserve_gram(self) -> None: ...
    def put_gram(self, first: int, block: NDArray[np.float32]) -> None: ...
    def begin(self, targets: NDArray[np.float32]) -> None: ...
    def put_products(self, first: int, products: NDArray[np.float32]) -> None: ...
    def pursue(self, *, progress: Callable[[str, int, int], None] | None = None) -> None: ...
    def residuals(self) -> NDArray[np.float32]: ...
    def advance(self, products: NDArray[np.float32]) -> None: ...
    def results(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]: ...
