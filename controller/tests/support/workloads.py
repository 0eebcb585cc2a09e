# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""WorkloadTraces and pods that are ready, for tests of traces."""

from __future__ import annotations

from typing import Any

from kwok_controller.api.decode import decode
from kwok_controller.api.workload_trace import WorkloadTrace
from kwok_controller.workload_traces.compile import compile_trace
from kwok_controller.workload_traces.pods import Instance, ready_pod
from kwok_controller.workload_traces.profile import Profile
from kwok_controller.workload_traces.rates import Clockwork
from kwok_controller.workload_traces.slots import Instances

Object = dict[str, Any]

START = 1_700_000_000


def pod(name: str, app: str, *, node: str = "n1", namespace: str = "shop", ready: bool = True, **metadata: Any) -> Object:
    """A pod that runs, of an application."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": {"app": app}, **metadata},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "i"}, {"name": "side", "image": "i"}]},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def operation(name: str, *calls: str | Object, route: str = "", errors: Object | None = None, **more: Any) -> Object:
    """An operation; calls are written as `service operation`, or whole."""
    made = [dict(zip(("service", "operation"), each.split(), strict=True)) if isinstance(each, str) else each for each in calls]
    found: Object = {"name": name, "calls": made, **more}
    if route:
        found["http"] = {"route": route}
    return found | ({"errors": errors} if errors else {})


def call(where: str, **more: Any) -> Object:
    """A call, of `service operation`."""
    service, name = where.split()
    return {"service": service, "operation": name, **more}


def trace(services: dict[str, list[Object]], *traffic: tuple[str, Object], name: str = "shop", **spec: Any) -> Object:
    """A WorkloadTrace of services, whose pods have their names as the label `app`; traffic is `service operation` and its rate."""
    return {
        "apiVersion": "kwok-sim.dev/v1alpha1",
        "kind": "WorkloadTrace",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "services": [{"name": each, "selector": {"matchLabels": {"app": each}}, "operations": made} for each, made in services.items()],
            "traffic": [{**call(where), "rate": rate} for where, rate in traffic],
            **spec,
        },
    }


def decoded(obj: Object) -> WorkloadTrace:
    made = decode(obj)
    assert isinstance(made, WorkloadTrace)
    return made


def profile(obj: Object, seed: int = 1) -> Profile:
    """The profile of an object that nothing is wrong with."""
    made, problems = compile_trace(decoded(obj).spec, Clockwork(seed))
    assert made is not None, problems
    return made


def instances(made: Profile, *pods: Object) -> Instances:
    """Those of each service, of pods that are ready."""
    ready = [each for each in map(ready_pod, pods) if each is not None]
    return {service: [Instance(service, each) for each in ready if service.takes(each.labels)] for service in made.services}
