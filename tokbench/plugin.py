"""The registry of metrics: names and spellings become metric values once, at the edge.

``"fertility(word=uax29)"`` is parsed to ``Fertility(word="uax29")`` and spelled back; the two are inverse. The
metrics of this package live in `tokbench.metrics`; another package adds one with an entry point of the group
``tokbench.metrics`` whose name is the metric's name and whose object is its class. Entry points are read when a
metric is asked for or listed, not at import. Nothing is ever downloaded or guessed because of a typing error.
"""

from __future__ import annotations

import difflib
import importlib
import re
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from tokbench.errors import MetricError, PluginError
from tokbench.measurement import About, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from dataclasses import Field
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "tokbench.metrics"
_OWN = "tokbench.metrics"
_REGISTERED: dict[str, type[Metric]] = {}
_ALIASES: dict[str, str] = {}

M = TypeVar("M", bound=type[Metric])


def register(metric: M) -> M:
    """Add a metric class to the registry under ``metric.about.name``; a class decorator.

    Raises:
        PluginError: when the class is no frozen dataclass, a parameter has no default, or the name is taken.
    """
    name = metric.about.name
    if not is_dataclass(metric) or not metric.__dataclass_params__.frozen:
        message = f"metric {name}: {metric.__qualname__} must be a frozen dataclass"
        raise PluginError(message)
    for item in fields(metric):
        if item.default is MISSING and item.default_factory is MISSING:
            message = f"metric {name}: parameter {item.name} has no default value"
            raise PluginError(message)
        _kinds(metric, item)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        message = f"metric name {name!r}: use lower-case letters, digits and _"
        raise PluginError(message)
    for taken in (name, *metric.about.aliases):
        other = _REGISTERED.get(_ALIASES.get(taken, taken), metric)
        if other is not metric:
            message = f"metric {taken}: {metric.__qualname__} and {other.__qualname__} have the same name"
            raise PluginError(message)
    _ALIASES.update(dict.fromkeys(metric.about.aliases, name))
    _REGISTERED[name] = metric
    return metric


def names() -> list[str]:
    """Return the names of all metrics, sorted, those of entry points included."""
    _load_own()
    return sorted({*_REGISTERED, *_foreign()})


def metric_class(name: str) -> type[Metric]:
    """Return the class of a metric.

    Raises:
        MetricError: for an unknown name, with the nearest one and the list.
        PluginError: when an entry point cannot be loaded.
    """
    _load_own()
    name = _ALIASES.get(name, name)
    foreign = _foreign()
    if name in foreign and name not in _REGISTERED:
        _load_foreign(foreign[name])
    if name not in _REGISTERED:
        message = f"no metric {name!r}; {_nearest(name, [*names(), *_ALIASES])}metrics: {', '.join(names())}"
        raise MetricError(message)
    return _REGISTERED[name]


def describe(name: str) -> About:
    """Return formula, unit, range, direction, source and pitfalls of a metric."""
    return metric_class(name).about


def parameters(name: str) -> dict[str, tuple[str, object]]:
    """Return each parameter of a metric with its type and its default."""
    return {
        item.name: (" or ".join(_kinds(metric_class(name), item)), item.default)
        for item in _fields(metric_class(name))
    }


def parse(spelling: str | Metric) -> Metric:
    """Return the metric that a spelling such as ``"renyi_efficiency(alpha=2.5,vocabulary=declared)"`` names.

    Raises:
        MetricError: for a malformed spelling, an unknown name or parameter, or a value of the wrong type.

    Example:
        >>> spell(parse("fertility(word=uax29)"))
        'fertility(word=uax29)'
    """
    if isinstance(spelling, Metric):
        return spelling
    name, given = parse_call(spelling)
    metric = metric_class(name)
    known = {item.name: item for item in _fields(metric)}
    values: dict[str, object] = {}
    for key, text in given:
        if key not in known:
            hint = _nearest(key, known)
            listed = ", ".join(known) or "none"
            message = f"metric {name} has no parameter {key!r}; {hint}parameters: {listed}"
            raise MetricError(message)
        if key in values:
            message = f"metric {name}: parameter {key} is given twice in {spelling!r}"
            raise MetricError(message)
        values[key] = _value(name, key, text, _kinds(metric, known[key]))
    return metric(**values)


def spell(metric: Metric) -> str:
    """Return the spelling with every parameter; `parse` reads it back to an equal metric."""
    given = [f"{item.name}={_quote(getattr(metric, item.name))}" for item in _fields(type(metric))]
    return f"{metric.about.name}({','.join(given)})" if given else metric.about.name


def parse_call(spelling: str) -> tuple[str, list[tuple[str, str | None]]]:
    """Split ``name(key=value,key="quoted, value")`` into its name and its pairs, values unquoted, bare none as None.

    Raises:
        MetricError: when the text has another form.

    Example:
        >>> parse_call('nsl(reference="a, b")')
        ('nsl', [('reference', 'a, b')])
    """
    found = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", spelling, re.DOTALL)
    if found is None:
        message = f"{spelling!r} is not of the form name or name(parameter=value,…)"
        raise MetricError(message)
    name, inside = found.group(1), (found.group(2) or "").strip()
    pairs: list[tuple[str, str | None]] = []
    at = 0
    item = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,"()=]*))\s*(,|$)', re.DOTALL)
    while at < len(inside):
        match = item.match(inside, at)
        if match is None:
            message = (
                f"{spelling!r}: expected parameter=value at {inside[at:]!r}; "
                f'put values that hold , = ( ) or quotes in double quotes, for example name="a, b"'
            )
            raise MetricError(message)
        key, quoted, bare, _ = match.groups()
        if quoted is not None:
            pairs.append((key, re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)))
        else:
            pairs.append((key, None if bare.strip() == "none" else bare.strip()))
        at = match.end()
    return name, pairs


def _fields(metric: type[Metric]) -> Sequence[Any]:
    return fields(metric)  # type: ignore[arg-type]  # register admits dataclasses only


def _kinds(metric: type[Metric], item: Field[object]) -> list[str]:
    """Return the types that a parameter admits, read from its annotation: ``float | None`` is two."""
    text = item.type if isinstance(item.type, str) else getattr(item.type, "__name__", str(item.type))
    kinds = [kind.strip() for kind in text.split("|")]
    unknown = [kind for kind in kinds if kind not in _READERS]
    if unknown:
        message = (
            f"metric {metric.about.name}: parameter {item.name} has the type {text}; "
            f"parameters are {', '.join(_READERS)} or a union of them"
        )
        raise PluginError(message)
    return kinds


def _read_bool(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


_READERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {"None": str, "bool": _read_bool, "int": int, "float": float, "str": str}
)


def _value(name: str, key: str, text: str | None, kinds: Sequence[str]) -> object:
    if text is None and "None" in kinds:
        return None
    given = "none" if text is None else text
    for kind, read in _READERS.items():
        if kind in kinds and kind != "None":
            try:
                return read(given)
            except ValueError:
                continue
    message = f"metric {name}: {key}={given!r} is not {' or '.join(kinds)}"
    raise MetricError(message)


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


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}? " if near else ""


def _load_own() -> None:
    # By name: the metrics stand above this module and import it.
    importlib.import_module(_OWN)


@cache
def _foreign() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _load_foreign(entry: EntryPoint) -> None:
    try:
        loaded = entry.load()
    except Exception as error:
        message = f"entry point {entry.name} = {entry.value} of {ENTRY_POINTS} cannot be loaded: {error}"
        raise PluginError(message) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Metric)) or loaded.about.name != entry.name:
        message = f"entry point {entry.name} = {entry.value} must name a Metric class whose about.name is {entry.name}"
        raise PluginError(message)
    register(loaded)
