# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small apiserver in memory, over real connections: enough of the API's rules to test its clients with.

Like the real one it numbers every write, refuses stale ones, keeps nodes' status on creation and drops that of other objects, and sends
what changes to those that watch.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import merge

RESOURCES = {
    "/api/v1": [
        {"name": "nodes", "kind": "Node", "namespaced": False},
        {"name": "nodes/status", "kind": "Node", "namespaced": False},
        {"name": "pods", "kind": "Pod", "namespaced": True},
        {"name": "pods/binding", "kind": "Binding", "namespaced": True},
        {"name": "pods/status", "kind": "Pod", "namespaced": True},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
    ],
    "/apis/apps/v1": [{"name": "deployments", "kind": "Deployment", "namespaced": True}],
}


class Apiserver(ThreadingHTTPServer):
    """The server.

    Attributes:
        stored: Path of each object to the object.
        requests: Method and path of each request, in the order in which they came.
        faults: Answers to the next requests, in place of their own: a status with headers, or ``None`` to hang up. Each may name the
            method it is for.
        finalized: Objects that are deleted only stay, marked, as if they had finalizers or a grace period.
        immutable: The field of ``spec`` that must not change.
        unknown: Resources that it does not have after all.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stored: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: list[tuple[str, int | None, dict[str, str]]] = []
        self.finalized = False
        self.immutable = "fixed"
        self.unknown: set[str] = set()
        self.version = 100
        self.events: list[tuple[int, str, str, dict[str, Any]]] = []
        self.oldest_event = 0
        self.changed = threading.Condition()

    def count(self, method: str) -> int:
        """How many requests of a method came."""
        return sum(each == method for each, _path in self.requests)

    def put(self, path: str, item: dict[str, Any]) -> dict[str, Any]:
        """Store an object as it is, and tell those that watch."""
        with self.changed:
            self.version += 1
            old = self.stored.get(path)
            metadata = {"uid": f"u{self.version}", **((old or {}).get("metadata") or {}), **item["metadata"]}
            new = {**item, "metadata": {**metadata, "resourceVersion": str(self.version)}}
            self.stored[path] = new
            self.events.append((self.version, "ADDED" if old is None else "MODIFIED", path, new))
            self.changed.notify_all()
            return new

    def remove(self, path: str) -> None:
        """Remove an object, and tell those that watch."""
        with self.changed:
            self.version += 1
            item = self.stored.pop(path)
            gone = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
            self.events.append((self.version, "DELETED", path, gone))
            self.changed.notify_all()

    def forget(self) -> None:
        """Forget all events: who watches from an older version must begin anew."""
        with self.changed:
            self.oldest_event = self.version
            self.events.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Apiserver

    def do_GET(self) -> None:
        if self._begin("GET"):
            return
        server = self.server
        if self.path_ in RESOURCES:
            self._answer(200, {"resources": RESOURCES[self.path_]})
        elif "watch" in self.query:
            self._watch()
        elif self.path_ in server.stored:
            self._answer(200, server.stored[self.path_])
        elif self._is_collection():
            self._list()
        else:
            self._refuse(404, "NotFound", f"{self.path_} not found")

    def do_POST(self) -> None:
        if self._begin("POST"):
            return
        server, item = self.server, self.body
        namespace = self.path_.split("/namespaces/")[1].split("/")[0] if "/namespaces/" in self.path_ else None
        path = f"{self.path_}/{item['metadata']['name']}"
        if namespace == "missing":
            self._refuse(404, "NotFound", 'namespaces "missing" not found')
        elif item.get("spec", {}).get("invalid"):
            self._refuse(422, "Invalid", "spec.invalid: Invalid value")
        elif item.get("spec", {}).get("forbidden") and "dryRun" not in self.query:
            self._refuse(403, "Forbidden", "exceeded quota")
        elif path in server.stored:
            self._refuse(409, "AlreadyExists", f'"{item["metadata"]["name"]}" already exists')
        elif "dryRun" in self.query:
            self._answer(201, item)
        else:
            kept = item if self.path_.endswith("/nodes") else {key: value for key, value in item.items() if key != "status"}
            self._answer(201, server.put(path, kept))

    def do_PATCH(self) -> None:
        if self._begin("PATCH"):
            return
        server, patch = self.server, self.body
        path = self.path_.removesuffix("/status")
        found = server.stored.get(path)
        if found is None:
            self._refuse(404, "NotFound", "not found")
            return
        guard = {key: patch["metadata"].pop(key, None) for key in ("uid", "resourceVersion")}
        if any(value is not None and value != found["metadata"][key] for key, value in guard.items()):
            self._refuse(409, "Conflict", "the object has been modified")
            return
        if self.path_.endswith("/status"):
            patch = {"status": patch["status"]}
        elif not path.startswith("/api/v1/namespaces") or "/configmaps/" not in path:
            patch.pop("status", None)
        new = merge(found, patch)
        if new.get("spec", {}).get(server.immutable) != found.get("spec", {}).get(server.immutable):
            self._refuse(422, "Invalid", f"spec.{server.immutable}: field is immutable")
        elif new == found or "dryRun" in self.query:
            self._answer(200, new)
        else:
            self._answer(200, server.put(path, new))

    def do_DELETE(self) -> None:
        if self._begin("DELETE"):
            return
        server, found = self.server, self.server.stored.get(self.path_)
        uid = self.body.get("preconditions", {}).get("uid")
        if found is None:
            self._refuse(404, "NotFound", "not found")
        elif uid not in (None, found["metadata"]["uid"]):
            self._refuse(409, "Conflict", "the UID in the precondition does not match")
        else:
            if "dryRun" not in self.body:
                if server.finalized and self.body.get("gracePeriodSeconds") != 0:
                    server.put(self.path_, merge(found, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))
                else:
                    server.remove(self.path_)
            self._answer(200, {"kind": "Status", "status": "Success"})

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _begin(self, method: str) -> bool:
        """Read the request; whether it has been answered by a fault."""
        url = urlsplit(self.path)
        self.path_ = url.path
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self.body: Any = json.loads(self.rfile.read(length)) if length else {}
        server = self.server
        with server.changed:
            server.requests.append((method, self.path_))
            index = next((index for index, fault in enumerate(server.faults) if fault[0] in ("", method)), None)
            fault = server.faults.pop(index) if index is not None else None
        if fault is None:
            return False
        if fault[1] is None:
            self.close_connection = True
            return True
        self._answer(fault[1], {"kind": "Status", "reason": "Fault", "message": "in trouble."}, fault[2])
        return True

    def _is_collection(self) -> bool:
        known = {entry["name"] for entries in RESOURCES.values() for entry in entries} | {"stages"}
        return self.path_.rsplit("/", 1)[-1] in known - self.server.unknown

    def _matching(self) -> list[dict[str, Any]]:
        return [item for path, item in sorted(self.server.stored.items()) if self._matches(path, item)]

    def _matches(self, path: str, item: dict[str, Any]) -> bool:
        root, plural = self.path_.rsplit("/", 1)
        parent, kind = path.rsplit("/", 2)[0], path.rsplit("/", 2)[1]
        name, _equals, value = self.query.get("labelSelector", "").partition("=")
        labels = item["metadata"].get("labels") or {}
        wanted = not name or (labels.get(name) == value if _equals else name in labels)
        return kind == plural and parent.startswith(root) and wanted

    def _list(self) -> None:
        with self.server.changed:
            items, version = self._matching(), str(self.server.version)
        begin, limit = int(self.query.get("continue", 0)), int(self.query.get("limit", 500))
        page = [{key: value for key, value in item.items() if key not in ("apiVersion", "kind")} for item in items[begin : begin + limit]]
        if "PartialObjectMetadata" in self.headers["Accept"]:
            page = [{"metadata": item["metadata"]} for item in page]
        metadata = {"resourceVersion": version}
        if begin + limit < len(items):
            metadata["continue"] = str(begin + limit)
        self._answer(200, {"items": page, "metadata": metadata})

    def _watch(self) -> None:
        server, since = self.server, int(self.query["resourceVersion"])
        if since < server.oldest_event:
            self._refuse(410, "Expired", "too old resource version")
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError), server.changed:
            self._chunk({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(since)}}})
            while True:
                for version, kind, path, item in list(server.events):
                    if version > since and self._matches(path, item):
                        self._chunk({"type": kind, "object": item})
                    since = max(since, version)
                if not server.changed.wait(timeout=float(self.query["timeoutSeconds"])):
                    break
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, event: dict[str, Any]) -> None:
        line = json.dumps(event).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _refuse(self, status: int, reason: str, message: str) -> None:
        self._answer(status, {"kind": "Status", "reason": reason, "message": message})

    def _answer(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def serving() -> Iterator[Apiserver]:
    """A server that runs for the block."""
    server = Apiserver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_kubeconfig(path: Path, port: int) -> Path:
    """A kubeconfig for the server, without credentials."""
    content = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
