# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which lists of a kind are merged, and by which key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple


class Field(NamedTuple):
    """How a strategic merge patch treats a field.

    Attributes:
        strategy: `merge`, `replace`, or nothing: objects are merged, lists replaced.
        merge_key: what tells the objects of a merged list apart; nothing for a list of scalars.
        keys: of the objects in it.
    """

    strategy: str
    merge_key: str
    keys: MergeKeys


class MergeKeys:
    """The fields of an object that a strategic merge patch treats in a way of their own, by name."""

    __slots__ = ("_fields", "_find")

    def __init__(self, fields: Mapping[str, Field] | None = None, find: Callable[[str], Field | None] | None = None) -> None:
        """Makes them of what is known.

        Args:
            fields: known fields.
            find: gives a field that is not among these; it is asked once for each.
        """
        self._fields: dict[str, Field] = dict(fields or {})
        self._find = find

    def get(self, name: str) -> Field:
        """How a field is treated."""
        field = self._fields.get(name)
        if field is not None:
            return field
        if self._find is None:
            return PLAIN
        found = self._find(name) or PLAIN
        self._fields[name] = found
        return found

    @classmethod
    def of(cls, lists: Mapping[str, str]) -> MergeKeys:
        """Merge keys from a table: the path of a merged list, as `spec.containers.ports`, to its merge key (nothing for scalars)."""
        nested: dict[str, dict[str, str]] = {}
        for path, merge_key in lists.items():
            name, _, rest = path.partition(".")
            nested.setdefault(name, {})[rest] = merge_key
        return cls({name: Field("merge" if "" in below else "", below.pop("", ""), cls.of(below)) for name, below in nested.items()})


NO_KEYS: Final = MergeKeys()
PLAIN: Final = Field("", "", NO_KEYS)
