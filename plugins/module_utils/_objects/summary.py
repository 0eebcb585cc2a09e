# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan does, told in few words however many objects it is about.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .fields import RECORD_ANNOTATION, difference, merge, without_nulls
from .plan import Step

_NAMES = 5
_FIELDS = 12
_SHOWN_UPDATES = 10
"""Objects of a group whose changes the diff shows one by one."""

_WORDS = {"create": "create", "update": "update", "delete": "remove"}


def names(keys: Sequence[object], most: int = _NAMES) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(str(key) for key in keys[:most])
    return f"{shown} and {len(keys) - most} more" if len(keys) > most else shown


def by_group(steps: Iterable[Step]) -> dict[tuple[str, str], list[Step]]:
    """Steps by group and action, in their order."""
    found: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        found.setdefault((step.group, step.action), []).append(step)
    return found


def changes(steps: Iterable[Step], kind: str) -> list[dict[str, Any]]:
    """One entry for each group and action, for the module's return value."""
    return [
        {
            "action": _WORDS[action],
            "kind": kind,
            "name": group,
            "count": len(some),
            "reason": _reason(action, some),
        }
        for (group, action), some in by_group(steps).items()
    ]


def diff(steps: Iterable[Step], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is there and what will be, by title, for diff mode: of a thousand like objects the first stands for all."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for (group, action), some in by_group(steps).items():
        if action == "create":
            after[f"{kind} {_from_to(some)}"] = _shown(some[0])
        elif action == "delete":
            before[f"{kind} {_from_to(some)}"] = "is there"
        else:
            for step in some[:_SHOWN_UPDATES]:
                before[f"{kind} {step.key}"], after[f"{kind} {step.key}"] = _both_sides(step)
            if rest := some[_SHOWN_UPDATES:]:
                after[f"{kind} of {group}, {len(rest)} more"] = f"changed in {names(_fields(rest), _FIELDS)}"
    return before, after


def _reason(action: str, steps: Sequence[Step]) -> str:
    keys = [step.key for step in steps]
    if action == "update":
        return f"{names(_fields(steps), _FIELDS)} of {names(keys)}"
    return ("are missing: " if action == "create" else "are not wanted: ") + names(keys)


def _fields(steps: Iterable[Step]) -> list[str]:
    return sorted({field for step in steps for field in step.fields})


def _from_to(steps: Sequence[Step]) -> str:
    more = f" and {len(steps) - 1} more, to {steps[-1].key}" if len(steps) > 1 else ""
    return f"{steps[0].key}{more}"


def _shown(step: Step) -> Any:
    return _without_record(without_nulls(step.wanted))


def _both_sides(step: Step) -> tuple[Any, Any]:
    live, wanted = step.live or {}, step.wanted or {}
    patch = difference(live, wanted)
    return _without_record(_part(live, patch)), _without_record(_part(merge(live, patch), patch))


def _part(item: Any, patch: Any) -> Any:
    """What a patch changes of an object."""
    if not isinstance(patch, dict) or not isinstance(item, dict):
        return item
    return {key: _part(item[key], value) for key, value in patch.items() if key in item}


def _without_record(shared: Mapping[str, Any]) -> dict[str, Any]:
    # Copied: YAML would write what objects share as references.
    item: dict[str, Any] = json.loads(json.dumps(shared))
    metadata = item.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if annotations.pop(RECORD_ANNOTATION, None) is not None and not annotations:
        del metadata["annotations"]
        if not metadata:
            del item["metadata"]
    return item
