# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fuzzing found in `stage lint`."""

from __future__ import annotations

from typing import Any

import pytest

from kwok_controller.api.load import Document
from kwok_controller.stages.lint import lint

WRONG: dict[str, dict[str, Any]] = {
    "without metadata": {"root": "metadata", "template": "null", "type": "merge"},
    "metadata is a list": {"root": "metadata", "template": "[1]", "type": "merge"},
    "metadata is taken away": {"type": "json", "template": '[{"op": "remove", "path": "/metadata"}]'},
    "another kind": {"root": "kind", "template": "Other", "type": "merge"},
    "no object": {"type": "json", "template": '[{"op": "replace", "path": "", "value": []}]'},
    "replaced": {"type": "strategic", "template": "{$patch: replace, a: 1}"},
    "labels are a text": {"root": "metadata", "template": "labels: a", "type": "merge"},
    "a label is a number": {"root": "metadata", "template": "labels: {a: 1}", "type": "merge"},
    "annotations are a list": {"root": "metadata", "template": "annotations: [a]", "type": "merge"},
    "a finalizer is a mapping": {"root": "metadata", "template": "finalizers: [{a: b}]", "type": "merge"},
}


@pytest.mark.parametrize("patch", WRONG.values(), ids=WRONG)
def test_a_patch_that_leaves_no_object_is_told(patch: dict[str, Any]) -> None:
    # Lint itself fell over what was left.
    stage = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "wrong"},
        "spec": {"resourceRef": {"apiGroup": "v1", "kind": "Pod"}, "selector": {}, "steps": [{"patch": patch}, {"delete": True}]},
    }
    findings = lint([Document(stage, "-", 1)])
    assert any("leaves no object of this kind" in finding.message for finding in findings), findings


@pytest.mark.parametrize("key", [".metadata", ".metadata.labels"])
def test_a_selector_that_wants_a_text_where_objects_have_none_is_no_error(key: str) -> None:
    # Lint made an object for it, and fell over that.
    stage = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "wrong"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": [{"key": key, "operator": "In", "values": ["a"]}]},
            "next": {"statusTemplate": "phase: Running"},
        },
    }
    findings = lint([Document(stage, "-", 1)])
    assert not [finding for finding in findings if finding.severity == "error"]
