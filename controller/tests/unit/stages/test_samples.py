# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Samples, and what selectors are made of."""

from __future__ import annotations

from typing import Any

import pytest

from kwok_controller.api import MatchExpression, SelectorJQ, StageResourceRef, StageSelector
from kwok_controller.stages.samples import Items, Path, fitted, path_of, samples_of, single

READY = Items(frozenset({("type", "Ready")}))


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (".status.phase", ("status", "phase")),
        (' .metadata.labels["a.b/c"] ', ("metadata", "labels", "a.b/c")),
        ('.["metadata"]."name"', None),
        (".metadata.finalizers[]?", ("metadata", "finalizers", Items())),
        (".metadata.ownerReferences.[].kind", ("metadata", "ownerReferences", Items(), "kind")),
        ('.status.conditions.[] | select( .type == "Ready" ) | .status', ("status", "conditions", READY, "status")),
        ('.status.conditions[]? | select(.type == "Ready") | .status', ("status", "conditions", READY, "status")),
        (".a | length", None),
        (".a // .b", None),
        ('select(.a == "b") | .c', None),
        ("", None),
    ],
)
def test_paths(source: str, path: Path | None) -> None:
    assert path_of(source) == path


def test_a_path_through_a_list_may_have_several_values() -> None:
    assert single(("status", "phase"))
    assert not single(("metadata", "finalizers", Items()))


def made(*requirements: tuple[str, str, list[str]]) -> dict[str, Any]:
    (sample, *_) = samples_of(StageResourceRef(kind="Pod"))
    expressions = [MatchExpression(jq=SelectorJQ(key=key, operator=operator, values=values)) for key, operator, values in requirements]
    return fitted(sample.obj, StageSelector(match_labels={"app": "web"}, match_annotations={"a": "b"}, match_expressions=expressions))


def test_an_object_is_made_to_fit() -> None:
    obj = made(
        (".status.phase", "In", ["Running", "Failed"]),
        ('.status.conditions[] | select(.type == "Ready") | .status', "In", ["True"]),
        (".metadata.ownerReferences[].kind", "In", ["Job"]),
        (".metadata.deletionTimestamp", "Exists", []),
        (".metadata.finalizers[]", "In", ["example.com/a"]),
        (".spec.nodeName", "DoesNotExist", []),
        (".spec.restartPolicy", "NotIn", ["Always"]),
        (".status.qosClass", "NotIn", ["Guaranteed"]),
        (".a | length", "In", ["1"]),
    )
    assert obj["metadata"]["labels"] == {"app": "web"}
    assert obj["metadata"]["annotations"] == {"a": "b"}
    assert obj["status"]["phase"] == "Running"
    assert {"type": "Ready", "status": "True"} in obj["status"]["conditions"]
    assert obj["metadata"]["ownerReferences"][0]["kind"] == "Job"
    assert obj["metadata"]["deletionTimestamp"] == "2024-01-01T00:01:30Z"
    assert obj["metadata"]["finalizers"] == ["example.com/a"]
    assert "nodeName" not in obj["spec"]
    assert "restartPolicy" not in obj["spec"]
    assert obj["status"]["qosClass"] == "BestEffort"


def test_what_fits_is_left_as_it_is() -> None:
    (sample, *_) = samples_of(StageResourceRef(kind="Pod"))
    obj = made(
        (".status.phase", "In", ["Failed", "Pending"]), ('.status.conditions[] | select(.type == "Ready") | .status', "DoesNotExist", [])
    )
    assert obj["status"] == sample.obj["status"]
    assert "labels" not in sample.obj["metadata"]


@pytest.mark.parametrize("kind", ["Node", "Pod", "PersistentVolume", "PersistentVolumeClaim", "Namespace"])
def test_samples_are_objects_of_their_kind(kind: str) -> None:
    samples = samples_of(StageResourceRef(kind=kind))
    assert {(each.obj["apiVersion"], each.obj["kind"]) for each in samples} == {("v1", kind)}
    assert samples[0].about == "new"
    assert len({each.about for each in samples}) == len(samples)
    assert any("deletionTimestamp" in each.obj["metadata"] for each in samples)
