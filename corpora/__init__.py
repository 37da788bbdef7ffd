"""Corpora: cards that describe them, loaders that open them, and a parallel sample of our own.

To add one, write a card into ``corpora/cards/``; a new layout is one function in ``loaders.py``.
"""

from tokbench.corpora.card import Card, card, names
from tokbench.corpora.loaders import from_toml, load, open_corpus, probes, sample

__all__ = ["Card", "card", "from_toml", "load", "names", "open_corpus", "probes", "sample"]
