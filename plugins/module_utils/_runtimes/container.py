# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runtimes of containers: a network for a cluster, and a container for each component, on an engine (docker, podman).

The engine keeps the containers; labels say whose they are and what they were made from. Below the cluster's directory,
``runtime/containers/NAME.json`` notes which container was made and what the engine said of it then: one that was edited by hand, or
made by somebody else, shows as different.

A component has the same paths and port numbers as on the host: what it reads is mounted at its own path, and its ports are published
under their own numbers. It listens on all addresses of its container, and others of the cluster know it by its name.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._cluster.component import Component, ObservedComponent, Status
from .._cluster.layout import Layout
from .._errors import SimError
from .._files import make_directory, write_atomically
from . import images
from .engine import (
    CLUSTER_LABEL,
    COMPONENT_LABEL,
    DIGEST_LABEL,
    DIRECTORY_LABEL,
    Container,
    ContainerSpec,
    Engine,
    Limits,
    Mount,
)

PREFIX = "kwok-sim"

# How often an engine starts a container again before it counts as failed: docker waits 0.1, 0.2, 0.4 ... s in between.
_RESTARTS_TOLERATED = 3
# Lines that are kept of a container's log when it makes way for another.
_KEPT_LINES = 2000

_STATUS: Mapping[str, Status] = {
    "configured": "stopped",
    "created": "stopped",
    "dead": "failed",
    "exited": "stopped",
    "initialized": "stopped",
    "paused": "failed",
    "removing": "stopped",
    "restarting": "starting",
    "running": "running",
    "stopped": "stopped",
    "stopping": "stopped",
}


class ContainerRuntime:
    """Runs the components of one cluster as containers. Implements ``base.Runtime``.

    Callers see to it that no two of them change a cluster at once.

    Args:
        layout: Where the cluster's files are.
        engine: What runs the containers.
    """

    def __init__(self, layout: Layout, engine: Engine) -> None:
        self.name = engine.name
        self.endpoint = engine.endpoint
        self._layout = layout
        self._engine = engine
        # The same directory must have the same name in the label, whichever way it was reached.
        self._directory = os.path.realpath(layout.root)
        self._network = f"{PREFIX}.{layout.name}"
        self._images: dict[str, images.ExecutableImage] = {}
        self._has_network = False

    def check(self) -> None:
        """Raise a SimError that names the remedy if the engine cannot be used or others have our names; change nothing."""
        self._engine.check()
        for item in self._engine.containers(prefix=f"{self._network}."):
            self._check_ours(f"container {item.name}", item.labels)
        labels = self._engine.network(self._network)
        if labels is not None:
            self._check_ours(f"network {self._network}", labels)

    def observe(self) -> Mapping[str, ObservedComponent]:
        """Every component that has a container, by name; change nothing."""
        found = self._containers()
        networked = bool(found) and self._engine.network(self._network) is not None
        return {name: self._observed(name, found[name], networked) for name in sorted(found)}

    def provide(self, components: Iterable[Component]) -> None:
        """Make or get the images of these components, unless they are there."""
        for component in components:
            self._image(component)

    def define(self, component: Component, digest: str) -> None:
        """Make the component's container, in the place of an older one; it does not run yet."""
        spec = self._spec(component, digest)
        for mount in spec.mounts:
            if not Path(mount.path).exists():
                raise SimError(
                    f"Component {component.name} reads {mount.path}, which is not there",
                    option="extra_args" if component.owner == "cluster" else "args",
                    remedy="Correct the path or restore the file",
                )
        self._ensure_network()
        self._discard(component.name)
        made = self._engine.create(spec)
        make_directory(self._layout.runtime)
        note = {"runtime": self.name, "endpoint": self.endpoint, "id": made.identifier, "settings": made.settings}
        write_atomically(self._note(component.name), json.dumps(note) + "\n")

    def prepare(self) -> None:
        """Make the network that containers need, unless it is there."""
        self._ensure_network()

    def start(self, name: str) -> None:
        """Start a component's container and return as soon as its process exists."""
        container = self._containers().get(name)
        if container is None:
            raise SimError(f"Component {name} has no container {self._container_name(name)}", remedy="Run kwok.sim.kwok_cluster again")
        if container.state == "running":
            return
        if container.state in ("paused", "restarting"):
            self.stop(name)
        self._ensure_network()
        self._engine.start(container.identifier)

    def stop(self, name: str) -> None:
        """Stop a component and return when its process is gone; its container stays."""
        container = self._containers().get(name)
        if container is None:
            return
        if container.state == "paused":
            self._engine.unpause(container.identifier)
        if container.state in ("paused", "restarting", "running", "stopping"):
            self._engine.stop(container.identifier, container.stop_timeout)

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, by its name without ``SIG``, to the process of a component; one that does not run is left alone."""
        container = self._containers().get(name)
        if container is not None and container.state == "running":
            self._engine.signal(container.identifier, signal)

    def remove(self, name: str) -> None:
        """Stop a component and remove its container; its last output stays in the cluster's directory of logs."""
        self.stop(name)
        self._discard(name)
        self._note(name).unlink(missing_ok=True)

    def logs(self, name: str, lines: int = 30) -> str:
        """The last lines of the component's output; empty if there is none."""
        container = self._containers().get(name)
        return "" if container is None else self._engine.logs(container.identifier, lines)

    def log_path(self, name: str) -> str:
        """The command that shows the component's output: the engine keeps it."""
        return f"{self.name} logs {self._container_name(name)}"

    def shutdown(self) -> None:
        """Stop all containers of the cluster, in whatever state things are."""
        for name in self._containers():
            self.stop(name)

    def purge(self) -> None:
        """Remove all containers and the network of the cluster; images that were made of executables stay for others."""
        for name, container in self._containers().items():
            self.stop(name)
            self._engine.remove(container.identifier)
        labels = self._engine.network(self._network)
        if labels is not None and labels.get(DIRECTORY_LABEL) == self._directory:
            self._engine.remove_network(self._network)
        self._has_network = False

    def _container_name(self, name: str) -> str:
        # A full stop is in no DNS label: no two clusters and components make the same name.
        return f"{self._network}.{name}"

    def _note(self, name: str) -> Path:
        """What was made of a component."""
        return _notes(self._layout) / f"{name}.json"

    def _check_ours(self, what: str, labels: Mapping[str, str]) -> None:
        directory = labels.get(DIRECTORY_LABEL)
        if directory == self._directory:
            return
        whose = f"belongs to the cluster in {directory}" if directory else "is not of kwok.sim"
        raise SimError(
            f"{self.name} has a {what} already, which {whose}",
            option="name",
            remedy="Choose another name for the cluster, or remove the other by the means that it was made with",
        )

    def _containers(self) -> dict[str, Container]:
        """The containers of the cluster, by component."""
        found = self._engine.containers(label=(DIRECTORY_LABEL, self._directory))
        return {item.labels[COMPONENT_LABEL]: item for item in found if COMPONENT_LABEL in item.labels}

    def _observed(self, name: str, container: Container, networked: bool) -> ObservedComponent:
        status: Status = _STATUS.get(container.state, "failed")
        message = container.error
        if container.state == "paused":
            message = "it is paused"
        elif container.state != "running" and container.restarts >= _RESTARTS_TOLERATED:
            status = "failed"
        if status in ("failed", "starting") and not message:
            last = self._engine.logs(container.identifier, 1).strip()
            message = f"it ended with status {container.exit_code}" + (f"; last output: {last}" if last else "")
        made = networked and self._is_as_made(name, container)
        return ObservedComponent(
            name=name,
            status=status,
            pid=container.pid or None,
            container_id=container.identifier,
            digest=container.labels.get(DIGEST_LABEL) if made else None,
            args=container.args,
            log_path=self.log_path(name),
            message=message,
        )

    def _is_as_made(self, name: str, container: Container) -> bool:
        """Whether the container is the one that was made here, and nobody has edited it."""
        try:
            note = json.loads(self._note(name).read_text())
            return bool(note["id"] == container.identifier and note["settings"] == container.settings)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _discard(self, name: str) -> None:
        """Remove a component's container, whoever made it; the end of its output is kept."""
        container = self._containers().get(name)
        if container is None:
            return
        said = self._engine.logs(container.identifier, _KEPT_LINES)
        if said:
            make_directory(self._layout.logs)
            write_atomically(self._layout.logs / f"{name}.log", said)
        self._engine.remove(container.identifier)

    def _ensure_network(self) -> None:
        if not self._has_network and self._engine.network(self._network) is None:
            self._engine.create_network(self._network, {CLUSTER_LABEL: self._layout.name, DIRECTORY_LABEL: self._directory})
        self._has_network = True

    def _image(self, component: Component) -> str:
        """The reference of a component's image, which is on this host afterwards."""
        if component.image is not None:
            if not self._engine.has_image(component.image):
                try:
                    self._engine.pull_image(component.image)
                except SimError as error:
                    raise SimError(
                        error.message,
                        option="image" if component.owner == "component" else "images",
                        remedy=f"Correct its name, make its registry reachable, or bring it here: {self.name} load --input ARCHIVE",
                    ) from error
            return component.image
        key = f"{component.name}:{component.executable}"
        if key not in self._images:
            image = images.image_of(component)
            if not self._engine.has_image(image.reference):
                with images.layer(image.program) as stream:
                    self._engine.import_image(image.reference, stream, image.changes)
            self._images[key] = image
        return self._images[key].reference

    def _spec(self, component: Component, digest: str) -> ContainerSpec:
        return ContainerSpec(
            name=self._container_name(component.name),
            image=self._image(component),
            # A control plane's images start something else that starts it, or nothing.
            entrypoint=(component.name,) if component.image is not None and component.owner == "cluster" else None,
            args=component.args,
            env=component.env,
            labels={
                CLUSTER_LABEL: self._layout.name,
                DIRECTORY_LABEL: self._directory,
                COMPONENT_LABEL: component.name,
                DIGEST_LABEL: digest,
            },
            user="0:0" if self._engine.is_rootless() else f"{os.geteuid()}:{os.getegid()}",
            mounts=mounts(component, self._layout),
            ports=tuple((port.host, port.number) for port in component.ports),
            network=self._network,
            alias=component.name,
            stop_timeout=component.stop_timeout,
            limits=Limits(),
        )


def _notes(layout: Layout) -> Path:
    return layout.runtime / "containers"


def noted_engine(layout: Layout) -> tuple[str, str] | None:
    """The engine of a cluster and its endpoint, as the notes of its containers say; ``None`` if there are none."""
    for path in sorted(_notes(layout).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(path.read_text())
            return str(note["runtime"]), str(note["endpoint"])
    return None


def mounts(component: Component, layout: Layout) -> tuple[Mount, ...]:
    """What a component is given of the host's files: those it is told of, and nothing else.

    These are the directories it writes to, its own files, the certificates and keys that its arguments, environment and files name, and
    files of the user's that its arguments name.
    """
    own = str(layout.root)
    found = {path: Mount(path, writable=True) for path in component.writes}

    def add(path: str, *, own: bool) -> None:
        if path not in found and not any(path.startswith(f"{other}/") for other in component.writes):
            found[path] = Mount(path, own=own)

    for file in component.files:
        add(file.path, own=True)
    texts = [*component.args, *(value for _name, value in component.env), *(file.content for file in component.files)]
    inside_pki = re.compile(re.escape(str(layout.pki)) + r"/[A-Za-z0-9._-]*[A-Za-z0-9]")
    for text in texts:
        for path in inside_pki.findall(text):
            add(path, own=True)
    for text in component.args:
        path = text.partition("=")[2] or text
        if path.startswith("/") and not path.startswith(f"{own}/") and Path(path).is_file():
            add(path, own=False)
    return tuple(found[path] for path in sorted(found))
