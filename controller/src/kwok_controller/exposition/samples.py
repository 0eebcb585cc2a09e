# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A node, a pod and a container as they commonly are, to try expressions on."""

from __future__ import annotations

from typing import Final

from kwok_controller.exposition.language import Object

CONTAINER: Final[Object] = {
    "name": "app",
    "image": "registry.example/app:1.0",
    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
    "env": [{"name": "MODE", "value": "production"}],
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
}
POD: Final[Object] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "app-6d4cf56db6-x7k2p",
        "namespace": "default",
        "uid": "8b8d5ab4-7c29-4a53-8f0e-4d7c9a1b2c3d",
        "resourceVersion": "1042",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": "app"},
        "annotations": {},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "app-6d4cf56db6", "controller": True}],
    },
    "spec": {"nodeName": "node-0", "restartPolicy": "Always", "serviceAccountName": "default", "containers": [CONTAINER]},
    "status": {
        "phase": "Running",
        "hostIP": "10.0.0.1",
        "podIP": "10.244.0.5",
        "qosClass": "Burstable",
        "startTime": "2026-01-01T00:00:01Z",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:02Z"}],
        "containerStatuses": [
            {
                "name": "app",
                "image": "registry.example/app:1.0",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-01T00:00:02Z"}},
            }
        ],
    },
}
NODE: Final[Object] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "node-0",
        "uid": "0d9f8e7c-6b5a-4c3d-9e2f-1a0b9c8d7e6f",
        "resourceVersion": "1001",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"kubernetes.io/hostname": "node-0", "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"},
        "annotations": {"kwok.x-k8s.io/node": "fake"},
    },
    "spec": {"podCIDR": "10.244.0.0/24"},
    "status": {
        "phase": "Running",
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"},
        "allocatable": {"cpu": "8", "memory": "32Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:02Z"}],
        "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.3"},
    },
}
