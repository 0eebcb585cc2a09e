# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When an object is as far as it is waited for: by its kind, by a condition, or by the value of a field.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Optional

from .._errors import SimError

Judge = Callable[[Mapping[str, Any]], Optional[str]]  # noqa: UP045 - evaluated by a check that knows older versions
"""Returns why an object is not as far yet; ``None`` if it is."""

PRESETS = ("ready", "running", "available", "exists")

_CONDITION = re.compile(r"condition=([A-Za-z0-9./-]+)(?:=(True|False|Unknown))?")
_PATH = re.compile(r"(\.[^=]+(?:==[^=]+)*)=(.*)", re.DOTALL)
# .name, ["name"], [0], [*], [?(@.name=="value")]
_PART = re.compile(
    r"""\.(?P<name>[A-Za-z0-9_-]+)
    |\[["'](?P<quoted>[^"']+)["']\]
    |\[(?P<index>\d+|\*)\]
    |\[\?\(@\.(?P<field>[A-Za-z0-9_-]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]""",
    re.VERBOSE,
)

# The condition that says of a kind that it is ready, where it is another than Ready.
_READY_CONDITIONS = {
    "Job": "Complete",
    "CustomResourceDefinition": "Established",
    "APIService": "Available",
    "Node": "Ready",
    "Pod": "Ready",
}
_READY_PHASES = {"Namespace": "Active", "PersistentVolumeClaim": "Bound"}
# The field of the status that counts replicas that are ready, and the one that counts those that are up to date.
_WORKLOADS = {
    "Deployment": ("availableReplicas", "updatedReplicas"),
    "StatefulSet": ("readyReplicas", "updatedReplicas"),
    "ReplicaSet": ("readyReplicas", None),
    "ReplicationController": ("readyReplicas", None),
}


def judge_of(text: str, kind: str) -> Judge:
    """How to tell that objects of a kind are as far as ``text`` says.

    Args:
        text: One of ``PRESETS``, ``condition=NAME``, ``condition=NAME=STATUS`` or ``.path.to.field=VALUE``.

    Raises:
        SimError: It is nothing of these.
    """
    if text == "exists":
        return lambda item: None
    if text == "ready":
        return _ready(kind)
    if text == "running":
        return lambda item: _phase(item, "Running")
    if text == "available":
        return _workload(kind) if kind in _WORKLOADS else lambda item: _condition(item, "Available", "True")
    if match := _CONDITION.fullmatch(text):
        name, status = match[1], match[2] or "True"
        return lambda item: _condition(item, name, status)
    if match := _PATH.fullmatch(text):
        return _field(match[1], match[2])
    raise SimError(
        f"{text!r} is nothing that can be waited for",
        option="wait_for",
        remedy=f"Give one of {', '.join(PRESETS)}, condition=NAME, condition=NAME=STATUS, or the likes of .status.phase=Running",
    )


def _ready(kind: str) -> Judge:
    if kind in _WORKLOADS:
        return _workload(kind)
    if kind == "DaemonSet":
        return _daemon_set
    if kind in _READY_PHASES:
        return lambda item: _phase(item, _READY_PHASES[kind])
    if kind in _READY_CONDITIONS:
        return lambda item: _condition(item, _READY_CONDITIONS[kind], "True")
    # Of other kinds only those are known to become ready that say so.
    return lambda item: _condition(item, "Ready", "True") if _conditions(item) else None


def _conditions(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return (item.get("status") or {}).get("conditions") or []


def _condition(item: Mapping[str, Any], name: str, status: str) -> str | None:
    for condition in _conditions(item):
        if condition.get("type") == name:
            if condition.get("status") == status:
                return None
            said = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
            return f"its condition {name} is {condition.get('status')}" + (f" ({said})" if said else "")
    return f"it has no condition {name}"


def _phase(item: Mapping[str, Any], wanted: str) -> str | None:
    phase = (item.get("status") or {}).get("phase")
    if phase == wanted:
        return None
    scheduled = _condition(item, "PodScheduled", "True") if phase == "Pending" else None
    return f"its phase is {phase}" + (f", {scheduled}" if scheduled and _conditions(item) else "")


def _workload(kind: str) -> Judge:
    ready, updated = _WORKLOADS[kind]

    def judge(item: Mapping[str, Any]) -> str | None:
        status, spec = item.get("status") or {}, item.get("spec") or {}
        if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
            return "its controller has not seen it yet"
        wanted = spec.get("replicas", 1)
        for name in (updated, ready):
            if name is not None and status.get(name, 0) < wanted:
                return f"{status.get(name, 0)} of {wanted} {name}"
        return f"{status['replicas']} replicas for {wanted}" if status.get("replicas", 0) > wanted else None

    return judge


def _daemon_set(item: Mapping[str, Any]) -> str | None:
    status = item.get("status") or {}
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return "its controller has not seen it yet"
    wanted = status.get("desiredNumberScheduled", 0)
    for name in ("updatedNumberScheduled", "numberReady"):
        if status.get(name, 0) < wanted:
            return f"{name} is {status.get(name, 0)} of {wanted}"
    return None


def _field(path: str, wanted: str) -> Judge:
    parts = _parse_path(path)

    def judge(item: Mapping[str, Any]) -> str | None:
        values = _look_up(item, parts)
        if wanted in values:
            return None
        return f"{path} is {', '.join(values)}" if values else f"it has no {path}"

    return judge


def _parse_path(path: str) -> list[re.Match[str]]:
    parts, end = [], 0
    while end < len(path):
        match = _PART.match(path, end)
        if match is None:
            raise SimError(
                f"{path!r} cannot be read from {path[end:]!r} on",
                option="wait_for",
                remedy='Write the path like .status.phase, .status.conditions[?(@.type=="Ready")].status, or .spec.containers[0].image',
            )
        parts.append(match)
        end = match.end()
    return parts


def _look_up(item: Any, parts: list[re.Match[str]]) -> list[str]:
    found = [item]
    for part in parts:
        found = [each for value in found for each in _step(value, part)]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in found if value is not None]


def _step(value: Any, part: re.Match[str]) -> list[Any]:
    name = part["name"] or part["quoted"]
    if name is not None:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    if part["index"] == "*":
        return value
    if part["index"] is not None:
        return value[int(part["index"]) : int(part["index"]) + 1]
    return [each for each in value if isinstance(each, dict) and str(each.get(part["field"])) == part["value"]]
