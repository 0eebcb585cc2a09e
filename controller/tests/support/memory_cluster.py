# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""As much of an apiserver as following objects and writing their statuses takes, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson

from kwok_controller.kube import errors
from kwok_controller.kube.resources import Resource
from kwok_controller.kube.watch import Change, WatchEvent

Object = dict[str, Any]
Key = tuple[str, str, str]


class MemoryCluster:
    """Objects as an apiserver keeps them; its client and its watch."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.absent: set[str] = set()
        self.writes: list[tuple[str, Object]] = []
        self.failures: list[errors.ApiError] = []
        self._version = 0
        self._watchers: list[tuple[str, asyncio.Queue[WatchEvent | errors.ApiError]]] = []

    def apply(self, obj: Object) -> None:
        key = self._key(obj)
        had = self.objects.get(key)
        generation = 1 if had is None else had["metadata"]["generation"] + (had["spec"] != obj["spec"])
        metadata = {**obj["metadata"], "uid": f"uid-{key[2]}", "generation": generation}
        status = had.get("status", {}) if had is not None else {}
        self._store({**obj, "metadata": metadata, "status": status}, Change.ADDED if had is None else Change.MODIFIED)

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        self._tell(kind, WatchEvent(Change.DELETED, (namespace, name), self.objects.pop((kind, namespace, name))))

    def end_watches(self, kind: str, error: errors.ApiError) -> None:
        self._tell(kind, error)
        self._watchers = [each for each in self._watchers if each[0] != kind]

    def condition(self, kind: str, name: str, namespace: str = "") -> tuple[str, str, str] | None:
        conditions = self.objects[kind, namespace, name].get("status", {}).get("conditions", [])
        return next(((each["status"], each["reason"], each["message"]) for each in conditions if each["type"] == "Ready"), None)

    async def update(self, resource: Resource, namespace: str | None, name: str, body: Object, *, subresource: str) -> bytes:
        assert subresource == "status"
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop()
        had = self.objects.get((resource.kind, namespace or "", name))
        if had is None:
            raise errors.NotFound("gone", status=404)
        if body["metadata"]["resourceVersion"] != had["metadata"]["resourceVersion"]:
            raise errors.Conflict("conflict", status=409)
        assert body["metadata"].get("namespace", "") == (namespace or "")
        status = {"conditions": body["status"]["conditions"]}
        self.writes.append((name, status))
        return orjson.dumps(self._store({**had, "status": status}, Change.MODIFIED))

    async def watch(self, client: object, resource: Resource, **options: Any) -> AsyncGenerator[WatchEvent, None]:
        if resource.kind in self.absent:
            raise errors.NotFound("the server could not find the requested resource", status=404)
        queue: asyncio.Queue[WatchEvent | errors.ApiError] = asyncio.Queue()
        for (kind, namespace, name), obj in self.objects.items():
            if kind == resource.kind:
                queue.put_nowait(WatchEvent(Change.ADDED, (namespace, name), obj))
        queue.put_nowait(WatchEvent(Change.SYNCED, ("", ""), {}))
        self._watchers.append((resource.kind, queue))
        while True:
            event = await queue.get()
            if isinstance(event, errors.ApiError):
                raise event
            yield event

    def _key(self, obj: Object) -> Key:
        return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]

    def _store(self, obj: Object, change: Change) -> Object:
        self._version += 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
        key = self._key(obj)
        self.objects[key] = obj
        self._tell(key[0], WatchEvent(change, key[1:], obj))
        return obj

    def _tell(self, kind: str, event: WatchEvent | errors.ApiError) -> None:
        for of, queue in self._watchers:
            if of == kind:
                queue.put_nowait(event)
