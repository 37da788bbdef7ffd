"""Roots and affixes as tokens: one id for all surface forms of each, and plain BPE for the rest of the text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tokbench.algorithm import ALGORITHMS, About, Algorithm, Request, register
from tokbench.algorithms.tokens import check_filled
from tokbench.bpe import BpeModel, Training
from tokbench.counts import PretokenCounts, count
from tokbench.errors import ParameterError
from tokbench.merges import Merges
from tokbench.pretokenize import Pretokenizer
from tokbench.steps import Allomorphs, parse
from tokbench.steps import spell as spell_step
from tokbench.steps.allomorphs import FIRST, MOST, VOWELS
from tokbench.steps.changed import changed
from tokbench.tokenizer import BpeTokenizer
from tokbench.train import train
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokbench.corpus import Corpus
    from tokbench.tokenizer import Tokenizer

SYMBOL = rf" ?[\x{{{FIRST:X}}}-\x{{{FIRST + MOST - 1:X}}}]"
"""The pattern of a pretoken that is a class, with the space before it."""
_ROUNDS = 4
"""Fits of the step at most: leaving a class out can make another one rare."""


@register
@dataclass(frozen=True)
class RootAffix(Algorithm):
    """Give the classes of roots and affixes ids of their own, then merge what belongs to none."""

    roots: str | None = None
    affixes: str | None = None
    classes: int | None = None
    min_class_count: int = 2
    vowels: str = VOWELS

    reads_text: ClassVar[bool] = True
    checkpoints: ClassVar[str] = ""
    about: ClassVar[About] = About(
        name="root_affix",
        aliases=("tokens_with_meaning",),
        summary="one id for all forms of a root or affix (lar, ler), BPE for the rest",
        definition=(
            "The step allomorphs (tokbench steps explain allomorphs) writes each root and affix form as the symbol of "
            "its class wherever a rule learned from the corpus tells the form from its context, so that decoding "
            "gives back exactly the text. A symbol, with the space before it if there is one, is a pretoken and a "
            "token; of these the `classes` most frequent ones get ids behind all others, and classes without one are "
            "left out of the step. Plain BPE over all other pretokens fills the vocabulary."
        ),
        source="own definition; the vocabulary after Bayram et al. (2025), Tokens with Meaning, arXiv 2508.14292",
        export="our own format only: no other chooses the form of a token by its context",
        parameters={
            "roots": "file: JSON object form → class (turkish-tokenizer's kokler.json), or one class on each line",
            "affixes": "the same for affixes (ekler.json)",
            "classes": "most tokens that are classes; by default half of the vocabulary",
            "min_class_count": "rarer classes get no id",
            "vowels": "the letters that count as vowels for the rule",
        },
        pitfalls=(
            "Lists hold small letters: put --step case (for Turkish case(turkish=true)) before. A form that the rule "
            "does not expect stays as letters, so the share of text in classes falls with irregular words."
        ),
    )

    def __post_init__(self) -> None:
        self.check_least(classes=1, min_class_count=1)

    def train(self, request: Request) -> Tokenizer:
        """Train on running text.

        Raises:
            ParameterError: without lists, for a vocabulary that the alphabet and the classes overfill.
            ExhaustedError: when the text does not hold enough pairs.
        """
        known = request.settings(self, "min_frequency", "max_token_length", "tie_break", "min_pretoken_count")
        if self.roots is None and self.affixes is None:
            message = "root_affix: give roots=FILE, affixes=FILE or both: lists of surface forms"
            raise ParameterError(message)
        corpus = request.corpus(self)
        most = request.vocab_size // 2 if self.classes is None else self.classes
        step = Allomorphs(
            roots_file=self.roots,
            affixes_file=self.affixes,
            min_class_count=self.min_class_count,
            vowels=self.vowels,
        )
        spec = Pretokenizer([f"regex:{SYMBOL}", request.pretokenizer or self.default_pretokenizer]).spec
        spelled, counts, tokens = self._classes(step, corpus, spec, most, request)
        base = train(
            _rest(counts),
            vocab_size=request.vocab_size - len(tokens),
            special_tokens=request.special_tokens,
            allow_smaller=True,
            progress=request.progress,
            **known,
        )
        advice = f"{len(tokens)} classes, and no pair of other text is left; use more text, longer lists"
        check_filled(base.vocab_size + len(tokens) - len(request.special_tokens), request, advice)
        return self._joined(base, spelled, tokens, spec)

    def _classes(
        self, step: Allomorphs, corpus: Corpus, spec: str, most: int, request: Request
    ) -> tuple[str, PretokenCounts, list[bytes]]:
        """Return the fitted step, the counts of what it writes, and its class tokens, the most frequent first."""
        fit = step.fitted(corpus)
        for _ in range(_ROUNDS):
            assert isinstance(fit, Allomorphs)
            spelled = spell_step(fit)
            counts = count(
                changed(corpus, [spelled]),
                spec,
                threads=request.threads,
                progress=request.progress,
                **request.counting,
            )
            shapes = _shapes(counts)
            wanted = sorted(shapes, key=lambda shape: (-shapes[shape], shape))[:most]
            tokens = [shape for shape in wanted if shapes[shape] >= self.min_class_count]
            kept = {ord(token.decode()[-1]) - FIRST for token in tokens}
            if len(kept) == len(fit.forms):
                break
            fit = fit.without(set(range(len(fit.forms))) - kept).fitted(corpus)
        return spelled, counts, tokens

    def _joined(self, base: BpeTokenizer, step: str, tokens: Sequence[bytes], spec: str) -> BpeTokenizer:
        """Return the tokenizer with class tokens behind those of `base`, made of bytes by merges that only do that."""
        n_base = base.vocab.n_ids
        ids = {token: n_base + place for place, token in enumerate(tokens)}
        vocab = Vocab(
            {**base.vocab.tokens, **{token_id: token for token, token_id in ids.items()}},
            special=base.vocab.special,
            partial=base.vocab.partial,
        )
        transient = n_base + len(tokens)
        number = {token: token_id for token_id, token in base.vocab.tokens.items() if len(token) == 1} | ids
        rows: dict[tuple[int, int, int], None] = {}
        hidden: list[int] = []
        for token in sorted(tokens, key=len):
            symbol = token.removeprefix(b" ")
            for end in range(2, len(symbol) + 1):
                part = symbol[:end]
                if part not in number:
                    number[part] = transient + len(hidden)
                    hidden.append(number[part])
                rows[number[part[:-1]], number[part[-1:]], number[part]] = None
            if symbol != token:
                rows[number[b" "], number[symbol], number[token]] = None
        model = BpeModel(
            vocab,
            Merges.from_steps([*rows, *base.model.merges]),
            spec,
            scaffold=tuple(hidden),
            steps=(step,),
        )
        assert base.training is not None
        facts: dict[str, Any] = {
            "algorithm": ALGORITHMS.spell(self),
            "vocab_size": n_base + len(tokens),
            "class_tokens": len(tokens),
            "pretokenizer": spec,
        }
        return BpeTokenizer(
            model, name="trained", training=Training({**base.training.settings, **facts}, base.training.log)
        )


def surface_forms(tokenizer: Tokenizer, token_id: int) -> tuple[str, ...]:
    """Return the forms that a token stands for, with its space; none for a token that is no class.

    Which of them it is decides the context when ids are decoded.

    Raises:
        UnknownTokenError: when no token has this id.
    """
    text = tokenizer.token_bytes(token_id).decode(errors="replace")
    space, symbol = text[:-1], text[-1:]
    for spelling in tokenizer.steps:
        step = parse(spelling)
        if isinstance(step, Allomorphs) and space in ("", " ") and symbol in step.symbols:
            return tuple(space + form for form in step.forms[ord(symbol) - FIRST])
    return ()


def _is_class(pretoken: bytes) -> bool:
    try:
        text = pretoken.decode()
    except UnicodeDecodeError:
        return False
    symbol = text.removeprefix(" ")
    return len(symbol) == 1 and FIRST <= ord(symbol) < FIRST + MOST


def _shapes(counts: PretokenCounts) -> Mapping[bytes, int]:
    found: Counter[bytes] = Counter()
    for pretoken, number in counts.to_frame().select("pretoken", "count").iter_rows():
        if _is_class(pretoken):
            found[pretoken] += number
    return found


def _rest(counts: PretokenCounts) -> PretokenCounts:
    """Return the counts of pretokens that are no class."""
    table: dict[str, dict[bytes, int]] = {group: {} for group in counts.groups}
    for group, pretoken, number in counts.to_frame().select("group", "pretoken", "count").iter_rows():
        if not _is_class(pretoken):
            table[group][pretoken] = number
    return PretokenCounts.from_mapping(table, pretokenizer=counts.pretokenizer)
