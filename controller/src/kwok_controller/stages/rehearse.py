# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What stages would do to an object, as one document: `kwok-controller stage test`.

It has the form in which kwok v0.8.0 keeps what it expects of its own stages (`kustomize/stage/stage_test.go`). What depends on time
or on the cluster stands there by its name. A change of finalizers shows the JSON patch that it is sent as.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from kwok_controller.api.stage import Stage
from kwok_controller.expressions.gotemplate import Function, Functions, fn, kwok_functions
from kwok_controller.expressions.gotemplate.formatting import sprintf
from kwok_controller.expressions.gotemplate.functions import ANY
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.lifecycle import (
    Apply,
    Chance,
    CompiledStage,
    Delete,
    Draw,
    Effect,
    Environment,
    Lifecycle,
    Patch,
    SendEvent,
    StageError,
    compile_stage,
)

NOW_NS: Final = int(datetime(2006, 1, 2, 15, 4, 5, tzinfo=UTC).timestamp()) * 1_000_000_000
"""When it is, in a rehearsal: the time by which delays until a given time are computed."""

_NAMED: Final = ("Now", "now", "StartTime", "Version", "NodeIP", "NodeName", "NodePort", "PodIP", "NodeIPWith", "PodIPWith")
_NAMED_LISTS: Final = ("NodeIPsWith", "PodIPsWith")
_DRAW: Final = Draw(0, "", 0)


def rehearse(stages: Iterable[Stage], obj: dict[str, Any]) -> dict[str, Any]:
    """What may come next for an object: its kind and name, and every stage that may be next, with weight, delay and effects.

    Args:
        stages: those for other kinds are left out.
        obj: any Kubernetes object.

    Raises:
        StageError: a stage for this kind is wrong, or fails on the object.
    """
    api_group, kind = obj.get("apiVersion"), obj.get("kind")
    chance = Chance()
    environment = Environment(functions=placeholders(chance), now=lambda: NOW_NS, chance=chance, strategic=frozenset())
    compiled = [compile_stage(stage, environment) for stage in stages if _is_for(stage, api_group, kind)]
    metadata = obj.get("metadata") or {}
    document: dict[str, Any] = {"apiGroup": api_group, "kind": kind, "name": metadata.get("name", "")}
    if metadata.get("namespace"):
        document["namespace"] = metadata["namespace"]
    document["stages"] = [_stage(stage, obj) for stage in Lifecycle(compiled, _fail).possible(obj, _DRAW)]
    return document


def placeholders(chance: Chance) -> Functions:
    """The functions of templates, with those that depend on time or cluster giving their own name and arguments."""
    return {
        **kwok_functions(now=lambda: NOW_NS, random=chance),
        **{name: _text(name) for name in _NAMED},
        **{name: _list(name) for name in _NAMED_LISTS},
    }


def _is_for(stage: Stage, api_group: object, kind: object) -> bool:
    ref = stage.spec.resource_ref
    return ref.api_group == api_group and ref.kind == kind


def _fail(error: StageError) -> None:
    raise error


def _stage(stage: CompiledStage, obj: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stage": stage.name}
    weight = stage.weight(obj)
    if weight is not None:
        shown["weight"] = weight
    delay = stage.delay_range(obj, NOW_NS)
    if delay is not None:
        shown["delay"] = delay
    shown["next"] = [_effect(effect) for _, effect in stage.effects(obj)]
    if stage.immediate_next_stage:
        shown["next"].append({"kind": "immediate"})
    return shown


def _effect(effect: Effect) -> dict[str, Any]:
    match effect:
        case SendEvent():
            return {"kind": "event", "type": effect.type, "reason": effect.reason, "message": effect.message}
        case Patch():
            return {"kind": "finalizers" if effect.finalizers else "patch", **_request(effect)}
        case Apply():
            return {"kind": "apply", **_request(effect)}
        case Delete():
            return {"kind": "delete"}


def _request(effect: Patch | Apply) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": effect.type.value}
    if effect.subresource:
        shown["subresource"] = effect.subresource
    shown["data"] = effect.data
    if effect.impersonate:
        shown["impersonation"] = effect.impersonate
    return shown


def _text(name: str) -> Function:
    return fn(lambda runtime, *args: f"<{_call(runtime, name, args)}>", variadic=ANY, runtime=True)


def _list(name: str) -> Function:
    def give(runtime: Runtime, *args: object) -> list[str]:
        call = _call(runtime, name, args)
        return [f"<{at} of {call}>" for at in range(2)]

    return fn(give, variadic=ANY, runtime=True)


def _call(runtime: Runtime, name: str, args: tuple[object, ...]) -> str:
    # As Go's %#v shows them: strings in quotes.
    if not args:
        return name
    return f"{name}({', '.join(sprintf(runtime, '%#v', [arg]) for arg in args)})"
