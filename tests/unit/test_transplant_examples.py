"""The examples in the docstrings of transplantation are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from tokbench.formats import files

# The package's own name is taken by the function that it is about.
ROOM = importlib.import_module("tokbench.transplant")
MODULES = [each.name for each in pkgutil.walk_packages(ROOM.__path__, "tokbench.transplant.")]


@pytest.mark.parametrize("name", [*MODULES, files.__name__])
def test_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    found = [each for name in MODULES for each in finder.find(importlib.import_module(name)) if each.examples]
    assert len(found) > 20
