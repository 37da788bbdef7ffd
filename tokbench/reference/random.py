"""SplitMix64, the generator of ``vocabulary/random.rs``, and the keys of lines in ``vocabulary/lines.rs``."""

from __future__ import annotations

MASK = 2**64 - 1


def mix(z: int) -> int:
    """Scatter the bits of a number.

    Example:
        >>> hex(mix(1))
        '0x5692161d100b05e5'
    """
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


class Random:
    """A stream of 64-bit numbers."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def next(self) -> int:
        """Return the next number."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return mix(self.state)

    def below(self, n: int) -> int:
        """Return a number below `n`."""
        return self.next() * n >> 64

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        return (self.next() >> 11) / 2**53


def line_key(line: bytes, seed: int) -> int:
    """Return the key of a line: FNV-1a over its bytes, mixed with the seed."""
    value = 0xCBF29CE484222325
    for byte in line:
        value = (value ^ byte) * 0x100000001B3 & MASK
    return mix(value ^ mix(seed))


def sample_lines(documents: list[bytes], *, seed: int, limit: int) -> list[bytes]:
    """Return the lines (with their line feeds) with the smallest keys, in their order."""
    lines = [line for document in documents for line in _lines(document)]
    return sorted(lines, key=lambda line: (line_key(line, seed), line))[:limit]


def _lines(document: bytes) -> list[bytes]:
    parts = document.split(b"\n")
    return [*(part + b"\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]
