"""`python -m tokbench` is `tokbench`."""

from tokbench.cli import main

main()
