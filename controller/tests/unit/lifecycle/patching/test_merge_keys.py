# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Merge keys from an OpenAPI v3 document."""

from __future__ import annotations

from typing import Any

import pytest

from kwok_controller.lifecycle.patching import NODE, POD, MergeKeys, PatchError, apply_strategic, from_openapi


def reference(name: str) -> dict[str, Any]:
    # As the apiserver writes it: extensions stand beside the reference, which is therefore in an allOf.
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}], "default": {}}


DOCUMENT = {
    "components": {
        "schemas": {
            "apps.v1.Thing": {
                "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Thing"}],
                "properties": {"spec": reference("apps.v1.ThingSpec"), "metadata": reference("meta.v1.ObjectMeta")},
                "type": "object",
            },
            "apps.v1.ThingSpec": {
                "properties": {
                    "parts": {
                        "type": "array",
                        "items": reference("apps.v1.Part"),
                        "x-kubernetes-patch-merge-key": "id",
                        "x-kubernetes-patch-strategy": "merge,retainKeys",
                    },
                    "atomic": {"type": "array", "items": reference("apps.v1.Part")},
                    "whole": {**reference("apps.v1.Part"), "x-kubernetes-patch-strategy": "replace"},
                    "limits": {"type": "object", "additionalProperties": {"type": "string"}},
                },
                "type": "object",
            },
            # It contains itself.
            "apps.v1.Part": {
                "properties": {
                    "id": {"type": "string"},
                    "parts": {
                        "type": "array",
                        "items": reference("apps.v1.Part"),
                        "x-kubernetes-patch-merge-key": "id",
                        "x-kubernetes-patch-strategy": "merge",
                    },
                },
                "type": "object",
            },
            "meta.v1.ObjectMeta": {
                "properties": {
                    "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "merge"},
                    "managedFields": {"type": "array", "items": {"$ref": "#/components/schemas/nowhere"}},
                }
            },
        }
    }
}


def keys() -> MergeKeys:
    return from_openapi(DOCUMENT, ("apps", "v1", "Thing"))


def test_merge() -> None:
    obj = {
        "spec": {"parts": [{"id": "a", "parts": [{"id": "x", "n": 1}]}, {"id": "b"}], "atomic": [{"id": "a"}], "whole": {"id": "w", "n": 1}}
    }
    patch = {"spec": {"parts": [{"id": "a", "parts": [{"id": "x", "m": 2}]}], "atomic": [{"id": "z"}], "whole": {"id": "v"}}}
    assert apply_strategic(obj, patch, keys()) == {
        "spec": {"parts": [{"id": "a", "parts": [{"id": "x", "n": 1, "m": 2}]}, {"id": "b"}], "atomic": [{"id": "z"}], "whole": {"id": "v"}}
    }
    assert apply_strategic({"metadata": {"finalizers": ["a"]}}, {"metadata": {"finalizers": ["b"]}}, keys()) == {
        "metadata": {"finalizers": ["b", "a"]}
    }


def test_what_the_document_does_not_know() -> None:
    found = keys()
    assert found.get("nothing").strategy == ""
    assert found.get("metadata").keys.get("managedFields").keys.get("any").strategy == ""
    assert apply_strategic({"new": {"a": 1}}, {"new": {"b": 2}}, found) == {"new": {"a": 1, "b": 2}}


@pytest.mark.parametrize("gvk", [("apps", "v1", "Other"), ("", "v1", "Thing"), ("apps", "v2", "Thing")])
def test_a_kind_that_is_not_there(gvk: tuple[str, str, str]) -> None:
    with pytest.raises(PatchError, match=f"no kind {gvk[2]}"):
        from_openapi(DOCUMENT, gvk)
    with pytest.raises(PatchError):
        from_openapi({}, gvk)


@pytest.mark.parametrize(
    ("found", "path", "merge_key"),
    [
        (POD, "spec.containers.ports", "containerPort"),
        (POD, "spec.volumes", "name"),
        (POD, "status.conditions", "type"),
        (POD, "status.podIPs", "ip"),
        (POD, "status.containerStatuses.volumeMounts", "mountPath"),
        (NODE, "status.addresses", "type"),
        (NODE, "metadata.finalizers", ""),
        (NODE, "spec.podCIDRs", ""),
    ],
)
def test_tables(found: MergeKeys, path: str, merge_key: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        found = found.get(parent).keys
    assert found.get(name)[:2] == ("merge", merge_key)


def test_status_of_containers_is_replaced() -> None:
    assert POD.get("status").keys.get("containerStatuses").strategy == ""
