# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stages as a state machine."""

from __future__ import annotations

import re

import pytest

from kwok_controller.api import Stage, decode_stage
from kwok_controller.lifecycle import StageError
from kwok_controller.stages import sets
from kwok_controller.stages.explain import START, Machine, as_mermaid, as_text, explain


def stages(*names: str) -> list[Stage]:
    return [decode_stage(each) for name in names for each in sets.objects(name)]


def machine(*names: str) -> Machine:
    (found,) = explain(stages(*names))
    return found


def arrows(found: Machine) -> set[tuple[str, str]]:
    return {(edge.before, edge.stage) for edge in found.edges}


def test_what_follows_what() -> None:
    # What the control plane marks is what every stage may be followed by.
    (found,) = explain([stage for stage in stages("pod-fast") if stage.metadata.name != "pod-ready-again"])
    assert arrows(found) == {
        (START, "pod-ready"),
        (START, "pod-delete"),
        (START, "pod-terminate"),
        ("pod-ready", "pod-complete"),
        ("pod-terminate", "pod-delete"),
    }
    assert found.rests == {"pod-ready", "pod-complete", "pod-terminate"}
    assert found.unseen == []
    assert {edge.stage for edge in found.edges if edge.gone} == {"pod-delete"}


def test_labels_are_set_and_go_again() -> None:
    found = machine("node-fast", "node-chaos", "node-heartbeat")
    assert arrows(found) >= {
        (START, "node-initialize"),
        ("node-initialize", "node-heartbeat"),
        ("node-initialize", "node-not-ready"),
        ("node-not-ready", "node-heartbeat"),
        ("node-not-ready", "node-initialize"),
        ("node-heartbeat", "node-heartbeat"),
    }


@pytest.mark.parametrize("names", [("pod-general", "pod-chaos"), ("pod-fast", "pod-chaos"), ("volume-fast",)])
def test_samples_come_to_every_stage_of_the_sets(names: tuple[str, ...]) -> None:
    for found in explain(stages(*names)):
        assert found.unseen == []
        assert {edge.stage for edge in found.edges} == {stage.metadata.name for stage in found.stages}


def test_the_crash_loop_is_a_loop() -> None:
    assert arrows(machine("pod-fast", "pod-chaos")) >= {
        ("pod-ready", "pod-container-running-failed"),
        ("pod-container-running-failed", "pod-container-back-off"),
        ("pod-container-back-off", "pod-container-restart"),
        ("pod-container-restart", "pod-container-running-failed"),
    }


def test_in_words() -> None:
    text = as_text(explain(stages("node-fast", "node-heartbeat")))
    assert text.startswith("Node (v1): 2 stages\n")
    block = text.partition("node-heartbeat\n")[2]
    assert "  When   .status.phase is Running\n" in block
    assert "  Weight 0\n" in block
    assert "  Delay  20s, up to 25s\n" in block
    assert "  Does   patches status: conditions, daemonEndpoints\n" in block
    assert "  After  node-heartbeat\n         node-initialize\n" in block
    assert "  Then   node-heartbeat (20s to 25s)\n" in block


def test_conditions_and_effects_in_words() -> None:
    obj = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "wordy"},
        "spec": {
            "resourceRef": {"apiGroup": "example.com/v1", "kind": "Widget"},
            "selector": {
                "matchLabels": {"app": "web"},
                "matchExpressions": [
                    {"jq": {"key": ".metadata.finalizers[]", "operator": "DoesNotExist"}},
                    {"jq": {"key": '.status.conditions[] | select(.type == "Ready") | .status', "operator": "NotIn", "values": ["True"]}},
                    {"jq": {"key": ".spec.size", "operator": "NotIn", "values": ["small", "tiny"]}},
                    {"jq": {"key": ".spec.parts | length", "operator": "In", "values": ["0"]}},
                    {"cel": {"expression": "self.kind == 'Widget'"}},
                ],
            },
            "weight": 2,
            "weightFrom": {"cel": {"expression": "3"}},
            "delay": {
                "durationMilliseconds": 90000,
                "durationFrom": {"jq": {"expression": '.metadata.annotations["a"] // .spec.wait'}},
                "jitterDurationFrom": {"jq": {"expression": ".metadata.deletionTimestamp"}},
            },
            "steps": [
                {"event": {"type": "Normal", "reason": "Made", "message": "it is"}},
                {"finalizers": {"add": [{"value": "b"}], "remove": [{"value": "a"}]}},
                {"patch": {"root": "spec", "template": "size: small\nwait: 1s\n"}},
                {"apply": {"template": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"}},
                {"delete": True},
            ],
        },
    }
    text = as_text(explain([decode_stage(obj)]))
    for line in (
        'When   label "app" is web',
        "and it has no finalizers",
        "and none of .status.conditions[type=Ready].status is True",
        "and .spec.size is not small or tiny",
        "and .spec.parts | length (jq) gives 0",
        "and self.kind == 'Widget' (CEL)",
        "Weight 2 (or 3 (CEL), where there is one)",
        'Delay  1m30s (or annotation "a" or .spec.wait, where there is one), up to .metadata.deletionTimestamp, where there is one',
        "Does   Event Normal Made: it is",
        "finalizers: removes a, adds b",
        "patches spec: size, wait",
        "applies ConfigMap",
        "deletes the object",
        "Then   it stays as it is, until something else changes it",
    ):
        assert f"  {line}\n" in text


NODE = r"\[\*\]|[A-Za-z_]\w*"
STATEMENT = re.compile(rf'stateDiagram-v2|\s+state "[^"]+" as \w+( \{{)?|\s+\}}|\s+({NODE}) --> ({NODE}) : \S.*')


@pytest.mark.parametrize("names", [("pod-general", "pod-chaos"), ("node-fast", "volume-fast")])
def test_mermaid(names: tuple[str, ...]) -> None:
    lines = as_mermaid(explain(stages(*names))).splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert all(STATEMENT.fullmatch(line) for line in lines)
    declared = {line.partition(" as ")[2].removesuffix(" {") for line in lines if " as " in line}
    used = {end for line in lines if "-->" in line for end in line.partition(" : ")[0].split() if end not in ("-->", "[*]")}
    assert used <= declared
    assert sum(line.endswith("{") for line in lines) == sum(line.strip() == "}" for line in lines)


def test_mermaid_of_the_nodes() -> None:
    assert as_mermaid(explain(stages("node-fast", "node-heartbeat"))).splitlines() == [
        "stateDiagram-v2",
        '    state "after node-heartbeat" as s_node_heartbeat',
        '    state "after node-initialize" as s_node_initialize',
        "    [*] --> s_node_initialize : node-initialize, at once",
        "    s_node_heartbeat --> s_node_heartbeat : node-heartbeat, 20s to 25s",
        "    s_node_initialize --> s_node_heartbeat : node-heartbeat, 20s to 25s",
    ]


def test_a_stage_that_is_wrong() -> None:
    (stage,) = stages("node-fast")
    broken = decode_stage(
        {
            "kind": "Stage",
            "metadata": {"name": "broken"},
            "spec": {"resourceRef": {"kind": "Node"}, "steps": [{"patch": {"template": "{{"}}]},
        }
    )
    with pytest.raises(StageError, match="stage broken"):
        explain([stage, broken])
