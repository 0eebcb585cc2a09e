# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Objects of our kinds from files, or from the cluster, followed as they change; and what is said of each in its status and in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from kwok_controller.api.decode import decode
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.kinds import KINDS
from kwok_controller.api.kinds import Resource as Decoded
from kwok_controller.api.meta import VERSION
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import Resource
from kwok_controller.kube.watch import Key, WatchHooks
from kwok_controller.kubelet.following import Following
from kwok_controller.kubelet.statuses import Followed, Statuses
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.stage_status import Verdict, of_invalid_object
from kwok_controller.telemetry.logs import get_logger

_log = get_logger(__name__)


HEALING_S: Final = 5.0
"""Between two looks at what has failed, whether it has healed: nobody may ask for it any more, or its pods may be gone."""


def resource_of(kind: str) -> Resource:
    """A kind of ours, as it is followed.

    Raises:
        KeyError: there is no such kind.
    """
    known = KINDS[kind]
    return Resource(known.group, VERSION, known.plural, kind, known.namespaced, frozenset({"status"}))


class FollowedObjects:
    """The objects that there are.

    Args:
        clock: the time.
        client: to the apiserver; None: nothing is followed.
        follow: what is read from the cluster.
        restarted: told of a watch that is started again, and why.
        take: takes an object that is new or has changed, and says what it thinks of it with `judge`.
        forget: told of one that is gone, or is no valid one any more; also of those that were never taken.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        client: Client | None,
        follow: Iterable[Resource],
        restarted: Callable[[str, str], None],
        take: Callable[[Followed, Decoded], None],
        forget: Callable[[Followed], None],
    ) -> None:
        self._clock = clock
        self._restarted = restarted
        self._take = take
        self._forget = forget
        self._statuses = Statuses(client, clock) if client is not None else None
        self._followed: dict[tuple[str, Key], Followed] = {}
        self._by_subject: dict[str, Followed] = {}
        self._failing: set[Followed] = set()
        self._following = [self._follow(client, resource) for resource in follow] if client is not None else []

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

    def add_local(self, obj: Decoded) -> None:
        """Take an object of a file."""
        resource = resource_of(type(obj).__name__)
        self._take(self._known(resource, (obj.metadata.namespace, obj.metadata.name), in_cluster=False), obj)

    def find(self, subject: str) -> Followed | None:
        """The object that messages call so."""
        return self._by_subject.get(subject)

    def judge(self, followed: Followed, verdict: Verdict) -> None:
        """Think so of an object."""
        if verdict != followed.verdict and not verdict.ready:
            _log.error("something is left out", object=str(followed), reason=verdict.reason, error=verdict.message)
        followed.verdict = verdict

    def failed(self, followed: Followed, field: str, message: str) -> bool:
        """Note that an expression of an object failed; whether that is new."""
        new = followed.failed(field, message, self._clock.monotonic())
        if new:
            self._failing.add(followed)
            self.check(followed)
        return new

    def check(self, followed: Followed) -> None:
        """Have the status of an object written, if it does not say what it should."""
        if self._statuses is not None:
            self._statuses.check(followed)

    async def _heal(self) -> None:
        """Say of what has not failed for long that it is well again."""
        while True:
            await self._clock.sleep(HEALING_S)
            now = self._clock.monotonic()
            for followed in list(self._failing):
                if followed.heal(now):
                    self.check(followed)
                if not followed.fails:
                    self._failing.discard(followed)

    def _follow(self, client: Client, resource: Resource) -> Following:
        hooks = WatchHooks(restarted=lambda reason: self._restarted(resource.plural, reason))
        put: Callable[[Mapping[str, Any]], None] = lambda obj: self._put(resource, obj)  # noqa: E731
        return Following(resource, client, self._clock, put=put, drop=lambda key: self._drop(resource, key), hooks=hooks)

    def _put(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        metadata = obj["metadata"]
        followed = self._known(resource, (metadata.get("namespace") or "", metadata["name"]), in_cluster=True)
        if followed.take(obj):
            try:
                decoded = decode(obj)
            except InvalidObject as error:
                self._forget(followed)
                self.judge(followed, of_invalid_object(error))
            else:
                self._take(followed, decoded)
        self.check(followed)

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
