# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stages, other objects of the group, configurations and patches, generated from choices."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from fuzzing.choices import Choices
from fuzzing.expressions import cel, jq, template, yaml
from fuzzing.values import KEYS, Object, key, number, text, value
from kwok_controller.api import KINDS

Make = Callable[[Choices], Any]

_WRONG: Final = 60
"""One in so many fields is of any type."""


def _field(choices: Choices, make: Make) -> Any:
    return value(choices) if choices.chance(_WRONG) else make(choices)


def _fields(choices: Choices, one_in: int, **makes: Make) -> Object:
    made = {name: _field(choices, make) for name, make in makes.items() if choices.chance(one_in)}
    if choices.chance(_WRONG):
        made[key(choices)] = value(choices)
    return made


def _items(make: Make, most: int) -> Make:
    return lambda choices: [_field(choices, make) for _ in choices.times(most)]


def _strings(choices: Choices) -> Object:
    return {key(choices): text(choices) for _ in choices.times(3)}


def _integer(choices: Choices) -> Any:
    return choices.pick((0, 1, 1000, -1, 2**63 - 1, 2**63, 1.5, 1.0))


def _jq_selector(choices: Choices) -> Object:
    return {
        "key": jq(choices),
        "operator": choices.pick(("Exists", "DoesNotExist", "In", "NotIn", "in", "")),
        "values": [text(choices) for _ in choices.times(2)],
    }


def _requirement(choices: Choices) -> Object:
    kind = choices.below(4)
    if kind < 2:
        return {"jq": _jq_selector(choices)}
    return {"cel": {"expression": cel(choices)}} if kind == 2 else _jq_selector(choices)


def _selector(choices: Choices) -> Object:
    return _fields(choices, 3, matchLabels=_strings, matchAnnotations=_strings, matchExpressions=_items(_requirement, 3))


def _from(choices: Choices) -> Object:
    kind = choices.below(4)
    if kind < 2:
        path = choices.pick(('.metadata.annotations["a"]', ".status.phase", f".metadata.{choices.pick(KEYS)}"))
        return {"jq": {"expression": path if kind else jq(choices)}}
    return {"cel": {"expression": cel(choices)}} if kind == 2 else {"expressionFrom": jq(choices)}


def _delay(choices: Choices) -> Object:
    return _fields(
        choices,
        2,
        durationMilliseconds=_integer,
        durationFrom=_from,
        jitterDurationMilliseconds=_integer,
        jitterDurationFrom=_from,
    )


def _body(choices: Choices) -> str:
    kind = choices.below(5)
    if kind == 0:
        return template(choices)
    if kind == 1:
        return yaml(choices)
    if kind == 2:
        return f"{{{{ range .spec.containers }}}}\n- name: {template(choices, 3)}\n{{{{ end }}}}"
    if kind == 3:
        return json.dumps(json_patch(choices))
    return f"{choices.pick(KEYS)}: {template(choices, 3)}\nphase: Running\n"


def _patch(choices: Choices) -> Object:
    return {
        "subresource": choices.pick(("status", "", text(choices))),
        "root": choices.pick(("status", "", "metadata", "spec")),
        "template": _body(choices),
        **_fields(choices, 3, type=lambda each: each.pick(("merge", "json", "strategic", "apply", ""))),
    }


def _event(choices: Choices) -> Object:
    return {"type": choices.pick(("Normal", "Warning", "")), "reason": text(choices), "message": text(choices)}


def _finalizers(choices: Choices) -> Object:
    item = _items(lambda each: {"value": text(each)}, 3)
    return _fields(choices, 2, add=item, remove=item, empty=lambda each: each.chance(2))


def _apply(choices: Choices) -> Object:
    return {
        "template": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {template(choices, 3)}",
        "type": choices.pick(("apply", "merge", "json")),
    }


def _step(choices: Choices) -> Object:
    kind = choices.below(6)
    if kind < 3:
        return {"patch": _field(choices, _patch)}
    return choices.pick(({"delete": True}, {"event": _event(choices)}, {"finalizers": _finalizers(choices)}, {"apply": _apply(choices)}))


def _next(choices: Choices) -> Object:
    return _fields(
        choices,
        2,
        event=_event,
        finalizers=_finalizers,
        delete=lambda each: each.chance(2),
        patches=_items(_patch, 2),
        statusTemplate=_body,
        statusSubresource=text,
    )


def stage(choices: Choices) -> Any:
    """A Stage, mostly a valid one."""
    if choices.chance(_WRONG):
        return value(choices)
    ref = choices.pick(({"kind": "Pod"}, {"kind": "Node", "apiGroup": "v1"}, {"kind": "Widget", "apiGroup": "example.com/v1"}))
    spec: Object = {"resourceRef": _field(choices, lambda each: ref), "selector": _field(choices, _selector)}
    if choices.chance(3):
        spec["next"] = _field(choices, _next)
    else:
        spec["steps"] = _field(choices, _items(_step, 3))
    spec |= _fields(choices, 3, weight=_integer, weightFrom=_from, delay=_delay, immediateNextStage=lambda each: each.chance(2))
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": _field(choices, lambda each: {"name": "s"}),
        "spec": spec,
    }


_FIELDS: Final = (
    *("selector", "selectors", "logs", "follow", "containers", "previousLogs", "attaches", "executions", "forwards", "ports", "target"),
    *("local", "envs", "workDir", "securityContext", "runAsUser", "command", "port", "address", "metrics", "path", "help", "buckets"),
    *("dimension", "value", "hidden", "le", "usages", "usage", "cpu", "expression", "matchNamespaces", "matchNames", "options", "kind"),
)


def _typed(choices: Choices, depth: int) -> Any:
    kind = choices.below(6 if depth < 5 else 3)
    if kind == 0:
        return text(choices)
    if kind == 1:
        return number(choices)
    if kind == 2:
        return choices.chance(2)
    if kind == 3:
        return [_typed(choices, depth + 1) for _ in choices.times(3)]
    return {choices.pick(_FIELDS): _typed(choices, depth + 1) for _ in choices.times(5)}


def other(choices: Choices) -> Any:
    """An object of any kind, or a configuration, hardly ever a valid one."""
    if choices.chance(8):
        return value(choices)
    kind = choices.pick((*sorted(KINDS), "KwokConfiguration", "Nothing"))
    version = KINDS[kind].api_version if kind in KINDS else "config.kwok.x-k8s.io/v1alpha1"
    body = _typed(choices, 0)
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, choices.pick(("spec", "options", "status")): body}


def _pointer(choices: Choices) -> str:
    parts = (*KEYS, "0", "1", "-1", "-", "", "~0", "~1", "01", "999999999999", text(choices))
    return "".join(f"/{choices.pick(parts)}" for _ in choices.times(4))


def json_patch(choices: Choices) -> list[Any]:
    """A JSON patch of a few operations."""

    def operation(each: Choices) -> Object:
        name = each.pick(("add", "remove", "replace", "test", "move", "copy", "nosuch"))
        return {"op": name, "path": _pointer(each), "value": value(each, 2), "from": _pointer(each)}

    return [_field(choices, operation) for _ in choices.times(6)]


def merge_patch(choices: Choices) -> Any:
    """A merge patch of a pod or node, for a strategic merge with directives."""

    def item(each: Choices) -> Object:
        return {
            each.pick(("name", "type", "containerPort", "ip", "a")): each.pick(("a", "b", 1, 80, None, True)),
            **({"$patch": each.pick(("delete", "replace", "merge", 1))} if each.chance(5) else {}),
            **_fields(each, 4, value=value, ports=_items(item, 2)),
        }

    def lists(each: Choices) -> Object:
        made: Object = {}
        for name in ("conditions", "containers", "addresses", "podIPs", "finalizers"):
            if each.chance(3):
                made[name] = _field(each, _items(item if each.chance(4) is False else text, 3))
            if each.chance(6):
                made[f"$setElementOrder/{name}"] = _field(each, _items(item, 3))
            if each.chance(8):
                made[f"$deleteFromPrimitiveList/{name}"] = [text(each) for _ in each.times(3)]
        if each.chance(8):
            made["$retainKeys"] = _field(each, lambda of: [key(of) for _ in of.times(3)])
        if each.chance(8):
            made["$patch"] = each.pick(("delete", "replace", "merge", None, {}))
        return made

    if choices.chance(6):
        return value(choices)
    return _fields(choices, 2, status=lists, spec=lists, metadata=lists)
