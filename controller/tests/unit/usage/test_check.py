# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is found in a usage before it is sent, and the presets, in which nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from kwok_controller.api import decode, unknown_fields
from kwok_controller.api.usage import ClusterResourceUsage
from kwok_controller.usage import presets
from kwok_controller.usage.check import check_usage

from .conftest import SECOND, START, MakePod, MakeUsage, Small


@pytest.mark.parametrize(
    ("resource", "value", "field", "message"),
    [
        ("cpu", {"expression": "pod.Usge('memory')"}, "expression", "there is no method Usge at line 1, column 5"),
        ("cpu", {"expression": "pod.CumulativeUsage('cpu')"}, "expression", "there is no method CumulativeUsage"),
        ("cpu", {"expression": "1 +"}, "expression", "the end where a value should be"),
        ("cpu", {"expression": ""}, "expression", "nothing is there"),
        ("cpu", {"expression": "pod.metadata.name"}, "expression", "a value of type string, not a number or a quantity"),
        ("cpu", {"expression": "[1]"}, "expression", "a value of type list"),
        ("cpu", {"expression": "Now() - pod.metadata.creationTimestamp"}, "expression", "gives a duration"),
        ("cpu", {"expression": "duration('1s')"}, "expression", "gives a duration"),
        ("cpu", {"expression": "Wave('1', '2x')"}, "expression", "'2x' is no quantity"),
        ("cpu", {"expression": "Wave('1', '2', '1 h')"}, "expression", "'1 h' cannot be converted to a duration"),
        ("cpu", {"value": "1Mi"}, "value", "has a suffix of bytes"),
        ("cpu", {"value": "-1"}, "value", "below zero"),
        ("cpu", {"value": -0.5}, "value", "below zero"),
        ("cpu", {"value": "1e30"}, "value", "too large"),
        ("memory", {"value": "500m"}, "value", "no whole number of them: take a quantity such as 64Mi"),
        ("ephemeral-storage", {"value": "0.5"}, "value", "no whole number"),
        ("cpu", {"expression": "Constant('128Mi')"}, "expression", "128Mi has a suffix of bytes"),
        ("cpu", {"expression": "Quantity('128Mi')"}, "expression", "128Mi has a suffix of bytes"),
        ("cpu", {"expression": "Constant(Quantity('2Gi'))"}, "expression", "2Gi has a suffix of bytes"),
        ("cpu", {"expression": "Constant('1') + 2.0 * Constant('128Mi') / 3.0"}, "expression", "128Mi has a suffix of bytes"),
        ("cpu", {"expression": "Constant(-0.5)"}, "expression", "a usage of -0.5 is below zero"),
        ("cpu", {"expression": "Constant('1') - Constant('3')"}, "expression", "a usage of -2.0 is below zero"),
        ("memory", {"expression": "Constant('500m')"}, "expression", "no whole number of them: take a quantity such as 64Mi"),
    ],
)
def test_problems(usage: MakeUsage, resource: str, value: dict[str, Any], field: str, message: str) -> None:
    fine = {"usage": {"cpu": {"value": "1"}}}
    [problem] = check_usage(usage("web", fine, {"usage": {resource: value}}, namespace="default"))

    shown = resource if resource.isidentifier() else f"[{resource!r}]"
    assert problem.subject == 'ResourceUsage "default/web"'
    assert problem.path == f"$.spec.usages[1].usage.{shown}.{field}".replace(".[", "[")
    assert message in problem.message


def test_what_is_right(usage: MakeUsage) -> None:
    values = [{"value": "250m"}, {"value": 2}, {"expression": 'pod.Usage("memory") / 2.0'}, {"expression": "Rand()"}, {}]
    entries = [{"usage": {"cpu": value}} for value in values]
    entries += [{"usage": {"cpu": {"expression": each}}} for each in ("Constant('250m')", "Constant('2Gi') / Constant('1Gi')")]
    entries.append({"usage": {"memory": {"expression": "Constant('1Gi') / 3.0"}}})
    assert check_usage(usage("web", *entries, {"usage": {"memory": {"value": "64Mi"}, "pods": {"value": "1.5"}}})) == []


@pytest.mark.parametrize("name", presets.NAMES)
def test_presets_are_valid_and_give_usage(world: Small, pod: MakePod, name: str) -> None:
    manifest = presets.preset(name)
    made = decode(manifest)
    assert isinstance(made, ClusterResourceUsage)
    assert unknown_fields(manifest, "ClusterResourceUsage") == []
    assert check_usage(made) == []
    world.selection.put(made)
    evaluator = world.evaluator()
    for at in range(0, 86_400, 3_600):
        assert 0.001 <= evaluator.pod("cpu", pod(), START + at * SECOND) <= 2
        assert 2**20 <= evaluator.pod("memory", pod(), START + at * SECOND) <= 2**30
    assert world.problems == []


def test_a_preset_can_be_changed() -> None:
    manifest = presets.preset("ramp")
    manifest["spec"].clear()
    assert presets.preset("ramp")["spec"]["usages"]
    with pytest.raises(KeyError):
        presets.preset("nothing")


def test_the_annotations_of_kwok_count(world: Small, pod: MakePod) -> None:
    made = decode(presets.preset("from-annotation"))
    assert isinstance(made, ClusterResourceUsage)
    world.selection.put(made)
    one = pod()
    one["metadata"]["annotations"] = {"kwok.x-k8s.io/usage-cpu": "750m"}
    assert world.evaluator().pod("cpu", one, START) == 0.75
    assert world.evaluator().pod("memory", one, START) == 2**20
