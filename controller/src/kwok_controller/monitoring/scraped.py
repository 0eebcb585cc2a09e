# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The node and the pods that a preview is of: from files, or as they commonly are.

What a file leaves out is filled in: a pod without a status runs, with all its containers, since it was created; what has no time of
creation was created at the start of the preview.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

from kwok_controller.api.errors import InvalidFile
from kwok_controller.api.load import Document, load_documents
from kwok_controller.exposition.samples import CONTAINER, NODE, POD
from kwok_controller.usage.pods import Object

_DEFAULT_NAMESPACE: Final = "default"


def default_node(created: str) -> Object:
    """A node `node-0`, created at a time in RFC 3339."""
    node = deepcopy(NODE)
    node["metadata"]["creationTimestamp"] = created
    return node


def default_pod(node: str, created: str) -> Object:
    """A pod `pod-0` on a node, with one container, created at a time in RFC 3339."""
    pod = deepcopy(POD)
    pod["metadata"] |= {"name": "pod-0", "creationTimestamp": created}
    pod["spec"] |= {"nodeName": node, "containers": [deepcopy(CONTAINER)]}
    pod["status"] = _running(pod)
    del pod["metadata"]["ownerReferences"]
    return pod


def read_node(file: str, created: str) -> Object:
    """The node of a file.

    Args:
        file: The file, or `-`.
        created: When the node was created where it does not say.

    Raises:
        InvalidFile: The file cannot be read, or does not hold one node.
    """
    documents = load_documents([file])
    if len(documents) != 1:
        raise InvalidFile(file, f"expected one Node, found {len(documents)} objects")
    node = _read(documents[0], "Node")
    node["metadata"].setdefault("creationTimestamp", created)
    return node


def read_pods(files: Sequence[str], node: str, created: str) -> tuple[list[Object], int]:
    """The pods of files that are on a node, or on none yet; and how many are on others.

    Args:
        files: The files, directories, or `-`.
        node: The node's name.
        created: When pods were created that do not say.

    Raises:
        InvalidFile: A file cannot be read, or holds something that is no pod, or one that is there already.
    """
    pods: dict[tuple[str, str], Object] = {}
    elsewhere = 0
    for document in load_documents(files):
        pod = _read(document, "Pod")
        _check_pod(document, pod)
        if pod["spec"].setdefault("nodeName", node) != node:
            elsewhere += 1
            continue
        metadata = pod["metadata"]
        key = metadata.setdefault("namespace", _DEFAULT_NAMESPACE), metadata["name"]
        if key in pods:
            raise InvalidFile(document.where, f"the pod {'/'.join(key)} is there twice")
        metadata.setdefault("creationTimestamp", created)
        if not pod.get("status"):
            pod["status"] = _running(pod)
        pods[key] = pod
    return [*pods.values()], elsewhere


def _read(document: Document, kind: str) -> Object:
    obj: Object = _without_nulls(document.obj)
    if obj.get("apiVersion") != "v1" or obj.get("kind") != kind:
        raise InvalidFile(document.where, f"expected a {kind} of v1, got {obj.get('kind') or 'an object without kind'}")
    for key in ("metadata", "spec", "status"):
        if not isinstance(obj.get(key, {}), dict):
            raise InvalidFile(document.where, f"{key} is no mapping")
    name = obj.get("metadata", {}).get("name")
    if not isinstance(name, str) or not name:
        raise InvalidFile(document.where, "metadata.name is missing")
    for key in ("labels", "annotations"):
        if not isinstance(obj["metadata"].get(key, {}), dict):
            raise InvalidFile(document.where, f"metadata.{key} is no mapping")
    return obj


def _check_pod(document: Document, pod: Object) -> None:
    containers = pod.get("spec", {}).get("containers")
    if not isinstance(containers, list) or not containers:
        raise InvalidFile(document.where, "spec.containers is missing")
    for at, container in enumerate(containers):
        if not isinstance(container, dict) or not isinstance(container.get("name"), str):
            raise InvalidFile(document.where, f"spec.containers[{at}].name is missing")


def _running(pod: Object) -> Object:
    created = pod["metadata"]["creationTimestamp"]
    statuses = [
        {"name": each["name"], "ready": True, "restartCount": 0, "state": {"running": {"startedAt": created}}}
        for each in pod["spec"]["containers"]
    ]
    return {**deepcopy(POD["status"]), "startTime": created, "containerStatuses": statuses}


def _without_nulls(value: Any) -> Any:
    """An apiserver leaves them out."""
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
