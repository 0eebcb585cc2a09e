# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Where Metrics, ResourceUsages and ClusterResourceUsages come from: files, or the resources of the cluster, followed as they change.

What is wrong with one of them spoils its own series only. It is said in its status, in a metric and in the log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol

from kwok_controller.api.kinds import SHOWN, Shown
from kwok_controller.api.kinds import Resource as Decoded
from kwok_controller.api.metric import Metric
from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage
from kwok_controller.exposition import Compile, Failure, compile_endpoint
from kwok_controller.exposition.lint_path import check_free, check_path
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import Resource
from kwok_controller.kubelet.endpoints import Endpoints, Served
from kwok_controller.kubelet.objects import FollowedObjects, resource_of
from kwok_controller.kubelet.statuses import ACCEPTED, Followed, failing
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.stage_status import Verdict
from kwok_controller.telemetry.logs import get_logger
from kwok_controller.usage.check import check_usage
from kwok_controller.usage.rates import Problem
from kwok_controller.usage.selection import Selection

_log = get_logger(__name__)

RESOURCES: Final[dict[str, Resource]] = {name: resource_of(name) for name in SHOWN}
"""What is followed, by kind."""


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
        self._usages: dict[Followed, ResourceUsage | ClusterResourceUsage] = {}
        self._objects = FollowedObjects(
            clock=clock,
            client=client,
            follow=[resource for kind, resource in RESOURCES.items() if kind in follow],
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

    def rendered(self, served: Served, failures: Iterable[Failure]) -> None:
        """Take what failed in a scrape."""
        followed = served.followed
        for failure in failures:
            self._metrics.evaluation_failed("Metric", "", served.name, failure.count)
            if self._objects.failed(followed, failure.field, str(failure)):
                _log.error("a metric cannot be evaluated", object=str(followed), error=str(failure))

    def usage_failed(self, problem: Problem) -> None:
        """Take what failed when a usage was evaluated."""
        followed = self._objects.find(problem.subject)
        if followed is None:
            return
        self._metrics.evaluation_failed(followed.resource.kind, followed.namespace, followed.name, 1)
        field = problem.path.removeprefix("$.")
        if self._objects.failed(followed, field, f"{field}: {problem.message}"):
            _log.error("a usage cannot be evaluated", object=problem.subject, field=field, error=problem.message)

    # What comes in.

    def _take(self, followed: Followed, obj: Decoded) -> None:
        assert isinstance(obj, Shown)
        if isinstance(obj, Metric):
            self._take_metric(followed, obj)
            return
        self._usages[followed] = obj
        self.selection.put(obj)
        messages = [f"{problem.path.removeprefix('$.')}: {problem.message}" for problem in check_usage(obj)]
        self._objects.judge(followed, failing("InvalidUsage", messages) if messages else ACCEPTED)

    def _take_metric(self, followed: Followed, metric: Metric) -> None:
        path = metric.spec.path
        if wrong := [f"{problem.field}: {problem.message}" for problem in (*check_path(path), *check_free(path))]:
            self._forget(followed)
            self._objects.judge(followed, failing("InvalidPath", wrong))
            return
        endpoint, problems = compile_endpoint(metric.spec, self._compile)
        verdict = failing("InvalidMetric", [f"{each.field}: {each.message}" for each in problems]) if problems else ACCEPTED
        self._objects.judge(followed, verdict)
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
            self._objects.judge(served.followed, verdict)
            self._objects.check(served.followed)
