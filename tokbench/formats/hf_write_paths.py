"""Models that match tokens of the vocabulary, as the ``model`` entry of a ``tokenizer.json``.

Longest match is ``WordPiece`` with an empty prefix for word parts and no bound on the length of words. The best path is
``Unigram``; for the fewest tokens all scores are equal. Both look every stretch of text up in the whole vocabulary, so
that ids which no text may reach by its bytes (special, scaffold and deleted tokens) must be kept out of its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokbench.errors import NotRepresentableError
from tokbench.formats.byte_map import CHARACTERS, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.bpe import BpeModel

_UNBOUNDED = 2**31 - 1


def token_names(model: BpeModel) -> dict[int, str]:
    """Return how the ordinary tokens are written: bytes by the printable alphabet, characters as they are.

    Raises:
        NotRepresentableError: for a token of a character vocabulary that is no text.
    """
    names: dict[int, str] = {}
    for token_id, token in model.vocab.tokens.items():
        if model.unit == "byte":
            names[token_id] = printable(token)
            continue
        try:
            names[token_id] = token.decode()
        except UnicodeDecodeError:
            _refuse(f"token {token_id} {token!r} is not text, and its symbols are characters")
    return names


def _usable(model: BpeModel, token_id: int) -> bool:
    token = model.vocab.tokens[token_id]
    narrow = model.width is None or len(token) <= model.width
    return token_id not in model.hidden and (narrow or _one_character(token))


def _one_character(token: bytes) -> bool:
    try:
        return len(token.decode()) == 1
    except UnicodeDecodeError:
        return len(token) == 1


def wordpiece(model: BpeModel) -> Mapping[str, Any]:
    """Return longest match from the left.

    Raises:
        NotRepresentableError: for a vocabulary with a way out for characters without a token, which WordPiece takes for
            whole words; for a special token that text could reach.
    """
    if model.vocab.unknown is not None or model.vocab.byte_fallback is not None:
        _refuse("WordPiece makes a whole word unknown where this tokenizer has a way out for one character")
    names = token_names(model)
    vocab = {name: token_id for token_id, name in names.items() if _usable(model, token_id)}
    # Readers give a token that is not in the vocabulary the next free id.
    apart = {i: text for text, i in model.vocab.special.items() if i not in names}
    if sorted(apart) != list(range(len(vocab), len(vocab) + len(apart))):
        for token_id, text in apart.items():
            if text in vocab or model.unit == "character" or all(c in CHARACTERS for c in text):
                _refuse(
                    f"text could reach the special token {text!r}, whose id {token_id} is not the next free one"
                )
            vocab[text] = token_id
    return {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "",
        "max_input_chars_per_word": _UNBOUNDED,
        "vocab": vocab,
    }


def unigram(model: BpeModel) -> Mapping[str, Any]:
    """Return the best path by scores, or all of them -1 for the fewest tokens.

    What text must not reach gets a score below that of any other way to spell it.

    Raises:
        NotRepresentableError: for ids without a token, and for what would change the cost of an unknown character.
    """
    names = token_names(model)
    scores = [-1.0] * model.vocab.n_ids if model.method == "fewest" else list(model.scores or ())
    usable = [token_id for token_id in names if _usable(model, token_id)]
    lowest = min((scores[token_id] for token_id in usable), default=0.0)
    longest = max(map(len, [*names.values(), *model.vocab.special]), default=0)
    out_of_reach = 2.0 * (longest + 1) * min(lowest, -1.0)
    for byte, token_id in enumerate(model.vocab.byte_fallback or ()):
        names[token_id] = f"<0x{byte:02X}>"
    for text, token_id in model.vocab.special.items():
        names.setdefault(token_id, text)
    rescue = model.vocab.unknown is not None or model.vocab.byte_fallback is not None
    kept = set(usable)
    if rescue:
        if model.method == "fewest" or not model.fuse_unknown:
            _refuse(
                "an unknown character costs it as much as other tokens, or is not fused with its neighbours"
            )
        if len(names) > len(kept) + (model.vocab.unknown is not None) + len(model.vocab.byte_fallback or ()):
            _refuse("its special or hidden tokens would change the cost of an unknown character")
        out_of_reach = lowest
    holes = [token_id for token_id in range(model.vocab.n_ids) if token_id not in names]
    if holes:
        _refuse(f"Unigram numbers its tokens without holes, and id {holes[0]} has none")
    taken: dict[str, int] = {}
    for token_id, name in names.items():
        if taken.setdefault(name, token_id) != token_id:
            _refuse(f"ids {taken[name]} and {token_id} would both be written {name!r}")
    return {
        "type": "Unigram",
        "unk_id": model.vocab.unknown_id,
        "vocab": [[names[i], scores[i] if i in kept else out_of_reach] for i in range(model.vocab.n_ids)],
        "byte_fallback": model.vocab.byte_fallback is not None,
    }


def _refuse(reason: str) -> None:
    message = f"a tokenizer.json cannot express this tokenizer: {reason}"
    raise NotRepresentableError(message)
