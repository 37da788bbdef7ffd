"""tokbench: construct, judge, move and repair tokenizers.

Example:
    >>> import tokbench as tb
    >>> counts = tb.count(tb.corpora.load("sample"), "cl100k")
    >>> tokenizer = tb.train(counts, vocab_size=1000)
    >>> tokenizer.decode(tokenizer.encode("Merhaba dünya")).decode()
    'Merhaba dünya'
"""

from tokbench import _rust

__version__ = "0.1.0"

if _rust.__version__ != __version__:
    message = (
        f"tokbench {__version__} found its compiled extension at version {_rust.__version__} "
        f"({_rust.__file__}); reinstall tokbench so that both come from one build"
    )
    raise ImportError(message)

from tokbench import corpora, metrics  # noqa: E402 - after the version check
from tokbench.corpus import Corpus, Document  # noqa: E402 - as above
from tokbench.counts import PretokenCounts, count  # noqa: E402 - as above
from tokbench.encoding import Encoding  # noqa: E402 - as above
from tokbench.evaluate import evaluate  # noqa: E402 - as above
from tokbench.frame import MetricFrame  # noqa: E402 - as above
from tokbench.merges import Merges  # noqa: E402 - as above
from tokbench.pretokenize import Pretokenizer  # noqa: E402 - as above
from tokbench.tokenizer import Tokenizer  # noqa: E402 - as above
from tokbench.train import train  # noqa: E402 - as above
from tokbench.vocab import Vocab  # noqa: E402 - as above

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
    "corpora",
    "count",
    "evaluate",
    "load",
    "metrics",
    "train",
]
