# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the objects that are there to those that are wanted.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .fields import difference, paths

Object = Mapping[str, Any]


class Key(NamedTuple):
    """What tells objects of a kind apart; ``namespace`` is empty for those that have none."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(item: Object) -> Key:
    """The key of an object."""
    return Key(item["metadata"].get("namespace") or "", item["metadata"]["name"])


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One object that is not as wanted. Each is equal to itself only: comparing whole objects would take long.

    Attributes:
        action: What has to be done.
        group: The group that the object belongs to.
        wanted: The object as it is wanted; ``None``: not at all.
        live: The object as it is; ``None``: it is not there. One to be created that is there is just being deleted.
        fields: Names of the fields that an update changes.
    """

    action: Literal["create", "update", "delete"]
    group: str
    key: Key
    wanted: Object | None = None
    live: Object | None = None
    fields: tuple[str, ...] = ()


def is_terminating(item: Object) -> bool:
    """Whether an object is being deleted."""
    return item["metadata"].get("deletionTimestamp") is not None


def plan(wanted: Iterable[tuple[str, Object]], live: Mapping[Key, Object], own: Mapping[Key, str]) -> list[Step]:
    """The steps from what is there to what is wanted; none for what is so already.

    Args:
        wanted: Objects with their groups.
        live: Objects that are there.
        own: Those of them that go unless they are wanted, with their groups.

    Returns:
        Creations and updates in the order of ``wanted``, then deletions in the reverse order of ``own``.
    """
    steps: list[Step] = []
    seen: set[Key] = set()
    for group, item in wanted:
        key = key_of(item)
        seen.add(key)
        found = live.get(key)
        if found is None or is_terminating(found):
            steps.append(Step("create", group, key, item, found))
        elif patch := difference(found, item):
            steps.append(Step("update", group, key, item, found, tuple(paths(patch))))
    steps += [
        Step("delete", group, key, None, live[key])
        for key, group in reversed(list(own.items()))
        if key not in seen and not is_terminating(live[key])
    ]
    return steps
