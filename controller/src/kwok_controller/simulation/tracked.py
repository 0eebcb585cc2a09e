# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is remembered of an object: what the next decision needs, and not the object."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from kwok_controller.simulation.queue import Item, Lane

if TYPE_CHECKING:
    from kwok_controller.lifecycle.stage import CompiledStage
    from kwok_controller.simulation.resources import Controller
    from kwok_controller.telemetry.tracing import Course

Object = dict[str, Any]

PACK_LEVEL: Final = 1
"""Of zlib: a node in 40 µs, to a third of its text, which is a third of what it takes decoded."""

Key = tuple[str, str]
"""Namespace, empty where there is none, and name."""


class Tracked:
    """One object that was seen.

    Attributes:
        key: namespace and name.
        uid: of the object; another one of the same name has another.
        version: the newest resourceVersion that was seen or written.
        plays: how many stages it has been through here; what chance decides depends on it.
        node: whose Lease decides whether it may be played; empty where none does.
        job: what is to be played, None where no stage matches or the object is not known well enough.
        newest: the newest version that came while `job` could not be replaced.
        decided: `version` was seen, and what is to be done about it decided.
        note: what the kind's policy remembers of it.
        missed: a version came and was not kept: the object must be asked for before anything is decided about it.
    """

    __slots__ = ("decided", "job", "key", "missed", "newest", "node", "note", "plays", "uid", "version")

    def __init__(self, key: Key, uid: str, node: str) -> None:
        self.key = key
        self.uid = uid
        self.version = ""
        self.plays = 0
        self.node = node
        self.job: Job | None = None
        self.newest: Object | None = None
        self.note = ""
        self.decided = False
        self.missed = False

    def miss(self) -> None:
        """Note that nothing is kept of the newest version, and nothing decided about it."""
        self.decided, self.missed = False, True

    @property
    def in_flight(self) -> bool:
        """Whether there is a job that a newer version does not replace."""
        return self.job is not None and (self.job.playing or self.job.started)


class Job(Item):
    """A stage to be played on one version of an object.

    Attributes:
        controller: of the object's kind.
        tracked: the object's record; `tracked.job is self` while this job counts.
        stage: what is played.
        delay: nanoseconds from when the stage matched, as computed then.
        parked: it is not in the queue, but waits for the object's node to become ours.
        playing: a worker has it.
        step: where to go on: the number of the effect that is next.
        started: something was sent already. What is left is played whatever has become of the object meanwhile.
        retries: attempts that failed in a way that may pass.
        refusals: attempts that failed in a way that somebody has to mend. Not counted with `retries`: an apiserver that was away and
            has just started refuses what it allows a moment later.
        conflicts: attempts in a row that met a newer version.
        course: what led to it, until it is tried for the first time; None where nobody traces.
        trace: the id of the trace of its last attempt; None where that is not kept.
    """

    # fmt: off
    __slots__ = (
        "_obj", "_packed", "conflicts", "controller", "course", "delay", "parked", "playing", "refusals", "retries", "stage", "started",
        "step", "trace", "tracked",
    )
    # fmt: on

    def __init__(
        self, controller: Controller, tracked: Tracked, obj: Object, stage: CompiledStage, delay: int | None, due: float, lane: Lane
    ) -> None:
        super().__init__(due, lane)
        self.controller = controller
        self.tracked = tracked
        self._obj: Object | None = obj
        self._packed = b""
        self.stage = stage
        self.delay = delay
        self.parked = False
        self.playing = False
        self.step = 0
        self.started = False
        self.retries = 0
        self.refusals = 0
        self.conflicts = 0
        self.course: Course | None = None
        self.trace: str | None = None

    @property
    def obj(self) -> Object:
        """The version that matched."""
        if self._obj is None:
            self._obj, self._packed = orjson.loads(zlib.decompress(self._packed)), b""
        return self._obj

    @obj.setter
    def obj(self, obj: Object) -> None:
        self._obj, self._packed = obj, b""

    def pack(self) -> None:
        """Hold the object in about a tenth of the memory until it is asked for."""
        if self._obj is None:
            return
        try:
            text = orjson.dumps(self._obj)
        except orjson.JSONEncodeError:
            # It is nested deeper than orjson encodes (254 levels), though it decodes that.
            return
        self._obj, self._packed = None, zlib.compress(text, PACK_LEVEL)

    @property
    def fresh(self) -> bool:
        """Whether nobody has tried to play it yet."""
        return not (self.retries or self.refusals or self.conflicts or self.playing or self.started)


def older(version: str, than: str) -> bool:
    """Whether a resourceVersion is older than another: by number, as the API has it for versions of one resource.

    Versions that are no numbers cannot be compared, and none is older.
    """
    if version == than or not (version.isdecimal() and than.isdecimal()):
        return False
    return (len(version), version) < (len(than), than)
