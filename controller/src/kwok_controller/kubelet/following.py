# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Follows the objects of a kind that may not be there yet: its CRD is looked for again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from kwok_controller.kube import errors
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import Resource
from kwok_controller.kube.watch import Change, Key, WatchHooks, watch
from kwok_controller.simulation.clock import Clock
from kwok_controller.telemetry.logs import get_logger

_log = get_logger(__name__)

RETRY_S: Final = 2.0
"""Until a watch is tried again after it was refused, or while the CRD is not there."""


class Following:
    """The objects of a kind as they come and go.

    Args:
        resource: the kind.
        client: to the apiserver.
        clock: the time.
        put: takes an object that is new or has changed.
        drop: takes the key of one that is gone.
        hooks: told of restarts of the watch.

    Attributes:
        synced: whether all objects that there were at the start have been told, or the kind is not there.
    """

    def __init__(
        self,
        resource: Resource,
        client: Client,
        clock: Clock,
        *,
        put: Callable[[Mapping[str, Any]], None],
        drop: Callable[[Key], None],
        hooks: WatchHooks | None = None,
    ) -> None:
        self.synced = False
        self._resource = resource
        self._client = client
        self._clock = clock
        self._put = put
        self._drop = drop
        self._hooks = hooks
        self._keys: set[Key] = set()

    async def run(self) -> None:
        """Follow until cancelled."""
        waiting = False
        while True:
            try:
                await self._once()
            except errors.NotFound:
                if not waiting:
                    crd = f"{self._resource.plural}.{self._resource.group}"
                    _log.warning("a kind cannot be read: its CRD is not there", kind=self._resource.kind, crd=crd, remedy="apply the CRDs")
                waiting = True
                self._drop_all(self._keys)
                self.synced = True
            except errors.KubeError as error:
                _log.error("a kind cannot be watched", kind=self._resource.kind, error=str(error))
                waiting = False
            else:
                waiting = False
            await self._clock.sleep(RETRY_S)

    async def _once(self) -> None:
        # This watch is new: it knows nothing of those that vanished before it began.
        unseen: set[Key] | None = set(self._keys)
        async with aclosing(watch(self._client, self._resource, hooks=self._hooks)) as events:
            async for event in events:
                if event.change is Change.SYNCED:
                    self._drop_all(unseen or set())
                    unseen = None
                    self.synced = True
                elif event.change is Change.DELETED:
                    self._drop_all({event.key})
                else:
                    if unseen is not None:
                        unseen.discard(event.key)
                    self._keys.add(event.key)
                    self._put(event.object)

    def _drop_all(self, keys: set[Key]) -> None:
        for key in list(keys):
            self._keys.discard(key)
            self._drop(key)
