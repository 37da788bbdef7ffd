"""A corpus as steps change it: what training counts; and what steps learn from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.corpus import Batch, Corpus, Texts
from tokbench.errors import ParameterError
from tokbench.reading import pack
from tokbench.steps.chain import Chain
from tokbench.steps.protocol import parse, spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tokbench.reading import Source


class Changed(Texts):
    """The documents of a source, changed as they are read."""

    def __init__(self, source: Source | Texts, document: str, weight: str | None, chain: Chain) -> None:
        object.__setattr__(self, "name", source.path)
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_document", document)
        object.__setattr__(self, "_weight", weight)
        object.__setattr__(self, "_chain", chain)

    _source: Source | Texts
    _document: str
    _weight: str | None
    _chain: Chain

    @property
    def packed(self) -> tuple[Batch, ...]:  # read again each time instead of held
        """All documents, changed."""
        return tuple(self.batches(self._document))

    @property
    def has_weights(self) -> bool:
        """Whether a document may have a weight; nothing is read to tell."""
        return self._weight is not None or (isinstance(self._source, Texts) and self._source.has_weights)

    def batches(self, document: str, weight: str | None = None) -> Iterator[Batch]:
        """Read the documents that `document` delimits and change each; weights are those of the source."""
        del weight
        for batch in self._source.batches(document, self._weight):
            yield pack([self._chain.apply(data) for data in batch], batch.weights)


def changed(corpus: object, steps: Iterable[str]) -> Corpus:
    """Return the corpus whose documents are those of `corpus` after the steps; nothing is read yet.

    Raises:
        ParameterError: for an unknown step, or anything but a corpus: counts no longer hold the text.

    Example:
        >>> corpus = changed(Corpus.from_texts({"eng": ["Ah"]}), ["case(capital=^)"])
        >>> [document.data for document in corpus]
        [b'^ah']
    """
    if not isinstance(corpus, Corpus):
        message = (
            f"steps change the text before it is counted, but {type(corpus).__name__} was given; "
            f"give the corpus itself"
        )
        raise ParameterError(message)
    chain = Chain(steps)
    parts = tuple(
        (
            language,
            tuple(Changed(source, corpus.document, corpus.document_weight, chain) for source in sources),
        )
        for language, sources in corpus.parts
    )
    # The sources know the field of weights; what they yield has the weights already.
    return replace(corpus, parts=parts, document_weight=None)


def fitted(corpus: object, steps: Iterable[str], *, start: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the steps with what they learn from a corpus, each from the text that the steps before it make.

    Where `start` (the steps of a tokenizer that training goes on from) has a fit of the same step, that one is taken.

    Raises:
        ParameterError: as `changed`, and for a corpus that a step cannot learn from.

    Example:
        >>> fitted(Corpus.from_texts({"eng": ["Ah"]}), ["case(capital=^)"])
        ('case(capital=^,capitals=U+0012,turkish=false)',)
    """
    done: list[str] = []
    for place, spelling in enumerate(steps):
        step = parse(spelling)
        if not step.is_fitted:
            earlier = parse(start[place]) if place < len(start) else None
            if earlier is not None and earlier.is_fit_of(step):
                step = earlier
            else:
                text = changed(corpus, done)
                step = step.fitted(text)
        done.append(spell(step))
    return tuple(done)
