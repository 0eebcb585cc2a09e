# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a stage does: its steps, compiled into the effects that they have on an object.

Semantics of kwok v0.8.0 (`pkg/utils/lifecycle/next.go`), save that what no apiserver would take is an error here already, with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from kwok_controller.api.stage import ImpersonationConfig, StageApply, StageFinalizers, StagePatch, StageStep
from kwok_controller.expressions.gotemplate import TemplateError, compile_template
from kwok_controller.expressions.yaml import YamlError, load_yaml
from kwok_controller.lifecycle.context import Context
from kwok_controller.lifecycle.effects import Apply, Delete, Effect, Patch, PatchType, SendEvent
from kwok_controller.lifecycle.finalizers import finalizer_operations

Object: TypeAlias = dict[str, Any]
Action: TypeAlias = Callable[[Object], Effect | None]
"""Gives one effect on an object, None where there is nothing to do. Raises `StageError`."""

Render: TypeAlias = Callable[[Object], Any]
Shape: TypeAlias = Callable[[Any], Any]
"""Checks what a template came to and gives what is sent. Raises `ValueError`."""

_PATCH_TYPES: Final = {"json": PatchType.JSON, "merge": PatchType.MERGE, "strategic": PatchType.STRATEGIC}
_APPLY_TYPES: Final = {"apply": PatchType.APPLY, "merge": PatchType.MERGE, "strategic": PatchType.STRATEGIC}


def compile_steps(context: Context, steps: Sequence[StageStep], default: PatchType) -> tuple[Action, ...]:
    """Compiles the steps of a stage into actions, in their order: of each step event, finalizers, deletion, patch, apply.

    After a deletion only events are left.

    Args:
        context: the stage.
        steps: of the stage.
        default: of patches that say no type.

    Raises:
        StageError: a template or type is wrong.
    """
    actions: list[Action] = []
    deleted = False
    for at, step in enumerate(steps):
        field = f"spec.steps[{at}]"
        if step.event is not None:
            actions.append(_constant(SendEvent(step.event.type, step.event.reason, step.event.message)))
        if deleted:
            continue
        if step.finalizers is not None:
            actions.append(_finalizers(step.finalizers))
        if step.delete:
            deleted = True
            actions.append(_constant(Delete()))
            continue
        if step.patch is not None:
            actions.append(_patch(context, f"{field}.patch", step.patch, default))
        if step.apply is not None:
            actions.append(_apply(context, f"{field}.apply", step.apply))
    return tuple(actions)


def _constant(effect: Effect) -> Action:
    return lambda obj: effect


def _finalizers(change: StageFinalizers) -> Action:
    def action(obj: Object) -> Effect | None:
        present = (obj.get("metadata") or {}).get("finalizers") or []
        operations = finalizer_operations(present, change)
        return Patch(operations, PatchType.JSON, finalizers=True) if operations else None

    return action


def _patch(context: Context, field: str, patch: StagePatch, default: PatchType) -> Action:
    kind = _type(context, f"{field}.type", patch.type, _PATCH_TYPES, default)
    shape = _json_patch_shape(patch.root) if kind is PatchType.JSON else _merge_patch_shape(patch.root)
    render = _render(context, f"{field}.template", patch.template, shape)
    subresource = patch.subresource
    impersonate = _user(patch.impersonation)
    return lambda obj: Patch(render(obj), kind, subresource, impersonate)


def _apply(context: Context, field: str, apply: StageApply) -> Action:
    kind = _type(context, f"{field}.type", apply.type, _APPLY_TYPES, PatchType.APPLY)
    render = _render(context, f"{field}.template", apply.template, _object_shape)
    subresource = apply.subresource
    impersonate = _user(apply.impersonation)
    return lambda obj: Apply(render(obj), kind, subresource, impersonate)


def _type(context: Context, field: str, name: str | None, known: dict[str, PatchType], default: PatchType) -> PatchType:
    if not name:
        return default
    if name not in known:
        raise context.error(field, f"{name!r} is no type here: {', '.join(known)} are")
    return known[name]


def _user(impersonation: ImpersonationConfig | None) -> str:
    return impersonation.username if impersonation is not None else ""


def _render(context: Context, field: str, source: str, shape: Shape) -> Render:
    environment = context.environment
    # Without an action the text is the same for every object: it is read once.
    try:
        template = compile_template(source, environment.functions, limits=environment.limits, trim=True)
    except TemplateError as error:
        raise context.error(field, error) from error

    def render(obj: Object) -> Any:
        try:
            return shape(load_yaml(template.render(obj)))
        except (TemplateError, YamlError, ValueError) as error:
            raise context.error(field, error) from error

    if "{{" in source:
        return render
    data = render({})
    return lambda obj: data


def _merge_patch_shape(root: str) -> Shape:
    if root:
        return lambda data: {root: data}
    return lambda data: _mapping(data, "a merge patch is a mapping")


def _json_patch_shape(root: str) -> Shape:
    def shape(data: Any) -> Any:
        if type(data) is not list or any(type(item) is not dict for item in data):
            raise ValueError(f"a JSON patch is a list of mappings with op and path, but this came to {_kind(data)}")
        return [_rooted(root, item) for item in data] if root else data

    return shape


def _rooted(root: str, operation: dict[str, Any]) -> dict[str, Any]:
    # `from` stays as it is, as in the Go kwok: it is a path from the object's own root.
    return {**operation, "path": f"/{root}{operation.get('path') or ''}"}


def _object_shape(data: Any) -> Any:
    mapping = _mapping(data, "an object to apply is a mapping")
    for key in ("apiVersion", "kind"):
        if not isinstance(mapping.get(key), str) or not mapping[key]:
            raise ValueError(f"an object to apply needs {key}")
    return mapping


def _mapping(data: Any, what: str) -> dict[str, Any]:
    if type(data) is not dict:
        raise ValueError(f"{what}, but this came to {_kind(data)}")
    return data


def _kind(data: Any) -> str:
    match data:
        case None:
            return "nothing"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"{data!r:.60}"
