# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Diffs that people can read."""

from __future__ import annotations

import yaml

from ansible_collections.kwok.sim.plugins.module_utils._cluster.diff import as_diff
from ansible_collections.kwok.sim.plugins.module_utils._cluster.plan import Change


def test_nothing() -> None:
    assert as_diff([]) == {"before": "", "after": ""}


def test_each_argument_is_a_line_of_its_own() -> None:
    long = "--feature-gates=" + ",".join(f"Gate{index}=true" for index in range(100))
    change = Change("update", "component", "kube-apiserver", "x", {"args": ["--a", "--v=2"]}, {"args": ["--a", long]})
    diff = as_diff([change])
    before, after = diff["before"].splitlines(), diff["after"].splitlines()
    assert [line for line in before if line not in after] == ["  - --v=2"]
    assert [line for line in after if line not in before] == [f"  - {long}"]


def test_files_are_shown_line_by_line() -> None:
    text = "a: 1\nb: ü\n"
    change = Change("update", "component", "web", "x", {"files": {"/c/web.yaml": text}}, {"files": {"/c/web.yaml": text + "c: 3\n"}})
    diff = as_diff([change])
    assert "b: ü" in diff["before"]
    assert [line.strip() for line in diff["after"].splitlines() if line not in diff["before"].splitlines()] == ["c: 3"]
    assert yaml.safe_load(diff["after"])["component web"]["files"]["/c/web.yaml"] == text + "c: 3\n"


def test_what_is_new_stands_after_and_what_goes_stands_before() -> None:
    diff = as_diff(
        [
            Change("create", "certificate", "ca", "is missing", None, {"subject": "CN=ca"}),
            Change("remove", "component", "web", "is no longer wanted", {"args": []}, None),
        ]
    )
    assert yaml.safe_load(diff["before"]) == {"component web": {"args": []}}
    assert yaml.safe_load(diff["after"]) == {"certificate ca": {"subject": "CN=ca"}}


def test_the_order_is_that_of_the_plan() -> None:
    names = ["store", "api", "web", "a"]
    diff = as_diff(Change("create", "component", name, "x", None, {"args": []}) for name in names)
    assert list(yaml.safe_load(diff["after"])) == [f"component {name}" for name in names]
