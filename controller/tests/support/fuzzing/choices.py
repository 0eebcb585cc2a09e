# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Choices made by bytes: what a fuzzer changes in its input changes what is generated from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Takes every choice from bytes. Where they end, the first alternative is chosen: generators put the simplest one there."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return max(0, len(self._data) - self._at)

    def byte(self) -> int:
        """The next byte, 0 after the end."""
        at = self._at
        self._at = at + 1
        return self._data[at] if at < len(self._data) else 0

    def below(self, end: int) -> int:
        """From 0 to `end` - 1."""
        value = self.byte()
        return (value << 8 | self.byte()) % end if end > 256 else value % end

    def pick(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[self.below(len(options))]

    def chance(self, one_in: int) -> bool:
        """True once in so many; never after the end."""
        return self.byte() % one_in == one_in - 1

    def taken(self, size: int) -> bytes:
        """The next so many bytes, fewer at the end."""
        data = self._data[self._at : self._at + size]
        self._at += size
        return data

    def times(self, most: int) -> range:
        """Up to so many times; 0 after the end."""
        return range(self.below(most + 1))
