# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Every rule of lint, by stages that it is against and by stages that are well."""

from __future__ import annotations

from typing import Any

import pytest

from kwok_controller.api.load import Document
from kwok_controller.stages.lint import Finding, as_written, lint


def stage(name: str = "example", kind: str = "Pod", **spec: Any) -> dict[str, Any]:
    """A stage that is well but for what is given: it moves pending pods on, after a second."""
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": [jq(".status.phase", "In", "Pending")]},
            "delay": {"durationMilliseconds": 1000},
            "steps": [status("phase: Running")],
            **spec,
        },
    }


def jq(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"jq": {"key": key, "operator": operator, **({"values": list(values)} if values else {})}}


def cel(expression: str) -> dict[str, Any]:
    return {"cel": {"expression": expression}}


def status(template: str, **patch: Any) -> dict[str, Any]:
    return {"patch": {"subresource": "status", "root": "status", "template": template, **patch}}


def selector(*expressions: dict[str, Any], **labels: Any) -> dict[str, Any]:
    return {"matchExpressions": list(expressions), **labels}


def check(*stages: dict[str, Any], strict: bool = False) -> list[Finding]:
    return lint([Document(each, "stages.yaml", number) for number, each in enumerate(stages, 1)], strict=strict)


def only(*stages: dict[str, Any], strict: bool = False) -> Finding:
    (finding,) = check(*stages, strict=strict)
    return finding


GOOD: list[dict[str, Any]] = [
    {},
    {"selector": {"matchLabels": {"app": "web"}, **selector(jq('.metadata.labels["app"]', "Exists"))}},
    {"selector": selector(jq(".metadata.ownerReferences[].kind", "In", "Job"), jq(".metadata.ownerReferences[].kind", "In", "Deployment"))},
    {"selector": selector(jq(".status.phase", "NotIn", "Running"), jq(".status.phase", "Exists"))},
    {"selector": selector(cel("self.status.phase == 'Pending'"))},
    {"selector": selector(cel("has(self.metadata.deletionTimestamp)")), "steps": [{"delete": True}]},
    {
        "selector": selector(jq(".metadata.deletionTimestamp", "Exists")),
        "delay": {},
        "steps": [{"finalizers": {"empty": True}}, {"delete": True}],
    },
    {"delay": {"durationMilliseconds": 1000, "jitterDurationMilliseconds": 5000}},
    {"delay": {"durationFrom": {"jq": {"expression": '.metadata.annotations["delay"]'}}}},
    {"delay": {"durationFrom": {"jq": {"expression": '"30s"'}}}},
    {"delay": {"durationFrom": {"jq": {"expression": ".metadata.creationTimestamp"}}}},
    {"weightFrom": {"jq": {"expression": '.metadata.annotations["weight"]'}}, "weight": 3},
    {"weightFrom": {"jq": {"expression": ".spec.containers | length"}}},
    {"steps": [{"event": {"type": "Warning", "reason": "Sad", "message": "m"}}, status("phase: {{ .spec.nodeName | Quote }}")]},
    {"steps": [{"patch": {"root": "metadata", "template": "labels: {a: b}"}}, status("phase: Running")]},
    {"steps": [{"patch": {"type": "json", "template": "- {op: add, path: /metadata/labels, value: {a: b}}"}}, status("phase: Running")]},
]


@pytest.mark.parametrize("spec", GOOD, ids=str)
def test_nothing_to_say(spec: dict[str, Any]) -> None:
    assert check(stage(**spec), strict=True) == []


BAD: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("error", "schema", "spec.weight", {"weight": -1}, "got -1"),
    ("error", "schema", "spec.delay.durationMilliseconds", {"delay": {"durationMilliseconds": "1s"}}, "expected an integer, got '1s'"),
    ("error", "schema", "spec.steps[0].patch.type", {"steps": [status("phase: Running", type="fast")]}, "json, merge, strategic"),
    ("error", "unknown-field", "spec.wait", {"wait": 1}, "is no field of a Stage"),
    ("error", "unknown-field", "spec.steps[0].patch.templates", {"steps": [status("a: 1", templates="")]}, "did you mean template?"),
    ("error", "kind", "spec.resourceRef.apiGroup", {"resourceRef": {"apiGroup": "apps", "kind": "Deployment"}}, "apps/v1"),
    ("error", "kind", "spec.resourceRef.kind", {"resourceRef": {"kind": ""}}, "is empty"),
    ("error", "template", "spec.steps[0].patch.template", {"steps": [status("a: {{ if }}")]}, "missing value for if"),
    ("error", "template", "spec.steps[0].patch.template", {"steps": [status("a: {{ Nodes }}")]}, "function 'Nodes' not defined"),
    ("error", "template", "spec.steps[0].patch.template", {"steps": [status("a: {{ quot . }}")]}, "did you mean quote?"),
    ("error", "template", "spec.steps[0].patch.template", {"steps": [{"patch": {"template": "just text"}}]}, "a merge patch is a mapping"),
    ("warning", "template", "spec.steps[0].patch.template", {"steps": [status("a: {{ .metadata.name.first }}")]}, "on a sample (new)"),
    ("warning", "template", "spec.steps[0].patch.template", {"steps": [status("a: [{{ .metadata.name }}")]}, "on a sample (new)"),
    ("error", "jq", "spec.selector.matchExpressions[1].jq.key", {"selector": selector(jq(".a", "Exists"), jq(".a[", "Exists"))}, ""),
    ("error", "jq", "spec.weightFrom.jq.expression", {"weightFrom": {"jq": {"expression": "nothing("}}}, ""),
    ("error", "jq", "spec.delay.durationFrom.jq.expression", {"delay": {"durationFrom": {"jq": {"expression": "|"}}}}, ""),
    ("error", "cel", "spec.selector.matchExpressions[0].cel.expression", {"selector": selector(cel("self.a ="))}, ""),
    ("error", "cel", "spec.weightFrom.cel.expression", {"weightFrom": {"cel": {"expression": ")"}}}, ""),
    (
        "warning",
        "cel",
        "spec.selector.matchExpressions[0].cel.expression",
        {"selector": selector(cel("self.nothing == 'x'"))},
        "on a sample (new)",
    ),
    ("error", "selector", "spec.selector.matchExpressions[0].jq.values", {"selector": selector(jq(".a", "In"))}, "needs values"),
    (
        "error",
        "selector",
        "spec.selector.matchExpressions[0].jq.values",
        {"selector": selector(jq(".a", "Exists", "b"))},
        "takes no values",
    ),
    ("error", "selector", "spec.selector.matchExpressions[0].jq.operator", {"selector": selector(jq(".a", "Is"))}, "In, NotIn, Exists"),
    ("error", "selector", "spec.selector.matchExpressions[0]", {"selector": selector({})}, "neither jq nor cel"),
    ("warning", "no-selector", "spec.selector", {"selector": None}, "for no object"),
    ("warning", "no-effect", "spec.steps", {"steps": []}, "does nothing"),
    ("warning", "no-effect", "spec.steps[0]", {"steps": [{}, status("phase: Running")]}, "is empty"),
    ("warning", "after-delete", "spec.steps[1]", {"steps": [{"delete": True}, status("phase: Failed")]}, "patch: comes after the deletion"),
    (
        "warning",
        "after-delete",
        "spec.steps[0]",
        {"steps": [{"delete": True, **status("phase: Failed")}]},
        "patch: comes after the deletion",
    ),
    ("warning", "after-delete", "spec.steps[1]", {"steps": [{"delete": True}, {"delete": True}]}, "delete: comes after"),
    ("warning", "event", "spec.steps[0].event.type", {"steps": [{"event": {"type": "Info", "reason": "A"}}]}, "'Info'"),
    ("warning", "event", "spec.steps[0].event.reason", {"steps": [{"event": {"type": "Normal", "message": "m"}}]}, "is empty"),
    (
        "warning",
        "subresource",
        "spec.steps[0].patch.subresource",
        {"steps": [{"patch": {"root": "status", "template": "phase: Running"}}]},
        "status only",
    ),
    (
        "warning",
        "subresource",
        "spec.steps[0].patch.subresource",
        {"steps": [{"patch": {"subresource": "status", "root": "metadata", "template": "labels: {a: b}"}}]},
        "leave subresource out",
    ),
    (
        "warning",
        "impersonation",
        "spec.steps[0].patch.impersonation",
        {"steps": [status("phase: Running", impersonation={"username": "u"})]},
        "",
    ),
    (
        "warning",
        "delay",
        "spec.delay.jitterDurationMilliseconds",
        {"delay": {"durationMilliseconds": 5000, "jitterDurationMilliseconds": 1000}},
        "1000 ms",
    ),
    (
        "warning",
        "value",
        "spec.delay.durationFrom.jq.expression",
        {"delay": {"durationMilliseconds": 1000, "durationFrom": {"jq": {"expression": '"soon"'}}}},
        "gives 'soon', which is no duration",
    ),
    (
        "warning",
        "value",
        "spec.delay.jitterDurationFrom.jq.expression",
        {"delay": {"durationMilliseconds": 1000, "jitterDurationFrom": {"jq": {"expression": "30"}}}},
        "gives 30, which is no duration",
    ),
    ("warning", "value", "spec.weightFrom.jq.expression", {"weightFrom": {"jq": {"expression": ".spec.nodeName"}}}, "no whole number"),
]


@pytest.mark.parametrize(
    ("severity", "rule", "field", "spec", "text"), BAD, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_what_is_wrong_with_a_stage(severity: str, rule: str, field: str, spec: dict[str, Any], text: str) -> None:
    finding = only(stage(**spec))
    assert (finding.severity, finding.rule, finding.field) == (severity, rule, field)
    assert text in finding.message
    assert (finding.stage, finding.file, finding.document) == ("example", "stages.yaml", 1)


NEVER: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([jq(".status.phase", "In", "A"), jq(".status.phase", "NotIn", "A", "B")], {}),
    ([jq(".status.phase", "In", "A"), jq('.status["phase"]', "In", "B")], {}),
    ([jq(".status.phase", "Exists"), jq(".status.phase", "DoesNotExist")], {}),
    ([jq(".metadata.ownerReferences[].kind", "In", "Job"), jq(".metadata.ownerReferences.[].kind", "DoesNotExist")], {}),
    ([jq(".metadata.labels.app", "In", "db")], {"matchLabels": {"app": "web"}}),
    ([jq('.metadata.annotations["a"]', "DoesNotExist")], {"matchAnnotations": {"a": "b"}}),
    ([jq(".status | length | tostring", "In", "1"), jq(".status | length  | tostring", "DoesNotExist")], {}),
    ([cel("1 == 2")], {}),
    ([], {"matchLabels": {"app": "no label has spaces"}}),
]


@pytest.mark.parametrize(("expressions", "labels"), NEVER, ids=str)
def test_a_selector_that_no_object_meets(expressions: list[dict[str, Any]], labels: dict[str, Any]) -> None:
    finding = only(stage(selector=selector(*expressions, **labels)))
    assert (finding.severity, finding.rule) == ("error", "never-matches")
    assert finding.field.startswith("spec.selector.match")


def test_all_errors_of_a_stage_are_found_at_once() -> None:
    broken = stage(
        selector=selector(jq("(", "Exists"), cel("=")),
        weightFrom={"jq": {"expression": ")"}},
        delay={"durationFrom": {"jq": {"expression": "["}}, "jitterDurationFrom": {"jq": {"expression": "]"}}},
        steps=[status("{{"), status("{{ end }}")],
    )
    assert sorted(finding.field for finding in check(broken)) == [
        "spec.delay.durationFrom.jq.expression",
        "spec.delay.jitterDurationFrom.jq.expression",
        "spec.selector.matchExpressions[0].jq.key",
        "spec.selector.matchExpressions[1].cel.expression",
        "spec.steps[0].patch.template",
        "spec.steps[1].patch.template",
        "spec.weightFrom.jq.expression",
    ]


def test_an_error_in_a_template_has_line_and_column() -> None:
    assert ":3:" in only(stage(steps=[status("phase: Running\nreason: x\n{{ Nonsense }}\n")])).message


@pytest.mark.parametrize(
    "obj",
    [
        {"kind": "Stage"},
        {"apiVersion": "kwok.x-k8s.io/v1", "kind": "Stage", "metadata": {"name": "a"}, "spec": {"resourceRef": {"kind": "Pod"}}},
        {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": "a"}},
        {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": [], "spec": {}},
        {**stage(), "metadata": {}},
        {**stage(), "metadata": {"name": "No_Name"}},
    ],
    ids=str,
)
def test_what_is_no_stage(obj: dict[str, Any]) -> None:
    findings = check(obj)
    assert findings
    assert {(finding.severity, finding.rule) for finding in findings} == {("error", "schema")}


def test_names_are_used_once() -> None:
    finding = only(stage("one"), stage("two", kind="Node"), stage("one", kind="Node", selector=selector(jq(".a", "Exists"))))
    assert (finding.severity, finding.rule, finding.document, finding.stage) == ("error", "duplicate-name", 3, "one")


def test_a_stage_that_another_one_hides() -> None:
    wide = selector(jq(".status.phase", "In", "Pending"))
    narrow = selector(jq(".status.phase", "In", "Pending"), jq(".spec.nodeName", "Exists"))
    finding = only(stage("hidden", selector=narrow), stage("strong", selector=wide, weight=1))
    assert (finding.rule, finding.stage, finding.field) == ("shadowed", "hidden", "spec.weight")
    assert "strong matches wherever it does" in finding.message
    # Not where the weaker one matches elsewhere, too, or may be given a weight, or is for another kind.
    assert check(stage("a", selector=wide), stage("b", selector=narrow, weight=1)) == []
    assert check(stage("a", selector=narrow, weightFrom={"jq": {"expression": ".w"}}), stage("b", selector=wide, weight=1)) == []
    assert check(stage("a", selector=narrow), stage("b", selector=wide, weight=1, resourceRef={"apiGroup": "v1", "kind": "Node"})) == []


def test_stages_that_chance_decides_between() -> None:
    finding = only(stage("one"), stage("two"))
    assert (finding.severity, finding.rule, finding.stage) == ("warning", "same-selector", "two")
    assert "one" in finding.message
    assert check(stage("one", weight=1), stage("two", weight=2)) == []


def test_a_stage_that_is_played_without_end() -> None:
    touch: dict[str, Any] = {"delay": None, "steps": [status("lastTouched: {{ Now | Quote }}")]}
    finding = only(stage(**touch))
    assert (finding.severity, finding.rule, finding.stage) == ("warning", "loop", "example")
    assert "without end and without delay" in finding.message
    assert check(stage(**{**touch, "delay": {"durationMilliseconds": 1}})) == []
    # It changes nothing the second time.
    assert check(stage(delay=None, steps=[status("message: same")])) == []
    # Nor does an Event, nor another object.
    assert check(stage(delay=None, steps=[{"event": {"type": "Normal", "reason": "Here", "message": "m"}}])) == []


def test_stages_that_follow_each_other_without_end() -> None:
    there = stage("there", delay=None, steps=[status("phase: Running")])
    back = stage("back", delay=None, selector=selector(jq(".status.phase", "In", "Running")), steps=[status("phase: Pending")])
    finding = only(there, back)
    assert (finding.rule, finding.stage) == ("loop", "back")
    assert "back and there follow each other" in finding.message
    assert check(there, {**back, "spec": {**back["spec"], "delay": {"durationMilliseconds": 1000}}}) == []


def test_a_kind_that_is_not_known_is_tried_as_well() -> None:
    ref = {"apiGroup": "example.com/v1", "kind": "Widget"}
    made = selector(jq(".spec.size", "In", "large"), jq('.status.conditions[] | select(.type == "Ready") | .status', "NotIn", "True"))
    grow = stage(resourceRef=ref, delay=None, selector=made, steps=[status("at: {{ Now | Quote }}")])
    assert only(grow).rule == "loop"
    assert check(stage(resourceRef=ref, delay=None, selector=made, steps=[status('conditions: [{type: Ready, status: "True"}]')])) == []


def test_deprecated_forms_are_reported_when_asked_for() -> None:
    old = stage(
        selector=selector({"key": ".status.phase", "operator": "In", "values": ["Pending"]}),
        weightFrom={"expressionFrom": ".metadata.annotations.weight"},
        delay={"durationMilliseconds": 1000, "durationFrom": {"expressionFrom": ".metadata.annotations.delay"}},
        next={"statusTemplate": "phase: Running"},
    )
    del old["spec"]["steps"]
    assert check(old) == []
    found = check(old, strict=True)
    assert {(finding.severity, finding.rule) for finding in found} == {("warning", "deprecated")}
    assert [finding.field for finding in found] == [
        "spec.delay.durationFrom.expressionFrom",
        "spec.next",
        "spec.selector.matchExpressions[0].key",
        "spec.weightFrom.expressionFrom",
    ]


def test_errors_are_where_they_were_written() -> None:
    old = stage(
        selector=selector({"key": "(", "operator": "In", "values": ["Pending"]}),
        weightFrom={"expressionFrom": ")"},
        next={"event": {"type": "Normal", "reason": "A", "message": "m"}, "statusTemplate": "{{"},
    )
    del old["spec"]["steps"]
    assert sorted(finding.field for finding in check(old)) == [
        "spec.next.statusTemplate",
        "spec.selector.matchExpressions[0].key",
        "spec.weightFrom.expressionFrom",
    ]
    patches = {"spec": {"next": {"finalizers": {"empty": True}, "patches": [{"template": ""}, {"template": ""}], "delete": True}}}
    assert as_written("spec.steps[2].patch.template", patches) == "spec.next.patches[1].template"
    assert as_written("spec.steps[3]", patches) == "spec.next.delete"
    assert as_written("spec.steps[0]", patches) == "spec.next.finalizers"


def test_a_finding_reads_well() -> None:
    finding = only(stage(weight=-1))
    assert str(finding).startswith("stages.yaml:1: Stage example: spec.weight: error: ")
    assert str(finding).endswith(" [schema]")
    assert finding.as_dict() == {
        "severity": "error",
        "rule": "schema",
        "stage": "example",
        "field": "spec.weight",
        "message": finding.message,
        "file": "stages.yaml",
        "document": 1,
    }
