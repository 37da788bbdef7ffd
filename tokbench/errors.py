"""The exception tree: one base class, one subclass for each kind of thing a caller can get wrong.

Every message says which file, line, byte, name or value was wrong, what was expected, and what to do.
"""


class TokbenchError(Exception):
    """Base of every exception that tokbench raises on purpose."""


class ParameterError(TokbenchError, ValueError):
    """A parameter is unknown or outside of its range."""


class CorpusError(TokbenchError, ValueError):
    """Text could not be found, read, decompressed, decoded or counted."""


class PretokenizeError(TokbenchError, ValueError):
    """A pre-tokenizer's name or pattern cannot be used."""


class VocabError(TokbenchError, ValueError):
    """A vocabulary, a merge list or a tokenizer file is inconsistent."""


class UnknownTokenError(TokbenchError, KeyError):
    """A token or id that the vocabulary does not have."""

    def __str__(self) -> str:
        """Print the message itself; ``KeyError`` would print its repr."""
        return Exception.__str__(self)


class NotEncodableError(TokbenchError, ValueError):
    """A document holds bytes for which the vocabulary has neither token nor unknown token."""


class NotRepresentableError(TokbenchError, ValueError):
    """A file format cannot express this tokenizer without changing an encoding."""


class ExhaustedError(TokbenchError, ValueError):
    """The counts do not hold enough pairs for the vocabulary asked for."""


class MetricError(TokbenchError, ValueError):
    """A metric is unknown or cannot be computed on this input."""


class LexiconError(TokbenchError, ValueError):
    """A lexicon, a gold segmentation or a table of stimuli cannot be read as what it is said to be."""


class MeasurementWarning(UserWarning):
    """A measurement was made, but its data or their relation to the tokenizer make it doubtful."""


class TransplantError(TokbenchError, ValueError):
    """A transplantation cannot be planned or carried out."""


class ModelError(TokbenchError, ValueError):
    """A model directory or a language model's output cannot be used."""


class PluginError(TokbenchError, ImportError):
    """An optional package or an entry point is missing or broken."""
