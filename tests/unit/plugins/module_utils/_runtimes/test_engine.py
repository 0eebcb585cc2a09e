# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What engines of containers are told, and what is read from their answers."""

from __future__ import annotations

import os
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.docker_engine import DockerEngine
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.engine import Mount, check_endpoint, container_of
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.podman_engine import PodmanEngine, demultiplexed


def inspected(**host: Any) -> dict[str, Any]:
    """A container as an engine describes it."""
    return {
        "Id": "c0ffee",
        "Name": "/kwok-sim.one.etcd",
        "Path": "/usr/local/bin/etcd",
        "Args": ["--name=x"],
        "RestartCount": 2,
        "State": {"Status": "running", "Pid": 17, "ExitCode": 0, "Error": ""},
        "Config": {"Labels": {"a": "b"}, "StopTimeout": 30},
        "HostConfig": {"Memory": 0, "RestartPolicy": {"Name": "unless-stopped"}, **host},
        "NetworkSettings": {"Networks": {"kwok-sim.one": {"IPAddress": "10.0.0.2"}}},
    }


def test_a_container() -> None:
    seen = container_of(inspected())
    assert (seen.identifier, seen.name, seen.state, seen.pid, seen.restarts, seen.stop_timeout) == (
        "c0ffee",
        "kwok-sim.one.etcd",
        "running",
        17,
        2,
        30,
    )
    assert seen.args == ("--name=x",)
    assert seen.labels == {"a": "b"}


def test_a_container_that_engines_say_little_of() -> None:
    plain = inspected()
    plain["State"] = {"Status": "created"}
    plain["Config"] = {"Labels": None}
    plain["Args"] = None
    plain["RestartCount"] = None
    seen = container_of(plain)
    assert (seen.pid, seen.args, seen.labels, seen.restarts, seen.error) == (0, (), {}, 0, "")


def test_what_can_be_edited_is_told_apart_and_what_changes_by_itself_is_not() -> None:
    before = container_of(inspected()).settings
    moved = inspected()
    moved["NetworkSettings"]["Networks"]["kwok-sim.one"]["IPAddress"] = "10.0.0.3"
    moved["State"]["Pid"] = 18
    assert container_of(moved).settings == before
    assert container_of(inspected(Memory=1 << 30)).settings != before
    assert container_of(inspected(RestartPolicy={"Name": "no"})).settings != before
    disconnected = inspected()
    disconnected["NetworkSettings"]["Networks"] = {}
    assert container_of(disconnected).settings != before


def test_mounts() -> None:
    assert Mount("/a").bind == "/a:/a:ro,z"
    assert Mount("/a", writable=True).bind == "/a:/a:rw,z"
    # What is not the cluster's keeps its label.
    assert Mount("/a", own=False).bind == "/a:/a:ro"


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("tcp://192.0.2.1:2375", "is no socket of this host"),
        ("ssh://somebody@192.0.2.1", "is no socket of this host"),
        ("unix:///nowhere/none.sock", "there is no such socket"),
        ("unix:///dev/null", "nobody listens there"),
    ],
)
@pytest.mark.parametrize("engine", [DockerEngine, PodmanEngine])
def test_an_endpoint_that_cannot_be(engine: type[DockerEngine | PodmanEngine], endpoint: str, says: str) -> None:
    with pytest.raises(SimError, match=says) as caught:
        engine(endpoint).check()
    assert caught.value.option == "runtime_endpoint"
    assert caught.value.remedy


def test_a_socket_that_answers_nothing_of_use() -> None:
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="kwok-sim-") as directory, socket.socket(socket.AF_UNIX) as server:
        path = Path(directory) / "s"
        server.bind(str(path))
        server.listen()
        assert check_endpoint("engine", f"unix://{path}", start="", permit="") == str(path)


def test_a_socket_of_somebody_else() -> None:
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="kwok-sim-") as directory, socket.socket(socket.AF_UNIX) as server:
        path = Path(directory) / "s"
        path.parent.chmod(0o755)
        server.bind(str(path))
        path.chmod(0o600 if root else 0)
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(SimError, match="this user may not use the engine at") as caught:
                check_endpoint("engine", f"unix://{path}", start="", permit="Become somebody else")
        finally:
            if root:
                os.seteuid(0)
    assert caught.value.remedy == "Become somebody else"


def test_where_docker_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere.sock")
    assert DockerEngine().endpoint == "unix:///somewhere.sock"
    assert DockerEngine("unix:///given.sock").endpoint == "unix:///given.sock"
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert DockerEngine().endpoint == "unix:///var/run/docker.sock"


def test_where_podman_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTAINER_HOST", "unix:///somewhere.sock")
    assert PodmanEngine().endpoint == "unix:///somewhere.sock"
    monkeypatch.delenv("CONTAINER_HOST")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    own = tmp_path / "podman" / "podman.sock"
    own.parent.mkdir()
    own.touch()
    assert PodmanEngine().endpoint == f"unix://{own}"


def test_both_streams_of_a_log_in_their_order() -> None:
    frames = [(1, b"one\n"), (2, b"two\n"), (1, b""), (1, b"three\n")]
    stream = b"".join(struct.pack(">BxxxI", number, len(text)) + text for number, text in frames)
    assert demultiplexed(stream) == b"one\ntwo\nthree\n"
    assert demultiplexed(b"") == b""
    assert demultiplexed(stream[:-3]) == b"one\ntwo\nthr"
