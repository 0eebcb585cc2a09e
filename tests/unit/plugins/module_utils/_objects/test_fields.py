# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing live objects with wanted ones, and the patch from one to the other."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import (
    RECORD_ANNOTATION,
    difference,
    has_list,
    merge,
    paths,
    record_of,
    recorded_in,
    without_nulls,
)


def recorded(own: dict[str, Any]) -> dict[str, Any]:
    """A wanted object with its record."""
    metadata = {"name": "a", **own.get("metadata", {})}
    metadata["annotations"] = {**metadata.get("annotations", {}), RECORD_ANNOTATION: record_of(own)}
    return {"apiVersion": "v1", "kind": "K", **own, "metadata": metadata}


def stored(wanted: dict[str, Any], **added: Any) -> dict[str, Any]:
    """The object as a server lists it: without its type."""
    live = copy.deepcopy(without_nulls(wanted))
    del live["apiVersion"], live["kind"]
    return merge(live, added)


def spec_patch(live: Any, wanted: Any, before: Any = None) -> Any:
    """The patch of ``spec``, where an earlier run wanted ``before``."""
    old = recorded({"spec": {"x": before if before is not None else wanted}})
    found = {**stored(old), "spec": {} if live is None else {"x": live}}
    return difference(found, recorded({"spec": {"x": wanted} if wanted is not Ellipsis else {}})).get("spec", {}).get("x", "same")


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1, "defaulted": True}, {"a": 1}),
        (None, None),
        (None, {}),
        (None, []),
        (None, ""),
        (None, False),
        (None, {"a": {"b": None}}),
        ({"a": 1}, {"b": None}),
        (["a", "b"], ["a", "b"]),
        ({"limits": {"cpu": "100m"}}, {"limits": {"cpu": 0.1}}),
        ({"sizeLimit": "1Gi"}, {"sizeLimit": "1024Mi"}),
        # Others' items stay, whatever the order.
        ([{"name": "b"}, {"name": "a", "pull": "Always"}], [{"name": "a"}]),
        ([{"key": "not-ready", "effect": "NoSchedule"}, {"key": "k", "effect": "NoSchedule"}], [{"key": "k", "effect": "NoSchedule"}]),
        ([{"op": "Exists"}, {"op": "Equal", "seconds": 300}], [{"op": "Equal"}]),
        ([{"type": "InternalIP", "address": "a"}, {"type": "InternalIP", "address": "b"}], [{"type": "InternalIP", "address": "b"}]),
    ],
)
def test_as_wanted(live: Any, wanted: Any) -> None:
    assert spec_patch(live, wanted) == "same"


@pytest.mark.parametrize(
    ("live", "wanted", "patch"),
    [
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 1}, {"a": 1, "b": None}, {"b": None}),
        ({"a": True}, {"a": 1}, {"a": 1}),
        ({"a": "1"}, {"a": 1}, {"a": 1}),
        ("1000m", "1", "1"),
        (None, {"a": 1, "b": None}, {"a": 1}),
        (["a"], ["a", "b"], ["a", "b"]),
        (["b", "a"], ["a", "b"], ["a", "b"]),
        ([{"name": "a", "image": "1", "pull": "x"}, {"name": "b"}], [{"name": "a", "image": "2"}], None),
        ([{"op": "Exists"}], [{"op": "Equal"}], [{"op": "Equal"}]),
    ],
)
def test_not_as_wanted(live: Any, wanted: Any, patch: Any) -> None:
    expected = [{"name": "a", "image": "2", "pull": "x"}, {"name": "b"}] if patch is None else patch
    assert spec_patch(live, wanted) == expected


@pytest.mark.parametrize(
    ("live", "before", "wanted", "patch"),
    [
        # Wanted no more: goes, with what the server has put into it; the unrecorded stays.
        ({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"probe": {"get": {"port": 1, "scheme": "HTTP"}, "period": 10}}, {"probe": {"get": {"port": 1}}}, {}, {"probe": None}),
        ({"nodeSelector": {"ours": "1", "theirs": "2"}}, {"nodeSelector": {"ours": "1"}}, {}, {"nodeSelector": {"ours": None}}),
        ({"nodeSelector": {"ours": "1"}}, {"nodeSelector": {"ours": "1"}}, {}, {"nodeSelector": None}),
        ({"nodeSelector": {"theirs": "1"}}, {"nodeSelector": {"ours": "1"}}, {}, "same"),
        ([{"name": "a"}, {"name": "b"}, {"name": "c"}], [{"name": "a"}, {"name": "b"}], [{"name": "a"}], [{"name": "a"}, {"name": "c"}]),
        ([{"name": "a", "x": 1, "y": 2}], [{"name": "a", "x": 1}], [{"name": "a"}], [{"name": "a", "y": 2}]),
        ([{"name": "a"}, {"name": "c"}], [{"name": "a"}], [], [{"name": "c"}]),
        ([{"op": "A"}, {"op": "B"}], [{"op": "A"}, {"op": "B"}], [{"op": "A"}], [{"op": "A"}]),
        (
            [{"type": "InternalIP", "address": "a"}],
            [{"type": "InternalIP", "address": "a"}],
            [{"type": "InternalIP", "address": "b"}, {"type": "InternalIP", "address": "c"}],
            [{"type": "InternalIP", "address": "b"}, {"type": "InternalIP", "address": "c"}],
        ),
    ],
)
def test_what_is_wanted_no_more(live: Any, before: Any, wanted: Any, patch: Any) -> None:
    assert spec_patch(live, wanted, before) == patch


def test_a_whole_field_that_is_wanted_no_more() -> None:
    taints = [{"key": "k", "effect": "NoSchedule"}]
    others = [{"key": "not-ready", "effect": "NoSchedule"}]
    live = {**stored(recorded({"spec": {"taints": taints}})), "spec": {"taints": others + taints}}
    assert difference(live, recorded({}))["spec"] == {"taints": others}
    live["spec"]["taints"] = taints
    assert difference(live, recorded({}))["spec"] == {"taints": None}
    live["spec"] = {"taints": others}
    assert "spec" not in difference(live, recorded({}))


def test_finalizers_are_sets() -> None:
    first = recorded({"metadata": {"finalizers": ["example.org/a", "example.org/b"]}})
    live = stored(first)
    live["metadata"]["finalizers"] = ["other/x", "example.org/b", "example.org/a"]
    assert difference(live, first) == {}
    second = recorded({"metadata": {"finalizers": ["example.org/a", "example.org/c"]}})
    assert difference(live, second)["metadata"]["finalizers"] == ["other/x", "example.org/a", "example.org/c"]


def test_a_label_and_a_type() -> None:
    wanted = recorded({"metadata": {"labels": {"team": "a"}}})
    live = stored(wanted, metadata={"labels": {"theirs": "x"}})
    assert difference(live, wanted) == {}
    live["metadata"]["labels"]["team"] = "b"
    assert difference(live, wanted) == {"metadata": {"labels": {"team": "a"}}}
    del live["metadata"]["labels"]
    assert difference(live, wanted) == {"metadata": {"labels": {"team": "a"}}}


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "7"])
def test_a_damaged_record_is_none(text: str) -> None:
    wanted = recorded({"spec": {"a": 1}})
    live = stored(wanted, metadata={"annotations": {RECORD_ANNOTATION: text}})
    assert recorded_in(live) == {}
    assert difference(live, wanted) == {"metadata": {"annotations": {RECORD_ANNOTATION: record_of({"spec": {"a": 1}})}}}


def test_the_record_holds_names_and_no_values() -> None:
    own = {"spec": {"secret": "value", "items": [{"name": "a", "v": "value"}, {"name": "b"}], "args": ["value"]}, "kind": "K"}
    assert json.loads(record_of(own)) == {"spec": {"secret": 1, "items": {"#name": {"a": {"v": 1}, "b": {}}}, "args": 1}}


def test_paths() -> None:
    patch = {"metadata": {"annotations": {RECORD_ANNOTATION: "x"}, "labels": {"a/b": "1"}}, "spec": {"taints": []}}
    assert paths(patch) == ["metadata.labels.a/b", "spec.taints"]
    assert paths({"a": {"b": {"c": {"d": {"e": 1}}}}}) == ["a.b.c.d"]


def test_has_list() -> None:
    assert has_list({"a": {"b": [1]}})
    assert not has_list({"a": {"b": None}, "c": "d"})


_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", "1"])
_NAMED = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcd")}, optional={"x": _SCALARS, "y": st.dictionaries(st.sampled_from("pq"), _SCALARS)}
    ),
    unique_by=lambda item: str(item["name"]),
    max_size=4,
)
_VALUES = st.recursive(
    _SCALARS | st.lists(st.sampled_from(["a", "b", "c"]), max_size=3) | _NAMED,
    lambda inner: st.dictionaries(st.sampled_from(["k", "l", "m", "labels", "limits"]), inner, max_size=3),
    max_leaves=8,
)
_SPECS = st.fixed_dictionaries({"spec": st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES, max_size=3)})


@example(before={"spec": {"b": {"k": False}}}, now={"spec": {}}, others={"spec": {"a": None, "b": []}})
@given(_SPECS, _SPECS, _SPECS)
def test_once_patched_nothing_differs(before: dict[str, Any], now: dict[str, Any], others: dict[str, Any]) -> None:
    live = merge(stored(recorded(before)), copy.deepcopy(without_nulls(others)))
    wanted = recorded(now)
    untouched = copy.deepcopy((live, wanted))
    patched = merge(live, difference(live, wanted))
    assert (live, wanted) == untouched
    assert difference(patched, wanted) == {}


@given(_SPECS, _SPECS)
def test_from_one_template_to_another_nothing_of_the_first_is_left(before: dict[str, Any], now: dict[str, Any]) -> None:
    live = stored(recorded(before))
    patched = merge(live, difference(live, recorded(now)))
    assert set(patched["spec"]) <= set(now["spec"])
