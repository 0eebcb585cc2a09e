# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of kwok_scale to objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import RECORD_ANNOTATION
from ansible_collections.kwok.sim.plugins.module_utils._objects.object_sets import SET_LABEL, ObjectSet, parse_set

SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap"}


def set_with(template: Any = None, **options: Any) -> ObjectSet:
    given = {"count": 1, "name_format": None, "namespaces": [], "cycle": {}, "template_option": "template", **options}
    return parse_set(given.pop("name", "web"), SETTINGS if template is None else template, **given)


def test_an_object() -> None:
    (item,) = set_with({**SETTINGS, "metadata": {"labels": {"team": "$(SET)"}}, "data": {"n": "$(INDEX)"}}).objects()
    record = item["metadata"]["annotations"].pop(RECORD_ANNOTATION)
    assert item == {
        **SETTINGS,
        "metadata": {"name": "web-0", "labels": {"team": "web", SET_LABEL: "web"}, "annotations": {}},
        "data": {"n": "0"},
    }
    assert json.loads(record) == {"data": {"n": 1}, "metadata": {"labels": {"team": 1}}}


def test_namespaces_and_cycles() -> None:
    template = {**SETTINGS, "data": {"size": "$(size)", "where": "$(NAMESPACE)/$(NAME)"}}
    made = list(set_with(template, count=2, namespaces=["a", "b"], name_format="w%02d", cycle={"size": [1, 2, 3]}).objects())
    assert [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in made] == [
        ("a", "w00"),
        ("a", "w01"),
        ("b", "w00"),
        ("b", "w01"),
    ]
    assert [item["data"] for item in made] == [
        {"size": 1, "where": "a/w00"},
        {"size": 2, "where": "a/w01"},
        {"size": 3, "where": "b/w00"},
        {"size": 1, "where": "b/w01"},
    ]


def test_a_secret_is_as_the_server_keeps_it() -> None:
    template = {"apiVersion": "v1", "kind": "Secret", "stringData": {"user": "u$(INDEX)"}, "data": {"x": "eA=="}}
    (item,) = set_with(template).objects()
    assert item["data"] == {"x": "eA==", "user": "dTA="}
    assert "stringData" not in item
    assert json.loads(item["metadata"]["annotations"][RECORD_ANNOTATION]) == {"data": {"user": 1, "x": 1}}


@pytest.mark.parametrize(
    ("options", "option", "message"),
    [
        ({"name": ""}, "name", "it is empty"),
        ({"name": "no name"}, "name", "cannot be a label's value"),
        ({"count": -1}, "count", "it is -1"),
        ({"count": 2, "name_format": "same"}, "name_format", "the same name"),
        ({"namespaces": ["a", "a"]}, "namespaces", "is there twice"),
        ({"cycle": {"NAME": ["x"]}}, "cycle", "cannot be the name"),
        ({"cycle": {"a-b": ["x"]}}, "cycle", "cannot be the name"),
        ({"cycle": {"a": []}}, "cycle", "a is no list"),
        ({"cycle": {"a": "x"}}, "cycle", "a is no list"),
        ({"template": []}, "template", "it is no object"),
        ({"template": {"kind": "ConfigMap"}}, "template", "it has no apiVersion"),
        ({"template": {"apiVersion": "v1", "kind": "$(kind)"}, "cycle": {"kind": ["A"]}}, "template", "its kind holds a reference"),
        ({"template": {**SETTINGS, "metadata": {"name": "x"}}}, "template", "it has metadata.name"),
        ({"template": {**SETTINGS, "metadata": {"namespace": "x"}}}, "template", "it has metadata.namespace"),
        ({"template": {**SETTINGS, "metadata": []}}, "template", "its metadata is no map"),
        ({"template": {**SETTINGS, "metadata": {"labels": ["a"]}}}, "template", "its metadata.labels is no map"),
        ({"template": {**SETTINGS, "data": {"x": "$(Y)"}}}, "template", r"\$\(Y\) is not known"),
    ],
)
def test_bad_options(options: dict[str, Any], option: str, message: str) -> None:
    with pytest.raises(SimError, match=message) as caught:
        set_with(**options)
    assert caught.value.option == option
    assert caught.value.remedy
