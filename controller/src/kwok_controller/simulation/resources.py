# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""One machine for every kind of object: what is seen of it is matched with the kind's stages, and what matches is queued.

The newest version of an object counts. What is decided about a version is undone when a newer one comes, with two exceptions. A stage
that has begun to send its steps is finished. And a delay goes on where the newer version comes to the same stage and the same
delay: the Go kwok starts it anew, so that an object which is touched often enough never gets to its next stage.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from sys import intern
from typing import Final

import orjson

from kwok_controller.api.stage import StageResourceRef
from kwok_controller.kube.errors import ApiError
from kwok_controller.kube.resources import Resource
from kwok_controller.lifecycle.draw import Draw
from kwok_controller.lifecycle.errors import StageError
from kwok_controller.lifecycle.lifecycle import Lifecycle
from kwok_controller.lifecycle.patching import MergeKeys
from kwok_controller.lifecycle.stage import CompiledStage
from kwok_controller.simulation.backoff import DEFAULT_BACKOFF
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.events import ObjectReference
from kwok_controller.simulation.player import Failed, Later, Lost, Outcome, Played
from kwok_controller.simulation.policy import Policy
from kwok_controller.simulation.queue import DelayQueue, Lane
from kwok_controller.simulation.tracked import Job, Key, Object, Tracked, older
from kwok_controller.telemetry.metrics import Metrics, PlayMetrics
from kwok_controller.telemetry.tracing import Course

_LOG = logging.getLogger(__name__)

PARK_SECONDS: Final = 30.0
"""How long objects are kept whose node is not ours: while Leases are taken at the start, and while a node and its pods come in one go.
Later they are asked for when the node becomes ours."""

FEW_NODES: Final = 4
"""For so many nodes at most the objects are listed node by node; for more, all in one go."""

PACK_AFTER_S: Final = 3.0
"""An object whose stage is due so much later is held in a compact form: there may be one for each node, all the time."""

SETTLE: Final = 0.1
"""Seconds that a list waits for more reasons to make it: a set of stages changes one after the other."""

Report = Callable[[str, StageError | None, str], None]
"""Takes a stage's name, its error or None when it was played well, and the reason in one word."""

Lister = Callable[[str | None], AsyncIterator[Object]]
"""All objects of the kind as they are now, or those that a field selector names; managed or not."""


class Controller:
    """Everything about one kind.

    Args:
        ref: the kind, as stages name it.
        resource: the kind, as the apiserver has it.
        policy: what is special about it.
        queue: where the jobs go.
        clock: the time.
        seed: of all that is left to chance.
        lister: of the kind's objects.
        report: told how stages went.
        metrics: counts the plays.
        keys: of its lists, for strategic merge patches; None: not known.
        traced: note of every job what led to it.

    Attributes:
        objects: all that are looked after, by namespace and name.
        synced: whether all objects there were have been seen.
        doubted: set when the resource seems to be another by now.
    """

    def __init__(
        self,
        ref: StageResourceRef,
        resource: Resource,
        policy: Policy,
        *,
        queue: DelayQueue[Job],
        clock: Clock,
        seed: int,
        lister: Lister,
        report: Report,
        metrics: Metrics,
        keys: MergeKeys | None = None,
        traced: bool = False,
    ) -> None:
        self.ref = ref
        self.resource = resource
        self.policy = policy
        self.keys = keys
        self.objects: dict[Key, Tracked] = {}
        self.synced = False
        self.doubted = asyncio.Event()
        self._queue = queue
        self._clock = clock
        self._seed = seed
        self._lister = lister
        self._report = report
        self._metrics = metrics
        self._traced = traced
        self._plays: dict[str, PlayMetrics] = {}
        self._lifecycle: Lifecycle | None = None
        self._by_node: dict[str, set[Tracked]] = {}
        self._parked_since: dict[str, float] = {}
        self._cold: set[str] = set()
        self._overtaken: dict[Key, Object] = {}
        self._draw_prefix = f"{ref.api_group}/{ref.kind}/"
        self._list_wanted = asyncio.Event()
        self._list_all = False
        self._list_nodes: set[str] = set()

    # What comes from the apiserver.

    def observe(
        self, obj: Object, key: Key | None = None, *, forced: bool = False, rewound: bool = False, read: float | None = None
    ) -> None:
        """Take a version of an object.

        Args:
            obj: the object; it is ours from here on.
            key: its namespace and name, where the caller has them at hand.
            forced: decide about it even if that was done for this version before.
            rewound: it counts even if its version is older than one that was seen.
            read: when it came, where it came by itself.
        """
        meta = obj["metadata"]
        if key is None:
            key = (meta.get("namespace") or "", meta["name"])
        tracked = self.objects.get(key)
        if not self.policy.wants(obj):
            if tracked is not None:
                self._forget(tracked)
            return
        if tracked is not None and tracked.uid != meta["uid"]:
            self._forget(tracked)
            tracked = None
        version = meta["resourceVersion"]
        if tracked is None:
            tracked = self._track(key, obj)
        elif version == tracked.version:
            if tracked.in_flight or (tracked.decided and not forced):
                self._overtaken.pop(key, None)
                return
        elif older(version, tracked.version) and not rewound:
            # The stage that was played last has overtaken it, and what it left behind is still to come. Unless it never does.
            self._overtaken[key] = obj
            return
        if self._overtaken:
            self._overtaken.pop(key, None)
        tracked.version = version
        tracked.decided = False
        self.policy.seen(tracked, obj)
        if tracked.in_flight:
            tracked.newest = obj
        else:
            self._decide(tracked, obj, read)

    def vanished(self, key: Key, uid: str) -> None:
        """Take it that an object isn't there any more."""
        tracked = self.objects.get(key)
        if tracked is not None and tracked.uid == uid:
            self._forget(tracked)

    def list_done(self) -> None:
        """All objects there are have been seen: what had to wait for that goes on."""
        # Versions that were overtaken by others that are not there now: etcd was restored from a snapshot.
        overtaken, self._overtaken = self._overtaken, {}
        for obj in overtaken.values():
            self.observe(obj, rewound=True)
        if self.synced:
            return
        self.synced = True
        for tracked in self.objects.values():
            self._unpark(tracked)

    # What comes from those who hold the nodes.

    def acquired(self, nodes: Iterable[str]) -> None:
        """Go on with the objects of nodes that are ours now."""
        missed = set()
        for node in nodes:
            self._cold.discard(node)
            self._parked_since.pop(node, None)
            for tracked in self._on_node(node):
                self._unpark(tracked)
                if tracked.missed:
                    missed.add(node)
        if missed:
            self._list_nodes |= missed
            self._list_wanted.set()

    def lost(self, nodes: Iterable[str]) -> None:
        """Stop with the objects of nodes that are ours no more. What is on its way to the apiserver gets there."""
        for node in nodes:
            self._chill(node)

    def sweep(self) -> None:
        """Let go of objects that have waited for their nodes for too long. To be called every few seconds."""
        limit = self._clock.monotonic() - PARK_SECONDS
        for node in [node for node, since in self._parked_since.items() if since < limit]:
            self._chill(node)

    # What comes from those who write the stages.

    def use(self, lifecycle: Lifecycle) -> None:
        """Play these stages from now on, on the objects that are there, too."""
        first = self._lifecycle is None
        self._lifecycle = lifecycle
        names = {stage.name for stage in lifecycle.stages}
        self._plays = {name: play for name, play in self._plays.items() if name in names}
        if first and not self.objects:
            return
        for tracked in self.objects.values():
            job = tracked.job
            if job is not None and not job.playing:
                self._restage(tracked, job)
        self._list_all = True
        self._list_wanted.set()

    def stop(self) -> None:
        """Forget everything: the kind is played no more."""
        for tracked in list(self.objects.values()):
            self._forget(tracked)

    # What comes from the player.

    def finished(self, job: Job, outcome: Outcome) -> None:
        """Take how a job went."""
        tracked = job.tracked
        now = self._clock.monotonic()
        play = self._play_metrics(job.stage.name)
        if type(outcome) is Played:
            play.done("played" if job.started else "unchanged", max(0.0, now - job.due), job.trace)
        if tracked.job is not job:
            # Forgotten, or given up, while it was played.
            if type(outcome) is not Played:
                play.count("dropped")
            return
        newest, tracked.newest = tracked.newest, None
        if type(outcome) is Played:
            tracked.job = None
            tracked.plays += 1
            self._report(job.stage.name, None, "")
            self._follow(tracked, job, outcome, newest)
        elif type(outcome) is Later or type(outcome) is Failed:
            if type(outcome) is Failed:
                self._report(outcome.error.stage, outcome.error, outcome.reason)
            superseded = newest is not None and not job.started
            if outcome.seconds is None or superseded:
                play.count("dropped" if superseded else "failed")
                tracked.job = None
                if newest is not None:
                    self._decide(tracked, newest)
                elif self._present(job.stage) is None:
                    self._decide(tracked, job.obj)
            else:
                play.count("retried")
                tracked.newest = newest
                job.due, job.lane = now + outcome.seconds, Lane.RETRY
                self._enqueue(tracked, job)
        else:
            play.count("dropped")
            tracked.job = None
            if type(outcome) is Lost:
                tracked.miss()

    def _follow(self, tracked: Tracked, job: Job, played: Played, newest: Object | None) -> None:
        """Decide what comes after a stage, if what it left behind is known already."""
        if played.deleted and not (newest or job.obj)["metadata"].get("finalizers"):
            # That it is gone is still to be told.
            return
        if played.version and older(tracked.version, played.version):
            # Nothing is decided about what the stage has overtaken: its own result is still to be seen.
            tracked.version, tracked.decided = played.version, False
        if newest is not None and newest["metadata"]["resourceVersion"] == tracked.version:
            self._decide(tracked, newest)
        elif played.answer and job.stage.immediate_next_stage:
            answer = orjson.loads(played.answer)
            answer["metadata"].pop("managedFields", None)
            if answer["metadata"]["resourceVersion"] == tracked.version:
                self._decide(tracked, answer)
        elif not played.version and self._present(job.stage) is None:
            # The stages were changed while one of them was played, which changed nothing.
            self._decide(tracked, job.obj)

    # What the player asks for.

    def may_play(self, tracked: Tracked) -> bool:
        """Whether the object's node is ours now."""
        return self.policy.may_play(tracked.node)

    def draw_key(self, tracked: Tracked) -> str:
        """What tells the object from all others when something is left to chance."""
        namespace, name = tracked.key
        return f"{self._draw_prefix}{namespace}/{name}"

    def reference(self, obj: Object) -> ObjectReference:
        """The object, as Events name it."""
        meta = obj["metadata"]
        return ObjectReference(self.resource.api_version, self.resource.kind, meta.get("namespace") or "", meta["name"], meta["uid"])

    def status_update(self, obj: Object) -> bytes | None:
        """The body of an update of the object's status: its metadata as seen, or it would be lost, and all but what the server keeps.

        None where there can be none: the patch took the metadata away, or the object is nested deeper than orjson encodes (254 levels; it
        decodes 1,024). A patch is for the apiserver to judge then.
        """
        metadata = obj.get("metadata")
        if type(metadata) is not dict:
            return None
        body: Object = {"apiVersion": self.resource.api_version, "kind": self.resource.kind, "metadata": metadata}
        try:
            return orjson.dumps({**body, "status": obj.get("status")} if self.policy.status_alone else {**obj, **body})
        except orjson.JSONEncodeError:
            return None

    def managed(self) -> int:
        """How many objects are ours to play."""
        may_play = self.policy.may_play
        if self._by_node:
            return sum(len(objects) for node, objects in self._by_node.items() if may_play(node))
        return sum(may_play(tracked.node) for tracked in self.objects.values())

    # Decisions.

    def _decide(self, tracked: Tracked, obj: Object, read: float | None = None) -> None:
        """Match the newest version of an object, and replace what was to be played by what is to be played now."""
        if tracked.node in self._cold:
            self._drop(tracked)
            tracked.miss()
            return
        tracked.decided, tracked.missed = True, False
        began = self._clock.monotonic() if self._traced else 0.0
        lifecycle = self._lifecycle
        draw = Draw(self._seed, self.draw_key(tracked), tracked.plays)
        stage = lifecycle.match(obj, draw) if lifecycle is not None else None
        job = tracked.job
        if stage is None:
            self._drop(tracked)
            return
        delay = self._delay(stage, obj, draw)
        if job is not None and job.fresh and job.delay == delay and _same(job.stage, stage):
            job.obj, job.stage = obj, stage
            self._pack(job)
            return
        self._drop(tracked)
        now = self._clock.monotonic()
        due = now + (delay / 1e9 if delay else 0.0)
        job = tracked.job = Job(self, tracked, obj, stage, delay, due, self.policy.lane)
        if self._traced:
            job.course = Course(read, began, now)
        self._enqueue(tracked, job)

    def _delay(self, stage: CompiledStage, obj: Object, draw: Draw) -> int | None:
        try:
            return stage.delay(obj, self._clock.now_ns(), draw)
        except StageError as error:
            # Without a delay, as in the Go kwok.
            self._report(error.stage, error, "DelayFailed")
            return None

    def _restage(self, tracked: Tracked, job: Job) -> None:
        """Have a job that waits go on if its stage is still there, and decide anew otherwise."""
        stage = self._present(job.stage)
        if stage is not None:
            job.stage = stage
            return
        newest = tracked.newest or job.obj
        self._drop(tracked)
        self._decide(tracked, newest)

    def _present(self, stage: CompiledStage) -> CompiledStage | None:
        """A stage as it is played now; None: it was removed or changed."""
        stages = self._lifecycle.stages if self._lifecycle is not None else ()
        return next((present for present in stages if _same(present, stage)), None)

    def _enqueue(self, tracked: Tracked, job: Job) -> None:
        if self.synced or not self.policy.waits_for_first_list:
            if self.policy.may_play(tracked.node):
                self._pack(job)
                self._queue.add(job)
                return
            self._parked_since.setdefault(tracked.node, self._clock.monotonic())
        job.parked = True

    def _pack(self, job: Job) -> None:
        if job.due - self._clock.monotonic() >= PACK_AFTER_S:
            job.pack()

    def _unpark(self, tracked: Tracked) -> None:
        job = tracked.job
        if job is not None and job.parked:
            job.parked = False
            self._enqueue(tracked, job)

    def _drop(self, tracked: Tracked) -> None:
        job = tracked.job
        if job is not None:
            self._queue.cancel(job)
            tracked.job = tracked.newest = None

    def _chill(self, node: str) -> None:
        """From now on, keep nothing of the objects of a node but that they are there."""
        self._parked_since.pop(node, None)
        waiting = list(self._on_node(node))
        if waiting:
            self._cold.add(node)
        for tracked in waiting:
            job = tracked.job
            if job is not None:
                tracked.miss()
                self._drop(tracked)

    # Book-keeping.

    def _track(self, key: Key, obj: Object) -> Tracked:
        # One string for all objects of a node.
        node = intern(self.policy.node_of(obj))
        tracked = self.objects[key] = Tracked(key, obj["metadata"]["uid"], node)
        if node and key != ("", node):
            self._by_node.setdefault(node, set()).add(tracked)
        return tracked

    def _forget(self, tracked: Tracked) -> None:
        self._drop(tracked)
        del self.objects[tracked.key]
        self._overtaken.pop(tracked.key, None)
        node = tracked.node
        siblings = self._by_node.get(node)
        if siblings is not None:
            siblings.discard(tracked)
            if not siblings:
                del self._by_node[node]
        if node not in self._by_node:
            self._cold.discard(node)
            self._parked_since.pop(node, None)
        self.policy.gone(tracked)

    def _on_node(self, node: str) -> Iterable[Tracked]:
        itself = self.objects.get(("", node))
        return (itself,) if itself is not None else self._by_node.get(node, ())

    def _play_metrics(self, stage: str) -> PlayMetrics:
        found = self._plays.get(stage)
        if found is None:
            found = self._plays[stage] = self._metrics.play(self.ref.api_group, self.ref.kind, stage)
        return found

    # Lists, beside the watch.

    async def relist(self) -> None:
        """List what must be decided anew, whenever there is something, until cancelled."""
        failures = 0
        while True:
            await self._list_wanted.wait()
            await self._clock.sleep(SETTLE if not failures else DEFAULT_BACKOFF.delay(failures - 1, lambda: 0.5))
            self._list_wanted.clear()
            forced, nodes = self._list_all, self._list_nodes
            self._list_all, self._list_nodes = False, set()
            try:
                await self._list(forced, nodes)
                failures = 0
            except ApiError as error:
                _LOG.warning("listing %s failed, to be tried again: %s", self.resource, error)
                failures += 1
                self._list_all |= forced
                self._list_nodes |= nodes
                self._list_wanted.set()

    async def _list(self, forced: bool, nodes: set[str]) -> None:
        selectors: list[str | None] = [None]
        if not forced and len(nodes) <= FEW_NODES:
            selectors = [self.policy.selector_of(node) for node in sorted(nodes)]
        for selector in selectors:
            async for obj in self._lister(selector):
                self._look_again(obj, forced)

    def _look_again(self, obj: Object, forced: bool) -> None:
        """Take an object of a list, unless newer things are known by now. What is new in the list is still to be told by the watch."""
        meta = obj["metadata"]
        key = (meta.get("namespace") or "", meta["name"])
        tracked = self.objects.get(key)
        if tracked is not None and tracked.uid == meta["uid"] and not older(meta["resourceVersion"], tracked.version):
            self.observe(obj, key, forced=forced)


def _same(one: CompiledStage, other: CompiledStage) -> bool:
    return one is other or (one.name == other.name and one.spec == other.spec)
