"""The registry of metrics: names and spellings become metric values once, at the edge.

``"fertility(word=uax29)"`` is parsed to ``Fertility(word="uax29")`` and spelled back; the two are inverse. The
metrics of this package live in `tokbench.metrics`; another package adds one with an entry point of the group
``tokbench.metrics`` whose name is the metric's name and whose object is its class.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.errors import MetricError
from tokbench.measurement import About, Metric
from tokbench.registry import Registry, nearest
from tokbench.uncertainty.ranking import SENSITIVITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeVar

    M = TypeVar("M", bound=type[Metric])

METRICS: Registry[Metric] = Registry("metric", Metric, own="tokbench.metrics", error=MetricError)


def register(metric: M) -> M:
    """Add a metric class to the registry under ``metric.about.name``; a class decorator.

    Raises:
        PluginError: when the class is no frozen dataclass, a parameter has no default, or the name is taken.
    """
    return METRICS.register(metric)


def names() -> list[str]:
    """Return the names of all metrics, sorted, those of entry points included."""
    return METRICS.names()


def metric_class(name: str) -> type[Metric]:
    """Return the class of a metric.

    Raises:
        MetricError: for an unknown name, with the nearest one and the list.
        PluginError: when an entry point cannot be loaded.
    """
    return METRICS.class_of(name)


def describe(name: str) -> About:
    """Return formula, unit, range, direction, source, pitfalls and family of a metric."""
    made = metric_class(name)
    return replace(made.about, family=made.about.family or made.__module__.rpartition(".")[2])


def parameters(name: str) -> dict[str, tuple[str, object]]:
    """Return each parameter of a metric with its type and its default."""
    return METRICS.parameters(name)


def parse(spelling: str | Metric) -> Metric:
    """Return the metric that a spelling such as ``"renyi_efficiency(alpha=2.5,vocabulary=declared)"`` names.

    Raises:
        MetricError: for a malformed spelling, an unknown name or parameter, or a value of the wrong type.

    Example:
        >>> spell(parse("fertility(word=uax29)"))
        'fertility(word=uax29)'
    """
    return METRICS.parse(spelling)


def families() -> dict[str, list[str]]:
    """Return the names of the metrics of each family."""
    found: dict[str, list[str]] = {}
    for name in names():
        found.setdefault(describe(name).family, []).append(name)
    return found


def selected(given: Iterable[str | Metric]) -> list[Metric]:
    """Return the metrics that a selection names: spellings, ``all``, ``family:NAME``, ``sensitivity``, any after ``-``.

    ``all`` and families leave out metrics that need files or minutes (``in_all`` of their class); their names take
    them. What is left out is left out of what was taken before it; a selection that begins so begins with all.

    Raises:
        MetricError: for an unknown name or family, with the nearest one.

    Example:
        >>> [spell(metric) for metric in selected(["family:words", "-fertility"])][:1]
        ['pcw(word=none)']
    """
    taken: list[Metric] = []
    for at, each in enumerate(given):
        if not isinstance(each, str):
            taken.append(each)
        elif each.startswith("-"):
            dropped = _taken(each[1:])
            taken = [
                metric for metric in (taken if at else _taken("all")) if not _among(metric, dropped, each)
            ]
        else:
            taken += _taken(each)
    return list(dict.fromkeys(taken))


def _taken(name: str) -> list[Metric]:
    if name == "sensitivity":
        return [parse(each) for each in SENSITIVITY]
    if name == "all":
        return [parse(each) for each in names() if metric_class(each).in_all]
    if not name.startswith("family:"):
        return [parse(name)]
    known = families()
    family = name.removeprefix("family:")
    if family not in known:
        message = f"no family {family!r}; {nearest(family, known)}families: {', '.join(sorted(known))}"
        raise MetricError(message)
    return [parse(each) for each in known[family] if metric_class(each).in_all]


def _among(metric: Metric, dropped: Sequence[Metric], given: str) -> bool:
    """Whether a metric is left out: by its whole spelling where parameters are given, else by its name."""
    return metric in dropped if "(" in given else metric.about.name in {each.about.name for each in dropped}


def spell(metric: Metric) -> str:
    """Return the spelling with every parameter; `parse` reads it back to an equal metric."""
    return METRICS.spell(metric)


def parse_call(spelling: str) -> tuple[str, list[tuple[str, str | None]]]:
    """Split ``name(key=value,key="quoted, value")`` into its name and its pairs, values unquoted, bare none as None.

    Raises:
        MetricError: when the text has another form.

    Example:
        >>> parse_call('nsl(reference="a, b")')
        ('nsl', [('reference', 'a, b')])
    """
    return METRICS.parse_call(spelling)
