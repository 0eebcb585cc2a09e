# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a container engine must be able to do for the runtimes of containers, and what they tell it.

Docker and podman describe a container in nearly the same words (``inspect``); what is read from these stands here, once.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

from .._errors import SimError

CLUSTER_LABEL = "kwok.sim/cluster"
DIRECTORY_LABEL = "kwok.sim/directory"
COMPONENT_LABEL = "kwok.sim/component"
DIGEST_LABEL = "kwok.sim/digest"

UNIX = "unix://"

LOG_BYTES = 50_000_000
"""After which a container's log is rotated, as that of a process is."""

LOG_FILES = 4

# What `docker update` and `podman update` edit, as both describe it.
_EDITABLE = (
    "BlkioWeight",
    "CpuPeriod",
    "CpuQuota",
    "CpuShares",
    "CpusetCpus",
    "CpusetMems",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "NanoCpus",
    "PidsLimit",
    "RestartPolicy",
)

# To connect to a socket of this host, in seconds.
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Mount:
    """A file or directory of the host, mounted at the same path in the container.

    ``own``: it is the cluster's, so that where SELinux is on, it may be given a label that containers can read.
    """

    path: str
    writable: bool = False
    own: bool = True

    @property
    def bind(self) -> str:
        """As engines take it: ``SOURCE:DESTINATION:OPTIONS``."""
        return f"{self.path}:{self.path}:{'rw' if self.writable else 'ro'}{',z' if self.own else ''}"


@dataclass(frozen=True)
class Limits:
    """What a container may use at most; 0 for no limit: bytes of memory, thousandths of a CPU, processes."""

    memory: int = 0
    milli_cpus: int = 0
    processes: int = 0


@dataclass(frozen=True)
class ContainerSpec:
    """A container that is to be made.

    Attributes:
        image: A reference that the engine knows.
        entrypoint: The program, where it is not the image's own.
        user: ``UID:GID``.
        ports: Address of the host and number; the number is the same inside.
        network: The one network it is in.
        alias: Its name there.
        stop_timeout: Seconds from SIGTERM to SIGKILL.
    """

    name: str
    image: str
    entrypoint: tuple[str, ...] | None
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    labels: Mapping[str, str]
    user: str
    mounts: tuple[Mount, ...]
    ports: tuple[tuple[str, int], ...]
    network: str
    alias: str
    stop_timeout: int
    limits: Limits = Limits()


@dataclass(frozen=True)
class Container:
    """A container as its engine describes it.

    Attributes:
        state: The engine's own word: ``created``, ``running``, ``paused``, ``restarting``, ``exited``, ``dead`` and others.
        pid: Process id on the engine's host; 0 if it does not run.
        exit_code: Of the last process.
        error: Why it could not be started.
        restarts: How often the engine has started it again.
        args: Arguments after the program.
        settings: Hash of what can be edited of a container that is there: its limits, restart policy and networks. Everything else
            is as its identifier is.
    """

    identifier: str
    name: str
    labels: Mapping[str, str]
    state: str
    pid: int
    exit_code: int
    error: str
    restarts: int
    stop_timeout: int
    args: tuple[str, ...]
    settings: str


class Engine(Protocol):
    """A container engine on this host. Every method may raise ``SimError``."""

    name: str
    endpoint: str

    def check(self) -> None:
        """Raise a SimError that names the remedy if the engine cannot be used; change nothing."""

    def is_rootless(self) -> bool:
        """Whether the root of its containers is an ordinary user of the host: the one that runs the engine."""

    def containers(self, label: tuple[str, str] | None = None, prefix: str = "") -> list[Container]:
        """Those with a label, or whose names begin with a prefix, in any state."""

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container; it does not run yet."""

    def start(self, identifier: str) -> None:
        """Start a container; one that runs is left alone."""

    def stop(self, identifier: str, timeout: int) -> None:
        """SIGTERM, and SIGKILL after ``timeout`` seconds; return when its process is gone."""

    def unpause(self, identifier: str) -> None:
        """Let a paused container go on."""

    def signal(self, identifier: str, signal: str) -> None:
        """Send a signal, by its name without ``SIG``."""

    def remove(self, identifier: str) -> None:
        """Remove a container, running or not; one that is not there is none to remove."""

    def logs(self, identifier: str, lines: int) -> str:
        """The last lines of its output."""

    def network(self, name: str) -> Mapping[str, str] | None:
        """The labels of a network; ``None`` if it is not there."""

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a network of its own, in which containers know each other by name."""

    def remove_network(self, name: str) -> None:
        """Remove a network; one that is not there is none to remove."""

    def has_image(self, reference: str) -> bool:
        """Whether an image is on this host."""

    def pull_image(self, reference: str) -> None:
        """Get an image from its registry."""

    def import_image(self, reference: str, layer: IO[bytes], changes: Iterable[str]) -> None:
        """Make an image of one layer, a tar archive; ``changes`` are instructions as in a Containerfile."""


def container_of(plain: Mapping[str, Any]) -> Container:
    """What ``inspect`` of docker and podman says of a container."""
    state, config = plain["State"], plain["Config"]
    return Container(
        identifier=plain["Id"],
        name=plain["Name"].removeprefix("/"),
        labels=config.get("Labels") or {},
        state=str(state.get("Status", "")),
        pid=int(state.get("Pid") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        error=str(state.get("Error") or ""),
        restarts=int(plain.get("RestartCount") or 0),
        stop_timeout=int(config.get("StopTimeout") or 10),
        args=tuple(plain.get("Args") or ()),
        settings=_settings(plain),
    )


def _settings(plain: Mapping[str, Any]) -> str:
    host = plain["HostConfig"]
    told = {key: host.get(key) for key in _EDITABLE}
    told["networks"] = sorted((plain.get("NetworkSettings") or {}).get("Networks") or ())
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def check_endpoint(engine: str, endpoint: str, *, start: str, permit: str) -> str:
    """The path of an engine's socket.

    Args:
        start: How the engine is started, for the remedy.
        permit: What a user without permission can do, for the remedy.

    Raises:
        SimError: It is no socket of this host, nobody listens there, or this user may not.
    """
    option = "runtime_endpoint"
    if not endpoint.startswith(UNIX):
        raise SimError(
            f"{endpoint} is no socket of this host, and a cluster's files and ports are on the host of its containers",
            option=option,
            remedy=f"Run the module on that host, as Ansible does it, or give unix:///PATH of a {engine} here",
        )
    path = endpoint.removeprefix(UNIX)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_CONNECT_SECONDS)
            probe.connect(path)
    except PermissionError:
        raise SimError(f"this user may not use the {engine} at {path}", option=option, remedy=permit) from None
    except OSError as error:
        why = {errno.ENOENT: "there is no such socket", errno.ECONNREFUSED: "nobody listens there"}.get(error.errno or 0, error.strerror)
        raise SimError(f"no {engine} answers at {path}: {why or error}", option=option, remedy=start) from None
    return path


def runtime_directory() -> str:
    """Where a user's own sockets are (XDG base directories)."""
    return os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
