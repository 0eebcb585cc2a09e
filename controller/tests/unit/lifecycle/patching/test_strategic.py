# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Strategic merge patches: rules one by one, and held to k8s.io/apimachinery over generated Pods."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from go_oracle import GoOracle
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kwok_controller.lifecycle.patching import NODE, POD, PatchError, apply_strategic
from kwok_controller.lifecycle.patching.equality import same

POD_OBJECT: dict[str, Any] = {
    "metadata": {"name": "p", "labels": {"a": "b"}, "finalizers": ["one", "two"]},
    "spec": {
        "containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
    "status": {
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False", "reason": "r"}, {"type": "Other", "status": "True"}],
        "podIPs": [{"ip": "10.0.0.1"}],
        "containerStatuses": [{"name": "a", "ready": False}],
    },
}


def patched(patch: dict[str, Any]) -> dict[str, Any]:
    before = copy.deepcopy((POD_OBJECT, patch))
    result = apply_strategic(POD_OBJECT, patch, POD)
    assert (POD_OBJECT, patch) == before
    return result


def test_lists_are_merged_by_key() -> None:
    result = patched({"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "New", "status": "True"}]}})
    assert result["status"]["conditions"] == [
        {"type": "Ready", "status": "True", "reason": "r"},
        {"type": "New", "status": "True"},
        {"type": "Other", "status": "True"},
    ]
    assert result["spec"] is POD_OBJECT["spec"]
    assert result["status"]["podIPs"] is POD_OBJECT["status"]["podIPs"]


def test_lists_within_lists() -> None:
    result = patched({"spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "2"}, {"name": "Y"}]}]}})
    assert result["spec"]["containers"] == [{"name": "a", "env": [{"name": "X", "value": "2"}, {"name": "Y"}]}, {"name": "b"}]


def test_lists_without_a_key_are_replaced() -> None:
    result = patched({"status": {"containerStatuses": [{"name": "z"}]}})
    assert result["status"]["containerStatuses"] == [{"name": "z"}]


def test_lists_of_scalars_are_merged() -> None:
    assert patched({"metadata": {"finalizers": ["two", "three"]}})["metadata"]["finalizers"] == ["one", "two", "three"]
    result = patched({"metadata": {"$deleteFromPrimitiveList/finalizers": ["one", "none"]}})
    assert result["metadata"]["finalizers"] == ["two"]


def test_null_deletes() -> None:
    result = patched({"status": {"phase": None, "none": None}, "metadata": {"labels": {"a": None}}})
    assert "phase" not in result["status"]
    assert result["metadata"]["labels"] == {}


def test_nulls_of_what_is_new_are_dropped() -> None:
    assert patched({"status": {"nominatedNodeName": "n", "resize": {"a": None, "b": [{"c": None}]}}})["status"]["resize"] == {"b": [{}]}


def test_directives() -> None:
    deleted = patched({"status": {"conditions": [{"$patch": "delete", "type": "Ready"}]}})
    assert deleted["status"]["conditions"] == [{"type": "Other", "status": "True"}]
    replaced = patched({"status": {"conditions": [{"$patch": "replace"}, {"type": "Only"}]}})
    assert replaced["status"]["conditions"] == [{"type": "Only"}]
    assert patched({"metadata": {"labels": {"$patch": "replace", "new": "1"}}})["metadata"]["labels"] == {"new": "1"}
    assert patched({"metadata": {"labels": {"$patch": "delete"}}})["metadata"]["labels"] == {}
    assert "new" not in patched({"status": {"new": {"$patch": "delete"}}})["status"]
    retained = patched({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}})
    assert retained["spec"]["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]
    ordered = patched(
        {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "b", "image": "i"}]}}
    )
    assert [container["name"] for container in ordered["spec"]["containers"]] == ["b", "a"]


@pytest.mark.parametrize(
    "patch",
    [
        {},
        {"status": {}},
        {"status": {"phase": "Pending", "nothing": None}},
        {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        {"status": {"conditions": [{"type": "Ready", "reason": "r"}, {"type": "Other", "status": "True"}]}},
        {"status": {"containerStatuses": [{"name": "a", "ready": False}]}},
        {"metadata": {"finalizers": ["one"], "labels": {"a": "b", "c": None}}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["none"]}},
        {"status": {"conditions": [{"$patch": "delete", "type": "None"}]}},
        {"status": {"$setElementOrder/conditions": [{"type": "Ready"}, {"type": "Other"}]}},
    ],
)
def test_what_changes_nothing_gives_the_same_object(patch: dict[str, Any]) -> None:
    assert patched(patch) is POD_OBJECT


def test_true_for_one_is_a_change() -> None:
    assert apply_strategic({"status": {"x": 1}}, {"status": {"x": True}}, NODE)["status"]["x"] is True


@pytest.mark.parametrize(
    ("patch", "what"),
    [
        ({"status": {"conditions": [{"status": "True"}]}}, r"status.conditions: an element without its merge key 'type'"),
        ({"status": {"conditions": ["x"]}}, "not all of one type"),
        ({"status": {"conditions": [{"$patch": "merge", "type": "Ready"}]}}, "'merge' is neither"),
        ({"status": {"$patch": "other"}}, "'other' is neither"),
        ({"status": {"$retainKeys": "x"}}, "list of names"),
        ({"status": {"$retainKeys": ["phase"], "podIP": "x"}}, "'podIP' is in the patch"),
        ({"status": {"$setElementOrder/conditions": {}}}, "is a list"),
        ({"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "z"}]}}, "lacks 'z'"),
    ],
)
def test_what_does_not_fit(patch: dict[str, Any], what: str) -> None:
    with pytest.raises(PatchError, match=what):
        patched(patch)


def test_a_list_is_no_patch() -> None:
    with pytest.raises(PatchError, match="is an object"):
        apply_strategic({}, [], POD)  # type: ignore[arg-type]


# Generated objects and patches. Left out is what depends on the order of Go's maps, and what no object of the apiserver has: an element
# twice in a list.

KEYS = st.sampled_from("abcd")
WORDS = st.sampled_from(["x", "y"])


def elements(key: str, *, patch: bool, nested: bool = False) -> st.SearchStrategy[list[dict[str, Any]]]:
    words: st.SearchStrategy[Any] = st.one_of(WORDS, st.none()) if patch else WORDS
    optional: dict[str, st.SearchStrategy[Any]] = {"message": words, "reason": words, "image": words}
    if nested:
        optional["env"] = elements("name", patch=patch)
    if patch:
        optional["$patch"] = st.sampled_from(["delete", "delete", "replace", "other"])
    made = st.fixed_dictionaries({key: KEYS}, optional=optional)
    return st.lists(made, max_size=4, unique_by=lambda element: str(element[key]))


FINALIZERS = st.lists(KEYS, max_size=4, unique=True)


def pods(*, patch: bool) -> st.SearchStrategy[dict[str, Any]]:
    words: st.SearchStrategy[Any] = st.one_of(WORDS, st.none()) if patch else WORDS
    metadata: dict[str, st.SearchStrategy[Any]] = {"labels": st.dictionaries(KEYS, words, max_size=3), "finalizers": FINALIZERS}
    status: dict[str, st.SearchStrategy[Any]] = {
        "conditions": elements("type", patch=patch),
        "containerStatuses": elements("name", patch=patch),
        "phase": words,
    }
    spec: dict[str, st.SearchStrategy[Any]] = {
        "containers": elements("name", patch=patch, nested=True),
        "volumes": elements("name", patch=patch),
        "nodeSelector": st.dictionaries(KEYS, words, max_size=2),
    }
    if patch:
        metadata["$deleteFromPrimitiveList/finalizers"] = FINALIZERS
        metadata["$setElementOrder/finalizers"] = st.lists(KEYS, min_size=1, max_size=4)
        metadata["$patch"] = st.sampled_from(["delete", "replace"])
        status["$setElementOrder/conditions"] = st.lists(KEYS.map(lambda key: {"type": key}), min_size=1, max_size=4)
        status["$retainKeys"] = st.lists(st.sampled_from(["phase", "conditions", "containerStatuses"]), min_size=2, unique=True)
        spec["$setElementOrder/containers"] = st.lists(KEYS.map(lambda key: {"name": key}), min_size=1, max_size=4)
    return st.fixed_dictionaries(
        {},
        optional={
            "metadata": st.fixed_dictionaries({}, optional=metadata),
            "status": st.fixed_dictionaries({}, optional=status),
            "spec": st.fixed_dictionaries({}, optional=spec),
        },
    )


@settings(
    max_examples=1500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(obj=pods(patch=False), patch=pods(patch=True))
def test_as_go(kwok_oracle: GoOracle, obj: dict[str, Any], patch: dict[str, Any]) -> None:
    metadata = patch.get("metadata", {})
    assume(not ("$deleteFromPrimitiveList/finalizers" in metadata and "finalizers" in metadata))
    before = copy.deepcopy((obj, patch))
    wanted, error = kwok_oracle.ask(mode="strategic", kind="Pod", data=obj, patch=patch)
    try:
        got = apply_strategic(obj, patch, POD)
    except PatchError as refused:
        assert error, f"Go gives {wanted}; here: {refused}"
    else:
        assert not error, f"in Go: {error}; here: {got}"
        assert same(got, wanted), f"Go gives {wanted}; here: {got}"
        assert (got is obj) == same(obj, wanted)
    assert (obj, patch) == before


@pytest.mark.parametrize(
    ("obj", "patch"),
    [
        (
            {"status": {"conditions": [{"type": "Ready", "status": "False"}], "addresses": [{"type": "InternalIP", "address": "a"}]}},
            {"status": {"addresses": [{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "b"}], "phase": "Running"}},
        ),
        ({"spec": {"podCIDRs": ["a"], "taints": [{"key": "k"}]}}, {"spec": {"podCIDRs": ["b"], "taints": [{"key": "l"}]}}),
        ({"status": {"images": [{"names": ["a"]}]}}, {"status": {"images": [{"names": ["b"]}], "capacity": {"cpu": "1"}}}),
    ],
)
def test_nodes_as_go(kwok_oracle: GoOracle, obj: dict[str, Any], patch: dict[str, Any]) -> None:
    wanted, error = kwok_oracle.ask(mode="strategic", kind="Node", data=obj, patch=patch)
    assert not error
    assert apply_strategic(obj, patch, NODE) == wanted
