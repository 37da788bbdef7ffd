"""Which new token is which old one: by the bytes of text that they stand for, special tokens by role.

For each new token, in this order:

1. what the user says (``{"new": "old"}``);
2. a special token: an old special token that plays one of its roles (of several the one of the same text, then the
   lowest id); else an old special or added token of the same text;
3. any other token: an old token that is not special with the same bytes. Several may have them (a regular token, an
   added one, a byte-fallback one; or two ids of one kind): preferred is the lowest `TokenKind`, then the lowest id.
   Where nothing has the bytes, and the convention of a vocabulary leaves the space of a word open (`TokenTable`), the
   second spelling of either side is looked up.

Many new tokens may be one old token. The classes of the result: *exact*; *byte-fallback* (one of the two is a
byte-fallback token); *special*; *mapped* (by the user); *ambiguous* (the preference had to decide between tokens of
one kind, or a second spelling was used); *unmatched*; *hole* (an id without a token).

Bytes are compared, never strings of a vocabulary's own alphabet: a SentencePiece character ``é`` is two bytes, the
letter ``é`` of a byte-level vocabulary is the one byte 0xE9. Text is not normalized.

Twin: `tokbench.reference.transplant.match`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from tokbench.errors import TransplantError
from tokbench.transplant.plan import RowClass
from tokbench.transplant.roles import ORDER
from tokbench.transplant.tokens import TokenKind, TokenTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from numpy.typing import NDArray
else:
    from tokbench.late import pl


class MatchClass(IntEnum):
    """How a new token was matched; the first five are those of `RowClass`."""

    EXACT = RowClass.EXACT
    BYTE_FALLBACK = RowClass.BYTE_FALLBACK
    SPECIAL = RowClass.SPECIAL
    MAPPED = RowClass.MAPPED
    AMBIGUOUS = RowClass.AMBIGUOUS
    HOLE = RowClass.HOLE
    UNMATCHED = RowClass.UNPLANNED


@dataclass(frozen=True, eq=False)
class Match:
    """The old id of each new id.

    Attributes:
        old_of: ``[n_new]``, the old id, -1 where there is none.
        classes: a `MatchClass` for each new id.
        candidates: how many old tokens could have been meant.
        new: the table of the new tokenizer.
        old: the table of the old one.
    """

    old_of: NDArray[np.int64]
    classes: NDArray[np.uint8]
    candidates: NDArray[np.int32]
    new: TokenTable
    old: TokenTable

    @property
    def matched(self) -> NDArray[np.int64]:
        """The new ids that have an old one, ascending."""
        return np.flatnonzero(self.old_of >= 0)

    @property
    def unmatched(self) -> NDArray[np.int64]:
        """The new tokens that have no old one, ascending; holes are none."""
        return np.flatnonzero(self.classes == MatchClass.UNMATCHED)

    def counts(self) -> dict[str, int]:
        """Return how many new ids are in each class, all classes named."""
        times = np.bincount(self.classes, minlength=max(MatchClass) + 1)
        return {each.name.lower(): int(times[each]) for each in MatchClass}

    def unused_old(self) -> NDArray[np.int64]:
        """Return the old tokens that no new token is, ascending: their rows are not copied."""
        used = np.zeros(len(self.old), dtype=bool)
        used[self.old_of[self.matched]] = True
        return np.flatnonzero(~used & (self.old.kinds != TokenKind.HOLE))

    def table(self) -> pl.DataFrame:
        """Return a row for each new id: id, text, kind, class, old_id, old_text, candidates."""
        pairs = self.old_of.tolist()
        return pl.DataFrame(
            {
                "id": np.arange(len(self.new)),
                "text": [show(text) for text in self.new.texts],
                "kind": [TokenKind(kind).name.lower() for kind in self.new.kinds.tolist()],
                "class": [MatchClass(each).name.lower() for each in self.classes.tolist()],
                "old_id": [None if old < 0 else old for old in pairs],
                "old_text": [None if old < 0 else show(self.old.texts[old]) for old in pairs],
                "candidates": self.candidates,
            },
            schema_overrides={"old_id": pl.Int64(), "old_text": pl.String()},
        )


def match(new: TokenTable, old: TokenTable, *, mapped: Mapping[str, str] | None = None) -> Match:
    """Return which new token is which old one, by the rules of the module.

    Args:
        new: the tokenizer that the model gets.
        old: the tokenizer that it has.
        mapped: text of a new token → text of the old one, both as bytes of text in UTF-8 (`` the``, not ``Ġthe``);
            ``id:NUMBER`` names a token by its id.

    Raises:
        TransplantError: when `mapped` names a token that does not exist, or one that several ids have.

    Example:
        >>> import numpy as np
        >>> old = TokenTable((b"<unk>", b"a", b" b"), np.array([3, 0, 0], dtype=np.uint8), {}, {0: ("unk",)})
        >>> new = TokenTable((b" b", b"[UNK]", b"c"), np.array([0, 3, 0], dtype=np.uint8), {}, {1: ("unk",)})
        >>> match(new, old).old_of.tolist()
        [2, 0, -1]
    """
    old_of = np.full(len(new), -1, dtype=np.int64)
    classes = np.full(len(new), MatchClass.UNMATCHED, dtype=np.uint8)
    candidates = np.zeros(len(new), dtype=np.int32)
    classes[new.kinds == TokenKind.HOLE] = MatchClass.HOLE
    _match_texts(new, old, old_of, classes, candidates)
    _match_special(new, old, old_of, classes, candidates)
    for new_text, old_text in (mapped or {}).items():
        new_id, old_id = named(new, new_text, "new"), named(old, old_text, "old")
        old_of[new_id], classes[new_id], candidates[new_id] = old_id, MatchClass.MAPPED, 1
    return Match(old_of, classes, candidates, new, old)


def _match_texts(
    new: TokenTable,
    old: TokenTable,
    old_of: NDArray[np.int64],
    classes: NDArray[np.uint8],
    candidates: NDArray[np.int32],
) -> None:
    """Match all tokens that are not special: first spellings, then every pair with a second one."""
    first_old, second_old = _spellings(old), _seconds(old)
    first_new, second_new = _spellings(new), _seconds(new)
    rounds = [(first_new, first_old, False), (first_new, second_old, True), (second_new, first_old, True)]
    rounds.append((second_new, second_old, True))
    for asked, known, loose in rounds:
        if not len(asked) or not len(known):
            continue
        best = known.group_by("text").agg(
            pl.col("id").sort_by("kind", "id").first().alias("old_id"),
            pl.col("kind").min().alias("old_kind"),
            pl.len().cast(pl.Int32).alias("candidates"),
            (pl.col("kind") == pl.col("kind").min()).sum().alias("rivals"),
        )
        joined = asked.join(best, on="text", how="inner").sort("id")
        ids = joined["id"].to_numpy()
        open_ones = old_of[ids] < 0
        joined, ids = joined.filter(pl.Series(open_ones)), ids[open_ones]
        old_of[ids] = joined["old_id"].to_numpy()
        candidates[ids] = joined["candidates"].to_numpy()
        fallback = int(TokenKind.BYTE_FALLBACK)
        either = (pl.col("kind") == fallback) | (pl.col("old_kind") == fallback)
        outcome = (
            pl.when(loose | (pl.col("rivals") > 1))
            .then(int(MatchClass.AMBIGUOUS))
            .when(either)
            .then(int(MatchClass.BYTE_FALLBACK))
            .otherwise(int(MatchClass.EXACT))
        )
        classes[ids] = joined.select(outcome.alias("class"))["class"].to_numpy()


def _spellings(table: TokenTable) -> pl.DataFrame:
    ids = np.flatnonzero(table.kinds < TokenKind.SPECIAL)
    texts = [table.texts[token_id] for token_id in ids.tolist()]
    return pl.DataFrame({"id": ids, "text": pl.Series(texts, dtype=pl.Binary()), "kind": table.kinds[ids]})


def _seconds(table: TokenTable) -> pl.DataFrame:
    ids = np.array(sorted(table.second), dtype=np.int64)
    texts = [table.second[token_id] for token_id in ids.tolist()]
    return pl.DataFrame({"id": ids, "text": pl.Series(texts, dtype=pl.Binary()), "kind": table.kinds[ids]})


def _match_special(
    new: TokenTable,
    old: TokenTable,
    old_of: NDArray[np.int64],
    classes: NDArray[np.uint8],
    candidates: NDArray[np.int32],
) -> None:
    """Match special tokens, of which there are few, by role and then by text."""
    by_role: dict[str, list[int]] = {}
    for old_id, roles in sorted(old.roles.items()):
        for role in roles:
            by_role.setdefault(role, []).append(old_id)
    by_text: dict[bytes, int] = {}
    for old_id in np.flatnonzero((old.kinds == TokenKind.SPECIAL) | (old.kinds == TokenKind.ADDED)).tolist():
        by_text.setdefault(old.texts[old_id], old_id)
    for new_id in np.flatnonzero(new.kinds == TokenKind.SPECIAL).tolist():
        text = new.texts[new_id]
        mine = new.roles.get(new_id, ())
        found = [old_id for role in mine for old_id in by_role.get(role, ())]
        ranked = sorted(
            found, key=lambda each: (old.texts[each] != text, *_distance(mine, old.roles[each], each))
        )
        chosen = ranked[:1]
        if not chosen and text in by_text:
            chosen = found = [by_text[text]]
        if chosen:
            old_of[new_id], classes[new_id] = chosen[0], MatchClass.SPECIAL
            candidates[new_id] = len(set(found))


def _distance(mine: tuple[str, ...], theirs: tuple[str, ...], old_id: int) -> tuple[int, int, int]:
    """Order the old tokens that share a role: most shared roles, ending before beginning, lowest id."""
    shared = set(mine) & set(theirs)
    return -len(shared), 0 if "eos" in shared else 1 + min(map(ORDER.index, shared)), old_id


def named(table: TokenTable, text: str, side: str, *, option: str = "map") -> int:
    """Return the id of a token by its text, or of ``id:NUMBER``.

    Raises:
        TransplantError: when there is no such token, or several ids have that text; `side` says whose it is,
            `option` where it was named.
    """
    if text.startswith("id:") and text[3:].isdigit():
        token_id = int(text[3:])
        if token_id >= len(table) or table.kinds[token_id] == TokenKind.HOLE:
            message = f"{option}: the {side} tokenizer has no token with the id {token_id}"
            raise TransplantError(message)
        return token_id
    data = text.encode()
    found = [token_id for token_id, each in enumerate(table.texts) if each == data]
    found = [token_id for token_id in found if table.kinds[token_id] != TokenKind.HOLE]
    if not found:
        message = f"{option}: the {side} tokenizer has no token {text!r}; give its text (a space for Ġ, ▁) or id:NUMBER"
        raise TransplantError(message)
    if len(found) > 1:
        message = f"{option}: the {side} tokens {found} are all {text!r}; name one as id:NUMBER"
        raise TransplantError(message)
    return found[0]


def show(text: bytes) -> str:
    r"""Return a token's bytes for people: UTF-8 where they are, else with ``\xNN``.

    Example:
        >>> show(b" caf\xc3\xa9"), show(b"\xc3")
        (' café', '\\xc3')
    """
    return text.decode(errors="backslashreplace")
