# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Podman, through its own API (libpod) and the Python package podman.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from .._errors import SimError
from .engine import LOG_BYTES, UNIX, Container, ContainerSpec, check_endpoint, container_of, runtime_directory

_API_VERSION = "4.0.0"
"""Of podman's own API: what is asked here is in podman 4 and 5 alike."""

_PATIENCE = 120
_NOT_THERE = 404
_UNCHANGED = 304
_DEFAULT_SOCKET = "/run/podman/podman.sock"


class PodmanEngine:
    """The podman service at ``endpoint``. Implements ``engine.Engine``.

    Args:
        endpoint: ``unix:///PATH``; if empty, E(CONTAINER_HOST), the user's own service, or for root the host's.
    """

    name = "podman"

    def __init__(self, endpoint: str = "") -> None:
        self.endpoint = endpoint or _default_endpoint()
        self._client: Any = None
        self._rootless: bool | None = None

    def check(self) -> None:
        """Raise a SimError that names the remedy if podman cannot be used; change nothing."""
        self._json("GET", "/version", "podman does not answer")

    def is_rootless(self) -> bool:
        """Whether the root of its containers is an ordinary user of the host."""
        if self._rootless is None:
            told = self._json("GET", "/info", "podman does not say how it runs")
            self._rootless = bool(told["host"]["security"]["rootless"])
        return self._rootless

    def containers(self, label: tuple[str, str] | None = None, prefix: str = "") -> list[Container]:
        """Those with a label, or whose names begin with a prefix, in any state."""
        filters = {"label": ["=".join(label)]} if label else {"name": [prefix]}
        what = "podman cannot list its containers"
        found = []
        for item in self._json("GET", "/containers/json", what, params={"all": "true", "filters": json.dumps(filters)}) or ():
            # One that is removed meanwhile is gone.
            told = self._json("GET", f"/containers/{item['Id']}/json", what, absent=True)
            if told is not None:
                found.append(container_of(told))
        return [item for item in found if item.name.startswith(prefix)]

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container; it does not run yet."""
        resources: dict[str, Any] = {}
        if spec.limits.memory:
            resources["memory"] = {"limit": spec.limits.memory}
        if spec.limits.milli_cpus:
            # Of a period of 100 ms, in microseconds: the kernel's own default.
            resources["cpu"] = {"quota": spec.limits.milli_cpus * 100, "period": 100_000}
        if spec.limits.processes:
            resources["pids"] = {"limit": spec.limits.processes}
        wanted: dict[str, Any] = {
            "name": spec.name,
            "image": spec.image,
            "command": list(spec.args),
            "env": dict(spec.env),
            "labels": dict(spec.labels),
            "user": spec.user,
            "mounts": [
                {
                    "type": "bind",
                    "source": mount.path,
                    "destination": mount.path,
                    "options": ["rbind", "rw" if mount.writable else "ro", *(["z"] if mount.own else [])],
                }
                for mount in spec.mounts
            ]
            + [{"type": "tmpfs", "source": "tmpfs", "destination": "/tmp", "options": ["mode=1777"]}],
            "portmappings": [
                {"host_ip": address, "host_port": number, "container_port": number, "protocol": "tcp"} for address, number in spec.ports
            ],
            "netns": {"nsmode": "bridge"},
            "networks": {spec.network: {"aliases": [spec.alias]}},
            "restart_policy": "unless-stopped",
            "stop_timeout": spec.stop_timeout,
            "cap_drop": ["ALL"],
            "no_new_privileges": True,
            "read_only_filesystem": True,
            "log_configuration": {"driver": "k8s-file", "size": LOG_BYTES},
        }
        if spec.entrypoint:
            wanted["entrypoint"] = list(spec.entrypoint)
        if resources:
            wanted["resource_limits"] = resources
        what = f"podman cannot make the container {spec.name}"
        made = self._json("POST", "/containers/create", what, data=json.dumps(wanted))
        return container_of(self._json("GET", f"/containers/{made['Id']}/json", what))

    def start(self, identifier: str) -> None:
        """Start a container; one that runs is left alone."""
        self._json("POST", f"/containers/{identifier}/start", "podman cannot start the container")

    def stop(self, identifier: str, timeout: int) -> None:
        """SIGTERM, and SIGKILL after ``timeout`` seconds; return when its process is gone."""
        self._json(
            "POST",
            f"/containers/{identifier}/stop",
            "podman cannot stop the container",
            absent=True,
            params={"timeout": str(timeout)},
            timeout=_PATIENCE + timeout,
        )

    def unpause(self, identifier: str) -> None:
        """Let a paused container go on."""
        self._json("POST", f"/containers/{identifier}/unpause", "podman cannot let the container go on")

    def signal(self, identifier: str, signal: str) -> None:
        """Send a signal, by its name without ``SIG``."""
        self._json("POST", f"/containers/{identifier}/kill", "podman cannot signal the container", params={"signal": f"SIG{signal}"})

    def remove(self, identifier: str) -> None:
        """Remove a container, running or not; one that is not there is none to remove."""
        self._json(
            "DELETE",
            f"/containers/{identifier}",
            "podman cannot remove the container",
            absent=True,
            params={"force": "true", "v": "true", "timeout": "0"},
        )

    def logs(self, identifier: str, lines: int) -> str:
        """The last lines of its output."""
        answer = self._ask(
            "GET",
            f"/containers/{identifier}/logs",
            "podman does not give the container's log",
            params={"stdout": "true", "stderr": "true", "tail": str(lines)},
        )
        return demultiplexed(answer.content).decode(errors="replace")

    def network(self, name: str) -> Mapping[str, str] | None:
        """The labels of a network; ``None`` if it is not there."""
        told = self._json("GET", f"/networks/{quote(name, safe='')}/json", "podman cannot list its networks", absent=True)
        return None if told is None else dict(told.get("labels") or {})

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a network of its own, in which containers know each other by name."""
        what = f"podman cannot make the network {name}"
        wanted = {"name": name, "driver": "bridge", "dns_enabled": True, "labels": dict(labels)}
        told = self._json("POST", "/networks/create", what, data=json.dumps(wanted))
        if not told.get("dns_enabled"):
            self.remove_network(name)
            raise SimError(
                "podman's networks know no names here",
                option="runtime",
                remedy="Install netavark and aardvark-dns, and choose the network backend netavark in containers.conf",
            )

    def remove_network(self, name: str) -> None:
        """Remove a network; one that is not there is none to remove."""
        self._json("DELETE", f"/networks/{quote(name, safe='')}", f"podman cannot remove the network {name}", absent=True)

    def has_image(self, reference: str) -> bool:
        """Whether an image is on this host."""
        path = f"/images/{quote(reference, safe='')}/exists"
        return self._ask("GET", path, "podman cannot list its images", absent=True).status_code != _NOT_THERE

    def pull_image(self, reference: str) -> None:
        """Get an image from its registry."""
        what = f"podman cannot get the image {reference}"
        for line in self._ask("POST", "/images/pull", what, params={"reference": reference}).text.splitlines():
            said = json.loads(line) if line.strip() else {}
            if said.get("error"):
                raise SimError(f"{what}: {said['error']}")

    def import_image(self, reference: str, layer: IO[bytes], changes: Iterable[str]) -> None:
        """Make an image of one layer, a tar archive; ``changes`` are instructions as in a Containerfile."""
        self._json(
            "POST",
            "/images/import",
            f"podman cannot make the image {reference}",
            params={"reference": reference, "changes": list(changes)},
            data=layer,
            headers={"Content-Type": "application/x-tar"},
        )

    def _json(self, method: str, path: str, what: str, *, absent: bool = False, **options: Any) -> Any:
        """The answer of a request, decoded; ``None`` for none, and where ``absent`` is fine for what is not there."""
        answer = self._ask(method, path, what, absent=absent, **options)
        if answer.status_code == _NOT_THERE or not answer.content:
            return None
        return answer.json()

    def _ask(self, method: str, path: str, what: str, *, absent: bool = False, timeout: int = _PATIENCE, **options: Any) -> Any:
        """The answer of a request; an answer that tells of a failure becomes a SimError that begins with ``what``."""
        api = self._api
        # Comes with the package.
        import requests

        try:
            answer = getattr(api, method.lower())(path, timeout=timeout, **options)
        except (requests.exceptions.RequestException, OSError) as error:
            raise SimError(
                f"{what}: {error}", option="runtime_endpoint", remedy=f"See whether podman works at {self.endpoint}: podman info"
            ) from error
        if answer.ok or answer.status_code == _UNCHANGED or (absent and answer.status_code == _NOT_THERE):
            return answer
        said = answer.text
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = answer.json()["message"]
        raise SimError(f"{what}: {said}", remedy=_remedy(said))

    @property
    def _api(self) -> Any:
        """The package's client of podman's API."""
        if self._client is None:
            package = self._import()
            check_endpoint(
                "podman service",
                self.endpoint,
                start="Start it (systemctl --user start podman.socket, or podman system service), name its socket by runtime_endpoint, "
                "or choose another runtime",
                permit="Start one of this user's own (systemctl --user start podman.socket), or choose another runtime",
            )
            self._client = package.PodmanClient(base_url=self.endpoint, version=_API_VERSION, timeout=_PATIENCE).api
        return self._client

    @staticmethod
    def _import() -> Any:
        """The package podman; raise a SimError if it is not installed."""
        try:
            import podman
        except ImportError as error:
            raise SimError(
                f"The Python package podman is not installed for {sys.executable}",
                option="runtime",
                remedy=f"Install it with: {sys.executable} -m pip install podman",
            ) from error
        return podman


def demultiplexed(stream: bytes) -> bytes:
    """The output in an answer that carries both streams: frames of one byte for the stream, three of nothing and four for the size."""
    text = b""
    while len(stream) >= 8:
        (size,) = struct.unpack_from(">I", stream, 4)
        text += stream[8 : 8 + size]
        stream = stream[8 + size :]
    return text


def _remedy(said: str) -> str:
    if "address already in use" in said:
        return "End what uses the port, or give the component another one"
    if "rlimit" in said:
        return "Set default_ulimits in containers.conf to what this host allows (ulimit -Hn, ulimit -Hu)"
    if "cgroup" in said:
        return "Choose a cgroup_manager and a runtime in containers.conf that work on this host, or choose another runtime"
    return "See podman info, and what the service says"


def _default_endpoint() -> str:
    """Where podman's clients would look for its service."""
    asked = os.environ.get("CONTAINER_HOST")
    if asked:
        return asked
    own = Path(runtime_directory()) / "podman" / "podman.sock"
    return f"{UNIX}{_DEFAULT_SOCKET if os.geteuid() == 0 and not own.exists() else own}"
