# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from kwok_controller.lifecycle import Apply, CompiledStage, Delete, Draw, Patch, PatchType, SendEvent, StageError

MakeStage = Callable[..., CompiledStage]
Object = dict[str, Any]
DEPLOYMENT = ("apps/v1", "Deployment")


def patch(template: str, **more: Any) -> dict[str, Any]:
    return {"patch": {"template": template, **more}}


def effects(stage: CompiledStage, obj: Object, start: int = 0) -> list[Any]:
    return [effect for _, effect in stage.effects(obj, start)]


def test_steps_have_their_effects_in_order(make_stage: MakeStage, pod: Object) -> None:
    before = copy.deepcopy(pod)
    stage = make_stage(
        steps=[
            {"event": {"type": "Normal", "reason": "Started", "message": "{{ not rendered }}"}},
            {"finalizers": {"add": [{"value": "a.example/three"}]}},
            patch("phase: {{ .status.phase | Quote }}", root="status", subresource="status", type="merge"),
            patch("metadata: {labels: {node: '{{ .spec.nodeName }}'}}", impersonation={"username": "someone"}),
            {"apply": {"template": "{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .metadata.name }}'}}"}},
            {"delete": True},
        ]
    )
    assert effects(stage, pod) == [
        SendEvent("Normal", "Started", "{{ not rendered }}"),
        Patch([{"op": "add", "path": "/metadata/finalizers/-", "value": "a.example/three"}], PatchType.JSON, finalizers=True),
        Patch({"status": {"phase": "Pending"}}, PatchType.MERGE, "status"),
        Patch({"metadata": {"labels": {"node": "node-1"}}}, PatchType.STRATEGIC, "", "someone"),
        Apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-0"}}, PatchType.APPLY),
        Delete(),
    ]
    assert pod == before


def test_effects_are_computed_when_they_are_asked_for(make_stage: MakeStage, pod: Object) -> None:
    stage = make_stage(steps=[{"event": {"reason": "First"}}, patch("a: {{ fail `no` }}")])
    coming = stage.effects(pod)
    assert next(coming) == (0, SendEvent("", "First", ""))
    with pytest.raises(StageError) as caught:
        next(coming)
    assert caught.value.field == "spec.steps[1].patch.template"
    assert "no" in caught.value.message


def test_effects_go_on_where_they_failed(make_stage: MakeStage, pod: Object) -> None:
    # Of the step that failed only what is left is done again: its event is not sent twice.
    steps = [
        {"event": {"reason": "A"}, **patch("a: 1")},
        {"event": {"reason": "B"}, "delete": True},
        {"event": {"reason": "C"}, **patch("c: 1")},
    ]
    stage = make_stage(steps=steps)
    everything = list(stage.effects(pod))
    assert [effect for _, effect in everything] == [
        SendEvent("", "A", ""),
        Patch({"a": 1}, PatchType.STRATEGIC),
        SendEvent("", "B", ""),
        Delete(),
        SendEvent("", "C", ""),
    ]
    for at, (start, _) in enumerate(everything):
        assert list(stage.effects(pod, start)) == everything[at:]


def test_after_a_deletion_only_events_are_left(make_stage: MakeStage, pod: Object) -> None:
    steps = [
        {"delete": True, **patch("a: 1")},
        {"event": {"reason": "Gone"}, "finalizers": {"empty": True}, **patch("b: 1"), "apply": {"template": "{apiVersion: v1, kind: X}"}},
        {"delete": True},
    ]
    assert effects(make_stage(steps=steps), pod) == [Delete(), SendEvent("", "Gone", "")]


def test_finalizers_before_a_deletion(make_stage: MakeStage, pod: Object) -> None:
    stage = make_stage(steps=[{"finalizers": {"empty": True}, "delete": True}])
    assert effects(stage, pod) == [Patch([{"op": "remove", "path": "/metadata/finalizers"}], PatchType.JSON, finalizers=True), Delete()]
    del pod["metadata"]["finalizers"]
    assert effects(stage, pod) == [Delete()]
    assert effects(stage, {}) == [Delete()]


@pytest.mark.parametrize(
    ("ref", "kind", "sent"),
    [
        (("v1", "Pod"), None, PatchType.STRATEGIC),
        (("v1", "Node"), None, PatchType.STRATEGIC),
        (("v1", "Service"), None, PatchType.MERGE),
        (("apps/v1", "Pod"), None, PatchType.MERGE),
        (DEPLOYMENT, "strategic", PatchType.STRATEGIC),
        (("v1", "Pod"), "merge", PatchType.MERGE),
    ],
)
def test_patch_types(make_stage: MakeStage, pod: Object, ref: tuple[str, str], kind: str | None, sent: PatchType) -> None:
    stage = make_stage(ref=ref, steps=[patch("a: 1", type=kind)])
    assert effects(stage, pod) == [Patch({"a": 1}, sent)]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [(None, PatchType.APPLY), ("apply", PatchType.APPLY), ("merge", PatchType.MERGE), ("strategic", PatchType.STRATEGIC)],
)
def test_apply_types(make_stage: MakeStage, pod: Object, kind: str | None, sent: PatchType) -> None:
    template = "{apiVersion: v1, kind: Pod}"
    stage = make_stage(
        steps=[{"apply": {"template": template, "type": kind, "subresource": "status", "impersonation": {"username": "me"}}}]
    )
    assert effects(stage, pod) == [Apply({"apiVersion": "v1", "kind": "Pod"}, sent, "status", "me")]


def test_the_root_goes_around_a_merge_patch_and_before_the_paths_of_a_json_patch(make_stage: MakeStage, pod: Object) -> None:
    operations = """
- {op: add, path: /phase, value: {{ .status.phase }} }
- {op: add, path: /none, value: null}
- {op: move, from: /status/a, path: /b}
- {op: replace, value: {}}
"""
    stage = make_stage(steps=[patch(operations, type="json", root="status"), patch(operations, type="json"), patch("Opaque", root="type")])
    rooted, plain, merged = effects(stage, pod)
    assert rooted.data == [
        {"op": "add", "path": "/status/phase", "value": "Pending"},
        {"op": "add", "path": "/status/none", "value": None},
        {"op": "move", "from": "/status/a", "path": "/status/b"},
        {"op": "replace", "path": "/status", "value": {}},
    ]
    assert plain.data[0] == {"op": "add", "path": "/phase", "value": "Pending"}
    assert plain.data[3] == {"op": "replace", "value": {}}
    assert merged.data == {"type": "Opaque"}


def test_numbers_of_the_object_are_text_in_templates(make_stage: MakeStage, pod: Object) -> None:
    stage = make_stage(
        steps=[patch("{{ if .spec.zero }}a: {{ .spec.zero }}{{ end }}\nb: {{ add .spec.replicas 1 }}\nc: {{ .status.load }}")]
    )
    pod["spec"]["zero"] = 0
    assert effects(stage, pod)[0].data == {"a": 0, "b": 4, "c": 0.5}


def test_a_template_without_actions_is_read_once(make_stage: MakeStage, pod: Object) -> None:
    stage = make_stage(steps=[patch("a: {b: 1}")])
    assert effects(stage, pod)[0].data is effects(stage, {})[0].data


def test_chance_in_templates_is_that_of_the_draw(make_stage: MakeStage, pod: Object) -> None:
    stage = make_stage(steps=[patch("a: {{ randInt 0 1000000 }}"), patch("a: {{ randInt 0 1000000 }}")])

    def drawn(key: str, start: int = 0) -> list[int]:
        return [effect.data["a"] for _, effect in stage.effects(pod, start, Draw(0, key, 0)) if isinstance(effect, Patch)]

    first = drawn("a")
    assert drawn("b") != first
    assert drawn("a") == first
    assert drawn("a", 1) == first[1:]
    assert first[0] != first[1]


@pytest.mark.parametrize(
    ("step", "field", "message"),
    [
        (patch("{{ .a "), "patch.template", "unclosed action"),
        (patch("{{ NoSuch }}"), "patch.template", "function 'NoSuch' not defined"),
        (patch("a: [1"), "patch.template", ""),
        (patch("- a"), "patch.template", "a merge patch is a mapping, but this came to a list"),
        (patch(""), "patch.template", "a merge patch is a mapping, but this came to nothing"),
        (patch("text"), "patch.template", "a merge patch is a mapping, but this came to 'text'"),
        (patch("a: 1", type="json"), "patch.template", "a JSON patch is a list of mappings"),
        (patch("[1]", type="json"), "patch.template", "a JSON patch is a list of mappings"),
        ({"apply": {"template": "[]"}}, "apply.template", "an object to apply is a mapping, but this came to a list"),
        ({"apply": {"template": "kind: Pod"}}, "apply.template", "an object to apply needs apiVersion"),
        ({"apply": {"template": "apiVersion: v1"}}, "apply.template", "an object to apply needs kind"),
    ],
)
def test_what_is_wrong_for_every_object_is_found_when_the_stage_is_compiled(
    make_stage: MakeStage, step: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(StageError) as caught:
        make_stage("broken", steps=[{"event": {"reason": "A"}}, step])
    assert (caught.value.stage, caught.value.field) == ("broken", f"spec.steps[1].{field}")
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ .metadata.name.x }}", "can't evaluate field x"),
        ("{{ .metadata.name }}: [", ""),
        ("{{ .spec.containers | toJson }}", "a merge patch is a mapping, but this came to a list"),
        ("{{ range until 100000 }}{{ range until 100000 }}a{{ end }}{{ end }}", "more than 2000 steps"),
        ("{{ define `again` }}{{ template `again` . }}{{ end }}{{ template `again` . }}", ""),
        ('{{ $a := "xxxxxxxxxx" }}{{ range until 60 }}{{ $a = print $a $a }}{{ end }}a: {{ $a }}', ""),
        ('{{ range until 500 }}{{ repeat 1000 "x" }}{{ end }}', ""),
    ],
)
def test_a_template_that_fails_loops_or_grows_is_stopped(make_stage: MakeStage, pod: Object, template: str, message: str) -> None:
    stage = make_stage("failing", steps=[patch(template)])
    with pytest.raises(StageError) as caught:
        effects(stage, pod)
    assert (caught.value.stage, caught.value.field) == ("failing", "spec.steps[0].patch.template")
    assert message in caught.value.message
    assert len(caught.value.message) < 1000
