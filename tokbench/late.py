"""polars, loaded when something of it is first used.

Counting plain text and training on it need no data frame, and loading polars takes longer than counting 50 MB.
A module of that path imports it so, which type checkers read as the library itself::

    if TYPE_CHECKING:
        import polars as pl
    else:
        from tokbench.late import pl
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any


class Late:
    """Stands for a module until one of its attributes is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Load the module and return its attribute, which is kept for the next time."""
        value = getattr(importlib.import_module(self._name), attribute)
        self.__dict__[attribute] = value
        return value


pl: Any = Late("polars")


class LateMapping(Mapping[str, Any]):
    """A read-only mapping that is made when it is first read."""

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Mapping[str, Any]:
        return self._make()

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key."""
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys in order."""
        return iter(self._made)

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._made)

    def __repr__(self) -> str:
        """Show what is in it."""
        return repr(dict(self._made))
