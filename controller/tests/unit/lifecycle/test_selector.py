# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kwok_controller.lifecycle import CompiledStage, StageError

MakeStage = Callable[..., CompiledStage]
Object = dict[str, Any]


def jq(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"jq": {"key": key, "operator": operator, **({"values": list(values)} if values else {})}}]}


def cel(expression: str) -> dict[str, Any]:
    return {"matchExpressions": [{"cel": {"expression": expression}}]}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": ""}}, True),
        ({"matchLabels": {"app": "web", "other": ""}}, False),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchAnnotations": {"note": "yes"}}, True),
        ({"matchAnnotations": {"note": "no"}}, False),
        ({"matchAnnotations": {"app": "web"}}, False),
        ({"matchLabels": {"app": "web"}, "matchAnnotations": {"note": "yes"}, **jq(".status.phase", "In", "Pending")}, True),
        ({"matchLabels": {"app": "web"}, "matchAnnotations": {"note": "yes"}, **jq(".status.phase", "In", "Running")}, False),
        (jq(".status.phase", "In", "Running", "Pending"), True),
        (jq(".status.phase", "NotIn", "Running", "Pending"), False),
        (jq(".status.phase", "NotIn", "Running"), True),
        (jq(".status.phase", "Exists"), True),
        (jq(".status.phase", "DoesNotExist"), False),
        (jq(".status.gone", "In", "null"), False),
        (jq(".status.gone", "NotIn", "Running"), True),
        (jq(".status.gone", "Exists"), False),
        (jq(".status.gone", "DoesNotExist"), True),
        (jq(".status.ready", "In", "false"), True),
        (jq(".status.ready", "Exists"), True),
        (jq(".spec.replicas", "In", "3"), True),
        (jq(".spec.containers | length", "In", "1"), True),
        (jq(".status.load", "In", "0.5"), False),
        (jq(".spec.containers", "In", "app"), False),
        (jq(".spec.containers[0]", "Exists"), True),
        (jq('.status.conditions.[] | select(.type == "Ready") | .status', "In", "False"), True),
        (jq(".status.conditions.[].status", "In", "False"), True),
        (jq(".status.conditions.[].status", "NotIn", "True"), True),
        # A query that fails is as if nothing were there.
        (jq(".status.phase.x", "Exists"), False),
        (jq(".status.phase.x", "In", "a"), False),
        (jq(".status.phase.x", "NotIn", "a"), True),
        (jq(".status.phase.x", "DoesNotExist"), True),
        (cel('self.status.phase == "Pending"'), True),
        (cel('self.status.phase == "Running"'), False),
        ({"matchExpressions": [*cel("true")["matchExpressions"], *jq(".spec.replicas", "In", "4")["matchExpressions"]]}, False),
        # The deprecated form.
        ({"matchExpressions": [{"key": ".status.phase", "operator": "In", "values": ["Pending"]}]}, True),
    ],
)
def test_matches(make_stage: MakeStage, pod: Object, selector: dict[str, Any], matches: bool) -> None:
    assert make_stage(selector=selector).matches(pod) is matches


def test_a_stage_without_a_selector_is_for_no_object(make_stage: MakeStage, pod: Object) -> None:
    assert make_stage(selector=None).matches(pod) is False


def test_an_object_without_metadata_has_no_labels(make_stage: MakeStage) -> None:
    assert make_stage(selector={"matchLabels": {"a": ""}}).matches({}) is False


@pytest.mark.parametrize(
    ("selector", "field", "message"),
    [
        (jq(".a |", "Exists"), "[0].jq.key", ""),
        (jq(".a", "In"), "[0].jq.values", "operator In needs values"),
        (jq(".a", "NotIn"), "[0].jq.values", "operator NotIn needs values"),
        (jq(".a", "Exists", "x"), "[0].jq.values", "operator Exists takes no values"),
        (jq(".a", "DoesNotExist", "x"), "[0].jq.values", "operator DoesNotExist takes no values"),
        (jq(".a", "Is", "x"), "[0].jq.operator", "'Is' is no operator"),
        (cel("self."), "[0].cel.expression", ""),
        ({"matchExpressions": [*cel("true")["matchExpressions"], {}]}, "[1]", "neither jq nor cel is given"),
    ],
)
def test_what_is_wrong_with_a_selector_is_found_when_it_is_compiled(
    make_stage: MakeStage, selector: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(StageError) as caught:
        make_stage("broken", selector=selector)
    assert caught.value.stage == "broken"
    assert caught.value.field == f"spec.selector.matchExpressions{field}"
    assert message in caught.value.message


@pytest.mark.parametrize("expression", ['self.nothing.here == "x"', "self.status.phase"])
def test_a_cel_expression_that_fails_on_the_object_says_where(make_stage: MakeStage, pod: Object, expression: str) -> None:
    stage = make_stage("failing", selector=cel(expression))
    with pytest.raises(StageError) as caught:
        stage.matches(pod)
    assert (caught.value.stage, caught.value.field) == ("failing", "spec.selector.matchExpressions[0].cel.expression")
