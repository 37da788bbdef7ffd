"""What linguists know about words, read from files: gold segmentations, lexicons, lexical-decision tables.

The package ships none of these data; every reader takes a path and says in its errors which file and line is wrong.
"""

from tokbench.lexicon.decision import DecisionTable, read_decisions
from tokbench.lexicon.forms import NORMAL_FORMS, normalizer
from tokbench.lexicon.gold import GoldSet, gold_sets
from tokbench.lexicon.items import FORMS, Item, read_items
from tokbench.lexicon.words import Lexicon, open_lexicon

__all__ = [
    "FORMS",
    "NORMAL_FORMS",
    "DecisionTable",
    "GoldSet",
    "Item",
    "Lexicon",
    "gold_sets",
    "normalizer",
    "open_lexicon",
    "read_decisions",
    "read_items",
]
