# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Where WorkloadTraces come from: files, or the cluster, followed as they change; and what their statuses say.

What is wrong with one of them keeps its own traces from being sent only. It is said in its status, in a metric and in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from kwok_controller.api.kinds import TRACED
from kwok_controller.api.kinds import Resource as Decoded
from kwok_controller.api.workload_trace import WorkloadTrace
from kwok_controller.emission.ready import ReadyPods, ServicePods
from kwok_controller.kube.client import Client
from kwok_controller.kubelet.objects import FollowedObjects, resource_of
from kwok_controller.kubelet.statuses import ACCEPTED, Followed, failing
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.stage_status import Verdict
from kwok_controller.telemetry.logs import get_logger
from kwok_controller.usage.traces import Trace
from kwok_controller.workload_traces.compile import compile_trace
from kwok_controller.workload_traces.profile import Profile
from kwok_controller.workload_traces.rates import Clockwork
from kwok_controller.workload_traces.slots import Slot

_log = get_logger(__name__)

WINDOW_S: Final = 30
"""What is said of what is left out is of so many seconds."""

_DEFAULT_NAMESPACE: Final = "default"
# Parts of requests are said in steps of so many percent, so that statuses do not change all the time.
_STEP: Final = 10
_SHOWN_SERVICES: Final = 5


class Metrics(Protocol):
    """What is needed of `telemetry.metrics.Metrics`."""

    def evaluation_failed(self, kind: str, namespace: str, name: str, count: int) -> None:
        """Count rates that could not be evaluated."""

    def watch_restarted(self, resource: str, reason: str) -> None:
        """Count a watch that is started again."""


class Emitted:
    """A WorkloadTrace whose traces are sent.

    Args:
        followed: the object.
        namespace: of its pods.
        profile: what was made of it.
        pods: those of its services.

    Attributes:
        identity: what its chance follows from, with the seed.
    """

    __slots__ = ("_calls", "_left_out", "_requests", "_seconds", "followed", "identity", "namespace", "pods", "profile")

    def __init__(self, followed: Followed, namespace: str, profile: Profile, pods: ServicePods) -> None:
        self.followed = followed
        self.namespace = namespace
        self.identity = f"{namespace}/{followed.name}"
        self.profile = profile
        self.pods = pods
        self._seconds = self._requests = self._left_out = self._calls = 0

    def count(self, slot: Slot) -> Verdict | None:
        """Take what became of a second; what is to be said, at the end of a window."""
        self._seconds += 1
        self._requests += slot.requests
        self._left_out += slot.left_out
        self._calls += slot.calls_left_out
        if self._seconds < WINDOW_S:
            return None
        verdict = self._verdict()
        self._seconds = self._requests = self._left_out = self._calls = 0
        return verdict

    def _verdict(self) -> Verdict:
        limits = self.profile.limits
        said = []
        if self._left_out:
            part = max(_STEP, round(100 * self._left_out / self._requests / _STEP) * _STEP)
            said.append(f"about {part} % of the requests are left out, as spec.limits.spansPerSecond is {limits.spans_per_second}")
        if self._calls:
            said.append(
                f"calls are left out, as spec.limits.spansPerTrace is {limits.spans_per_trace} and spec.limits.depth {limits.depth}"
            )
        if said:
            text = "; ".join(said)
            return Verdict(True, "Limited", f"{text[0].upper()}{text[1:]}.")
        empty = [service.name for service, instances in self.pods.instances().items() if not instances]
        if empty:
            more = f" and {len(empty) - _SHOWN_SERVICES} more" if len(empty) > _SHOWN_SERVICES else ""
            return Verdict(True, "NoPods", f"No pod is ready of these services: {', '.join(empty[:_SHOWN_SERVICES])}{more}.")
        return ACCEPTED


class Sources:
    """The WorkloadTraces that there are.

    Args:
        clock: the time.
        seed: of what looks like chance.
        metrics: counts what goes wrong.
        ready: the pods.
        client: to the apiserver; None: nothing is followed.
        follow: whether they are read from the cluster.
        local: those of files.
        traces: of usages, by name, for rates.

    Attributes:
        some: set while there are any whose traces are sent.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int,
        metrics: Metrics,
        ready: ReadyPods,
        client: Client | None = None,
        follow: bool = False,
        local: Sequence[WorkloadTrace] = (),
        traces: Mapping[str, Trace] | None = None,
    ) -> None:
        self.some = asyncio.Event()
        self._clock = clock
        self._metrics = metrics
        self._ready = ready
        self._clockwork = Clockwork(seed, traces)
        self._emitted: dict[Followed, Emitted] = {}
        self._objects = FollowedObjects(
            clock=clock,
            client=client,
            follow=[resource_of(TRACED)] if follow else [],
            restarted=metrics.watch_restarted,
            take=self._take,
            forget=self._forget,
        )
        for obj in local:
            self._objects.add_local(obj)

    @property
    def synced(self) -> bool:
        """Whether all objects that there were at the start have been read."""
        return self._objects.synced

    async def run(self) -> None:
        """Follow what is to be followed, and write statuses, until cancelled."""
        await self._objects.run()

    def emitted(self) -> list[Emitted]:
        """Those whose traces are sent, in an order that is always the same."""
        return sorted(self._emitted.values(), key=lambda each: each.identity)

    def __contains__(self, emitted: Emitted) -> bool:
        """Whether its traces are still sent."""
        return self._emitted.get(emitted.followed) is emitted

    def counted(self, emitted: Emitted, slot: Slot) -> None:
        """Take what became of a second of an object."""
        followed = emitted.followed
        verdict = emitted.count(slot)
        self._failed(followed, slot.failures)
        if verdict is not None and verdict != followed.verdict:
            self._objects.judge(followed, verdict)
            self._objects.check(followed)

    def gave_up(self, emitted: Emitted, error: Exception) -> None:
        """No traces can be made of an object, by a fault of ours: leave it out until it changes."""
        followed = emitted.followed
        if emitted in self:
            self._forget(followed)
            self._objects.judge(followed, failing("Failed", [f"no traces can be made: {type(error).__name__}: {error}"]))
            self._objects.check(followed)

    def _failed(self, followed: Followed, failures: Iterable[tuple[str, str]]) -> None:
        for field, message in failures:
            self._metrics.evaluation_failed(TRACED, followed.namespace, followed.name, 1)
            if self._objects.failed(followed, field, f"{field}: {message}"):
                _log.error("a rate cannot be evaluated", object=str(followed), field=field, error=message)

    def _take(self, followed: Followed, obj: Decoded) -> None:
        assert isinstance(obj, WorkloadTrace)
        self._forget(followed)
        profile, problems = compile_trace(obj.spec, self._clockwork)
        if profile is None:
            self._objects.judge(followed, failing("InvalidTrace", [f"{each.field}: {each.message}" for each in problems]))
            return
        namespace = followed.namespace or _DEFAULT_NAMESPACE
        self._emitted[followed] = Emitted(followed, namespace, profile, self._ready.ask(namespace, profile))
        self._objects.judge(followed, ACCEPTED)
        self.some.set()

    def _forget(self, followed: Followed) -> None:
        emitted = self._emitted.pop(followed, None)
        if emitted is not None:
            self._ready.leave(emitted.namespace, emitted.pods)
        if not self._emitted:
            self.some.clear()
