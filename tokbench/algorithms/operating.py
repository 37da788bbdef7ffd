"""What the algorithms with deletions and superwords share: rows of byte strings, numbered when training ends.

While it runs, tokens come, go and come back; a token is what it spells. At the end special tokens have the first
ids, then what is there in the order in which it (last) came, then, outside of the vocabulary, the deleted ones,
which exist only while a pretoken is encoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from tokbench.bpe import BpeModel, Training
from tokbench.errors import ParameterError
from tokbench.merges import Merges
from tokbench.operations import Operations
from tokbench.tokenizer import BpeTokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Row: TypeAlias = "tuple[str, *tuple[bytes, ...]]"
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


@dataclass(frozen=True)
class Steps:
    """A finished training: the rows that were kept, the super-merges, and what there is in order."""

    rows: Sequence[Row]
    supers: Sequence[Pair]
    inventory: Inventory
    splits_absent: bool = False
    """Whether a deletion may have left tokens in the text that are not in the vocabulary: an encoding must not end
    with one, so they are split further there."""

    def tokenizer(
        self,
        *,
        name: str,
        special_tokens: Sequence[str],
        pretokenizer: str,
        settings: Mapping[str, object],
        log: pl.DataFrame,
    ) -> BpeTokenizer:
        """Number the tokens and wrap everything up; the log's tokens get their ids."""
        number = {token: i for i, token in enumerate(self.inventory.tokens, start=len(special_tokens))}
        tokens = {i: token for token, i in number.items()}
        for row in self.rows:
            if row[0] == "merge":
                number.setdefault(row[1] + row[2], len(special_tokens) + len(number))
        partial = any(bytes([byte]) not in self.inventory for byte in range(256))
        vocab = Vocab(
            tokens, special={text: i for i, text in enumerate(special_tokens)}, partial=partial
        )
        rows = [
            ("merge", number[row[1]], number[row[2]], number[row[1] + row[2]])
            if row[0] == "merge"
            else ("delete", *(number[part] for part in (row[1], *self._parts(row))))
            for row in self.rows
        ]
        made = [row[3] for row in rows if row[0] == "merge"]
        is_plain = len(made) == len(rows) == len(set(made))
        steps = Merges.from_steps(row[1:] for row in rows) if is_plain else Operations(rows)
        reachable = [pair for pair in self.supers if set(pair) <= self.inventory.tokens.keys()]
        supers = Merges.from_steps(
            (number[left], number[right], number[left + right]) for left, right in reachable
        )
        model = BpeModel(
            vocab,
            steps,
            pretokenizer,
            method="merges" if is_plain else "replay",
            supers=supers if reachable else None,
        )
        ids = pl.DataFrame(
            {"token": list(number), "id": list(number.values())},
            schema={"token": pl.Binary, "id": pl.UInt32},
        )
        for column, source in (("left", "left_token"), ("right", "right_token"), ("result", "token")):
            log = log.join(ids.rename({"token": source, "id": column}), on=source, how="left", maintain_order="left")
        front = ["step", "operation", "left", "right", "result", "token", "count"]
        others = [name for name in log.columns if name not in (*front, "left_token", "right_token")]
        dropped = len(self.supers) - len(reachable)
        return BpeTokenizer(
            model, name=name, training=Training({**settings, "unreachable_supers": dropped}, log.select(*front, *others))
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
        return {row[1] + row[2]: (row[1], row[2]) for row in reversed(self.rows) if row[0] == "merge"}


def log_of(rows: Sequence[Row], operations: Sequence[str], counts: Sequence[int]) -> pl.DataFrame:
    """Return one row per step, ids left to be given; a deletion's ``count`` is what was left to be split."""
    is_merge = [row[0] != "delete" for row in rows]
    return pl.DataFrame(
        {
            "step": range(1, len(rows) + 1),
            "operation": list(operations),
            "left_token": [row[1] if merge else None for row, merge in zip(rows, is_merge, strict=True)],
            "right_token": [row[2] if merge else None for row, merge in zip(rows, is_merge, strict=True)],
            "token": [row[1] + row[2] if merge else row[1] for row, merge in zip(rows, is_merge, strict=True)],
            "count": list(counts),
        },
        schema={
            "step": pl.UInt32,
            "operation": pl.String,
            "left_token": pl.Binary,
            "right_token": pl.Binary,
            "token": pl.Binary,
            "count": pl.UInt64,
        },
    )


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a value that is not among the allowed ones.

    Raises:
        ParameterError: naming the parameter and what is allowed.
    """
    if value not in allowed:
        message = f"{name}: {value!r} is not one of {', '.join(map(repr, allowed))}"
        raise ParameterError(message)
