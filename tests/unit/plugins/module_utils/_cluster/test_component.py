# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a component another one, and what of it is told to people."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import (
    Component,
    ConfigFile,
    Endpoint,
    Executable,
    Port,
    text_sha256,
)

SECRET = "t0p-secret"
COMPONENT = Component(
    name="web",
    version="v1",
    executable=Executable("/opt/web", "1:2"),
    args=("--a", "--b"),
    env=(("A", "1"),),
    files=(ConfigFile("/c/web.yaml", "a: 1"), ConfigFile("/c/token", SECRET, 0o400, sensitive=True)),
    ports=(Port("http", 80),),
    depends_on=("etcd",),
    readiness=Endpoint("http", "127.0.0.1", 80, "/ready"),
    metrics=Endpoint("http", "127.0.0.1", 80, "/metrics"),
    certificates=("ca", "web"),
)
PRINTS = {"ca": "1", "web": "2", "other": "3"}


@pytest.mark.parametrize(
    "change",
    [
        {"executable": Executable("/opt/web", "1:3")},
        {"executable": Executable("/opt/web2", "1:2")},
        {"image": "web:2"},
        {"args": ("--b", "--a")},
        {"args": ("--a", "--b", "--b")},
        {"env": (("A", "2"),)},
        {"files": (ConfigFile("/c/web.yaml", "a: 2"), COMPONENT.files[1])},
        {"files": (ConfigFile("/c/web.yaml", "a: 1", 0o644), COMPONENT.files[1])},
        {"files": (COMPONENT.files[0], ConfigFile("/c/token", "another", 0o400, sensitive=True))},
        {"files": ()},
        {"certificates": ("ca",)},
    ],
)
def test_what_a_process_depends_on_changes_its_digest(change: dict[str, Any]) -> None:
    assert replace(COMPONENT, **change).digest(PRINTS) != COMPONENT.digest(PRINTS)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "v2"},
        {"readiness": None},
        {"metrics": None},
        {"depends_on": ()},
        {"ports": ()},
        {"stop_timeout": 1},
        {"reload_signal": "HUP"},
        {"owner": "component"},
    ],
)
def test_what_only_we_use_does_not(change: dict[str, Any]) -> None:
    assert replace(COMPONENT, **change).digest(PRINTS) == COMPONENT.digest(PRINTS)


def test_a_renewed_certificate_changes_the_digest_of_its_readers_only() -> None:
    assert COMPONENT.digest({**PRINTS, "web": "9"}) != COMPONENT.digest(PRINTS)
    assert COMPONENT.digest({**PRINTS, "other": "9"}) == COMPONENT.digest(PRINTS)
    assert COMPONENT.digest({"ca": "1"}) != COMPONENT.digest(PRINTS)


def test_files_that_it_reads_again_do_not_change_the_digest() -> None:
    files = tuple(replace(item, reloaded=True) for item in COMPONENT.files)
    reloading = replace(COMPONENT, files=files)
    assert reloading.digest(PRINTS) != COMPONENT.digest(PRINTS)
    assert replace(reloading, files=(replace(files[0], content="a: 2"), *files[1:])).digest(PRINTS) == reloading.digest(PRINTS)
    assert replace(reloading, files=files[1:]).digest(PRINTS) == reloading.digest(PRINTS)


def test_what_reads_nothing_again_is_as_earlier_versions_recorded_it() -> None:
    assert all("reloaded" not in item for item in COMPONENT.as_dict()["files"])
    reloading = replace(COMPONENT, files=(replace(COMPONENT.files[0], reloaded=True),))
    assert [item["reloaded"] for item in reloading.as_dict()["files"]] == [True]


def test_sensitive_text_is_told_to_nobody() -> None:
    plain = COMPONENT.as_dict()
    assert SECRET not in json.dumps(plain)
    assert [item["content"] for item in plain["files"]] == ["a: 1", f"sha256:{text_sha256(SECRET)}"]
    assert [item["mode"] for item in plain["files"]] == ["0600", "0400"]


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (Endpoint("http", "127.0.0.1", 80, "/x"), "http://127.0.0.1:80/x"),
        (Endpoint("https", "::1", 443, "/"), "https://[::1]:443/"),
    ],
)
def test_urls(endpoint: Endpoint, url: str) -> None:
    assert endpoint.url == url
