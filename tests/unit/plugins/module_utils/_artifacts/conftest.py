# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release site on loopback, executables made of a header and padding, and resolutions in processes of their own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import Platform

_MACHINES = {"amd64": (62, 2, 1), "arm64": (183, 2, 1), "ppc64le": (21, 2, 1), "s390x": (22, 2, 2), "riscv64": (243, 2, 1)}


def make_elf(arch: str | None = None, size: int = 4096, kind: int = 2) -> bytes:
    """A file of ``size`` bytes with the ELF header of an executable for Linux; ``arch``: this machine's if None."""
    machine, width, order = _MACHINES[arch or Platform.host().arch]
    start = b"\x7fELF" + bytes([width, order, 1, 0]) + bytes(8)
    header = start + struct.pack(("<" if order == 1 else ">") + "HHI", kind, machine, 1)
    return (header + bytes(range(251)) * (size // 251 + 1))[:size]


@dataclass
class File:
    """What the site sends.

    Attributes:
        cut: Only so many bytes of the body, for the first ``cuts`` requests.
        fails: HTTP 503 for the first so many requests.
        wait: Seconds between the two halves of the body.
        length: Say the length.
        redirect: Send there instead.
    """

    body: bytes
    cut: int | None = None
    cuts: int = 1000
    fails: int = 0
    wait: float = 0.0
    length: bool = True
    redirect: str | None = None


@dataclass
class Site:
    """A release site: files by path, and how often each was asked for."""

    url: str = ""
    files: dict[str, File] = field(default_factory=dict)
    gets: Counter[str] = field(default_factory=Counter)
    halfway: threading.Event = field(default_factory=threading.Event)

    def publish(self, path: str, body: bytes, *, checksum: str | None = "right", **how: Any) -> File:
        """Publish a file with its checksum beside it, as dl.k8s.io does."""
        self.files[path] = File(body, **how)
        if checksum is not None:
            digest = hashlib.sha256(body if checksum == "right" else b"something else").hexdigest()
            self.files[f"{path}.sha256"] = File(digest.encode())
        return self.files[path]

    def publish_kubernetes(self, name: str, version: str, body: bytes, platform: str | None = None, **how: Any) -> File:
        system, arch = (platform or str(Platform.host())).split("-")
        return self.publish(f"/{version}/bin/{system}/{arch}/{name}", body, **how)

    def publish_etcd(self, version: str, members: dict[str, bytes], platform: str | None = None) -> None:
        """Publish an archive with its checksum in SHA256SUMS, as etcd's releases do."""
        platform = platform or str(Platform.host())
        stem = f"etcd-{version}-{platform}"
        buffer = io.BytesIO()
        if platform.startswith("darwin"):
            suffix = ".zip"
            with zipfile.ZipFile(buffer, "w") as bundle:
                for name, body in members.items():
                    bundle.writestr(f"{stem}/{name}", body)
        else:
            suffix = ".tar.gz"
            with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
                for name, body in members.items():
                    entry = tarfile.TarInfo(f"{stem}/{name}")
                    entry.size = len(body)
                    tar.addfile(entry, io.BytesIO(body))
        self.files[f"/{version}/{stem}{suffix}"] = File(buffer.getvalue())
        sums = f"{'0' * 64}  etcd-{version}-plan9-mips.tar.gz\n{hashlib.sha256(buffer.getvalue()).hexdigest()}  {stem}{suffix}\n"
        self.files[f"/{version}/SHA256SUMS"] = File(sums.encode())


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty release site."""
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            made.gets[self.path] += 1
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            self.close_connection = True
            file = made.files.get(self.path)
            if file is None or file.fails > 0:
                if file is not None:
                    file.fails -= 1
                self.send_response(404 if file is None else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if file.redirect is not None:
                self.send_response(302)
                self.send_header("Location", file.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            if file.length:
                self.send_header("Content-Length", str(len(file.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if not body:
                return
            sent = file.body
            if file.cut is not None and file.cuts > 0:
                file.cuts -= 1
                sent = file.body[: file.cut]
            half = len(sent) // 2
            try:
                self.wfile.write(sent[:half])
                self.wfile.flush()
                if file.wait:
                    made.halfway.set()
                    time.sleep(file.wait)
                self.wfile.write(sent[half:])
            except OSError:
                pass  # the client was killed

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def elf() -> Callable[..., bytes]:
    return make_elf


_SCRIPT = """
import json, resource, sys
sys.path[:0] = json.loads(sys.argv[1])
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import ArtifactRequest
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.resolve import resolve
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
wanted = json.loads(sys.argv[2])
limit = wanted.pop("file_size_limit", None)
if limit is not None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
wanted["sources"] = tuple(wanted["sources"])
try:
    print(json.dumps(resolve(ArtifactRequest(**wanted), progress=lambda text: print(text, file=sys.stderr, flush=True)).as_dict()))
except SimError as error:
    print(json.dumps({"error": str(error), "option": error.option}))
"""


@pytest.fixture
def start_resolution() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a resolution in a process of its own; it prints its result as JSON."""
    started: list[subprocess.Popen[str]] = []

    def start(**wanted: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _SCRIPT, json.dumps(sys.path), json.dumps(wanted)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


_FAKE_GO = """#!/bin/sh
# Answers what the code under test asks of the go command.
case "$1 $2" in
"env GOVERSION") echo "${FAKE_GO_VERSION:-go1.99.0}"; echo local ;;
"list -m")
  case "$*" in
  *-versions*prometheus*) echo '{"Path": "m", "Versions": ["v0.55.1", "v0.305.0", "v0.313.5", "v0.314.0-rc.0", "v2.5.0+incompatible"]}' ;;
  *-versions*) echo '{"Path": "m", "Versions": ["v1.0.0", "v1.36.2", "v1.36.3", "v1.37.0-rc.1"]}' ;;
  *@v1.36.3|*@v3.6.5|*@v0.313.5) printf '{"GoMod": "%s", "GoVersion": "1.26.0"}' "$FAKE_GOMOD" ;;
  *) echo "go: ${FAKE_LIST_ERROR:-404 Not Found}" >&2; exit 1 ;;
  esac ;;
"build "*)
  env > "$FAKE_LOG"; printf '%s\\n' "$@" >> "$FAKE_LOG"; cat go.mod >> "$FAKE_LOG"
  echo "go: downloading example.com/m v1.0.0" >&2
  echo "example.com/m/p" >&2
  if [ -n "$FAKE_BUILD_SLEEP" ]; then exec sleep "$FAKE_BUILD_SLEEP"; fi
  if [ -n "$FAKE_BUILD_ERROR" ]; then echo "$FAKE_BUILD_ERROR" >&2; exit 1; fi
  while [ "$1" != -o ]; do shift; done
  cp "$FAKE_RESULT" "$2"; chmod 755 "$2" ;;
esac
"""


@pytest.fixture
def fake_go(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH begins with a go command that builds whatever FAKE_RESULT holds."""
    directory = tmp_path / "fake-go"
    directory.mkdir()
    go = directory / "go"
    go.write_text(_FAKE_GO)
    go.chmod(0o755)
    (directory / "result").write_bytes(make_elf())
    (directory / "go.mod").write_text(
        "module k8s.io/kubernetes\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/api v0.0.0\n\tk8s.io/utils v0.0.0-2026 // c\n)\n"
    )
    return {
        **os.environ,
        "PATH": f"{directory}:{os.environ['PATH']}",
        "FAKE_GOMOD": str(directory / "go.mod"),
        "FAKE_LOG": str(directory / "log"),
        "FAKE_RESULT": str(directory / "result"),
    }
