# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When objects are as far as they are waited for."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._objects.readiness import judge_of


def thing(generation: int = 1, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "generation": generation}, "spec": spec or {}, "status": status}


def condition(kind: str, status: str = "True", **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Other", "status": "True"}, {"type": kind, "status": status, **more}]}


@pytest.mark.parametrize(
    ("text", "kind", "item", "reason"),
    [
        ("exists", "Pod", thing(), None),
        ("ready", "Pod", thing(**condition("Ready")), None),
        ("ready", "Pod", thing(), "it has no condition Ready"),
        (
            "ready",
            "Node",
            thing(**condition("Ready", "False", reason="Down", message="no power")),
            "its condition Ready is False (Down: no power)",
        ),
        ("ready", "Job", thing(**condition("Complete")), None),
        ("ready", "Namespace", thing(phase="Active"), None),
        ("ready", "Namespace", thing(phase="Terminating"), "its phase is Terminating"),
        ("ready", "PersistentVolumeClaim", thing(phase="Pending"), "its phase is Pending"),
        ("ready", "Deployment", thing(2, observedGeneration=1), "its controller has not seen it yet"),
        ("ready", "Deployment", thing(observedGeneration=1), "0 of 1 updatedReplicas"),
        ("ready", "Deployment", thing(spec={"replicas": 3}, observedGeneration=1, updatedReplicas=3), "0 of 3 availableReplicas"),
        (
            "available",
            "Deployment",
            thing(spec={"replicas": 3}, observedGeneration=1, updatedReplicas=3, availableReplicas=3, replicas=4),
            "4 replicas for 3",
        ),
        ("ready", "Deployment", thing(spec={"replicas": 0}, observedGeneration=1), None),
        ("ready", "StatefulSet", thing(observedGeneration=1, updatedReplicas=1, readyReplicas=1, replicas=1), None),
        ("ready", "ReplicaSet", thing(observedGeneration=1), "0 of 1 readyReplicas"),
        ("ready", "DaemonSet", thing(), "its controller has not seen it yet"),
        (
            "ready",
            "DaemonSet",
            thing(observedGeneration=1, desiredNumberScheduled=2, updatedNumberScheduled=2, numberReady=1),
            "numberReady is 1 of 2",
        ),
        (
            "ready",
            "DaemonSet",
            thing(observedGeneration=1, desiredNumberScheduled=2, updatedNumberScheduled=2, numberReady=2),
            None,
        ),
        ("ready", "Widget", thing(), None),
        ("ready", "Widget", thing(**condition("Ready", "False")), "its condition Ready is False"),
        ("running", "Pod", thing(phase="Running"), None),
        ("running", "Pod", thing(phase="Failed"), "its phase is Failed"),
        (
            "running",
            "Pod",
            thing(phase="Pending", **condition("PodScheduled", "False", reason="Unschedulable", message="0/1 nodes")),
            "its phase is Pending, its condition PodScheduled is False (Unschedulable: 0/1 nodes)",
        ),
        ("available", "APIService", thing(**condition("Available")), None),
        ("condition=Complete", "Job", thing(**condition("Complete")), None),
        ("condition=Ready=False", "Widget", thing(**condition("Ready")), "its condition Ready is True"),
        (".status.phase=Bound", "Widget", thing(phase="Bound"), None),
        (".status.phase=Bound", "Widget", thing(phase="Lost"), ".status.phase is Lost"),
        (".status.phase=Bound", "Widget", thing(), "it has no .status.phase"),
        (".status.done=true", "Widget", thing(done=True), None),
        (".status.count=3", "Widget", thing(count=3), None),
        ('.status.conditions[?(@.type=="Ready")].status=True', "Widget", thing(**condition("Ready")), None),
        (".status.items[1].name=b", "Widget", thing(items=[{"name": "a"}, {"name": "b"}]), None),
        (".status.items[*].name=b", "Widget", thing(items=[{"name": "a"}, {"name": "b"}]), None),
        ('.status["odd.name"]=x', "Widget", {"metadata": {}, "status": {"odd.name": "x"}}, None),
        (".status.items[0].name=b", "Widget", thing(items="none"), "it has no .status.items[0].name"),
    ],
)
def test_judgements(text: str, kind: str, item: dict[str, Any], reason: str | None) -> None:
    assert judge_of(text, kind)(item) == reason


@pytest.mark.parametrize(
    "text", ["", "happy", "condition=", "condition=Ready=Maybe", "status.phase=x", ".status.phase", ".status..phase=x", ".a[b]=x"]
)
def test_what_cannot_be_waited_for(text: str) -> None:
    with pytest.raises(SimError) as caught:
        judge_of(text, "Pod")
    assert caught.value.option == "wait_for"
    assert caught.value.remedy
