"""GPT-2's printable alphabet: one character per byte, used by byte-level ``tokenizer.json`` files.

Printable Latin-1 stands for itself; the other bytes, in order, are U+0100, U+0101, …
Source: Radford et al. 2019, encoder.py.
"""

from __future__ import annotations

_PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]

CHARACTERS: tuple[str, ...] = tuple(
    chr(byte) if byte in _PRINTABLE else chr(0x100 + _OTHERS.index(byte)) for byte in range(256)
)
_BYTES = {character: byte for byte, character in enumerate(CHARACTERS)}


def printable(data: bytes) -> str:
    """Return the bytes in the printable alphabet.

    Example:
        >>> printable(b" the")
        'Ġthe'
    """
    return "".join([CHARACTERS[byte] for byte in data])


def raw(text: str) -> bytes | None:
    """Return the bytes that a printable string stands for, None if a character stands for no byte.

    Example:
        >>> raw("Ġthe"), raw("中")
        (b' the', None)
    """
    try:
        return bytes([_BYTES[character] for character in text])
    except KeyError:
        return None
