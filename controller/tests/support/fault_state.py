# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a cluster has come to: of every object that which must be the same whatever happened on the way."""

from __future__ import annotations

import difflib
import ipaddress
import json
from dataclasses import dataclass
from typing import Any, Final

from fault_workload import CONFIG_MAPS, INCARNATION, RUN, Workload
from simulated import LABEL, is_ready, is_running

from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import LEASES, NODES, PODS

Object = dict[str, Any]

CIDR: Final = "10.0.0.1/16"

LEASE_NAMESPACE: Final = "kube-node-lease"


@dataclass
class State:
    """All objects of a run at one moment."""

    nodes: list[Object]
    pods: list[Object]
    config_maps: list[Object]
    leases: list[Object]


async def state(client: Client, run: str) -> State:
    """How it is now."""
    return State(
        [each async for each in client.list(NODES, label_selector=f"{LABEL}={run}")],
        [each async for each in client.list(PODS, run)],
        [each async for each in client.list(CONFIG_MAPS, run)],
        [each async for each in client.list(LEASES, LEASE_NAMESPACE) if each["metadata"]["name"].startswith(f"{run}-")],
    )


def unsettled(found: State, workload: Workload, run: str, identity: str) -> list[str]:
    """What is not yet as it must be in the end, whatever the workload.

    Args:
        found: All objects.
        workload: What was done.
        run: The run's name.
        identity: Of the controller that lives.
    """
    problems: list[str] = []
    nodes = {each["metadata"]["name"] for each in found.nodes}
    expected = {
        "nodes": ({name.replace(RUN, run) for name in workload.nodes}, nodes),
        "pods": (workload.pods, {each["metadata"]["name"] for each in found.pods}),
        "configmaps": (workload.config_maps, {each["metadata"]["name"] for each in found.config_maps} - {"kube-root-ca.crt"}),
        "leases": (nodes, {each["metadata"]["name"] for each in found.leases}),
    }
    for kind, (wanted, there) in expected.items():
        if wanted != there:
            problems.append(f"{kind}: missing {sorted(wanted - there)}, too many {sorted(there - wanted)}")
    for each in (*found.nodes, *found.pods, *found.config_maps):
        metadata = each["metadata"]
        problems += [f"{each['kind']} {metadata['name']} is Terminating"] if "deletionTimestamp" in metadata else []
    problems += [f"node {each['metadata']['name']} is not Ready" for each in found.nodes if not is_ready(each)]
    for each in found.pods:
        if not (is_running(each) and is_ready(each)):
            problems.append(f"pod {each['metadata']['name']} is {each['status'].get('phase')}, not Running and Ready")
    problems += _address_problems(found.pods)
    for each in found.leases:
        if each["spec"].get("holderIdentity") != identity:
            problems.append(f"lease {each['metadata']['name']} is held by {each['spec'].get('holderIdentity')}, not by {identity}")
    return problems


def _address_problems(pods: list[Object]) -> list[str]:
    network = ipaddress.ip_interface(CIDR).network
    owners: dict[str, str] = {}
    problems = []
    for pod in pods:
        name, address = pod["metadata"]["name"], pod["status"].get("podIP") or ""
        if not address or ipaddress.ip_address(address) not in network:
            problems.append(f"pod {name} has the address {address or 'none'}, which is not in {CIDR}")
        elif owners.setdefault(address, name) != name:
            problems.append(f"pods {owners[address]} and {name} share the address {address}")
    return problems


def essence(found: State, run: str) -> dict[str, Object]:
    """By kind and name: what does not depend on time, chance and the run's name."""
    made = {
        **{f"Node {each['metadata']['name']}": _node(each) for each in found.nodes},
        **{f"Pod {each['metadata']['name']}": _pod(each) for each in found.pods},
        **{f"ConfigMap {each['metadata']['name']}": _config_map(each) for each in found.config_maps},
    }
    text = json.dumps(made, sort_keys=True).replace(run, RUN)
    return json.loads(text)  # type: ignore[no-any-return]


def difference(undisturbed: dict[str, Object], disturbed: dict[str, Object]) -> str:
    """What is not the same, object by object as a unified diff; empty: nothing."""
    diffs: list[str] = []
    for key in sorted(undisturbed.keys() | disturbed.keys()):
        wanted, found = (json.dumps(each.get(key), indent=1, sort_keys=True).splitlines() for each in (undisturbed, disturbed))
        diffs += difflib.unified_diff(wanted, found, f"{key}, undisturbed", f"{key}, disturbed", lineterm="", n=4)
    return "\n".join(diffs)


def _metadata(obj: Object) -> Object:
    metadata = obj["metadata"]
    return {
        "labels": metadata.get("labels"),
        "annotations": metadata.get("annotations"),
        "finalizers": metadata.get("finalizers"),
        "incarnation": metadata.get("annotations", {}).get(INCARNATION),
        "deleted": "deletionTimestamp" in metadata,
    }


def _conditions(obj: Object) -> Object:
    return {each["type"]: {key: each.get(key) for key in ("status", "reason", "message")} for each in obj["status"].get("conditions") or ()}


def _node(node: Object) -> Object:
    status = node["status"]
    kept = ("phase", "addresses", "capacity", "allocatable", "nodeInfo", "daemonEndpoints")
    return {
        **_metadata(node),
        "spec": node.get("spec"),
        "conditions": _conditions(node),
        "status": {key: status.get(key) for key in kept},
    }


def _pod(pod: Object) -> Object:
    status = pod["status"]
    kept = ("phase", "hostIP", "hostIPs", "qosClass", "reason", "message", "observedGeneration")
    return {
        **_metadata(pod),
        "node": pod["spec"].get("nodeName"),
        "conditions": _conditions(pod),
        "status": {key: status.get(key) for key in kept},
        "containers": [_container(each) for kind in ("initContainerStatuses", "containerStatuses") for each in status.get(kind) or ()],
    }


def _container(status: Object) -> Object:
    """Without what has the pod's UID or a time in it."""
    states = {
        name: {key: value for key, value in detail.items() if key not in ("startedAt", "finishedAt", "containerID")}
        for name, detail in (status.get("state") or {}).items()
    }
    kept = ("name", "image", "imageID", "ready", "started", "restartCount")
    return {**{key: status.get(key) for key in kept}, "state": states}


def _config_map(config_map: Object) -> Object:
    return {**_metadata(config_map), "data": {key: value for key, value in (config_map.get("data") or {}).items() if key != "ca.crt"}}
