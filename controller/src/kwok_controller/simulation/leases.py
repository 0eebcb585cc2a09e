# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""The Leases of nodes (KEP-589): who holds a node's Lease plays the node and its pods, and renewing it keeps the node alive.

A Lease is written only with the resourceVersion that was seen last, so that of several who want it one gets it, and whoever
holds one counts it as lost once its duration has passed since the last renewal was *begun*: nobody else takes it before that.
"""

from __future__ import annotations

import asyncio
import heapq
import time
import zlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from enum import IntEnum
from hashlib import blake2b
from itertools import count
from random import random as system_random
from typing import Any, Final, Protocol

import msgspec
import orjson

from kwok_controller.kube import errors
from kwok_controller.kube.client import UNVALIDATED, Client
from kwok_controller.kube.resources import LEASES
from kwok_controller.kube.watch import Change, WatchEvent, WatchHooks, watch
from kwok_controller.simulation.backoff import Backoff, Random, jittered
from kwok_controller.simulation.clock import Clock
from kwok_controller.telemetry.logs import get_logger

NAMESPACE: Final = "kube-node-lease"

RENEW_FRACTION: Final = 0.6
"""Of the duration: when a Lease is renewed. The kubelet's fraction is 0.25 (kubernetes v1.36, pkg/kubelet/kubelet.go).

Renewals are most of what an idle cluster's apiserver has to do, and each costs it as much whoever sends it; two fifths of the duration
are left for one that is late.
"""

RENEW_JITTER: Final = 0.04
"""The kubelet's, too (k8s.io/component-helpers, apimachinery/lease/controller.go)."""

URGENT_FRACTION: Final = 0.7
CRITICAL_FRACTION: Final = 0.8
"""Of the duration: how old the oldest renewal that is due has to be for new nodes to get every `URGENT_TURNS`th request, and none; until
then they get all.

Whoever takes on nodes as fast as it can until the first has to be renewed has two thirds of that time to renew them all.
"""

URGENT_TURNS: Final = 4

URGENT_PARALLELISM: Final = 3
"""Times as many requests are in flight while a renewal is urgent: an apiserver that has more to do than it can serves each of those who
wait alike, and those are then most of them.
"""

TICK_S: Final = 0.1
"""How often it is looked what is due: renewals that fall together within it go out together."""

STAGGER_S: Final = 0.2
"""Within this time at random a Lease that is free is taken, so that several who want it do not all send a request for it."""

WATCH_RETRY_S: Final = 5.0
"""Until the watch is tried again after it was refused."""

HOLDER_LABEL: Final = "kwok.x-k8s.io/lease-holder"
"""Says who holds a Lease, so that no controller need be told of its own renewals, which are most of all changes of Leases."""

NOTE_ANNOTATION: Final = "kwok.x-k8s.io/checkpoint"
"""Has what whoever holds a Lease leaves for the next one: it goes with renewals and costs no request of its own."""

COMPLAIN_S: Final = 10.0
"""At most one line in the log within this time about requests that fail."""

REQUEST_TIMEOUT_S: Final = 10.0
"""As a kubelet's for its heartbeats: its `nodeStatusUpdateFrequency`."""

RELEASE_PARALLELISM: Final = 32

_log = get_logger(__name__)


class LeaseStore(Protocol):
    """Reads and writes Leases of nodes; each raises `kube.errors.KubeError`."""

    async def create(self, body: bytes) -> bytes:
        """POST."""
        ...

    async def update(self, name: str, body: bytes) -> bytes:
        """PUT."""
        ...

    async def get(self, name: str) -> bytes:
        """GET."""
        ...

    def watch(self) -> AsyncGenerator[WatchEvent, None]:
        """All that there are, SYNCED, and every change; as `kube.watch.watch`."""
        ...


class Notes(Protocol):
    """What goes with nodes from one holder of their Leases to the next."""

    def write(self, node: str, *, last: bool) -> str:
        """What the next one needs; empty: nothing. `last`: the Lease is given back."""
        ...

    def read(self, node: str, note: str) -> None:
        """A node is ours, with the last note of it; empty: there is none."""
        ...

    def seen(self, node: str, note: str) -> None:
        """A node is not ours, with the note that there is of it now; empty: there is none. Called often."""
        ...


class _State(IntEnum):
    IDLE = 0
    """Nothing is to be done, or not before its time in the timers."""
    READY = 1
    """Something is to be done: it is in one of the two ready queues."""
    BUSY = 2
    """A request is on its way."""


class _Record:
    """What is known of one node's Lease.

    Attributes:
        uid: Of the node.
        wanted: Whether we are asked to hold it.
        mine: Whether we hold it.
        told: Whether `on_acquired` was called for it last.
        holder: `holderIdentity`; empty: nobody.
        version: `resourceVersion`; 0: there is no such Lease, as far as we know.
        renewed: Monotonic seconds: when our last renewal was begun.
        expires: Monotonic seconds: when it runs out, whoever holds it.
        renew_ns: `renewTime`; 0: none.
        transitions: `leaseTransitions`.
        extra: Its metadata and spec that are not ours to set; nearly always None.
        untidy: We made it, and its managedFields are still to be taken out.
        ticket: The number of its entry in the timers; entries with another one are stale.
        guarded: Whether it has an entry among the expiries.
        failures: Attempts that failed in a row.
    """

    __slots__ = (
        "expires",
        "extra",
        "failures",
        "guarded",
        "holder",
        "mine",
        "name",
        "renew_ns",
        "renewed",
        "state",
        "ticket",
        "told",
        "transitions",
        "uid",
        "untidy",
        "version",
        "wanted",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.uid = ""
        self.wanted = self.mine = self.told = self.guarded = self.untidy = False
        self.holder = ""
        self.version = 0
        self.renewed = self.expires = 0.0
        self.renew_ns = 0
        self.transitions = 0
        self.extra: dict[str, dict[str, Any]] | None = None
        self.state = _State.IDLE
        self.ticket = 0
        self.failures = 0


class LeaseKeeper:
    """Holds the Leases of many nodes and renews them, evenly over time and with few requests in flight.

    `on_acquired` and `on_lost` are called from the event loop, with all names of that moment, never from within `hold` or
    `release`. With `duration_s` 0 there are no Leases: each node that is asked for is held, and nothing is sent.
    """

    def __init__(
        self,
        store: LeaseStore,
        identity: str,
        duration_s: int,
        *,
        clock: Clock,
        on_acquired: Callable[[list[str]], None],
        on_lost: Callable[[list[str]], None],
        parallelism: int = 4,
        random: Random = system_random,
        notes: Notes | None = None,
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            store: Where the Leases are: `ClusterLeases`.
            identity: What stands in `holderIdentity`; no other process may have the same.
            duration_s: `leaseDurationSeconds`; 0: no Leases.
            clock: The time.
            on_acquired: Told which Leases are ours from now on, or were not for a moment and are again.
            on_lost: Told which are not any more, without having been released.
            parallelism: How many requests may be on their way at once, as the Go kwok's `nodeLeaseParallelism`; `URGENT_PARALLELISM` times
                as many while one is urgent.
            random: For jitter.
            notes: What goes with the nodes; None: others' notes are left as they are.

        Raises:
            ValueError: The duration is negative, or the parallelism is less than 1.
        """
        if duration_s < 0:
            raise ValueError(f"nodeLeaseDurationSeconds is {duration_s}: give a number of seconds, or 0 for no Leases")
        if parallelism < 1:
            raise ValueError(f"nodeLeaseParallelism is {parallelism}: at least 1 is needed to renew any Lease")
        self._store = store
        self._identity = identity
        self._label = label_of(identity)
        self._duration = duration_s
        self._interval = duration_s * RENEW_FRACTION
        self._retry = Backoff(initial=min(1.0, self._interval / 2), cap=min(10.0, self._interval / 2))
        self._clock = clock
        self._on_acquired = on_acquired
        self._on_lost = on_lost
        self._parallelism = parallelism
        self._random = random
        self._notes = notes
        self._records: dict[str, _Record] = {}
        self._tickets = count(1)
        self._timers: list[tuple[float, int, _Record]] = []
        self._expiries: list[tuple[float, str]] = []
        self._to_acquire: deque[_Record] = deque()
        # By the time of the last renewal: what runs out first comes first.
        self._to_renew: list[tuple[float, int, _Record]] = []
        self._work = asyncio.Event()
        self._urgent = asyncio.Event()
        self._synced = asyncio.Event()
        self._changed: list[_Record] = []
        self._held = 0
        self._turn = 0
        self._failed = 0
        self._complained = float("-inf")

    # What others ask for.

    def hold(self, name: str, uid: str) -> None:
        """Ask for a node's Lease; the UID is that of the node. Again with the same UID: nothing. With another: the owner is updated."""
        record = self._records.get(name)
        if record is None:
            record = self._records[name] = _Record(name)
        elif record.wanted and record.uid == uid:
            return
        record.uid = uid
        record.wanted = True
        if not self._duration:
            if not record.mine:
                self._gain(record)
        elif record.state is _State.IDLE:
            self._make_ready(record)

    def release(self, name: str) -> None:
        """No longer hold it: the node was deleted (the garbage collector removes the Lease) or is no longer ours to manage."""
        record = self._records.get(name)
        if record is None or not record.wanted:
            return
        record.wanted = record.told = False
        record.ticket = 0
        if record.mine:
            record.mine = False
            self._held -= 1
        self._forget(record)

    def held(self, name: str) -> bool:
        """Whether the Lease is ours now; false as soon as it has run out."""
        record = self._records.get(name)
        if record is None or not record.mine:
            return False
        return not self._duration or self._clock.monotonic() < record.expires

    def lag(self) -> float:
        """Seconds since the last renewal of the one that waits the longest; 0 when none is held."""
        if not self._duration:
            return 0.0
        now = self._clock.monotonic()
        return max((now - record.renewed for record in self._records.values() if record.mine), default=0.0)

    def count(self) -> int:
        """How many are held."""
        return self._held

    @property
    def synced(self) -> bool:
        """Whether all Leases that there were at the start are known."""
        return not self._duration or self._synced.is_set()

    async def run(self) -> None:
        """Watch, acquire and renew until cancelled. Then the Leases just run out, unless `release_all` is called."""
        if not self._duration:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._tick())
            for _ in range(self._parallelism):
                tasks.create_task(self._worker(self._work))
            for _ in range(self._parallelism * (URGENT_PARALLELISM - 1)):
                tasks.create_task(self._worker(self._urgent))

    async def release_all(self, timeout: float = 5.0) -> int:
        """Make all that are held takeable by others at once; call it when `run` has ended.

        The holder is taken out and the time of the renewal is now: both this controller and the Go kwok take a Lease without
        a holder at once, and the node lifecycle controller, which looks only at the time, leaves the node as it is for its
        whole grace period.

        Returns:
            How many could not be released in time; those run out.
        """
        held = [record for record in self._records.values() if record.mine]
        for record in held:
            record.wanted = record.mine = False
        self._held = 0
        if not self._duration or not held:
            return 0
        rest = iter(held)
        released = 0

        async def release_some() -> None:
            nonlocal released
            for record in rest:
                try:
                    await self._release(record)
                except errors.KubeError as error:
                    _log.debug("lease not released", node=record.name, error=str(error))
                else:
                    released += 1

        workers = [asyncio.ensure_future(release_some()) for _ in range(min(RELEASE_PARALLELISM, len(held)))]
        _done, late = await asyncio.wait(workers, timeout=timeout)
        for worker in late:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if released < len(held):
            _log.warning("some leases were not released and will have to run out", released=released, left=len(held) - released)
        return len(held) - released

    async def _release(self, record: _Record) -> None:
        for attempt in (1, 2):
            body = self._body(record, None, self._renew_time(record), record.transitions, self._note_of(record, last=True))
            try:
                await self._store.update(record.name, body)
            except errors.NotFound:
                return
            except errors.Conflict:
                # Our own renewal, whose answer nobody waited for when `run` was cancelled; or it is somebody else's by now.
                if attempt == 2:
                    raise
                await self._fetch(record)
                if record.holder == self._identity:
                    continue
            return

    # What is to be done when.

    async def _tick(self) -> None:
        """Move what is due from the timers to the ready queues, and notice what has run out."""
        while True:
            await self._clock.sleep(TICK_S)
            now = self._clock.monotonic()
            while self._timers and self._timers[0][0] <= now:
                _due, ticket, record = heapq.heappop(self._timers)
                if record.ticket != ticket or not record.wanted:
                    continue
                if record.mine or self._takeable(record, now):
                    self._make_ready(record)
                else:
                    self._await_expiry(record)
            while self._expiries and self._expiries[0][0] <= now:
                _expires, name = heapq.heappop(self._expiries)
                found = self._records.get(name)
                if found is not None:
                    self._check_expiry(found, now)
            if self._to_renew and now - self._to_renew[0][0] >= self._duration * URGENT_FRACTION:
                self._urgent.set()
            else:
                self._urgent.clear()

    def _check_expiry(self, record: _Record, now: float) -> None:
        record.guarded = False
        if not record.mine:
            return
        if record.expires <= now:
            self._lose(record, "it could not be renewed in time")
        else:
            self._guard(record)

    def _guard(self, record: _Record) -> None:
        if not record.guarded:
            record.guarded = True
            heapq.heappush(self._expiries, (record.expires, record.name))

    def _schedule(self, record: _Record, due: float) -> None:
        record.state = _State.IDLE
        record.ticket = next(self._tickets)
        heapq.heappush(self._timers, (due, record.ticket, record))

    def _await_expiry(self, record: _Record) -> None:
        """Try again once whoever holds it, or held it when it was deleted, has let it run out."""
        self._schedule(record, max(self._clock.monotonic(), record.expires) + self._random() * STAGGER_S)

    def _make_ready(self, record: _Record) -> None:
        record.state = _State.READY
        record.ticket = 0
        if record.mine:
            heapq.heappush(self._to_renew, (record.renewed, next(self._tickets), record))
        else:
            self._to_acquire.append(record)
        self._work.set()

    def _next(self) -> _Record | None:
        """The next to send a request for: renewals that are due, or nodes that nobody plays yet, by turns."""
        while self._to_renew or self._to_acquire:
            renew = not self._to_acquire or (bool(self._to_renew) and self._is_turn_of_renewal())
            record = heapq.heappop(self._to_renew)[2] if renew else self._to_acquire.popleft()
            if record.state is not _State.READY:
                continue
            record.state = _State.IDLE
            if record.wanted:
                return record
            self._forget(record)
        return None

    def _is_turn_of_renewal(self) -> bool:
        age = self._clock.monotonic() - self._to_renew[0][0]
        if age >= self._duration * CRITICAL_FRACTION:
            return True
        if age < self._duration * URGENT_FRACTION:
            # It is due, to be spread over time, and can wait for as long as nodes come in.
            return False
        self._turn += 1
        return self._turn % URGENT_TURNS != 0

    def _takeable(self, record: _Record, now: float) -> bool:
        """Whether it may become ours: nobody has it, it is ours already, or it has run out."""
        return (record.version != 0 and record.holder in ("", self._identity)) or record.expires < now

    # Requests.

    async def _worker(self, called: asyncio.Event) -> None:
        """Send one request after the other, while `called` is set."""
        await self._synced.wait()
        while True:
            await called.wait()
            record = self._next()
            if record is None:
                called.clear()
                continue
            record.state = _State.BUSY
            try:
                await self._send(record)
            except errors.KubeError as error:
                self._failed_for(record, error)
            if not record.wanted:
                record.state = _State.IDLE
                self._forget(record)

    async def _send(self, record: _Record) -> None:
        began = self._clock.monotonic()
        if not record.mine and not self._takeable(record, began):
            self._await_expiry(record)
            return
        now_ns = self._renew_time(record)
        uid, transitions = record.uid, record.transitions
        if record.version and record.holder != self._identity:
            transitions += 1
        # Before it is ours, the note is somebody else's, and is still to be read.
        note = self._note_of(record, last=False) if record.mine else None
        body = self._body(record, self._identity, now_ns, transitions, note)
        try:
            answer = await (self._store.update(record.name, body) if record.version else self._store.create(body))
        except errors.Conflict:
            await self._look(record)
            return
        except errors.NotFound:
            if not record.version:
                raise
            # It was deleted. Whoever held it may make it again; when that is us, at once.
            record.version = 0
            self._make_ready(record)
            return
        version = _version(_ANSWER.decode(answer).metadata.resource_version)
        record.failures = 0
        record.untidy = not record.version
        if version >= record.version:
            record.version = version
            record.holder = self._identity
            record.renew_ns = now_ns
            record.transitions = transitions
            self._renewed(record, began, changed_owner=record.uid != uid)
        else:
            # What has come by the watch meanwhile is newer than this answer.
            self._make_ready(record)

    def _renewed(self, record: _Record, began: float, *, changed_owner: bool) -> None:
        now = self._clock.monotonic()
        lapsed = record.mine and record.expires <= now
        record.renewed = began
        record.expires = began + self._duration
        if not record.wanted:
            return
        if record.expires <= now:
            # The answer took so long that it has run out again.
            self._make_ready(record)
            return
        first = not record.mine
        if first:
            self._gain(record)
        elif lapsed:
            # Whoever has asked since it ran out was told that it is not ours, and has to be told that it is.
            self._mark(record)
        self._guard(record)
        if changed_owner:
            self._make_ready(record)
        elif first:
            # Thousands may have become ours within a second; from now on they are spread over the whole interval.
            self._schedule(record, began + self._interval * _phase(record.name))
        else:
            self._schedule(record, began + jittered(self._interval, RENEW_JITTER, self._random))

    async def _look(self, record: _Record) -> None:
        """Somebody else has written it: see who holds it now."""
        await self._fetch(record)
        if record.wanted:
            if record.mine or self._takeable(record, self._clock.monotonic()):
                self._make_ready(record)
            else:
                self._await_expiry(record)

    async def _fetch(self, record: _Record) -> None:
        try:
            lease = orjson.loads(await self._store.get(record.name))
        except errors.NotFound:
            record.version = 0
            return
        if _version(lease["metadata"]["resourceVersion"]) < record.version:
            # Versions grow, except when etcd was restored from a snapshot.
            record.version = 0
        self._observe(record, lease)

    def _failed_for(self, record: _Record, error: errors.KubeError) -> None:
        asked = error.retry_after if isinstance(error, errors.ApiError) else None
        delay = max(self._retry.delay(record.failures, self._random), asked or 0.0)
        record.failures += 1
        self._schedule(record, self._clock.monotonic() + delay)
        self._failed += 1
        now = self._clock.monotonic()
        if now - self._complained >= COMPLAIN_S:
            _log.warning("requests for leases fail", node=record.name, error=str(error), failures=self._failed)
            self._complained, self._failed = now, 0

    def _renew_time(self, record: _Record) -> int:
        # The node lifecycle controller takes a Lease as renewed only if renewTime has grown: a clock that was set back must not show.
        return max(self._clock.now_ns(), record.renew_ns + 1_000)

    def _note_of(self, record: _Record, *, last: bool) -> str | None:
        return None if self._notes is None else self._notes.write(record.name, last=last)

    def _body(self, record: _Record, holder: str | None, now_ns: int, transitions: int, note: str | None) -> bytes:
        """A Lease to be sent. `note`: what is left for the next holder; None: what is there already."""
        metadata: dict[str, Any] = {"name": record.name, "namespace": NAMESPACE}
        spec: dict[str, Any] = {
            "leaseDurationSeconds": self._duration,
            "renewTime": _micro_time(now_ns),
            "leaseTransitions": transitions,
        }
        owners = [{"apiVersion": "v1", "kind": "Node", "name": record.name, "uid": record.uid}] if record.uid else []
        if record.extra is not None:
            metadata |= record.extra["metadata"]
            spec |= record.extra["spec"]
            owners += metadata.get("ownerReferences", ())
        if owners:
            metadata["ownerReferences"] = owners
        if note:
            metadata["annotations"] = {**metadata.get("annotations", {}), NOTE_ANNOTATION: note}
        if record.version:
            metadata["resourceVersion"] = str(record.version)
            if record.untidy:
                # An object without any costs the apiserver an eighth less with every update, and nobody else writes what we made.
                metadata["managedFields"] = [{}]
        if holder is not None:
            metadata["labels"] = {**metadata.get("labels", {}), HOLDER_LABEL: self._label}
            spec["holderIdentity"] = holder
        return orjson.dumps({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})

    # What others do.

    async def _follow(self) -> None:
        """Learn from the watch who else takes, releases and deletes Leases."""
        while True:
            try:
                async with aclosing(self._store.watch()) as events:
                    async for event in events:
                        if event.change is Change.SYNCED:
                            self._synced.set()
                        elif event.change is Change.DELETED:
                            self._deleted_by_others(event.key[1], _version(event.object["metadata"].get("resourceVersion")))
                        else:
                            self._changed_by_others(event.object)
            except errors.KubeError as error:
                _log.error("leases cannot be watched, so no further node is taken over", namespace=NAMESPACE, error=str(error))
                await self._clock.sleep(WATCH_RETRY_S)

    def _observe(self, record: _Record, lease: Mapping[str, Any]) -> None:
        """Take in a Lease as the apiserver has it, unless what is known is as new."""
        metadata: Mapping[str, Any] = lease.get("metadata") or {}
        version = _version(metadata.get("resourceVersion"))
        if version <= record.version:
            return
        spec: Mapping[str, Any] = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        renew_ns = _nanoseconds(spec.get("renewTime"))
        if holder != record.holder or renew_ns != record.renew_ns:
            duration = spec.get("leaseDurationSeconds")
            now = self._clock.monotonic()
            if not duration or not renew_ns:
                expires = now
            elif record.version:
                # We have seen the change happen: whoever it was is alive, whatever its clock says.
                expires = now + duration
            else:
                age = max(0.0, (self._clock.now_ns() - renew_ns) / 1e9)
                expires = now + duration - age
            if not (record.mine and holder == self._identity):
                record.expires = expires
        record.version = version
        record.holder = holder
        record.renew_ns = renew_ns
        record.transitions = spec.get("leaseTransitions") or 0
        record.extra = _extra(metadata, spec)
        if record.mine and holder != self._identity:
            self._lose(record, f"{holder or 'somebody'} took it")
        if not record.mine and self._notes is not None:
            self._notes.seen(record.name, _note_in(record))

    def _changed_by_others(self, lease: Mapping[str, Any]) -> None:
        name: str = lease["metadata"]["name"]
        record = self._records.get(name)
        if record is None:
            record = self._records[name] = _Record(name)
        had = record.mine
        self._observe(record, lease)
        if record.wanted and record.state is _State.IDLE and (had != record.mine or (not record.mine and not record.holder)):
            self._await_expiry_or_take(record)

    def _await_expiry_or_take(self, record: _Record) -> None:
        now = self._clock.monotonic()
        if self._takeable(record, now):
            self._schedule(record, now + self._random() * STAGGER_S)
        else:
            self._await_expiry(record)

    def _deleted_by_others(self, name: str, version: int) -> None:
        record = self._records.get(name)
        if record is None or version <= record.version:
            # It has been made again since, or is not watched any more because we have taken it.
            return
        if not record.wanted:
            record.version = 0
            self._forget(record)
        elif record.mine:
            # Writing it will show: it may have been made again.
            if record.state is _State.IDLE:
                self._make_ready(record)
        else:
            record.version = 0
            if record.state is _State.IDLE:
                # As long as it would have lasted, making it again is left to whoever held it.
                self._await_expiry_or_take(record)

    def _forget(self, record: _Record) -> None:
        """Keep nothing of a Lease that is not wanted, and is not there, or held by us, as the deletion of that is told to nobody here."""
        gone = not record.version or record.holder == self._identity
        if not record.wanted and gone and record.state is _State.IDLE:
            self._records.pop(record.name, None)

    # What others are told.

    def _gain(self, record: _Record) -> None:
        record.mine = True
        self._held += 1
        if self._notes is not None:
            self._notes.read(record.name, _take_note(record))
        self._mark(record)

    def _lose(self, record: _Record, why: str) -> None:
        record.mine = False
        self._held -= 1
        if self._notes is not None and record.holder == self._identity:
            # Nobody else has it, so nobody else has written a note: it may be ours again.
            _leave_note(record, self._notes.write(record.name, last=True))
        _log.debug("lease lost", node=record.name, why=why)
        self._mark(record)

    def _mark(self, record: _Record) -> None:
        if not self._changed:
            asyncio.get_running_loop().call_soon(self._tell)
        self._changed.append(record)

    def _tell(self) -> None:
        changed, self._changed = self._changed, []
        acquired: list[str] = []
        lost: list[str] = []
        for record in dict.fromkeys(changed):
            if record.mine:
                # Even if that was told before: then it was not for a moment, and what was refused in it is to go on.
                acquired.append(record.name)
            elif record.told:
                lost.append(record.name)
            record.told = record.mine
        if lost:
            self._on_lost(lost)
        if acquired:
            self._on_acquired(acquired)


class ClusterLeases:
    """The Leases of the nodes of a cluster.

    A request that hangs is given up after `REQUEST_TIMEOUT_S`, so that it can be tried again long before the Lease has run out.
    """

    def __init__(self, client: Client, identity: str, *, single_node: str = "", hooks: WatchHooks | None = None) -> None:
        """`identity`: whose Leases need not be told of. `single_node`: watch the Lease of this node only. `hooks`: told of restarts."""
        self._client = client
        self._collection = LEASES.path(NAMESPACE)
        self._others = f"{HOLDER_LABEL}!={label_of(identity)}"
        self._selector = f"metadata.name={single_node}" if single_node else ""
        self._hooks = hooks

    async def create(self, body: bytes) -> bytes:
        """POST."""
        return await self._request("POST", self._collection, "create", body=body, params=UNVALIDATED)

    async def update(self, name: str, body: bytes) -> bytes:
        """PUT."""
        return await self._request("PUT", LEASES.path(NAMESPACE, name), "update", body=body, params=UNVALIDATED)

    async def get(self, name: str) -> bytes:
        """GET."""
        return await self._request("GET", LEASES.path(NAMESPACE, name), "get")

    async def _request(self, method: str, path: str, verb: str, **options: Any) -> bytes:
        return await self._client.request(method, path, timeout=REQUEST_TIMEOUT_S, verb=verb, resource="leases", **options)

    def watch(self) -> AsyncGenerator[WatchEvent, None]:
        """All that others hold, SYNCED, and every change of these. One that we take is told of as deleted, in the version that we wrote."""
        return watch(
            self._client, LEASES, namespace=NAMESPACE, label_selector=self._others, field_selector=self._selector, hooks=self._hooks
        )


def label_of(identity: str) -> str:
    """What stands in the label for a holder whose identity is too long for one."""
    return blake2b(identity.encode(), digest_size=12).hexdigest()


class _AnswerMetadata(msgspec.Struct, rename="camel"):
    resource_version: str


class _Answer(msgspec.Struct):
    metadata: _AnswerMetadata


_ANSWER = msgspec.json.Decoder(_Answer)

_KEPT_METADATA = ("labels", "annotations", "finalizers")
_KEPT_SPEC = ("strategy", "preferredHolder")


def _extra(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """What a PUT has to repeat lest it is removed: it is others'."""
    kept = {key: metadata[key] for key in _KEPT_METADATA if metadata.get(key)}
    if labels := kept.pop("labels", None):
        others = {key: value for key, value in labels.items() if key != HOLDER_LABEL}
        kept |= {"labels": others} if others else {}
    owners = [owner for owner in metadata.get("ownerReferences") or () if owner.get("kind") != "Node"]
    if owners:
        kept["ownerReferences"] = owners
    kept_spec = {key: spec[key] for key in _KEPT_SPEC if spec.get(key)}
    return {"metadata": kept, "spec": kept_spec} if kept or kept_spec else None


def _take_note(record: _Record) -> str:
    """The last note of a Lease that others have written; it is not kept."""
    note = _note_in(record)
    if record.extra is not None and note:
        metadata = record.extra["metadata"]
        metadata["annotations"] = {key: value for key, value in metadata["annotations"].items() if key != NOTE_ANNOTATION}
    return note


def _note_in(record: _Record) -> str:
    """The note of a Lease that is not ours; empty: there is none."""
    annotations: dict[str, str] = record.extra["metadata"].get("annotations", {}) if record.extra is not None else {}
    return annotations.get(NOTE_ANNOTATION, "")


def _leave_note(record: _Record, note: str) -> None:
    if note:
        if record.extra is None:
            record.extra = {"metadata": {}, "spec": {}}
        metadata = record.extra["metadata"]
        metadata["annotations"] = {**metadata.get("annotations", {}), NOTE_ANNOTATION: note}


def _version(text: str | None) -> int:
    # Resource versions can be compared as numbers: documented since Kubernetes 1.35 (KEP-5504), and so with etcd at any time.
    return int(text) if text else 0


def _phase(name: str) -> float:
    """Where in the interval a node's renewals fall: in [0, 1), evenly, and the same for a name at all times."""
    return zlib.crc32(name.encode()) / 2**32


def _micro_time(now_ns: int) -> str:
    """As metav1.MicroTime is written."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06d}Z"


def _nanoseconds(text: str | None) -> int:
    """The time that a metav1.MicroTime tells; 0: none."""
    if not text:
        return 0
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
