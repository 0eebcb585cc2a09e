# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Nodes, pods, Metrics and usages; what counts errors; and an apiserver that is asked who somebody is and what they may do."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import orjson

from kwok_controller.api.decode import decode
from kwok_controller.api.kinds import Shown
from kwok_controller.kube.client import Client
from kwok_controller.kube.errors import ApiError
from kwok_controller.kubelet.scrapes import Scrapes
from kwok_controller.simulation.clock import Clock

Object = dict[str, Any]

START = "2023-11-14T22:13:20Z"  # 1_700_000_000, when fake clocks begin
RESOURCE_PATH = "/metrics/nodes/{nodeName}/metrics/resource"


def node(name: str = "n1", *, ip: str = "192.0.2.1", port: int = 10250, uid: str = "", **more: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": uid or f"uid-{name}", "resourceVersion": "1", "creationTimestamp": START, **more},
        "spec": {"podCIDR": "10.1.0.0/24"},
        "status": {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": ip}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "capacity": {"cpu": "4", "memory": "1Gi", "pods": "30"},
        },
    }


def pod(name: str = "web", node: str = "n1", *containers: str, uid: str = "", version: str = "1", phase: str = "Running") -> Object:
    names = containers or ("app",)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "resourceVersion": version},
        "spec": {"nodeName": node, "containers": [{"name": each, "image": "i"} for each in names]},
        "status": {
            "phase": phase,
            "startTime": START,
            "containerStatuses": [{"name": each, "restartCount": 0, "state": {"running": {"startedAt": START}}} for each in names],
        },
    }


def metric(name: str = "resource", *metrics: Object, path: str = RESOURCE_PATH) -> Object:
    each = metrics or ({"name": "node_memory_working_set_bytes", "kind": "gauge", "value": 'node.Usage("memory")'},)
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Metric",
        "metadata": {"name": name},
        "spec": {"path": path, "metrics": list(each)},
    }


def usage(name: str = "all", cpu: str = "Constant(0.25)", memory: str = 'Quantity("64Mi")', namespace: str = "") -> Object:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    resources = {"cpu": {"expression": cpu}, "memory": {"expression": memory}}
    kind = "ResourceUsage" if namespace else "ClusterResourceUsage"
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": {"usages": [{"usage": resources}]}}


def decoded(*objects: Object) -> list[Shown]:
    return [cast(Shown, decode(obj)) for obj in objects]


class Metrics:
    """What counts errors."""

    def __init__(self) -> None:
        self.errors: dict[tuple[str, str, str], int] = {}

    def evaluation_failed(self, kind: str, namespace: str, name: str, count: int) -> None:
        self.errors[kind, namespace, name] = self.errors.get((kind, namespace, name), 0) + count

    def watch_restarted(self, resource: str, reason: str) -> None:
        raise AssertionError(f"{resource}: {reason}")


def scrapes(clock: Clock, *objects: Object, nodes: tuple[Object, ...] = (), pods: tuple[Object, ...] = ()) -> Scrapes:
    """What there is to see of these, without an apiserver."""
    made = Scrapes(clock, seed=1, metrics=Metrics(), local=decoded(*objects))
    for each in nodes:
        made.store.observed("Node", ("", each["metadata"]["name"]), each)
    for each in pods:
        made.store.observed("Pod", ("default", each["metadata"]["name"]), each)
    return made


class FakeReviews:
    """As much of an apiserver as reviews take.

    Attributes:
        users: by token.
        rules: user, subresource and node, which is empty for all, that are allowed.
        asked: the reviews, by kind and spec.
        failure: what is raised instead.
        wait: is waited for before an answer.
    """

    def __init__(self) -> None:
        self.users: dict[str, Object] = {}
        self.rules: set[tuple[str, str, str]] = set()
        self.asked: list[tuple[str, Object]] = []
        self.failure: ApiError | None = None
        self.wait: asyncio.Event | None = None

    @property
    def client(self) -> Client:
        return cast(Client, self)

    async def request(self, method: str, path: str, *, body: bytes, verb: str, resource: str) -> bytes:
        review = orjson.loads(body)
        assert (method, verb, path.rpartition("/")[2]) == ("POST", "create", resource)
        self.asked.append((review["kind"], review["spec"]))
        if self.wait is not None:
            await self.wait.wait()
        if self.failure is not None:
            raise self.failure
        if review["kind"] == "TokenReview":
            user = self.users.get(review["spec"]["token"])
            return orjson.dumps({"status": {"authenticated": user is not None, "user": user}})
        attributes = review["spec"]["resourceAttributes"]
        assert (attributes["resource"], attributes["group"], attributes["version"]) == ("nodes", "", "v1")
        allowed = (review["spec"]["user"], attributes["subresource"], attributes["name"]) in self.rules
        return orjson.dumps({"status": {"allowed": allowed}})

    def names_asked(self) -> list[tuple[str, str, str]]:
        """The questions who may do what: verb, subresource and node."""
        specs = [spec["resourceAttributes"] for kind, spec in self.asked if kind == "SubjectAccessReview"]
        return [(each["verb"], each["subresource"], each["name"]) for each in specs]
