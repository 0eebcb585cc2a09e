# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The deprecated forms, as kwok v0.8.0 converts them (`pkg/apis/internalversion/conversion.go`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kwok_controller.api import (
    ExpressionJQ,
    FinalizerItem,
    ImpersonationConfig,
    SelectorJQ,
    StageEvent,
    StageFinalizers,
    StagePatch,
    StageStep,
    decode_stage,
)

MakeStage = Callable[..., dict[str, Any]]

EVENT = {"type": "Normal", "reason": "Created", "message": "Created it"}
FINALIZERS = {"add": [{"value": "example.com/protect"}]}


def steps(obj: dict[str, Any]) -> list[StageStep]:
    return decode_stage(obj).spec.steps


def test_next_becomes_steps_in_the_order_event_finalizers_patches_delete(stage: MakeStage) -> None:
    patches = [{"template": "a", "type": "json"}, {"template": "b", "root": "status", "subresource": "status"}]

    assert steps(stage(next={"delete": True, "patches": patches, "finalizers": FINALIZERS, "event": EVENT})) == [
        StageStep(event=StageEvent(type="Normal", reason="Created", message="Created it")),
        StageStep(finalizers=StageFinalizers(add=[FinalizerItem(value="example.com/protect")])),
        StageStep(patch=StagePatch(template="a", type="json")),
        StageStep(patch=StagePatch(template="b", root="status", subresource="status")),
        StageStep(delete=True),
    ]


def test_a_status_template_patches_the_root_status_of_the_subresource_status(stage: MakeStage) -> None:
    assert steps(stage(next={"statusTemplate": "phase: Running", "delete": True})) == [
        StageStep(patch=StagePatch(subresource="status", root="status", template="phase: Running")),
        StageStep(delete=True),
    ]


def test_a_status_template_takes_subresource_and_user_along(stage: MakeStage) -> None:
    effects = {"statusTemplate": "a: b", "statusSubresource": "scale", "statusPatchAs": {"username": "somebody"}}

    assert steps(stage(next=effects)) == [
        StageStep(
            patch=StagePatch(subresource="scale", root="status", template="a: b", impersonation=ImpersonationConfig(username="somebody"))
        )
    ]


def test_an_empty_status_subresource_is_the_object_itself(stage: MakeStage) -> None:
    [step] = steps(stage(next={"statusTemplate": "a: b", "statusSubresource": ""}))

    assert step.patch is not None
    assert step.patch.subresource == ""


def test_patches_go_before_a_status_template(stage: MakeStage) -> None:
    assert steps(stage(next={"statusTemplate": "a: b", "patches": [{"template": "c"}]})) == [StageStep(patch=StagePatch(template="c"))]


def test_steps_go_before_next(stage: MakeStage) -> None:
    assert steps(stage(next={"delete": True}, steps=[{"event": EVENT}])) == [
        StageStep(event=StageEvent(type="Normal", reason="Created", message="Created it"))
    ]


def test_an_empty_next_does_nothing(stage: MakeStage) -> None:
    assert steps(stage(next={"delete": False})) == []


def test_a_deprecated_requirement_becomes_one_of_jq(stage: MakeStage) -> None:
    spec = decode_stage(stage(selector={"matchExpressions": [{"key": ".status.phase", "operator": "In", "values": ["Pending"]}]})).spec

    assert spec.selector is not None
    assert spec.selector.match_expressions[0].jq == SelectorJQ(key=".status.phase", operator="In", values=["Pending"])


def test_jq_goes_before_a_deprecated_requirement_and_cel_stays_beside_it(stage: MakeStage) -> None:
    expressions = [
        {"jq": {"key": ".a", "operator": "Exists"}, "key": ".b", "operator": "DoesNotExist"},
        {"cel": {"expression": "true"}, "key": ".c", "operator": "Exists"},
        {"operator": "Exists"},
    ]

    selector = decode_stage(stage(selector={"matchExpressions": expressions})).spec.selector

    assert selector is not None
    first, second, third = selector.match_expressions
    assert first.jq == SelectorJQ(key=".a", operator="Exists")
    assert second.cel is not None
    assert second.jq == SelectorJQ(key=".c", operator="Exists")
    assert third.jq is None


def test_deprecated_expressions_become_ones_of_jq_wherever_values_come_from(stage: MakeStage) -> None:
    spec = decode_stage(
        stage(
            weightFrom={"expressionFrom": ".w"},
            delay={"durationFrom": {"expressionFrom": ".d"}, "jitterDurationFrom": {"expressionFrom": ".j", "jq": {"expression": ".k"}}},
        )
    ).spec

    assert spec.weight_from is not None
    assert spec.weight_from.jq == ExpressionJQ(expression=".w")
    assert spec.delay is not None
    assert spec.delay.duration_from is not None
    assert spec.delay.duration_from.jq == ExpressionJQ(expression=".d")
    assert spec.delay.jitter_duration_from is not None
    assert spec.delay.jitter_duration_from.jq == ExpressionJQ(expression=".k")


def test_an_empty_group_is_the_default(stage: MakeStage) -> None:
    assert decode_stage(stage(resourceRef={"apiGroup": "", "kind": "Pod"})).spec.resource_ref.api_group == "v1"
    assert decode_stage(stage(resourceRef={"apiGroup": "apps/v1", "kind": "Deployment"})).spec.resource_ref.api_group == "apps/v1"
