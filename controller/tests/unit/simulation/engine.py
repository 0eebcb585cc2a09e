# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""The engine on an apiserver that lives in memory, whose time, failures and delays the tests decide."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
from fake_clock import FakeClock, settle

from kwok_controller.api import StageResourceRef, decode_stage
from kwok_controller.kube.client import Client
from kwok_controller.kube.discovery import Discovery
from kwok_controller.kube.errors import AlreadyExists, ApiError, Conflict, Invalid, NotFound
from kwok_controller.kube.resources import Resource
from kwok_controller.lifecycle import Lifecycle, StageError, compile_stage
from kwok_controller.lifecycle.patching import apply_json, apply_merge
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.events import ObjectReference, Recorder
from kwok_controller.simulation.functions import Environments
from kwok_controller.simulation.ipam import IPAM
from kwok_controller.simulation.leases import LeaseKeeper
from kwok_controller.simulation.nodes import Nodes
from kwok_controller.simulation.player import Player
from kwok_controller.simulation.pods import Pods
from kwok_controller.simulation.policy import Disregard, Policy
from kwok_controller.simulation.queue import DelayQueue
from kwok_controller.simulation.resources import Controller
from kwok_controller.simulation.tracked import Job
from kwok_controller.telemetry.metrics import Metrics
from kwok_controller.telemetry.tracing import NO_TRACING, Tracing

WIDGETS = Resource("example.com", "v1", "widgets", "Widget", True, frozenset({"status"}), frozenset({"list", "watch"}))
GADGETS = Resource("example.com", "v1", "gadgets", "Gadget", False, frozenset(), frozenset({"list", "watch"}))
WIDGET = StageResourceRef(api_group="example.com/v1", kind="Widget")

Object = dict[str, Any]
Request = tuple[str, str, str]
"""Verb, name with the subresource, body or content type."""


class MemoryApi:
    """Objects as an apiserver keeps them: versions, conflicts, and changes that are told to whoever listens.

    Attributes:
        requests: verb and what it was about, one after the other.
        failure: asked before each request is carried out.
        lost: asked after a request was carried out: the answer is lost if it gives an error.
        told: changes are told at once; otherwise they are kept until `tell`.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.version = 1000
        self.requests: list[tuple[str, str]] = []
        self.failure: Callable[[str, str], ApiError | None] = lambda verb, name: None
        self.lost: Callable[[str, str], ApiError | None] = lambda verb, name: None
        self.before: Callable[[str, str], None] = lambda verb, name: None
        self.latency: Callable[[], int] = lambda: 1
        self.listeners: list[Callable[[str, Object], None]] = []
        self.told = True
        self._untold: list[tuple[str, Object]] = []
        self._uids = 0

    # What the tests do.

    def put(self, resource: Resource, obj: Object) -> Object:
        """Create or change an object, as somebody else."""
        meta = obj["metadata"]
        key = (resource.plural, meta.get("namespace", ""), meta["name"])
        had = self.objects.get(key)
        if had is None:
            self._uids += 1
            meta["uid"] = f"uid-{self._uids}"
        return self._store(key, obj, "ADDED" if had is None else "MODIFIED")

    def edit(self, resource: Resource, name: str, change: Object, namespace: str = "default") -> Object:
        """Merge something into an object, as somebody else."""
        key = (resource.plural, namespace if resource.namespaced else "", name)
        return self._store(key, apply_merge(self.objects[key], change), "MODIFIED")

    def remove(self, resource: Resource, name: str, namespace: str = "default") -> None:
        """Delete an object, as somebody else."""
        self._remove((resource.plural, namespace if resource.namespaced else "", name))

    def tell(self) -> None:
        """Tell the changes that were kept."""
        untold, self._untold = self._untold, []
        for change, obj in untold:
            for listener in self.listeners:
                listener(change, copy.deepcopy(obj))

    def of(self, resource: Resource) -> list[Object]:
        return [obj for key, obj in sorted(self.objects.items()) if key[0] == resource.plural]

    # What the engine does.

    async def update(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: bytes,
        *,
        subresource: str | None = None,
        params: Mapping[str, Any] | None = None,
        accept: str = "",
    ) -> bytes:
        key = (resource.plural, namespace or "", name)
        target = f"{name}/{subresource}" if subresource else name
        await self._request("update", target)
        had = self._get(key, resource)
        sent: Object = orjson.loads(body)
        if sent["metadata"]["resourceVersion"] != had["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified", status=409, reason="Conflict")
        assert subresource == "status"
        # What is sent along is taken for what the object is to have.
        assert "managedFields" not in sent["metadata"]
        return self._answer("update", target, self._store(key, {**had, "metadata": sent["metadata"], "status": sent["status"]}, "MODIFIED"))

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: bytes,
        content_type: str,
        *,
        subresource: str | None = None,
        params: dict[str, Any] | None = None,
        accept: str = "",
        impersonate: str | None = None,
    ) -> bytes:
        key = (resource.plural, namespace or "", name)
        verb = "apply" if "apply-patch" in content_type else "patch"
        target = (f"{name}/{subresource}" if subresource else name) + (f" as {impersonate}" if impersonate else "")
        await self._request(verb, target)
        sent = orjson.loads(body)
        if verb == "apply" and key not in self.objects:
            return orjson.dumps(self.put(resource, sent))
        had = self._get(key, resource)
        changed = apply_json(had, sent) if "json-patch" in content_type else apply_merge(had, sent)
        if changed["metadata"]["uid"] != had["metadata"]["uid"]:
            causes = [{"reason": "FieldValueInvalid", "field": "metadata.uid", "message": "field is immutable"}]
            raise Invalid("field is immutable", status=422, reason="Invalid", details={"causes": causes})
        return self._answer(verb, target, had if changed is had else self._store(key, changed, "MODIFIED"))

    async def create(
        self, resource: Resource, namespace: str | None, body: bytes, *, accept: str = "", impersonate: str | None = None
    ) -> bytes:
        sent: Object = orjson.loads(body)
        await self._request("create", sent["metadata"]["name"])
        if (resource.plural, namespace or "", sent["metadata"]["name"]) in self.objects:
            raise AlreadyExists("exists", status=409, reason="AlreadyExists")
        return orjson.dumps(self.put(resource, sent))

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, grace_period_s: int | None = None, uid: str | None = None
    ) -> bytes:
        await self._request("delete", name)
        key = (resource.plural, namespace or "", name)
        had = self._get(key, resource)
        if uid is not None and had["metadata"]["uid"] != uid:
            raise Conflict("the UID in the precondition is another", status=409, reason="Conflict")
        if had["metadata"].get("finalizers"):
            return orjson.dumps(self._store(key, apply_merge(had, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), "MODIFIED"))
        self._remove(key)
        return b"{}"

    async def list(self, resource: Resource) -> AsyncIterator[Object]:
        await self._request("list", resource.plural)
        for obj in self.of(resource):
            yield copy.deepcopy(obj)

    async def find(self, api_group: str, kind: str, *, refresh: bool = False) -> Resource | None:
        return {"Widget": WIDGETS, "Gadget": GADGETS}.get(kind)

    async def _request(self, verb: str, target: str) -> None:
        self.requests.append((verb, target))
        for _ in range(self.latency()):
            await asyncio.sleep(0)
        self.before(verb, target)
        error = self.failure(verb, target)
        if error is not None:
            raise error

    def _answer(self, verb: str, target: str, obj: Object) -> bytes:
        error = self.lost(verb, target)
        if error is not None:
            raise error
        return orjson.dumps({**obj, "metadata": {**obj["metadata"], "managedFields": [{"manager": "x"}]}})

    def _get(self, key: tuple[str, str, str], resource: Resource) -> Object:
        if key not in self.objects:
            raise NotFound("not found", status=404, reason="NotFound", details={"name": key[2], "kind": resource.plural})
        return self.objects[key]

    def _store(self, key: tuple[str, str, str], obj: Object, change: str) -> Object:
        self.version += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        meta = stored["metadata"]
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self.objects[key] = stored
            self._remove(key)
            return stored
        self.objects[key] = stored
        self._note(change, stored)
        return stored

    def _remove(self, key: tuple[str, str, str]) -> None:
        self._note("DELETED", self.objects.pop(key))

    def _note(self, change: str, obj: Object) -> None:
        self._untold.append((change, obj))
        if self.told:
            self.tell()


class Events:
    """Takes the Events of stages."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, about: ObjectReference, type_: str, reason: str, message: str) -> bool:
        self.sent.append((about.name, reason))
        return True


class Engine:
    """Everything from the watch to the requests, for one kind.

    Attributes:
        reports: stages and what was wrong with them.
    """

    def __init__(
        self,
        stages: list[Object],
        *,
        policy: Policy | None = None,
        resource: Resource = WIDGETS,
        seed: int = 1,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics(process=False)
        self.api = MemoryApi()
        self.events = Events()
        self.reports: list[tuple[str, StageError]] = []
        self.queue: DelayQueue[Job] = DelayQueue(self.clock)
        self.ref = StageResourceRef(api_group=resource.api_version, kind=resource.kind)
        self.keeper = Keeper(self.clock)
        self.nodes = Nodes(cast(LeaseKeeper, self.keeper), Disregard())
        self.pods = Pods(self.nodes, IPAM(("10.0.0.1/24",)), Disregard())
        self.environments = Environments(self.pods, self.clock, node_ip="192.0.2.1", node_name="host", node_port=10250)
        self.player = Player(
            self.queue,
            cast(Client, self.api),
            cast(Discovery, self.api),
            cast(Recorder, self.events),
            cast(Clock, self.clock),
            seed=seed,
            noise=lambda: 0.0,
            tracing=tracing,
        )
        self.controller = Controller(
            self.ref,
            resource,
            policy or Policy(Disregard()),
            queue=self.queue,
            clock=cast(Clock, self.clock),
            seed=seed,
            lister=lambda fields: self.api.list(resource),
            report=self._report,
            metrics=self.metrics,
            traced=tracing.on,
        )
        self.api.listeners.append(self._take)
        self.resource = resource
        self.use(stages)

    def use(self, stages: list[Object]) -> None:
        """Play these stages from now on."""
        environment = self.environments.of(self.ref)
        compiled = [compile_stage(decode_stage(self._complete(stage)), environment) for stage in stages]
        self.controller.use(Lifecycle(compiled, lambda error: self._report(error.stage, error, "ExpressionFailed")))

    @asynccontextmanager
    async def running(self, workers: int = 4) -> AsyncIterator[None]:
        """With workers at it; at the end, none may have failed."""
        tasks = [asyncio.ensure_future(self.player.work()) for _ in range(workers)]
        relist = asyncio.ensure_future(self.controller.relist())
        try:
            yield
        finally:
            self.queue.close()
            await settle()
            relist.cancel()
            await asyncio.gather(*tasks)

    def widget(self, name: str = "w", **fields: Any) -> Object:
        """Create an object."""
        meta: Object = {"name": name}
        if self.resource.namespaced:
            meta["namespace"] = "default"
        meta.update(fields.pop("metadata", {}))
        return self.api.put(
            self.resource, {"apiVersion": self.resource.api_version, "kind": self.resource.kind, "metadata": meta, **fields}
        )

    def get(self, name: str = "w") -> Object:
        """An object as the apiserver has it."""
        return self.api.objects[self.resource.plural, "default" if self.resource.namespaced else "", name]

    def _complete(self, stage: Object) -> Object:
        spec = {"resourceRef": {"apiGroup": self.ref.api_group, "kind": self.ref.kind}, **stage["spec"]}
        return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": stage["name"]}, "spec": spec}

    def _take(self, change: str, obj: Object) -> None:
        meta = obj["metadata"]
        if obj["kind"] != self.ref.kind:
            return
        if change == "DELETED":
            self.controller.vanished((meta.get("namespace", ""), meta["name"]), meta["uid"])
        else:
            self.controller.observe(obj, read=self.clock.monotonic())

    def _report(self, stage: str, error: StageError | None, reason: str) -> None:
        if error is not None:
            self.reports.append((reason, error))


class Keeper:
    """Holds the Leases that the tests give it."""

    def __init__(self, clock: FakeClock) -> None:
        self.ours: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.released: list[str] = []

    def hold(self, name: str, uid: str) -> None:
        self.asked.append((name, uid))

    def release(self, name: str) -> None:
        self.released.append(name)
        self.ours.discard(name)

    def held(self, name: str) -> bool:
        return name in self.ours


def stage(name: str, *steps: Object, when: Object | None = None, **spec: Any) -> Object:
    """A stage: `when` maps jq paths to the value that they must have, None for none."""
    expressions = [
        {"key": key, "operator": "DoesNotExist"} if value is None else {"key": key, "operator": "In", "values": [value]}
        for key, value in (when or {}).items()
    ]
    return {"name": name, "spec": {"selector": {"matchExpressions": expressions}, "steps": list(steps), **spec}}


def status(text: str, **more: Any) -> Object:
    """A step that merges this into the status."""
    return {"patch": {"subresource": "status", "root": "status", "template": text, "type": "merge", **more}}


def event(reason: str) -> Object:
    """A step that sends an Event."""
    return {"event": {"type": "Normal", "reason": reason, "message": reason}}
