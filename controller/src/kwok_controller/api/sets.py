# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Sets of objects that ship with the controller: what is told of each, and that there is none of a name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class ShippedSet(NamedTuple):
    """A set.

    Attributes:
        name: How it is called, such as `node-fast`.
        kind: What it is for: of Stages the kind that they play, else the kind of its objects.
        about: What it does, in a sentence or two.
        objects: The names of its objects, sorted.
    """

    name: str
    kind: str
    about: str
    objects: tuple[str, ...]


class UnknownSet(KeyError):
    """There is no set of this name.

    Args:
        name: Which was asked for.
        known: Those that there are.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.name = name
        self._known = tuple(known)

    def __str__(self) -> str:
        return f"{self.name!r} is no set: there are {', '.join(self._known)}"
