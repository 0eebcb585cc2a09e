# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the apiserver's audit log tells about who played what: no object is played twice by those who share the nodes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .load import LEASE_NAMESPACE

USER = "system:serviceaccount:kube-system:kwok-controller"

HEARTBEAT_S = 590
"""After so long a node's heartbeat may be due (stage node-heartbeat-with-lease: 600 s), which is no second play of its start."""

POLICY: Mapping[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "verbs": ["update", "patch"],
            "resources": [{"group": "", "resources": ["pods/status", "nodes/status"]}],
        },
        {
            "level": "Metadata",
            "verbs": ["create", "update", "patch"],
            "namespaces": [LEASE_NAMESPACE],
            "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
        },
        {"level": "None"},
    ],
}
"""Writes of the status of pods and nodes, and of Leases; nothing else."""


def read(logs: Path) -> Iterator[Mapping[str, Any]]:
    """The events in a cluster's directory of logs, the oldest first; those in files that were rotated, too."""
    rotated = sorted(logs.glob("audit-*.log"))
    for path in (*rotated, logs / "audit.log"):
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


TIMED_OUT = 504
"""The apiserver notes it where the client has gone away, too; of 143 patches cut off like that 76 had been written all the same."""


class Writes:
    """How often each object's status was written by the controllers, to its effect."""

    def __init__(self, events: Iterable[Mapping[str, Any]]) -> None:
        self.leases = 0
        self._pods: dict[str, list[str]] = {}
        self._nodes: dict[str, list[str]] = {}
        self._cut_off: set[str] = set()
        for event in events:
            code = event.get("responseStatus", {}).get("code", 0)
            if 200 <= code < 300:
                self._take(event)
            elif code == TIMED_OUT and event["user"]["username"] == USER:
                self._cut_off.add(event["objectRef"]["name"])

    def _take(self, event: Mapping[str, Any]) -> None:
        ref, user, at = event["objectRef"], event["user"]["username"], event["requestReceivedTimestamp"]
        if ref["resource"] == "leases":
            self.leases += user == USER
        elif ref["resource"] == "pods":
            if user == USER:
                self._pods.setdefault(ref["name"], []).append(at)
        elif user == USER:
            self._nodes.setdefault(ref["name"], []).append(at)
        else:
            # What somebody else wrote into a node's status, as that it is silent, may well be answered.
            self._nodes[ref["name"]] = []

    def pods_not_once(self, names: Collection[str]) -> dict[str, list[str]]:
        """Of these pods, all of which run, those whose status was not written exactly once, and when it was.

        The one write may be that of a controller that was killed before it was answered.
        """
        return {name: times for name in names if len(times := self._pods.get(name, [])) != 1 and (times or name not in self._cut_off)}

    def nodes_not_once(self, names: Collection[str]) -> dict[str, list[str]]:
        """Likewise of these nodes, but for heartbeats and for what came before somebody else wrote the status."""
        unwritten: dict[str, list[str]] = {name: [] for name in names if name not in self._nodes and name not in self._cut_off}
        return unwritten | {name: times for name, times in self._nodes.items() if name in names and len(_first_plays(times)) > 1}


def _first_plays(times: Sequence[str]) -> list[str]:
    return [at for at in times if (_time(at) - _time(times[0])).total_seconds() < HEARTBEAT_S]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
