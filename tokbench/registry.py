"""A registry: named frozen dataclasses whose fields are parameters, spelled ``name(field=value,…)``.

Metrics and training algorithms are both such values. A spelling is parsed once, at the edge, and spelled back; the
two are inverse. Another package adds an entry with an entry point whose name is the entry's name and whose object is
its class; entry points are read when an entry is asked for or listed, not at import. Nothing is ever downloaded or
guessed because of a typing error.
"""

from __future__ import annotations

import difflib
import importlib
import re
from dataclasses import MISSING, fields, is_dataclass
from functools import cached_property
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tokbench.errors import PluginError, TokbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from dataclasses import Field
    from importlib.metadata import EntryPoint

T = TypeVar("T")
C = TypeVar("C", bound=type[Any])


class Registry(Generic[T]):
    """The classes of one kind by name.

    Args:
        noun: what one is called in messages.
        base: the class that each derives from; it has an ``about`` with a ``name``.
        own: the package of tokbench whose import registers its own classes.
        error: raised for unknown names and wrong spellings.
        group: the entry point group for classes of other packages; by default it is called as `own`.
    """

    def __init__(
        self, noun: str, base: type[T], *, own: str, error: type[TokbenchError], group: str | None = None
    ) -> None:
        self.noun = noun
        self.own = own
        self.group = group or own
        self._base = base
        self._error = error
        self._classes: dict[str, type[T]] = {}
        self._aliases: dict[str, str] = {}

    def register(self, made: C) -> C:
        """Add a class under ``made.about.name``; a class decorator.

        Raises:
            PluginError: when the class is no frozen dataclass, a parameter has no default, or the name is taken.
        """
        given: Any = made
        name: str = given.about.name
        if not is_dataclass(made) or not given.__dataclass_params__.frozen:
            message = f"{self.noun} {name}: {made.__qualname__} must be a frozen dataclass"
            raise PluginError(message)
        for item in fields(made):
            if item.default is MISSING and item.default_factory is MISSING:
                message = f"{self.noun} {name}: parameter {item.name} has no default value"
                raise PluginError(message)
            self._kinds(made, item)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            message = f"{self.noun} name {name!r}: use lower-case letters, digits and _"
            raise PluginError(message)
        aliases = getattr(given.about, "aliases", ())
        for taken in (name, *aliases):
            other = self._classes.get(self._aliases.get(taken, taken), made)
            if other is not made:
                message = (
                    f"{self.noun} {taken}: {made.__qualname__} and {other.__qualname__} have the same name"
                )
                raise PluginError(message)
        self._aliases.update(dict.fromkeys(aliases, name))
        self._classes[name] = given
        return made

    def names(self) -> list[str]:
        """Return all names, sorted, those of entry points included."""
        self._load_own()
        return sorted({*self._classes, *self._foreign})

    def class_of(self, name: str) -> type[T]:
        """Return the class of a name or alias.

        Raises:
            TokbenchError: (of the registry's kind) for an unknown name, with the nearest one and the list.
            PluginError: when an entry point cannot be loaded.
        """
        self._load_own()
        name = self._aliases.get(name, name)
        if name in self._foreign and name not in self._classes:
            self._load_foreign(self._foreign[name])
        if name not in self._classes:
            names = self.names()
            message = (
                f"no {self.noun} {name!r}; {nearest(name, [*names, *self._aliases])}"
                f"{self.noun}s: {', '.join(names)}"
            )
            raise self._error(message)
        return self._classes[name]

    def parameters(self, name: str) -> dict[str, tuple[str, object]]:
        """Return each parameter with its type and its default."""
        made = self.class_of(name)
        return {item.name: (" or ".join(self._kinds(made, item)), item.default) for item in _fields(made)}

    def parse(self, spelling: str | T) -> T:
        """Return the value that a spelling names; a value is returned as it is.

        Raises:
            TokbenchError: (of the registry's kind) for a malformed spelling, an unknown name or parameter, or a
                value of the wrong type.
        """
        if not isinstance(spelling, str):
            return spelling
        name, given = self.parse_call(spelling)
        made = self.class_of(name)
        known = {item.name: item for item in _fields(made)}
        values: dict[str, object] = {}
        for key, text in given:
            if key not in known:
                listed = ", ".join(known) or "none"
                message = (
                    f"{self.noun} {name} has no parameter {key!r}; {nearest(key, known)}parameters: {listed}"
                )
                raise self._error(message)
            if key in values:
                message = f"{self.noun} {name}: parameter {key} is given twice in {spelling!r}"
                raise self._error(message)
            values[key] = self._value(name, key, text, self._kinds(made, known[key]))
        return made(**values)

    def spell(self, value: T) -> str:
        """Return the spelling with every parameter; `parse` reads it back to an equal value."""
        name = value.about.name  # type: ignore[attr-defined]  # register admits classes with an about only
        given = [f"{item.name}={_quote(getattr(value, item.name))}" for item in _fields(type(value))]
        return f"{name}({','.join(given)})" if given else str(name)

    def parse_call(self, spelling: str) -> tuple[str, list[tuple[str, str | None]]]:
        """Split ``name(key=value,key="quoted, value")`` into name and pairs, values unquoted, bare none as None.

        Raises:
            TokbenchError: (of the registry's kind) when the text has another form.
        """
        found = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", spelling, re.DOTALL)
        if found is None:
            message = f"{spelling!r} is not of the form name or name(parameter=value,…)"
            raise self._error(message)
        name, inside = found.group(1), (found.group(2) or "").strip()
        pairs: list[tuple[str, str | None]] = []
        at = 0
        while at < len(inside):
            match = _PAIR.match(inside, at)
            if match is None:
                message = (
                    f"{spelling!r}: expected parameter=value at {inside[at:]!r}; "
                    f'put values that hold , = ( ) or quotes in double quotes, for example name="a, b"'
                )
                raise self._error(message)
            key, quoted, bare, _ = match.groups()
            if quoted is not None:
                pairs.append((key, re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)))
            else:
                pairs.append((key, None if bare.strip() == "none" else bare.strip()))
            at = match.end()
        return name, pairs

    def _kinds(self, made: type[Any], item: Field[object]) -> list[str]:
        """Return the types that a parameter admits, read from its annotation: ``float | None`` is two."""
        text = item.type if isinstance(item.type, str) else getattr(item.type, "__name__", str(item.type))
        kinds = [kind.strip() for kind in text.split("|")]
        if any(kind not in _READERS for kind in kinds):
            message = (
                f"{self.noun} {made.about.name}: parameter {item.name} has the type {text}; "
                f"parameters are {', '.join(_READERS)} or a union of them"
            )
            raise PluginError(message)
        return kinds

    def _value(self, name: str, key: str, text: str | None, kinds: Sequence[str]) -> object:
        if text is None and "None" in kinds:
            return None
        given = "none" if text is None else text
        for kind, read in _READERS.items():
            if kind in kinds and kind != "None":
                try:
                    return read(given)
                except ValueError:
                    continue
        message = f"{self.noun} {name}: {key}={given!r} is not {' or '.join(kinds)}"
        raise self._error(message)

    def _load_own(self) -> None:
        # By name: the classes stand above this module and import it.
        importlib.import_module(self.own)

    @cached_property
    def _foreign(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.group)}

    def _load_foreign(self, entry: EntryPoint) -> None:
        try:
            loaded = entry.load()
        except Exception as error:
            message = f"entry point {entry.name} = {entry.value} of {self.group} cannot be loaded: {error}"
            raise PluginError(message) from error
        kind = self._base.__name__
        if (
            not (isinstance(loaded, type) and issubclass(loaded, self._base))
            or getattr(loaded, "about").name != entry.name  # noqa: B009 - the base declares it, T does not
        ):
            message = (
                f"entry point {entry.name} = {entry.value} must name {_a(kind)} class "
                f"whose about.name is {entry.name}"
            )
            raise PluginError(message)
        self.register(loaded)


_PAIR = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,"()=]*))\s*(,|$)', re.DOTALL)


def _fields(made: type[Any]) -> Sequence[Any]:
    return fields(made)


def _read_bool(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


_READERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {"None": str, "bool": _read_bool, "int": int, "float": float, "str": str}
)


def _quote(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    text = str(value)
    if re.fullmatch(r"[^\s,\"()=\\]+", text) and text != "none":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean X? ``, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}? " if near else ""


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIOU' else 'a'} {noun}"
