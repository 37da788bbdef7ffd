"""What the algorithms with deletions and superwords share: rows of byte strings, numbered when training ends.

While it runs, tokens come, go and come back; a token is what it spells. At the end special tokens have the first
ids, then what is there in the order in which it (last) came, then, outside of the vocabulary, the deleted ones,
which exist only while a pretoken is encoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from tokbench.bpe import BpeModel, Training
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray
else:
    from tokbench.late import pl

Row: TypeAlias = tuple[Any, ...]
"""``("merge", left, right)`` or ``("delete", token, *parts)``."""
Pair: TypeAlias = tuple[bytes, bytes]

UTF8_BYTES = [bytes([byte]) for byte in (*range(192), *range(194, 245))]
"""The 243 bytes that occur in valid UTF-8."""


@dataclass
class Inventory:
    """The tokens that are there, in the order in which they came."""

    alphabet: Iterable[bytes]
    tokens: dict[bytes, None] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = dict.fromkeys(self.alphabet)

    def __len__(self) -> int:
        """Count the tokens."""
        return len(self.tokens)

    def __contains__(self, token: bytes) -> bool:
        """Whether a token is there."""
        return token in self.tokens

    def apply(self, row: Row) -> None:
        """Add what a row merges, or take out what it deletes."""
        if row[0] == "delete":
            # Parts that are a pair can bring a token back that is not here, to be deleted again.
            self.tokens.pop(row[1], None)
        else:
            self.add(row[1] + row[2])

    def add(self, token: bytes) -> None:
        """Add a token behind the others, unless it is there."""
        self.tokens.setdefault(token, None)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished training.

    Attributes:
        kept: the word rows that the tokenizer keeps.
        supers: the super-merges.
        inventory: what there is, in order.
        steps: everything that was done, in order: operation, row, and count. A deletion's count is what was left to
            be split.
        lengths: further columns of the log.
        splits_absent: whether a deletion may have left tokens in the text that are not in the vocabulary: an
            encoding must not end with one, so they are split further there.
    """

    kept: Sequence[Row]
    inventory: Inventory
    steps: Sequence[tuple[str, Row, int]]
    pretokenizer: str
    special_tokens: Sequence[str]
    settings: Mapping[str, object]
    supers: Sequence[Pair] = ()
    lengths: Mapping[str, NDArray[np.uint64]] = field(default_factory=dict)
    splits_absent: bool = False

    @cached_property
    def number(self) -> Mapping[bytes, int]:
        """The id of every token, deleted ones included."""
        first = len(self.special_tokens)
        number = {token: i for i, token in enumerate(self.inventory.tokens, start=first)}
        for row in self.kept:
            if row[0] == "merge":
                number.setdefault(row[1] + row[2], first + len(number))
        return number

    @cached_property
    def reachable(self) -> list[Pair]:
        """The super-merges whose parts are there in the end; the others can never be applied."""
        return [pair for pair in self.supers if set(pair) <= self.inventory.tokens.keys()]

    def model(self) -> BpeModel:
        """Return the model, all tokens numbered."""
        number = self.number
        vocab = Vocab(
            {number[token]: token for token in self.inventory.tokens},
            special={text: i for i, text in enumerate(self.special_tokens)},
            partial=any(bytes([byte]) not in self.inventory for byte in range(256)),
        )
        rows: list[Row] = [
            ("merge", number[row[1]], number[row[2]], number[row[1] + row[2]])
            if row[0] == "merge"
            else ("delete", *(number[part] for part in (row[1], *self._parts(row))))
            for row in self.kept
        ]
        made = [row[3] for row in rows if row[0] == "merge"]
        is_plain = len(made) == len(rows) == len(set(made))
        supers = [(number[left], number[right], number[left + right]) for left, right in self.reachable]
        return BpeModel(
            vocab,
            Merges.from_steps(row[1:] for row in rows) if is_plain else Operations(rows),
            self.pretokenizer,
            # Where a token is made twice, the order of all steps says more than the ranks of pairs.
            method="merges" if is_plain else "replay",
            supers=Merges.from_steps(supers) if supers else None,
        )

    def log(self) -> pl.DataFrame:
        """Return one row per step; a word step that the tokenizer does not keep has tokens without an id."""
        pairs = [(row[1], row[2]) if row[0] == "merge" else (None, None) for _, row, _ in self.steps]
        tokens = [row[1] + row[2] if row[0] == "merge" else row[1] for _, row, _ in self.steps]

        def ids(column: Iterable[bytes | None]) -> pl.Series:
            return pl.Series(
                [None if token is None else self.number.get(token) for token in column], dtype=pl.UInt32
            )

        return pl.DataFrame(
            {
                "step": pl.Series(range(1, len(self.steps) + 1), dtype=pl.UInt32),
                "operation": pl.Series([operation for operation, _, _ in self.steps], dtype=pl.String),
                "left": ids(left for left, _ in pairs),
                "right": ids(right for _, right in pairs),
                "result": ids(tokens),
                "token": pl.Series(tokens, dtype=pl.Binary),
                "count": pl.Series([count for _, _, count in self.steps], dtype=pl.UInt64),
                **self.lengths,
            }
        )

    def tokenizer(self, name: str) -> BpeTokenizer:
        """Wrap everything up."""
        facts = {"unreachable_supers": len(self.supers) - len(self.reachable)} if self.supers else {}
        return BpeTokenizer(
            self.model(), name=name, training=Training({**self.settings, **facts}, self.log())
        )

    def _parts(self, row: Row) -> list[bytes]:
        if not self.splits_absent:
            return list(row[2:])
        found: list[bytes] = []
        rest = list(reversed(row[2:]))
        while rest:
            part = rest.pop()
            if part in self.inventory:
                found.append(part)
            else:
                rest += reversed(self._first_pairs[part])
        return found

    @cached_property
    def _first_pairs(self) -> dict[bytes, Pair]:
        return {row[1] + row[2]: (row[1], row[2]) for row in reversed(self.kept) if row[0] == "merge"}
