# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runtime of containers, on an engine in memory; the integration targets have it on real ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, ConfigFile, Port
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.base import Runtime
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.container import ContainerRuntime, mounts, noted_engine
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.engine import Container, ContainerSpec, Mount


class MemoryEngine:
    """Keeps what it is told."""

    name = "docker"
    endpoint = "unix:///memory.sock"

    def __init__(self) -> None:
        self.made: dict[str, Container] = {}
        self.specs: dict[str, ContainerSpec] = {}
        self.networks: dict[str, Mapping[str, str]] = {}
        self.images = {"example.org/web:1"}
        self.registry = {"example.org/web:2"}
        self.said = "a line\n"
        self.done: list[str] = []
        self.count = 0

    def check(self) -> None:
        return

    def is_rootless(self) -> bool:
        return True

    def containers(self, label: tuple[str, str] | None = None, prefix: str = "") -> list[Container]:
        every = self.made.values()
        return [item for item in every if item.name.startswith(prefix) and (label is None or item.labels.get(label[0]) == label[1])]

    def create(self, spec: ContainerSpec) -> Container:
        self.count += 1
        identifier = f"id{self.count}"
        made = Container(identifier, spec.name, dict(spec.labels), "created", 0, 0, "", 0, spec.stop_timeout, spec.args, "as made")
        self.made[identifier] = made
        self.specs[identifier] = spec
        return made

    def start(self, identifier: str) -> None:
        self.done.append(f"start {identifier}")
        self.edit(identifier, state="running", pid=17)

    def stop(self, identifier: str, timeout: int) -> None:
        self.done.append(f"stop {identifier} {timeout}")
        self.edit(identifier, state="exited", pid=0)

    def unpause(self, identifier: str) -> None:
        self.edit(identifier, state="running")

    def signal(self, identifier: str, signal: str) -> None:
        self.done.append(f"{signal} {identifier}")

    def remove(self, identifier: str) -> None:
        self.made.pop(identifier, None)

    def logs(self, identifier: str, lines: int) -> str:
        return self.said

    def network(self, name: str) -> Mapping[str, str] | None:
        return self.networks.get(name)

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        self.networks[name] = labels

    def remove_network(self, name: str) -> None:
        self.networks.pop(name, None)

    def has_image(self, reference: str) -> bool:
        return reference in self.images

    def pull_image(self, reference: str) -> None:
        if reference not in self.registry:
            raise SimError(f"docker cannot get the image {reference}: no such host")
        self.images.add(reference)

    def import_image(self, reference: str, layer: IO[bytes], changes: Iterable[str]) -> None:
        self.images.add(reference)

    def edit(self, identifier: str, **values: object) -> None:
        """As somebody does by hand."""
        self.made[identifier] = replace(self.made[identifier], **values)  # type: ignore[arg-type]


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    cluster = Layout(tmp_path, "c")
    cluster.root.mkdir(parents=True)
    return cluster


@pytest.fixture
def runtime(layout: Layout, engine: MemoryEngine) -> ContainerRuntime:
    return ContainerRuntime(layout, engine)


def web(**values: object) -> Component:
    given: dict[str, object] = {"image": "example.org/web:1", "args": ("--x",), "owner": "component", **values}
    return Component("web", **given)  # type: ignore[arg-type]


def test_it_is_a_runtime(runtime: ContainerRuntime) -> None:
    as_protocol: Runtime = runtime
    assert (as_protocol.name, as_protocol.endpoint) == ("docker", "unix:///memory.sock")


def test_lifecycle(runtime: ContainerRuntime, engine: MemoryEngine, layout: Layout) -> None:
    assert runtime.observe() == {}
    runtime.prepare()
    runtime.define(web(stop_timeout=5, ports=(Port("http", 8080),)), "digest")
    spec = engine.specs["id1"]
    assert (spec.name, spec.network, spec.alias, spec.ports) == ("kwok-sim.c.web", "kwok-sim.c", "web", (("127.0.0.1", 8080),))
    assert runtime.observe()["web"].status == "stopped"
    runtime.start("web")
    seen = runtime.observe()["web"]
    assert (seen.status, seen.pid, seen.container_id, seen.digest, seen.args) == ("running", 17, "id1", "digest", ("--x",))
    assert seen.log_path == "docker logs kwok-sim.c.web"
    runtime.signal("web", "HUP")
    runtime.stop("web")
    runtime.stop("web")
    runtime.signal("web", "HUP")
    assert engine.done == ["start id1", "HUP id1", "stop id1 5"]
    runtime.define(web(), "other")
    assert runtime.observe()["web"].container_id == "id2"
    assert (layout.logs / "web.log").read_text() == "a line\n"
    assert noted_engine(layout) == ("docker", "unix:///memory.sock")
    runtime.remove("web")
    assert runtime.observe() == {}
    assert noted_engine(layout) is None
    runtime.purge()
    assert engine.networks == {}


@pytest.mark.parametrize(
    "edit",
    [
        {"settings": "edited"},
        {"labels": {"kwok.sim/component": "web"}},
    ],
)
def test_an_edited_container_is_drift(runtime: ContainerRuntime, engine: MemoryEngine, layout: Layout, edit: dict[str, object]) -> None:
    runtime.define(web(), "digest")
    assert runtime.observe()["web"].digest == "digest"
    if "labels" in edit:
        edit = {"labels": {**engine.made["id1"].labels, "kwok.sim/digest": "another"}}
    engine.edit("id1", **edit)
    assert runtime.observe()["web"].digest != "digest"


def test_a_container_of_somebody_elses_making_is_drift(runtime: ContainerRuntime, engine: MemoryEngine) -> None:
    runtime.define(web(), "digest")
    engine.made["other"] = replace(engine.made.pop("id1"), identifier="other")
    assert runtime.observe()["web"].digest is None


def test_without_its_network_or_its_note_nothing_is_as_it_was_made(runtime: ContainerRuntime, engine: MemoryEngine, layout: Layout) -> None:
    runtime.define(web(), "digest")
    networks = dict(engine.networks)
    engine.networks.clear()
    assert runtime.observe()["web"].digest is None
    engine.networks.update(networks)
    note = layout.runtime / "containers" / "web.json"
    for text in ("", "[]", json.dumps({"id": "id1"})):
        note.write_text(text)
        assert runtime.observe()["web"].digest is None


@pytest.mark.parametrize(
    ("state", "restarts", "status", "says"),
    [
        ("running", 9, "running", ""),
        ("restarting", 1, "starting", "it ended with status 3; last output: a line"),
        ("restarting", 3, "failed", "it ended with status 3; last output: a line"),
        ("exited", 0, "stopped", ""),
        ("exited", 3, "failed", "it ended with status 3; last output: a line"),
        ("paused", 0, "failed", "it is paused"),
        ("something new", 0, "failed", "it ended with status 3; last output: a line"),
    ],
)
def test_states(runtime: ContainerRuntime, engine: MemoryEngine, state: str, restarts: int, status: str, says: str) -> None:
    runtime.define(web(), "digest")
    engine.edit("id1", state=state, restarts=restarts, exit_code=3)
    seen = runtime.observe()["web"]
    assert (seen.status, seen.message) == (status, says)


def test_a_paused_one_is_let_go_on_before_it_is_stopped(runtime: ContainerRuntime, engine: MemoryEngine) -> None:
    runtime.define(web(), "digest")
    engine.edit("id1", state="paused", pid=17)
    runtime.start("web")
    assert engine.done == ["stop id1 30", "start id1"]


@pytest.mark.parametrize("labels", [{}, {"kwok.sim/directory": "/elsewhere"}])
def test_names_that_others_have(runtime: ContainerRuntime, engine: MemoryEngine, labels: dict[str, str]) -> None:
    runtime.define(web(), "digest")
    runtime.check()
    engine.edit("id1", labels=labels)
    with pytest.raises(SimError, match=r"container kwok-sim\.c\.web already") as caught:
        runtime.check()
    assert caught.value.option == "name"
    engine.made.clear()
    engine.networks["kwok-sim.c"] = labels
    with pytest.raises(SimError, match=r"network kwok-sim\.c already"):
        runtime.check()
    # It is not ours to remove.
    runtime.purge()
    assert "kwok-sim.c" in engine.networks


def test_an_image_or_a_file_that_is_not_there(runtime: ContainerRuntime, engine: MemoryEngine) -> None:
    with pytest.raises(SimError, match=r"docker cannot get the image example\.org/none") as caught:
        runtime.provide([web(image="example.org/none")])
    assert caught.value.option == "image"
    with pytest.raises(SimError) as caught:
        runtime.provide([web(image="example.org/none", owner="cluster")])
    assert caught.value.option == "images"
    runtime.provide([web(image="example.org/web:2")])
    assert "example.org/web:2" in engine.images
    missing = ConfigFile(str(Path(engine.endpoint)) + "/none", "")
    with pytest.raises(SimError, match="which is not there"):
        runtime.define(web(files=(missing,)), "digest")
    assert engine.made == {}
    with pytest.raises(SimError, match="has no container"):
        runtime.start("web")
    assert runtime.logs("web") == ""


def test_only_what_a_component_is_told_of_is_mounted(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "c")
    users = tmp_path / "policy.yaml"
    users.touch()
    directory = layout.component("web")
    component = web(
        args=(f"--cert={layout.certificate('web')}", f"--policy={users}", "--none=/nowhere/none", f"--data={layout.root}/data", "/"),
        env=(("KEY", str(layout.key("web"))),),
        files=(ConfigFile(str(layout.config / "web.yaml"), f"ca: '{layout.certificate('ca')}'"), ConfigFile(str(directory / "a"), "")),
        writes=(str(directory),),
    )
    assert set(mounts(component, layout)) == {
        Mount(str(layout.certificate("web"))),
        Mount(str(layout.key("web"))),
        Mount(str(layout.certificate("ca"))),
        Mount(str(layout.config / "web.yaml")),
        Mount(str(users), own=False),
        Mount(str(directory), writable=True),
    }
