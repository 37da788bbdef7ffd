"""Reversible changes of the text before everything else: one file per step."""

from tokbench.steps.case import Case
from tokbench.steps.chain import Chain
from tokbench.steps.protocol import STEPS, About, Step, describe, names, parameters, parse, register, spell

__all__ = [
    "STEPS",
    "About",
    "Case",
    "Chain",
    "Step",
    "describe",
    "names",
    "parameters",
    "parse",
    "register",
    "spell",
]
