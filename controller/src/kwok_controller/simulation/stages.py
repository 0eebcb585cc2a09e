# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""Where Stages come from: a list, or the Stage resources of the cluster, followed as they change.

A stage that is wrong is left out and the others are played. What is wrong with it is said in its status, in an Event about it,
in a metric and in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from hashlib import blake2b
from random import random as system_random
from typing import Any, Final, Protocol

import orjson

from kwok_controller.api import API_VERSION, GROUP, VERSION, InvalidObject, Stage, StageResourceRef, decode_stage
from kwok_controller.kube import errors
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import Resource
from kwok_controller.kube.watch import Change, WatchHooks, watch
from kwok_controller.lifecycle.environment import Environment
from kwok_controller.lifecycle.errors import StageError
from kwok_controller.lifecycle.lifecycle import Lifecycle
from kwok_controller.lifecycle.stage import CompiledStage, compile_stage
from kwok_controller.simulation import stage_status
from kwok_controller.simulation.backoff import Backoff, Random
from kwok_controller.simulation.clock import Clock, Timer
from kwok_controller.simulation.events import ObjectReference
from kwok_controller.simulation.stage_status import Verdict
from kwok_controller.simulation.status_queue import StatusQueue
from kwok_controller.telemetry.logs import get_logger

STAGES: Final = Resource(GROUP, VERSION, "stages", "Stage", namespaced=False, subresources=frozenset({"status"}))

QUIET_S: Final = 0.05
LATEST_S: Final = 1.0
"""Stages that change are taken over together: once none has changed for the first time, at the latest after the second."""

REPEAT_S: Final = 60.0
"""A failure of a stage is not said again within this time."""

HEALED_S: Final = 30.0
"""A stage that was played well counts as healed when it has not failed for so long: others of its objects may still fail."""

FOREIGN_S: Final = 300.0
"""The same for failures that another replica has seen: it may be playing objects that we don't."""

KIND_S: Final = 1.0
"""So long a stage that is valid waits for `report_kind`, so that it is not called ready just before its kind turns out not to be there."""

WRITE_BACKOFF: Final = Backoff(initial=1.0, cap=300.0)
"""Between writes of the status of one generation: replicas that disagree (of several versions, say) must not write all the time."""

WATCH_RETRY_S: Final = 2.0
"""Until the watch is tried again after it was refused, or while the CRD is not there."""

_log = get_logger(__name__)


class Recorder(Protocol):
    """What is needed of `simulation.events.Recorder`."""

    def send(self, about: ObjectReference, type_: str, reason: str, message: str) -> bool:
        """Take an Event."""
        ...


class Metrics(Protocol):
    """What is needed of `telemetry.metrics.Metrics`."""

    def stage_error(self, stage: str, reason: str) -> None:
        """Count an error."""
        ...


class _Failure:
    """A stage that fails when it is played."""

    __slots__ = ("foreign", "last", "said", "verdict")

    def __init__(self, verdict: Verdict, now: float, *, foreign: bool) -> None:
        self.verdict = verdict
        self.foreign = foreign
        # Monotonic seconds of the last failure, and of when we last spoke of it.
        self.last = self.said = now


class _Entry:
    """One stage, and what is known of its resource.

    Attributes:
        name: Of the stage.
        ref: The kind it is for; None: it could not be decoded so far.
        compiled: None: it is wrong.
        verdict: What follows from its spec.
        digest: Of the spec.
        failure: What happened when it was played.
        status: As the apiserver has it.
        writes: How often we wrote the status for this generation.
        not_before: Monotonic seconds: when we may write again.
    """

    __slots__ = (
        "compiled",
        "digest",
        "failure",
        "generation",
        "name",
        "not_before",
        "ref",
        "resource_version",
        "status",
        "uid",
        "verdict",
        "writes",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.ref: StageResourceRef | None = None
        self.compiled: CompiledStage | None = None
        self.verdict = stage_status.ACCEPTED
        self.digest = b""
        self.failure: _Failure | None = None
        self.uid = self.resource_version = ""
        self.generation = 0
        self.status: Mapping[str, Any] = {}
        self.writes = 0
        self.not_before = 0.0


class StageSource:
    """Compiles Stages and keeps the lifecycle of each kind up to date; says in the status of a Stage what is wrong with it.

    For one event loop. `on_change` is called from it, never from within a method of this class that others call.
    """

    def __init__(
        self,
        *,
        environment_for: Callable[[StageResourceRef], Environment],
        on_change: Callable[[StageResourceRef, Lifecycle | None], None],
        clock: Clock,
        client: Client | None = None,
        local: Sequence[Stage] | None = None,
        recorder: Recorder | None = None,
        metrics: Metrics | None = None,
        random: Random = system_random,
        hooks: WatchHooks | None = None,
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            environment_for: What the stages of a kind are compiled with.
            on_change: Told the new lifecycle of a kind; None when no stage is left for it. Not told of a stage that is written
                again as it was.
            clock: The time.
            client: To follow the Stage resources, where there are no local stages.
            local: These stages and no others.
            recorder: Takes Events about Stage resources.
            metrics: Counts errors.
            random: For jitter.
            hooks: Told of restarts of the watch.

        Raises:
            ValueError: Neither or both of `client` and `local` are given.
        """
        if (client is None) == (local is None):
            raise ValueError("stages come either from the cluster (client) or from a list (local)")
        self._environment_for = environment_for
        self._on_change = on_change
        self._clock = clock
        self._client = client
        self._local = local
        self._recorder = recorder
        self._metrics = metrics
        self._random = random
        self._hooks = hooks
        self._entries: dict[str, _Entry] = {}
        self._lifecycles: dict[StageResourceRef, Lifecycle] = {}
        self._kinds: dict[StageResourceRef, Verdict | None] = {}
        self._changed: dict[StageResourceRef, None] = {}
        self._changed_since = 0.0
        self._timer: Timer | None = None
        self._synced = False
        self._unsaid: StatusQueue[_Entry] = StatusQueue(clock, self._write_status, self._not_written)

    # What others ask and tell.

    @property
    def synced(self) -> bool:
        """Whether all stages that there were at the start have been read."""
        return self._synced

    def lifecycle(self, ref: StageResourceRef) -> Lifecycle | None:
        """The lifecycle of a kind; None: no stage is for it."""
        return self._lifecycles.get(ref)

    def refs(self) -> list[StageResourceRef]:
        """The kinds that have stages."""
        return list(self._lifecycles)

    def report(self, stage: str, error: StageError | None, *, reason: str = "PlayFailed") -> None:
        """Say that a stage failed while it was played, or (None) that it was played well. Never blocks; cheap when nothing is new."""
        entry = self._entries.get(stage)
        if entry is None:
            return
        failure = entry.failure
        now = self._clock.monotonic()
        if error is None:
            if failure is not None and now - failure.last >= (FOREIGN_S if failure.foreign else HEALED_S):
                entry.failure = None
                self._say(entry)
            return
        verdict = stage_status.of_play_error(error, reason)
        if self._metrics is not None:
            self._metrics.stage_error(stage, verdict.reason)
        if failure is None or failure.foreign:
            entry.failure = _Failure(verdict, now, foreign=False)
        else:
            failure.last = now
            if now - failure.said < REPEAT_S:
                return
            failure.said = now
            failure.verdict = verdict
        _log.error("stage failed", stage=stage, reason=verdict.reason, error=verdict.message)
        self._say(entry, verdict)

    def report_kind(self, ref: StageResourceRef, reason: str, message: str) -> None:
        """Say of all stages of a kind why it can't be played (`UnknownKind`, `Forbidden`); an empty reason: it can."""
        verdict = Verdict(False, reason, message) if reason else None
        if ref in self._kinds and self._kinds[ref] == verdict:
            return
        self._kinds[ref] = verdict
        if verdict is not None:
            _log.error("stages of a kind can't be played", api_group=ref.api_group, kind=ref.kind, reason=reason, error=message)
        for entry in self._entries.values():
            if entry.ref == ref:
                if verdict is not None and self._metrics is not None:
                    self._metrics.stage_error(entry.name, reason)
                failure = entry.failure
                if failure is not None and failure.foreign and failure.verdict.reason in stage_status.KIND_REASONS:
                    entry.failure = None
                if entry.writes == 0:
                    entry.not_before = 0.0
                self._say(entry, verdict)

    async def run(self) -> None:
        """Follow the Stages and write their status until cancelled. With local stages: call `on_change` for each kind, and return."""
        if self._local is not None:
            for stage in self._local:
                self._take_local(stage)
            self._synced = True
            self._publish()
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._unsaid.run())

    # What comes in.

    def _take_local(self, stage: Stage) -> None:
        # Two of a name are two stages, as in the Go kwok; what is reported of either is said of the first.
        name = stage.metadata.name
        key = name if name not in self._entries else f"{name} ({len(self._entries)})"
        entry = self._entries[key] = _Entry(name)
        self._compile(entry, stage)
        self._mark(entry.ref)

    def _take(self, obj: Mapping[str, Any]) -> None:
        metadata: Mapping[str, Any] = obj["metadata"]
        name: str = metadata["name"]
        entry = self._entries.get(name)
        if entry is None or entry.uid != metadata.get("uid", ""):
            self._drop(name)
            entry = self._entries[name] = _Entry(name)
            entry.uid = metadata.get("uid", "")
        entry.resource_version = metadata.get("resourceVersion", "")
        had, entry.status = entry.status, obj.get("status") or {}
        generation = metadata.get("generation") or 0
        if generation != entry.generation:
            entry.generation = generation
            entry.writes = 0
            entry.not_before = 0.0
        digest = _digest(obj.get("spec"))
        if digest != entry.digest:
            entry.digest = digest
            entry.failure = None
            before = entry.ref
            self._decode(entry, obj)
            self._mark(before)
            self._mark(entry.ref)
            if not entry.verdict.ready and not self._says_so(entry):
                self._send_event(entry, entry.verdict)
        if stage_status.ready_condition(had) != stage_status.ready_condition(entry.status):
            self._adopt(entry)
        if entry.ref not in self._changed:
            self._check_status(entry)

    def _drop(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._unsaid.discard(entry)
            self._mark(entry.ref)

    def _decode(self, entry: _Entry, obj: Mapping[str, Any]) -> None:
        try:
            stage = decode_stage(obj)
        except InvalidObject as error:
            entry.ref = entry.compiled = None
            self._refuse(entry, stage_status.of_invalid_object(error))
        else:
            self._compile(entry, stage)

    def _compile(self, entry: _Entry, stage: Stage) -> None:
        entry.ref = stage.spec.resource_ref
        try:
            entry.compiled = compile_stage(stage, self._environment_for(entry.ref))
        except StageError as error:
            entry.compiled = None
            self._refuse(entry, stage_status.of_compile_error(error))
        else:
            entry.verdict = stage_status.ACCEPTED if stage.spec.selector is not None else stage_status.ACCEPTED_FOR_NOTHING

    def _refuse(self, entry: _Entry, verdict: Verdict) -> None:
        entry.verdict = verdict
        if self._metrics is not None:
            self._metrics.stage_error(entry.name, verdict.reason)
        _log.error("stage is left out", stage=entry.name, reason=verdict.reason, error=verdict.message)

    def _adopt(self, entry: _Entry) -> None:
        """Leave standing what another replica, or this one before it was restarted, says of plays that failed, or that have healed."""
        condition = stage_status.ready_condition(entry.status)
        failure = entry.failure
        if failure is not None and condition is not None and condition.get("status") == "True":
            if self._clock.monotonic() - failure.last >= HEALED_S:
                entry.failure = None
            return
        if failure is not None or not entry.verdict.ready or condition is None or condition.get("status") != "False":
            return
        reason, message = condition.get("reason") or "", condition.get("message") or ""
        if entry.status.get("observedGeneration", entry.generation) != entry.generation or reason in stage_status.SPEC_REASONS:
            return
        if reason in stage_status.KIND_REASONS and entry.ref is not None and entry.ref in self._kinds:
            return
        entry.failure = _Failure(Verdict(False, reason, message), self._clock.monotonic(), foreign=True)

    # What goes out: lifecycles.

    def _mark(self, ref: StageResourceRef | None) -> None:
        """Have the lifecycle of a kind made anew, soon."""
        if ref is None:
            return
        now = self._clock.monotonic()
        if not self._changed:
            self._changed_since = now
        self._changed[ref] = None
        if self._synced:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._clock.call_at(min(now + QUIET_S, self._changed_since + LATEST_S), self._publish)

    def _publish(self) -> None:
        changed, self._changed = self._changed, {}
        self._timer = None
        for ref in changed:
            stages = [entry.compiled for entry in self._entries.values() if entry.ref == ref and entry.compiled is not None]
            if stages:
                self._lifecycles[ref] = lifecycle = Lifecycle(stages, self._expression_failed)
                self._on_change(ref, lifecycle)
            elif self._lifecycles.pop(ref, None) is not None:
                self._kinds.pop(ref, None)
                self._on_change(ref, None)
        # Only now that they are taken over it may be said that they are.
        now = self._clock.monotonic()
        for entry in self._entries.values():
            if entry.ref in changed:
                if entry.compiled is not None and entry.ref not in self._kinds:
                    entry.not_before = max(entry.not_before, now + KIND_S)
                self._check_status(entry)

    def _expression_failed(self, error: StageError) -> None:
        self.report(error.stage, error, reason="ExpressionFailed")

    # What goes out: statuses.

    def _verdict(self, entry: _Entry) -> Verdict:
        if not entry.verdict.ready:
            return entry.verdict
        of_kind = self._kinds.get(entry.ref) if entry.ref is not None else None
        if of_kind is not None:
            return of_kind
        return entry.failure.verdict if entry.failure is not None else entry.verdict

    def _say(self, entry: _Entry, problem: Verdict | None = None) -> None:
        """Write the status if it has to be, and tell of a problem by an Event."""
        if problem is not None:
            self._send_event(entry, problem)
        self._check_status(entry)

    def _check_status(self, entry: _Entry) -> None:
        """Have the status written when it does not say what it should."""
        if self._client is not None and not self._says_so(entry):
            self._unsaid.add(entry)

    def _says_so(self, entry: _Entry) -> bool:
        return stage_status.says(entry.status, self._verdict(entry), entry.generation)

    def _send_event(self, entry: _Entry, problem: Verdict) -> None:
        # Local stages are no objects that an Event could be about.
        if self._recorder is not None and self._client is not None:
            about = ObjectReference(API_VERSION, STAGES.kind, "", entry.name, entry.uid)
            self._recorder.send(about, "Warning", problem.reason, problem.message)

    async def _write_status(self, entry: _Entry) -> None:
        verdict, generation = self._verdict(entry), entry.generation
        if self._client is None or self._says_so(entry):
            return
        entry.not_before = self._clock.monotonic() + WRITE_BACKOFF.delay(entry.writes, self._random)
        entry.writes += 1
        status = stage_status.new_status(entry.status, verdict, generation, self._clock.now_ns())
        answer = await self._client.update(STAGES, None, entry.name, _body(entry, status), subresource="status")
        metadata = orjson.loads(answer)["metadata"]
        if metadata.get("generation", 0) == entry.generation:
            entry.resource_version = metadata["resourceVersion"]
            entry.status = status

    def _not_written(self, entry: _Entry, error: errors.KubeError) -> None:
        _log.warning("the status of a stage could not be written", stage=entry.name, error=str(error))

    # Following the resources.

    async def _follow(self) -> None:
        waiting = False
        while self._client is not None:
            try:
                await self._follow_once(self._client)
            except errors.NotFound:
                if not waiting:
                    _log.warning(
                        "no Stage can be read: the CRD is not there", crd=f"{STAGES.plural}.{STAGES.group}", remedy="apply the CRDs"
                    )
                waiting = True
                self._forget_all()
            except errors.KubeError as error:
                _log.error("stages cannot be watched", error=str(error))
                waiting = False
            else:
                waiting = False
            await self._clock.sleep(WATCH_RETRY_S)

    async def _follow_once(self, client: Client) -> None:
        seen: set[str] | None = set()
        async with aclosing(watch(client, STAGES, hooks=self._hooks)) as events:
            async for event in events:
                if event.change is Change.SYNCED:
                    if seen is not None:
                        # This watch is new: it knows nothing of those that vanished before it began.
                        for name in self._entries.keys() - seen:
                            self._drop(name)
                        seen = None
                    if not self._synced:
                        self._synced = True
                        self._publish()
                elif event.change is Change.DELETED:
                    self._drop(event.key[1])
                else:
                    if seen is not None:
                        seen.add(event.key[1])
                    self._take(event.object)

    def _forget_all(self) -> None:
        for name in list(self._entries):
            self._drop(name)
        if not self._synced:
            self._synced = True
            self._publish()


def _body(entry: _Entry, status: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": entry.name, "uid": entry.uid, "resourceVersion": entry.resource_version}
    return {"apiVersion": API_VERSION, "kind": STAGES.kind, "metadata": metadata, "status": status}


def _digest(spec: Any) -> bytes:
    return blake2b(orjson.dumps(spec, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
