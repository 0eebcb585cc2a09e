# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one language of the collection: what runs in a cluster, as frozen values.

A Component says *what* runs; a runtime (``_runtimes``) knows *how*. Nothing here does I/O.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Executable:
    """A program on the host.

    Attributes:
        path: Absolute path.
        fingerprint: Changes whenever the file does: ``"<size>:<mtime in ns>"``, as make and rsync compare files;
            hashing the 350 MB of a control plane would take longer than the whole unchanged run.
    """

    path: str
    fingerprint: str


@dataclass(frozen=True)
class Port:
    """A TCP port that a component listens on, at ``host``."""

    name: str
    number: int
    host: str = "127.0.0.1"


@dataclass(frozen=True)
class ConfigFile:
    """A file that a component reads: absolute path, text, permission bits.

    ``sensitive`` keeps the text out of diffs, logs and the record. ``reloaded``: a running component reads it again when it is told to.
    """

    path: str
    content: str
    mode: int = 0o600
    sensitive: bool = False
    reloaded: bool = False


@dataclass(frozen=True)
class Endpoint:
    """An HTTP(S) endpoint of a component: its readiness probe, or its metrics.

    ``ca_file`` verifies the server; ``cert_file`` and ``key_file`` identify the client, where it must be identified.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @property
    def url(self) -> str:
        """The endpoint as a URL; IPv6 hosts in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


@dataclass(frozen=True)
class Component:
    """One program of a cluster.

    Attributes:
        name: DNS label, unique in the cluster.
        version: What it reports as its version, for people; empty where unknown.
        executable: The program, for runtimes that run processes.
        image: The image, for runtimes that run containers.
        args: Arguments after the program's name.
        env: Environment in addition to the runtime's own, as sorted pairs.
        files: Files it reads.
        ports: Ports it listens on.
        depends_on: Names of components that must be ready first.
        readiness: Where it says that it is ready; ``None``: ready as soon as it runs.
        metrics: Where Prometheus can scrape it.
        certificates: Names of the certificates and key pairs it reads: it is restarted when one is renewed.
        stop_timeout: Seconds from SIGTERM to SIGKILL.
        writes: Directories that it writes to, which a container must be given; everything else it only reads.
        reload_signal: Name of the signal upon which it reads its ``reloaded`` files again, such as ``HUP``; ``None``: it never does.
        owner: ``cluster`` for the control plane, ``component`` for what ``kwok_component`` joined.
    """

    name: str
    version: str = ""
    executable: Executable | None = None
    image: str | None = None
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[ConfigFile, ...] = ()
    ports: tuple[Port, ...] = ()
    depends_on: tuple[str, ...] = ()
    readiness: Endpoint | None = None
    metrics: Endpoint | None = None
    certificates: tuple[str, ...] = ()
    stop_timeout: int = 30
    writes: tuple[str, ...] = ()
    reload_signal: str | None = None
    owner: Literal["cluster", "component"] = "cluster"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the record, for diffs and for return values; texts of sensitive files become their hash."""
        plain = asdict(self)
        plain["env"] = dict(self.env)
        # Follows from the arguments, which are compared.
        del plain["writes"]
        for item in plain["files"]:
            if item["sensitive"]:
                item["content"] = "sha256:" + text_sha256(item["content"])
            item["mode"] = f"{item['mode']:04o}"
            # Records of earlier versions do not have it: what is as it was must look so.
            if not item["reloaded"]:
                del item["reloaded"]
        return plain

    def digest(self, fingerprints: Mapping[str, str]) -> str:
        """What the running process depends on, as one hash: two equal digests need no restart.

        Args:
            fingerprints: Certificate name to fingerprint, for at least ``self.certificates``.
        """
        plain = self.as_dict()
        for name in ("readiness", "metrics", "depends_on", "ports", "version", "stop_timeout", "reload_signal", "owner"):
            del plain[name]
        plain["files"] = [item for item in plain["files"] if not item.get("reloaded")]
        plain["certificates"] = {name: fingerprints.get(name, "") for name in self.certificates}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


Status = Literal["running", "starting", "stopped", "failed", "absent"]


@dataclass(frozen=True)
class ObservedComponent:
    """What a runtime sees of one component.

    Attributes:
        status: ``failed``: it ended by itself and is not being restarted; ``absent``: the runtime does not know it.
        pid: Process id on this host; of a container, that of its first process.
        container_id: For runtimes that run containers.
        digest: Of the Component that the running process (or else the stored definition) was made from; ``None`` if it
            cannot be told, which counts as drift.
        args: The running process's arguments as they are, after the program's name; ``None`` if they cannot be told.
        log_path: Where its output goes, or the command that shows it.
        message: What the runtime says of it, for people.
    """

    name: str
    status: Status
    pid: int | None = None
    container_id: str | None = None
    digest: str | None = None
    args: tuple[str, ...] | None = None
    log_path: str = ""
    message: str = ""


@dataclass(frozen=True)
class ObservedFile:
    """A file as it stands on disk: its content's SHA-256 (hex) and its permission bits."""

    sha256: str
    mode: int


def text_sha256(text: str) -> str:
    """SHA-256 of a text's UTF-8, hex."""
    return hashlib.sha256(text.encode()).hexdigest()
