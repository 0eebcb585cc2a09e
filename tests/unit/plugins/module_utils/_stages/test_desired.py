# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._stages.desired import API_VERSION, wanted_stages


def stage(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"resourceRef": {"kind": "Pod"}, **spec}}


def test_stages_are_whole_and_in_the_order_of_their_names() -> None:
    wanted = wanted_stages([("b", stage("two")), ("a", stage("one", weight=3))])
    assert [each["metadata"]["name"] for each in wanted] == ["one", "two"]
    assert {(each["apiVersion"], each["kind"]) for each in wanted} == {(API_VERSION, "Stage")}
    assert wanted[0]["spec"] == {"resourceRef": {"kind": "Pod"}, "weight": 3}


def test_what_a_server_added_is_left_out() -> None:
    given = {
        **stage("one"),
        "metadata": {"name": "one", "labels": {"a": "b"}, "uid": "7", "resourceVersion": "9", "managedFields": []},
        "status": {"conditions": []},
    }
    assert wanted_stages([("x", given)]) == [
        {"apiVersion": API_VERSION, "kind": "Stage", "metadata": {"name": "one", "labels": {"a": "b"}}, "spec": given["spec"]}
    ]


def test_the_same_stage_twice_is_one() -> None:
    assert len(wanted_stages([("a", stage("one")), ("b", stage("one"))])) == 1


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([("the set a", stage("one")), ("the set b", stage("one", weight=1))], "Stage one is given twice, by the set a and by the set b"),
        ([("stages[0]", {"spec": {}})], "stages[0] has no metadata.name"),
        ([("stages[0]", {"metadata": {"name": ""}})], "stages[0] has no metadata.name"),
        ([("x.yaml", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}})], "x.yaml is a Pod of v1"),
    ],
)
def test_what_is_wrong_is_named_with_its_source(sources: list[tuple[str, dict[str, Any]]], message: str) -> None:
    with pytest.raises(SimError) as caught:
        wanted_stages(sources)
    assert message in str(caught.value)
