# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The rules that look at one stage alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from msgspec.structs import replace

from kwok_controller.api.decode import decode_stage, unknown_fields
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.meta import API_VERSION
from kwok_controller.api.names import wrong_name
from kwok_controller.api.stage import (
    ExpressionFrom,
    MatchExpression,
    Stage,
    StageApply,
    StageDelay,
    StagePatch,
    StageSelector,
    StageSpec,
    StageStep,
)
from kwok_controller.lifecycle import Environment, StageError, compile_stage
from kwok_controller.stages.lint_problems import Problem, error, warning
from kwok_controller.stages.lint_selectors import check_selector
from kwok_controller.stages.trial import START_NS, environment_of

_GROUP_VERSION: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?")

_WITH_STATUS: Final = frozenset({("v1", "Pod"), ("v1", "Node"), ("v1", "PersistentVolume"), ("v1", "PersistentVolumeClaim")})
"""Some kinds whose status is written through the subresource only."""

_UNKNOWN_FUNCTION: Final = re.compile(r"""function ['"](\w+)['"] not defined""")


def check_object(obj: Any) -> tuple[Stage | None, list[Problem]]:
    """The stage, where the object is one, and what is wrong with its form."""
    problems = [error("unknown-field", _plain(path), _unknown(path)) for path in unknown_fields(obj, "Stage")]
    if obj.get("apiVersion") is None:
        problems.append(error("schema", "apiVersion", f"is missing: {API_VERSION} is expected"))
    try:
        stage = decode_stage(obj)
    except InvalidObject as invalid:
        return None, [*problems, error("schema", _plain(invalid.path), invalid.message)]
    if wrong := wrong_name(stage.metadata.name):
        problems.append(error("schema", "metadata.name", wrong))
    return stage, problems


def _plain(path: str) -> str:
    return path.removeprefix("$").removeprefix(".")


def _unknown(path: str) -> str:
    name = path.rpartition(".")[2]
    near = difflib.get_close_matches(name, _known_names(), 1)
    return "is no field of a Stage" + (f": did you mean {near[0]}?" if near else "")


@cache
def _known_names() -> tuple[str, ...]:
    structs = (StageSpec, StageSelector, MatchExpression, ExpressionFrom, StageDelay, StageStep, StagePatch, StageApply)
    return tuple(sorted({name for struct in structs for name in struct.__struct_encode_fields__} | {"metadata", "spec"}))


def check_stage(stage: Stage, obj: Any) -> list[Problem]:
    """What is wrong with a stage.

    Args:
        stage: The stage.
        obj: What it was decoded from.
    """
    environment = environment_of(stage.spec.resource_ref, lambda: START_NS)
    return [
        *_check_kind(stage),
        *_check_expressions(stage, environment),
        *check_selector(stage, obj),
        *_check_timing(stage),
        *_check_steps(stage),
    ]


def _check_kind(stage: Stage) -> Iterator[Problem]:
    ref = stage.spec.resource_ref
    if not _GROUP_VERSION.fullmatch(ref.api_group):
        message = f"{ref.api_group!r} is no group and version: v1 and apps/v1 are"
        yield error("kind", "spec.resourceRef.apiGroup", message)
    if not ref.kind:
        yield error("kind", "spec.resourceRef.kind", "is empty: name a kind, such as Pod")


def _check_expressions(stage: Stage, environment: Environment) -> Iterator[Problem]:
    """Everything that is compiled, each in a stage of its own, so that all errors are found at once."""
    spec = stage.spec
    for at, expression in enumerate(spec.selector.match_expressions if spec.selector is not None else ()):
        selector = StageSelector(match_expressions=[expression])
        yield from _compile(stage, environment, "matchExpressions[0]", f"matchExpressions[{at}]", selector=selector)
    yield from _compile(stage, environment, weight_from=spec.weight_from)
    if spec.delay is not None:
        yield from _compile(stage, environment, delay=StageDelay(duration_from=spec.delay.duration_from))
        yield from _compile(stage, environment, delay=StageDelay(jitter_duration_from=spec.delay.jitter_duration_from))
    for at, step in enumerate(spec.steps):
        yield from _compile(stage, environment, "steps[0]", f"steps[{at}]", steps=[step])


def _compile(stage: Stage, environment: Environment, here: str = "", there: str = "", **part: Any) -> Iterator[Problem]:
    """What is wrong with a part of a stage; `there` is where in the stage the part has `here`."""
    try:
        compile_stage(replace(stage, spec=StageSpec(resource_ref=stage.spec.resource_ref, **part)), environment)
    except StageError as failed:
        field = failed.field.replace(here, there, 1) if here else failed.field
        yield error(rule_of(field), field, failed.message + _near_function(failed.message, environment))


def rule_of(field: str) -> str:
    """By which rule the expression in a field is checked."""
    if field.endswith(".template"):
        return "template"
    if ".cel." in field or field.endswith(".cel"):
        return "cel"
    if field.endswith((".jq.key", ".jq.expression")):
        return "jq"
    return "selector" if "selector" in field else "schema"


def _near_function(message: str, environment: Environment) -> str:
    unknown = _UNKNOWN_FUNCTION.search(message)
    near = difflib.get_close_matches(unknown[1], environment.functions, 1) if unknown else []
    return f": did you mean {near[0]}?" if near else ""


def _check_timing(stage: Stage) -> Iterator[Problem]:
    delay = stage.spec.delay
    if delay is None or delay.duration_from is not None or delay.jitter_duration_from is not None:
        return
    least, most = delay.duration_milliseconds or 0, delay.jitter_duration_milliseconds
    if most is not None and most < least:
        message = f"is the delay's upper bound, {most} ms, and less than its duration, {least} ms, which so has no effect"
        yield warning("delay", "spec.delay.jitterDurationMilliseconds", message)


def _check_steps(stage: Stage) -> Iterator[Problem]:
    steps = stage.spec.steps
    if not steps:
        yield warning("no-effect", "spec.steps", "is empty: the stage does nothing")
    deleted = False
    for at, step in enumerate(steps):
        field = f"spec.steps[{at}]"
        what = [name for name in ("patch", "apply", "event", "finalizers") if getattr(step, name) is not None]
        if not what and not step.delete:
            yield warning("no-effect", field, "is empty: it does nothing")
        lost = [name for name in what if name != "event" and (deleted or (step.delete and name != "finalizers"))]
        if (deleted and step.delete) or lost:
            yield warning(
                "after-delete", field, f"{', '.join(lost) or 'delete'}: comes after the deletion and is never done; put it before"
            )
        deleted = deleted or step.delete
        yield from _check_step(stage, step, field)


def _check_step(stage: Stage, step: StageStep, field: str) -> Iterator[Problem]:
    ref = stage.spec.resource_ref
    if step.event is not None and step.event.type not in ("Normal", "Warning"):
        yield warning("event", f"{field}.event.type", f"{step.event.type!r}: Normal and Warning are types of Events")
    if step.event is not None and not step.event.reason:
        yield warning("event", f"{field}.event.reason", "is empty: Events are counted and looked for by their reason")
    patch = step.patch
    if patch is None:
        return
    if patch.subresource == "status" and patch.root not in ("", "status"):
        message = f"the subresource status writes nothing of {patch.root}: leave subresource out"
        yield warning("subresource", f"{field}.patch.subresource", message)
    if not patch.subresource and patch.root == "status" and (ref.api_group, ref.kind) in _WITH_STATUS:
        message = f"a {ref.kind}'s status is written with subresource: status only; without it nothing is written"
        yield warning("subresource", f"{field}.patch.subresource", message)
    if patch.impersonation is not None and (ref.api_group, ref.kind) in (("v1", "Pod"), ("v1", "Node")):
        message = f"is not for {ref.kind}s in the Go kwok, which makes the request itself"
        yield warning("impersonation", f"{field}.patch.impersonation", message)


def check_deprecated(obj: Any) -> list[Problem]:
    """The deprecated forms in a stage."""
    spec = obj.get("spec") if isinstance(obj, dict) else None
    if not isinstance(spec, dict):
        return []
    problems = []
    if spec.get("next") is not None:
        problems.append(warning("deprecated", "spec.next", "use spec.steps"))
    selector = spec.get("selector")
    expressions = selector.get("matchExpressions") if isinstance(selector, dict) else None
    for at, expression in enumerate(expressions if isinstance(expressions, list) else ()):
        if isinstance(expression, dict) and expression.get("key"):
            problems.append(warning("deprecated", f"spec.selector.matchExpressions[{at}].key", "use jq: {key, operator, values}"))
    delay = spec.get("delay")
    sources = {
        "spec.weightFrom": spec.get("weightFrom"),
        **{f"spec.delay.{key}": delay.get(key) for key in ("durationFrom", "jitterDurationFrom") if isinstance(delay, dict)},
    }
    for field, source in sources.items():
        if isinstance(source, dict) and source.get("expressionFrom"):
            problems.append(warning("deprecated", f"{field}.expressionFrom", "use jq: {expression}"))
    return problems
