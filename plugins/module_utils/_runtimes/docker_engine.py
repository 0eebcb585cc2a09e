# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker, through the Docker SDK for Python.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from .._errors import SimError
from .engine import LOG_BYTES, LOG_FILES, UNIX, Container, ContainerSpec, check_endpoint, container_of, runtime_directory

# For an answer of the daemon, in seconds: it imports an image of 100 MB in 0.2 s, and a minute of a busy disk is no failure.
_PATIENCE = 120
_CHUNK = 1 << 20
_DEFAULT_SOCKET = "/var/run/docker.sock"


class DockerEngine:
    """The docker daemon at ``endpoint``. Implements ``engine.Engine``.

    Args:
        endpoint: ``unix:///PATH``; if empty, as the docker client finds it: E(DOCKER_HOST), the current context, the usual sockets.
    """

    name = "docker"

    def __init__(self, endpoint: str = "") -> None:
        self.endpoint = endpoint or _default_endpoint()
        self._client: Any = None
        self._rootless: bool | None = None

    def check(self) -> None:
        """Raise a SimError that names the remedy if docker cannot be used; change nothing."""
        with self._errors("docker does not answer"):
            self._api.version()

    def is_rootless(self) -> bool:
        """Whether the root of its containers is an ordinary user of the host."""
        if self._rootless is None:
            with self._errors("docker does not say how it runs"):
                self._rootless = any("rootless" in option for option in self._api.info().get("SecurityOptions") or ())
        return self._rootless

    def containers(self, label: tuple[str, str] | None = None, prefix: str = "") -> list[Container]:
        """Those with a label, or whose names begin with a prefix, in any state."""
        found = []
        with self._errors("docker cannot list its containers"):
            filters = {"label": "=".join(label)} if label else {"name": prefix}
            for item in self._api.containers(all=True, filters=filters):
                # One that is removed meanwhile is gone.
                with contextlib.suppress(_sdk().errors.NotFound):
                    found.append(container_of(self._api.inspect_container(item["Id"])))
        return [item for item in found if item.name.startswith(prefix)]

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container; it does not run yet."""
        api = self._api
        with self._errors(f"docker cannot make the container {spec.name}"):
            host = api.create_host_config(
                binds=[mount.bind for mount in spec.mounts],
                port_bindings={number: (address, number) for address, number in spec.ports},
                restart_policy={"Name": "unless-stopped"},
                network_mode=spec.network,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                read_only=True,
                tmpfs={"/tmp": "mode=1777"},
                log_config={"Type": "json-file", "Config": {"max-size": str(LOG_BYTES), "max-file": str(LOG_FILES)}},
                mem_limit=spec.limits.memory or None,
                nano_cpus=spec.limits.milli_cpus * 1_000_000 or None,
                pids_limit=spec.limits.processes or None,
            )
            made = api.create_container(
                spec.image,
                name=spec.name,
                entrypoint=list(spec.entrypoint) if spec.entrypoint else None,
                command=list(spec.args),
                environment=dict(spec.env),
                labels=dict(spec.labels),
                user=spec.user,
                ports=[number for _address, number in spec.ports],
                stop_signal="SIGTERM",
                stop_timeout=spec.stop_timeout,
                host_config=host,
                networking_config=api.create_networking_config({spec.network: api.create_endpoint_config(aliases=[spec.alias])}),
            )
            return container_of(api.inspect_container(made["Id"]))

    def start(self, identifier: str) -> None:
        """Start a container; one that runs is left alone."""
        with self._errors("docker cannot start the container"):
            self._api.start(identifier)

    def stop(self, identifier: str, timeout: int) -> None:
        """SIGTERM, and SIGKILL after ``timeout`` seconds; return when its process is gone."""
        with self._errors("docker cannot stop the container"), contextlib.suppress(_sdk().errors.NotFound):
            self._api.stop(identifier, timeout=timeout)

    def unpause(self, identifier: str) -> None:
        """Let a paused container go on."""
        with self._errors("docker cannot let the container go on"):
            self._api.unpause(identifier)

    def signal(self, identifier: str, signal: str) -> None:
        """Send a signal, by its name without ``SIG``."""
        with self._errors("docker cannot signal the container"):
            self._api.kill(identifier, f"SIG{signal}")

    def remove(self, identifier: str) -> None:
        """Remove a container, running or not; one that is not there is none to remove."""
        with self._errors("docker cannot remove the container"), contextlib.suppress(_sdk().errors.NotFound):
            self._api.remove_container(identifier, force=True, v=True)

    def logs(self, identifier: str, lines: int) -> str:
        """The last lines of its output."""
        with self._errors("docker does not give the container's log"):
            return bytes(self._api.logs(identifier, tail=lines)).decode(errors="replace")

    def network(self, name: str) -> Mapping[str, str] | None:
        """The labels of a network; ``None`` if it is not there."""
        with self._errors("docker cannot list its networks"):
            # The filter takes a part of a name for the name.
            found = [item for item in self._api.networks(names=[name]) if item["Name"] == name]
        return dict(found[0].get("Labels") or {}) if found else None

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a network of its own, in which containers know each other by name."""
        with self._errors(f"docker cannot make the network {name}"):
            self._api.create_network(name, driver="bridge", labels=dict(labels), check_duplicate=True)

    def remove_network(self, name: str) -> None:
        """Remove a network; one that is not there is none to remove."""
        with self._errors(f"docker cannot remove the network {name}"), contextlib.suppress(_sdk().errors.NotFound):
            self._api.remove_network(name)

    def has_image(self, reference: str) -> bool:
        """Whether an image is on this host."""
        with self._errors("docker cannot list its images"):
            try:
                self._api.inspect_image(reference)
            except _sdk().errors.NotFound:
                return False
        return True

    def pull_image(self, reference: str) -> None:
        """Get an image from its registry."""
        what = f"docker cannot get the image {reference}"
        with self._errors(what):
            for line in self._api.pull(reference, stream=True, decode=True):
                if line.get("error"):
                    raise SimError(f"{what}: {line['error']}")

    def import_image(self, reference: str, layer: IO[bytes], changes: Iterable[str]) -> None:
        """Make an image of one layer, a tar archive; ``changes`` are instructions as in a Containerfile."""
        repository, _colon, tag = reference.rpartition(":")
        with self._errors(f"docker cannot make the image {reference}"):
            # The SDK says that it sends chunks, which requests does of a generator alone.
            chunks = iter(lambda: layer.read(_CHUNK), b"")
            self._api.import_image_from_stream(chunks, repository=repository, tag=tag, changes=list(changes))

    @property
    def _api(self) -> Any:
        """The SDK's client of the daemon's API."""
        if self._client is None:
            check_endpoint(
                "docker daemon",
                self.endpoint,
                start="Start it (systemctl start docker), name its socket by runtime_endpoint, or choose another runtime",
                permit="Become a member of the group docker and log in anew, use rootless docker, or choose another runtime",
            )
            with self._errors(f"docker does not answer at {self.endpoint}"):
                self._client = _sdk().APIClient(base_url=self.endpoint, version="auto", timeout=_PATIENCE)
        return self._client

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Turn the SDK's errors into ours; ``what`` begins them."""
        sdk = _sdk()
        # Comes with the SDK.
        import requests

        try:
            yield
        except sdk.errors.NotFound as error:
            raise SimError(f"{what}: {error.explanation or error}") from error
        except sdk.errors.APIError as error:
            raise SimError(f"{what}: {error.explanation or error}", remedy=_remedy(str(error.explanation))) from error
        except (sdk.errors.DockerException, requests.exceptions.RequestException) as error:
            raise SimError(
                f"{what}: {error}", option="runtime_endpoint", remedy=f"See whether docker works at {self.endpoint}: docker info"
            ) from error


def _remedy(said: str) -> str:
    if "port is already allocated" in said or "address already in use" in said:
        return "End what uses the port, or give the component another one"
    if "cgroup" in said:
        return "See how the host's control groups are set up (docker info), or choose another runtime"
    return "See docker info and the daemon's log"


def _sdk() -> Any:
    """The Docker SDK; raise a SimError if it is not installed."""
    try:
        import docker
    except ImportError as error:
        raise SimError(
            f"The Python package docker is not installed for {sys.executable}",
            option="runtime",
            remedy=f"Install it with: {sys.executable} -m pip install docker",
        ) from error
    return docker


def _default_endpoint() -> str:
    """Where the docker client would look for its daemon."""
    asked = os.environ.get("DOCKER_HOST")
    if asked:
        return asked
    with contextlib.suppress(ImportError, OSError, ValueError):
        from docker.context import ContextAPI

        context = ContextAPI.get_current_context()
        if context is not None and context.name != "default" and context.Host:
            return str(context.Host)
    own = Path(runtime_directory()) / "docker.sock"
    return f"{UNIX}{own if own.exists() and not Path(_DEFAULT_SOCKET).exists() else _DEFAULT_SOCKET}"
