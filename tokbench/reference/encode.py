"""Encoding one pretoken, slowly: the twin of ``rust_ext/core/src/encode``.

Again and again the adjacent pair of lowest rank is merged, the leftmost of equals. Two definitions of rank meet
one contract: the position of the pair in the merge list, or, tiktoken's, the id of the joined bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.errors import NotEncodableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tokbench.bpe import BpeModel
    from tokbench.vocab import Vocab


def merge_lowest_rank(symbols: list[int], rank_of: Callable[[int, int], tuple[int, int] | None]) -> list[int]:
    """Merge until no adjacent pair has a rank; `rank_of` returns (rank, result) or None.

    Example:
        >>> merge_lowest_rank([1, 1, 1], lambda left, right: (0, 2) if left == right == 1 else None)
        [2, 1]
    """
    symbols = list(symbols)
    while True:
        best: tuple[int, int, int] | None = None
        for place in range(len(symbols) - 1):
            found = rank_of(symbols[place], symbols[place + 1])
            if found is not None and (best is None or found[0] < best[0]):
                best = found[0], place, found[1]
        if best is None:
            return symbols
        _, place, result = best
        symbols[place : place + 2] = [result]


def encode_by_merges(
    pretoken: bytes, vocab: Vocab, merges: Iterable[tuple[int, int, int]], *, whole_words: bool = False
) -> list[int]:
    """Return the ids of a pretoken under a merge list over bytes.

    Raises:
        NotEncodableError: for a byte without a token.

    Example:
        >>> from tokbench.vocab import Vocab
        >>> encode_by_merges(b"aab", Vocab([b"a", b"b", b"ab"], partial=True), [(0, 1, 2)])
        [0, 2]
    """
    if whole_words and pretoken in vocab:
        return [vocab.id_of(pretoken)]
    table: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, (left, right, result) in enumerate(merges):
        table.setdefault((left, right), (rank, result))
    return merge_lowest_rank(_bytes(pretoken, vocab), lambda left, right: table.get((left, right)))


def encode_by_rank(pretoken: bytes, vocab: Vocab) -> list[int]:
    """Return the ids of a pretoken as tiktoken does: whole if it is a token, else by the id of joined bytes.

    Example:
        >>> from tokbench.vocab import Vocab
        >>> encode_by_rank(b"abab", Vocab([b"a", b"b", b"ab"], partial=True))
        [2, 2]
    """
    if pretoken in vocab:
        return [vocab.id_of(pretoken)]

    def rank_of(left: int, right: int) -> tuple[int, int] | None:
        joined = vocab.token_bytes(left) + vocab.token_bytes(right)
        return (vocab.id_of(joined),) * 2 if joined in vocab else None

    return merge_lowest_rank(_bytes(pretoken, vocab), rank_of)


def encode_longest(pretoken: bytes, vocab: Vocab) -> list[int]:
    """Return the ids of the longest tokens that fit, from left to right.

    Example:
        >>> from tokbench.vocab import Vocab
        >>> encode_longest(b"aab", Vocab([b"a", b"b", b"ab"], partial=True))
        [0, 2]
    """
    longest = max((len(token) for token in vocab.tokens.values()), default=0)
    ids: list[int] = []
    place = 0
    while place < len(pretoken):
        ends = range(min(len(pretoken), place + longest), place, -1)
        end = next((end for end in ends if pretoken[place:end] in vocab), None)
        if end is None:
            message = f"document 0, byte {place}: no token for {pretoken[place : place + 1]!r}"
            raise NotEncodableError(message)
        ids.append(vocab.id_of(pretoken[place:end]))
        place = end
    return ids


def spell_characters(model: BpeModel, pretoken: bytes) -> list[int]:
    """Return the first symbols of a pretoken in a character vocabulary, with its fallbacks.

    A byte that is no UTF-8 is a character without a token. Byte fallback is tried before the unknown token.

    Raises:
        NotEncodableError: for a character without any symbol.
    """
    vocab, ids, unknown_open = model.vocab, [], False
    characters: Mapping[bytes, int] = {
        token: i for i, token in vocab.tokens.items() if _is_one_character(token)
    }
    for place, piece in _characters(pretoken):
        if piece in characters:
            ids.append(characters[piece])
            unknown_open = False
        elif vocab.byte_fallback is not None:
            ids.extend(vocab.byte_fallback[byte] for byte in piece)
            unknown_open = False
        elif vocab.unknown_id is not None:
            if not (unknown_open and model.fuse_unknown):
                ids.append(vocab.unknown_id)
            unknown_open = True
        else:
            message = f"document 0, byte {place}: no token for {piece!r}"
            raise NotEncodableError(message)
    return ids


def _is_one_character(token: bytes) -> bool:
    try:
        return len(token.decode()) == 1
    except UnicodeDecodeError:
        return False


def _characters(data: bytes) -> Iterable[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        for length in range(1, 5):
            if _is_one_character(data[place : place + length]):
                yield place, data[place : place + length]
                place += length
                break
        else:
            yield place, data[place : place + 1]
            place += 1


def _bytes(pretoken: bytes, vocab: Vocab) -> list[int]:
    for place, byte in enumerate(pretoken):
        if bytes([byte]) not in vocab:
            message = f"document 0, byte {place}: no token for 0x{byte:02x}"
            raise NotEncodableError(message)
    return [vocab.id_of(bytes([byte])) for byte in pretoken]
