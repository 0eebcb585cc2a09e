# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which fields of a live object are not as wanted, and the patch that makes them so.

Only fields that are wanted, or that the record in the object's own annotation says were wanted before, are looked at: what the server
fills in, and what others have added, is left alone. The rules:

- ``None`` is wanted: the field must not be there. Empty values and missing ones are the same, as the server drops the former.
- Amounts are compared by what they amount to, where Kubernetes has amounts.
- Objects in a list are told apart by their identifying fields (``name``, ``key`` and ``effect``, ``type``, …); those that others have
  added stay. Where nothing identifies them, each wanted one must be there, whatever the order.
- Lists of plain values are compared whole, and finalizers as sets.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .quantity import same_amount

RECORD_ANNOTATION = "kwok.sim/fields"
"""Holds which fields were wanted, without their values, so that those that are no longer wanted can be taken out."""

# What identifies an object of a list, the first that fits. The x-kubernetes-list-map-keys and patch-merge-keys of the built-in types.
_IDENTITIES = (
    ("name",),
    ("key", "effect"),
    ("key",),
    ("type",),
    ("type", "address"),
    ("containerPort", "protocol"),
    ("containerPort",),
    ("port", "protocol"),
    ("port",),
    ("mountPath",),
    ("devicePath",),
    ("ip",),
    ("topologyKey", "whenUnsatisfiable"),
    ("uid",),
)

# Maps that Kubernetes reads as amounts (resource.Quantity).
_AMOUNTS = frozenset(
    {"capacity", "allocatable", "limits", "requests", "hard", "podFixed", "min", "max", "default", "defaultRequest"},
)
# Fields that it reads as an amount.
_AMOUNT_FIELDS = frozenset({"sizeLimit", "divisor"})

# What a list does not repeat in its items.
_TYPE = ("apiVersion", "kind")

# Maps with keys of anybody's: of one that is not wanted any more, only the keys that were wanted go.
_SHARED_MAPS = frozenset(
    {"annotations", "labels", "matchLabels", "nodeSelector", "data", "binaryData", *_AMOUNTS},
)

# Record of a value that is no map and no list of identifiable objects.
_LEAF = 1


def record_of(wanted: Mapping[str, Any]) -> str:
    """The text for ``RECORD_ANNOTATION``: the names of all fields of ``wanted``."""
    return json.dumps(_tree({key: value for key, value in wanted.items() if key not in _TYPE}, ""), sort_keys=True, separators=(",", ":"))


def recorded_in(live: Mapping[str, Any]) -> dict[str, Any]:
    """What an object's record says; empty where there is none, or what is there is no record."""
    text = (live["metadata"].get("annotations") or {}).get(RECORD_ANNOTATION)
    if not text:
        return {}
    try:
        tree = json.loads(text)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def difference(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that makes ``live`` as wanted; empty if it is."""
    recorded = recorded_in(live)
    # Of these two only what is in them is ever taken out.
    whole: dict[str, Any] = {key: {} for key in ("spec", "status") if key in recorded}
    return _map_patch(live, {**whole, **{key: value for key, value in wanted.items() if key not in _TYPE}}, recorded, "")


def paths(patch: Mapping[str, Any], depth: int = 4) -> list[str]:
    """Names of the fields that a patch changes, as ``metadata.labels.team``; down to ``depth`` names, and without the record."""
    found: list[str] = []
    for key, value in patch.items():
        if key == RECORD_ANNOTATION:
            continue
        if isinstance(value, dict) and value and depth > 1:
            found += [f"{key}.{path}" for path in paths(value, depth - 1)]
        else:
            found.append(key)
    return found


def has_list(patch: Any) -> bool:
    """Whether a patch replaces a list as it was read, so that another's change of it in between would be lost."""
    return isinstance(patch, list) or (isinstance(patch, dict) and any(has_list(value) for value in patch.values()))


def merge(live: Any, patch: Any) -> Any:
    """``live`` with a JSON merge patch applied; what does not change is shared."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def without_nulls(wanted: Any) -> Any:
    """A wanted value as it is sent when there is nothing yet: ``None`` in it says what must not be there."""
    if isinstance(wanted, dict):
        return {key: without_nulls(value) for key, value in wanted.items() if value is not None}
    if isinstance(wanted, list):
        return [without_nulls(item) for item in wanted]
    return wanted


def _tree(wanted: Any, name: str) -> Any:
    if isinstance(wanted, dict):
        return {key: _tree(value, key) for key, value in wanted.items() if value is not None}
    if not isinstance(wanted, list):
        return _LEAF
    if name == "finalizers":
        return {"#": dict.fromkeys(wanted, _LEAF)}
    keys = _identity(wanted)
    if keys is None:
        return len(wanted)
    items = {_identify(item, keys): _tree({key: value for key, value in item.items() if key not in keys}, "") for item in wanted}
    return {"#" + ",".join(keys): items}


def _map_patch(live: Mapping[str, Any], wanted: Mapping[str, Any], recorded: Any, name: str) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    known = recorded if isinstance(recorded, dict) else {}
    for key, value in wanted.items():
        found = live.get(key)
        if value is None:
            if found is not None:
                patch[key] = None
        elif isinstance(value, dict) and isinstance(found, dict):
            if inner := _map_patch(found, value, known.get(key), key):
                patch[key] = inner
        elif isinstance(value, list) and isinstance(found, list):
            items = _list_items(found, value, known.get(key), key)
            if items is not None:
                patch[key] = items
        elif not _same(found, value, key if key in _AMOUNT_FIELDS else name):
            patch[key] = without_nulls(value)
    for key, was in known.items():
        if key not in wanted and live.get(key) is not None:
            gone = _removal(live[key], was, key)
            if gone is not _NOTHING:
                patch[key] = gone
    return patch


_NOTHING = object()


def _removal(live: Any, was: Any, name: str) -> Any:
    """The patch for a field that is wanted no more: whole, unless others may have put something into it."""
    if isinstance(live, dict) and isinstance(was, dict) and name in _SHARED_MAPS:
        ours = [key for key in was if key in live]
        if len(ours) == len(live):
            return None
        return dict.fromkeys(ours) if ours else _NOTHING
    if isinstance(live, list) and _tells_items(was):
        left = _list_items(live, [], was, name)
        if left is None:
            return _NOTHING
        return left or None
    return None


def _list_items(live: Sequence[Any], wanted: Sequence[Any], recorded: Any, name: str) -> list[Any] | None:
    """The list as it should be; ``None`` if it is so."""
    if name == "finalizers":
        return _set_items(live, wanted, recorded)
    if not all(isinstance(item, dict) for item in (*live, *wanted)):
        same = len(live) == len(wanted) and all(_same(found, value, name) for found, value in zip(live, wanted, strict=True))
        return None if same else without_nulls(list(wanted))
    keys = _identity(wanted, live)
    if keys is None:
        return _covered_items(live, wanted, recorded)
    ours = recorded.get("#" + ",".join(keys)) if isinstance(recorded, dict) else None
    if ours is None and recorded is not None:
        # Other fields told the items apart then: which ones were ours cannot be told.
        return _covered_items(live, wanted, recorded)
    return _identified_items(live, wanted, keys, ours or {})


def _identified_items(
    live: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], keys: tuple[str, ...], ours: Mapping[str, Any]
) -> list[Any] | None:
    by_identity = {_identify(item, keys): item for item in wanted}
    items: list[Any] = []
    changed = False
    for found in live:
        identity = _identify(found, keys)
        item = by_identity.pop(identity, None)
        if item is not None:
            patch = _map_patch(found, item, ours.get(identity), "")
            items.append(merge(found, patch) if patch else found)
            changed = changed or bool(patch)
        elif identity in ours:
            changed = True
        else:
            items.append(found)
    items += [without_nulls(item) for item in by_identity.values()]
    return items if changed or by_identity else None


def _covered_items(live: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], recorded: Any) -> list[Any] | None:
    """Items that nothing identifies: each wanted one must be there; if there were more or fewer of ours before, all are replaced."""
    before = recorded
    if isinstance(recorded, dict):
        # If it was a map then, nothing of it can be in the list.
        before = len(next(iter(recorded.values()))) if _tells_items(recorded) else None
    if before is not None and before != len(wanted):
        return without_nulls(list(wanted))
    left = list(live)
    for item in wanted:
        for index, found in enumerate(left):
            if not _map_patch(found, item, None, ""):
                del left[index]
                break
        else:
            return without_nulls(list(wanted))
    return None


def _tells_items(recorded: Any) -> bool:
    """Whether a record is that of a list whose items can be told apart; see `_tree`."""
    return isinstance(recorded, dict) and len(recorded) == 1 and next(iter(recorded)).startswith("#")


def _set_items(live: Sequence[Any], wanted: Sequence[Any], recorded: Any) -> list[Any] | None:
    ours = recorded.get("#", {}) if isinstance(recorded, dict) else {}
    kept = [item for item in live if item in wanted or item not in ours]
    added = [item for item in wanted if item not in live]
    return [*kept, *added] if added or len(kept) < len(live) else None


def _identity(wanted: Sequence[Any], live: Sequence[Any] = ()) -> tuple[str, ...] | None:
    """The fields that tell the items of both lists apart; ``None`` if none do."""
    if not (wanted or live) or not all(isinstance(item, dict) for item in (*wanted, *live)):
        return None
    return next((keys for keys in _IDENTITIES if _identifiable(wanted, keys) and _identifiable(live, keys)), None)


def _identifiable(items: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> bool:
    return all(key in item for item in items for key in keys) and len({_identify(item, keys) for item in items}) == len(items)


def _identify(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return ",".join(str(item[key]) for key in keys)


def _same(live: Any, wanted: Any, name: str) -> bool:
    """Whether a value is as wanted; ``name`` is that of the map or list that it is in, which tells what kind of value it is."""
    if live is None:
        return _is_empty(wanted)
    if isinstance(live, dict) and isinstance(wanted, dict):
        return not _map_patch(live, wanted, None, name)
    if isinstance(live, list) and isinstance(wanted, list):
        return _list_items(live, wanted, None, name) is None
    if name in _AMOUNTS or name in _AMOUNT_FIELDS:
        return same_amount(live, wanted)
    if isinstance(live, bool) or isinstance(wanted, bool):
        return live is wanted
    return bool(live == wanted)


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_empty(item) for item in value.values())
    return value is None or value is False or value in ("", 0) or value == []
