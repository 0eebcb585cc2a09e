# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Where Metrics, ResourceUsages and ClusterResourceUsages come from: files, or the resources of the cluster, followed as they change.

What is wrong with one of them spoils its own series only. It is said in its status, in a metric and in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from kwok_controller.api.decode import decode
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.kinds import KINDS, SHOWN, Shown
from kwok_controller.api.meta import GROUP, VERSION
from kwok_controller.api.metric import Metric
from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage
from kwok_controller.exposition import Compile, Failure, compile_endpoint
from kwok_controller.exposition.lint_path import check_free, check_path
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import Resource
from kwok_controller.kube.watch import Key, WatchHooks
from kwok_controller.kubelet.endpoints import Endpoints, Served
from kwok_controller.kubelet.following import Following
from kwok_controller.kubelet.statuses import ACCEPTED, Followed, Statuses, failing
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.stage_status import Verdict, of_invalid_object
from kwok_controller.telemetry.logs import get_logger
from kwok_controller.usage.check import check_usage
from kwok_controller.usage.rates import Problem
from kwok_controller.usage.selection import Selection

_log = get_logger(__name__)

RESOURCES: Final[dict[str, Resource]] = {
    name: Resource(GROUP, VERSION, KINDS[name].plural, name, KINDS[name].namespaced, frozenset({"status"})) for name in SHOWN
}
"""What is followed, by kind."""

HEALING_S: Final = 5.0
"""Between two looks at what has failed, whether it has healed: nobody may ask for it any more, or its pods may be gone."""


class Metrics(Protocol):
    """What is needed of `telemetry.metrics.Metrics`."""

    def evaluation_failed(self, kind: str, namespace: str, name: str, count: int) -> None:
        """Count series, or usages, that could not be evaluated."""

    def watch_restarted(self, resource: str, reason: str) -> None:
        """Count a watch that is started again."""


class Sources:
    """The Metrics and usages that there are.

    Args:
        compile: the expressions of Metrics.
        clock: the time.
        metrics: counts what goes wrong.
        client: to the apiserver; None: nothing is followed.
        follow: the kinds that are read from the cluster, of `RESOURCES`; others there may be are left out.
        local: the objects of files.

    Attributes:
        endpoints: the Metrics by path.
        selection: the usages by pod.
    """

    def __init__(
        self,
        *,
        compile: Compile,
        clock: Clock,
        metrics: Metrics,
        client: Client | None = None,
        follow: Collection[str] = (),
        local: Sequence[Shown] = (),
        selection: Selection | None = None,
    ) -> None:
        self.endpoints = Endpoints()
        self.selection = selection if selection is not None else Selection()
        self._compile = compile
        self._clock = clock
        self._metrics = metrics
        self._statuses = Statuses(client, clock) if client is not None else None
        self._followed: dict[tuple[str, Key], Followed] = {}
        self._by_subject: dict[str, Followed] = {}
        self._usages: dict[Followed, ResourceUsage | ClusterResourceUsage] = {}
        self._failing: set[Followed] = set()
        self._following = [self._follow(client, RESOURCES[kind]) for kind in RESOURCES if kind in follow] if client is not None else []
        for obj in local:
            self._take_local(obj)

    @property
    def synced(self) -> bool:
        """Whether all objects that there were at the start have been read."""
        return all(each.synced for each in self._following)

    async def run(self) -> None:
        """Follow what is to be followed, and write statuses, until cancelled."""
        if self._statuses is None:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._statuses.run())
            tasks.create_task(self._heal())
            for following in self._following:
                tasks.create_task(following.run())

    def rendered(self, served: Served, failures: Iterable[Failure]) -> None:
        """Take what failed in a scrape."""
        followed = served.followed
        for failure in failures:
            self._metrics.evaluation_failed("Metric", "", served.name, failure.count)
            if self._failed(followed, failure.field, str(failure)):
                _log.error("a metric cannot be evaluated", object=str(followed), error=str(failure))

    def usage_failed(self, problem: Problem) -> None:
        """Take what failed when a usage was evaluated."""
        followed = self._by_subject.get(problem.subject)
        if followed is None:
            return
        self._metrics.evaluation_failed(followed.resource.kind, followed.namespace, followed.name, 1)
        field = problem.path.removeprefix("$.")
        if self._failed(followed, field, f"{field}: {problem.message}"):
            _log.error("a usage cannot be evaluated", object=problem.subject, field=field, error=problem.message)

    def _failed(self, followed: Followed, field: str, message: str) -> bool:
        """Whether it is new that this field fails."""
        new = followed.failed(field, message, self._clock.monotonic())
        if new:
            self._failing.add(followed)
            self._check(followed)
        return new

    async def _heal(self) -> None:
        """Say of what has not failed for long that it is well again."""
        while True:
            await self._clock.sleep(HEALING_S)
            now = self._clock.monotonic()
            for followed in list(self._failing):
                if followed.heal(now):
                    self._check(followed)
                if not followed.fails:
                    self._failing.discard(followed)

    # What comes in.

    def _follow(self, client: Client, resource: Resource) -> Following:
        hooks = WatchHooks(restarted=lambda reason: self._metrics.watch_restarted(resource.plural, reason))
        put: Callable[[Mapping[str, Any]], None] = lambda obj: self._put(resource, obj)  # noqa: E731
        return Following(resource, client, self._clock, put=put, drop=lambda key: self._drop(resource, key), hooks=hooks)

    def _take_local(self, obj: Shown) -> None:
        resource = RESOURCES[type(obj).__name__]
        followed = self._known(resource, (obj.metadata.namespace, obj.metadata.name), in_cluster=False)
        self._take(followed, obj)

    def _put(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        metadata = obj["metadata"]
        followed = self._known(resource, (metadata.get("namespace") or "", metadata["name"]), in_cluster=True)
        if followed.take(obj):
            try:
                decoded = decode(obj)
            except InvalidObject as error:
                self._forget(followed)
                self._judge(followed, of_invalid_object(error))
            else:
                assert isinstance(decoded, Shown)
                self._take(followed, decoded)
        self._check(followed)

    def _drop(self, resource: Resource, key: Key) -> None:
        followed = self._followed.pop((resource.kind, key), None)
        if followed is not None:
            self._by_subject.pop(str(followed), None)
            self._failing.discard(followed)
            self._forget(followed)
            if self._statuses is not None:
                self._statuses.forget(followed)

    def _known(self, resource: Resource, key: Key, *, in_cluster: bool) -> Followed:
        followed = self._followed.get((resource.kind, key))
        if followed is None:
            followed = self._followed[resource.kind, key] = Followed(resource, *key, in_cluster=in_cluster)
            self._by_subject[str(followed)] = followed
        return followed

    def _take(self, followed: Followed, obj: Shown) -> None:
        if isinstance(obj, Metric):
            self._take_metric(followed, obj)
            return
        self._usages[followed] = obj
        self.selection.put(obj)
        messages = [f"{problem.path.removeprefix('$.')}: {problem.message}" for problem in check_usage(obj)]
        self._judge(followed, failing("InvalidUsage", messages) if messages else ACCEPTED)

    def _take_metric(self, followed: Followed, metric: Metric) -> None:
        path = metric.spec.path
        if wrong := [f"{problem.field}: {problem.message}" for problem in (*check_path(path), *check_free(path))]:
            self._forget(followed)
            self._judge(followed, failing("InvalidPath", wrong))
            return
        endpoint, problems = compile_endpoint(metric.spec, self._compile)
        verdict = failing("InvalidMetric", [f"{each.field}: {each.message}" for each in problems]) if problems else ACCEPTED
        self._judge(followed, verdict)
        self.endpoints.put(Served(followed.name, path, endpoint, followed, verdict))
        self._judge_paths()

    def _forget(self, followed: Followed) -> None:
        """It is of no use any more."""
        usage = self._usages.pop(followed, None)
        if usage is not None:
            self.selection.remove(usage)
        if followed.resource.kind == "Metric":
            self.endpoints.remove(followed.name)
            self._judge_paths()

    # What goes out.

    def _judge_paths(self) -> None:
        """Say of Metrics whose path another one has that they are not served."""
        for served in self.endpoints.all():
            verdict = served.verdict
            if other := self.endpoints.taken(served):
                message = f"{served.path} is that of the Metric {other} already, which is served: put all metrics of a path into one"
                verdict = Verdict(False, "PathTaken", f"spec.path: {message}")
            self._judge(served.followed, verdict)
            self._check(served.followed)

    def _judge(self, followed: Followed, verdict: Verdict) -> None:
        if verdict != followed.verdict and not verdict.ready:
            _log.error("something is left out", object=str(followed), reason=verdict.reason, error=verdict.message)
        followed.verdict = verdict

    def _check(self, followed: Followed) -> None:
        if self._statuses is not None:
            self._statuses.check(followed)
