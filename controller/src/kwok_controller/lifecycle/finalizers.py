# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Changes of finalizers, as JSON patches. Which operations come out is what kwok v0.8.0 does (`pkg/utils/lifecycle/finalizers.go`)."""

from __future__ import annotations

from typing import Any

from kwok_controller.api.stage import StageFinalizers

_PATH = "/metadata/finalizers"


def finalizer_operations(present: list[str], change: StageFinalizers) -> list[dict[str, Any]]:
    """The operations of a JSON patch that make the change; none where there is nothing to do."""
    operations: list[dict[str, Any]] = []
    removed = set(present) if change.empty else {item.value for item in change.remove}
    kept = [value for value in present if value not in removed]
    if not kept and present:
        operations.append({"op": "remove", "path": _PATH})
    elif len(kept) != len(present):
        # From the end, so that the indexes of those still to come stay right.
        operations += [{"op": "remove", "path": f"{_PATH}/{at}"} for at in reversed(range(len(present))) if present[at] in removed]
    added = [item.value for item in change.add]
    if added and not kept:
        operations.append({"op": "add", "path": _PATH, "value": added})
    else:
        # Those that are removed by the same change are not added again.
        operations += [{"op": "add", "path": f"{_PATH}/-", "value": value} for value in added if value not in present]
    return operations
