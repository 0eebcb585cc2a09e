# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every runtime offers: how Components run.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from .._cluster.component import Component, ObservedComponent


class Runtime(Protocol):
    """Runs the components of one cluster. Every method may raise ``SimError``.

    Methods are idempotent: starting what runs, stopping what is stopped and removing what is absent do nothing.
    """

    name: str
    endpoint: str
    """Where the engine of containers is reached; empty for a runtime without one."""

    def check(self) -> None:
        """Raise a SimError that names the remedy if this runtime cannot work on this host; change nothing."""

    def observe(self) -> Mapping[str, ObservedComponent]:
        """Every component that this runtime knows or finds running for this cluster, by name; change nothing."""

    def provide(self, components: Iterable[Component]) -> None:
        """Have on this host what these components are made of: images. Nothing of the cluster changes."""

    def define(self, component: Component, digest: str) -> None:
        """Store the component's definition, replacing an older one; what runs goes on running unchanged."""

    def prepare(self) -> None:
        """Begin in the background with what ``start`` will need; the caller has other work to do until then."""

    def start(self, name: str) -> None:
        """Start a defined component and return as soon as its process exists; readiness is the caller's to await."""

    def stop(self, name: str) -> None:
        """Stop a component and return when its process is gone; its definition stays."""

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, by its name without ``SIG``, to the process of a component; one that does not run is left alone."""

    def remove(self, name: str) -> None:
        """Stop a component and forget its definition; its log stays."""

    def logs(self, name: str, lines: int = 30) -> str:
        """The last lines of the component's output; empty if there is none."""

    def log_path(self, name: str) -> str:
        """Where the component's output goes: a path, or the command that shows it."""

    def shutdown(self) -> None:
        """Stop all components and whatever the runtime itself runs for this cluster, in whatever state things are."""

    def purge(self) -> None:
        """Shut down, and forget all that the runtime keeps of this cluster outside its directory."""
