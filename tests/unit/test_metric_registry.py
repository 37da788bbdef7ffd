"""Names and spellings of metrics: parsed once, spelled back, wrong ones refused with help."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from tokbench import plugin
from tokbench.errors import MetricError, PluginError
from tokbench.measurement import About, MeasuredTokenizer, Value, VocabMetric
from tokbench.metrics.information import RenyiEfficiency
from tokbench.metrics.words import Fertility

ABOUT = About(
    name="constant",
    title="constant",
    formula="1",
    unit="ones",
    range="1",
    direction="neither",
    source="this test",
    pitfalls="none",
)


@dataclass(frozen=True)
class Constant(VocabMetric):
    """A metric of another package."""

    about: ClassVar[About] = ABOUT

    def of(self, tokenizer: MeasuredTokenizer) -> Value:
        return 1.0


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(plugin.METRICS, "_classes", dict(plugin.METRICS._classes))
    return monkeypatch


def test_spellings_become_values() -> None:
    assert plugin.parse("fertility(word=uax29)") == Fertility(word="uax29")
    assert plugin.parse(" renyi_efficiency( alpha = 3 , vocabulary=observed )") == RenyiEfficiency(
        3.0, "observed"
    )
    assert plugin.parse("fertility") == Fertility()
    assert plugin.parse(Fertility("uax29")) == Fertility("uax29")
    assert plugin.parse("premium").about.name == "parity"


def test_every_parameter_is_spelled() -> None:
    assert plugin.spell(RenyiEfficiency()) == "renyi_efficiency(alpha=2.5,vocabulary=declared)"
    assert plugin.spell(RenyiEfficiency(alpha=3.0)) == "renyi_efficiency(alpha=3,vocabulary=declared)"


@pytest.mark.parametrize("name", plugin.names())
def test_every_metric_is_explained_and_spelled_back(name: str) -> None:
    about = plugin.describe(name)
    facts = about.as_dict()
    assert all(facts[key] for key in facts if key != "aliases")
    assert about.name == name
    assert about.direction in {"higher", "lower", "neither"}
    metric = plugin.parse(name)
    assert plugin.parse(plugin.spell(metric)) == metric
    assert set(plugin.parameters(name)) == set(vars(metric))


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("fertilty", "did you mean fertility"),
        ("premum", "did you mean premium"),
        ("qqqq", "metrics: .*bytes_per_token, "),
        ("fertility(words=uax29)", "no parameter 'words'; did you mean word\\? parameters: word"),
        ("tokens(word=uax29)", "parameters: none"),
        ("renyi_efficiency(alpha=high)", "alpha='high' is not float"),
        ("renyi_efficiency(alpha=1,alpha=2)", "given twice"),
        ("fertility(word)", "expected parameter=value"),
        ("fertility(word=uax29", "not of the form"),
        ("fertility(word=a b=c)", "expected parameter=value"),
        ("", "not of the form"),
        ("no-name", "not of the form"),
    ],
)
def test_a_wrong_spelling_says_what_is_right(spelling: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        plugin.parse(spelling)


def test_an_entry_point_adds_a_metric(entry: pytest.MonkeyPatch) -> None:
    monkey = entry
    found = EntryPoint("constant", f"{__name__}:Constant", plugin.METRICS.own)
    monkey.setitem(sys.modules, __name__, sys.modules.get(__name__) or pytest)
    monkey.setattr(sys.modules[__name__], "Constant", Constant, raising=False)
    monkey.setattr(plugin.METRICS, "_foreign", {"constant": found})
    assert "constant" in plugin.names()
    assert isinstance(plugin.parse("constant"), Constant)


@pytest.mark.parametrize(
    ("target", "message"),
    [("no_such_module_here:X", "cannot be loaded"), ("math:pi", "must name a Metric class")],
)
def test_a_broken_entry_point_is_named(entry: pytest.MonkeyPatch, target: str, message: str) -> None:
    found = EntryPoint("broken", target, plugin.METRICS.own)
    entry.setattr(plugin.METRICS, "_foreign", {"broken": found})
    with pytest.raises(PluginError, match=f"broken = {target} .*{message}"):
        plugin.parse("broken")


def test_registering_checks_the_class(entry: pytest.MonkeyPatch) -> None:
    del entry

    @dataclass
    class Mutable(VocabMetric):
        about: ClassVar[About] = ABOUT

    @dataclass(frozen=True)
    class Required(Constant):
        value: int

    @dataclass(frozen=True)
    class Exotic(Constant):
        value: complex = 1j

    @dataclass(frozen=True)
    class Tokens(Constant):
        about: ClassVar[About] = plugin.describe("tokens")

    for metric, message in (
        (Mutable, "must be a frozen dataclass"),
        (Required, "value has no default"),
        (Exotic, "value has the type complex"),
        (Tokens, "have the same name"),
    ):
        with pytest.raises(PluginError, match=message):
            plugin.register(metric)


def test_importing_the_registry_loads_no_numba() -> None:
    code = "import sys, tokbench.metrics; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_importing_the_package_loads_no_numba() -> None:
    code = "import sys, tokbench; print({'numba', 'scipy.stats', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
