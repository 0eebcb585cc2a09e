# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What stages do to an object, without a cluster: patches are applied as an apiserver applies them, and the clock stands still
between two plays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from kwok_controller.api.stage import Stage, StageResourceRef
from kwok_controller.expressions.gotemplate import Functions, fn, kwok_functions
from kwok_controller.expressions.gotemplate.functions import BOOL, STRING
from kwok_controller.lifecycle import (
    Apply,
    Chance,
    CompiledStage,
    Delete,
    Draw,
    Environment,
    Lifecycle,
    Patch,
    PatchType,
    SendEvent,
    StageError,
    compile_stage,
)
from kwok_controller.lifecycle.patching import NODE, POD, MergeKeys, apply_json, apply_merge, apply_strategic

Object = dict[str, Any]

START_NS: Final = int(datetime(2024, 1, 1, 0, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
"""When a trial begins: some time after its objects were created."""

_SECOND: Final = 1_000_000_000
_KEYS: Final = {"Pod": POD, "Node": NODE}
_NO_KEYS: Final = MergeKeys()
_NODE_IP: Final = "192.0.2.1"
_POD_IP: Final = "198.51.100.1"


@dataclass(slots=True)
class Play:
    """What became of an object.

    Attributes:
        obj: The object; the very same one (`is`) where nothing changed; None when it is gone.
        events: What was said about it.
        applied: Other objects.
    """

    obj: Object | None
    events: list[SendEvent] = field(default_factory=list)
    applied: list[Apply] = field(default_factory=list)


class Trial:
    """Stages of one kind, and a clock that moves only when told.

    Args:
        ref: The kind.
        stages: Those of other kinds are left out.

    Raises:
        StageError: One is wrong.
    """

    def __init__(self, ref: StageResourceRef, stages: Iterable[Stage]) -> None:
        self.now_ns = START_NS
        self.errors: list[StageError] = []
        environment = environment_of(ref, self._now)
        compiled = [compile_stage(stage, environment) for stage in stages if stage.spec.resource_ref == ref]
        self.lifecycle = Lifecycle(compiled, self.errors.append)

    def _now(self) -> int:
        return self.now_ns

    def wait(self, nanoseconds: int) -> None:
        """Let time pass: a second at least, so that times in the object differ from those before."""
        self.now_ns += max(nanoseconds, _SECOND)

    def possible(self, obj: Object) -> list[CompiledStage]:
        """The stages that may be next for an object; what failed on it is in `errors`."""
        return self.lifecycle.possible(obj, Draw(0, "", 0))

    def match(self, obj: Object, count: int = 0) -> CompiledStage | None:
        """The stage that is next for an object which has played `count` stages."""
        return self.lifecycle.match(obj, Draw(0, "sample", count))

    def delay(self, stage: CompiledStage, obj: Object) -> tuple[int, int]:
        """The least and the most that a stage waits for an object, in nanoseconds, nothing being the least.

        Raises:
            StageError: An expression failed.
        """
        bounds = stage.delay_range(obj, self.now_ns) or [0]
        return max(0, bounds[0]), max(0, bounds[-1])

    def play(self, stage: CompiledStage, obj: Object) -> Play:
        """What a stage makes of an object.

        Raises:
            StageError: A template failed, or a patch does not fit the object.
        """
        play = Play(obj)
        for _, effect in stage.effects(obj):
            match effect:
                case SendEvent():
                    play.events.append(effect)
                case Apply():
                    play.applied.append(effect)
                case Delete():
                    play.obj = self._deleted(play.obj)
                case Patch():
                    play.obj = self._patched(stage, play.obj, effect)
        return play

    def _patched(self, stage: CompiledStage, obj: Object | None, patch: Patch) -> Object | None:
        if obj is None:
            return None
        try:
            match patch.type:
                case PatchType.JSON:
                    changed = apply_json(obj, patch.data)
                case PatchType.STRATEGIC:
                    changed = apply_strategic(obj, patch.data, _KEYS.get(stage.ref.kind, _NO_KEYS))
                case _:
                    changed = apply_merge(obj, patch.data)
        except ValueError as error:
            raise StageError(stage.name, "spec.steps", f"the patch does not fit the object: {error}") from error
        if misshapen(changed) or any(changed.get(key) != obj.get(key) for key in ("apiVersion", "kind")):
            said = misshapen(changed) or "keep apiVersion, kind and metadata"
            raise StageError(stage.name, "spec.steps", f"the patch leaves no object of this kind: {said}")
        metadata = changed["metadata"]
        return None if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and _freed(obj) else changed

    def _deleted(self, obj: Object | None) -> Object | None:
        if obj is None or not obj["metadata"].get("finalizers"):
            return None
        if obj["metadata"].get("deletionTimestamp"):
            return obj
        stamp = datetime.fromtimestamp(self.now_ns // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": stamp}}


def misshapen(obj: Any) -> str:
    """Why an apiserver would not take this for an object, whatever its kind; empty: it would."""
    if not isinstance(obj, dict):
        return "it is no mapping"
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return "metadata is no mapping"
    for key in ("labels", "annotations"):
        field = metadata.get(key) or {}
        if not isinstance(field, dict) or not all(isinstance(value, str) for value in field.values()):
            return f"metadata.{key} is no mapping of texts"
    finalizers = metadata.get("finalizers") or []
    if not isinstance(finalizers, list) or not all(isinstance(each, str) for each in finalizers):
        return "metadata.finalizers is no list of texts"
    return ""


def _freed(obj: Object) -> bool:
    """Whether the object had finalizers: without the last one, an apiserver removes what is being deleted."""
    return bool(obj["metadata"].get("finalizers"))


def environment_of(ref: StageResourceRef, now: Any) -> Environment:
    """What the stages of a kind are compiled with: the functions that the controller gives them, with made-up addresses."""
    chance = Chance()
    common: Functions = kwok_functions(now=now, start=START_NS, version="0.0.0", random=chance)
    special: Functions = {}
    if ref == StageResourceRef(kind="Node"):
        special = {"NodeIP": fn(lambda: _NODE_IP), "NodeName": fn(lambda: "localhost"), "NodePort": fn(lambda: 10247)}
    elif ref == StageResourceRef(kind="Pod"):
        of_pod = (STRING, BOOL, STRING, STRING, STRING)
        special = {
            "NodeIP": fn(lambda: _NODE_IP),
            "NodeIPWith": fn(lambda node: _NODE_IP, STRING),
            "NodeIPsWith": fn(lambda node: [_NODE_IP], STRING),
            "PodIP": fn(lambda: _POD_IP),
            "PodIPWith": fn(lambda node, host, uid, name, namespace: _NODE_IP if host else _POD_IP, *of_pod),
            "PodIPsWith": fn(lambda node, host, uid, name, namespace: [_NODE_IP if host else _POD_IP], *of_pod),
        }
    return Environment(functions={**common, **special}, now=now, chance=chance)
