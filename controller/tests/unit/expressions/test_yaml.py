# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""YAML: what is read, by which reader, and within which bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.expressions.yaml import Limits, YamlError, YamlLimitError, load_yaml
from kwok_controller.expressions.yaml.plain import NOT_PLAIN, read_plain
from kwok_controller.expressions.yaml.whole import read_whole

STATUS = """
conditions:
# what templates leave behind

- lastTransitionTime: "2023-11-14T22:13:20.123456789Z"
  status: "True"
  type: Ready
  # and lines of spaces
-   type: 'Other'
    message: waiting for:x#y ...
containerStatuses:
  - name: "a\\n\\u00e9"
    restartCount: 0
    state:
      running:
        startedAt: 2023-11-14T22:13:20Z
    env: []
    limits: {}
    nothing:
- - nested
  -
    - deeper: 1.5
phase: Running
hostIP: 10.0.0.1
"""


def test_a_status_is_plain() -> None:
    text = STATUS.replace("- - nested", "lists:\n- - nested")
    assert read_plain(text, 100) == {
        "conditions": [
            {"lastTransitionTime": "2023-11-14T22:13:20.123456789Z", "status": "True", "type": "Ready"},
            {"type": "Other", "message": "waiting for:x#y ..."},
        ],
        "containerStatuses": [
            {
                "name": "a\né",
                "restartCount": 0,
                "state": {"running": {"startedAt": "2023-11-14T22:13:20Z"}},
                "env": [],
                "limits": {},
                "nothing": None,
            }
        ],
        "lists": [["nested", [{"deeper": 1.5}]]],
        "phase": "Running",
        "hostIP": "10.0.0.1",
    }
    assert read_plain(text, 100) == read_whole(text, Limits())


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null"])
def test_no_document(text: str) -> None:
    assert load_yaml(text) is None


def test_values_are_made_anew() -> None:
    text = "a: []\nb: {}\nc:\n- []\n"
    first = load_yaml(text)
    first["a"].append(1)
    first["c"][0].append(1)
    assert load_yaml(text) == {"a": [], "b": {}, "c": [[]]}


def test_whole_numbers_are_integers() -> None:
    value = load_yaml("a: 1.0\nb: 1e3\nc: 0o17\nd: 1.5\n")
    assert value == {"a": 1, "b": 1000, "c": 15, "d": 1.5}
    assert [type(value[key]) for key in "abc"] == [int, int, int]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [1", "line 2"),
        ("a: b: c\n", "line 1, column 5"),
        ("a: *x\n", "unknown anchor 'x'"),
        ("a: &x [*x]\n", "contains itself"),
        ("a: .inf\n", "JSON has no inf"),
        ("a:\n- .nan # x\n", "JSON has no nan"),
        ("? [a]\n: 1\n", "cannot be a key"),
        ("null: 1\n", "cannot be a key"),
        ("a: !!int x\n", "'x' is no int"),
        ("a: \x01\n", "control|special"),
        ('a: "\ud800"\n', "surrogate"),
    ],
)
def test_what_is_no_yaml(text: str, what: str) -> None:
    with pytest.raises(YamlError, match=what):
        load_yaml(text)


def test_size_is_bounded() -> None:
    with pytest.raises(YamlLimitError, match="1000 characters"):
        load_yaml("a: 1\n" * 500, Limits(size=1000))


@pytest.mark.parametrize("text", ["[" * 200 + "]" * 200, "- " * 200 + "a", "\n".join(" " * n + "a:" for n in range(200))])
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(YamlLimitError, match="100 deep"):
        load_yaml(text)


def test_aliases_are_bounded() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(YamlLimitError, match="500000 values"):
        load_yaml(laughs)


@given(text=st.text(st.sampled_from("ab: -\n\"'#[]{},&*!|>%@0.1~\\\t?yé"), max_size=40))
def test_where_both_readers_read_they_agree(text: str) -> None:
    def whole() -> Any:
        try:
            return read_whole(text, Limits())
        except YamlError:
            return YamlError

    plain = read_plain(text, 100)
    if plain is not NOT_PLAIN:
        assert plain == whole()
