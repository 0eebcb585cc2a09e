# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Chance that can be repeated: what is drawn for an object depends on the seed, the object and how often it was played, on nothing else.

There is no generator whose state would depend on the order in which objects come along: every draw is a hash.
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random
from typing import Final


class Draw:
    """The draws of one decision about one object.

    Args:
        seed: of the whole simulation.
        key: the object: `apiGroup/kind/namespace/name`.
        count: how many stages the object has played so far.
    """

    __slots__ = ("_identity",)

    def __init__(self, seed: int, key: str, count: int) -> None:
        self._identity = f"{seed}/{count}/{key}"

    def number(self, purpose: str) -> int:
        """128 bits, the same for the same purpose."""
        return int.from_bytes(blake2b(f"{purpose}/{self._identity}".encode(), digest_size=16).digest(), "little")

    def weight(self, total: int) -> int:
        """Evenly from 0 to `total` - 1, to choose a stage."""
        return self.number("weight") % total

    def jitter(self, span: int) -> int:
        """Evenly from 0 to `span` - 1, to choose a delay."""
        return self.number("jitter") % span


_WORD: Final = 64


class Chance(Random):
    """The chance of expressions (CEL's `Rand`, sprig's `randInt`): one source for all stages, bound to the draw of whichever is evaluated.

    It is compiled into expressions once. The lifecycle binds it before it evaluates anything. It is not for use by several threads.
    """

    def __init__(self) -> None:
        super().__init__(0)
        self.bind(Draw(0, "", 0), "")

    def bind(self, draw: Draw, purpose: str) -> None:
        """From now on, gives what `draw` has for a purpose, from the first number on."""
        self._draw = draw
        self._purpose = purpose
        self._drawn = 0

    def _next(self) -> int:
        self._drawn += 1
        return self._draw.number(f"{self._purpose}#{self._drawn}") & ((1 << _WORD) - 1)

    def random(self) -> float:
        """Evenly from 0 to 1, without 1."""
        return (self._next() >> 11) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        """That many bits."""
        words = b"".join(self._next().to_bytes(_WORD // 8, "big") for _ in range(0, k, _WORD))
        return int.from_bytes(words, "big") >> (-k % _WORD)

    def seed(self, a: object = None, version: int = 2) -> None:
        """Does nothing: there is no state to seed."""
