"""config.json and generation_config.json under a new vocabulary, and the roles that a directory's files name.

Every ``vocab_size`` that was the old number of rows becomes the new one, in nested parts too. Every token id becomes
the id of the new token that plays the same part: the role's own token, else the new tokens that were matched to the
old one, else the token of one of its roles. An id for which there is none becomes null, or leaves its list (and takes
a sequence of ids with it); each is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tokbench.transplant.matching import show
from tokbench.transplant.model_dir import read_json
from tokbench.transplant.roles import NAMED, ROLES
from tokbench.transplant.tokens import TokenKind, TokenTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tokbench.tokenizer import Tokenizer
    from tokbench.transplant.matching import Match

ID_LISTS = ("suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "forced_decoder_ids")
"""Settings that hold token ids, in lists or lists of lists, beside those that end in ``_token_id``."""


def read_roles(folder: Path, tokenizer: Tokenizer) -> dict[str, tuple[str, ...]]:
    """Return text → roles, as the configuration files of tokenizer and model name them.

    Raises:
        ModelError: when one of them is no JSON object.
    """
    found: dict[str, list[str]] = {}

    def add(text: object, role: str) -> None:
        if isinstance(text, dict):
            text = text.get("content")
        if isinstance(text, str) and text in tokenizer.vocab.special:
            roles = found.setdefault(text, [])
            if role not in roles:
                roles.append(role)

    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).is_file():
            content = read_json(folder / name)
            for role in NAMED:
                add(content.get(f"{role}_token"), role)
    texts = {token_id: text for text, token_id in tokenizer.vocab.special.items()}
    for name in ("config.json", "generation_config.json"):
        if (folder / name).is_file():
            content = read_json(folder / name)
            for role in NAMED:
                given = content.get(f"{role}_token_id")
                # Of several ends the first is the tokenizer's own in the files of published models.
                for token_id in given[:1] if isinstance(given, list) else [given]:
                    if isinstance(token_id, int) and not any(role in roles for roles in found.values()):
                        add(texts.get(token_id), role)
    return {text: tuple(roles) for text, roles in found.items()}


def table_of(tokenizer: Tokenizer, folder: Path | None) -> tuple[TokenTable, dict[str, tuple[str, ...]]]:
    """Return a tokenizer's table and the roles that the files beside it name."""
    named = read_roles(folder, tokenizer) if folder is not None and folder.is_dir() else {}
    return TokenTable.of(tokenizer, roles=named), named


@dataclass
class IdMap:
    """Old token ids → new ones, by part; it remembers what it could not map.

    Attributes:
        match: which new token is which old one.
        named: text → roles that the new tokenizer's files name.
        lost: what was not mapped, for people.
    """

    match: Match
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def role(self, role: str) -> int | None:
        """Return the new token that plays a role: the one its files name, else the first of the table's that exists."""
        special = {
            self.match.new.texts[i]: i
            for i in np.flatnonzero(self.match.new.kinds == TokenKind.SPECIAL).tolist()
        }
        for text, roles in self.named.items():
            if role in roles and text.encode() in special:
                return special[text.encode()]
        return next(
            (special[text.encode()] for text in ROLES.get(role, ()) if text.encode() in special), None
        )

    def ids(self, old_id: int) -> list[int]:
        """Return the new ids that stand for an old one, by match, else by its roles."""
        matched = np.flatnonzero(self.match.old_of == old_id).tolist()
        if matched:
            return [int(each) for each in matched]
        by_role = [self.role(role) for role in self.match.old.roles.get(old_id, ())]
        return [each for each in by_role if each is not None][:1]

    def one(self, key: str, old_id: int) -> int | None:
        """Return the new id of a setting such as ``eos_token_id``; None is remembered as lost."""
        role = key.removesuffix("_token_id")
        own = self.role(role) if role in NAMED else None
        found = own if own is not None else next(iter(self.ids(old_id)), None)
        if found is None:
            self._lose(key, old_id)
        return found

    def many(self, key: str, old_ids: list[Any]) -> list[Any]:
        """Return the new ids of a list, or of a list of lists, without repetitions at the top."""
        result: list[Any] = []
        role = key.removesuffix("_token_id")
        own = self.role(role) if role in NAMED else None
        if own is not None:
            result.append(own)
        for each in old_ids:
            if isinstance(each, list):
                inner = [self.one(key, i) if isinstance(i, int) and i >= 0 else i for i in each]
                if None not in inner:
                    result.append(inner)
            elif isinstance(each, int) and not isinstance(each, bool) and each >= 0:
                new_ids = self.ids(each)
                if not new_ids:
                    self._lose(key, each)
                result += [i for i in new_ids if i not in result]
            else:
                result.append(each)
        return result

    def _lose(self, key: str, old_id: int) -> None:
        text = show(self.match.old.texts[old_id]) if old_id < len(self.match.old) else "no token"
        self.lost.append(f"{key}: {old_id} ({text}) has no counterpart among the new tokens")


def remap(settings: Mapping[str, Any], ids: IdMap, *, old_rows: int, new_rows: int) -> dict[str, Any]:
    """Return a configuration under the new vocabulary."""
    sizes = {old_rows, settings.get("vocab_size")}
    return {key: _value(key, value, ids, sizes, new_rows) for key, value in settings.items()}


def _value(key: str, value: Any, ids: IdMap, sizes: set[Any], new_rows: int) -> Any:
    if key == "vocab_size" and value in sizes:
        return new_rows
    if key.endswith(("_token_id", "_token_index")) and isinstance(value, int) and not isinstance(value, bool):
        return ids.one(key, value) if value >= 0 else value
    if (key.endswith(("_token_id", "_token_ids")) or key in ID_LISTS) and isinstance(value, list):
        return ids.many(key, value)
    if isinstance(value, dict):
        return {inner: _value(inner, each, ids, sizes, new_rows) for inner, each in value.items()}
    return value


def changes(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield ``key: old → new`` for each setting that differs."""
    for key in before:
        if isinstance(before[key], dict) and isinstance(after.get(key), dict):
            yield from changes(before[key], after[key], f"{prefix}{key}.")
        elif before[key] != after.get(key):
            yield f"{prefix}{key}: {before[key]} → {after.get(key)}"
