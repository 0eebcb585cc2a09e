# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server-side apply, against a small stand-in of an apiserver; the integration target kwok_component does it against a real one."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster import kubeconfig
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._kube.apply import apply_objects, delete_objects

GROUP = "/apis/rbac.authorization.k8s.io/v1"
DISCOVERY = {
    "/version": {"major": "1", "minor": "36"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [
            {
                "name": "rbac.authorization.k8s.io",
                "versions": [{"groupVersion": "rbac.authorization.k8s.io/v1", "version": "v1"}],
                "preferredVersion": {"groupVersion": "rbac.authorization.k8s.io/v1", "version": "v1"},
            }
        ],
    },
    GROUP: {
        "kind": "APIResourceList",
        "groupVersion": "rbac.authorization.k8s.io/v1",
        "resources": [
            {
                "name": "clusterroles",
                "singularName": "",
                "namespaced": False,
                "kind": "ClusterRole",
                "verbs": ["create", "delete", "get", "patch"],
            }
        ],
    },
}


class _Apiserver(BaseHTTPRequestHandler):
    """Keeps what is applied, and counts a new resourceVersion where that differs from what it has."""

    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, {"kind": "Status", "status": "Failure", "message": message, "code": status})

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path in DISCOVERY:
            self._answer(200, DISCOVERY[path])
        elif path in self.server.stored:  # type: ignore[attr-defined]
            self._answer(200, self.server.stored[path])  # type: ignore[attr-defined]
        else:
            self._refuse(404, "not found")

    def do_PATCH(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        server.applied.append((self.headers["Content-Type"], query))
        if wanted.get("rules") == "wrong":
            self._refuse(422, ".rules: expected list")
            return
        old = server.stored.get(url.path)
        if old is not None and old["rules"] == wanted["rules"]:
            self._answer(200, old)
            return
        server.version += 1
        metadata = {**wanted["metadata"], "uid": "u", "managedFields": [{"manager": "m", "time": server.version}]}
        new = {**wanted, "metadata": {**metadata, "resourceVersion": str(server.version)}}
        if "dryRun" not in query:
            server.stored[url.path] = new
        self._answer(201 if old is None else 200, new)

    def do_DELETE(self) -> None:
        self.server.stored.pop(urlsplit(self.path).path)  # type: ignore[attr-defined]
        self._answer(200, {"kind": "Status", "status": "Success"})

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def apiserver() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Apiserver)
    server.daemon_threads = True
    server.stored, server.applied, server.version = {}, [], 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def connection(directory: Path, port: int) -> Path:
    path = directory / "kubeconfig.yaml"
    names = kubeconfig.Names("c", "c", "c")
    for name in ("ca", "cert", "key"):
        (directory / name).touch()
    path.write_text(
        kubeconfig.render(
            names, f"http://127.0.0.1:{port}", authority=directory / "ca", certificate=directory / "cert", key=directory / "key"
        )
    )
    return path


@pytest.fixture
def path(apiserver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Without such a proxy nothing here would answer.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return connection(tmp_path, apiserver.server_address[1])


def role(*verbs: str, name: str = "kwok-sim:a") -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}],
    }


def changed(path: Path, *objects: dict[str, Any], dry_run: bool = False) -> list[bool]:
    return [item.changed for item in apply_objects(path, objects, field_manager="kwok.sim", dry_run=dry_run)]


def test_create_repeat_modify(path: Path, apiserver: Any) -> None:
    assert changed(path, role("get"), dry_run=True) == [True]
    assert not apiserver.stored
    assert changed(path, role("get")) == [True]
    assert changed(path, role("get")) == [False]
    assert changed(path, role("get"), dry_run=True) == [False]
    assert changed(path, role("list"), role("get", name="kwok-sim:b"), dry_run=True) == [True, True]
    assert changed(path, role("list"), role("get", name="kwok-sim:b")) == [True, True]
    assert changed(path, role("list"), role("get", name="kwok-sim:b")) == [False, False]


def test_requests_are_forced_server_side_applies(path: Path, apiserver: Any) -> None:
    changed(path, role("get"))
    changed(path, role("get"), dry_run=True)
    (kind, real), (_kind, dry) = apiserver.applied
    assert kind == "application/apply-patch+yaml"
    assert real["fieldManager"] == ["kwok.sim"]
    assert real["force"][0].lower() == "true"
    assert "dryRun" not in real and dry["dryRun"] == ["All"]


def test_before_and_after_are_for_people(path: Path) -> None:
    apply_objects(path, [role("get")], field_manager="kwok.sim")
    (item,) = apply_objects(path, [role("list")], field_manager="kwok.sim")
    assert (item.before, item.after) == (role("get"), role("list"))
    assert (item.kind, item.name, item.namespace) == ("ClusterRole", "kwok-sim:a", None)


def test_delete(path: Path, apiserver: Any) -> None:
    changed(path, role("get"))
    assert [item.changed for item in delete_objects(path, [role("get")], dry_run=True)] == [True]
    assert apiserver.stored
    (item,) = delete_objects(path, [role("get")])
    assert (item.changed, item.before, item.after) == (True, role("get"), None)
    assert not apiserver.stored
    assert [item.changed for item in delete_objects(path, [role("get")])] == [False]


def test_nothing_to_do_needs_no_server(tmp_path: Path) -> None:
    assert apply_objects(tmp_path / "missing", [], field_manager="x") == []
    assert delete_objects(tmp_path / "missing", []) == []


def test_refusals(path: Path) -> None:
    with pytest.raises(SimError, match=r"the apiserver refuses: \.rules: expected list") as caught:
        apply_objects(path, [{**role(), "rules": "wrong"}], field_manager="x")
    assert caught.value.details == {"status": 422}
    with pytest.raises(SimError, match="does not know such objects"):
        apply_objects(path, [{**role(), "kind": "Nothing"}], field_manager="x")


def test_no_server(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(SimError, match=r"the apiserver cannot be reached: .*refused"):
        changed(connection(tmp_path, port), role("get"))


def test_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="cannot be used"):
        changed(tmp_path / "missing", role("get"))


def test_nothing_is_left_in_the_temporary_directory(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    changed(path, role("get"))
    assert list(temporary.iterdir()) == []
