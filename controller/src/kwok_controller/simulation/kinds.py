# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Follows the objects of one kind for as long as there are stages for it, whatever becomes of the kind meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from kwok_controller.api.stage import StageResourceRef
from kwok_controller.kube.client import Client
from kwok_controller.kube.discovery import Discovery
from kwok_controller.kube.errors import ApiError, ConnectionConfigError, Forbidden, NotFound
from kwok_controller.kube.resources import NODES, PODS, Resource
from kwok_controller.kube.watch import Change, WatchEvent, WatchHooks, watch
from kwok_controller.lifecycle.lifecycle import Lifecycle
from kwok_controller.lifecycle.patching import NODE, POD, MergeKeys, PatchError, from_openapi
from kwok_controller.simulation.backoff import Backoff
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.observer import ObservedKind, Observer
from kwok_controller.simulation.pace import Pace
from kwok_controller.simulation.policy import Policy
from kwok_controller.simulation.queue import DelayQueue
from kwok_controller.simulation.resources import Controller, Report
from kwok_controller.simulation.tracked import Job, Object
from kwok_controller.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)

LOOK_AGAIN: Final = Backoff(initial=1.0, factor=2.0, cap=15.0, jitter=0.1)
"""For a kind that the apiserver does not have, or may not be read: its CRD may come, or the right."""

DOUBT_S: Final = 10.0
"""At most once within this time the apiserver is asked whether a kind still is what it was."""

BUILT_IN: Final = {("v1", "Node"): (NODES, NODE), ("v1", "Pod"): (PODS, POD)}
"""What need not be asked for: resources and merge keys."""

OBSERVED: Final[dict[tuple[str, str], ObservedKind]] = {("v1", "Node"): "Node", ("v1", "Pod"): "Pod"}
"""The kinds that an observer is told of."""


class Selection(NamedTuple):
    """Which objects of a kind are followed."""

    labels: str = ""
    fields: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all kinds share.

    Attributes:
        calm: set while the apiserver keeps up; what can wait does until then.
        observer: told of all nodes and pods that are looked after.
        traced: note what leads to plays.
    """

    client: Client
    discovery: Discovery
    queue: DelayQueue[Job]
    clock: Clock
    seed: int
    metrics: Metrics
    report: Report
    report_kind: Callable[[StageResourceRef, str, str], None]
    calm: asyncio.Event
    observer: Observer | None = None
    traced: bool = False


class Kind:
    """One kind with stages.

    Args:
        ref: the kind, as stages name it.
        policy: what is special about it.
        selection: which objects.
        tools: what all kinds share.
        after: a kind all of whose objects have to be seen first.

    Attributes:
        controller: None while the apiserver does not have the kind, or it may not be read.
        synced: set once all objects there were have been seen.
    """

    def __init__(self, ref: StageResourceRef, policy: Policy, selection: Selection, tools: Tools, *, after: Kind | None = None) -> None:
        self.ref = ref
        self.controller: Controller | None = None
        self.synced = asyncio.Event()
        self._policy = policy
        self._selection = selection
        self._tools = tools
        self._after = after
        self._lifecycle: Lifecycle | None = None
        self._changed = asyncio.Event()
        self._away = False

    def use(self, lifecycle: Lifecycle) -> None:
        """Play these stages from now on."""
        self._lifecycle = lifecycle
        self._changed.set()

    def pending(self) -> bool:
        """Whether there are objects that have not been seen yet. Kinds that cannot be followed have none, except nodes and pods."""
        return not self.synced.is_set() and (not self._away or (self.ref.api_group, self.ref.kind) in BUILT_IN)

    async def run(self) -> None:
        """Follow the kind until cancelled."""
        failures = 0
        while True:
            began = self._tools.clock.monotonic()
            try:
                problem = await self._serve()
            except (ApiError, ConnectionConfigError) as error:
                problem = self._refused(error)
            except Exception:
                # A fault of ours with one kind must not stop the others.
                _LOG.exception("following %s of %s failed", self.ref.kind, self.ref.api_group)
                problem = True
            failures = failures + 1 if problem and self._tools.clock.monotonic() - began < LOOK_AGAIN.cap else 0
            if problem:
                await self._tools.clock.sleep(LOOK_AGAIN.delay(failures, lambda: 0.5))

    def _refused(self, error: ApiError | ConnectionConfigError) -> bool:
        if isinstance(error, Forbidden):
            message = f"{error}. Grant the controller get, list and watch on this resource (RBAC)"
            self._unplayable("Forbidden", message)
        elif isinstance(error, NotFound):
            self._unplayable("UnknownKind", f"the apiserver has no kind {self.ref.kind} in {self.ref.api_group} any more")
        else:
            _LOG.warning("following %s of %s failed, to be tried again: %s", self.ref.kind, self.ref.api_group, error)
        return True

    def _unplayable(self, reason: str, message: str) -> None:
        self._away = True
        self._tools.report_kind(self.ref, reason, message)

    async def _serve(self) -> bool:
        """Follow the kind as it is now, until it is another; whether there was a problem, which was reported."""
        ref, tools = self.ref, self._tools
        keys: MergeKeys | None
        resource, keys = BUILT_IN.get((ref.api_group, ref.kind), (None, None))
        if resource is None:
            resource = await tools.discovery.find(ref.api_group, ref.kind, refresh=True)
        if resource is None:
            message = f"the apiserver has no kind {ref.kind} in {ref.api_group}. Create its CRD, or correct resourceRef"
            self._unplayable("UnknownKind", message)
            return True
        if not resource.verbs >= {"list", "watch"}:
            self._unplayable("UnknownKind", f"{resource} of {ref.api_group} cannot be watched")
            return True
        if self._after is not None:
            await self._after.synced.wait()
        self._away = False
        controller = self.controller = Controller(
            ref,
            resource,
            self._policy,
            queue=tools.queue,
            clock=tools.clock,
            seed=tools.seed,
            lister=lambda fields: self._list(resource, fields),
            report=tools.report,
            metrics=tools.metrics,
            keys=keys,
            traced=tools.traced,
        )
        tools.metrics.bind_managed(ref.api_group, ref.kind, controller.managed)
        self._changed.set()
        try:
            await together(self._adopt(controller), self._follow(controller), controller.relist(), self._check(controller))
        finally:
            self.controller = None
            controller.stop()
            tools.metrics.unbind_managed(ref.api_group, ref.kind)
        return False

    async def _adopt(self, controller: Controller) -> None:
        """Hand the stages on whenever they have changed."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            lifecycle = self._lifecycle
            if lifecycle is not None:
                if _strategic(lifecycle) and controller.keys is None:
                    controller.keys = await self._merge_keys(controller.resource)
                controller.use(lifecycle)

    async def _merge_keys(self, resource: Resource) -> MergeKeys | None:
        document = await self._tools.discovery.openapi_v3(resource.api_version)
        try:
            return from_openapi(document or {}, (resource.group, resource.version, resource.kind))
        except PatchError as error:
            _LOG.warning("%s: lists are replaced by strategic merge patches, not merged: %s", resource, error)
            return None

    async def _follow(self, controller: Controller) -> None:
        resource, selection = controller.resource, self._selection
        read: float | None = None

        def came() -> None:
            nonlocal read
            read = self._tools.clock.monotonic()

        def restarted(reason: str) -> None:
            nonlocal read
            # What is listed then has not come by itself.
            read = None
            self._tools.metrics.watch_restarted(resource.plural, reason)

        hooks = WatchHooks(
            restarted=restarted,
            read=came if self._tools.traced else lambda: None,
            undecodable=lambda event: _LOG.warning("%s: an object is nested too deep to be played: %s", resource, event),
        )
        events = watch(self._tools.client, resource, label_selector=selection.labels, field_selector=selection.fields, hooks=hooks)
        pace = Pace()
        observer, kind = self._tools.observer, OBSERVED.get((self.ref.api_group, self.ref.kind))
        if observer is not None and kind is not None:
            observer.begun(kind)
        async with aclosing(events):
            async for event in events:
                if event.change is Change.SYNCED:
                    if observer is not None and kind is not None:
                        observer.synced(kind)
                    controller.list_done()
                    self.synced.set()
                    self._tools.report_kind(self.ref, "", "")
                    continue
                try:
                    if observer is not None and kind is not None:
                        self._show(observer, kind, event)
                    if event.change is Change.DELETED:
                        controller.vanished(event.key, event.object["metadata"].get("uid") or "")
                    else:
                        controller.observe(event.object, event.key, read=read)
                except Exception:
                    # A fault of ours with one object must not stop the others.
                    _LOG.exception("%s %s: cannot be dealt with", self.ref.kind, "/".join(event.key))
                await pace.keep()

    def _show(self, observer: Observer, kind: ObservedKind, event: WatchEvent) -> None:
        if event.change is not Change.DELETED and self._policy.wants(event.object):
            observer.observed(kind, event.key, event.object)
        else:
            observer.vanished(kind, event.key)

    async def _list(self, resource: Resource, fields: str | None) -> AsyncIterator[Object]:
        selection = self._selection
        pace = Pace()
        await self._tools.calm.wait()
        async for obj in self._tools.client.list(resource, label_selector=selection.labels, field_selector=fields or selection.fields):
            obj["metadata"].pop("managedFields", None)
            yield obj
            await pace.keep()

    async def _check(self, controller: Controller) -> None:
        """Return when the kind is no longer what it was, as when its CRD got a status subresource. It is looked at when it seems so."""
        while True:
            await controller.doubted.wait()
            controller.doubted.clear()
            if await self._tools.discovery.find(self.ref.api_group, self.ref.kind, refresh=True) != controller.resource:
                return
            await self._tools.clock.sleep(DOUBT_S)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of these at once, until the first comes to its end or fails; then the others are cancelled. Raises what that one raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _strategic(lifecycle: Lifecycle) -> bool:
    """Whether a stage says that it sends strategic merge patches."""
    return any(step.patch is not None and step.patch.type == "strategic" for stage in lifecycle.stages for step in stage.spec.steps)
