"""tokbench: construct, judge, move and repair tokenizers.

Example:
    >>> import tokbench as tb
    >>> counts = tb.count(tb.corpora.load("sample"), "cl100k")
    >>> tokenizer = tb.train(counts, vocab_size=1000)
    >>> tokenizer.decode(tokenizer.encode("Merhaba dünya")).decode()
    'Merhaba dünya'
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from tokbench import _rust

__version__ = "0.1.0"

if _rust.__version__ != __version__:
    message = (
        f"tokbench {__version__} found its compiled extension at version {_rust.__version__} "
        f"({_rust.__file__}); reinstall tokbench so that both come from one build"
    )
    raise ImportError(message)

from tokbench.corpus import Corpus, Document
from tokbench.counts import PretokenCounts, count, count_texts
from tokbench.encoding import Encoding
from tokbench.evaluate import evaluate
from tokbench.extend import extend
from tokbench.frame import MetricFrame
from tokbench.merges import Merges
from tokbench.pretokenize import Pretokenizer
from tokbench.sweep import sweep
from tokbench.tokenizer import Tokenizer
from tokbench.training import train
from tokbench.transplant.transplantation import transplant
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from tokbench import bytelm, corpora, metrics

load = Tokenizer.load

__all__ = [
    "Corpus",
    "Document",
    "Encoding",
    "Merges",
    "MetricFrame",
    "PretokenCounts",
    "Pretokenizer",
    "Tokenizer",
    "Vocab",
    "__version__",
    "bytelm",
    "corpora",
    "count",
    "count_texts",
    "evaluate",
    "extend",
    "load",
    "metrics",
    "sweep",
    "train",
    "transplant",
]


def __getattr__(name: str) -> ModuleType:
    # Training does not wait for the metrics: these load when they are first asked for.
    if name in {"bytelm", "corpora", "metrics"}:
        return importlib.import_module(f"tokbench.{name}")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
