# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""Events (core/v1) about objects, sent beside the work and never in its way.

What repeats is counted, and an object that has too many gets no more for a while, both as in client-go
(tools/record/events_cache.go). Beyond that, what repeats while it still waits to be sent costs no request at all.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from random import random as system_random
from typing import Any, Final, NamedTuple, Protocol

import orjson

from kwok_controller.kube import errors
from kwok_controller.kube.client import JSON, MERGE_PATCH
from kwok_controller.kube.resources import EVENTS
from kwok_controller.simulation.backoff import Backoff, Random
from kwok_controller.simulation.clock import Clock
from kwok_controller.telemetry.logs import get_logger

COMPONENT: Final = "kwok_controller"
"""As the Go kwok calls itself in its Events."""

CLUSTER_SCOPED_NAMESPACE: Final = "default"
"""Where Events about objects without a namespace are: the apiserver wants it so."""

QUEUE_LIMIT: Final = 1000
"""Events that may wait; client-go has as many."""

CACHE_LIMIT: Final = 4096
"""Events, and objects, that are remembered; client-go has as many."""

SPAM_BURST: Final = 25.0
SPAM_REFILL_S: Final = 300.0
"""So many Events about one object at once, then one in this time: client-go's defaults."""

ATTEMPTS: Final = 12
RETRY: Final = Backoff(initial=1.0, cap=10.0)
"""client-go tries as often, 10 s apart."""

PARALLELISM: Final = 4
TYPES: Final = frozenset({"Normal", "Warning"})

_log = get_logger(__name__)


class ObjectReference(NamedTuple):
    """The object that an Event is about. `namespace` is empty for cluster-scoped ones."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class Client(Protocol):
    """What is needed of `kube.client.Client`."""

    async def request(
        self, method: str, path: str, *, body: bytes | None = None, content_type: str = ..., verb: str = "", resource: str = ""
    ) -> bytes:
        """One request; raises `kube.errors.KubeError`."""
        ...


class _Content(NamedTuple):
    """What makes two Events the same."""

    about: ObjectReference
    type: str
    reason: str
    message: str


class _Entry:
    """One Event, and how often it has happened."""

    __slots__ = ("content", "count", "first_ns", "last_ns", "name", "queued", "sent")

    def __init__(self, content: _Content, now_ns: int, name: str) -> None:
        self.content = content
        self.name = name
        self.count = 0
        self.first_ns = self.last_ns = now_ns
        self.queued = False
        self.sent = False


class Recorder:
    """Takes Events, counts those that repeat, drops those about an object that has too many.

    Attributes:
        dropped: How many were not sent: no room in the queue, too many about one object, or refused.
    """

    def __init__(self, client: Client, *, component: str = COMPONENT, host: str = "", clock: Clock, random: Random = system_random) -> None:
        """Prepare; `run` sends."""
        self._client = client
        self._component = component
        self._host = host
        self._clock = clock
        self._random = random
        self._entries: OrderedDict[_Content, _Entry] = OrderedDict()
        self._buckets: OrderedDict[ObjectReference, tuple[float, float]] = OrderedDict()
        self._queue: deque[_Entry] = deque()
        self._work = asyncio.Event()
        self._refused_types: set[str] = set()
        self._named_ns = 0
        self.dropped = 0

    def __len__(self) -> int:
        """How many wait to be sent."""
        return len(self._queue)

    def send(self, about: ObjectReference, type_: str, reason: str, message: str) -> bool:
        """Take an Event; false: it was dropped (queue full, or too many about this object). Never blocks."""
        if type_ not in TYPES:
            self.dropped += 1
            if type_ not in self._refused_types and len(self._refused_types) < CACHE_LIMIT:
                self._refused_types.add(type_)
                _log.error("an event has an unknown type and is not sent", type=type_, reason=reason, supported="Normal, Warning")
            return False
        content = _Content(about, type_, reason, message)
        entry = self._entries.get(content)
        full = len(self._queue) >= QUEUE_LIMIT and (entry is None or not entry.queued)
        if full or not self._allowed(about):
            self.dropped += 1
            return False
        now_ns = self._clock.now_ns()
        if entry is None:
            entry = self._entries[content] = _Entry(content, now_ns, self._name(about))
            if len(self._entries) > CACHE_LIMIT:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(content)
        entry.count += 1
        entry.last_ns = now_ns
        if not entry.queued:
            entry.queued = True
            self._queue.append(entry)
            self._work.set()
        return True

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(PARALLELISM):
                tasks.create_task(self._send_all())

    async def flush(self, timeout: float = 2.0) -> int:
        """Send what is left, each once, when `run` has ended; returns how many could not be sent in time."""
        senders = [asyncio.ensure_future(self._flush_some()) for _ in range(PARALLELISM)]
        _done, late = await asyncio.wait(senders, timeout=timeout)
        for sender in late:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        return len(self._queue)

    def _name(self, about: ObjectReference) -> str:
        """As client-go names Events: after the object and the time, which is never the same twice here."""
        self._named_ns = max(self._clock.now_ns(), self._named_ns + 1)
        return f"{about.name}.{self._named_ns:x}"

    def _allowed(self, about: ObjectReference) -> bool:
        """Take a token from the object's bucket, if there is one."""
        now = self._clock.monotonic()
        tokens, at = self._buckets.get(about, (SPAM_BURST, now))
        tokens = min(SPAM_BURST, tokens + (now - at) / SPAM_REFILL_S)
        allowed = tokens >= 1.0
        self._buckets[about] = (tokens - 1.0 if allowed else tokens, now)
        self._buckets.move_to_end(about)
        if len(self._buckets) > CACHE_LIMIT:
            self._buckets.popitem(last=False)
        return allowed

    async def _send_all(self) -> None:
        while True:
            if not self._queue:
                self._work.clear()
                await self._work.wait()
                continue
            entry = self._queue.popleft()
            try:
                await self._persist(entry)
            except asyncio.CancelledError:
                # Left for `flush`.
                self._queue.appendleft(entry)
                raise

    async def _persist(self, entry: _Entry) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await self._write(entry)
            except errors.KubeError as error:
                # Credentials that cannot be had right now (no ApiError) may be had later.
                if isinstance(error, errors.ApiError) and not errors.retryable(error):
                    self._drop(entry, error)
                    return
                last = error
            else:
                return
            asked = last.retry_after if isinstance(last, errors.ApiError) else None
            await self._clock.sleep(max(RETRY.delay(attempt, self._random), asked or 0.0))
        self._drop(entry, last)

    async def _flush_some(self) -> None:
        while self._queue:
            entry = self._queue.popleft()
            try:
                await self._write(entry)
            except asyncio.CancelledError:
                self._queue.append(entry)
                raise
            except errors.KubeError as error:
                self._drop(entry, error)

    def _drop(self, entry: _Entry, error: errors.KubeError) -> None:
        entry.queued = False
        self.dropped += 1
        _log.debug("event not sent", about=entry.content.about.name, reason=entry.content.reason, error=str(error))

    async def _write(self, entry: _Entry) -> None:
        """Send it as it is now. What comes on top while the request is on its way makes it wait once more."""
        about = entry.content.about
        namespace = about.namespace or CLUSTER_SCOPED_NAMESPACE
        count = entry.count
        if entry.sent:
            body = orjson.dumps({"count": count, "lastTimestamp": _time(entry.last_ns)})
            path = EVENTS.path(namespace, entry.name)
            try:
                await self._client.request("PATCH", path, body=body, content_type=MERGE_PATCH, verb="patch", resource="events")
            except errors.NotFound:
                # The apiserver keeps Events for an hour (--event-ttl).
                entry.sent = False
                entry.name = self._name(about)
        if not entry.sent:
            try:
                await self._client.request(
                    "POST", EVENTS.path(namespace), body=self._body(entry, namespace), content_type=JSON, verb="create", resource="events"
                )
            except errors.AlreadyExists:
                _log.debug("event is there already", about=about.name, name=entry.name)
            entry.sent = True
        if entry.count == count:
            entry.queued = False
        else:
            self._queue.append(entry)
            self._work.set()

    def _body(self, entry: _Entry, namespace: str) -> bytes:
        about, type_, reason, message = entry.content
        involved = {"apiVersion": about.api_version, "kind": about.kind, "name": about.name}
        if about.namespace:
            involved["namespace"] = about.namespace
        if about.uid:
            involved["uid"] = about.uid
        source: dict[str, str] = {"component": self._component}
        if self._host:
            source["host"] = self._host
        event: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": entry.name, "namespace": namespace},
            "involvedObject": involved,
            "type": type_,
            "reason": reason,
            "message": message,
            "source": source,
            "count": entry.count,
            "firstTimestamp": _time(entry.first_ns),
            "lastTimestamp": _time(entry.last_ns),
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
        return orjson.dumps(event)


def _time(now_ns: int) -> str:
    """As metav1.Time is written."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ns // 1_000_000_000))
