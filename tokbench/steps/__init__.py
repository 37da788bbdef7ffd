"""Reversible changes of the text before everything else: one file per step."""

from tokbench.steps.allomorphs import Allomorphs
from tokbench.steps.case import Case
from tokbench.steps.chain import Chain
from tokbench.steps.protocol import (
    STEPS,
    About,
    Step,
    parse,
    register,
    shown,
    spell,
)
from tokbench.steps.splinter import Splinter

__all__ = [
    "STEPS",
    "About",
    "Allomorphs",
    "Case",
    "Chain",
    "Splinter",
    "Step",
    "parse",
    "register",
    "shown",
    "spell",
]
