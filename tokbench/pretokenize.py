r"""Pre-tokenizers: text cut into the pieces inside of which merges happen.

Invariants: the pieces are non-empty and concatenate to the input; no border lies inside of a valid UTF-8
sequence; a byte that belongs to no valid sequence behaves like one U+FFFD. The scanners themselves are in
``rust_ext/core/src/pretokenize``; :mod:`tokbench.reference.pretokenize` is their slow twin.

=========================  ==================================================================================
specification              pieces
=========================  ==================================================================================
``gpt2``                   GPT-2, r50k, p50k, Hugging Face ``ByteLevel``
``cl100k``                 GPT-4 as tiktoken publishes it today: white space that ends the text is one piece
``llama3``                 Llama 3; ``cl100k`` as first published and as converted to Hugging Face
``o200k``                  GPT-4o, gpt-oss, Llama 4
``qwen2``                  Qwen 2 to 3: ``llama3`` with every digit alone
``qwen3_5``                Qwen 3.5 as in transformers: ``qwen2`` with marks (``\p{M}``) counted as letters.
                           That Qwen 3.6 shares it is likely, but its published file is a bare rank list
``tekken``                 Mistral tekken: ``o200k`` without contractions, every digit alone
``deepseek3``              DeepSeek V3 and V4: three splits one after another
``whitespace``             ``\S+`` with the one space before it, other white space apart: none is lost
``bert``                   the same, and every BERT punctuation mark alone
``digits``                 runs of ``\p{N}``; what is between two numbers is one piece
``digits:3``               the same, numbers in groups of 3 (or another size) from the left
``digits:r2l3``            the same, groups from the right
``punctuation``            BERT punctuation marks alone; ``punctuation:BEHAVIOUR``
``script``                 one Unicode script per piece; Common and Inherited join the run before
``script_aware``           BoundlessBPE's: Han, Hiragana, Katakana, Thai, Myanmar, Khmer and Lao by character, other
                           scripts by word; emoji, symbols and numbers as there
``script_aware_o200k``     the same with ``o200k`` for the words of other scripts
``camel_case``             BoundlessBPE's pattern by case: ``XML|Http|Request``, ``snake|_case``, numbers in groups of
                           3 from the right
``superbpe``               SuperBPE's second stage: numbers in groups of 3, runs of punctuation, all spaces but
                           one before a word; words and lines stay together
``lines``                  up to and with each ``\n``
``none``                   the whole document
``regex:PATTERN``          matches and the gaps between them; ``regex-BEHAVIOUR:PATTERN``
``seq(A, B, …)``           B on the pieces of A; here a pattern is quoted: ``seq(regex:'it''s', gpt2)``
=========================  ==================================================================================

``BEHAVIOUR`` is ``isolated`` (default), ``contiguous``, ``merged_with_previous`` or ``merged_with_next``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from tokbench import _rust
from tokbench.errors import PretokenizeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, init=False, repr=False)
class Pretokenizer:
    """A pre-tokenizer, made from its specification or from a sequence of specifications.

    Raises :class:`~tokbench.errors.PretokenizeError` for a name, argument or pattern that is not understood.

    >>> Pretokenizer("cl100k").split("It's 12345!")
    [b'It', b"'s", b' ', b'123', b'45', b'!']
    >>> Pretokenizer(["digits:r2l3", "gpt2"]).spec
    'seq(digits:r2l3, gpt2)'
    """

    spec: str
    native: _rust.Pretokenizer = field(compare=False)

    def __init__(self, spec: str | Sequence[str] | Pretokenizer) -> None:
        if isinstance(spec, Pretokenizer):
            native = spec.native
        elif isinstance(spec, str):
            native = _rust.Pretokenizer(spec)
        else:
            native = _rust.Pretokenizer.sequence(list(spec))
        self._hold(native)

    def _hold(self, native: _rust.Pretokenizer) -> None:
        object.__setattr__(self, "spec", native.spec)
        object.__setattr__(self, "native", native)

    @classmethod
    def from_regex(cls, pattern: str | Sequence[str]) -> Self:
        r"""Return the scanner that equals a pattern (or several, one after another), else the pattern itself.

        >>> Pretokenizer.from_regex(r" ?\S+|\s+(?!\S)|\s+").spec
        'whitespace'
        """
        made = cls.__new__(cls)
        if isinstance(pattern, str):
            made._hold(_rust.Pretokenizer.from_regex(pattern))
        else:
            made._hold(_rust.Pretokenizer.from_regexes(list(pattern)))
        return made

    def boundaries(self, data: bytes | str) -> NDArray[np.int64]:
        """Return the byte position of the end of every piece, ascending; text is taken as UTF-8.

        Raises :class:`~tokbench.errors.PretokenizeError` for text with a lone surrogate, and where a regular
        expression exceeds its backtracking limit.

        >>> Pretokenizer("gpt2").boundaries("Öl und").tolist()
        [3, 7]
        """
        return self.native.boundaries(_as_bytes(data))

    def split(self, data: bytes | str) -> list[bytes]:
        r"""Return the pieces.

        >>> Pretokenizer("script").split("да yes")
        [b'\xd0\xb4\xd0\xb0 ', b'yes']
        """
        data = _as_bytes(data)
        ends = self.native.boundaries(data).tolist()
        return [data[start:end] for start, end in pairwise([0, *ends])]

    def safe_split(self, data: bytes | str, at: int) -> int | None:
        """Return a place not before ``at`` where the data can be cut without changing a piece, or ``None``.

        >>> Pretokenizer("gpt2").safe_split("one two three", 4)
        7
        """
        return self.native.safe_split(_as_bytes(data), at)

    def __repr__(self) -> str:
        return f"Pretokenizer({self.spec!r})"

    def __reduce__(self) -> tuple[type[Pretokenizer], tuple[str]]:
        return Pretokenizer, (self.spec,)


def names() -> tuple[str, ...]:
    """Return the names that take no argument, then an example of each form that does.

    >>> names()[:3]
    ('gpt2', 'cl100k', 'o200k')
    """
    return (*_rust.Pretokenizer.names(), *_rust.Pretokenizer.forms())


def _as_bytes(data: bytes | str) -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        return data.encode()
    except UnicodeEncodeError as error:
        message = (
            f"character {error.start} of the text is a lone surrogate, which no UTF-8 text can hold; "
            "pass bytes, or replace it"
        )
        raise PretokenizeError(message) from error
