# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Says in the status of what is followed whether it is well: condition `Ready`, written when it changes, and not too often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from kwok_controller.kube import errors
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import Resource
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.stage_status import MESSAGE_LIMIT, Verdict, new_status, says
from kwok_controller.simulation.status_queue import StatusQueue
from kwok_controller.telemetry.logs import get_logger

_log = get_logger(__name__)

WRITE_INTERVAL_S: Final = 30.0
"""The status of an object is written once within this time at most, but for the first time after its spec has changed."""

HEALED_S: Final = 60.0
"""An expression that failed counts as healed when it has not failed for so long: others of its pods may still fail."""

ACCEPTED: Final = Verdict(True, "Accepted", "The object is valid and in use.")

_SHOWN_FAILURES: Final = 5


class Followed:
    """An object whose status is written, or one of a file, which has none.

    Attributes:
        verdict: what follows from its spec.
        in_cluster: whether there is a status to write.
    """

    __slots__ = (
        "_failures",
        "generation",
        "in_cluster",
        "name",
        "namespace",
        "not_before",
        "resource",
        "status",
        "uid",
        "verdict",
        "version",
    )

    def __init__(self, resource: Resource, namespace: str, name: str, *, in_cluster: bool) -> None:
        self.resource = resource
        self.namespace = namespace
        self.name = name
        self.in_cluster = in_cluster
        self.verdict = ACCEPTED
        self.uid = self.version = ""
        self.generation = 0
        self.status: Mapping[str, Any] = {}
        # Monotonic seconds.
        self.not_before = 0.0
        # By field: what was said of it first, and when it failed last, in monotonic seconds.
        self._failures: dict[str, tuple[str, float]] = {}

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f'{self.resource.kind} "{name}"'

    def take(self, obj: Mapping[str, Any]) -> bool:
        """Take a version of the object; whether its spec may be another one."""
        metadata = obj["metadata"]
        uid, generation = metadata.get("uid") or "", metadata.get("generation") or 0
        changed = (uid, generation) != (self.uid, self.generation)
        if changed:
            self._failures = {}
            self.not_before = 0.0
        self.uid, self.generation = uid, generation
        self.version = metadata.get("resourceVersion") or ""
        self.status = obj.get("status") or {}
        return changed or not generation

    def failed(self, field: str, message: str, now: float) -> bool:
        """An expression failed; whether that is new."""
        known = self._failures.get(field)
        self._failures[field] = (message if known is None else known[0], now)
        return known is None

    @property
    def fails(self) -> bool:
        """Whether an expression has failed lately."""
        return bool(self._failures)

    def heal(self, now: float) -> bool:
        """Let go of what has not failed for long; whether there was anything."""
        healed = [field for field, (_, last) in self._failures.items() if now - last >= HEALED_S]
        for field in healed:
            del self._failures[field]
        return bool(healed)

    def told(self) -> Verdict:
        """What is to be said of it."""
        if not self.verdict.ready or not self._failures:
            return self.verdict
        messages = [message for _, (message, _) in sorted(self._failures.items())]
        return failing("EvaluationFailed", messages)


def failing(reason: str, messages: list[str]) -> Verdict:
    """Something is wrong, in these places."""
    more = len(messages) - _SHOWN_FAILURES
    text = "; ".join(messages[:_SHOWN_FAILURES]) + (f"; and {more} more" if more > 0 else "")
    return Verdict(False, reason, text if len(text) <= MESSAGE_LIMIT else f"{text[: MESSAGE_LIMIT - 1]}…")


class Statuses:
    """Writes the statuses.

    Args:
        client: to the apiserver.
        clock: the time.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._unsaid: StatusQueue[Followed] = StatusQueue(clock, self._write, self._not_written)

    def check(self, followed: Followed) -> None:
        """Have the status of an object written, if it does not say what it should."""
        if followed.in_cluster and not self._says_so(followed):
            self._unsaid.add(followed)

    def forget(self, followed: Followed) -> None:
        """An object is gone."""
        self._unsaid.discard(followed)

    async def run(self) -> None:
        """Write until cancelled."""
        await self._unsaid.run()

    def _says_so(self, followed: Followed) -> bool:
        return says(followed.status, followed.told(), followed.generation)

    async def _write(self, followed: Followed) -> None:
        if self._says_so(followed):
            return
        followed.not_before = self._clock.monotonic() + WRITE_INTERVAL_S
        generation = followed.generation
        status = new_status(followed.status, followed.told(), generation, self._clock.now_ns())
        metadata = {"name": followed.name, "uid": followed.uid, "resourceVersion": followed.version}
        if followed.namespace:
            metadata["namespace"] = followed.namespace
        body = {"apiVersion": followed.resource.api_version, "kind": followed.resource.kind, "metadata": metadata, "status": status}
        answer = await self._client.update(followed.resource, followed.namespace or None, followed.name, body, subresource="status")
        written = orjson.loads(answer)["metadata"]
        if written.get("generation", 0) == followed.generation == generation:
            followed.version = written["resourceVersion"]
            followed.status = status

    def _not_written(self, followed: Followed, error: errors.KubeError) -> None:
        _log.warning("a status could not be written", object=str(followed), error=str(error))
