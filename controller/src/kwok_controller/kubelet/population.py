# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is counted of nodes and pods: how they are, and how much there is room for. Pure."""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import Any, Final

from kwok_controller.expressions.quantity import QuantityError, parse_quantity

PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
"""Of pods, as the API has them. Whatever else a status says counts as the last."""

READY: Final = ("True", "False", "Unknown")
"""What the condition Ready of a node is. One that says nothing counts as the last."""

ROOM: Final = ("cpu", "memory", "pods")
"""The resources whose sum is told. Others have names that users choose."""


def phase_of(pod: dict[str, Any]) -> str:
    """The phase of a pod; one that has none yet is pending."""
    phase = (pod.get("status") or {}).get("phase") or "Pending"
    return intern(phase) if phase in PHASES else "Unknown"


def ready_of(node: dict[str, Any]) -> str:
    """Whether a node says that it is ready."""
    for condition in (node.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready":
            status = condition.get("status")
            return status if status in READY else "Unknown"
    return "Unknown"


def room_of(node: dict[str, Any]) -> tuple[float, ...]:
    """What pods can have of a node of each of `ROOM`, in cores, bytes and pods: what is allocatable, or else its capacity."""
    status = node.get("status") or {}
    amounts = status.get("allocatable") or status.get("capacity") or {}
    return tuple(_amount(str(amounts.get(resource, "0"))) for resource in ROOM)


@lru_cache(maxsize=256)
def _amount(text: str) -> float:
    # Nodes come by the thousand, and shapes of nodes by the dozen.
    try:
        return float(parse_quantity(text))
    except QuantityError:
        return 0.0
