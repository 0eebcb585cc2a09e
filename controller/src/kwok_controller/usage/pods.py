# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Pods: their containers, and when these ran, by the pod's status."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from kwok_controller.expressions.cel import CelRuntimeError
from kwok_controller.expressions.cel.functions import parse_timestamp

Object: TypeAlias = dict[str, Any]
"""An object of the apiserver, or a container of one, as JSON has it."""

# Times in nanoseconds have 64 bits, in checkpoints, too. Nothing was started before 1678 or after 2261.
_FAR: Final = 1 << 63
_ENDED: Final = ("Succeeded", "Failed")


class Run(NamedTuple):
    """What a pod's status says of a container.

    Attributes:
        start_ns: when it was started, since 1970; None where it has not been, or is about to be again.
        end_ns: when it ended; None where it has not.
        restarts: how often it was started again.
    """

    start_ns: int | None
    end_ns: int | None
    restarts: int


def node_of(pod: Object) -> str:
    """The name of a pod's node, empty where it has none."""
    name: str = (pod.get("spec") or {}).get("nodeName") or ""
    return name


def containers_of(pod: Object) -> list[Object]:
    """A pod's containers, without those that only begin it."""
    containers: list[Object] = (pod.get("spec") or {}).get("containers") or []
    return containers


def container_of(pod: Object, name: str) -> Object | None:
    """The container of a name."""
    for container in containers_of(pod):
        if container.get("name") == name:
            return container
    return None


def run_of(pod: Object, container: str) -> Run:
    """What a pod's status says of a container.

    A pod that is Running and says nothing of the container has it running since the pod's start. Of a container that ended at a time that
    is not written down, the start is taken for the end.
    """
    status = _map(pod.get("status"))
    own = _status_of(status, container)
    if own is None:
        return Run(_time(status.get("startTime")) if status.get("phase") == "Running" else None, None, 0)
    count = own.get("restartCount")
    restarts = count if type(count) is int else 0
    state = _map(own.get("state"))
    if "terminated" in state:
        ended = _map(state["terminated"])
        start = _time(ended.get("startedAt"))
        end = _time(ended.get("finishedAt"))
        return Run(start, start if end is None else end, restarts)
    return Run(_time(_map(state.get("running")).get("startedAt")), None, restarts)


def is_running(pod: Object, container: str) -> bool:
    """Whether a container runs: by its own status, or else as its pod does. One of a pod without a status does."""
    status = pod.get("status")
    if type(status) is not dict or not status:
        return True
    phase = status.get("phase")
    if phase in _ENDED:
        return False
    state = _map((_status_of(status, container) or {}).get("state"))
    return "running" in state if state else phase == "Running"


def _status_of(status: dict[str, Any], container: str) -> dict[str, Any] | None:
    statuses = status.get("containerStatuses")
    if type(statuses) is list:
        for each in statuses:
            if type(each) is dict and each.get("name") == container:
                return each
    return None


def _map(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _time(value: Any) -> int | None:
    if type(value) is not str:
        return None
    try:
        nanoseconds = parse_timestamp(value).nanoseconds
    except CelRuntimeError:
        return None
    return nanoseconds if abs(nanoseconds) < _FAR else None
