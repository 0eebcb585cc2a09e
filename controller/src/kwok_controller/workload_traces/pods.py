# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Pods that spans can come from: which are ready, and what a span's resource says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from kwok_controller.usage.pods import Object, node_of
from kwok_controller.workload_traces.profile import Service

_VERSION_LABEL: Final = "app.kubernetes.io/version"
_HASH_LABEL: Final = "pod-template-hash"
# https://opentelemetry.io/docs/specs/semconv/resource/k8s/
_OWNERS: Final = {
    "ReplicaSet": "k8s.replicaset.name",
    "StatefulSet": "k8s.statefulset.name",
    "DaemonSet": "k8s.daemonset.name",
    "Job": "k8s.job.name",
}


class ReadyPod(NamedTuple):
    """What is kept of a pod that is ready.

    Attributes:
        namespace: where it is.
        name: its name.
        uid: its UID.
        node: the name of its node.
        ip: its address; may be empty.
        labels: its labels.
        containers: their names.
        owners: attributes of what it belongs to.
    """

    namespace: str
    name: str
    uid: str
    node: str
    ip: str
    labels: Mapping[str, str]
    containers: tuple[str, ...]
    owners: tuple[tuple[str, str], ...]


class Instance:
    """A pod as an instance of a service; itself and equal to no other.

    Attributes:
        node: the name of its node.
        ip: its address; may be empty.
        resource: attributes of all its spans' resource.
    """

    __slots__ = ("ip", "node", "resource")

    def __init__(self, service: Service, pod: ReadyPod) -> None:
        self.node = pod.node
        self.ip = pod.ip
        self.resource = _resource(service, pod)


def ready_pod(pod: Object) -> ReadyPod | None:
    """What is kept of a pod; None unless it runs, is ready, and is not being deleted."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    if status.get("phase") != "Running" or metadata.get("deletionTimestamp"):
        return None
    if not any(each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions") or ()):
        return None
    containers = (pod.get("spec") or {}).get("containers") or ()
    return ReadyPod(
        metadata.get("namespace") or "",
        metadata["name"],
        metadata.get("uid") or "",
        node_of(pod),
        status.get("podIP") or "",
        dict(metadata.get("labels") or {}),
        tuple(container["name"] for container in containers),
        _owners(metadata),
    )


def _owners(metadata: Object) -> tuple[tuple[str, str], ...]:
    """The controller that the pod belongs to; of a ReplicaSet that bears a Deployment's hash, the Deployment, too."""
    owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
    if owner is None or owner.get("kind") not in _OWNERS:
        return ()
    found = [(_OWNERS[owner["kind"]], owner["name"])]
    suffix = f"-{(metadata.get('labels') or {}).get(_HASH_LABEL)}"
    if owner["kind"] == "ReplicaSet" and owner["name"].endswith(suffix):
        found.insert(0, ("k8s.deployment.name", owner["name"].removesuffix(suffix)))
    return tuple(found)


def _resource(service: Service, pod: ReadyPod) -> tuple[tuple[str, str], ...]:
    container = service.container or (pod.containers[0] if pod.containers else "")
    attributes = {
        "service.name": service.name,
        "service.namespace": pod.namespace,
        # https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/
        "service.instance.id": f"{pod.namespace}.{pod.name}.{container}",
        "service.version": pod.labels.get(_VERSION_LABEL, ""),
        "k8s.namespace.name": pod.namespace,
        "k8s.pod.name": pod.name,
        "k8s.pod.uid": pod.uid,
        "k8s.node.name": pod.node,
        "k8s.container.name": container,
        **dict(pod.owners),
        **service.attributes,
    }
    return tuple((key, value) for key, value in attributes.items() if value)
