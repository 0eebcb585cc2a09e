# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""JSON merge patches: RFC 7386, as the apiserver has it: objects in a list lose their nulls where the list takes the place of no object."""

from __future__ import annotations

from typing import Any

from kwok_controller.lifecycle.patching.equality import MISSING, same


def apply_merge(obj: Any, patch: Any) -> Any:
    """What a merge patch makes of an object: the very same object where it changes nothing."""
    if type(obj) is not dict:
        new = _without_nulls(patch)
        return obj if same(obj, new) else new
    if type(patch) is not dict:
        return patch
    changed: dict[str, Any] | None = None
    for key, value in patch.items():
        old = obj.get(key, MISSING)
        if value is None:
            if old is MISSING:
                continue
            changed = changed if changed is not None else dict(obj)
            del changed[key]
            continue
        new = apply_merge(old, value)
        if new is not old:
            changed = changed if changed is not None else dict(obj)
            changed[key] = new
    return obj if changed is None else changed


def _without_nulls(patch: Any) -> Any:
    if type(patch) is dict:
        return {key: _without_nulls(value) for key, value in patch.items() if value is not None}
    if type(patch) is list:
        return [_without_nulls(value) for value in patch]
    return patch
