# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Parts of a stage in words."""

from __future__ import annotations

import re
from typing import Final

from kwok_controller.api.stage import ExpressionFrom, Stage, StageDelay, StageStep
from kwok_controller.expressions.gotemplate.gotime import format_duration
from kwok_controller.stages.lint_selectors import Demand, demands
from kwok_controller.stages.samples import Items, Path, path_of, single

_MILLISECOND: Final = 1_000_000
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_KEY: Final = re.compile(r"^([A-Za-z]\w*):", re.MULTILINE)
_APPLIED: Final = re.compile(r"^kind:\s*(\S+)", re.MULTILINE)

_KNOWN: Final = {
    (("metadata", "deletionTimestamp"), "Exists"): "it is being deleted",
    (("metadata", "deletionTimestamp"), "DoesNotExist"): "it is not being deleted",
    (("metadata", "finalizers"), "Exists"): "it has finalizers",
    (("metadata", "finalizers"), "DoesNotExist"): "it has no finalizers",
    (("metadata", "finalizers", Items()), "Exists"): "it has finalizers",
    (("metadata", "finalizers", Items()), "DoesNotExist"): "it has no finalizers",
}


def conditions(stage: Stage) -> list[str]:
    """What an object has to be like for a stage."""
    selector = stage.spec.selector
    if selector is None:
        return ["never: there is no selector"]
    return [_condition(demand) for demand in demands(selector)] or ["always"]


def _condition(demand: Demand) -> str:
    if demand.operator == "cel":
        return f"{demand.key} (CEL)"
    if isinstance(demand.key, str):
        return f"{demand.key} (jq) {_gives(demand)}"
    known = _KNOWN.get((demand.key, demand.operator))
    if known is not None:
        return known
    place = path_text(demand.key)
    many = not single(demand.key)
    match demand.operator:
        case "In":
            return f"{'one of ' if many else ''}{place} is {either(demand.values)}"
        case "NotIn":
            return f"{'none of ' if many else ''}{place} is {'' if many else 'not '}{either(demand.values)}"
        case "Exists":
            return f"there is {place}"
        case _:
            return f"there is no {place}"


def _gives(demand: Demand) -> str:
    match demand.operator:
        case "In":
            return f"gives {either(demand.values)}"
        case "NotIn":
            return f"does not give {either(demand.values)}"
        case "Exists":
            return "gives something"
        case _:
            return "gives nothing"


def path_text(path: Path) -> str:
    """A path for people: `.status.conditions[type=Ready].status`, `label "app"`."""
    if path[0] == "metadata" and len(path) == 3 and path[1] in ("labels", "annotations"):
        return f'{str(path[1])[:-1]} "{path[2]}"'
    text = ""
    for step in path:
        if isinstance(step, Items):
            text += f"[{', '.join(f'{key}={value}' for key, value in sorted(step.where))}]"
        else:
            text += f".{step}" if _NAME.fullmatch(step) else f'["{step}"]'
    return text


def either(values: frozenset[str]) -> str:
    """`A`, `A or B`, `A, B or C`."""
    *most, last = [value or '""' for value in sorted(values)]
    return f"{', '.join(most)} or {last}" if most else last


def weight(stage: Stage) -> str:
    """How much a stage weighs."""
    return str(stage.spec.weight) + _or_as(stage.spec.weight_from)


def delay(wanted: StageDelay | None) -> str:
    """How long a stage waits."""
    if wanted is None:
        return "at once"
    least = (wanted.duration_milliseconds or 0) * _MILLISECOND
    text = duration(least) + _or_as(wanted.duration_from)
    most = wanted.jitter_duration_milliseconds
    if most is not None:
        return f"{text}, up to {duration(most * _MILLISECOND)}{_or_as(wanted.jitter_duration_from)}"
    return text if wanted.jitter_duration_from is None else f"{text}, up to {_source(wanted.jitter_duration_from)}, where there is one"


def span(least: int, most: int) -> str:
    """A delay that was seen, in nanoseconds."""
    return duration(least) if least >= most else f"{duration(least)} to {duration(most)}"


def duration(nanoseconds: int) -> str:
    """`at once`, `1.5s`, `10m0s`."""
    return format_duration(nanoseconds) if nanoseconds else "at once"


def _or_as(source: ExpressionFrom | None) -> str:
    return "" if source is None else f" (or {_source(source)}, where there is one)"


def _source(source: ExpressionFrom) -> str:
    if source.cel is not None:
        return f"{' '.join(source.cel.expression.split())} (CEL)"
    if source.jq is None:
        return "nothing"
    parts = [path_of(part) for part in source.jq.expression.split(" // ")]
    texts = [path_text(part) for part in parts if part is not None]
    return " or ".join(texts) if len(texts) == len(parts) else f"{' '.join(source.jq.expression.split())} (jq)"


def effects(stage: Stage) -> list[str]:
    """What a stage does, in order."""
    return [text for step in stage.spec.steps for text in _effects(step)] or ["nothing"]


def _effects(step: StageStep) -> list[str]:
    found = []
    if step.event is not None:
        found.append(f"Event {step.event.type} {step.event.reason}: {step.event.message}")
    if step.finalizers is not None:
        change = step.finalizers
        parts = ["removes all" if change.empty else "", *(f"removes {item.value}" for item in change.remove)]
        parts += [f"adds {item.value}" for item in change.add]
        found.append(f"finalizers: {', '.join(filter(None, parts))}")
    if step.delete:
        found.append("deletes the object")
        return found
    if step.patch is not None:
        keys = ", ".join(dict.fromkeys(_KEY.findall(step.patch.template)))
        where = ".".join(filter(None, (step.patch.root, "")))
        found.append(f"patches {where.rstrip('.') or 'the object'}{f': {keys}' if keys else ''}")
    if step.apply is not None:
        kind = _APPLIED.search(step.apply.template)
        found.append(f"applies {kind[1] if kind else 'another object'}{f'/{step.apply.subresource}' if step.apply.subresource else ''}")
    return found
