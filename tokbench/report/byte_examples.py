"""Prompts that end where a tokenizer would not: four kinds of cut, on models trained from the built-in texts.

Nothing is downloaded: for each text a byte-level BPE tokenizer and an n-gram model over its tokens are trained in a
second. The models are tiny, so their probabilities say little about the language; what a reading of the prompt's end
loses on the way from the model to the next byte is the same as with large ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench import corpora
from tokbench.bytelm import ByteLM, compare
from tokbench.bytelm.ngram import train_ngram
from tokbench.train import train

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokbench.bytelm import Comparison
    from tokbench.corpus import Corpus


@dataclass(frozen=True)
class Example:
    """A prompt and what should follow.

    Attributes:
        title: what the cut is.
        prompt: the text before the cut.
        continuation: the text that follows in the language.
        text: the built-in text that the model is trained on: ``english``, ``chinese`` or ``code``.
    """

    title: str
    prompt: str | bytes
    continuation: str | bytes
    text: str = "english"


EXAMPLES = (
    Example("a word ahead, no space yet", "She opened the", " window"),
    Example("the same prompt with the space", "She opened the ", "window"),
    Example("cut inside of a word", "Where is the nearest hosp", "ital"),
    Example("Chinese, cut between two characters", "他们已", "经", text="chinese"),
    Example("code, cut inside of an identifier", "        return self.co", "unt", text="code"),
)
VOCAB_SIZES = {"english": 900, "chinese": 700, "code": 500}
ORDER = 3


@dataclass(frozen=True)
class Compared:
    """An example and what was found."""

    example: Example
    found: Comparison


def built_in_text(name: str) -> Corpus:
    """Return the built-in text of an example: the sample of a language, or the programs."""
    if name == "code":
        return corpora.probes(["python"])
    return corpora.sample(["zho_Hans" if name == "chinese" else "eng_Latn"])


def built_in_model(name: str) -> ByteLM:
    """Train the model of a built-in text: BPE under the ``cl100k`` pre-tokenizer, n-grams of order 3."""
    text = built_in_text(name)
    tokenizer = train(text, vocab_size=VOCAB_SIZES[name], pretokenizer="cl100k", allow_smaller=True)
    return ByteLM(train_ngram(text, tokenizer, order=ORDER), tokenizer)


def compare_examples(model: ByteLM | None = None, examples: Iterable[Example] = EXAMPLES) -> list[Compared]:
    """Compare the readings of the examples' prompts, on one model or on those of the built-in texts.

    Raises:
        ModelError: when a model gives a prompt probability 0.
    """
    models: dict[str, ByteLM] = {}
    compared = []
    for example in examples:
        if model is None and example.text not in models:
            models[example.text] = built_in_model(example.text)
        used = model if model is not None else models[example.text]
        compared.append(Compared(example, compare(used, example.prompt, example.continuation)))
    return compared
