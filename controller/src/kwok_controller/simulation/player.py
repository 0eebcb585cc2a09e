# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Plays stages: takes jobs from the queue and does to the apiserver what they say, a bounded number at a time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

from kwok_controller.api.stage import StageStep
from kwok_controller.kube.client import JSON, METADATA_ONLY, UNVALIDATED, Client
from kwok_controller.kube.discovery import Discovery
from kwok_controller.kube.errors import AlreadyExists, ApiError, Conflict, Forbidden, Invalid, NotFound, Unauthorized, retryable
from kwok_controller.lifecycle.draw import Draw
from kwok_controller.lifecycle.effects import Apply, Delete, Effect, Patch, PatchType, SendEvent
from kwok_controller.lifecycle.errors import StageError
from kwok_controller.lifecycle.patching import MergeKeys, PatchError, apply_json, apply_merge, apply_strategic
from kwok_controller.lifecycle.patching.merge_keys import NO_KEYS
from kwok_controller.simulation.backoff import DEFAULT_BACKOFF, Backoff
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.events import Recorder
from kwok_controller.simulation.pace import Pace
from kwok_controller.simulation.queue import Closed, DelayQueue
from kwok_controller.simulation.tracked import Job, Object
from kwok_controller.telemetry.tracing import NO_TRACING, Play, Tracing

_LOG = logging.getLogger(__name__)

FIELD_MANAGER: Final = "kwok"
"""Who owns the fields that are applied: `consts.ProjectName` of kwok v0.8.0."""

REFUSED_BACKOFF: Final = Backoff(initial=5.0, factor=2.0, cap=300.0, jitter=0.2)
"""For what the controller may not do: somebody may grant it, and nothing tells when."""

CONFLICT_LIMIT: Final = 3
"""So many times in a row a status is sent for a version that was not the newest; then it is sent as a patch, for whichever is."""

WHOLE: Final = ("", "status")
"""The subresources that answer with the object itself."""


@dataclass(frozen=True, slots=True)
class Played:
    """All was done.

    Attributes:
        version: of the object after its last change; empty when nothing had to be sent, or when it was deleted.
        answer: of the apiserver to that change.
        deleted: the object was deleted. It may still be there, for its finalizers.
    """

    version: str = ""
    answer: bytes = b""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The object isn't there any more."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The object's node is not ours any more: nothing further may be sent."""


@dataclass(frozen=True, slots=True)
class Later:
    """It failed in a way that may pass: to be tried again after so many seconds, if no newer version comes first."""

    seconds: float
    error: ApiError


@dataclass(frozen=True, slots=True)
class Failed:
    """It failed, and would again. `seconds`: when to try nevertheless; None: not until the object or the stage changes."""

    error: StageError
    reason: str
    seconds: float | None = None


Outcome = Played | Gone | Lost | Later | Failed


class _Meta(msgspec.Struct):
    version: str = msgspec.field(default="", name="resourceVersion")


class _Answer(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


_version_of = msgspec.json.Decoder(_Answer).decode


class Player:
    """The workers, and what they share.

    Args:
        queue: where the jobs come from. What has been played is handed to `job.controller.finished`.
        client: to the apiserver.
        discovery: finds the resource of an object that a stage applies.
        recorder: takes the Events of stages.
        clock: the time.
        seed: of all that is left to chance.
        backoff: between attempts.
        noise: uniform in [0, 1), for the backoff only.
        tracing: has a span for each play.
    """

    def __init__(
        self,
        queue: DelayQueue[Job],
        client: Client,
        discovery: Discovery,
        recorder: Recorder,
        clock: Clock,
        *,
        seed: int,
        backoff: Backoff = DEFAULT_BACKOFF,
        noise: Callable[[], float] = random.random,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._queue = queue
        self._client = client
        self._discovery = discovery
        self._recorder = recorder
        self._clock = clock
        self._seed = seed
        self._backoff = backoff
        self._noise = noise
        self._tracing = tracing
        self.in_flight = 0

    async def work(self, calm: asyncio.Event | None = None) -> None:
        """Play one job after the other until the queue is closed. Run as many of these as requests may be in flight.

        Args:
            calm: jobs are taken only while it is set; None: always.
        """
        queue, pace = self._queue, Pace()
        while True:
            if calm is not None and not calm.is_set():
                await calm.wait()
            try:
                job = await queue.get()
            except Closed:
                return
            self.in_flight += 1
            job.playing = True
            try:
                if self._tracing.on:
                    with self._tracing.play(self._traced(job)) as job.trace:
                        outcome = await self.play(job)
                else:
                    outcome = await self.play(job)
            except Exception as error:
                # A fault of ours with one object must not stop the others.
                _LOG.exception("playing stage %s on %s %s failed", job.stage.name, job.controller.ref.kind, job.tracked.key)
                outcome = self._fault(job, error)
            finally:
                self.in_flight -= 1
                job.playing = False
            job.controller.finished(job, outcome)
            # Jobs that need no request never wait for anything.
            await pace.keep()

    def _traced(self, job: Job) -> Play:
        ref, (namespace, name) = job.controller.ref, job.tracked.key
        # Another attempt is a trace of its own.
        course, job.course = job.course, None
        return Play(ref.api_group, ref.kind, namespace, name, job.stage.name, job.due, self._clock.monotonic(), course)

    async def play(self, job: Job) -> Outcome:
        """Do what is left of a job's stage, and say how it went. The job remembers how far it came."""
        run = _Run(job)
        controller, tracked = job.controller, job.tracked
        rendering = controller.policy.rendering
        effect: Effect | None = None
        try:
            rendering(tracked)
            for step, effect in job.stage.effects(job.obj, job.step, Draw(self._seed, controller.draw_key(tracked), tracked.plays)):
                job.step = step
                if type(effect) is SendEvent:
                    self._recorder.send(controller.reference(job.obj), effect.type, effect.reason, effect.message)
                    job.started = True
                elif not controller.may_play(tracked):
                    return Lost()
                else:
                    await self._do(run, effect)
                    # Others were played meanwhile.
                    rendering(tracked)
                job.step = step + 1
        except StageError as error:
            return Failed(error, "TemplateFailed")
        except ApiError as error:
            return self._failed(job, effect, error)
        return Played(run.version, run.answer, run.deleted)

    def _failed(self, job: Job, effect: Effect | None, error: ApiError) -> Outcome:
        if isinstance(error, Conflict):
            job.conflicts += 1
            return Later(self._backoff.delay(job.conflicts - 1, self._noise), error)
        if retryable(error):
            job.retries += 1
            return Later(max(self._backoff.delay(job.retries - 1, self._noise), error.retry_after or 0.0), error)
        if isinstance(error, NotFound) and type(effect) is not Apply and error.details.get("name"):
            return Gone()
        if type(effect) is Patch and _is_of_uid(error):
            return Gone()
        message, reason, seconds = str(error), error.reason or type(error).__name__, None
        if isinstance(error, Forbidden | Unauthorized | NotFound):
            # Somebody may grant it, or create what is missing, and nothing tells when.
            job.refusals += 1
            seconds = REFUSED_BACKOFF.delay(job.refusals - 1, self._noise)
            if not isinstance(error, NotFound):
                message += ". Grant the controller this verb on this resource (RBAC)"
        return Failed(_error(job, message), reason, seconds)

    def _fault(self, job: Job, error: Exception) -> Failed:
        job.refusals += 1
        message = f"internal error: {type(error).__name__}: {error}"
        return Failed(_error(job, message), "InternalError", REFUSED_BACKOFF.delay(job.refusals - 1, self._noise))

    async def _do(self, run: _Run, effect: Effect) -> None:
        if type(effect) is Patch:
            await self._patch(run, effect)
        elif type(effect) is Delete:
            await self._delete(run)
        elif type(effect) is Apply:
            await self._apply(run, effect)

    async def _patch(self, run: _Run, patch: Patch) -> None:
        job = run.job
        controller, resource = job.controller, job.controller.resource
        if patch.subresource and patch.subresource not in resource.subresources:
            known = ", ".join(sorted(resource.subresources)) or "none"
            message = f"{resource} has no subresource {patch.subresource!r} (there is: {known}). Correct or leave out the subresource"
            controller.doubted.set()
            raise _error(job, message)
        current = run.current()
        try:
            changed = self._changed(controller.keys, current, patch)
        except PatchError as error:
            raise _error(job, str(error)) from error
        if changed is current:
            return
        namespace, name = _place(job)
        # Whoever goes on with the object as it is then needs all of it.
        whole = job.stage.immediate_next_stage or job.step + 1 < job.stage.length
        accept = JSON if whole else METADATA_ONLY
        update = None
        if patch.subresource == "status" and patch.type is not PatchType.JSON and not patch.impersonate and not run.blind():
            update = controller.status_update(changed)
        if update is not None:
            try:
                answer = await self._client.update(
                    resource, namespace, name, update, subresource="status", params=UNVALIDATED, accept=accept
                )
            except Conflict:
                # Somebody else changed the object. What has begun is finished on whatever it is now.
                if not job.started:
                    raise
            else:
                run.done(answer, whole=whole)
                return
        answer = await self._client.patch(
            resource,
            namespace,
            name,
            orjson.dumps(_for_uid(patch, job.tracked.uid)),
            patch.type,
            subresource=patch.subresource or None,
            params=UNVALIDATED,
            accept=accept,
            impersonate=patch.impersonate or None,
        )
        run.done(answer, whole=whole and patch.subresource in WHOLE)

    @staticmethod
    def _changed(keys: MergeKeys | None, current: Object, patch: Patch) -> Object:
        changed: Object
        if patch.type is PatchType.JSON:
            changed = apply_json(current, patch.data)
        elif patch.type is PatchType.STRATEGIC:
            changed = apply_strategic(current, patch.data, keys or NO_KEYS)
        else:
            changed = apply_merge(current, patch.data)
        return changed

    async def _delete(self, run: _Run) -> None:
        job = run.job
        namespace, name = _place(job)
        with suppress(NotFound):
            await self._client.delete(job.controller.resource, namespace, name, grace_period_s=0, uid=job.tracked.uid)
        run.delete()

    async def _apply(self, run: _Run, apply: Apply) -> None:
        """As `createOrPatchResource` of kwok v0.8.0 has it; server-side apply needs one request for both."""
        job, data = run.job, apply.data
        api_version, kind = data["apiVersion"], data["kind"]
        resource = await self._discovery.find(api_version, kind)
        if resource is None:
            raise _error(job, f"the apiserver knows no kind {kind} of {api_version}")
        meta = data.get("metadata") or {}
        name = meta.get("name") or ""
        namespace = None
        if resource.namespaced:
            namespace = meta.get("namespace") or job.tracked.key[0]
            if not namespace:
                raise _error(job, f"{kind} is namespaced: the template must give metadata.namespace")
            if meta.get("namespace") != namespace:
                data = {**data, "metadata": {**meta, "namespace": namespace}}
        body = orjson.dumps(data)
        impersonate = apply.impersonate or None
        if not (apply.subresource or (name and apply.type is PatchType.APPLY)):
            try:
                await self._client.create(resource, namespace, body, accept=METADATA_ONLY, impersonate=impersonate)
                job.started = True
                return
            except AlreadyExists:
                if not name:
                    raise
        if not name:
            raise _error(job, "the template must give metadata.name")
        params = {"fieldManager": FIELD_MANAGER, "force": "true"} if apply.type is PatchType.APPLY else None
        await self._client.patch(
            resource,
            namespace,
            name,
            body,
            apply.type,
            subresource=apply.subresource or None,
            params=params,
            accept=METADATA_ONLY,
            impersonate=impersonate,
        )
        job.started = True


class _Run:
    """One attempt at a job: what is known of the object while its steps change it."""

    __slots__ = ("_current", "_stale", "answer", "deleted", "job", "version")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.version = ""
        self.answer = b""
        self.deleted = False
        self._current: Object | None = job.tracked.newest or job.obj
        # What an earlier attempt changed is not in the object that the stage matched.
        self._stale = job.started and job.tracked.newest is None

    def current(self) -> Object:
        """The object as the last step left it, or as the stage matched it."""
        if self._current is None:
            decoded: Object = orjson.loads(self.answer)
            decoded["metadata"].pop("managedFields", None)
            self._current = decoded
        return self._current

    def blind(self) -> bool:
        """Whether the object's version is not known well enough to update it."""
        return self._stale or self.job.conflicts >= CONFLICT_LIMIT

    def done(self, answer: bytes, *, whole: bool) -> None:
        """Note what the apiserver answered to a change of the object: the `whole` object, or another that stands for it."""
        self.job.started = True
        self.version = _version_of(answer).metadata.version
        self._stale = not whole
        if whole:
            self.answer = answer
            self._current = None

    def delete(self) -> None:
        """Note that the object was deleted: no stage follows from what was before."""
        self.job.started = self.deleted = True
        self.version, self.answer = "", b""


def _place(job: Job) -> tuple[str | None, str]:
    namespace, name = job.tracked.key
    return namespace or None, name


def _for_uid(patch: Patch, uid: str) -> Any:
    """A patch that is refused by an object that has the name by now, but another UID; as the kubelet sends the status of pods."""
    if patch.type is PatchType.JSON:
        return [*patch.data, {"op": "replace", "path": "/metadata/uid", "value": uid}]
    return {**patch.data, "metadata": {**(patch.data.get("metadata") or {}), "uid": uid}}


def _is_of_uid(error: ApiError) -> bool:
    """Whether it is what the apiserver says to such a patch: metadata.uid cannot be changed."""
    return isinstance(error, Invalid) and any(cause.get("field") == "metadata.uid" for cause in error.details.get("causes") or ())


def _error(job: Job, message: str) -> StageError:
    fields = effect_fields(job.stage.spec.steps)
    return StageError(job.stage.name, fields[job.step] if job.step < len(fields) else "spec.steps", message)


def effect_fields(steps: Sequence[StageStep]) -> list[str]:
    """Where in a stage each of its effects stands, in the order in which `lifecycle.steps` has them."""
    fields: list[str] = []
    deleted = False
    for at, step in enumerate(steps):
        present = {
            "event": step.event is not None,
            "finalizers": step.finalizers is not None and not deleted,
            "delete": step.delete and not deleted,
            "patch": step.patch is not None and not (deleted or step.delete),
            "apply": step.apply is not None and not (deleted or step.delete),
        }
        fields += [f"spec.steps[{at}].{name}" for name, there in present.items() if there]
        deleted = deleted or step.delete
    return fields
