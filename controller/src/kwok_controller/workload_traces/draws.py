# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Numbers that look like chance and follow from a key alone."""

from __future__ import annotations

import math
from hashlib import blake2b
from struct import Struct
from typing import Final

_BLOCK: Final = Struct("<8Q")
_FRACTION: Final = 2.0**-53


def key_of(*parts: object) -> bytes:
    """A key for `Draws`, another one for other parts."""
    return blake2b("\0".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=32).digest()


class Draws:
    """One number after the other.

    Args:
        key: what they follow from, 64 bytes at most.
    """

    __slots__ = ("_blocks", "_key", "_words")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._blocks = 0
        self._words: list[int] = []

    def word(self) -> int:
        """64 bits."""
        if not self._words:
            digest = blake2b(self._blocks.to_bytes(8, "little"), digest_size=64, key=self._key).digest()
            self._blocks += 1
            self._words = list(_BLOCK.unpack(digest))
        return self._words.pop()

    def unit(self) -> float:
        """Evenly from 0 to below 1."""
        return (self.word() >> 11) * _FRACTION

    def exponential(self) -> float:
        """Exponentially, with 1 as its mean."""
        return -math.log(1.0 - self.unit())

    def normal(self) -> float:
        """Normally, with 0 as its mean and 1 as its standard deviation (Box-Muller)."""
        return math.sqrt(2.0 * self.exponential()) * math.cos(2.0 * math.pi * self.unit())

    def identifier(self, size: int) -> bytes:
        """An identifier of a trace (16 bytes) or a span (8), which is never all zeros."""
        made = b"".join(self.word().to_bytes(8, "big") for _ in range(0, size, 8))
        return made if any(made) else b"\1" * size
