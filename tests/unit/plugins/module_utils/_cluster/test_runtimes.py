# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runtime a cluster has: the one that is asked for, the one that it has, or the first that works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record
from ansible_collections.kwok.sim.plugins.module_utils._cluster.runtimes import RUNTIMES, choose, runtime_of, without_record
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import CLUSTER_ARGUMENTS, RUNTIME_ORDER, refuse_in_place
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import spec_of

NOWHERE = "unix:///nowhere/none.sock"


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    monkeypatch.setenv("CONTAINER_HOST", NOWHERE)
    # Short: supervisor's socket is below it.
    return Layout(Path("/tmp/c"), "c")


def record_of(runtime: str, endpoint: str = "") -> Record:
    return Record("c", runtime=runtime, spec=spec_of(name="c", runtime=runtime, runtime_endpoint=endpoint or None).as_dict())


def test_every_choice_is_a_runtime() -> None:
    assert set(CLUSTER_ARGUMENTS["runtime"]["choices"]) == {*RUNTIMES, "auto"}
    assert set(RUNTIME_ORDER) == set(RUNTIMES)


def test_the_first_that_works_and_why_the_others_do_not(layout: Layout) -> None:
    choice = choose(layout, spec_of(runtime="auto"), None)
    assert (choice.spec.runtime, choice.spec.runtime_endpoint) == ("binary", "")
    assert "docker: no docker daemon answers at /nowhere/none.sock" in choice.reason
    assert "podman: no podman service answers at /nowhere/none.sock" in choice.reason


def test_none_that_works(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    with pytest.raises(SimError, match=r"no runtime works here; docker: .*; podman: .*; binary: ") as caught:
        choose(Layout(Path("/" + "x" * 200), "c"), spec_of(runtime="auto"), None)
    assert caught.value.option == "runtime"


def test_a_cluster_keeps_what_it_has(layout: Layout) -> None:
    record = record_of("podman", "unix:///one.sock")
    for asked in (spec_of(runtime="auto"), spec_of(runtime="podman")):
        choice = choose(layout, asked, record)
        assert (choice.spec.runtime, choice.spec.runtime_endpoint, choice.reason) == ("podman", "unix:///one.sock", "")
    assert runtime_of(layout, record).endpoint == "unix:///one.sock"


def test_what_a_cluster_cannot_take_in_place(layout: Layout) -> None:
    record = record_of("podman", "unix:///one.sock")
    before = spec_of(runtime="podman", runtime_endpoint="unix:///one.sock")
    for option, asked in (
        ("runtime", spec_of(runtime="docker")),
        ("runtime", spec_of()),
        ("runtime_endpoint", spec_of(runtime="podman", runtime_endpoint="/two.sock")),
    ):
        refusal = refuse_in_place(before, choose(layout, asked, record).spec)
        assert refusal is not None
        assert refusal.option == option
    assert refuse_in_place(before, choose(layout, spec_of(runtime="auto"), record).spec) is None


@pytest.mark.parametrize("runtime", ["binary", "auto"])
def test_an_endpoint_of_nobody(runtime: str) -> None:
    with pytest.raises(SimError, match=f"is of no use to the runtime {runtime}") as caught:
        spec_of(runtime=runtime, runtime_endpoint=NOWHERE)
    assert caught.value.option == "runtime_endpoint"


def test_without_a_record_notes_tell_the_engine_or_else_the_user(layout: Layout, tmp_path: Path) -> None:
    layout = Layout(tmp_path, "c")
    assert [item.name for item in without_record(layout, "binary", "")] == ["binary"]
    assert [item.name for item in without_record(layout, "auto", "")] == ["binary"]
    assert [(item.name, item.endpoint) for item in without_record(layout, "docker", "unix:///one.sock")] == [
        ("binary", ""),
        ("docker", "unix:///one.sock"),
    ]
    notes = layout.runtime / "containers"
    notes.mkdir(parents=True)
    (notes / "a.json").write_text("damaged")
    (notes / "etcd.json").write_text(json.dumps({"runtime": "podman", "endpoint": "unix:///two.sock"}))
    assert [(item.name, item.endpoint) for item in without_record(layout, "docker", "")] == [("binary", ""), ("podman", "unix:///two.sock")]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"images": {"etcd": "etcd:1"}}, "are of no use to the runtime binary"),
        ({"runtime": "docker", "images": {"etcdctl": "etcd:1"}}, "unknown component 'etcdctl'"),
        ({"runtime": "docker", "images": {"etcd": ""}}, "etcd: '' is no name of an image"),
        ({"runtime": "docker", "images": {"etcd": "a b"}}, "is no name of an image"),
        ({"runtime": "docker", "images": {"etcd": 1}}, "is no name of an image"),
    ],
)
def test_images_that_cannot_be(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SimError, match=says) as caught:
        spec_of(**given)
    assert caught.value.option == "images"


def test_images_are_for_containers(layout: Layout) -> None:
    asked = spec_of(runtime="auto", images={"etcd": "example.org/etcd:v1@sha256:00"})
    assert choose(layout, asked, None).spec.of_images == {}
    assert choose(layout, asked, record_of("docker")).spec.of_images == {"etcd": "example.org/etcd:v1@sha256:00"}
