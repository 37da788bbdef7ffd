"""The command line: one file per verb, each parses, calls the public API and prints.

Data go to standard output, progress and messages to standard error. Exit status: 0 done, 1 the input or
the result is at fault (the message says what), 2 the command line is at fault, 130 interrupted.
"""

from __future__ import annotations

from tokbench.cli.application import main

__all__ = ["main"]
